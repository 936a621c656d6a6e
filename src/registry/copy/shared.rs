//! What the copies of several images to one registry have in common: each blob is sent there once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use crate::model::{ManifestDigest, RepositoryName};
use crate::registry::RegistryError;

/// Blobs that are sent at a time. Each takes memory for its two connections.
const MAX_CONCURRENT_BLOBS: usize = 20;

/// The repository of the registry that each blob was first copied to.
#[derive(Debug)]
pub(super) struct SharedBlobs {
    places: Mutex<BTreeMap<ManifestDigest, Arc<OnceCell<RepositoryName>>>>,
    permits: Semaphore,
}

impl Default for SharedBlobs {
    fn default() -> Self {
        Self { places: Mutex::default(), permits: Semaphore::new(MAX_CONCURRENT_BLOBS) }
    }
}

impl SharedBlobs {
    /// Where the blob is. The first who asks copies it while the others wait; when that fails, the next one does.
    pub(super) async fn first_copy(
        &self,
        digest: ManifestDigest,
        copy: impl AsyncFnOnce() -> Result<RepositoryName, RegistryError>,
    ) -> Result<RepositoryName, RegistryError> {
        let place = {
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(places.entry(digest).or_default())
        };
        place.get_or_try_init(async || copy().await).await.cloned()
    }

    /// Waits until one more blob may be sent.
    pub(super) async fn may_send(&self) -> SemaphorePermit<'_> {
        self.permits.acquire().await.expect("nobody closes it")
    }
}
