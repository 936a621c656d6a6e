//! Why the password for a registry can't be told.

use std::path::PathBuf;

use thiserror::Error;

use crate::aws::AwsError;
use crate::docker::DockerConfigError;
use crate::model::ErrorKind;

/// Somebody has something for a host, but not what can be used.
#[derive(Debug, Error)]
pub enum CredentialsError {
    #[error(transparent)]
    DockerConfig(#[from] DockerConfigError),
    #[error("`{}` holds an identity token, which is not supported here: a user name and a password or token are needed", path.display())]
    IdentityToken { path: PathBuf },
    #[error("no token for ECR")]
    Aws(#[source] AwsError),
}

impl CredentialsError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::DockerConfig(error) => error.kind(),
            Self::IdentityToken { .. } => ErrorKind::Environment,
            Self::Aws(error) => error.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Aws(error) => error.hint(),
            Self::DockerConfig(_) | Self::IdentityToken { .. } => None,
        }
    }
}
