//! Amazon ECR: a registry of the OCI distribution specification whose token comes from AWS, and whose
//! repositories must be made before they are pushed to.

mod documents;
mod lifecycle;
mod repository;

use async_trait::async_trait;
use aws_sdk_ecr::types::{ImageFailureCode, ImageIdentifier};
use bytes::Bytes;

use self::repository::RepositoryReconciler;
use super::ecr_client::EcrClient;
use super::ecr_errors::{self, Meaning};
use super::ecr_login::{EcrLogin, Receiver};
use super::{
    CredentialsSource, OciRegistry, Registry, RegistryError, RepositoryChange, RetryPolicy, Storage,
};
use crate::aws::{self, AllowedHosts, AwsError, CredentialProviders};
use crate::config::{Contents, Ecr};
use crate::model::{ImageRef, Login, ManifestDigest, Platform, RepositoryName, Tag};

/// The account setting that lets repositories share layers.
const BLOB_MOUNTING: &str = "BLOB_MOUNTING";

/// The registry of one account in one region.
#[derive(Debug)]
pub struct EcrRegistry {
    oci: OciRegistry,
    reconciler: RepositoryReconciler,
}

impl EcrRegistry {
    /// Asks AWS for the account where neither it nor the host is known; else nothing yet.
    ///
    /// # Errors
    /// [`RegistryError::Aws`] when AWS doesn't say, or may not be asked at the endpoint, [`RegistryError::Host`] when TLS can't be set up.
    pub async fn connect(
        ecr: &Ecr,
        allowed: &AllowedHosts,
        providers: &CredentialProviders,
        retry_policy: RetryPolicy,
    ) -> Result<Self, RegistryError> {
        let accept = |url: &String| {
            let refused = |source| RegistryError::Aws { doing: format!("use the endpoint `{url}`"), source };
            allowed.endpoint(url).map_err(refused)
        };
        let endpoint = ecr.endpoint.as_ref().map(accept).transpose()?;
        let session = providers.session(&ecr.region, &ecr.identity).await;
        let account = match (ecr.known_account(), &ecr.host) {
            (None, None) => Some(aws::account(&session).await.map_err(|source| RegistryError::Aws {
                doing: "tell the account of the credentials".to_owned(),
                source,
            })?),
            (account, _) => account.map(str::to_owned),
        };
        let host = ecr.host_for(account.as_deref().unwrap_or_default(), session.network());
        let host = host.ok_or_else(|| RegistryError::Aws {
            doing: format!("tell the host of the registry in {}", ecr.region),
            source: AwsError::NoDualStack,
        })?;
        let client = EcrClient::new(session, endpoint.as_ref());
        let is_encrypted = !ecr.insecure && !host.is_loopback();
        let is_allowed = allowed.permits(&host, is_encrypted);
        let receiver = Receiver { host: host.clone(), is_encrypted, is_allowed };
        let login = CredentialsSource::Ecr(EcrLogin::new(client.clone(), receiver));
        let oci = OciRegistry::new(host, ecr.insecure, login, retry_policy)?;
        Ok(Self { oci, reconciler: RepositoryReconciler { client, account, policy: ecr.policy.clone() } })
    }
}

impl EcrRegistry {
    /// Whether ECR lets the repositories of the caller's account in this region share layers.
    ///
    /// # Errors
    /// [`RegistryError::Aws`] when AWS doesn't say.
    pub async fn has_blob_mounting(&self) -> Result<bool, RegistryError> {
        let failed = |source| RegistryError::Aws {
            doing: format!("read the account setting `{BLOB_MOUNTING}`"),
            source,
        };
        let client = self.reconciler.client.ready().await.map_err(failed)?;
        let answer = client.get_account_setting().name(BLOB_MOUNTING).send().await;
        let setting = answer.map_err(|error| failed(ecr_errors::error(error)))?;
        match setting.value() {
            Some("ENABLED") => Ok(true),
            Some("DISABLED") => Ok(false),
            other => {
                let answer = format!("its value is {}", crate::model::printable(other.unwrap_or("absent")));
                Err(failed(AwsError::Unexpected { answer }))
            }
        }
    }

