//! What can go wrong in the engine.

use thiserror::Error;

use super::ContentError;
use crate::docker::{DockerConfigError, DockerError};
use crate::model::{ErrorKind, ImageRef};

/// By this name the engine asks for Docker Hub.
pub(super) const DOCKER_HUB_REGISTRY: &str = "registry-1.docker.io";

#[derive(Debug, Error)]
pub enum EngineError {
    /// Trouble between us and the engine.
    #[error(transparent)]
    Docker(#[from] DockerError),
    /// Something answers, but has no `/session`: an old Docker, or another program with its API.
    #[error("the engine has no BuildKit")]
    NoBuildKit { source: DockerError },
    /// Docker 20.10 dies of a Dockerfile that has only `ARG`s, so none such is sent.
    #[error("the Dockerfile has no `FROM`")]
    NoStage,
    /// A step failed; texts are as the engine and the step wrote them, in any language.
    #[error("{}", failed(.step.as_deref(), .message))]
    BuildFailed {
        /// As the engine names it, such as `[2/3] RUN make`; `None` when it failed outside of any.
        step: Option<String>,
        /// The last lines that the step wrote, at most 20.
        log_tail: Vec<String>,
        message: String,
    },
    /// The build failed at a registry for which the engine had asked us for a login.
    #[error("cannot pull from `{host}` {login}")]
    PullFailed {
        host: String,
        /// What the engine was given, and from where: completes the sentence.
        login: String,
        source: Box<EngineError>,
    },
    /// Whether there is a login for a registry that the engine asked for can't be told.
    #[error("cannot look up the login for `{host}`")]
    Login { host: String, source: DockerConfigError },
    /// A file of the context could not be given to the engine.
    #[error("the build can't go on without a file of its context")]
    Content(#[from] ContentError),
    /// The engine could not push; only its text says whether it was denied or cut off.
    #[error("the engine could not push it: {message}")]
    PushFailed { image: Box<ImageRef>, message: String },
}

fn failed(step: Option<&str>, message: &str) -> String {
    match step {
        Some(step) => format!("step `{step}` failed: {message}"),
        None => format!("the build failed: {message}"),
    }
}

impl EngineError {
    /// The last lines that the failed step wrote, oldest first.
    pub fn log_tail(&self) -> &[String] {
        match self {
            Self::BuildFailed { log_tail, .. } => log_tail,
            Self::PullFailed { source, .. } => source.log_tail(),
            _ => &[],
        }
    }

    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Docker(error) => error.kind(),
            Self::NoBuildKit { .. } => ErrorKind::Environment,
            Self::NoStage => ErrorKind::Input,
            Self::BuildFailed { .. } | Self::PushFailed { .. } => ErrorKind::Failed,
            Self::PullFailed { source, .. } => source.kind(),
            Self::Login { source, .. } => source.kind(),
            Self::Content(error) => error.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Docker(error) => error.hint(),
            Self::NoBuildKit { .. } => {
                Some("Docker 20.10 or newer is needed; the Docker API of Podman has no BuildKit".to_owned())
            }
            Self::Content(error) => error.hint(),
            // Docker Hub has another name there than the one that the engine asks for.
            Self::PullFailed { host, .. } if host == DOCKER_HUB_REGISTRY => {
                Some("log in with `docker login`".to_owned())
            }
            Self::PullFailed { host, .. } => Some(format!("log in with `docker login {host}`")),
            Self::NoStage | Self::Login { .. } | Self::BuildFailed { .. } | Self::PushFailed { .. } => None,
        }
    }
}
