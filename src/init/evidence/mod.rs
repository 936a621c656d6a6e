//! What files of a repository say of the images that are built from it.
//!
//! Each reader makes [`Build`]s of one kind of file. It fills in what the file says and leaves the rest open: what to make of
//! it, and what to conclude where nobody says anything, is decided afterwards. What a reader doesn't understand is [`Ignored`].

pub mod bake;
pub(super) mod build_manifest;
pub(super) mod commands;
pub(super) mod compose;
pub(super) mod skaffold;
pub(super) mod yaml;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::model::RepoPath;

/// An image that is built, as somebody wrote it.
#[derive(Clone, Debug)]
pub struct Build {
    pub found: SourceLocation,
    /// Why it counts, as in "service `api` builds it".
    pub says: String,
    pub strength: Strength,
    pub dockerfile: RepoPath,
    /// The symbolic link to the Dockerfile, where it is named by one.
    pub link: Option<RepoPath>,
    /// The text of a Dockerfile that stands in the file itself; `dockerfile` is then where it could be written.
    pub inline: Option<String>,
    /// `None` where nobody says it; then the Dockerfile does.
    pub name: Option<String>,
    /// What others call the same image.
    pub aliases: Vec<String>,
    /// The references that it is built as, without a tag where that is not known.
    pub images: Vec<String>,
    pub context: Option<RepoPath>,
    pub path: Option<RepoPath>,
    pub target: Option<String>,
    /// `None` is a value that the environment gives.
    pub build_args: BTreeMap<String, Option<String>>,
    /// Those of them whose values are defaults of variables that no file sets, with these variables.
    pub defaulted_args: BTreeMap<String, String>,
    pub contexts: BTreeMap<String, NamedContext>,
    /// By their ids.
    pub secrets: BTreeMap<String, SecretFrom>,
    pub ssh: Vec<String>,
    pub platforms: Vec<String>,
    /// By the names that they have there.
    pub needs: Vec<String>,
    pub pattern_lines: Vec<String>,
    pub pattern_file: Option<RepoPath>,
}

/// How much a file says of an image. The order is that in which builds are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// It is there to say what is built.
    Definition,
    /// It runs a program that builds it.
    Command,
    /// It is a Dockerfile that nobody names.
    File,
}

/// What a named context stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedContext {
    Folder(RepoPath),
    /// The image of another build, by the name that it has there.
    Build(String),
    /// An image from elsewhere.
    Image(String),
}

/// Where the value of a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretFrom {
    Environment(String),
    File(RepoPath),
}

impl Build {
    /// The path by which the Dockerfile is named.
    pub(super) fn named_path(&self) -> &RepoPath {
        self.link.as_ref().unwrap_or(&self.dockerfile)
    }

    pub(super) fn of(dockerfile: RepoPath, found: SourceLocation) -> Self {
        Self {
            found,
            says: "a Dockerfile".to_owned(),
            strength: Strength::Definition,
            dockerfile,
            link: None,
            inline: None,
            name: None,
            aliases: Vec::new(),
            images: Vec::new(),
            context: None,
            path: None,
            target: None,
            build_args: BTreeMap::new(),
            defaulted_args: BTreeMap::new(),
            contexts: BTreeMap::new(),
            secrets: BTreeMap::new(),
            ssh: Vec::new(),
            platforms: Vec::new(),
            needs: Vec::new(),
            pattern_lines: Vec::new(),
            pattern_file: None,
        }
    }
}

/// What stays unused, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ignored {
    pub at: SourceLocation,
    pub why: String,
}

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceLocation {
    pub(super) file: RepoPath,
    /// From 1; `None` for the file as a whole.
    line: Option<usize>,
}

impl SourceLocation {
    pub(super) fn new(file: &RepoPath, line: usize) -> Self {
        Self { file: file.clone(), line: Some(line) }
    }

    /// The file as a whole.
    pub(super) fn whole(file: &RepoPath) -> Self {
        Self { file: file.clone(), line: None }
    }

    pub fn file(&self) -> &RepoPath {
        &self.file
    }
}

/// `file:line`
impl fmt::Display for SourceLocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "{}:{line}", self.file),
            None => self.file.fmt(formatter),
        }
    }
}

impl Serialize for SourceLocation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What `text` names, seen from `folder`; `None` where that is outside of the repository.
pub(super) fn resolve(folder: &RepoPath, text: &str) -> Option<RepoPath> {
    if text.starts_with(['/', '~']) || text.contains("://") || text.starts_with("git@") {
        return None;
    }
    let mut parts: Vec<&[u8]> = folder.components().collect();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part.as_bytes()),
        }
    }
    RepoPath::new(parts.join(&b'/')).ok()
}
