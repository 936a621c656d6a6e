//! Makes a repository of ECR, and makes it what the manifest says.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::http::HttpResponse;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::types::{
    EncryptionConfiguration, EncryptionType, ImageScanningConfiguration, ImageTagMutability,
    ImageTagMutabilityExclusionFilter, ImageTagMutabilityExclusionFilterType, Repository, Tag,
};
use backon::{ExponentialBuilder, Retryable as _};

use crate::aws::AwsError;
use crate::config::{FixedTags, Policy};
use crate::model::RepositoryName;
use crate::registry::ecr_client::EcrClient;
use crate::registry::ecr_errors::{self, Meaning};
use crate::registry::{RegistryError, RepositoryChange};

/// What is needed to look after the repositories of one registry.
#[derive(Debug)]
pub(super) struct RepositoryReconciler {
    pub(super) client: EcrClient,
    /// The account of the credentials when `None`.
    pub(super) account: Option<String>,
    pub(super) policy: Policy,
}

impl RepositoryReconciler {
    /// Makes the repository if it isn't there, and changes what isn't as the policy says.
    ///
    /// Safe to be called by many at once: what another one has just done is done.
    ///
    /// # Errors
    /// [`RegistryError::NoRepository`] when it isn't there and may not be made, [`RegistryError::Aws`].
    pub(super) async fn ensure(&self, name: &RepositoryName) -> Result<Vec<RepositoryChange>, RegistryError> {
        let mut changes = Vec::new();
        let there = match self.describe(name).await? {
            Some(there) => Some(there),
            None if !self.policy.create => {
                return Err(RegistryError::NoRepository { repository: name.clone() });
            }
            None if self.create(name).await? => {
                changes.push(RepositoryChange::Created);
                None
            }
            None => self.describe(name).await?,
        };
        if let Some(there) = there {
            changes.extend(self.adjust_mutability(name, &there).await?);
            changes.extend(self.adjust_scanning(name, &there).await?);
            changes.extend(self.adjust_tags(name, &there).await?);
            changes.extend(self.other_key(&there));
        }
        changes.extend(self.adjust_policy(name).await?);
        changes.extend(self.adjust_lifecycle(name).await?);
        tracing::info!(repository = %name, ?changes, "looked after");
        Ok(changes)
    }

    /// A client that has its credentials, for a call about this repository.
    pub(super) async fn ready(&self, name: &RepositoryName) -> Result<&Client, RegistryError> {
        self.client.ready().await.map_err(|source| failed("ask about", name, source))
    }

    async fn describe(&self, name: &RepositoryName) -> Result<Option<Repository>, RegistryError> {
        let asked = self
            .ready(name)
            .await?
            .describe_repositories()
            .set_registry_id(self.account.clone())
            .repository_names(name.as_str())
            .send()
            .await;
        match asked {
            Ok(answer) => Ok(answer.repositories.unwrap_or_default().into_iter().next()),
            Err(error) if Meaning::of(&error) == Some(Meaning::NoRepository) => Ok(None),
            Err(error) => Err(failed("look at", name, ecr_errors::error(error))),
        }
    }

    /// Whether it was this one who made the repository: another one may have been quicker.
    async fn create(&self, name: &RepositoryName) -> Result<bool, RegistryError> {
        let key = self.policy.kms_key.as_ref().map(|key| {
            let encryption = EncryptionConfiguration::builder().encryption_type(EncryptionType::Kms);
            encryption.kms_key(key).build().expect("it has a type")
        });
        let create = self
            .ready(name)
            .await?
            .create_repository()
            .set_registry_id(self.account.clone())
            .repository_name(name.as_str())
            .set_encryption_configuration(key)
            .set_tags(Some(self.tags()).filter(|tags| !tags.is_empty()))
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
            Err(error) if Meaning::of(&error) == Some(Meaning::Exists) => Ok(false),
            Err(error) => Err(failed("create", name, ecr_errors::error(error))),
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
        let put = self
            .ready(name)
            .await?
            .put_image_tag_mutability()
            .set_registry_id(self.account.clone())
            .repository_name(name.as_str())
            .image_tag_mutability(mutability.clone())
            .set_image_tag_mutability_exclusion_filters(filters);
        let put = until_known(|| put.clone().send()).await;
        put.map_err(|error| failed("set the tag mutability of", name, ecr_errors::error(error)))?;
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
        let put = self
            .ready(name)
            .await?
            .put_image_scanning_configuration()
            .set_registry_id(self.account.clone())
            .repository_name(name.as_str())
            .image_scanning_configuration(scanning(scan_on_push));
        let put = until_known(|| put.clone().send()).await;
        put.map_err(|error| failed("set the scanning of", name, ecr_errors::error(error)))?;
        Ok(Some(RepositoryChange::ScanOnPush { enabled: scan_on_push }))
    }

