//! Why a command could not be run.

use std::io;

use thiserror::Error;

use crate::docker::DockerError;
use crate::engine::{ContentError, EngineError};
use crate::execute::PrepareError;
use crate::git::GitError;
use crate::model::{ErrorKind, ProjectName, RepoPath};

/// Why a command could not be run.
#[derive(Debug, Error)]
pub enum OnceError {
    #[error("the cache has no image of `{project}` for its inputs, and the command is to run in it")]
    NoImage { project: ProjectName },
    #[error("cannot start `{program}`")]
    Start {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("cannot start `{program}` in a container of the image")]
    StartContainer {
        program: String,
        #[source]
        source: DockerError,
    },
    #[error("cannot write `{path}` to a folder for the command")]
    Write {
        path: RepoPath,
        #[source]
        source: io::Error,
    },
    #[error("cannot wait for the command")]
    Wait(#[source] io::Error),
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error(transparent)]
    Docker(#[from] DockerError),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl OnceError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoImage { .. } => ErrorKind::Failed,
            // A name that a person typed; an engine refuses to start a program that isn't there.
            Self::Start { source, .. } if source.kind() == io::ErrorKind::NotFound => ErrorKind::Input,
            Self::StartContainer { source: DockerError::Refused { status: 400..=499, .. }, .. } => {
                ErrorKind::Input
            }
            Self::Start { .. } => ErrorKind::Environment,
            Self::StartContainer { source, .. } => source.kind(),
            Self::Write { .. } | Self::Wait(_) => ErrorKind::Environment,
            Self::Git(error) => error.kind(),
            Self::Prepare(error) => error.kind(),
            Self::Content(error) => error.kind(),
            Self::Docker(error) => error.kind(),
            Self::Engine(error) => error.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoImage { project } => Some(format!(
                "build it first: `chinampa build {project}`, with `--force` if `strategy = \"diff\"` takes an image of other inputs for it"
            )),
            Self::Start { source, .. } if source.kind() == io::ErrorKind::NotFound => Some(
                "it is looked for in `PATH`, or in the checkout, which has the project's inputs and what `--input` names"
                    .to_owned(),
            ),
            Self::Start { .. } | Self::Write { .. } | Self::Wait(_) => None,
            Self::StartContainer { source, .. } => source.hint(),
            Self::Git(error) => error.hint(),
            Self::Prepare(error) => error.hint(),
            Self::Content(error) => error.hint(),
            Self::Docker(error) => error.hint(),
            Self::Engine(error) => error.hint(),
        }
    }
}
