//! What AWS answered when it didn't do what it was asked.

use std::error::Error;

use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use thiserror::Error as ThisError;

use crate::model::printable;

/// An answer of AWS that is a refusal, or none.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub enum AwsError {
    #[error("AWS answered `{code}`: {message}")]
    Answer { code: String, message: String },
    #[error("AWS did not answer: {reason}")]
    NoAnswer { reason: String },
}

impl AwsError {
    /// Takes what people can use out of the SDK's error.
    pub(super) fn new<E, R>(error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        if let SdkError::ServiceError(answer) = error {
            let code = answer.err().code().unwrap_or("no code");
            let message = answer.err().message().unwrap_or("no message");
            return Self::Answer { code: printable(code), message: printable(message) };
        }
        Self::NoAnswer { reason: printable(&deepest(error)) }
    }

    /// Whether AWS said that the thing is not there.
    pub(super) fn is_not_there(&self) -> bool {
        matches!(self, Self::Answer { code, .. }
            if ["ResourceNotFoundException", "ServiceNotFoundException", "ClusterNotFoundException"]
                .contains(&code.as_str()))
    }
}

/// The SDK wraps what happened several times; the innermost error says it.
fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
