//! Makes what the manifest names: the cache, and the engine.

use super::environment::{Environment, NamedLogin};
use crate::config::{Ecr, RegistryConfig, RegistryKind};
use crate::docker::Docker;
use crate::engine::DockerEngine;
use crate::error::Error;
use crate::model::{Host, ImageRef};
use crate::registry::{CredentialsSource, EngineStore, OciRegistry, Registry, RetryPolicy, ecr_registry};

/// The registry that a table of the manifest describes. An engine's store needs the engine.
pub(super) async fn registry(
    config: &RegistryConfig,
    environment: &Environment,
) -> Result<Box<dyn Registry>, Error> {
    registry_with(config, environment, RetryPolicy::default()).await
}

/// The same, given up earlier or later.
pub(super) async fn registry_with(
    config: &RegistryConfig,
    environment: &Environment,
    retry_policy: RetryPolicy,
) -> Result<Box<dyn Registry>, Error> {
    match &config.kind {
        RegistryKind::Engine => {
            let docker = Docker::connect(&environment.engine()?).await?;
            Ok(Box::new(EngineStore::new(&docker)))
        }
        RegistryKind::Oci { host, insecure } => {
            Ok(Box::new(oci(host, *insecure, environment, retry_policy)?))
        }
        RegistryKind::Ecr(ecr) => self::ecr(ecr, environment, retry_policy).await,
    }
}

/// The registry that an image's name says, without a manifest: ECR by the form of its host.
///
/// # Errors
/// [`Error::NoHost`] for a name without a host, and what keeps the registry from being asked at all.
pub(super) async fn registry_of(
    image: &ImageRef,
    environment: &Environment,
) -> Result<Box<dyn Registry>, Error> {
    registry_at(image.host.as_ref().ok_or_else(|| Error::NoHost(image.clone()))?, environment).await
}

/// The registry at a host, without a manifest: ECR by the form of its host.
pub(super) async fn registry_at(host: &Host, environment: &Environment) -> Result<Box<dyn Registry>, Error> {
    match Ecr::at(host) {
        Some(ecr) => self::ecr(&ecr, environment, RetryPolicy::default()).await,
        None => Ok(Box::new(oci(host, false, environment, RetryPolicy::default())?)),
    }
}

async fn ecr(
    ecr: &Ecr,
    environment: &Environment,
    retry_policy: RetryPolicy,
) -> Result<Box<dyn Registry>, Error> {
    Ok(ecr_registry(ecr, &environment.allowed_hosts()?, &environment.aws, retry_policy).await?)
}

fn oci(
    host: &Host,
    insecure: bool,
    environment: &Environment,
    retry_policy: RetryPolicy,
) -> Result<OciRegistry, Error> {
    let credentials = match (environment.login(host)?, environment.docker_config()) {
        (NamedLogin::Known(login), _) => CredentialsSource::Known(login),
        (NamedLogin::Withheld, config) => CredentialsSource::Withheld { config },
        (NamedLogin::None, Some(path)) => CredentialsSource::DockerConfig(path),
        (NamedLogin::None, None) => CredentialsSource::Nobody,
    };
    Ok(OciRegistry::new(host.clone(), insecure, credentials, retry_policy)?)
}

pub(super) async fn engine(environment: &Environment) -> Result<DockerEngine, Error> {
    Ok(DockerEngine::connect(&environment.engine()?).await?)
}
