//! Reads what the cache has, and deletes what was decided.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use thiserror::Error;

use super::{Image, Observed, Record, Removal, Removals};
use crate::model::{CommitId, ErrorKind, ManifestDigest, RepositoryName, Tag};
use crate::record::{BuildRecord, RecordError};
use crate::registry::{OciRegistry, Registry, RegistryError};

/// How many questions are under way at once.
pub(super) const AT_ONCE: usize = 32;

/// Why nothing, or not all, was deleted.
#[derive(Debug, Error)]
pub enum PruneError {
    #[error("the images are in the Docker engine's own store")]
    NotARegistry,
    #[error("cannot see what `{repository}` has")]
    Read {
        repository: RepositoryName,
        #[source]
        source: Box<RegistryError>,
    },
    /// It may be one of a newer version.
    #[error("cannot read the record `{tag}` of an environment")]
    Record {
        tag: Tag,
        #[source]
        source: RecordError,
    },
    #[error("`{environment}` is being deployed: {holder}")]
    Deploying { environment: String, holder: String },
    #[error("cannot delete `{digest}` of `{repository}`")]
    Delete {
        repository: RepositoryName,
        digest: ManifestDigest,
        #[source]
        source: Box<RegistryError>,
    },
}

impl PruneError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotARegistry => ErrorKind::Input,
            Self::Record { source, .. } => source.kind(),
            Self::Deploying { .. } => ErrorKind::Environment,
            Self::Read { source, .. } | Self::Delete { source, .. } => source.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotARegistry => Some(
                "`--local` deletes what builds left there, and `docker image prune` what nobody uses"
                    .to_owned(),
            ),
            Self::Record { source, .. } => source.hint(),
            Self::Deploying { environment, .. } => Some(format!(
                "wait until it has ended; `chinampa unlock -e {environment} --force` removes the lock of one that died"
            )),
            Self::Read { source, .. } | Self::Delete { source, .. } => source.hint(),
        }
    }
}

/// Reads tags, records, and when images were built.
///
/// # Errors
/// [`PruneError`] when anything can't be read: what is not seen can't be known to be unused.
pub async fn observe(
    registry: &dyn Registry,
    images: &BTreeSet<RepositoryName>,
    records: &BTreeSet<RepositoryName>,
    committed: &dyn Fn(CommitId) -> Option<SystemTime>,
) -> Result<Observed, PruneError> {
    let mut observed = Observed { images: self::images(registry, images).await?, records: Vec::new() };
    for repository in records {
        let read = |source| PruneError::Read { repository: repository.clone(), source: Box::new(source) };
        for (digest, tags) in tagged(registry, repository).await.map_err(read)? {
            let Some(tag) = tags.first() else { continue };
            let Some(document) = registry.artifact(repository, tag).await.map_err(read)? else { continue };
            // Locks, deployed records, and what another version wrote are none of ours to delete.
            let Ok(record) = BuildRecord::from_bytes(&document) else { continue };
            let committed = committed(record.commit);
            observed.records.push(Record { repository: repository.clone(), digest, tags, record, committed });
        }
    }
    Ok(observed)
}

/// The images of these repositories that have tags, and when they were built; in the order of repositories and digests.
pub(super) async fn images(
    registry: &dyn Registry,
    repositories: &BTreeSet<RepositoryName>,
) -> Result<Vec<Image>, PruneError> {
    let oci = registry.oci().ok_or(PruneError::NotARegistry)?;
    let mut images = Vec::new();
    for repository in repositories {
        let read = |source| PruneError::Read { repository: repository.clone(), source: Box::new(source) };
        let tagged = tagged(registry, repository).await.map_err(read)?;
        let found = tagged.into_iter().map(|(digest, tags)| async move {
            let described = oci.describe(repository, &digest).await?;
            let created = described.created.and_then(|text| humantime::parse_rfc3339_weak(&text).ok());
            let (children, blobs) = (described.children.into_iter().collect(), described.blobs);
            Ok(Image { repository: repository.clone(), digest, tags, children, created, blobs })
        });
        let found = stream::iter(found).buffer_unordered(AT_ONCE).try_collect::<Vec<_>>().await;
        let mut found = found.map_err(read)?;
        blobs_of_indexes(oci, &mut found).await.map_err(read)?;
        images.append(&mut found);
    }
    images.sort_by(|one, other| (&one.repository, &one.digest).cmp(&(&other.repository, &other.digest)));
    Ok(images)
}

/// Gives the indexes of a repository the blobs of all images that they list.
async fn blobs_of_indexes(oci: &OciRegistry, images: &mut [Image]) -> Result<(), RegistryError> {
    let mut blobs: BTreeMap<ManifestDigest, BTreeMap<ManifestDigest, u64>> =
        images.iter().map(|image| (image.digest, image.blobs.clone())).collect();
    for image in images.iter_mut().filter(|image| !image.children.is_empty()) {
        for child in &image.children {
            if !blobs.contains_key(child) {
                let described = oci.describe(&image.repository, child).await?;
                blobs.insert(*child, described.blobs);
            }
        }
        image.blobs =
            image.children.iter().filter_map(|child| blobs.get(child)).flatten().map(copied).collect();
    }
    Ok(())
}

fn copied((digest, bytes): (&ManifestDigest, &u64)) -> (ManifestDigest, u64) {
    (*digest, *bytes)
}

/// Deletes what was decided, records first; returns what it deleted if that is not all.
///
/// # Errors
/// [`PruneError::Delete`] for the first that can't be deleted. What comes after it stays.
pub async fn delete(
    registry: &dyn Registry,
    removals: &Removals,
    on_removed: &(dyn Fn(&Removal) + Send + Sync),
) -> Result<(), PruneError> {
    for removal in removals.records.iter().chain(&removals.images) {
        let Removal { repository, digest, .. } = removal;
        let deleted = registry.delete(repository, digest).await;
        deleted.map_err(|source| PruneError::Delete {
            repository: repository.clone(),
            digest: *digest,
            source: Box::new(source),
        })?;
        on_removed(removal);
    }
    Ok(())
}

/// The tags of each image or document of a repository.
async fn tagged(
    registry: &dyn Registry,
    repository: &RepositoryName,
) -> Result<BTreeMap<ManifestDigest, BTreeSet<Tag>>, RegistryError> {
    let tags = registry.tags(repository).await?;
    let asked = tags.into_iter().map(|tag| async move {
        let digest = registry.find(repository, &tag).await?;
        Ok::<_, RegistryError>(digest.map(|digest| (digest, tag)))
    });
    let found: Vec<Option<_>> = stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await?;
    let mut tagged: BTreeMap<ManifestDigest, BTreeSet<Tag>> = BTreeMap::new();
    for (digest, tag) in found.into_iter().flatten() {
        tagged.entry(digest).or_default().insert(tag);
    }
    Ok(tagged)
}
