//! Why the lock of an environment could not be had, or was lost.

use std::time::Duration;

use thiserror::Error;

use crate::config::EnvironmentName;
use crate::lease::{Claim, Loss, RenewalError};
use crate::model::ErrorKind;
use crate::registry::RegistryError;

/// Why the lock could not be had, or was lost.
#[derive(Debug, Error)]
pub enum LockError {
    #[error("cannot agree with other deployments to `{environment}` who goes first")]
    Registry {
        environment: EnvironmentName,
        #[source]
        source: RegistryError,
    },
    #[error("another deployment holds the lock of `{environment}`: {holder}")]
    Held { environment: EnvironmentName, holder: Claim },
    /// It was renewed within its lease, so that whoever has it may still be deploying.
    #[error("the lock of `{environment}` is in use: {holder}, and expires at {}", .holder.expires())]
    InUse { environment: EnvironmentName, holder: Claim },
    #[error("the lock of `{environment}` was taken away from this deployment, which stopped")]
    TakenAway { environment: EnvironmentName },
    #[error(
        "the lock of `{environment}` could not be renewed for {}, so this deployment stopped",
        humantime::format_duration(*.silence)
    )]
    Expired { environment: EnvironmentName, silence: Duration },
    #[error("interrupted")]
    Interrupted,
}

impl LockError {
    pub(super) fn of(environment: &EnvironmentName, error: impl Into<RenewalError>) -> Self {
        let environment = environment.clone();
        match error.into() {
            RenewalError::Registry(source) => Self::Registry { environment, source },
            RenewalError::Lost(Loss::TakenAway) => Self::TakenAway { environment },
            RenewalError::Lost(Loss::Expired { silence }) => Self::Expired { environment, silence },
        }
    }

    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Registry { source, .. } => source.kind(),
            Self::Held { .. } | Self::InUse { .. } | Self::TakenAway { .. } | Self::Expired { .. } => {
                ErrorKind::Environment
            }
            Self::Interrupted => ErrorKind::Interrupted,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Registry { source, .. } => source.hint(),
            Self::Held { environment, .. } => Some(format!(
                "wait longer with `--wait`; if that deployment is dead: `chinampa unlock -e {environment} --force`"
            )),
            Self::InUse { environment, .. } => Some(format!(
                "wait until it has ended; if it is dead, its lock expires by itself, or `chinampa unlock -e \
                 {environment} --force` removes it at once; a deployment that still runs then stops before its next step"
            )),
            Self::TakenAway { .. } | Self::Expired { .. } => {
                Some("run it again: what is deployed already is left as it is".to_owned())
            }
            Self::Interrupted => None,
        }
    }
}