    /// Adds the tags that are missing or different. Others stay.
    async fn adjust_tags(
        &self,
        name: &RepositoryName,
        repository: &Repository,
    ) -> Result<Option<RepositoryChange>, RegistryError> {
        if self.policy.tags.is_empty() {
            return Ok(None);
        }
        let arn = repository.repository_arn().unwrap_or_default();
        let list = self.ready(name).await?.list_tags_for_resource().resource_arn(arn);
        let there = until_known(|| list.clone().send()).await;
        let there = there.map_err(|error| failed("read the tags of", name, ecr_errors::error(error)))?;
        let has = |(key, value): &(&String, &String)| {
            there.tags().iter().any(|tag| tag.key() == key.as_str() && tag.value() == value.as_str())
        };
        let missing: Vec<_> = self.policy.tags.iter().filter(|tag| !has(tag)).collect();
        if missing.is_empty() {
            return Ok(None);
        }
        let tags = missing.iter().map(|(key, value)| tag(key, value)).collect();
        let put = self.ready(name).await?.tag_resource().resource_arn(arn).set_tags(Some(tags));
        let put = until_known(|| put.clone().send()).await;
        put.map_err(|error| failed("set the tags of", name, ecr_errors::error(error)))?;
        let keys = missing.into_iter().map(|(key, _)| key.clone()).collect();
        Ok(Some(RepositoryChange::Tags { keys }))
    }

    /// ECR can't change the key of a repository that is there. It may know the key by another of its names.
    fn other_key(&self, repository: &Repository) -> Option<RepositoryChange> {
        let wanted = self.policy.kms_key.as_deref()?;
        let is_arn = wanted.starts_with("arn:");
        match repository.encryption_configuration.as_ref().and_then(EncryptionConfiguration::kms_key) {
            Some(there) if there == wanted || !is_arn => None,
            there => Some(RepositoryChange::KeyStays { key: there.map(str::to_owned) }),
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
        let filters = |patterns: &[String]| Some(patterns.iter().map(filter).collect());
        match &self.policy.fixed_tags {
            FixedTags::Only(fixed) => (ImageTagMutability::MutableWithExclusion, filters(fixed)),
            FixedTags::AllBut(moving) => (ImageTagMutability::ImmutableWithExclusion, filters(moving)),
        }
    }

    fn tags(&self) -> Vec<Tag> {
        self.policy.tags.iter().map(|(key, value)| tag(key, value)).collect()
    }
}

/// Asks again while ECR doesn't know a repository that it has just described or created: each of its parts learns that
/// for itself.
pub(super) async fn until_known<T, E, Asked>(
    ask: impl FnMut() -> Asked,
) -> Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata,
    Asked: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
{
    let delays = ExponentialBuilder::new().with_min_delay(Duration::from_millis(200)).with_max_times(4);
    ask.retry(delays.with_jitter()).when(|error| Meaning::of(error) == Some(Meaning::NoRepository)).await
}

fn patterns(filters: &[ImageTagMutabilityExclusionFilter]) -> BTreeSet<&str> {
    filters.iter().map(ImageTagMutabilityExclusionFilter::filter).collect()
}

fn scanning(scan_on_push: bool) -> ImageScanningConfiguration {
    ImageScanningConfiguration::builder().scan_on_push(scan_on_push).build()
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build().expect("it has a key and a value")
}

pub(super) fn failed(verb: &str, name: &RepositoryName, source: AwsError) -> RegistryError {
    RegistryError::Aws { doing: format!("{verb} the repository `{name}`"), source }
}
