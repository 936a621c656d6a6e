//! An environment's records and locks in the deploy registry.

use super::environment::Environment;
use super::registries;
use crate::config::EnvironmentName;
use crate::deploy::{self, DeployError, LockClaims, StoredRecord};
use crate::error::Error;
use crate::model::{ImageRef, RepositoryName, Tag};
use crate::record::DeployedProject;
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
        let environment = self.environment.clone();
        Ok(self.find().await?.ok_or(DeployError::NothingDeployed { environment })?)
    }

    /// `None` before the first deployment.
    pub(super) async fn find(&self) -> Result<Option<StoredRecord>, Error> {
        Ok(deploy::read_record(&*self.registry, &self.repository, &self.environment).await?)
    }

    /// How an image that the record names is pulled.
    pub(super) fn image(&self, project: &DeployedProject) -> Result<ImageRef, Error> {
        let repository = project.image.repository().map_err(DeployError::from)?;
        let image = self.registry.image(&repository, &Tag::latest());
        Ok(image.pinned(project.image.image))
    }

    pub(super) fn claims(&self) -> LockClaims<'_> {
        let Self { environment, registry, repository } = self;
        LockClaims { registry: &**registry, repository, environment }
    }
}
