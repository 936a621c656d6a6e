//! Manifests that a registry is known to have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::manifest::Manifest;
use crate::model::{ImageRef, ManifestDigest, RepositoryName};

/// Of all together; when there are more, all are forgotten.
const MAX_BYTES: usize = 8 << 20;

/// The manifests that were read from the repositories of one registry, or stored there, by this program: to write a tag
/// takes the bytes of what it is to stand for.
#[derive(Debug, Default)]
pub(super) struct KnownManifests(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    manifests: BTreeMap<(RepositoryName, ManifestDigest), Manifest>,
    bytes: usize,
    /// Those that were stored there.
    stored: BTreeSet<(RepositoryName, ManifestDigest)>,
}

impl KnownManifests {
    pub(super) fn add(&self, image: &ImageRef, manifest: &Manifest) {
        let mut known = self.known();
        if known.bytes + manifest.bytes.len() > MAX_BYTES {
            *known = Known::default();
        }
        let key = (image.repository.clone(), manifest.digest());
        if known.manifests.insert(key, manifest.clone()).is_none() {
            known.bytes += manifest.bytes.len();
        }
    }

    /// Adds a manifest that this program has stored.
    pub(super) fn add_stored(&self, image: &ImageRef, manifest: &Manifest) {
        self.add(image, manifest);
        self.known().stored.insert((image.repository.clone(), manifest.digest()));
    }

    /// Whether this program has stored it, as far as that is remembered.
    pub(super) fn was_stored(&self, repository: &RepositoryName, digest: &ManifestDigest) -> bool {
        self.known().stored.contains(&(repository.clone(), *digest))
    }

    pub(super) fn find(&self, repository: &RepositoryName, digest: &ManifestDigest) -> Option<Manifest> {
        self.known().manifests.get(&(repository.clone(), *digest)).cloned()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::manifest::OCI_IMAGE;

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let known = KnownManifests::default();
        let image: ImageRef = "r.example/api".parse().unwrap();
        let manifest =
            |byte| Manifest { bytes: vec![byte; MAX_BYTES / 2].into(), media_type: OCI_IMAGE.into() };
        let is_known = |byte| known.find(&image.repository, &manifest(byte).digest()).is_some();

        known.add(&image, &manifest(1));
        known.add(&image, &manifest(1));
        known.add(&image, &manifest(2));
        assert!(is_known(1) && is_known(2));
        known.add(&image, &manifest(3));

        assert!(!is_known(1) && is_known(3));
    }
}
