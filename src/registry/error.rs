//! What can go wrong with a registry, and which of it may pass.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use super::credentials_error::CredentialsError;
use crate::aws::AwsError;
use crate::model::{ErrorKind, Host, ImageRef, InvalidImageRef, ManifestDigest, RepositoryName, excerpt};

/// A cause whose type belongs to a library that stays private.
pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Trouble with a registry: never "not there", which is an answer.
#[derive(Debug, Error)]
pub enum RegistryError {
    #[error("access to `{image}` denied: {answer}")]
    Denied { image: Box<ImageRef>, answer: Answer },
    /// Still so after the last retry.
    #[error("`{image}`: asked too often: {answer}")]
    Throttled { image: Box<ImageRef>, answer: Answer, retry_after: Option<Duration> },
    /// Still so after the last retry.
    #[error("`{image}`: the registry is in trouble: {answer}")]
    Unavailable { image: Box<ImageRef>, answer: Answer, retry_after: Option<Duration> },
    /// No connection, no answer in time, or an answer that was cut.
    #[error("`{image}`: no whole answer from the registry")]
    Unreachable { image: Box<ImageRef>, source: Cause },
    /// Still so after the last retry.
    #[error("`{image}`: the answer comes too slowly: {bytes} bytes in {period:.1?}")]
    TooSlow { image: Box<ImageRef>, bytes: u64, period: Duration },
    #[error("`{image}`: unexpected answer: {answer}")]
    Unexpected { image: Box<ImageRef>, answer: Answer },
    #[error("`{image}`: {what}")]
    Malformed { image: Box<ImageRef>, what: &'static str },
    #[error("`{image}`: the content is {actual}, not {expected}")]
    DigestMismatch { image: Box<ImageRef>, expected: ManifestDigest, actual: ManifestDigest },
    /// What came back from a push is not what was built.
    #[error("`{image}` is not the image `{id}` that was pushed")]
    OtherImage { image: Box<ImageRef>, id: ManifestDigest },
    #[error("`{image}`: more than {limit_bytes} bytes")]
    TooLarge { image: Box<ImageRef>, limit_bytes: usize },
    /// Something that had to be there isn't.
    #[error("`{image}` is not there")]
    Missing { image: Box<ImageRef> },
    /// The registry refused a request that can't be sent twice, and there are newer credentials for it.
    #[error("access to `{image}` denied, with new credentials too: {answer}")]
    Renewed { image: Box<ImageRef>, answer: Answer },
    /// The registry does not know an upload that it has opened.
    #[error("`{image}`: the registry lost the upload: {answer}")]
    UploadLost { image: Box<ImageRef>, answer: Answer },
    /// Still so after the last retry.
    #[error("`{image}` is not there, although the registry answered that it is stored")]
    NotStored { image: Box<ImageRef> },
    /// Nothing can be copied from it or to it.
    #[error(
        "`{repository}` is in the Docker engine's own store, and images are copied between registries only"
    )]
    NotARegistry { repository: RepositoryName },
    #[error("cannot tell the credentials for `{host}`")]
    Credentials { host: Host, source: CredentialsError },
    /// The registry sends to a token service that would get the credentials in the clear.
    #[error("`{image}`: the registry's token service `{realm}` would get the credentials without TLS")]
    UnsafeRealm { image: Box<ImageRef>, realm: String },
    #[error("cannot use `{host}` as a registry")]
    Host { host: Host, source: Cause },
    /// Such as "create the repository `api`".
    #[error("cannot {doing}")]
    Aws { doing: String, source: AwsError },
    /// The program has none of what talks to ECR.
    #[error("this `chinampa` was built without the feature `ecr`, so it can't use the registry `{registry}`")]
    NotBuiltIn { registry: String },
    #[error("`{image}`: the Docker engine failed")]
    Engine { image: Box<ImageRef>, source: Cause },
    #[error(transparent)]
    Name(#[from] InvalidImageRef),
}