    /// Deletes a tag or an image. Nothing happens if it isn't there.
    async fn delete_image(
        &self,
        repository: &RepositoryName,
        id: ImageIdentifier,
        doing: String,
    ) -> Result<(), RegistryError> {
        let client = match self.reconciler.client.ready().await {
            Ok(client) => client,
            Err(source) => return Err(RegistryError::Aws { doing, source }),
        };
        let answer = client
            .batch_delete_image()
            .set_registry_id(self.reconciler.account.clone())
            .repository_name(repository.as_str())
            .image_ids(id)
            .send()
            .await;
        let source = match answer {
            Err(error) if Meaning::of(&error) == Some(Meaning::NoRepository) => return Ok(()),
            Err(error) => ecr_errors::error(error),
            Ok(answer) => {
                let is_gone =
                    |code: Option<&ImageFailureCode>| code == Some(&ImageFailureCode::ImageNotFound);
                let failure = answer.failures().iter().find(|failure| !is_gone(failure.failure_code()));
                let Some(failure) = failure else { return Ok(()) };
                let reason = failure.failure_reason().unwrap_or("it gives no reason");
                let answer = crate::model::printable(reason);
                match failure.failure_code() {
                    Some(ImageFailureCode::KmsError) => AwsError::Key { answer },
                    _ => AwsError::Unexpected { answer },
                }
            }
        };
        Err(RegistryError::Aws { doing, source })
    }
}

#[async_trait]
impl Registry for EcrRegistry {
    fn storage(&self) -> Storage {
        Storage::Remote
    }

    fn oci(&self) -> Option<&OciRegistry> {
        Some(&self.oci)
    }

    fn image(&self, repository: &RepositoryName, tag: &Tag) -> ImageRef {
        self.oci.image(repository, tag)
    }

    async fn find(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<ManifestDigest>, RegistryError> {
        self.oci.find(repository, tag).await
    }

    async fn tags(&self, repository: &RepositoryName) -> Result<Vec<Tag>, RegistryError> {
        self.oci.tags(repository).await
    }

    async fn ensure_repository(
        &self,
        repository: &RepositoryName,
    ) -> Result<Vec<RepositoryChange>, RegistryError> {
        let changes = self.reconciler.ensure(repository).await?;
        // What is written without an engine is retried where it is refused.
        if changes.contains(&RepositoryChange::Created) && self.reconciler.policy.contents == Contents::Built
        {
            self.oci.transport().until_known(&self.oci.repository(repository)).await?;
        }
        Ok(changes)
    }

    async fn tag(
        &self,
        repository: &RepositoryName,
        digest: &ManifestDigest,
        tags: &[Tag],
    ) -> Result<(), RegistryError> {
        self.oci.tag(repository, digest, tags).await
    }

    async fn verify(
        &self,
        repository: &RepositoryName,
        digest: &ManifestDigest,
        id: &ManifestDigest,
    ) -> Result<(), RegistryError> {
        self.oci.verify(repository, digest, id).await
    }

    async fn put_index(
        &self,
        repository: &RepositoryName,
        images: &[(Platform, ManifestDigest)],
    ) -> Result<ManifestDigest, RegistryError> {
        self.oci.put_index(repository, images).await
    }

    /// ECR deletes an image with its last tag, so here too the tag is first moved to a document of its own.
    async fn untag(&self, repository: &RepositoryName, tag: &Tag) -> Result<(), RegistryError> {
        if self.oci.retarget(repository, tag).await?.is_none() {
            return Ok(());
        }
        let id = ImageIdentifier::builder().image_tag(tag.as_str()).build();
        self.delete_image(repository, id, format!("take `{tag}` away from `{repository}`")).await
    }

    async fn delete(
        &self,
        repository: &RepositoryName,
        digest: &ManifestDigest,
    ) -> Result<(), RegistryError> {
        let id = ImageIdentifier::builder().image_digest(digest.to_string()).build();
        self.delete_image(repository, id, format!("delete `{digest}` from `{repository}`")).await
    }

    async fn put_artifact(
        &self,
        repository: &RepositoryName,
        artifact_type: &str,
        content: Bytes,
        tags: &[Tag],
    ) -> Result<ManifestDigest, RegistryError> {
        self.oci.put_artifact(repository, artifact_type, content, tags).await
    }

    async fn artifact(&self, repository: &RepositoryName, tag: &Tag) -> Result<Option<Bytes>, RegistryError> {
        self.oci.artifact(repository, tag).await
    }

    async fn login(&self) -> Result<Option<Login>, RegistryError> {
        self.oci.login().await
    }
}
