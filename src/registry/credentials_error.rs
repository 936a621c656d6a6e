//! Why the password for a registry can't be told.

use std::path::PathBuf;

use thiserror::Error;

use crate::aws::AwsError;
use crate::model::ErrorKind;

/// Docker's configuration has something for a host, but not what can be used.
#[derive(Debug, Error)]
pub enum CredentialsError {
    #[error("cannot read `{}`", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("`{}` is not a Docker configuration", path.display())]
    NotAConfig { path: PathBuf },
    #[error("`{helper}` failed: {output}")]
    HelperFailed { helper: String, output: String },
    #[error("the credential helper that `{}` names cannot be run", path.display())]
    NoHelper { path: PathBuf },
    #[error("the credential helper that `{}` names did not answer with credentials", path.display())]
    MalformedHelper { path: PathBuf },
    #[error("`{}` holds broken credentials", path.display())]
    Broken { path: PathBuf },
    #[error("`{}` holds an identity token, which is not supported: a user name and a password or token are needed", path.display())]
    IdentityToken { path: PathBuf },
    #[error("no token for ECR")]
    Aws(#[source] AwsError),
    #[error("the look-up was interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
}

impl CredentialsError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreadable { .. }
            | Self::NotAConfig { .. }
            | Self::HelperFailed { .. }
            | Self::NoHelper { .. }
            | Self::MalformedHelper { .. }
            | Self::Broken { .. }
            | Self::IdentityToken { .. } => ErrorKind::Environment,
            Self::Aws(error) => error.kind(),
            Self::Interrupted(_) => ErrorKind::Interrupted,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Aws(error) => error.hint(),
            Self::Unreadable { .. }
            | Self::NotAConfig { .. }
            | Self::HelperFailed { .. }
            | Self::NoHelper { .. }
            | Self::MalformedHelper { .. }
            | Self::Broken { .. }
            | Self::IdentityToken { .. }
            | Self::Interrupted(_) => None,
        }
    }
}
