//! Reads what the registries have that environments pull from, and what the records of environments name.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::observe::{AT_ONCE, images};
use super::{Image, PruneError};
use crate::model::{CommitId, ManifestDigest, RepositoryName, Tag};
use crate::record::{BuildRecord, DeployedRecord};
use crate::registry::Registry;

/// What environments run, and ran as far back as their records say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    pub images: BTreeSet<ManifestDigest>,
    /// Those that were deployed, or were begun to be.
    pub commits: BTreeSet<CommitId>,
}

impl Named {
    /// Adds the images that an environment runs, and the commits of its history.
    pub(super) fn add(&mut self, record: &DeployedRecord) {
        self.images.extend(record.projects.values().map(|project| project.image.image));
        self.commits.extend(record.commit);
        self.commits.extend(record.in_progress.as_ref().map(|it| it.commit));
        self.commits.extend(record.projects.values().map(|project| project.commit));
        self.commits.extend(record.history.iter().map(|past| past.commit));
    }
}

/// Reads the record of every environment that has one in this repository, whether a manifest still names it or not.
///
/// # Errors
/// [`PruneError::Read`], and [`PruneError::Record`] for a record of another version: what it names can't be known.
pub async fn named_by_environments(
    target: &dyn Registry,
    records: &RepositoryName,
    named: &mut Named,
) -> Result<(), PruneError> {
    let read = |source| PruneError::Read { repository: records.clone(), source: Box::new(source) };
    let tags = target.tags(records).await.map_err(read)?;
    for tag in tags.into_iter().filter(Tag::is_of_environment) {
        let Some(document) = target.artifact(records, &tag).await.map_err(read)? else { continue };
        let record = DeployedRecord::from_bytes(&document);
        named.add(&record.map_err(|source| PruneError::Record { tag, source })?);
    }
    Ok(())
}

/// Adds the images that the build records of these commits name, as far as the cache still has such records.
///
/// # Errors
/// [`PruneError::Read`]
pub async fn named_by_builds(
    cache: &dyn Registry,
    records: &BTreeSet<RepositoryName>,
    named: &mut Named,
) -> Result<(), PruneError> {
    let asked = records.iter().flat_map(|records| named.commits.iter().map(move |commit| (records, commit)));
    let asked = asked.map(async |(records, commit)| {
        let read = |source| PruneError::Read { repository: records.clone(), source: Box::new(source) };
        let document = cache.artifact(records, &Tag::commit(commit)).await.map_err(read)?;
        // What another version wrote names nothing here; the tags of its commit are kept all the same.
        Ok::<_, PruneError>(document.and_then(|document| BuildRecord::from_bytes(&document).ok()))
    });
    let found: Vec<Option<BuildRecord>> = stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await?;
    let images = found.iter().flatten().flat_map(|record| record.projects.values());
    named.images.extend(images.map(|project| project.image));
    Ok(())
}

/// Reads the images of these repositories that have tags.
///
/// # Errors
/// [`PruneError`] when anything can't be read.
pub async fn observe_deployed(
    target: &dyn Registry,
    repositories: &BTreeSet<RepositoryName>,
) -> Result<Vec<Image>, PruneError> {
    images(target, repositories).await
}
