//! What differs between two images: fields of their configurations, and files of their layers.

mod config;
mod layer;

use std::fs::File;
use std::io::{Seek as _, Write as _};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub use layer::{Aspect, FileDifference};

use super::distribution::compare;
use super::manifest::Manifest;
use super::oci::MAX_CONFIG_BYTES;
use super::{OciRegistry, RegistryError};
use crate::model::{ImageRef, ManifestDigest, RepositoryName};

/// How one image differs from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageDifference {
    /// As the index says it; `None` for an image that is in no index.
    pub platform: Option<String>,
    /// Fields of the configuration and of the manifest, apart from those that describe layers.
    pub fields: Vec<String>,
    /// How many layers each has, where that differs.
    pub layer_counts: Option<(usize, usize)>,
    pub layers: Vec<LayerDifference>,
}

/// How a layer differs from the layer at the same place of the other image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerDifference {
    /// From 1, those of the base image included.
    pub number: usize,
    /// The instruction, as the image's history has it.
    pub created_by: Option<String>,
    pub change: LayerChange,
}

/// What is different in a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayerChange {
    Files {
        /// By path, at most 100.
        files: Vec<FileDifference>,
        /// How many more there are.
        more: usize,
    },
    /// The files are the same, and the archive that holds them is not.
    Order,
    /// The archive is the same, and compressed in another way.
    Compression,
    /// This program doesn't read the archive.
    Unread { media_type: String },
}

/// One image, as far as it can be compared without its layers.
struct Image {
    repository: ImageRef,
    manifest: Value,
    config: Value,
}

struct Layer {
    digest: ManifestDigest,
    media_type: String,
}

impl OciRegistry {
    /// Compares two images of a repository, or the images that two indexes list, in their order. What is equal is left out.
    ///
    /// # Errors
    /// [`RegistryError`] when one of them can't be read, or is no image.
    pub async fn compare(
        &self,
        repository: &RepositoryName,
        first: &ManifestDigest,
        second: &ManifestDigest,
    ) -> Result<Vec<ImageDifference>, RegistryError> {
        let repository = self.repository(repository);
        let first = self.transport().known_manifest(&repository, first).await?;
        let second = self.transport().known_manifest(&repository, second).await?;
        let (firsts, seconds) = (first.children(), second.children());
        if firsts.is_empty() && seconds.is_empty() {
            return Ok(self.difference(&repository, None, &first, &second).await?.into_iter().collect());
        }
        let mut differences = Vec::new();
        if firsts.len() != seconds.len() {
            differences.push(ImageDifference { fields: vec!["manifests".to_owned()], ..Default::default() });
        }
        for (place, (one, other)) in firsts.iter().zip(&seconds).enumerate().filter(|(_, (a, b))| a != b) {
            let one = self.transport().known_manifest(&repository, one).await?;
            let other = self.transport().known_manifest(&repository, other).await?;
            differences.extend(self.difference(&repository, platform(&first, place), &one, &other).await?);
        }
        Ok(differences)
    }

    async fn difference(
        &self,
        repository: &ImageRef,
        platform: Option<String>,
        first: &Manifest,
        second: &Manifest,
    ) -> Result<Option<ImageDifference>, RegistryError> {
        if first.digest() == second.digest() {
            return Ok(None);
        }
        let (first, second) =
            (self.image_of(repository, first).await?, self.image_of(repository, second).await?);
        let (of_first, of_second) = (first.layers()?, second.layers()?);
        let counts = (of_first.len(), of_second.len());
        let mut layers = Vec::new();
        for (place, (one, other)) in of_first.iter().zip(&of_second).enumerate() {
            if one.digest != other.digest {
                let change = match first.uncompressed(place) == second.uncompressed(place) {
                    true => LayerChange::Compression,
                    false => self.change(repository, one, other).await?,
                };
                layers.push(LayerDifference {
                    number: place + 1,
                    created_by: first.created_by(place),
                    change,
                });
            }
        }
        Ok(Some(ImageDifference {
            platform,
            fields: config::fields(&first.config, &second.config, &first.manifest, &second.manifest),
            layer_counts: (counts.0 != counts.1).then_some(counts),
            layers,
        }))
    }

