//! The two documents that a repository has: who may use it, and what expires.

use serde_json::Value;

use super::lifecycle::{self, Purpose};
use super::repository::{RepositoryReconciler, failed, until_known};
use crate::config::Lifecycle;
use crate::model::RepositoryName;
use crate::registry::ecr_errors::{self, Meaning};
use crate::registry::{RegistryError, RepositoryChange};

impl RepositoryReconciler {
    /// Sets the repository policy that the manifest asks for.
    pub(super) async fn adjust_policy(
        &self,
        name: &RepositoryName,
    ) -> Result<Option<RepositoryChange>, RegistryError> {
        let wanted = self.policy.repository_policy.as_ref().and_then(|policy| policy.text.as_deref());
        let Some(wanted) = wanted else { return Ok(None) };
        let get = self
            .ready(name)
            .await?
            .get_repository_policy()
            .set_registry_id(self.account.clone())
            .repository_name(name.as_str());
        let replaced = match until_known(|| get.clone().send()).await {
            Ok(answer) => answer.policy_text,
            Err(error) if Meaning::of(&error) == Some(Meaning::Absent) => None,
            Err(error) => return Err(failed("read the policy of", name, ecr_errors::error(error))),
        };
        if replaced.as_deref().is_some_and(|there| is_same(there, wanted)) {
            return Ok(None);
        }
        let set = self
            .ready(name)
            .await?
            .set_repository_policy()
            .set_registry_id(self.account.clone())
            .repository_name(name.as_str())
            .policy_text(wanted);
        let set = until_known(|| set.clone().send()).await;
        set.map_err(|error| failed("set the policy of", name, ecr_errors::error(error)))?;
        Ok(Some(RepositoryChange::Policy { replaced }))
    }

    /// Sets the lifecycle policy, unless somebody else's is there that the manifest does not ask to replace.
    pub(super) async fn adjust_lifecycle(
        &self,
        name: &RepositoryName,
    ) -> Result<Option<RepositoryChange>, RegistryError> {
        let (keep, may_replace) = match self.policy.lifecycle {
            Lifecycle::Leave => return Ok(None),
            Lifecycle::Add(keep) => (keep, false),
            Lifecycle::Replace(keep) => (keep, true),
        };
        let purpose = match self.policy.records.contains(name) {
            true => Purpose::Records,
            false => Purpose::Images(self.policy.contents),
        };
        let wanted = lifecycle::policy(purpose, keep, &self.policy.lasting_tags);
        let there = self.lifecycle(name).await?;
        if let Some(there) = &there {
            if lifecycle::is_same(&wanted, there) {
                return Ok(None);
            }
            if !may_replace && !lifecycle::is_ours(there) {
                return Ok(Some(RepositoryChange::LifecycleStays { policy: there.clone() }));
            }
        }
        let put = self
            .ready(name)
            .await?
            .put_lifecycle_policy()
            .set_registry_id(self.account.clone())
            .repository_name(name.as_str())
            .lifecycle_policy_text(wanted.to_string());
        let put = until_known(|| put.clone().send()).await;
        put.map_err(|error| failed("set the lifecycle policy of", name, ecr_errors::error(error)))?;
        let keep = (purpose != Purpose::Records).then_some(keep);
        Ok(Some(RepositoryChange::Lifecycle { keep, replaced: there }))
    }

    async fn lifecycle(&self, name: &RepositoryName) -> Result<Option<String>, RegistryError> {
        let get = self
            .ready(name)
            .await?
            .get_lifecycle_policy()
            .set_registry_id(self.account.clone())
            .repository_name(name.as_str());
        match until_known(|| get.clone().send()).await {
            Ok(answer) => Ok(answer.lifecycle_policy_text),
            Err(error) if Meaning::of(&error) == Some(Meaning::Absent) => Ok(None),
            Err(error) => Err(failed("read the lifecycle policy of", name, ecr_errors::error(error))),
        }
    }
}

fn is_same(there: &str, wanted: &str) -> bool {
    let read = |text| serde_json::from_str::<Value>(text).ok();
    read(there).is_some_and(|there| Some(there) == read(wanted))
}
