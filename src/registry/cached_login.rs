//! The login for a registry: asked of its source when it is first needed, and again when it may have expired.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::credentials::UsedLogin;
use super::{CredentialsSource, RegistryError};
use crate::model::{Host, Login};

/// A login and where it comes from.
#[derive(Debug)]
pub(super) struct CachedLogin {
    host: Host,
    source: CredentialsSource,
    /// One at a time asks the source.
    asked: tokio::sync::Mutex<Option<Asked>>,
    used: Mutex<UsedLogin>,
}

/// What the source answered.
#[derive(Debug)]
struct Asked {
    login: Option<Login>,
    at: Instant,
}

impl CachedLogin {
    pub(super) fn new(host: Host, source: CredentialsSource) -> Self {
        Self { host, source, asked: tokio::sync::Mutex::default(), used: Mutex::default() }
    }

    /// The login; `None` when nobody knows any.
    ///
    /// # Errors
    /// [`RegistryError::Credentials`]
    pub(super) async fn get(&self) -> Result<Option<Login>, RegistryError> {
        let mut asked = self.asked.lock().await;
        let is_valid =
            |asked: &&Asked| self.source.lifetime().is_none_or(|lifetime| asked.at.elapsed() < lifetime);
        if let Some(valid) = asked.as_ref().filter(is_valid) {
            return Ok(valid.login.clone());
        }
        let login = self.source.login(&self.host).await;
        let login = login.map_err(|source| RegistryError::Credentials { host: self.host.clone(), source })?;
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = self.source.used(login.as_ref());
        *asked = Some(Asked { login: login.clone(), at: Instant::now() });
        Ok(login)
    }

    /// The login that there is instead of one that was refused; `None` where it is still the same.
    ///
    /// # Errors
    /// [`RegistryError::Credentials`]
    pub(super) async fn instead_of(&self, refused: &Login) -> Result<Option<Login>, RegistryError> {
        self.source.refuse(refused);
        if self.source.lifetime().is_some() {
            // Another request may have asked since.
            let mut asked = self.asked.lock().await;
            asked.take_if(|asked| asked.login.as_ref() == Some(refused));
        }
        Ok(self.get().await?.filter(|login| login != refused))
    }

    /// How the login is told, as far as it was asked for.
    pub(super) fn used(&self) -> UsedLogin {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a registry may answer 403 because the login has expired.
    pub(super) fn expires_with_403(&self) -> bool {
        self.source.expires_with_403()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Credentials, Secret};
    use crate::registry::credentials::CONFIG_LIFETIME;

    fn password(password: &str) -> Login {
        Login::Password(Credentials { username: "u".to_owned(), password: Secret::new(password) })
    }

    #[tokio::test]
    async fn a_login_of_the_docker_configuration_is_asked_for_again_after_a_minute_or_when_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.json");
        let write = |password: &str| {
            let text =
                format!(r#"{{"auths": {{"r.example": {{"username": "u", "password": "{password}"}}}}}}"#);
            std::fs::write(&config, text).unwrap();
        };
        let source = CredentialsSource::DockerConfig(config.clone());
        let login = CachedLogin::new("r.example".parse().unwrap(), source);
        write("1");
        assert_eq!(login.get().await.unwrap(), Some(password("1")));

        write("2");
        assert_eq!(login.get().await.unwrap(), Some(password("1")));
        login.asked.lock().await.as_mut().unwrap().at -= CONFIG_LIFETIME;
        assert_eq!(login.get().await.unwrap(), Some(password("2")));

        write("3");
        assert_eq!(login.instead_of(&password("1")).await.unwrap(), Some(password("2")));
        assert_eq!(login.instead_of(&password("2")).await.unwrap(), Some(password("3")));
        assert_eq!(login.instead_of(&password("3")).await.unwrap(), None);
    }
}
