//! Docker's configuration file: logins for registries, proxies, and the current context.
//!
//! Logins are looked up as the docker CLI does it: the helper of the host, then what the file
//! itself holds, then the helper of all hosts. Only "nobody knows that host" means no
//! login; a helper that fails, or a file that can't be read, is an error.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use docker_credential::{CredentialRetrievalError, DockerCredential};
use serde::Deserialize;
use thiserror::Error;

use super::DockerHost;
use crate::model::{Credentials, ErrorKind, Login, Secret, excerpt};

/// The name under which Docker keeps the login for Docker Hub, whichever host is asked for.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// How much of a helper's output is shown.
const MAX_OUTPUT_CHARACTERS: usize = 200;

/// Docker's configuration file, usually `~/.docker/config.json`. It may be absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerConfig {
    path: PathBuf,
}

/// What the docker CLI is told in its configuration besides logins.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Settings {
    pub(super) current_context: Option<String>,
    /// By the address of an engine, or `default`.
    #[serde(default)]
    proxies: BTreeMap<String, Proxies>,
}

/// The proxies that commands in builds get. Their addresses may hold passwords.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proxies {
    http_proxy: Option<String>,
    https_proxy: Option<String>,
    no_proxy: Option<String>,
    ftp_proxy: Option<String>,
    all_proxy: Option<String>,
}

/// Docker's configuration, or a helper that it names, can't be used.
#[derive(Debug, Error)]
pub enum DockerConfigError {
    #[error("cannot read `{}`", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
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
    #[error("the look-up was interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
}

impl DockerConfigError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreadable { .. }
            | Self::NotAConfig { .. }
            | Self::HelperFailed { .. }
            | Self::NoHelper { .. }
            | Self::MalformedHelper { .. }
            | Self::Broken { .. } => ErrorKind::Environment,
            Self::Interrupted(_) => ErrorKind::Interrupted,
        }
    }
}

impl DockerConfig {
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the settings; a file that isn't there has none.
    ///
    /// # Errors
    /// [`DockerConfigError`] when the file can't be read.
    pub(super) fn settings(&self) -> Result<Settings, DockerConfigError> {
        match fs::read(&self.path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|_| DockerConfigError::NotAConfig { path: self.path.clone() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Settings::default()),
            Err(source) => Err(DockerConfigError::Unreadable { path: self.path.clone(), source }),
        }
    }

    /// The build arguments with which the docker CLI hands the configured proxies to builds of an engine.
    ///
    /// Those for the engine's address if there are any, else the default ones; each in capital and in small letters.
    ///
    /// # Errors
    /// [`DockerConfigError`] when the file can't be read.
    pub fn proxy_arguments(
        &self,
        engine: &DockerHost,
    ) -> Result<BTreeMap<String, Secret>, DockerConfigError> {
        let mut settings = self.settings()?;
        let of_engine = settings.proxies.remove(&engine.to_string());
        let proxies = of_engine.or_else(|| settings.proxies.remove("default")).unwrap_or_default();
        let arguments = [
            ("HTTP_PROXY", proxies.http_proxy),
            ("HTTPS_PROXY", proxies.https_proxy),
            ("NO_PROXY", proxies.no_proxy),
            ("FTP_PROXY", proxies.ftp_proxy),
            ("ALL_PROXY", proxies.all_proxy),
        ];
        let set = arguments.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let set = set.filter(|(_, value)| !value.is_empty());
        Ok(set
            .flat_map(|(name, value)| [(name.to_owned(), value.clone()), (name.to_ascii_lowercase(), value)])
            .map(|(name, value)| (name, Secret::new(value)))
            .collect())
    }

    /// Looks up the login for a registry's host; `None` when nobody knows one.
    ///
    /// Docker Hub is known by all its names. May run a helper program.
    ///
    /// # Errors
    /// [`DockerConfigError`] when the file or a helper fails.
    pub(crate) async fn login(&self, host: &str) -> Result<Option<Login>, DockerConfigError> {
        let (path, key) = (self.path.clone(), config_key(host).to_owned());
        tokio::task::spawn_blocking(move || login_in(&path, &key))
            .await
            .map_err(DockerConfigError::Interrupted)?
    }
}

/// The key under which Docker keeps the login for a host.
fn config_key(host: &str) -> &str {
    match host {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB,
        host => host,
    }
}

