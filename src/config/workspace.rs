//! `[workspace]`: what holds for all projects.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::fields::{Item, Located};
use super::lists::images_once;
use crate::model::{BranchName, ImagePrefix, RepositoryName};

pub(super) const KEYS: &[&str] =
    &["name", "default_branch", "strategy", "rebuild_all", "own_images", "message_switches"];

/// What holds for all projects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    pub name: WorkspaceName,
    /// `main` unless the file says otherwise.
    pub default_branch: BranchName,
    pub strategy: Strategy,
    /// Patterns, not yet parsed, of files that are inputs of every project.
    pub rebuild_all: Vec<Located<String>>,
    /// With a project's repository behind it, each is a name of the project in Dockerfiles. Sorted, each once.
    pub own_images: Vec<Located<ImagePrefix>>,
    /// What a commit's message may ask for.
    pub message_switches: BTreeSet<Directive>,
}

/// What a commit's message can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Directive {
    /// `[ci rebuild]`, `[ci rebuild <repository>]`
    Rebuild,
    /// `[ci dry-deploy]`
    DryDeploy,
}

/// What decides whether an image is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// No image is there for the digest of the inputs.
    #[default]
    Digest,
    /// The diff from the base says so, or the default branch has no image.
    Diff,
}

/// The name of a workspace: what deploy tags begin with, and part of a repository's name.
///
/// At most 64 bytes, one component of a repository name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkspaceName(String);

impl WorkspaceName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where build records are kept, without the registry's prefix: `<workspace>-builds`.
    pub fn builds_repository(&self) -> RepositoryName {
        let name = format!("{}-builds", self.0);
        name.parse().expect("a component of a repository's name may end with `-builds`")
    }

    /// Where taints are kept, without the registry's prefix: `<workspace>-taints`.
    pub fn taints_repository(&self) -> RepositoryName {
        let name = format!("{}-taints", self.0);
        name.parse().expect("a component of a repository's name may end with `-taints`")
    }

    /// Where the jobs of a run claim projects, without the registry's prefix: `<workspace>-claims`.
    pub fn claims_repository(&self) -> RepositoryName {
        let name = format!("{}-claims", self.0);
        name.parse().expect("a component of a repository's name may end with `-claims`")
    }

    /// What begins the names of images in an engine's store unless the manifest says otherwise: the store is shared by
    /// all repositories of a machine.
    ///
    /// A name that Docker would take for that of a host gets another one before it.
    pub(crate) fn engine_prefix(&self) -> String {
        let is_host = self.0.contains('.') || self.0 == "localhost";
        if is_host { format!("chinampa/{}/", self.0) } else { format!("{}/", self.0) }
    }
}

impl fmt::Display for WorkspaceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A text that is not a workspace's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a workspace name: up to 64 lower-case letters and digits, with `.`, `_` and `-` between them"
)]
pub struct InvalidWorkspaceName(String);

impl FromStr for WorkspaceName {
    type Err = InvalidWorkspaceName;

    fn from_str(text: &str) -> Result<Self, InvalidWorkspaceName> {
        let is_whole = text.len() <= 64 && !text.contains('/') && text.parse::<RepositoryName>().is_ok();
        if is_whole { Ok(Self(text.to_owned())) } else { Err(InvalidWorkspaceName(text.to_owned())) }
    }
}

pub(super) fn read(item: Item<'_>) -> Option<Workspace> {
    let fields = item.fields(KEYS)?;
    let name = fields.required("name").and_then(|item| item.parse());
    let default_branch = match fields.item("default_branch") {
        Some(item) => item.read(branch),
        None => Some(BranchName::new("main")),
    };
    let strategy = fields
        .item("strategy")
        .and_then(|item| item.one_of(&[("digest", Strategy::Digest), ("diff", Strategy::Diff)]))
        .unwrap_or_default();
    let rebuild_all = fields.item("rebuild_all").map(|item| item.patterns()).unwrap_or_default();
    let own_images = fields.item("own_images").map(images_once).unwrap_or_default();
    let own_images = own_images.into_iter().map(|(prefix, item)| item.located(prefix)).collect();
    let switch = |item: Item<'_>| {
        item.one_of(&[("rebuild", Directive::Rebuild), ("dry-deploy", Directive::DryDeploy)])
    };
    let switches = fields.item("message_switches").map(|item| item.list()).unwrap_or_default();
    let message_switches = switches.into_iter().filter_map(switch).collect();
    Some(Workspace {
        name: name?,
        default_branch: default_branch?,
        strategy,
        rebuild_all,
        own_images,
        message_switches,
    })
}

/// After `git check-ref-format`.
fn branch(text: &str) -> Result<BranchName, String> {
    let is_component = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    let is_branch = text.split('/').all(is_component)
        && !text.starts_with('-')
        && !text.ends_with('.')
        && text != "@"
        && !text.contains("..")
        && !text.contains("@{")
        && !text.contains(|character: char| character.is_control() || " ~^:?*[\\".contains(character));
    if is_branch && !text.starts_with("refs/") {
        Ok(BranchName::new(text))
    } else {
        Err(format!("`{text}` is not a branch's name, such as `main`"))
    }
}