impl RegistryError {
    /// Whether the same request may succeed a little later.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Throttled { .. }
                | Self::Unavailable { .. }
                | Self::Unreachable { .. }
                | Self::TooSlow { .. }
                | Self::UploadLost { .. }
                | Self::NotStored { .. }
        )
    }

    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Denied { .. }
            | Self::Throttled { .. }
            | Self::Unavailable { .. }
            | Self::Unreachable { .. }
            | Self::TooSlow { .. }
            | Self::Unexpected { .. }
            | Self::Malformed { .. }
            | Self::DigestMismatch { .. }
            | Self::OtherImage { .. }
            | Self::TooLarge { .. }
            | Self::Missing { .. }
            | Self::Renewed { .. }
            | Self::UploadLost { .. }
            | Self::NotStored { .. }
            | Self::UnsafeRealm { .. }
            | Self::Host { .. }
            | Self::Engine { .. } => ErrorKind::Environment,
            Self::NotARegistry { .. } | Self::NotBuiltIn { .. } | Self::Name(_) => ErrorKind::Input,
            Self::Credentials { source, .. } => source.kind(),
            Self::Aws { source, .. } => source.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Denied { image, .. } | Self::Renewed { image, .. } => {
                image.host.as_ref().map(|host| match host.as_str() {
                    host if host.contains(".dkr.ecr.") => {
                        "`docs/aws.md` lists the permissions that are needed".to_owned()
                    }
                    host => format!("log in with `docker login {host}`"),
                })
            }
            Self::Unreachable { image, .. } => image
                .host
                .as_ref()
                .map(|host| format!("see whether `{host}` is right and can be reached from here")),
            Self::UnsafeRealm { .. } => {
                Some("let the registry name a token service at `https://`, or at its own host".to_owned())
            }
            Self::OtherImage { .. } => Some("build it again: nothing was tagged".to_owned()),
            Self::NotBuiltIn { .. } => {
                Some("install one with the feature `ecr`, which is there by default".to_owned())
            }
            Self::Credentials { source, .. } => source.hint(),
            Self::Aws { source, .. } => source.hint(),
            Self::Throttled { .. }
            | Self::Unavailable { .. }
            | Self::TooSlow { .. }
            | Self::Unexpected { .. }
            | Self::Malformed { .. }
            | Self::DigestMismatch { .. }
            | Self::TooLarge { .. }
            | Self::Missing { .. }
            | Self::UploadLost { .. }
            | Self::NotStored { .. }
            | Self::NotARegistry { .. }
            | Self::Host { .. }
            | Self::Engine { .. }
            | Self::Name(_) => None,
        }
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after, .. } | Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    pub(super) fn malformed(image: &ImageRef, what: &'static str) -> Self {
        Self::Malformed { image: Box::new(image.clone()), what }
    }

    pub(super) fn too_large(image: &ImageRef, limit_bytes: usize) -> Self {
        Self::TooLarge { image: Box::new(image.clone()), limit_bytes }
    }

    pub(super) fn missing(image: &ImageRef) -> Self {
        Self::Missing { image: Box::new(image.clone()) }
    }
}

/// What a registry said instead of what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The registry's error code, such as `MANIFEST_UNKNOWN`.
    pub code: Option<String>,
    /// Bounded, on one line, without control characters; may be empty.
    pub message: String,
}

/// An error's body, by the distribution specification, § Error Codes.
#[derive(Deserialize)]
struct Envelope {
    errors: Vec<EnvelopeError>,
}

#[derive(Deserialize)]
struct EnvelopeError {
    code: String,
    #[serde(default)]
    message: String,
}

impl Answer {
    /// Reads an error's body: the envelope of the OCI distribution specification, or any text.
    pub(super) fn read(status: u16, body: &[u8]) -> Self {
        let envelope: Option<Envelope> = serde_json::from_slice(body).ok();
        let Some(first) = envelope.and_then(|envelope| envelope.errors.into_iter().next()) else {
            return Self { status, code: None, message: clean(&String::from_utf8_lossy(body)) };
        };
        Self { status, code: Some(clean(&first.code)), message: clean(&first.message) }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "status {}", self.status)?;
        if let Some(code) = &self.code {
            write!(formatter, ", {code}")?;
        }
        if !self.message.is_empty() {
            write!(formatter, ", {}", self.message)?;
        }
        Ok(())
    }
}

/// Makes foreign text fit to be shown: one line, at most 200 characters, printable.
pub(super) fn clean(text: &str) -> String {
    const MAX_CHARACTERS: usize = 200;
    // Of an answer that may be large, no more is looked at than what could be shown.
    let text: String = text.chars().take(16 * MAX_CHARACTERS).collect();
    excerpt(&text.split_whitespace().collect::<Vec<_>>().join(" "), MAX_CHARACTERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_answer_cant_steer_the_terminal_or_flood_it() {
        let body = format!(
            r#"{{"errors":[{{"code":"DENIED\u001b[31m","message":"no\r\n\u001b]0;x\u0007\u202e{}"}}]}}"#,
            "y".repeat(9999)
        );

        let answer = Answer::read(403, body.as_bytes()).to_string();

        assert!(answer.chars().all(|each| !each.is_control() && each != '\u{202e}'), "{answer:?}");
        assert!(
            answer.starts_with(r"status 403, DENIED\u{1b}[31m, no \u{1b}]0;x\u{7}\u{202e}yyy"),
            "{answer}"
        );
        assert!(answer.chars().count() < 300);
    }

    #[test]
    fn an_answer_that_is_no_envelope_has_no_code() {
        for body in ["<html>\n<b>404</b>", "{\"errors\":[]}", "{}", "", "\u{fffd}"] {
            assert_eq!(Answer::read(404, body.as_bytes()).code, None, "{body}");
        }
    }
}
