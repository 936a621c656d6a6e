//! Proposes a `projects.toml` and pattern files for a repository that has none.
//!
//! What is built is taken from `build_manifest.json`, from files of Compose, Skaffold and bake, and from Dockerfiles that none
//! of them names, in this order; what a project is made from, from its Dockerfile's `COPY` and `ADD`. Whatever is not written
//! anywhere is a [`Guess`], and whatever is written and not understood is [`Ignored`]: both say where.

mod evidence;
mod find;
mod layout;
mod manifest;
mod names;
mod own_images;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Serialize, Serializer};
use thiserror::Error;

pub use evidence::bake;
pub use evidence::{Ignored, SourceLocation};
pub use names::workspace_name;
pub use write::write;

use crate::config::WorkspaceName;
use crate::git::{GitError, Snapshot};
use crate::infer::InferError;
use crate::model::{BranchName, ErrorKind, ImagePrefix, ProjectName, RepoPath};
use crate::workspace::MANIFEST;

/// What would be written, and what of it nobody said.
#[derive(Clone, Debug, Serialize)]
pub struct Proposal {
    #[serde(skip)]
    pub workspace: WorkspaceName,
    /// Where it is not `main`.
    #[serde(skip)]
    pub default_branch: Option<BranchName>,
    /// What the names of projects begin with in Dockerfiles.
    #[serde(skip)]
    own_images: BTreeSet<ImagePrefix>,
    pub projects: BTreeMap<ProjectName, Project>,
    /// The lines of each pattern file that would be written.
    #[serde(skip)]
    pattern_files: BTreeMap<RepoPath, Vec<String>>,
    /// Pattern files that are there and stay as they are.
    #[serde(serialize_with = "shown")]
    pub kept: Vec<RepoPath>,
    pub guesses: Vec<Guess>,
    pub ignored: Vec<Ignored>,
}

/// One project, as its entry says it.
#[derive(Clone, Debug, Serialize)]
pub struct Project {
    #[serde(serialize_with = "one_shown")]
    pub path: RepoPath,
    #[serde(serialize_with = "one_shown")]
    pub context: RepoPath,
    /// From the repository root.
    #[serde(serialize_with = "one_shown")]
    pub dockerfile: RepoPath,
    pub target: Option<String>,
    pub needs: Vec<ProjectName>,
    pub build_args: BTreeMap<String, String>,
    /// Where it was found.
    pub found: Guess,
}

/// What was concluded, and from what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Guess {
    pub at: SourceLocation,
    pub says: String,
}

/// What becomes of pattern files that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    Keep,
    Replace,
}

/// Why nothing is written.
#[derive(Debug, Error)]
pub enum InitError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("cannot infer what `{dockerfile}` takes")]
    Infer {
        dockerfile: RepoPath,
        #[source]
        source: InferError,
    },
    #[error("there is nothing to build: no Dockerfile that can be used")]
    NothingToBuild { ignored: Vec<Ignored> },
    #[error("`{path}` is there already, so nothing was written")]
    AlreadyThere { path: RepoPath },
    #[error("cannot write `{path}`, so nothing was written")]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl InitError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Git(error) => error.kind(),
            Self::Infer { source, .. } => source.kind(),
            Self::NothingToBuild { .. } | Self::AlreadyThere { .. } => ErrorKind::Input,
            Self::Write { .. } => ErrorKind::Environment,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            Self::Infer { source, .. } => source.hint(),
            Self::AlreadyThere { .. } => {
                Some("`--force` replaces it, and the pattern files of projects".to_owned())
            }
            Self::NothingToBuild { .. } | Self::Write { .. } => None,
        }
    }
}

/// Looks at a tree and says what could be written for it.
///
/// # Errors
/// [`InitError::NothingToBuild`] where there is no Dockerfile, [`InitError::Git`] and [`InitError::Infer`] where
/// the tree can't be read.
pub fn propose(
    snapshot: &Snapshot<'_>,
    workspace: WorkspaceName,
    default_branch: Option<BranchName>,
    existing: Existing,
) -> Result<Proposal, InitError> {
    let found = find::files(snapshot)?;
    let mut proposal = Proposal {
        workspace,
        default_branch,
        own_images: BTreeSet::new(),
        projects: BTreeMap::new(),
        pattern_files: BTreeMap::new(),
        kept: Vec::new(),
        guesses: Vec::new(),
        ignored: Vec::new(),
    };
    let manifest = RepoPath::new(MANIFEST).expect("the manifest's name is a path");
    let mut guess = |says: String| proposal.guesses.push(Guess { at: SourceLocation::file(&manifest), says });
    guess(format!("the workspace is called `{}`, after the repository", proposal.workspace));
    if let Some(branch) = &proposal.default_branch {
        guess(format!("`default_branch` is `{branch}`: there is no `main`"));
    }
    let builds = find::builds(snapshot, &found, &mut proposal.ignored)?;
    layout::fill(&mut proposal, snapshot, &found, builds, existing)?;
    if proposal.projects.is_empty() {
        return Err(InitError::NothingToBuild { ignored: proposal.ignored });
    }
    Ok(proposal)
}

impl Proposal {
    /// What would be written: each file with its content, the manifest last.
    pub fn files(&self) -> Vec<(RepoPath, Vec<u8>)> {
        let patterns = self.pattern_files.iter();
        let mut files: Vec<(RepoPath, Vec<u8>)> =
            patterns.map(|(path, lines)| (path.clone(), (lines.join("\n") + "\n").into_bytes())).collect();
        let path = RepoPath::new(MANIFEST).expect("the manifest's name is a path");
        files.push((path, manifest::text(self).into_bytes()));
        files
    }
}

fn one_shown<S: Serializer>(path: &RepoPath, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(path)
}

fn shown<S: Serializer>(paths: &[RepoPath], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(ToString::to_string))
}
