//! What a reference stands for: the digest of its index or manifest, and the manifest of each platform.

use serde::Deserialize;

use super::manifest::{DOCKER_LIST, Manifest, OCI_INDEX};
use super::{OciRegistry, RegistryError};
use crate::model::{ImageRef, ManifestDigest, Platform, RepositoryName, Tag};

/// What a reference stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedImage {
    pub digest: ManifestDigest,
    /// The images of an index, in its order; `None` where it is one image, for whichever platform.
    platforms: Option<Vec<(Platform, ManifestDigest)>>,
}

/// What is resolved of a repository.
#[derive(Clone, Copy, Debug)]
pub enum Named<'n> {
    Tag(&'n Tag),
    Digest(&'n ManifestDigest),
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    digest: String,
    platform: Option<EntryPlatform>,
}

#[derive(Deserialize)]
struct EntryPlatform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl ResolvedImage {
    fn of(manifest: &Manifest) -> Option<Self> {
        let digest = manifest.digest();
        if ![OCI_INDEX, DOCKER_LIST].contains(&manifest.media_type.as_str()) {
            return Some(Self { digest, platforms: None });
        }
        let index: Index = serde_json::from_slice(&manifest.bytes).ok()?;
        // What is no image, such as an attestation, has no platform that is one.
        let platform = |entry: Entry| Some((entry.platform?.read()?, entry.digest.parse().ok()?));
        Some(Self { digest, platforms: Some(index.manifests.into_iter().filter_map(platform).collect()) })
    }

    /// The manifest for a platform, as engines choose it: the first that is for it.
    pub fn manifest(&self, platform: &Platform) -> Option<ManifestDigest> {
        let Some(platforms) = &self.platforms else { return Some(self.digest) };
        platforms.iter().find(|(listed, _)| listed.is_same_as(platform)).map(|(_, digest)| *digest)
    }
}

impl EntryPlatform {
    fn read(self) -> Option<Platform> {
        let Self { os, architecture, variant } = self;
        let variant = variant.filter(|variant| !variant.is_empty());
        let variant = variant.map(|variant| format!("/{variant}")).unwrap_or_default();
        format!("{os}/{architecture}{variant}").parse().ok()
    }
}

impl OciRegistry {
    /// Resolves a tag or a digest; `None` when the registry says that it isn't there.
    ///
    /// # Errors
    /// [`RegistryError`] when it can't be asked, or answers with what is no manifest.
    pub async fn resolve(
        &self,
        repository: &RepositoryName,
        named: Named<'_>,
    ) -> Result<Option<ResolvedImage>, RegistryError> {
        let repository = self.repository(repository);
        let image: ImageRef = match named {
            Named::Tag(tag) => repository.tagged(tag.clone()),
            Named::Digest(digest) => repository.pinned(*digest),
        };
        let Some(manifest) = self.transport().manifest(&image).await? else { return Ok(None) };
        let malformed = || RegistryError::malformed(&image, "its index is none");
        ResolvedImage::of(&manifest).ok_or_else(malformed).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::manifest::OCI_IMAGE;
    use super::*;

    fn manifest(media_type: &str, content: &serde_json::Value) -> Manifest {
        Manifest { bytes: content.to_string().into(), media_type: media_type.to_owned() }
    }

    #[test]
    fn an_index_has_a_manifest_for_each_platform_and_an_image_is_for_any() {
        let entry = |number: u8, platform: serde_json::Value| json!({ "digest": ManifestDigest::of(&[number]).to_string(), "platform": platform });
        let index = json!({ "manifests": [
            entry(1, json!({ "os": "unknown", "architecture": "unknown" })),
            entry(2, json!({ "os": "linux", "architecture": "arm64", "variant": "v8" })),
            entry(3, json!({ "os": "linux", "architecture": "arm", "variant": "v6" })),
            entry(4, json!({ "os": "linux", "architecture": "amd64", "variant": "" })),
            entry(5, json!({ "os": "linux", "architecture": "amd64" })),
            entry(6, json!({ "os": "a b", "architecture": "/" })),
            entry(7, json!(null)),
        ]});
        let resolved = ResolvedImage::of(&manifest(OCI_INDEX, &index)).unwrap();
        let on = |platform: &str| resolved.manifest(&platform.parse().unwrap());

        assert_eq!(on("linux/arm64"), Some(ManifestDigest::of(&[2])));
        assert_eq!(on("linux/amd64"), Some(ManifestDigest::of(&[4])));
        assert_eq!((on("linux/arm/v7"), on("linux/s390x")), (None, None));

        let image = ResolvedImage::of(&manifest(OCI_IMAGE, &json!({ "config": {} }))).unwrap();
        assert_eq!(image.manifest(&"linux/s390x".parse().unwrap()), Some(image.digest));
    }

    #[test]
    fn an_index_that_is_none_is_no_answer() {
        for content in [json!(1), json!({ "manifests": 1 }), json!({ "manifests": [{ "digest": 1 }] })] {
            assert_eq!(ResolvedImage::of(&manifest(OCI_INDEX, &content)), None, "{content}");
        }
    }
}
