//! What `doctor` and `prune` do in registries of ECR.

use super::PermissionsError;
use super::arn::ANY;
use super::collector::Collector;
use super::registries::{ecr, location, repositories};
use super::table::Need;
use crate::config::{RegistryConfig, UNPROTECTED};
use crate::deploy;
use crate::model::RepositoryName;
use crate::workspace::Workspace;

/// The registries that environments are deployed to.
fn targets(workspace: &Workspace) -> Vec<&RegistryConfig> {
    let names = workspace.environments.keys();
    names.filter_map(|name| Some(deploy::target(workspace, name).ok()?.0)).collect()
}

impl Collector<'_> {
    /// Sees whether registries can be read from and pushed to, and how accounts are set.
    pub(super) fn diagnose(&mut self) -> Result<(), PermissionsError> {
        let workspace = self.request.workspace;
        let needs = [Need::ListTags, Need::TryPush];
        if let Some(ecr) = ecr(&workspace.cache) {
            self.each_repository(ecr, "Records", &needs, [workspace.records.as_str()]);
            self.allow(&ecr.identity, None, &[Need::AccountSetting], &location(ecr), &[]);
        }
        for target in targets(workspace) {
            if let Some(ecr) = ecr(target) {
                let records = self.deployed_records(target)?;
                self.each_repository(ecr, "Records", &needs, [records.as_str()]);
                self.allow(&ecr.identity, None, &[Need::AccountSetting], &location(ecr), &[]);
            }
        }
        Ok(())
    }

    /// Reads what the cache has and what environments run, and deletes from the cache.
    pub(super) fn prune(&mut self) -> Result<(), PermissionsError> {
        let workspace = self.request.workspace;
        if let Some(ecr) = ecr(&workspace.cache) {
            let needs = [Need::PullImages, Need::ListTags, Need::DeleteImages];
            let Workspace { projects, records, trust, cache, .. } = workspace;
            let images = projects.values().map(|project| &project.repository);
            let mut names = repositories(&cache.prefix, images.chain([records]));
            if trust.is_some() && cache.prefix.is_empty() {
                names.push(format!("{UNPROTECTED}{ANY}"));
            }
            self.each_repository(ecr, "Prune", &needs, names);
        }
        for target in targets(workspace) {
            if let Some(ecr) = ecr(target) {
                let records = self.deployed_records(target)?;
                self.each_repository(ecr, "Records", &[Need::PullImages], [records.as_str()]);
            }
        }
        Ok(())
    }

    /// Reads build records, what environments run, and what deploy registries have; deletes from these.
    pub(super) fn prune_deploy_registries(&mut self) -> Result<(), PermissionsError> {
        let workspace = self.request.workspace;
        if let Some(ecr) = ecr(&workspace.cache) {
            let unprotected = workspace.trust.as_ref().map(|_| {
                let records = workspace.settings.name.builds_repository();
                format!("{}{UNPROTECTED}{records}", workspace.cache.prefix)
            });
            let records = std::iter::once(workspace.records.to_string()).chain(unprotected);
            self.each_repository(ecr, "BuildRecords", &[Need::PullImages], records);
        }
        for target in targets(workspace) {
            let Some(ecr) = ecr(target) else { continue };
            let records = self.deployed_records(target)?;
            self.each_repository(ecr, "Records", &[Need::PullImages, Need::ListTags], [records.as_str()]);
            let deployed = workspace.projects.values().filter(|project| project.config.is_deployed);
            let images = deployed.map(|project| project.config.repository.with_prefix(&target.prefix));
            let images = images.collect::<Result<Vec<_>, _>>().map_err(deploy::DeployError::from)?;
            let needs = [Need::PullImages, Need::ListTags, Need::DeleteImages];
            self.each_repository(ecr, "Prune", &needs, images.iter().map(RepositoryName::as_str));
        }
        Ok(())
    }
}
