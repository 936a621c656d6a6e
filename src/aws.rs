//! What every use of AWS has in common: who asks, how long, and what the answers mean.
//!
//! Credentials come from where all tools of AWS find them: the environment, the profile with its
//! roles, single sign-on and programs, a CI's web identity, the container, the machine. The SDK
//! retries transient errors (three times in all, unless `AWS_MAX_ATTEMPTS` says otherwise).

#[cfg(feature = "_aws")]
mod endpoint;
mod hosts;
#[cfg(feature = "_aws")]
mod http;
#[cfg(feature = "_aws")]
mod json;
#[cfg(feature = "_aws")]
mod sdk;

use std::error::Error as StdError;

use thiserror::Error;

pub use self::hosts::{AllowedHosts, Endpoint};
#[cfg(feature = "_aws")]
pub(crate) use self::json::{CallError, JsonClient, JsonService, Rpc};
#[cfg(feature = "_aws")]
pub(crate) use self::sdk::config;
#[cfg(feature = "ecr")]
pub(crate) use self::sdk::{account, answer};
use crate::model::ErrorKind;

/// A call that AWS did not answer as hoped. What isn't there is no such trouble: it is an answer.
#[derive(Debug, Error)]
pub enum AwsError {
    #[error("there are no credentials for AWS that can be used")]
    NoCredentials { source: Cause },
    #[error("the credentials for AWS have expired: {answer}")]
    Expired { answer: String },
    #[error("AWS denies it: {answer}")]
    Denied { answer: String },
    /// Still so after the last retry.
    #[error("AWS was asked too often: {answer}")]
    Throttled { answer: String },
    /// Still so after the last retry.
    #[error("AWS is in trouble: {answer}")]
    Unavailable { answer: String },
    #[error("a quota of AWS is reached: {answer}")]
    Limit { answer: String },
    #[error("AWS can't use the encryption key: {answer}")]
    Key { answer: String },
    /// What was asked for can't be: by what `projects.toml` says, or by a mistake in this program.
    #[error("AWS takes the request for wrong: {answer}")]
    Invalid { answer: String },
    /// No connection or no answer in time, after the last retry.
    #[error("AWS can't be reached")]
    Unreachable { source: Cause },
    #[error("unexpected answer from AWS: {answer}")]
    Unexpected { answer: String },
    #[error("the request could not be made")]
    Request { source: Cause },
    #[error(
        "AWS's credentials and tokens are not sent to `{host}`, which is neither AWS's own host nor allowed"
    )]
    HostNotAllowed { host: String },
}

/// A cause whose type belongs to a library that stays private.
pub type Cause = Box<dyn StdError + Send + Sync>;

impl AwsError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoCredentials { .. }
            | Self::Expired { .. }
            | Self::Denied { .. }
            | Self::Throttled { .. }
            | Self::Unavailable { .. }
            | Self::Limit { .. }
            | Self::Key { .. }
            | Self::Unreachable { .. }
            | Self::Unexpected { .. }
            | Self::Request { .. } => ErrorKind::Environment,
            Self::Invalid { .. } | Self::HostNotAllowed { .. } => ErrorKind::Input,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoCredentials { .. } | Self::Expired { .. } => Some(
                "sign in to AWS, such as with `aws sso login`, or name a profile with `AWS_PROFILE`"
                    .to_owned(),
            ),
            Self::Denied { .. } => Some("`docs/aws.md` lists the permissions that are needed".to_owned()),
            Self::Limit { .. } => {
                Some("`docs/aws.md` lists the quotas, and which of them AWS raises on request".to_owned())
            }
            Self::Key { .. } => Some(
                "see whether `kms_key` is a key of this region that is enabled, and that its policy lets this role use it"
                    .to_owned(),
            ),
            Self::Invalid { .. } => Some(
                "see whether AWS accepts what `projects.toml` says; if it does, please report this as a bug"
                    .to_owned(),
            ),
            Self::HostNotAllowed { host } => Some(format!(
                "`projects.toml` can't allow a host; if you trust it, set `CHINAMPA_ALLOWED_HOSTS={host}` in the environment"
            )),
            Self::Throttled { .. }
            | Self::Unavailable { .. }
            | Self::Unreachable { .. }
            | Self::Unexpected { .. }
            | Self::Request { .. } => None,
        }
    }
}
