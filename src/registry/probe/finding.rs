//! What a probe found, and how answers are read.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Serialize;

use super::super::RegistryError;
use super::super::answer::Answer;
use super::super::http::{Reply, read_answer};
use crate::model::ImageRef;

/// Something that registries can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Lists tags.
    Read,
    Http2,
    /// Takes a layer in two requests, which is how this program pushes.
    Upload,
    /// Takes a layer in one request.
    SingleRequestUpload,
    /// Takes a layer in pieces.
    ChunkedUpload,
    /// Takes a layer over from another repository.
    Mount,
    /// Keeps an image with manifests of the OCI specification.
    Image,
    /// Keeps an index, for images of several platforms.
    Index,
    /// Keeps artifacts that are no images.
    ArtifactType,
    /// Keeps what refers to an image, and says that it knows.
    Subject,
    /// Lists what refers to an image.
    Referrers,
    DeleteTag,
    /// Deletes images by digest.
    Delete,
}

impl Capability {
    pub fn label(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Http2 => "HTTP/2",
            Self::Upload => "upload in two requests",
            Self::SingleRequestUpload => "upload in one request",
            Self::ChunkedUpload => "upload in chunks",
            Self::Mount => "mount",
            Self::Image => "OCI image",
            Self::Index => "image index",
            Self::ArtifactType => "OCI artifact",
            Self::Subject => "subject",
            Self::Referrers => "referrers",
            Self::DeleteTag => "delete a tag",
            Self::Delete => "delete by digest",
        }
    }

    /// Whether images can't be kept without it.
    pub fn is_required(self) -> bool {
        matches!(self, Self::Read | Self::Upload | Self::Image)
    }
}

/// Whether a registry can do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    Yes,
    No {
        why: String,
    },
    /// It could not be tried.
    Unknown {
        why: String,
    },
}

impl Finding {
    pub fn is_yes(&self) -> bool {
        matches!(self, Self::Yes)
    }

    pub(super) fn of_error(error: &RegistryError) -> Self {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Self::Unknown { why: format!("{error}{cause}") }
    }

    /// What depends on something that is not there.
    pub(super) fn needs(capability: Capability) -> Self {
        Self::Unknown { why: format!("it needs \"{}\"", capability.label()) }
    }
}

/// What came back of a request.
pub(super) enum Outcome {
    Answered { status: StatusCode, headers: HeaderMap, answer: Answer },
    Failed(RegistryError),
}

/// Reads an answer whole, as far as it is of a sane size.
pub(super) async fn outcome(image: &ImageRef, reply: Result<Reply, RegistryError>) -> Outcome {
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => return Outcome::Failed(error),
    };
    let (status, headers) = (reply.status(), reply.headers().clone());
    match read_answer(image, reply).await {
        Ok(answer) => Outcome::Answered { status, headers, answer },
        Err(error) => Outcome::Failed(error),
    }
}

impl Outcome {
    /// Yes for one of these statuses. Trouble, a login that does not allow it, and a repository that is not there say nothing about the registry.
    pub(super) fn finding(&self, yes: &[StatusCode]) -> Finding {
        match self {
            Self::Failed(error) => Finding::of_error(error),
            Self::Answered { status, .. } if yes.contains(status) => Finding::Yes,
            Self::Answered { status, answer, .. } => {
                let why = answer.to_string();
                let is_absent = answer.code.as_deref() == Some("NAME_UNKNOWN");
                let is_about_login = [401, 403, 408, 429].contains(&status.as_u16());
                // A registry that does not know a request may say so with 501.
                let is_trouble = status.is_server_error() && *status != StatusCode::NOT_IMPLEMENTED;
                match is_absent || is_about_login || is_trouble {
                    true => Finding::Unknown { why },
                    false => Finding::No { why },
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_of_the_registry_about_the_request_is_a_no() {
        for (status, code, expected) in [
            (201, None, "yes"),
            (202, None, "no"),
            (400, Some("UNSUPPORTED"), "no"),
            (404, None, "no"),
            (405, Some("UNSUPPORTED"), "no"),
            (501, None, "no"),
            (401, Some("UNAUTHORIZED"), "unknown"),
            (403, Some("DENIED"), "unknown"),
            (404, Some("NAME_UNKNOWN"), "unknown"),
            (429, None, "unknown"),
            (500, None, "unknown"),
            (503, None, "unknown"),
        ] {
            let answer = Answer { status, code: code.map(str::to_owned), message: String::new() };
            let status = StatusCode::from_u16(status).unwrap();
            let answered = Outcome::Answered { status, headers: HeaderMap::new(), answer };

            let found = match answered.finding(&[StatusCode::CREATED]) {
                Finding::Yes => "yes",
                Finding::No { .. } => "no",
                Finding::Unknown { .. } => "unknown",
            };

            assert_eq!(found, expected, "{status} {code:?}");
        }
    }
}
