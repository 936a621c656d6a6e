//! Makes a repository of ECR, and makes it what the manifest says.

use std::collections::BTreeSet;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::operation::create_repository::CreateRepositoryError;
use aws_sdk_ecr::operation::describe_repositories::DescribeRepositoriesError;
use aws_sdk_ecr::operation::get_lifecycle_policy::GetLifecyclePolicyError;
use aws_sdk_ecr::types::{
    ImageScanningConfiguration, ImageTagMutability, ImageTagMutabilityExclusionFilter,
    ImageTagMutabilityExclusionFilterType, Repository,
};

use super::lifecycle;
use crate::aws::AwsError;
use crate::config::Policy;
use crate::model::RepositoryName;
use crate::registry::{RegistryError, RepositoryChange};

/// What is needed to look after the repositories of one registry.
#[derive(Debug)]
pub(super) struct RepositoryReconciler {
    pub(super) client: Client,
    /// The account of the credentials when `None`.
    pub(super) account: Option<String>,
    pub(super) policy: Policy,
}

impl RepositoryReconciler {
    /// Makes the repository if it isn't there, and changes what isn't as the policy says.
    ///
    /// Safe to be called by many at once: what another one has just done is done.
    pub(super) async fn ensure(&self, name: &RepositoryName) -> Result<Vec<RepositoryChange>, RegistryError> {
        let mut changes = Vec::new();
        let there = match self.describe(name).await? {
            None if self.create(name).await? => {
                changes.push(RepositoryChange::Created);
                None
            }
            None => self.describe(name).await?,
            there => there,
        };
        if let Some(there) = there {
            changes.extend(self.adjust_mutability(name, &there).await?);
            changes.extend(self.adjust_scanning(name, &there).await?);
        }
        changes.extend(self.adjust_lifecycle(name).await?);
        tracing::info!(repository = %name, ?changes, "looked after");
        Ok(changes)
    }

    async fn describe(&self, name: &RepositoryName) -> Result<Option<Repository>, RegistryError> {
        let asked = self
            .client
            .describe_repositories()
            .set_registry_id(self.account.clone())
            .repository_names(name.as_str())
            .send()
            .await;
        match asked {
            Ok(answer) => Ok(answer.repositories.unwrap_or_default().into_iter().next()),
            Err(error) => match error.as_service_error() {
                Some(DescribeRepositoriesError::RepositoryNotFoundException(_)) => Ok(None),
                _ => Err(failed("look at", name, AwsError::new(error))),
            },
        }
    }

