//! Any registry that speaks the OCI distribution specification.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::{try_join, try_join_all};

use super::cached_login::CachedLogin;
use super::deletion::{UNTAGGED_TYPE, untagged};
use super::manifest::{EMPTY, Manifest};
use super::put_limiter::PutLimiter;
use super::transport::{RetryPolicy, Transport};
use super::{CredentialsSource, MAX_ARTIFACT_BYTES, Registry, RegistryError, RepositoryChange, Storage};
use crate::model::{Host, ImageRef, Login, ManifestDigest, Platform, RepositoryName, Tag};

/// Configurations of images have some kilobytes.
pub(super) const MAX_CONFIG_BYTES: usize = 4 << 20;

/// What a registry has of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageDescription {
    /// Of an index: the images that it lists.
    pub children: Vec<ManifestDigest>,
    /// As RFC 3339; `None` for what does not say.
    pub created: Option<String>,
    /// Its configuration and its layers, with their sizes in bytes; of an index, those of the first image.
    pub blobs: BTreeMap<ManifestDigest, u64>,
}

/// Knows the login for a registry, as long as that takes.
#[derive(Clone, Debug)]
pub struct RegistryLogin(Arc<CachedLogin>);

impl RegistryLogin {
    /// What is to be logged in with now; `None` when nobody knows any.
    ///
    /// # Errors
    /// [`RegistryError::Credentials`]
    pub async fn get(&self) -> Result<Option<Login>, RegistryError> {
        self.0.get().await
    }
}

/// A registry behind a host. Cheap to make: it asks nothing until it is asked.
#[derive(Debug)]
pub struct OciRegistry {
    host: Host,
    transport: Transport,
}

impl OciRegistry {
    /// Speaks plain HTTP to loopback hosts and where `insecure`, else HTTPS.
    ///
    /// # Errors
    /// [`RegistryError::Host`] when the host can't be an address, or TLS can't be set up.
    pub fn new(
        host: Host,
        insecure: bool,
        credentials: CredentialsSource,
        retry_policy: RetryPolicy,
    ) -> Result<Self, RegistryError> {
        let transport = Transport::new(&host, insecure, credentials, retry_policy)?;
        Ok(Self { host, transport })
    }

    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Whether plain HTTP is spoken.
    pub fn is_plain_http(&self) -> bool {
        self.transport.is_plain_http()
    }

    /// What an image is made of, and when it was built, as its configuration says (OCI image specification, § Image
    /// Configuration, `created`), or that of the first image of an index.
    ///
    /// # Errors
    /// [`RegistryError`] when it can't be read.
    pub async fn describe(
        &self,
        repository: &RepositoryName,
        digest: &ManifestDigest,
    ) -> Result<ImageDescription, RegistryError> {
        let repository = self.repository(repository);
        let mut manifest = self.transport.known_manifest(&repository, digest).await?;
        let children = manifest.children();
        if let Some(first) = children.first() {
            manifest = self.transport.known_manifest(&repository, first).await?;
        }
        let blobs = manifest.blobs();
        let Some(config) = manifest.config_digest() else {
            return Ok(ImageDescription { children, created: None, blobs });
        };
        let config = self.transport.blob(&repository, config, MAX_CONFIG_BYTES).await?;
        let config: serde_json::Value = serde_json::from_slice(&config).unwrap_or_default();
        let created = config.get("created").and_then(serde_json::Value::as_str).map(str::to_owned);
        Ok(ImageDescription { children, created, blobs })
    }

    /// Opens an upload to the repository and cancels it: nothing is left there.
    ///
    /// # Errors
    /// [`RegistryError`] when the registry does not let us push, or does not know the repository.
    pub async fn probe_push(&self, repository: &RepositoryName) -> Result<(), RegistryError> {
        self.transport.probe_upload(&self.repository(repository)).await
    }

