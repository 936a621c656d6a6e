//! What every use of AWS has in common: who asks, how long, and what the answers mean.
//!
//! Credentials come from where all tools of AWS find them: the environment, the profile with its
//! roles, single sign-on and programs, a CI's web identity, the container, the machine. The SDK
//! retries transient errors (three times in all, unless `AWS_MAX_ATTEMPTS` says otherwise).

mod caller;
#[cfg(feature = "_aws")]
mod credentials;
#[cfg(feature = "_aws")]
mod endpoint;
mod hosts;
#[cfg(feature = "_aws")]
mod http;
#[cfg(feature = "_aws")]
mod json;
#[cfg(any(test, feature = "ecr"))]
mod permitted;
mod providers;
#[cfg(feature = "_aws")]
mod sdk;
#[cfg(feature = "_aws")]
mod session;

use std::error::Error as StdError;
use std::time::Duration;

use thiserror::Error;

pub use self::caller::Caller;
pub use self::hosts::AllowedHosts;
#[cfg(feature = "_aws")]
pub(crate) use self::json::{CallError, JsonClient, JsonService, Rpc};
#[cfg(feature = "ecr")]
pub use self::permitted::Endpoint;
pub use self::providers::{CredentialProviders, CredentialVariables};
#[cfg(feature = "ecr")]
pub(crate) use self::sdk::{account, answer};
#[cfg(feature = "_aws")]
pub(crate) use self::session::Session;
use crate::model::ErrorKind;

/// A call that AWS did not answer as hoped. What isn't there is no such trouble: it is an answer.
#[derive(Debug, Error)]
pub enum AwsError {
    #[error("there are no credentials for AWS that can be used")]
    NoCredentials { source: Cause },
    #[error("there are no credentials within {}: {source_name} did not answer", humantime::format_duration(*.after))]
    CredentialsTimedOut { source_name: String, after: Duration },
    /// The SDK has what it takes as a feature with a whole stack of cryptography of its own.
    #[error("the profile is signed in with `aws login`, whose sessions are not read here")]
    LoginSession,
    /// With the credentials of `base`.
    #[error("cannot assume the role `{role}` with the credentials of {base}")]
    AssumeRole { role: String, base: String, source: Box<AwsError> },
    #[error("nothing says in which region AWS is to be asked")]
    NoRegion,
    #[error(
        "`AWS_USE_DUALSTACK_ENDPOINT` is set, and registries of this region have no dual-stack hosts that are known here"
    )]
    NoDualStack,
    /// The program has nothing that talks to AWS.
    #[error("this `chinampa` was built without AWS, so it can't assume roles or use profiles")]
    NotBuiltIn,
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
            | Self::CredentialsTimedOut { .. }
            | Self::LoginSession
            | Self::Expired { .. }
            | Self::Denied { .. }
            | Self::Throttled { .. }
            | Self::Unavailable { .. }
            | Self::Limit { .. }
            | Self::Key { .. }
            | Self::Unreachable { .. }
            | Self::Unexpected { .. }
            | Self::Request { .. } => ErrorKind::Environment,
            Self::AssumeRole { source, .. } => source.kind(),
            Self::Invalid { .. }
            | Self::HostNotAllowed { .. }
            | Self::NoRegion
            | Self::NoDualStack
            | Self::NotBuiltIn => ErrorKind::Input,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoCredentials { .. } | Self::Expired { .. } => Some(
                "sign in to AWS, such as with `aws sso login`, or name a profile with `AWS_PROFILE`"
                    .to_owned(),
            ),
            Self::CredentialsTimedOut { .. } => Some("run it by itself to see what it waits for".to_owned()),
            Self::LoginSession => Some(
                "add a profile with `credential_process = aws configure export-credentials --profile <name> \
                 --format process`, and name that one"
                    .to_owned(),
            ),
            Self::AssumeRole { source, .. } => match &**source {
                Self::Denied { .. } => Some(
                    "the role's trust policy must allow it, with this `external_id` if there is one, and the policy \
                     of who assumes it must allow `sts:AssumeRole` on the role"
                        .to_owned(),
                ),
                source => source.hint(),
            },
            Self::NoRegion => Some("set `AWS_REGION`".to_owned()),
            Self::NoDualStack => Some("name the registry's `host` in `projects.toml`".to_owned()),
            Self::NotBuiltIn => {
                Some("install one with the features `ecr` and `deploy`, which are there by default".to_owned())
            }
            Self::Denied { .. } => Some("allow the action in the IAM policy of the principal that is denied".to_owned()),
            Self::Limit { .. } => {
                Some("ask AWS to raise the quota, in Service Quotas, or delete what is no longer used".to_owned())
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
