//! What engines mean by their texts: they have no other way to say why something failed.

use super::EngineError;
use crate::docker::DockerError;
use crate::engine::StepLabel;

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

/// What a refusal without words is about.
pub(super) fn unsaid(message: &str) -> &'static str {
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

impl EngineError {
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

    /// Whether all steps are done and the engine could not store the image. In the containerd image store this happens to
    /// images that are stored while another one is removed that has layers in common with them, and to equal images.
    pub(in crate::engine) fn is_export_failure(&self) -> bool {
        matches!(self, Self::BuildFailed { step: Some(step), .. } if step == "exporting to image")
    }

    /// Whether the build failed with another one: BuildKit looks up an image once for all builds that wait for it, with the
    /// login of the first. That may be wrong, and the client that gives it may be killed meanwhile.
    pub(in crate::engine) fn is_of_another_build(&self) -> bool {
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
    pub(in crate::engine) fn is_refusal(message: &str) -> bool {
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
}