    /// Whether it was this one who made the repository: another one may have been quicker.
    async fn create(&self, name: &RepositoryName) -> Result<bool, RegistryError> {
        let create = self
            .client
            .create_repository()
            .set_registry_id(self.account.clone())
            .repository_name(name.as_str())
            .set_image_scanning_configuration(self.policy.scan_on_push.map(scanning));
        let create = match self.policy.immutable_tags {
            Some(immutable) => {
                let (mutability, filters) = self.mutability(name, immutable);
                create.image_tag_mutability(mutability).set_image_tag_mutability_exclusion_filters(filters)
            }
            None => create,
        };
        match create.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(CreateRepositoryError::RepositoryAlreadyExistsException(_)) => Ok(false),
                _ => Err(failed("create", name, AwsError::new(error))),
            },
        }
    }

    async fn adjust_mutability(
        &self,
        name: &RepositoryName,
        repository: &Repository,
    ) -> Result<Option<RepositoryChange>, RegistryError> {
        let Some(immutable) = self.policy.immutable_tags else {
            return Ok(None);
        };
        let (mutability, filters) = self.mutability(name, immutable);
        let is_same = repository.image_tag_mutability.as_ref() == Some(&mutability)
            && patterns(repository.image_tag_mutability_exclusion_filters())
                == patterns(filters.as_deref().unwrap_or_default());
        if is_same {
            return Ok(None);
        }
        self.client
            .put_image_tag_mutability()
            .set_registry_id(self.account.clone())
            .repository_name(name.as_str())
            .image_tag_mutability(mutability.clone())
            .set_image_tag_mutability_exclusion_filters(filters)
            .send()
            .await
            .map_err(|error| failed("set the tag mutability of", name, AwsError::new(error)))?;
        let immutable = mutability != ImageTagMutability::Mutable;
        Ok(Some(RepositoryChange::TagMutability { immutable }))
    }

    async fn adjust_scanning(
        &self,
        name: &RepositoryName,
        repository: &Repository,
    ) -> Result<Option<RepositoryChange>, RegistryError> {
        let there = repository.image_scanning_configuration.as_ref().is_some_and(|there| there.scan_on_push);
        let Some(scan_on_push) = self.policy.scan_on_push.filter(|wanted| *wanted != there) else {
            return Ok(None);
        };
        self.client
            .put_image_scanning_configuration()
            .set_registry_id(self.account.clone())
            .repository_name(name.as_str())
            .image_scanning_configuration(scanning(scan_on_push))
            .send()
            .await
            .map_err(|error| failed("set the scanning of", name, AwsError::new(error)))?;
        Ok(Some(RepositoryChange::ScanOnPush { enabled: scan_on_push }))
    }

    async fn adjust_lifecycle(
        &self,
        name: &RepositoryName,
    ) -> Result<Option<RepositoryChange>, RegistryError> {
        let Some(keep) = self.policy.keep else { return Ok(None) };
        let wanted = lifecycle::policy(keep);
        let replaced = self.lifecycle(name).await?;
        if replaced.as_deref().is_some_and(|there| lifecycle::is_same(&wanted, there)) {
            return Ok(None);
        }
        self.client
            .put_lifecycle_policy()
            .set_registry_id(self.account.clone())
            .repository_name(name.as_str())
            .lifecycle_policy_text(wanted.to_string())
            .send()
            .await
            .map_err(|error| failed("set the lifecycle policy of", name, AwsError::new(error)))?;
        Ok(Some(RepositoryChange::Lifecycle { keep, replaced }))
    }

    async fn lifecycle(&self, name: &RepositoryName) -> Result<Option<String>, RegistryError> {
        let asked = self
            .client
            .get_lifecycle_policy()
            .set_registry_id(self.account.clone())
            .repository_name(name.as_str())
            .send()
            .await;
        match asked {
            Ok(answer) => Ok(answer.lifecycle_policy_text),
            Err(error) => match error.as_service_error() {
                Some(GetLifecyclePolicyError::LifecyclePolicyNotFoundException(_)) => Ok(None),
                _ => Err(failed("read the lifecycle policy of", name, AwsError::new(error))),
            },
        }
    }

    fn mutability(
        &self,
        name: &RepositoryName,
        immutable: bool,
    ) -> (ImageTagMutability, Option<Vec<ImageTagMutabilityExclusionFilter>>) {
        // Records and locks are tags that move.
        if !immutable || self.policy.records.contains(name) {
            return (ImageTagMutability::Mutable, None);
        }
        let filter = |pattern: &String| {
            ImageTagMutabilityExclusionFilter::builder()
                .filter_type(ImageTagMutabilityExclusionFilterType::Wildcard)
                .filter(pattern)
                .build()
                .expect("it has a type and a pattern")
        };
        let filters = self.policy.moving_tags.iter().map(filter).collect();
        (ImageTagMutability::ImmutableWithExclusion, Some(filters))
    }
}

fn patterns(filters: &[ImageTagMutabilityExclusionFilter]) -> BTreeSet<&str> {
    filters.iter().map(ImageTagMutabilityExclusionFilter::filter).collect()
}

fn scanning(scan_on_push: bool) -> ImageScanningConfiguration {
    ImageScanningConfiguration::builder().scan_on_push(scan_on_push).build()
}

fn failed(verb: &str, name: &RepositoryName, source: AwsError) -> RegistryError {
    RegistryError::Aws { doing: format!("{verb} the repository `{name}`"), source }
}
