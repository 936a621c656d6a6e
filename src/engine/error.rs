//! What can go wrong in the engine.

#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

use thiserror::Error;

use self::words::unsaid;
use super::{ContentError, StepLabel};
use crate::buildkit::BuildKitError;
use crate::docker::{DockerConfigError, DockerError};
use crate::model::{ErrorKind, ImageRef, RepoPath};

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
    /// The engine died in mid-build, or the connection to it broke, which looks the same from here.
    #[error("the engine died, or the connection to it broke, {}", during(.step.as_deref()))]
    Lost {
        /// The step that was running.
        step: Option<String>,
        #[source]
        source: DockerError,
    },
    #[error(transparent)]
    BuildKit(#[from] BuildKitError),
    /// A BuildKit daemon died in mid-build, or the connection to it broke, which looks the same from here.
    #[error("the builder at {builder} died, or the connection to it broke, {}", during(.step.as_deref()))]
    BuilderLost {
        builder: String,
        /// The step that was running.
        step: Option<String>,
        #[source]
        source: Box<BuildKitError>,
    },
    /// The connection to a BuildKit daemon broke in mid-build, and it answers again: that is another one's, or the daemon was
    /// started anew.
    #[error("the connection to the builder at {builder} broke, {}", during(.step.as_deref()))]
    BuilderCutOff {
        builder: String,
        /// The step that was running.
        step: Option<String>,
        #[source]
        source: Box<BuildKitError>,
    },
    /// A BuildKit daemon answers, and builds nothing.
    #[error("the builder at {builder} made no progress for {} s", .after.as_secs())]
    Stalled { builder: String, after: Duration },
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
    /// Newer engines take only names that are UTF-8.
    #[error("the engine refuses the file name `{}`, which is not UTF-8{}", .path.as_bytes().escape_ascii(), and_more(*.more))]
    FileName {
        path: RepoPath,
        /// How many other names of the context are none either.
        more: usize,
        source: Box<EngineError>,
    },
    /// Whether there is a login for a registry that the engine asked for can't be told.
    #[error("cannot look up the login for `{host}`")]
    Login { host: String, source: DockerConfigError },
    /// The engine would go on, and give the image a platform that its programs don't have.
    #[error("a base image is for another platform: {message}")]
    BasePlatform { message: String },
    /// A file of the context could not be given to the engine.
    #[error("the build can't go on without a file of its context")]
    Content(#[from] ContentError),
    /// The engine could not pull an image that is needed as it is; only its text says why.
    #[error("the engine could not pull it: {message}")]
    ImagePull { image: Box<ImageRef>, message: String },
    /// The engine could not push; only its text says whether it was denied or cut off.
    #[error("the engine could not push it: {message}{}", unsaid(.message))]
    PushFailed {
        image: Box<ImageRef>,
        message: String,
        /// Whether the engine has retried an upload itself, in vain.
        is_final: bool,
    },
}

fn failed(step: Option<&str>, message: &str) -> String {
    match step {
        Some(step) => format!("step `{step}` failed: {message}"),
        None => format!("the build failed: {message}"),
    }
}

fn and_more(more: usize) -> String {
    if more == 0 { String::new() } else { format!(", and {more} more") }
}

fn during(step: Option<&str>) -> String {
    match step {
        Some(step) => format!("while step `{step}` was running"),
        None => "during the build".to_owned(),
    }
}

impl EngineError {
    /// An error of the connection in mid-build, with the step that was running.
    pub(super) fn in_build(error: DockerError, step: Option<String>) -> Self {
        match error {
            DockerError::Broken { .. } | DockerError::Unreachable { .. } => {
                Self::Lost { step, source: error }
            }
            other => Self::Docker(other),
        }
    }

    /// The step that failed, as the engine names it.
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::BuildFailed { step, .. } => step.as_deref(),
            _ => None,
        }
    }

    /// The last lines that the failed step wrote, oldest first.
    pub fn log_tail(&self) -> &[String] {
        match self {
            Self::BuildFailed { log_tail, .. } => log_tail,
            Self::PullFailed { source, .. } | Self::FileName { source, .. } => source.log_tail(),
            _ => &[],
        }
    }

    /// Whether the build fails like that on every engine: for what is in the Dockerfile, or in the context.
    pub fn is_of_build(&self) -> bool {
        match self {
            Self::NoStage | Self::BasePlatform { .. } | Self::FileName { .. } => true,
            Self::BuildFailed { step: Some(step), .. } => {
                StepLabel::parse(step).is_some_and(|label| label.is_step())
            }
            Self::BuildFailed { step: None, .. } => true,
            _ => false,
        }
    }

    /// Whether no build can succeed there: the engine died, the connection to it broke, or it has no BuildKit.
    pub fn is_unusable(&self) -> bool {
        use DockerError::{Broken, Unreachable};
        matches!(
            self,
            Self::NoBuildKit { .. } | Self::Lost { .. } | Self::Docker(Unreachable { .. } | Broken { .. })
        ) || self.is_builder_lost()
    }

    /// Whether a BuildKit daemon is gone, so that the build has to be done by another one.
    pub fn is_builder_lost(&self) -> bool {
        use EngineError::{BuildKit, BuilderCutOff, BuilderLost, Stalled};
        matches!(self, BuildKit(_) | BuilderLost { .. } | BuilderCutOff { .. } | Stalled { .. })
    }

    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Docker(error) => error.kind(),
            Self::BuildKit(error) => error.kind(),
            Self::NoBuildKit { .. }
            | Self::Lost { .. }
            | Self::BuilderLost { .. }
            | Self::BuilderCutOff { .. }
            | Self::Stalled { .. } => ErrorKind::Environment,
            Self::NoStage => ErrorKind::Input,
            Self::BuildFailed { .. }
            | Self::BasePlatform { .. }
            | Self::ImagePull { .. }
            | Self::PushFailed { .. } => ErrorKind::Failed,
            Self::PullFailed { source, .. } | Self::FileName { source, .. } => source.kind(),
            Self::Login { source, .. } => source.kind(),
            Self::Content(error) => error.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Docker(error) => error.hint(),
            Self::BuildKit(error) => error.hint(),
            Self::BuilderLost { .. } | Self::BuilderCutOff { .. } => {
                Some("see whether `buildkitd` is running there, and its log for why it ended".to_owned())
            }
            Self::Stalled { .. } => {
                Some("see the log of `buildkitd` there; `--stall-timeout` sets how long is waited".to_owned())
            }
            Self::Lost { .. } => Some(
                "see whether the engine is running, and its log for why it ended; then build again"
                    .to_owned(),
            ),
            Self::BasePlatform { .. } => Some(
                "use a base image that exists for the platform, or change `platforms` of the project"
                    .to_owned(),
            ),
            Self::NoBuildKit { .. } => {
                Some("Docker 20.10 or newer is needed; the Docker API of Podman has no BuildKit".to_owned())
            }
            Self::Content(error) => error.hint(),
            Self::FileName { .. } => {
                Some("rename it, or leave it out of the context with `.dockerignore`".to_owned())
            }
            // Docker Hub has another name there than the one that the engine asks for.
            Self::PullFailed { host, .. } if host == DOCKER_HUB_REGISTRY => {
                Some("log in with `docker login`".to_owned())
            }
            Self::PullFailed { host, .. } => Some(format!("log in with `docker login {host}`")),
            Self::ImagePull { .. } => Some("`--force` builds it instead".to_owned()),
            Self::NoStage | Self::Login { .. } | Self::BuildFailed { .. } | Self::PushFailed { .. } => None,
        }
    }
}
