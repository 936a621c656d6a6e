//! The registries of external images, with the credentials that builds have for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::environment::Environment;
use super::registries;
use crate::ci::Trust;
use crate::config::{Ecr, RegistryConfig, RegistryKind};
use crate::error::Error;
use crate::model::Host;
use crate::registry::{CredentialsSource, OciRegistry, Registry, RetryPolicy};
use crate::workspace::Workspace;

/// Connects to each registry once.
pub(super) struct ExternalRegistries<'c> {
    environment: &'c Environment,
    /// The cache first, which is the only one whose credentials an untrusted run uses.
    named: Vec<&'c RegistryConfig>,
    is_trusted: bool,
    connected: Mutex<BTreeMap<Host, Arc<dyn Registry>>>,
}

impl<'c> ExternalRegistries<'c> {
    pub(super) fn new(environment: &'c Environment, workspace: &'c Workspace, trust: &Trust) -> Self {
        let is_trusted = trust.is_trusted();
        let deploy = workspace.deploy.as_ref().filter(|_| is_trusted);
        let named = std::iter::once(&workspace.cache).chain(deploy).collect();
        Self { environment, named, is_trusted, connected: Mutex::default() }
    }

    /// The registry at a host, as the manifest describes it if it names it.
    pub(super) async fn connect(&self, host: &Host) -> Result<Arc<dyn Registry>, Error> {
        let mut connected = self.connected.lock().await;
        if let Some(registry) = connected.get(host) {
            return Ok(Arc::clone(registry));
        }
        let named = self.named.iter().find(|named| is_at(named, host));
        let registry: Arc<dyn Registry> = match named {
            Some(named) => registries::registry(named, self.environment).await?.into(),
            // A pull request must not read with the logins of this machine what its author can't.
            None if !self.is_trusted => {
                let (nobody, policy) = (CredentialsSource::Nobody, RetryPolicy::default());
                Arc::new(OciRegistry::new(host.clone(), false, nobody, policy)?)
            }
            None => registries::registry_at(host, self.environment).await?.into(),
        };
        connected.insert(host.clone(), Arc::clone(&registry));
        Ok(registry)
    }
}

fn is_at(config: &RegistryConfig, host: &Host) -> bool {
    match &config.kind {
        RegistryKind::Oci { host: named, .. } => {
            named == host || named.is_docker_hub() && host.is_docker_hub()
        }
        RegistryKind::Ecr(ecr) => Ecr::has_host(ecr, host),
        RegistryKind::Engine => false,
    }
}
