//! Why there are no policies.

use thiserror::Error;

use crate::deploy::{DeployError, TerraformError};
use crate::model::ErrorKind;

/// Why policies could not be made.
#[derive(Debug, Error)]
pub enum PermissionsError {
    #[error("an environment has its own registry and services, and none is named")]
    NoEnvironment,
    #[error("these permissions are the same for all environments")]
    UnusedEnvironment,
    #[error(
        "`projects.toml` has no `[trust]`: there are no unprotected builds with repositories of their own"
    )]
    NoTrust,
    #[error("nothing that `projects.toml` names for this is in AWS")]
    NothingInAws,
    #[error("`{0}` can't assume roles: the ARN of a role, a user or an account is expected")]
    Principal(String),
    #[error(transparent)]
    Deploy(#[from] DeployError),
    #[error(transparent)]
    Terraform(#[from] TerraformError),
}

impl PermissionsError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoEnvironment
            | Self::UnusedEnvironment
            | Self::NoTrust
            | Self::NothingInAws
            | Self::Principal(_) => ErrorKind::Input,
            Self::Deploy(error) => error.kind(),
            Self::Terraform(error) => error.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoEnvironment => Some("name it with `--environment`".to_owned()),
            Self::UnusedEnvironment => Some("leave `--environment` out".to_owned()),
            Self::NoTrust => {
                Some("without it, all trusted builds have the permissions of `build`".to_owned())
            }
            Self::NothingInAws => None,
            Self::Principal(_) => Some("such as `arn:aws:iam::123456789012:role/ci`".to_owned()),
            Self::Deploy(error) => error.hint(),
            Self::Terraform(error) => error.hint(),
        }
    }
}
