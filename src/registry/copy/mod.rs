//! Copies images from one registry to another, byte for byte and without an engine.
//!
//! Blobs go first, then manifests, children before the index that names them: whatever is interrupted leaves nothing
//! that names what isn't there, and what is there is not sent again. No tag is written: callers copy all their
//! images, then tag them.

mod blob_copier;
mod contents;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;

use self::blob_copier::{BlobCopier, BlobOutcome};
use self::contents::Contents;
use super::manifest::Manifest;
use super::transport::Transport;
use super::{Registry, RegistryError};
use crate::model::{Host, ImageRef, ManifestDigest, RepositoryName};

/// Blobs under way at a time. Each takes memory for its two connections.
const AT_ONCE: usize = 5;

/// A repository that is copied from or to.
#[derive(Clone, Debug)]
pub struct Endpoint<'a> {
    transport: &'a Transport,
    host: &'a Host,
    repository: ImageRef,
}

impl<'a> Endpoint<'a> {
    /// # Errors
    /// [`RegistryError::NotARegistry`] for the engine's own store.
    pub fn new(registry: &'a dyn Registry, repository: &RepositoryName) -> Result<Self, RegistryError> {
        let oci =
            registry.oci().ok_or_else(|| RegistryError::NotARegistry { repository: repository.clone() })?;
        Ok(Self { transport: oci.transport(), host: oci.host(), repository: oci.repository(repository) })
    }
}

/// What had to be done so that an image is on the other side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Copied {
    /// Of blobs.
    pub bytes_sent: u64,
    pub blobs_sent: usize,
    /// They were there.
    pub blobs_skipped: usize,
    /// Taken over from another repository of the same registry.
    pub blobs_mounted: usize,
    /// Those that were not there, indexes included.
    pub manifests_sent: usize,
}

/// Copies what stands under `digest`, an image or an index with all that it names.
///
/// # Errors
/// [`RegistryError::Missing`] when the source lacks any of it, [`RegistryError::DigestMismatch`] when something there
/// is not what its digest says, [`RegistryError::Malformed`] for manifests that are broken or without measure, and
/// any trouble with either registry that outlasts its retry_policy. What has been copied by then stays.
pub async fn image(
    source: &Endpoint<'_>,
    destination: &Endpoint<'_>,
    digest: &ManifestDigest,
) -> Result<Copied, RegistryError> {
    let contents = Contents::gather(source, digest).await?;
    let copier = BlobCopier::new(source, destination)?;
    let mut copied = stream::iter(contents.largest_first())
        .map(|(digest, size_bytes)| copier.copy(digest, size_bytes))
        .buffer_unordered(AT_ONCE)
        .try_fold(Copied::default(), async |copied, outcome| Ok(copied.and(outcome)))
        .await?;
    for (digest, manifest) in contents.manifests {
        if put_unless_there(destination, digest, &manifest).await? {
            copied.manifests_sent += 1;
        }
    }
    Ok(copied)
}

/// Whether it had to be put there.
async fn put_unless_there(
    destination: &Endpoint<'_>,
    digest: ManifestDigest,
    manifest: &Manifest,
) -> Result<bool, RegistryError> {
    let image = destination.repository.pinned(digest);
    if destination.transport.has_manifest(&image, digest).await? {
        return Ok(false);
    }
    destination.transport.put_manifest(&image, manifest).await?;
    Ok(true)
}

impl Copied {
    fn and(mut self, outcome: BlobOutcome) -> Self {
        match outcome {
            BlobOutcome::Sent { bytes } => {
                self.blobs_sent += 1;
                self.bytes_sent += bytes;
            }
            BlobOutcome::Skipped => self.blobs_skipped += 1,
            BlobOutcome::Mounted => self.blobs_mounted += 1,
        }
        self
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
