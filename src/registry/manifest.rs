//! Manifests, and the types of what they describe: the parts of the OCI image specification and of Docker's
//! "Image Manifest Version 2, Schema 2" that are needed here.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::RegistryError;
use crate::model::{ImageRef, ManifestDigest, Platform};

pub(super) const OCI_IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const DOCKER_IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(super) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// The configuration of an artifact that needs none, as the image specification writes it.
const EMPTY_MEDIA_TYPE: &str = "application/vnd.oci.empty.v1+json";
pub(super) const EMPTY: &[u8] = b"{}";

/// A manifest as it was stored, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) bytes: Bytes,
    pub(super) media_type: String,
}

/// An artifact's manifest. The order of the fields is part of its digest.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactManifest {
    schema_version: u8,
    media_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    artifact_type: Option<String>,
    /// What it refers to.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Descriptor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<BTreeMap<String, String>>,
}

impl ArtifactManifest {
    fn of(artifact_type: &str, content: &[u8]) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(OCI_IMAGE.to_owned()),
            config: Descriptor::of(EMPTY_MEDIA_TYPE, EMPTY),
            layers: vec![Descriptor::of(artifact_type, content)],
            artifact_type: Some(artifact_type.to_owned()),
            subject: None,
            annotations: None,
        }
    }
}

impl From<ArtifactManifest> for Manifest {
    fn from(artifact: ArtifactManifest) -> Self {
        let bytes = serde_json::to_vec(&artifact).expect("a manifest is plain JSON");
        Self { bytes: bytes.into(), media_type: OCI_IMAGE.to_owned() }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

impl Descriptor {
    fn of(media_type: &str, content: &[u8]) -> Self {
        let (digest, size) = (ManifestDigest::of(content).to_string(), content.len() as u64);
        Self { media_type: media_type.to_owned(), digest, size }
    }
}

impl Manifest {
    pub(super) fn digest(&self) -> ManifestDigest {
        ManifestDigest::of(&self.bytes)
    }

    /// An artifact with one layer, which is `content`.
    pub(super) fn artifact(artifact_type: &str, content: &[u8]) -> Self {
        ArtifactManifest::of(artifact_type, content).into()
    }

    /// The same, referring to another manifest.
    pub(super) fn referrer(
        artifact_type: &str,
        content: &[u8],
        subject: &Self,
        annotations: &BTreeMap<String, String>,
    ) -> Self {
        let artifact = ArtifactManifest {
            subject: Some(Descriptor::of(&subject.media_type, &subject.bytes)),
            annotations: Some(annotations.clone()),
            ..ArtifactManifest::of(artifact_type, content)
        };
        artifact.into()
    }

    /// An index of these images.
    pub(super) fn index(images: &[(Platform, Self)]) -> Self {
        let entries: Vec<_> = images.iter().map(|(platform, manifest)| manifest.entry(platform)).collect();
        let index = serde_json::json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
        let bytes = serde_json::to_vec(&index).expect("an index is plain JSON");
        Self { bytes: bytes.into(), media_type: OCI_INDEX.to_owned() }
    }

    /// After the OCI image specification, § Image Index Property Descriptions.
    fn entry(&self, platform: &Platform) -> serde_json::Value {
        let mut entry = serde_json::json!({
            "mediaType": self.media_type,
            "digest": self.digest(),
            "size": self.bytes.len(),
            "platform": { "os": platform.os(), "architecture": platform.architecture() },
        });
        if let Some(variant) = platform.variant() {
            entry["platform"]["variant"] = variant.into();
        }
        entry
    }

    /// The digests of what an index lists, in its order; none for what is no index.
    pub(super) fn children(&self) -> Vec<ManifestDigest> {
        let index: serde_json::Value = serde_json::from_slice(&self.bytes).unwrap_or_default();
        let listed = index.get("manifests").and_then(serde_json::Value::as_array);
        let digest = |entry: &serde_json::Value| entry.get("digest")?.as_str()?.parse().ok();
        listed.into_iter().flatten().filter_map(digest).collect()
    }

    /// The digests of the layers, in their order; none for what has none.
    pub(super) fn layers(&self) -> Vec<String> {
        let manifest: serde_json::Value = serde_json::from_slice(&self.bytes).unwrap_or_default();
        let layers = manifest.get("layers").and_then(serde_json::Value::as_array);
        let digest = |layer: &serde_json::Value| Some(layer.get("digest")?.as_str()?.to_owned());
        layers.into_iter().flatten().filter_map(digest).collect()
    }

    /// The digest of an image's configuration; `None` for what is no image.
    pub(super) fn config_digest(&self) -> Option<ManifestDigest> {
        let manifest: serde_json::Value = serde_json::from_slice(&self.bytes).ok()?;
        manifest.pointer("/config/digest")?.as_str()?.parse().ok()
    }

    /// The configuration and the layers of an image, with their sizes in bytes; none for an index.
    pub(super) fn blobs(&self) -> BTreeMap<ManifestDigest, u64> {
        let manifest: serde_json::Value = serde_json::from_slice(&self.bytes).unwrap_or_default();
        let layers = manifest.get("layers").and_then(serde_json::Value::as_array);
        let all = manifest.get("config").into_iter().chain(layers.into_iter().flatten());
        let blob = |entry: &serde_json::Value| {
            Some((entry.get("digest")?.as_str()?.parse().ok()?, entry.get("size")?.as_u64()?))
        };
        all.filter_map(blob).collect()
    }

    /// The digest of the one layer that an artifact of ours has.
    pub(super) fn only_layer(&self, image: &ImageRef) -> Result<ManifestDigest, RegistryError> {
        let foreign = || RegistryError::malformed(image, "it is not a document that chinampa has stored");
        let manifest: ArtifactManifest = serde_json::from_slice(&self.bytes).map_err(|_| foreign())?;
        match (&manifest.artifact_type, &manifest.layers[..]) {
            (Some(artifact_type), [layer]) if *artifact_type == layer.media_type => {
                layer.digest.parse().map_err(|_| foreign())
            }
            _ => Err(foreign()),
        }
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
        let manifest = Manifest::artifact("application/x", b"content");

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
    fn the_blobs_of_an_image_are_its_configuration_and_its_layers() {
        let artifact = Manifest::artifact("text/plain", b"content");
        let index = Manifest::index(&[("linux/amd64".parse().unwrap(), artifact.clone())]);

        let blobs = [(ManifestDigest::of(EMPTY), 2), (ManifestDigest::of(b"content"), 7)];
        assert_eq!(artifact.blobs(), BTreeMap::from(blobs));
        assert_eq!(index.blobs(), BTreeMap::new());
    }

    #[test]
    fn what_is_not_an_artifact_of_ours_is_refused() {
        let ours = Manifest::artifact("application/x", b"content");
        let text = std::str::from_utf8(&ours.bytes).unwrap();
        assert!(ours.only_layer(&image()).is_ok());

        for foreign in [
            "[]".to_owned(),
            "{}".to_owned(),
            text.replace(r#","artifactType":"application/x""#, ""),
            text.replace("sha256:ed70", "sha256:zz70"),
            text.replace("\"artifactType\":\"application/x\"", "\"artifactType\":\"application/y\""),
        ] {
            let manifest = Manifest { bytes: foreign.clone().into(), ..ours.clone() };

            assert!(manifest.only_layer(&image()).is_err(), "{foreign}");
        }
    }
}
