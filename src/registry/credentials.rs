//! Where the password for a registry comes from.
//!
//! Docker's configuration file is read as Docker reads it: helpers of one host, then what the
//! file itself holds, then the helper of all hosts. Only "nobody knows that host" means no
//! credentials; a helper that fails, or a file that can't be read, is an error.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use docker_credential::{CredentialRetrievalError, DockerCredential};

use super::credentials_error::CredentialsError;
#[cfg(feature = "ecr")]
use super::ecr_login::EcrLogin;
use super::error::clean;
use crate::model::{Credentials, Host, Secret};

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
            Self::DockerConfig(path) => {
                let (path, key) = (path.clone(), config_key(host));
                tokio::task::spawn_blocking(move || from_docker_config(&path, &key))
                    .await
                    .map_err(CredentialsError::Interrupted)?
            }
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

/// What Docker files the host under.
fn config_key(host: &Host) -> String {
    match host.as_str() {
        "docker.io" => "https://index.docker.io/v1/".to_owned(),
        host => host.to_owned(),
    }
}

/// Blocks: reads a file, and may run a helper program.
fn from_docker_config(path: &Path, key: &str) -> Result<Option<Credentials>, CredentialsError> {
    let owned = || path.to_owned();
    let file = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(CredentialsError::Unreadable { path: owned(), source }),
    };
    match docker_credential::get_credential_from_reader(file, key) {
        Ok(DockerCredential::UsernamePassword(username, password)) => {
            Ok(Some(Credentials { username, password: Secret::new(password) }))
        }
        Ok(DockerCredential::IdentityToken(_)) => Err(CredentialsError::IdentityToken { path: owned() }),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
        Err(CredentialRetrievalError::HelperFailure { stdout, .. }) if is_not_found(&stdout) => Ok(None),
        Err(CredentialRetrievalError::HelperFailure { helper, stdout, stderr }) => {
            Err(CredentialsError::HelperFailed { helper, output: clean(&format!("{stdout} {stderr}")) })
        }
        Err(CredentialRetrievalError::HelperCommunicationError) => {
            Err(CredentialsError::NoHelper { path: owned() })
        }
        Err(CredentialRetrievalError::MalformedHelperResponse) => {
            Err(CredentialsError::MalformedHelper { path: owned() })
        }
        Err(
            CredentialRetrievalError::CredentialDecodingError
            | CredentialRetrievalError::CredentialMismatchError,
        ) => Err(CredentialsError::Broken { path: owned() }),
        Err(CredentialRetrievalError::ConfigNotFound | CredentialRetrievalError::ConfigReadError) => {
            Err(CredentialsError::NotAConfig { path: owned() })
        }
    }
}

/// The one sentence with which a helper says that it knows nothing of a host.
fn is_not_found(output: &str) -> bool {
    output.trim() == "credentials not found in native keychain"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(config: &str) -> Result<Option<Credentials>, CredentialsError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, config).unwrap();
        from_docker_config(&path, "registry.example:5000")
    }

    #[test]
    fn no_file_and_no_entry_mean_no_credentials() {
        let absent = from_docker_config(Path::new("/nonexistent/config.json"), "registry.example");

        assert!(matches!(absent, Ok(None)), "{absent:?}");
        assert!(matches!(ask(r#"{"auths": {"other.example": {"auth": "dTpw"}}}"#), Ok(None)));
        assert!(matches!(ask("{}"), Ok(None)));
    }

    #[test]
    fn a_password_may_hold_colons() {
        let found = ask(r#"{"auths": {"registry.example:5000": {"auth": "dTpwOnE="}}}"#).unwrap().unwrap();

        assert_eq!((found.username.as_str(), found.password.reveal()), ("u", "p:q"));
    }

    #[test]
    fn doubt_about_credentials_is_an_error() {
        for (config, expected) in [
            ("{", "is not a Docker configuration"),
            (r#"{"credsStore": "chinampa-nonexistent"}"#, "cannot be run"),
            (r#"{"auths": {"registry.example:5000": {"auth": "!"}}}"#, "broken credentials"),
            (r#"{"auths": {"registry.example:5000": {"identitytoken": "t0ken"}}}"#, "identity token"),
        ] {
            let error = ask(config).unwrap_err().to_string();

            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("t0ken"), "{error}");
        }
    }

    #[test]
    fn only_the_words_for_not_found_mean_that_a_helper_knows_nothing() {
        assert!(is_not_found("credentials not found in native keychain\n"));
        assert!(!is_not_found("credentials not found: keychain is locked"));
        assert!(!is_not_found(""));
    }
}