/// Blocks: reads a file, and may run a helper program.
fn login_in(path: &Path, key: &str) -> Result<Option<Login>, DockerConfigError> {
    let owned = || path.to_owned();
    let file = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(DockerConfigError::Unreadable { path: owned(), source }),
    };
    match docker_credential::get_credential_from_reader(file, key) {
        Ok(DockerCredential::UsernamePassword(username, password)) => {
            Ok(Some(Login::Password(Credentials { username, password: Secret::new(password) })))
        }
        Ok(DockerCredential::IdentityToken(token)) => Ok(Some(Login::IdentityToken(Secret::new(token)))),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
        Err(CredentialRetrievalError::HelperFailure { stdout, .. }) if is_not_found(&stdout) => Ok(None),
        Err(CredentialRetrievalError::HelperFailure { helper, stdout, stderr }) => {
            let words: Vec<&str> = stdout.split_whitespace().chain(stderr.split_whitespace()).collect();
            let output = excerpt(&words.join(" "), MAX_OUTPUT_CHARACTERS);
            Err(DockerConfigError::HelperFailed { helper, output })
        }
        Err(CredentialRetrievalError::HelperCommunicationError) => {
            Err(DockerConfigError::NoHelper { path: owned() })
        }
        Err(CredentialRetrievalError::MalformedHelperResponse) => {
            Err(DockerConfigError::MalformedHelper { path: owned() })
        }
        Err(
            CredentialRetrievalError::CredentialDecodingError
            | CredentialRetrievalError::CredentialMismatchError,
        ) => Err(DockerConfigError::Broken { path: owned() }),
        Err(CredentialRetrievalError::ConfigNotFound | CredentialRetrievalError::ConfigReadError) => {
            Err(DockerConfigError::NotAConfig { path: owned() })
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

    fn ask_for(host: &str, config: &str) -> Result<Option<Login>, DockerConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, config).unwrap();
        login_in(&path, config_key(host))
    }

    fn ask(config: &str) -> Result<Option<Login>, DockerConfigError> {
        ask_for("registry.example:5000", config)
    }

    fn password(username: &str, password: &str) -> Login {
        Login::Password(Credentials { username: username.to_owned(), password: Secret::new(password) })
    }

    #[test]
    fn no_file_and_no_entry_mean_no_login() {
        let absent = login_in(Path::new("/nonexistent/config.json"), "registry.example");

        assert!(matches!(absent, Ok(None)), "{absent:?}");
        assert!(matches!(ask(r#"{"auths": {"other.example": {"auth": "dTpw"}}}"#), Ok(None)));
        assert!(matches!(ask("{}"), Ok(None)));
    }

    #[test]
    fn a_password_may_hold_colons() {
        let found = ask(r#"{"auths": {"registry.example:5000": {"auth": "dTpwOnE="}}}"#).unwrap().unwrap();

        assert_eq!(found, password("u", "p:q"));
    }

    #[test]
    fn docker_hub_is_known_by_the_names_that_it_is_asked_for_by() {
        let config = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "dTpw"}}}"#;

        for host in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
            assert_eq!(ask_for(host, config).unwrap(), Some(password("u", "p")), "{host}");
        }
        assert!(matches!(ask_for("registry-2.docker.io", config), Ok(None)));
    }

    #[test]
    fn an_identity_token_is_told_from_a_password() {
        let found = ask(r#"{"auths": {"registry.example:5000": {"identitytoken": "t0ken"}}}"#).unwrap();

        assert_eq!(found, Some(Login::IdentityToken(Secret::new("t0ken"))));
    }

    #[test]
    fn proxies_are_those_of_the_engine_or_the_default_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        let content = r#"{"proxies": {
            "default": {"httpProxy": "http://default:1", "noProxy": "*.example", "ftpProxy": ""},
            "tcp://a.example:2375": {"httpsProxy": "http://a:1"}
        }}"#;
        std::fs::write(&path, content).unwrap();
        let of = |host: &str| {
            let engine = host.parse().unwrap();
            DockerConfig::new(path.clone()).proxy_arguments(&engine).unwrap()
        };
        let expected = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect()
        };

        let (named, default): (BTreeMap<_, _>, BTreeMap<_, _>) = (of("tcp://a.example"), of("unix:///a"));

        assert_eq!(named, expected(&[("HTTPS_PROXY", "http://a:1"), ("https_proxy", "http://a:1")]));
        assert_eq!(
            default,
            expected(&[
                ("HTTP_PROXY", "http://default:1"),
                ("NO_PROXY", "*.example"),
                ("http_proxy", "http://default:1"),
                ("no_proxy", "*.example"),
            ])
        );
    }

    #[test]
    fn doubt_about_a_login_is_an_error() {
        for (config, expected) in [
            ("{", "is not a Docker configuration"),
            (r#"{"credsStore": "chinampa-nonexistent"}"#, "cannot be run"),
            (r#"{"auths": {"registry.example:5000": {"auth": "!"}}}"#, "broken credentials"),
        ] {
            let error = ask(config).unwrap_err().to_string();

            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn only_the_words_for_not_found_mean_that_a_helper_knows_nothing() {
        assert!(is_not_found("credentials not found in native keychain\n"));
        assert!(!is_not_found("credentials not found: keychain is locked"));
        assert!(!is_not_found(""));
    }
}
