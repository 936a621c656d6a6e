//! Why `init` writes nothing.

use std::path::PathBuf;

use thiserror::Error;

use super::dockerfiles::LeftOut;
use super::evidence::Ignored;
use super::manifest_path;
use crate::git::GitError;
use crate::infer::InferError;
use crate::model::{ErrorKind, RepoPath};
use crate::workspace::WorkspaceError;

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
    #[error("cannot read the existing projects, so nothing was written")]
    Known(#[source] WorkspaceError),
    #[error("the proposed projects cannot be used, so nothing was written")]
    Unusable(#[source] WorkspaceError),
    #[error("there is nothing to build: no Dockerfile that can be used")]
    NothingToBuild {
        ignored: Vec<Ignored>,
        left_out: Vec<LeftOut>,
        /// How many builds `--exclude` left out.
        excluded: usize,
    },
    #[error("`{path}` is there already, so nothing was written")]
    AlreadyThere { path: RepoPath },
    #[error(
        "`{option}` cannot be used here: `init` reads the work tree, and writes `projects.toml` in its root"
    )]
    WorkTreeOnly { option: &'static str },
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
            Self::Known(source) | Self::Unusable(source) => source.kind(),
            Self::NothingToBuild { .. } | Self::AlreadyThere { .. } | Self::WorkTreeOnly { .. } => {
                ErrorKind::Input
            }
            Self::Write { .. } => ErrorKind::Environment,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            Self::Infer { source, .. } => source.hint(),
            Self::Known(source) | Self::Unusable(source) => source.hint(),
            Self::AlreadyThere { path } if *path == manifest_path() => Some(
                "`--update` adds what it does not build yet; `--force` replaces it, and the pattern files of projects"
                    .to_owned(),
            ),
            Self::AlreadyThere { .. } => {
                Some("git does not see the file: rename it, or remove it from `.gitignore`".to_owned())
            }
            Self::WorkTreeOnly { option } => Some(format!("leave out `{option}`")),
            Self::NothingToBuild { .. } | Self::Write { .. } => None,
        }
    }
}
