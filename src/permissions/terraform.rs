//! What Terraform's state takes.

use super::PermissionsError;
use super::arn::{ANY, Location};
use super::collector::Collector;
use super::registries::DeployScope;
use super::table::Need;
use crate::config::EnvironmentName;
use crate::deploy::{self, S3State, TerraformError, terraform_folders};

impl Collector<'_> {
    /// Reads and writes the state of each folder, if it is in S3.
    pub(super) fn apply_terraform(
        &mut self,
        environment: &EnvironmentName,
        scope: &DeployScope,
    ) -> Result<(), PermissionsError> {
        let (workspace, snapshot) = (self.request.workspace, self.request.snapshot);
        let deploy_tag = deploy::deploy_tag(&workspace.settings.name, environment);
        for (name, folders) in terraform_folders(snapshot, workspace)? {
            let config = &workspace.projects[&name].config;
            if !config.is_deployed {
                continue;
            }
            self.note("what Terraform's configurations create is not in the policies");
            for folder in folders {
                let Some(state) = deploy::s3_state(snapshot, &folder).map_err(TerraformError::from)? else {
                    self.note(format!("the state of `{}` is not in S3, so it is in no policy", folder.path));
                    continue;
                };
                let key = folder.backend_key(&deploy_tag, config.repository.as_str());
                if state.bucket.is_none() {
                    self.note(format!(
                        "the bucket of `{}` is not in its files, so the policy allows its key in every bucket",
                        folder.path
                    ));
                }
                self.keep_state(scope, &state, &key);
            }
        }
        Ok(())
    }

    fn keep_state(&mut self, scope: &DeployScope, state: &S3State, key: &str) {
        let identity = self.request.workspace.terraform.over(&scope.identity);
        let account = match &identity.role {
            Some(role) => Some(role.arn.account().to_owned()),
            None => scope.account.clone(),
        };
        let location = Location::new(state.region.as_ref().or(scope.region.as_ref()), account.as_deref());
        let bucket = state.bucket.as_deref().unwrap_or(ANY);
        let names = [("bucket", bucket), ("key", key)];
        let mut allow = |needs: &[Need], names: &[(&str, &str)]| {
            self.allow(&identity, None, needs, &location, names);
        };
        allow(&[Need::ListState, Need::KeepState], &names);
        if state.is_locked_by_file {
            allow(&[Need::LockStateWithFile], &names);
        }
        if let Some(table) = &state.lock_table {
            allow(&[Need::LockStateWithTable], &[("table", table)]);
        }
        if let Some(key) = &state.key {
            allow(&[Need::EncryptState], &[("key", key)]);
        }
    }
}
