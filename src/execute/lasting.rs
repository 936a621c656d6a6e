//! Marks the images that the newest build records of the default branch name, so that they last.
//!
//! The registry may remove what was pushed long ago, and an image that is reused stays as old as it was. So the
//! image of the newest record has a tag of its own, and one that is no longer named gets one of a ring of tags: the tag
//! stays with it for as many records as there are such tags.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::record::RecordingError;
use crate::model::{ProjectName, Tag};
use crate::observe::Zone;
use crate::record::{BuildRecord, RecordedImage};
use crate::registry::{Registry, RegistryError, Storage};
use crate::workspace::Workspace;

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
) -> Result<(), RecordingError> {
    if registry.storage() == Storage::Engine {
        return Ok(());
    }
    let none = BTreeMap::new();
    let before = before.map_or(&none, |before| &before.projects);
    // What is in another zone's repository is not this run's to mark.
    let is_own = |name: &ProjectName, image: &RecordedImage| {
        workspace.projects.contains_key(name) && image.repository == zone.repository(workspace, name).as_str()
    };
    let changed = |of: &'_ BTreeMap<ProjectName, RecordedImage>, others: &BTreeMap<_, _>| {
        let images = of.iter().filter(|(name, image)| {
            others.get(*name).map(|it: &RecordedImage| it.image) != Some(image.image) && is_own(name, image)
        });
        images.map(|(_, image)| image.clone()).collect::<Vec<_>>()
    };
    let slot = Tag::earlier_record(record.sequence % MAX_RECORDS);
    let old = changed(before, &record.projects).into_iter().map(|image| (image, slot.clone()));
    let new = changed(&record.projects, before).into_iter().map(|image| (image, Tag::newest_record()));
    // An image that loses its tag has the other one by then.
    for images in [old.collect::<Vec<_>>(), new.collect()] {
        let marked = images.into_iter().map(async |(image, tag)| {
            match registry.tag(&image.repository()?, &image.image, &[tag]).await {
                // It has not lasted.
                Err(RegistryError::Missing { .. }) => Ok(()),
                tagged => tagged.map_err(RecordingError::from),
            }
        });
        stream::iter(marked).buffer_unordered(MAX_CONCURRENT_TAGS).try_collect::<()>().await?;
    }
    Ok(())
}