    async fn image_of(&self, repository: &ImageRef, manifest: &Manifest) -> Result<Image, RegistryError> {
        let no_image = || RegistryError::malformed(repository, "it has no configuration of an image");
        let config = manifest.config_digest().ok_or_else(no_image)?;
        let config = self.transport().blob(repository, config, MAX_CONFIG_BYTES).await?;
        let config = serde_json::from_slice(&config).map_err(|_| no_image())?;
        let manifest = serde_json::from_slice(&manifest.bytes).map_err(|_| no_image())?;
        Ok(Image { repository: repository.clone(), manifest, config })
    }

    async fn change(
        &self,
        repository: &ImageRef,
        first: &Layer,
        second: &Layer,
    ) -> Result<LayerChange, RegistryError> {
        let unread = [first, second].into_iter().find(|layer| !layer::can_be_read(&layer.media_type));
        if let Some(layer) = unread {
            return Ok(LayerChange::Unread { media_type: layer.media_type.clone() });
        }
        let (one, other) = (self.files(repository, first).await?, self.files(repository, second).await?);
        Ok(match layer::differences(&one, &other) {
            (files, _) if files.is_empty() => LayerChange::Order,
            (files, more) => LayerChange::Files { files, more },
        })
    }

    /// Lists what is in a layer, however large it is: it is kept in a file meanwhile.
    async fn files(&self, repository: &ImageRef, layer: &Layer) -> Result<layer::Files, RegistryError> {
        let blob = repository.pinned(layer.digest);
        let file = self.transport().retrying(async || self.fetch(&blob, &layer.digest).await).await?;
        layer::list(file, &layer.media_type)
            .map_err(|source| RegistryError::BrokenLayer { image: Box::new(blob), source })
    }

    async fn fetch(&self, blob: &ImageRef, digest: &ManifestDigest) -> Result<File, RegistryError> {
        let mut file = tempfile::tempfile().map_err(RegistryError::TemporaryFile)?;
        let mut hash = Sha256::new();
        let mut reply = self.transport().open_blob(blob, digest).await?;
        while let Some(chunk) = reply.chunk(blob).await? {
            hash.update(&chunk);
            file.write_all(&chunk).map_err(RegistryError::TemporaryFile)?;
        }
        compare(blob, ManifestDigest::from_bytes(hash.finalize().into()), *digest)?;
        file.rewind().map_err(RegistryError::TemporaryFile)?;
        Ok(file)
    }
}

impl Image {
    fn layers(&self) -> Result<Vec<Layer>, RegistryError> {
        let malformed = || RegistryError::malformed(&self.repository, "its manifest does not list layers");
        let layer = |layer: &Value| {
            let digest = layer.get("digest")?.as_str()?.parse().ok()?;
            Some(Layer { digest, media_type: layer.get("mediaType")?.as_str()?.to_owned() })
        };
        let layers = self.manifest.get("layers").and_then(Value::as_array).ok_or_else(malformed)?;
        layers.iter().map(|it| layer(it).ok_or_else(malformed)).collect()
    }

    /// The digest of a layer's archive without compression.
    fn uncompressed(&self, place: usize) -> Option<&str> {
        self.config.pointer(&format!("/rootfs/diff_ids/{place}"))?.as_str()
    }

    fn created_by(&self, place: usize) -> Option<String> {
        let history = self.config.get("history")?.as_array()?;
        let is_layer = |entry: &&Value| entry.get("empty_layer") != Some(&Value::Bool(true));
        Some(history.iter().filter(is_layer).nth(place)?.get("created_by")?.as_str()?.to_owned())
    }
}

/// The platform that an index gives for one of its images.
fn platform(index: &Manifest, place: usize) -> Option<String> {
    let index: Value = serde_json::from_slice(&index.bytes).ok()?;
    let platform = index.pointer(&format!("/manifests/{place}/platform"))?;
    let parts = ["os", "architecture", "variant"].map(|key| platform.get(key).and_then(Value::as_str));
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join("/"))
}
