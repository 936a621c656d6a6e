//! Marks the images that the newest build records of the default branch name, so that they last.
//!
//! The registry may remove what was pushed long ago, and an image that is reused stays as old as it was. So the
//! image of the newest record has a tag of its own, and one that is no longer named gets one of a ring of tags: the tag
//! stays with it for as many records as there are such tags.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::model::{ManifestDigest, ProjectName, RepositoryName, Tag};
use crate::observe::Zone;
use crate::record::{BuildRecord, RecordedImage};
use crate::registry::{Registry, RegistryError, Storage};
use crate::workspace::Workspace;

type Images = BTreeMap<ProjectName, RecordedImage>;

/// How many records of the default branch keep their images.
const MAX_RECORDS: u64 = 50;

/// How many tags are written at once.
const MAX_CONCURRENT_TAGS: usize = 32;

/// Marks the images that a record names and `before` did not, and those that only `before` named.
pub(super) async fn mark(
    registry: &dyn Registry,
    workspace: &Workspace,
    zone: Zone,
    before: Option<&BuildRecord>,
    record: &BuildRecord,
) -> Result<(), RegistryError> {
    if registry.storage() == Storage::Engine {
        return Ok(());
    }
    let none = Images::new();
    let before = before.map_or(&none, |before| &before.projects);
    let changed = |of: &Images, others: &Images| -> Vec<(RepositoryName, ManifestDigest)> {
        let changed = of.iter().filter(|(name, image)| {
            others.get(*name).map(|other| other.image) != Some(image.image)
                && workspace.projects.contains_key(*name)
        });
        let in_repository = changed.map(|(name, image)| (zone.repository(workspace, name), image));
        // What is in another zone's repository is not this run's to mark.
        let own = in_repository.filter(|(repository, image)| image.repository == repository.as_str());
        own.map(|(repository, image)| (repository, image.image)).collect()
    };
    let slot = Tag::earlier_record(record.sequence % MAX_RECORDS);
    let old = changed(before, &record.projects).into_iter().map(|image| (image, slot.clone()));
    let new = changed(&record.projects, before).into_iter().map(|image| (image, Tag::newest_record()));
    // An image that loses its tag has the other one by then.
    for images in [old.collect::<Vec<_>>(), new.collect()] {
        let marked = images.into_iter().map(async |((repository, image), tag)| {
            match registry.tag(&repository, &image, &[tag]).await {
                // It has not lasted.
                Err(RegistryError::Missing { .. }) => Ok(()),
                tagged => tagged,
            }
        });
        stream::iter(marked).buffer_unordered(MAX_CONCURRENT_TAGS).try_collect::<()>().await?;
    }
    Ok(())
}
