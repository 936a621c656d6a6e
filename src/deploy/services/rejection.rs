//! What a service of AWS does not accept, and what that means for whoever deploys.

use thiserror::Error;

use crate::model::ErrorKind;

/// A request that a service understood and did not accept.
#[derive(Debug, Error)]
pub enum Rejection {
    #[error("a quota is used up: {answer}")]
    Limit { answer: String },
    /// Still so when there was no time left, where it was waited for.
    #[error("something else is being done to it: {answer}")]
    Conflict { answer: String },
    /// A retry would change nothing.
    #[error("AWS does not accept the request: {answer}")]
    Invalid { answer: String },
}

impl Rejection {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Limit { .. } | Self::Conflict { .. } => ErrorKind::Environment,
            Self::Invalid { .. } => ErrorKind::Failed,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Limit { .. } => Some("request a higher quota, or delete what is no longer used".to_owned()),
            Self::Conflict { .. } => Some("deploy again when the other operation has ended".to_owned()),
            Self::Invalid { .. } => None,
        }
    }
}
