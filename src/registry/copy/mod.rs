//! Copies images from one registry to another, byte for byte and without an engine.
//!
//! Blobs go first, then manifests, children before the index that names them: whatever is interrupted leaves nothing
//! that names what isn't there, and what is there is not sent again. What refers to an image, such as its signature, goes
//! after it. No tag is written but those that list what refers to an image: callers copy all their images, then tag them.

mod blob_copier;
mod contents;
mod cosign_tags;
mod referrers;
mod shared;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;

use self::blob_copier::{BlobCopier, BlobOutcome};
use self::contents::{Contents, Part, largest_first};
use self::shared::SharedBlobs;
use super::transport::Transport;
use super::{Registry, RegistryError};
use crate::model::{ImageRef, ManifestDigest, RepositoryName};

/// Blobs of one image, and manifests, under way at a time.
const AT_ONCE: usize = 5;

/// A repository that is copied from or to.
#[derive(Clone, Debug)]
pub struct Endpoint<'a> {
    transport: &'a Transport,
    repository: ImageRef,
}

impl<'a> Endpoint<'a> {
    /// # Errors
    /// [`RegistryError::NotARegistry`] for the engine's own store.
    pub fn new(registry: &'a dyn Registry, repository: &RepositoryName) -> Result<Self, RegistryError> {
        let oci =
            registry.oci().ok_or_else(|| RegistryError::NotARegistry { repository: repository.clone() })?;
        Ok(Self { transport: oci.transport(), repository: oci.repository(repository) })
    }
}

/// What had to be done so that an image is on the other side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Copied {
    /// Of blobs.
    pub bytes_sent: u64,
    pub blobs_sent: usize,
    /// They were there. Those of a manifest that was there are not looked at.
    pub blobs_skipped: usize,
    /// Taken over from another repository of the same registry.
    pub blobs_mounted: usize,
    /// Those that were not there, indexes included.
    pub manifests_sent: usize,
}

/// Copies of several images to one registry, at the same time or one after the other. What they share is sent once.
#[derive(Debug, Default)]
pub struct Copies {
    blobs: SharedBlobs,
    cosign_tags: CosignTags,
}

/// Of which images the tags are looked for that cosign makes from digests. That takes three requests an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CosignTags {
    #[default]
    OfAll,
    /// Of those that the destination lacks.
    OfNew,
}

/// Copies one image, as [`Copies::copy`] does.
///
/// # Errors
/// Those of [`Copies::copy`].
pub async fn image(
    source: &Endpoint<'_>,
    destination: &Endpoint<'_>,
    digest: &ManifestDigest,
) -> Result<Copied, RegistryError> {
    Copies::default().copy(source, destination, digest).await
}

impl Copies {
    pub fn new(cosign_tags: CosignTags) -> Self {
        Self { cosign_tags, ..Self::default() }
    }

    /// Copies what stands under `digest`, an image or an index with all that it names, and the artifacts that refer to
    /// it. A manifest that is there is there with all that it names.
    ///
    /// # Errors
    /// [`RegistryError::Missing`] when the source lacks any of it, [`RegistryError::DigestMismatch`] when something there
    /// is not what its digest says, [`RegistryError::Malformed`] for manifests that are broken or without measure, and
    /// any trouble with either registry that outlasts its retry_policy. What has been copied by then stays.
    pub async fn copy(
        &self,
        source: &Endpoint<'_>,
        destination: &Endpoint<'_>,
        digest: &ManifestDigest,
    ) -> Result<Copied, RegistryError> {
        let mut copied = Copied::default();
        self.copy_contents(source, destination, digest, &mut copied).await?;
        let cosign_tags = self.cosign_tags == CosignTags::OfAll || copied.manifests_sent > 0;
        self.copy_referrers(source, destination, digest, cosign_tags, &mut copied).await?;
        Ok(copied)
    }

    async fn copy_contents(
        &self,
        source: &Endpoint<'_>,
        destination: &Endpoint<'_>,
        digest: &ManifestDigest,
        copied: &mut Copied,
    ) -> Result<(), RegistryError> {
        if is_there(destination, digest).await? {
            return Ok(());
        }
        let contents = Contents::gather(source, digest).await?;
        let missing = missing(destination, &contents, digest).await?;
        let copier = BlobCopier { source, destination, shared: &self.blobs };
        let mut outcomes = stream::iter(largest_first(missing.iter().copied()))
            .map(|(digest, size_bytes)| copier.copy(digest, size_bytes))
            .buffer_unordered(AT_ONCE);
        while let Some(outcome) = outcomes.try_next().await? {
            copied.add(outcome);
        }
        for part in missing {
            destination.transport.store_manifest(&destination.repository, &part.manifest).await?;
            copied.manifests_sent += 1;
        }
        Ok(())
    }
}

/// Those of the manifests that the destination lacks, in their order. The root is known to be one of them.
async fn missing<'c>(
    destination: &Endpoint<'_>,
    contents: &'c Contents,
    root: &ManifestDigest,
) -> Result<Vec<&'c Part>, RegistryError> {
    let missing = contents.manifests.iter().map(|part| async move {
        let is_there = part.digest != *root && is_there(destination, &part.digest).await?;
        Ok((!is_there).then_some(part))
    });
    stream::iter(missing).buffered(AT_ONCE).try_filter_map(async |part| Ok(part)).try_collect().await
}

async fn is_there(destination: &Endpoint<'_>, digest: &ManifestDigest) -> Result<bool, RegistryError> {
    destination.transport.has_manifest(&destination.repository.pinned(*digest), *digest).await
}

impl Copied {
    fn add(&mut self, outcome: BlobOutcome) {
        match outcome {
            BlobOutcome::Sent { bytes } => {
                self.blobs_sent += 1;
                self.bytes_sent += bytes;
            }
            BlobOutcome::Skipped => self.blobs_skipped += 1,
            BlobOutcome::Mounted => self.blobs_mounted += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::EngineStore;

    #[test]
    fn the_engines_own_store_is_no_side_of_a_copy() {
        let store = EngineStore::without_an_engine();

        let error = Endpoint::new(&store, &"api".parse().unwrap()).unwrap_err();

        assert_eq!(
            error.to_string(),
            "`api` is in the Docker engine's own store, and images are copied between registries only"
        );
    }
}
