//! What an image is made of: its manifests, and the blobs that they name.
//!
//! Layers that must not be distributed (`…nondistributable…` of the OCI image specification, `…foreign…` of
//! Docker's) are not blobs to copy: whoever runs the image fetches them from the `urls` that the manifest gives.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Deserialize;

use super::{AT_ONCE, Endpoint};
use crate::model::{ImageRef, ManifestDigest};
use crate::registry::RegistryError;
use crate::registry::manifest::{DOCKER_LIST, Manifest, OCI_INDEX};

/// An index of indexes is rare, and anything deeper is made to waste time.
const MAX_LEVELS: usize = 4;
const MAX_MANIFESTS: usize = 512;
const MAX_BLOBS: usize = 4096;
/// Of all manifests together: they are in memory.
const MAX_BYTES: usize = 32 << 20;

/// An image, or an index with all that it names.
#[derive(Debug)]
pub(super) struct Contents {
    /// Each after those that it names.
    pub(super) manifests: Vec<Part>,
}

/// One manifest.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) digest: ManifestDigest,
    pub(super) manifest: Manifest,
    names: Named,
}

impl Contents {
    /// Reads all manifests from the source.
    pub(super) async fn gather(source: &Endpoint<'_>, root: &ManifestDigest) -> Result<Self, RegistryError> {
        let mut gathered = Gathered::default();
        let mut level = vec![(*root, None)];
        for _ in 0..MAX_LEVELS {
            let fetched: Vec<(ManifestDigest, Manifest)> = stream::iter(level)
                .map(|(digest, size_bytes)| fetch(source, digest, size_bytes))
                .buffered(AT_ONCE)
                .try_collect()
                .await?;
            level = Vec::new();
            for (digest, manifest) in fetched {
                level.extend(gathered.add(&source.repository.pinned(digest), digest, manifest)?);
            }
            if level.is_empty() {
                return Ok(gathered.sorted(root));
            }
        }
        Err(RegistryError::malformed(&source.repository.pinned(*root), "its indexes are nested too deeply"))
    }
}

/// The blobs of these manifests with their sizes in bytes, so that no large one is left for the end.
pub(super) fn largest_first<'p>(parts: impl IntoIterator<Item = &'p Part>) -> Vec<(ManifestDigest, u64)> {
    let blobs: BTreeMap<_, _> = parts.into_iter().flat_map(|part| part.names.blobs.iter().copied()).collect();
    let mut blobs: Vec<_> = blobs.into_iter().collect();
    blobs.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    blobs
}

/// A manifest that must be there, of this size if one was promised.
async fn fetch(
    source: &Endpoint<'_>,
    digest: ManifestDigest,
    size_bytes: Option<u64>,
) -> Result<(ManifestDigest, Manifest), RegistryError> {
    let image = source.repository.pinned(digest);
    let manifest = source.transport.manifest(&image).await?;
    let manifest = manifest.ok_or_else(|| RegistryError::missing(&image))?;
    if size_bytes.is_some_and(|size| size != manifest.bytes.len() as u64) {
        return Err(RegistryError::malformed(&image, "it is not of the size that its index says"));
    }
    Ok((digest, manifest))
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Gathered {
    manifests: BTreeMap<ManifestDigest, Part>,
    blobs: BTreeMap<ManifestDigest, u64>,
    /// Fetched, or about to be.
    known: BTreeSet<ManifestDigest>,
    bytes: usize,
}

impl Gathered {
    /// Returns the manifests that are named for the first time, with the sizes they must have.
    fn add(
        &mut self,
        image: &ImageRef,
        digest: ManifestDigest,
        manifest: Manifest,
    ) -> Result<Vec<(ManifestDigest, Option<u64>)>, RegistryError> {
        let malformed = |what| RegistryError::malformed(image, what);
        let names = Named::read(&manifest).map_err(malformed)?;
        self.known.insert(digest);
        self.bytes += manifest.bytes.len();
        for (blob, size) in &names.blobs {
            if self.blobs.insert(*blob, *size).is_some_and(|earlier| earlier != *size) {
                return Err(malformed("it gives one blob two sizes"));
            }
        }
        let new = names.manifests.iter().filter(|(child, _)| self.known.insert(*child));
        let new: Vec<_> = new.map(|(child, size)| (*child, Some(*size))).collect();
        self.manifests.insert(digest, Part { digest, manifest, names });
        if self.known.len() > MAX_MANIFESTS || self.blobs.len() > MAX_BLOBS || self.bytes > MAX_BYTES {
            return Err(malformed("it names more than an image can be made of"));
        }
        Ok(new)
    }

    fn sorted(mut self, root: &ManifestDigest) -> Contents {
        let mut manifests = Vec::new();
        self.take(root, &mut manifests);
        Contents { manifests }
    }

    /// Moves a manifest behind those that it names. Ends: no manifest can name itself by its own hash.
    fn take(&mut self, digest: &ManifestDigest, sorted: &mut Vec<Part>) {
        if let Some(part) = self.manifests.remove(digest) {
            for (child, _) in &part.names.manifests {
                self.take(child, sorted);
            }
            sorted.push(part);
        }
    }
}

/// What one manifest names, with sizes in bytes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Named {
    manifests: Vec<(ManifestDigest, u64)>,
    blobs: Vec<(ManifestDigest, u64)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    media_type: Option<String>,
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

impl Named {
    /// Reads a manifest as what the registry says that it is.
    ///
    /// One that could be read as both an image and an index is refused: two readers could see two images in it.
    fn read(manifest: &Manifest) -> Result<Self, &'static str> {
        let document: Document =
            serde_json::from_slice(&manifest.bytes).map_err(|_| "it is not a manifest")?;
        if document.media_type.is_some_and(|stated| stated != manifest.media_type) {
            return Err("it is of another type than the registry says");
        }
        let is_index = [OCI_INDEX, DOCKER_LIST].contains(&&*manifest.media_type);
        match (is_index, document.manifests, document.config, document.layers) {
            (true, Some(manifests), None, None) => {
                Ok(Self { manifests: all(&manifests)?, blobs: Vec::new() })
            }
            (false, None, Some(config), Some(mut layers)) => {
                layers.retain(Descriptor::may_be_distributed);
                layers.push(config);
                Ok(Self { manifests: Vec::new(), blobs: all(&layers)? })
            }
            _ => Err("it is neither an image nor an index"),
        }
    }
}

fn all(descriptors: &[Descriptor]) -> Result<Vec<(ManifestDigest, u64)>, &'static str> {
    let read = |each: &Descriptor| Some((each.digest.parse().ok()?, each.size));
    descriptors.iter().map(read).collect::<Option<_>>().ok_or("it names something by other than SHA-256")
}

impl Descriptor {
    fn may_be_distributed(&self) -> bool {
        !self.media_type.contains(".nondistributable.") && !self.media_type.contains(".foreign.")
    }
}

#[cfg(test)]
mod tests;
