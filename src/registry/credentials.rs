//! Where the password for a registry comes from.

use std::path::PathBuf;
use std::time::Duration;

use super::credentials_error::CredentialsError;
#[cfg(feature = "ecr")]
use super::ecr_login::EcrLogin;
use crate::docker::DockerConfig;
use crate::model::{Credentials, Host, Login};

/// How long a login of Docker's configuration is used: short beside the tokens of clouds, which last from ten minutes to twelve hours, and long
/// enough that a helper is not run for each request.
pub(super) const CONFIG_LIFETIME: Duration = Duration::from_secs(60);

/// Who knows the credentials for a host.
#[derive(Clone, Debug)]
pub enum CredentialsSource {
    /// Nobody: requests are anonymous.
    Nobody,
    /// Those in the variables that `CHINAMPA_REGISTRY_LOGINS` names.
    Known(Credentials),
    /// The variables that `CHINAMPA_REGISTRY_LOGINS` names are not there, because the run is not trusted: as without them.
    Withheld { config: Option<PathBuf> },
    /// Docker's configuration file, usually `~/.docker/config.json`, and the helpers it names. It may be absent.
    DockerConfig(PathBuf),
    /// AWS: a token that expires and is then replaced.
    #[cfg(feature = "ecr")]
    Ecr(EcrLogin),
}

/// The login that a registry was asked with, as far as a person can change it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UsedLogin {
    /// None was looked for in a file.
    #[default]
    Other,
    /// This configuration of Docker has none.
    Missing { config: PathBuf },
    /// That of a user, or an identity token, from this configuration of Docker.
    Found { user: Option<String>, config: PathBuf },
    /// That of a user, from variables.
    Variables { user: String },
    /// None, because the CI keeps the variables from a run that is not trusted.
    Withheld,
}

impl CredentialsSource {
    /// How the result of [`Self::login`] is told.
    pub(super) fn used(&self, login: Option<&Login>) -> UsedLogin {
        let config = match self {
            Self::DockerConfig(config) => config,
            Self::Withheld { config: Some(config) } if login.is_some() => config,
            Self::Withheld { .. } => return UsedLogin::Withheld,
            Self::Known(credentials) => {
                return UsedLogin::Variables { user: credentials.username.clone() };
            }
            Self::Nobody => return UsedLogin::Other,
            #[cfg(feature = "ecr")]
            Self::Ecr(_) => return UsedLogin::Other,
        };
        let config = config.clone();
        match login {
            None => UsedLogin::Missing { config },
            Some(Login::Password(credentials)) => {
                UsedLogin::Found { user: Some(credentials.username.clone()), config }
            }
            Some(Login::IdentityToken(_)) => UsedLogin::Found { user: None, config },
        }
    }

    /// Asks for the login for `host`; `None` when nobody knows any.
    ///
    /// # Errors
    /// [`CredentialsError`] when Docker's configuration, a helper or AWS fails.
    pub(super) async fn login(&self, host: &Host) -> Result<Option<Login>, CredentialsError> {
        match self {
            Self::Nobody | Self::Withheld { config: None } => Ok(None),
            Self::Known(credentials) => Ok(Some(credentials.clone().into())),
            Self::DockerConfig(path) | Self::Withheld { config: Some(path) } => {
                Ok(DockerConfig::new(path.clone()).login(host.as_str()).await?)
            }
            #[cfg(feature = "ecr")]
            Self::Ecr(login) => match login.credentials().await {
                Ok(credentials) => Ok(Some(credentials.into())),
                Err(error) => Err(CredentialsError::Aws(error)),
            },
        }
    }

    /// How long the login is used before it is asked for again; `None` for as long as this program runs.
    ///
    /// A helper of Docker may know how to get a token that expires, and does not say when. AWS's token is kept by who asks for it.
    pub(super) fn lifetime(&self) -> Option<Duration> {
        match self {
            Self::Nobody | Self::Known(_) | Self::Withheld { config: None } => None,
            Self::DockerConfig(_) | Self::Withheld { config: Some(_) } => Some(CONFIG_LIFETIME),
            #[cfg(feature = "ecr")]
            Self::Ecr(_) => Some(Duration::ZERO),
        }
    }

    /// Whether a registry may answer 403 because the login has expired: ECR does.
    pub(super) fn expires_with_403(&self) -> bool {
        match self {
            Self::Nobody | Self::Known(_) | Self::Withheld { .. } | Self::DockerConfig(_) => false,
            #[cfg(feature = "ecr")]
            Self::Ecr(_) => true,
        }
    }

    /// Notes that the registry has refused a login.
    pub(super) fn refuse(&self, refused: &Login) {
        match (self, refused) {
            #[cfg(feature = "ecr")]
            (Self::Ecr(login), Login::Password(refused)) => login.refuse(refused),
            (_, Login::Password(Credentials { username, .. })) => {
                tracing::debug!(user = %username, "the registry has refused credentials");
            }
            (_, Login::IdentityToken(_)) => tracing::debug!("the registry has refused an identity token"),
        }
    }
}
