//! What can go wrong in the engine.

#[cfg(test)]
mod tests;

use std::time::Duration;

use thiserror::Error;

use super::{ContentError, StepLabel};
use crate::buildkit::BuildKitError;
use crate::docker::{DockerConfigError, DockerError};
use crate::model::{ErrorKind, ImageRef, RepoPath};

/// By this name the engine asks for Docker Hub.
pub(super) const DOCKER_HUB_REGISTRY: &str = "registry-1.docker.io";

/// What the engine says, in lower case, of a push that will fail every time.
const REFUSALS: [&str; 7] = [
    "denied",
    "unauthorized",
    "forbidden",
    "authentication required",
    "no basic auth credentials",
    "does not exist",
    HEAD_REFUSAL,
];

/// What the engine says, in lower case, where a registry refused to say whether a layer is there: that answer has no body.
const HEAD_REFUSAL: &str = "parsing http 403 response body";

/// What BuildKit says where a step needed the session of a client that is gone: gRPC's words for it, and its own.
const SESSION_ENDS: [&str; 4] = [
    "error reading from server",
    "transport is closing",
    "client connection is closing",
    "no active session",
];

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

/// What a refusal without words is about.
fn unsaid(message: &str) -> &'static str {
    let message = message.to_lowercase();
    match message.contains(HEAD_REFUSAL)
        || message.contains("head request") && message.contains("403 forbidden")
    {
        true => {
            "; the registry did not say why it may not be asked whether a layer is there: in ECR, that takes \
             `ecr:BatchCheckLayerAvailability`"
        }
        false => "",
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

    /// Whether the build failed at the image of the Dockerfile frontend that `# syntax=` names.
    pub fn is_about_frontend(&self, frontend: &str) -> bool {
        match self {
            Self::PullFailed { source, .. } => source.is_about_frontend(frontend),
            Self::BuildFailed { step: Some(step), .. } => {
                StepLabel::parse(step).is_none() && step.contains(frontend)
            }
            Self::BuildFailed { step: None, message, .. } => message.contains(frontend),
            _ => false,
        }
    }

    /// The step that failed, as the engine names it.
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::BuildFailed { step, .. } => step.as_deref(),
            _ => None,
        }
    }

    /// The exit code of the program that the failed step ran. Only the end of the message has it, in the same words in
    /// all engines.
    pub fn exit_code(&self) -> Option<u32> {
        match self {
            Self::BuildFailed { step: Some(_), message, .. } => {
                message.rsplit_once("exit code: ")?.1.trim().parse().ok()
            }
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

    /// Whether all steps are done and the engine could not store the image. In the containerd image store this happens to
    /// images that are stored while another one is removed that has layers in common with them, and to equal images.
    pub(super) fn is_export_failure(&self) -> bool {
        matches!(self, Self::BuildFailed { step: Some(step), .. } if step == "exporting to image")
    }

    /// Whether the build failed with another one: BuildKit looks up an image once for all builds that wait for it, with the
    /// login of the first. That may be wrong, and the client that gives it may be killed meanwhile.
    pub(super) fn is_of_another_build(&self) -> bool {
        let needed_session = |message: &str| SESSION_ENDS.iter().any(|words| message.contains(words));
        match self {
            Self::PullFailed { source, .. } => match &**source {
                Self::BuildFailed { message, .. } => needed_session(message),
                _ => false,
            },
            Self::BuildFailed { step: Some(step), message, .. } => {
                let label = StepLabel::parse(step);
                // Without a login of ours: we were not asked for one.
                let is_denied = !label.as_ref().is_some_and(StepLabel::is_step) && Self::is_refusal(message);
                let is_command = label.is_some_and(|label| label.instruction.starts_with("RUN "));
                !is_command && (needed_session(message) || is_denied)
            }
            _ => false,
        }
    }

    /// Whether an image that was built is not in the engine any more.
    pub fn is_image_missing(&self) -> bool {
        match self {
            Self::Docker(DockerError::Refused { status, .. }) => *status == 404,
            // With the graph driver, and with the containerd image store.
            Self::PushFailed { message, .. } => {
                message.contains("does not exist locally") || message.starts_with("tag does not exist: ")
            }
            _ => false,
        }
    }

    /// Whether a retry may help: a push that failed for anything but a refusal. The engine's errors differ in their text
    /// alone, so a text that is not known counts as temporary.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::PushFailed { message, is_final: false, .. } => !Self::is_refusal(message),
            _ => false,
        }
    }

    /// Whether a registry says that it doesn't let us write, whenever that is tried.
    pub(super) fn is_refusal(message: &str) -> bool {
        let message = message.to_lowercase();
        REFUSALS.iter().any(|refusal| message.contains(refusal))
    }

    /// Whether the registry refused a push because too much was pushed. The two image stores have different words for it.
    pub fn is_throttled(&self) -> bool {
        match self {
            Self::PushFailed { message, .. } => {
                let message = message.to_lowercase();
                message.contains("toomanyrequests") || message.contains("429 too many requests")
            }
            _ => false,
        }
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