    /// Who knows the login, for those that outlive this value.
    pub fn login_source(&self) -> RegistryLogin {
        RegistryLogin(Arc::clone(self.transport.login()))
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Who pushes with an engine waits for a turn there.
    pub fn put_limiter(&self) -> &PutLimiter {
        self.transport.put_limiter()
    }

    pub(super) fn repository(&self, repository: &RepositoryName) -> ImageRef {
        let host = Some(self.host.clone());
        ImageRef { host, repository: repository.clone(), tag: None, digest: None }
    }

    /// Lets a tag stand for a document of its own; returns that one's digest, `None` when the tag isn't there.
    pub(super) async fn retarget(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<ManifestDigest>, RegistryError> {
        let (document, content) = untagged(repository, tag);
        match self.find(repository, tag).await? {
            None => return Ok(None),
            Some(found) if found == document => return Ok(Some(document)),
            Some(_) => {}
        }
        let tags = std::slice::from_ref(tag);
        Ok(Some(self.put_artifact(repository, UNTAGGED_TYPE, content, tags).await?))
    }
}

#[async_trait]
impl Registry for OciRegistry {
    fn storage(&self) -> Storage {
        Storage::Remote
    }

    fn oci(&self) -> Option<&OciRegistry> {
        Some(self)
    }

    fn image(&self, repository: &RepositoryName, tag: &Tag) -> ImageRef {
        self.repository(repository).tagged(tag.clone())
    }

    async fn find(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<ManifestDigest>, RegistryError> {
        self.transport.find_manifest(&self.image(repository, tag)).await
    }

    async fn tags(&self, repository: &RepositoryName) -> Result<Vec<Tag>, RegistryError> {
        self.transport.tags(&self.repository(repository)).await
    }

    /// Nothing to do: a repository comes with its first push.
    async fn ensure_repository(&self, _: &RepositoryName) -> Result<Vec<RepositoryChange>, RegistryError> {
        Ok(Vec::new())
    }

    async fn tag(
        &self,
        repository: &RepositoryName,
        digest: &ManifestDigest,
        tags: &[Tag],
    ) -> Result<(), RegistryError> {
        let repository = self.repository(repository);
        let manifest = self.transport.known_manifest(&repository, digest).await?;
        for tag in tags {
            self.transport.tag_manifest(&repository.tagged(tag.clone()), &manifest).await?;
        }
        Ok(())
    }

    async fn verify(
        &self,
        repository: &RepositoryName,
        digest: &ManifestDigest,
        id: &ManifestDigest,
    ) -> Result<(), RegistryError> {
        let image = self.repository(repository).pinned(*digest);
        let manifest = self.transport.pushed_manifest(&image).await?;
        if digest == id || manifest.config_digest() == Some(*id) {
            return Ok(());
        }
        Err(RegistryError::OtherImage { image: Box::new(image), id: *id })
    }

    async fn put_index(
        &self,
        repository: &RepositoryName,
        images: &[(Platform, ManifestDigest)],
    ) -> Result<ManifestDigest, RegistryError> {
        let repository = self.repository(repository);
        let mut manifests = Vec::new();
        for (platform, digest) in images {
            let manifest = self.transport.known_manifest(&repository, digest).await?;
            manifests.push((platform.clone(), manifest));
        }
        let index = Manifest::index(&manifests);
        self.transport.store_manifest(&repository, &index).await
    }

    /// Not all registries delete a tag by itself, and deleting a manifest takes all its tags along. So
    /// the tag is first moved to a document of its own, and that is deleted, or stays where nothing is.
    async fn untag(&self, repository: &RepositoryName, tag: &Tag) -> Result<(), RegistryError> {
        let Some(document) = self.retarget(repository, tag).await? else { return Ok(()) };
        match self.delete(repository, &document).await {
            Err(RegistryError::NoDeletion { .. }) => Ok(()),
            deleted => deleted,
        }
    }

    async fn is_untagged(&self, repository: &RepositoryName, tag: &Tag) -> Result<bool, RegistryError> {
        Ok(self.find(repository, tag).await?.is_none_or(|found| found == untagged(repository, tag).0))
    }

    async fn delete(
        &self,
        repository: &RepositoryName,
        digest: &ManifestDigest,
    ) -> Result<(), RegistryError> {
        self.transport.delete_manifest(&self.repository(repository).pinned(*digest)).await
    }

    async fn put_artifact(
        &self,
        repository: &RepositoryName,
        artifact_type: &str,
        content: Bytes,
        tags: &[Tag],
    ) -> Result<ManifestDigest, RegistryError> {
        let repository = self.repository(repository);
        if content.len() > MAX_ARTIFACT_BYTES {
            return Err(RegistryError::too_large(&repository, MAX_ARTIFACT_BYTES));
        }
        // Every document has the one, and hardly any document is there already.
        let empty = Bytes::from_static(EMPTY);
        let (has_empty, sent) =
            (self.transport.put_blob(&repository, &empty), self.transport.send_blob(&repository, &content));
        try_join(has_empty, sent).await?;
        let manifest = Manifest::artifact(artifact_type, &content);
        // The first tag brings it there: each manifest that is written counts towards quotas.
        let images: Vec<ImageRef> = tags.iter().map(|tag| repository.tagged(tag.clone())).collect();
        let (first, others) = match images.split_first() {
            Some((first, others)) => (first, others),
            None => (&repository, &[][..]),
        };
        let digest = self.transport.store_manifest(first, &manifest).await?;
        try_join_all(others.iter().map(|image| self.transport.tag_manifest(image, &manifest))).await?;
        Ok(digest)
    }

    async fn artifact(&self, repository: &RepositoryName, tag: &Tag) -> Result<Option<Bytes>, RegistryError> {
        let image = self.image(repository, tag);
        let Some(manifest) = self.transport.manifest(&image).await? else {
            return Ok(None);
        };
        if manifest.digest() == untagged(repository, tag).0 {
            return Ok(None);
        }
        let layer = manifest.only_layer(&image)?;
        let content = self.transport.blob(&image, layer, MAX_ARTIFACT_BYTES).await?;
        Ok(Some(content))
    }

    async fn login(&self) -> Result<Option<Login>, RegistryError> {
        self.transport.login().get().await
    }
}
