//! Where the password for a registry comes from.

use std::path::PathBuf;

use super::credentials_error::CredentialsError;
#[cfg(feature = "ecr")]
use super::ecr_login::EcrLogin;
use crate::docker::{DockerConfig, Login};
use crate::model::{Credentials, Host};

/// Who knows the credentials for a host.
#[derive(Clone, Debug)]
pub enum CredentialsSource {
    /// Nobody: requests are anonymous.
    Nobody,
    Known(Credentials),
    /// Docker's configuration file, usually `~/.docker/config.json`, and the helpers it names. It may be absent.
    DockerConfig(PathBuf),
    /// AWS: a token that expires and is then replaced.
    #[cfg(feature = "ecr")]
    Ecr(EcrLogin),
}

impl CredentialsSource {
    /// Asks for the credentials of `host`; `None` when nobody knows any.
    ///
    /// # Errors
    /// [`CredentialsError`] when Docker's configuration, a helper or AWS fails.
    pub(super) async fn credentials(&self, host: &Host) -> Result<Option<Credentials>, CredentialsError> {
        match self {
            Self::Nobody => Ok(None),
            Self::Known(credentials) => Ok(Some(credentials.clone())),
            Self::DockerConfig(path) => match DockerConfig::new(path.clone()).login(host.as_str()).await? {
                None => Ok(None),
                Some(Login::Password(credentials)) => Ok(Some(credentials)),
                Some(Login::IdentityToken(_)) => Err(CredentialsError::IdentityToken { path: path.clone() }),
            },
            #[cfg(feature = "ecr")]
            Self::Ecr(login) => login.credentials().await.map(Some).map_err(CredentialsError::Aws),
        }
    }

    /// Whether the credentials expire, so that they must be asked for again.
    pub(super) fn expire(&self) -> bool {
        match self {
            Self::Nobody | Self::Known(_) | Self::DockerConfig(_) => false,
            #[cfg(feature = "ecr")]
            Self::Ecr(_) => true,
        }
    }

    /// Forgets credentials that expire and that the registry has refused.
    pub(super) fn refuse(&self, refused: &Credentials) {
        match self {
            Self::Nobody | Self::Known(_) | Self::DockerConfig(_) => {
                tracing::debug!(user = %refused.username, "the registry has refused credentials that do not expire");
            }
            #[cfg(feature = "ecr")]
            Self::Ecr(login) => login.refuse(refused),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_identity_token_is_refused_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, r#"{"auths": {"a.example": {"identitytoken": "t0ken"}}}"#).unwrap();

        let found = CredentialsSource::DockerConfig(path).credentials(&"a.example".parse().unwrap()).await;

        let error = found.unwrap_err().to_string();
        assert!(error.contains("identity token") && !error.contains("t0ken"), "{error}");
    }
}
