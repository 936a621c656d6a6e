//! Why the password for a registry can't be told.

use thiserror::Error;

use crate::aws::AwsError;
use crate::docker::DockerConfigError;
use crate::model::ErrorKind;

/// Somebody has something for a host, but not what can be used.
#[derive(Debug, Error)]
pub enum CredentialsError {
    #[error(transparent)]
    DockerConfig(#[from] DockerConfigError),
    #[error("no token for ECR")]
    Aws(#[source] AwsError),
}

impl CredentialsError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::DockerConfig(error) => error.kind(),
            Self::Aws(error) => error.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Aws(error) => error.hint(),
            Self::DockerConfig(_) => None,
        }
    }
}
