//! Logins for images of ECR that are not in the cache: from AWS, for any account and region.
//!
//! A registry that `projects.toml` names is asked as the identity that it names, any other one as whoever runs this.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::aws::{AllowedHosts, CredentialProviders};
use crate::config::Ecr;
use crate::engine::LoginSource;
use crate::model::{Host, Login};
use crate::registry::{Registry, RegistryError, RetryPolicy, ecr_registry};

/// Asks AWS for a token when a registry of ECR is first needed. Other hosts are not its business.
pub(super) struct EcrLogins {
    allowed_hosts: AllowedHosts,
    providers: CredentialProviders,
    /// Those that the manifest names.
    named: Vec<Ecr>,
    /// Each keeps its token.
    registries: Mutex<BTreeMap<Host, Arc<dyn Registry>>>,
}

impl EcrLogins {
    pub(super) fn new(
        allowed_hosts: AllowedHosts,
        providers: CredentialProviders,
        named: impl Iterator<Item = Ecr>,
    ) -> Self {
        let named = named.collect();
        Self { allowed_hosts, providers, named, registries: Mutex::default() }
    }

    async fn registry(&self, host: &Host, ecr: &Ecr) -> Result<Arc<dyn Registry>, RegistryError> {
        let mut registries = self.registries.lock().await;
        if let Some(registry) = registries.get(host) {
            return Ok(Arc::clone(registry));
        }
        let registry: Arc<dyn Registry> =
            ecr_registry(ecr, &self.allowed_hosts, &self.providers, RetryPolicy::default()).await?.into();
        registries.insert(host.clone(), Arc::clone(&registry));
        Ok(registry)
    }
}

#[async_trait]
impl LoginSource for EcrLogins {
    async fn login(&self, host: &Host) -> Option<Result<Login, String>> {
        let ecr = match self.named.iter().find(|named| named.has_host(host)) {
            Some(named) => Ecr { host: Some(host.clone()), ..named.clone() },
            None => Ecr::at(host)?,
        };
        let login = async { self.registry(host, &ecr).await?.login().await }.await;
        login.map_err(|error| causes(&error)).transpose()
    }
}

/// Shows nothing of the tokens.
impl fmt::Debug for EcrLogins {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EcrLogins(…)")
    }
}

/// An error and all that is below it, in one line.
fn causes(error: &dyn Error) -> String {
    let below = error.source().map(|source| format!(": {}", causes(source)));
    format!("{error}{}", below.unwrap_or_default())
}
