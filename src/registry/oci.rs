//! Any registry that speaks the OCI distribution specification.

use async_trait::async_trait;
use bytes::Bytes;
use oci_client::manifest::{
    OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest,
};

use super::distribution::Manifest;
use super::transport::{Patience, Transport};
use super::{Adjustment, CredentialsSource, MAX_ARTIFACT_BYTES, Registry, RegistryError, Storage};
use crate::model::{Credentials, Host, ImageRef, ManifestDigest, Platform, RepositoryName, Tag};

/// The configuration of an artifact that needs none, as the image specification writes it.
const EMPTY_MEDIA_TYPE: &str = "application/vnd.oci.empty.v1+json";
const EMPTY: &[u8] = b"{}";

/// What a tag stands for while it is taken away.
const UNTAGGED_TYPE: &str = "application/vnd.chinampa.untagged.v1+text";

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
        patience: Patience,
    ) -> Result<Self, RegistryError> {
        let transport = Transport::new(&host, insecure, credentials, patience)?;
        Ok(Self { host, transport })
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    pub(super) fn repository(&self, repository: &RepositoryName) -> ImageRef {
        let host = Some(self.host.clone());
        ImageRef { host, repository: repository.clone(), tag: None, digest: None }
    }

    /// Lets a tag stand for a document of its own; returns that one's digest, `None` when the tag isn't there.
    pub(super) async fn move_away(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<ManifestDigest>, RegistryError> {
        let image = self.image(repository, tag);
        let Some(digest) = self.transport.find_manifest(&image).await? else {
            return Ok(None);
        };
        let content = Bytes::from(format!("{image} stood for {digest}"));
        let tags = std::slice::from_ref(tag);
        Ok(Some(self.put_artifact(repository, UNTAGGED_TYPE, content, tags).await?))
    }

    async fn put_tags(
        &self,
        repository: &ImageRef,
        manifest: &Manifest,
        tags: &[Tag],
    ) -> Result<(), RegistryError> {
        for tag in tags {
            self.transport.put_manifest(&repository.tagged(tag.clone()), manifest).await?;
        }
        Ok(())
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
    async fn ensure_repository(&self, _: &RepositoryName) -> Result<Vec<Adjustment>, RegistryError> {
        Ok(Vec::new())
    }

    async fn tag(
        &self,
        repository: &RepositoryName,
        digest: &ManifestDigest,
        tags: &[Tag],
    ) -> Result<(), RegistryError> {
        let repository = self.repository(repository);
        let image = repository.pinned(*digest);
        let manifest = self.transport.manifest(&image).await?;
        let manifest = manifest.ok_or_else(|| RegistryError::missing(&image))?;
        self.put_tags(&repository, &manifest, tags).await
    }

    async fn verify(
        &self,
        repository: &RepositoryName,
        digest: &ManifestDigest,
        id: &ManifestDigest,
    ) -> Result<(), RegistryError> {
        let image = self.repository(repository).pinned(*digest);
        let manifest =
            self.transport.manifest(&image).await?.ok_or_else(|| RegistryError::missing(&image))?;
        if digest == id || config_digest(&manifest) == Some(*id) {
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
            let image = repository.pinned(*digest);
            let manifest = self.transport.manifest(&image).await?;
            let manifest = manifest.ok_or_else(|| RegistryError::missing(&image))?;
            manifests.push(index_entry(platform, &manifest));
        }
        let index = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": OCI_IMAGE_INDEX_MEDIA_TYPE,
            "manifests": manifests,
        });
        let bytes = serde_json::to_vec(&index).expect("an index is plain JSON");
        let index = Manifest { bytes: bytes.into(), media_type: OCI_IMAGE_INDEX_MEDIA_TYPE.to_owned() };
        self.transport.put_manifest(&repository.pinned(index.digest()), &index).await?;
        Ok(index.digest())
    }

    /// Not all registries delete a tag by itself, and deleting a manifest takes all its tags along. So
    /// the tag is first moved to a document of its own, and that is deleted.
    async fn untag(&self, repository: &RepositoryName, tag: &Tag) -> Result<(), RegistryError> {
        match self.move_away(repository, tag).await? {
            Some(moved) => self.transport.delete_manifest(&self.repository(repository).pinned(moved)).await,
            None => Ok(()),
        }
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
        self.transport.put_blob(&repository, &Bytes::from_static(EMPTY)).await?;
        self.transport.put_blob(&repository, &content).await?;
        let manifest = artifact_manifest(artifact_type, &content);
        self.put_tags(&repository, &manifest, tags).await?;
        Ok(manifest.digest())
    }

    async fn artifact(&self, repository: &RepositoryName, tag: &Tag) -> Result<Option<Bytes>, RegistryError> {
        let image = self.image(repository, tag);
        let Some(manifest) = self.transport.manifest(&image).await? else {
            return Ok(None);
        };
        let layer = only_layer(&image, &manifest)?;
        let content = self.transport.blob(&image, layer, MAX_ARTIFACT_BYTES).await?;
        Ok(Some(content))
    }

    async fn credentials(&self) -> Result<Option<Credentials>, RegistryError> {
        self.transport.credentials().await
    }
}

