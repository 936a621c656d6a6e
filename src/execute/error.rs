//! Why a project could not be built.

use std::error::Error as _;

use thiserror::Error;

use super::report::{Failure, LostBuilder};
use crate::attest::AttestError;
use crate::engine::EngineError;
use crate::model::{ErrorKind, ImageRef, Platform, RepoPath, RepositoryName, StageName, Tag};
use crate::registry::RegistryError;

/// How often an image is built that other builds remove before it is pushed.
pub(super) const MAX_BUILDS: usize = 3;

/// Why a project could not be built.
#[derive(Debug, Error)]
pub enum ExecuteError {
    #[error("cannot build the image")]
    Build(#[source] Box<EngineError>),
    #[error("cannot build the stage `{stage}`")]
    BuildStage {
        stage: StageName,
        #[source]
        source: Box<EngineError>,
    },
    #[error("cannot fetch the Dockerfile frontend `{frontend}`, which `# syntax=` names in {file}:{line}")]
    Frontend {
        file: RepoPath,
        line: usize,
        frontend: String,
        #[source]
        source: Box<EngineError>,
    },
    #[error(
        "`{step}` is `ONBUILD` of the base image in {file}:{line}, and nothing says which files it copies"
    )]
    UnreadCopy { step: String, file: RepoPath, line: usize },
    #[error("cannot build an image of the folder `{folder}`, which is a named context")]
    Folder {
        folder: RepoPath,
        #[source]
        source: Box<EngineError>,
    },
    #[error("cannot push `{image}`")]
    Push {
        image: ImageRef,
        #[source]
        source: Box<EngineError>,
    },
    #[error("cannot pull `{image}`, which the cache has")]
    Pull {
        image: ImageRef,
        #[source]
        source: Box<EngineError>,
    },
    #[error("cannot give the image the name `{image}`")]
    Name {
        image: ImageRef,
        #[source]
        source: Box<EngineError>,
    },
    #[error("cannot prepare the repository `{repository}`")]
    Repository {
        repository: RepositoryName,
        #[source]
        source: RegistryError,
    },
    #[error("cannot tag the image in `{repository}`")]
    Tag {
        repository: RepositoryName,
        #[source]
        source: RegistryError,
    },
    #[error("cannot remove the taint `{taint}`")]
    Taint {
        taint: Tag,
        #[source]
        source: RegistryError,
    },
    #[error("cannot attest the image")]
    Attest(#[source] Box<AttestError>),
    #[error("no builder is left{}{}", for_platform(.platform.as_ref()), reasons(.lost))]
    NoBuilder { platform: Option<Platform>, lost: Vec<LostBuilder> },
    #[error("cannot compare the images in `{repository}`")]
    Compare {
        repository: RepositoryName,
        #[source]
        source: RegistryError,
    },
    #[error("cannot see whether the registry has what was pushed to `{repository}`")]
    Verify {
        repository: RepositoryName,
        #[source]
        source: RegistryError,
    },
}

fn for_platform(platform: Option<&Platform>) -> String {
    platform.map(|platform| format!(" for {platform}")).unwrap_or_default()
}

fn reasons(lost: &[LostBuilder]) -> String {
    lost.iter().map(|builder| format!("; {}", builder.reason)).collect()
}

impl ExecuteError {
    /// Whether the environment failed: a build that failed is no such error.
    pub fn kind(&self) -> ErrorKind {
        if let Self::NoBuilder { .. } = self {
            return ErrorKind::Environment;
        }
        let is_unusable = self.engine_error().is_some_and(EngineError::is_unusable);
        if is_unusable { ErrorKind::Environment } else { ErrorKind::Failed }
    }

    /// What reports say of it.
    pub(super) fn failure(&self) -> Failure {
        let mut causes = vec![self.to_string()];
        let mut source = self.source();
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        let engine = self.engine_error();
        Failure {
            causes,
            step: engine.and_then(EngineError::step).map(str::to_owned),
            message: self.message_of_step().map(str::to_owned),
            at: None,
            exit_code: engine.and_then(EngineError::exit_code),
            log_tail: self.log_tail().to_vec(),
            hint: self.hint(),
            kind: self.kind(),
            is_of_build: self.is_of_build(),
        }
    }

    fn is_of_build(&self) -> bool {
        match self {
            Self::UnreadCopy { .. } => true,
            Self::Build(source) | Self::BuildStage { source, .. } | Self::Folder { source, .. } => {
                source.is_of_build()
            }
            _ => false,
        }
    }

    /// What the engine says of a step of the project's own build that failed.
    fn message_of_step(&self) -> Option<&str> {
        match self {
            Self::Build(source) | Self::BuildStage { source, .. } => match &**source {
                EngineError::BuildFailed { step: Some(_), message, .. } => Some(message),
                _ => None,
            },
            _ => None,
        }
    }

    /// The last lines of what failed, oldest first.
    fn log_tail(&self) -> &[String] {
        match self {
            Self::Attest(source) => source.log_tail(),
            _ => self.engine_error().map(EngineError::log_tail).unwrap_or_default(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Attest(source) => source.hint(),
            Self::Frontend { .. } => Some(
                "the engine pulls it before it reads the Dockerfile: let it reach that registry, name a copy that it reaches, or remove the line to use the engine's own frontend"
                    .to_owned(),
            ),
            Self::NoBuilder { .. } => Some(
                "see whether the builders are running, then build again: images that were pushed are reused".to_owned(),
            ),
            Self::UnreadCopy { .. } => Some(
                "write a `.rebuild_patterns` that takes them: without one, only the files in the project's folder are in the context"
                    .to_owned(),
            ),
            _ => self.engine_error().and_then(EngineError::hint),
        }
    }

    /// The error of the engine, if that is what failed.
    pub fn engine_error(&self) -> Option<&EngineError> {
        match self {
            Self::Build(source)
            | Self::BuildStage { source, .. }
            | Self::Folder { source, .. }
            | Self::Frontend { source, .. }
            | Self::Pull { source, .. }
            | Self::Push { source, .. }
            | Self::Name { source, .. } => Some(source),
            Self::Repository { .. }
            | Self::Tag { .. }
            | Self::Taint { .. }
            | Self::Attest(_)
            | Self::NoBuilder { .. }
            | Self::Compare { .. }
            | Self::Verify { .. }
            | Self::UnreadCopy { .. } => None,
        }
    }
}
