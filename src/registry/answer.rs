//! What a registry says when it refuses.

use std::fmt;

use serde::Deserialize;

use crate::model::excerpt;

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

impl Answer {
    /// Whether the registry keeps as much as it ever will. ECR answers 403 `DENIED`, in these words.
    pub(super) fn is_about_limit(&self) -> bool {
        self.message.contains("the maximum allowed number of")
    }

    /// Whether a tag stands for another image already and can't be moved.
    pub(super) fn is_about_immutable_tag(&self) -> bool {
        self.code.as_deref() == Some("TAG_INVALID") && self.message.contains("already exists")
    }

    /// Whether the registry can't do at all what it was asked for: § Error Codes, and 405 for what has no such method.
    pub(super) fn is_unsupported(&self) -> bool {
        self.status == 405 || self.code.as_deref() == Some("UNSUPPORTED")
    }

    /// Whether it denies without words, as the answer to HEAD does. With 401, the words would be about the login.
    pub(super) fn says_nothing(&self) -> bool {
        self.status == 403 && self.code.is_none() && self.message.is_empty()
    }

    /// Whether IAM has refused it, in the words that all of AWS uses.
    pub(super) fn is_about_permissions(&self) -> bool {
        self.message.contains("not authorized to perform")
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

/// Makes foreign text fit to be shown: one line, at most 400 characters, printable.
pub(super) fn clean(text: &str) -> String {
    const MAX_CHARACTERS: usize = 400;
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
        assert!(answer.chars().count() < 500);
    }

    #[test]
    fn an_answer_that_is_no_envelope_has_no_code() {
        for body in ["<html>\n<b>404</b>", "{\"errors\":[]}", "{}", "", "\u{fffd}"] {
            assert_eq!(Answer::read(404, body.as_bytes()).code, None, "{body}");
        }
    }
}
