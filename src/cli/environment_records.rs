//! An environment's records and locks in the deploy registry.

use super::environment::Environment;
use super::registries;
use crate::config::EnvironmentName;
use crate::deploy::{self, DeployError, LockClaims, StoredRecord};
use crate::error::Error;
use crate::model::RepositoryName;
use crate::registry::Registry;
use crate::workspace::Workspace;

/// An environment's part of the deploy registry.
pub(super) struct EnvironmentRecords {
    environment: EnvironmentName,
    registry: Box<dyn Registry>,
    repository: RepositoryName,
}

impl EnvironmentRecords {
    pub(super) async fn open(
        environment: &Environment,
        workspace: &Workspace,
        name: &EnvironmentName,
    ) -> Result<Self, Error> {
        let (target, _) = deploy::target(workspace, name)?;
        let registry = registries::registry(target, environment).await?;
        let repository = workspace.settings.name.builds_repository().with_prefix(&target.prefix)?;
        Ok(Self { environment: name.clone(), registry, repository })
    }

    /// # Errors
    /// [`DeployError::NothingDeployed`] before the first deployment.
    pub(super) async fn read(&self) -> Result<StoredRecord, Error> {
        let read = deploy::read_record(&*self.registry, &self.repository, &self.environment).await?;
        let environment = self.environment.clone();
        Ok(read.ok_or(DeployError::NothingDeployed { environment })?)
    }

    pub(super) fn claims(&self) -> LockClaims<'_> {
        let Self { environment, registry, repository } = self;
        LockClaims { registry: &**registry, repository, environment }
    }
}
