//! What the environment says. Nothing else reads it.

use std::env;
use std::path::{Path, PathBuf};

use crate::docker::DockerHost;
use crate::error::Error;
use crate::model::{BranchName, Secret};

pub(super) struct Environment {
    /// Whether a CI runs this: `CI` is set, and not to `false`.
    pub(super) is_ci: bool,
    /// `CHINAMPA_BASE`
    pub(super) base: Option<String>,
    /// `CHINAMPA_BRANCH`: the branch of a detached head.
    pub(super) branch: Option<BranchName>,
}

impl Environment {
    pub(super) fn read() -> Self {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            is_ci: set("CI").is_some_and(|value| value != "false" && value != "0"),
            base: set("CHINAMPA_BASE"),
            branch: set("CHINAMPA_BRANCH").map(BranchName::new),
        }
    }

    /// The engine that `DOCKER_HOST` names, else the one on this machine.
    ///
    /// # Errors
    /// [`Error::DockerHost`] when it names none, or one that `DOCKER_TLS_VERIFY` wants TLS for.
    pub(super) fn docker_host(&self) -> Result<DockerHost, Error> {
        let (host, tls_verify) = (env::var("DOCKER_HOST").ok(), env::var("DOCKER_TLS_VERIFY").ok());
        DockerHost::from_settings(host.as_deref(), tls_verify.as_deref()).map_err(Error::DockerHost)
    }

    /// Docker's configuration file: in `DOCKER_CONFIG`, else in `~/.docker`.
    pub(super) fn docker_config(&self) -> Option<PathBuf> {
        let folder = match env::var_os("DOCKER_CONFIG") {
            Some(folder) if !folder.is_empty() => PathBuf::from(folder),
            _ => Path::new(&env::var_os("HOME")?).join(".docker"),
        };
        Some(folder.join("config.json"))
    }

    /// The value of a variable that a secret comes from; `None` when it is not set.
    pub(super) fn secret(&self, variable: &str) -> Option<Secret> {
        env::var(variable).ok().map(Secret::new)
    }
}