fn artifact_manifest(artifact_type: &str, content: &Bytes) -> Manifest {
    let descriptor = |media_type: &str, content: &[u8]| OciDescriptor {
        media_type: media_type.to_owned(),
        digest: ManifestDigest::of(content).to_string(),
        size: i64::try_from(content.len()).expect("content is in memory"),
        ..OciDescriptor::default()
    };
    let manifest = OciImageManifest {
        schema_version: 2,
        media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
        config: descriptor(EMPTY_MEDIA_TYPE, EMPTY),
        layers: vec![descriptor(artifact_type, content)],
        subject: None,
        artifact_type: Some(artifact_type.to_owned()),
        annotations: None,
    };
    let bytes = serde_json::to_vec(&manifest).expect("a manifest is plain JSON");
    Manifest { bytes: bytes.into(), media_type: OCI_IMAGE_MEDIA_TYPE.to_owned() }
}

/// The digest of an image's configuration; `None` for what is no image.
fn config_digest(manifest: &Manifest) -> Option<ManifestDigest> {
    let manifest: serde_json::Value = serde_json::from_slice(&manifest.bytes).ok()?;
    manifest.pointer("/config/digest")?.as_str()?.parse().ok()
}

/// After the OCI image specification, § Image Index Property Descriptions.
fn index_entry(platform: &Platform, manifest: &Manifest) -> serde_json::Value {
    let mut entry = serde_json::json!({
        "mediaType": manifest.media_type,
        "digest": manifest.digest(),
        "size": manifest.bytes.len(),
        "platform": { "os": platform.os(), "architecture": platform.architecture() },
    });
    if let Some(variant) = platform.variant() {
        entry["platform"]["variant"] = variant.into();
    }
    entry
}

/// The digest of the one layer that an artifact of ours has.
fn only_layer(image: &ImageRef, manifest: &Manifest) -> Result<ManifestDigest, RegistryError> {
    let foreign = || RegistryError::malformed(image, "it is not a document that chinampa has stored");
    let manifest: OciImageManifest = serde_json::from_slice(&manifest.bytes).map_err(|_| foreign())?;
    match (&manifest.artifact_type, &manifest.layers[..]) {
        (Some(artifact_type), [layer]) if *artifact_type == layer.media_type => {
            layer.digest.parse().map_err(|_| foreign())
        }
        _ => Err(foreign()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> ImageRef {
        "r.example/builds:main".parse().unwrap()
    }

    #[test]
    fn the_same_document_is_the_same_artifact() {
        let manifest = artifact_manifest("application/x", &Bytes::from_static(b"content"));

        assert_eq!(
            std::str::from_utf8(&manifest.bytes).unwrap(),
            concat!(
                r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","#,
                r#""config":{"mediaType":"application/vnd.oci.empty.v1+json","#,
                r#""digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"#,
                r#""layers":[{"mediaType":"application/x","#,
                r#""digest":"sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73","size":7}],"#,
                r#""artifactType":"application/x"}"#
            )
        );
    }

    #[test]
    fn what_is_not_an_artifact_of_ours_is_refused() {
        let ours = artifact_manifest("application/x", &Bytes::from_static(b"content"));
        let text = std::str::from_utf8(&ours.bytes).unwrap();
        assert!(only_layer(&image(), &ours).is_ok());

        for foreign in [
            "[]".to_owned(),
            "{}".to_owned(),
            text.replace(r#","artifactType":"application/x""#, ""),
            text.replace("sha256:ed70", "sha256:zz70"),
            text.replace("\"artifactType\":\"application/x\"", "\"artifactType\":\"application/y\""),
        ] {
            let manifest = Manifest { bytes: foreign.clone().into(), ..ours.clone() };

            assert!(only_layer(&image(), &manifest).is_err(), "{foreign}");
        }
    }
}
