//! Makes what the manifest names: the cache, and the engine.

use super::environment::Environment;
use crate::config::{RegistryConfig, RegistryKind};
use crate::docker::Docker;
use crate::engine::DockerEngine;
use crate::error::Error;
use crate::registry::{CredentialsSource, EcrRegistry, EngineStore, OciRegistry, Patience, Registry};

/// The registry that a table of the manifest describes. An engine's store needs the engine.
pub(super) async fn registry(
    config: &RegistryConfig,
    environment: &Environment,
) -> Result<Box<dyn Registry>, Error> {
    match &config.kind {
        RegistryKind::Engine => {
            let docker = Docker::connect(&environment.docker_host()?).await?;
            Ok(Box::new(EngineStore::new(docker.bollard().clone())))
        }
        RegistryKind::Oci { host, insecure } => {
            let credentials = match environment.docker_config() {
                Some(path) => CredentialsSource::DockerConfig(path),
                None => CredentialsSource::Nobody,
            };
            Ok(Box::new(OciRegistry::new(host.clone(), *insecure, credentials, Patience::default())?))
        }
        RegistryKind::Ecr(ecr) => Ok(Box::new(EcrRegistry::connect(ecr, Patience::default()).await?)),
    }
}

pub(super) async fn engine(environment: &Environment) -> Result<DockerEngine, Error> {
    Ok(DockerEngine::connect(&environment.docker_host()?).await?)
}
