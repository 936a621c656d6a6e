//! The build records that a run looks at: those that its base may come from, and those that its own is kept beside.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::{ObserveError, Zone};
use crate::ci::CommitContext;
use crate::model::{BranchName, CommitId, RepositoryName, Tag};
use crate::record::BuildRecord;
use crate::registry::Registry;
use crate::workspace::Workspace;

/// How many questions are under way at once.
const AT_ONCE: usize = 32;

/// Build records by repository and tag. What is no record that this version knows is not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildRecords(BTreeMap<(RepositoryName, Tag), BuildRecord>);

impl BuildRecords {
    /// Asks for records, all at once.
    ///
    /// # Errors
    /// [`ObserveError::Record`] when the registry can't be asked.
    async fn read(
        registry: &dyn Registry,
        places: BTreeSet<(RepositoryName, Tag)>,
    ) -> Result<Self, ObserveError> {
        let questions = places.into_iter().map(|(repository, tag)| async {
            let record = recorded(registry, &repository, &tag).await?;
            Ok::<_, ObserveError>(record.map(|record| ((repository, tag), record)))
        });
        let found: Vec<Option<_>> = stream::iter(questions).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(Self(found.into_iter().flatten().collect()))
    }

    pub fn get(&self, repository: &RepositoryName, tag: &Tag) -> Option<&BuildRecord> {
        self.0.get(&(repository.clone(), tag.clone()))
    }

    /// Whether any record of this repository is among them.
    pub fn has_any_of(&self, repository: &RepositoryName) -> bool {
        self.0.keys().any(|(of, _)| of == repository)
    }

    /// The record of the head's branch, else that of the default branch.
    pub fn newest(&self, workspace: &Workspace, zone: Zone, context: &CommitContext) -> Option<&BuildRecord> {
        branches(workspace, zone, context)
            .find_map(|(zone, branch)| self.get(&zone.records(workspace), &Tag::branch(branch)))
    }
}

/// Asks for the records of the head itself, of its branch and the default branch, and of `commits`.
///
/// # Errors
/// [`ObserveError::Record`] when the registry can't be asked.
pub async fn build_records(
    registry: &dyn Registry,
    workspace: &Workspace,
    zone: Zone,
    context: &CommitContext,
    commits: &[CommitId],
) -> Result<BuildRecords, ObserveError> {
    let of_branches = branches(workspace, zone, context).map(|(zone, branch)| (zone, Tag::branch(branch)));
    let written = context.branch_name().map(Tag::branch).into_iter().chain([Tag::commit(&context.commit())]);
    let of_head = written.map(|tag| (zone, tag));
    let of_commits = commits
        .iter()
        .flat_map(|commit| zone.readable().iter().map(move |zone| (*zone, Tag::commit(commit))));
    let all = of_branches.chain(of_head).chain(of_commits);
    BuildRecords::read(registry, all.map(|(zone, tag)| (zone.records(workspace), tag)).collect()).await
}

/// The branches whose newest records are read, the head's first, each in its zone.
///
/// Only the zone of its own has records of a branch; those of the default branch are where all read.
pub(super) fn branches<'b>(
    workspace: &'b Workspace,
    zone: Zone,
    context: &'b CommitContext,
) -> impl Iterator<Item = (Zone, &'b BranchName)> {
    let default_branch = &workspace.settings.default_branch;
    let other_branch = context.branch_to_read().filter(move |branch| *branch != default_branch);
    other_branch.map(|branch| (zone, branch)).into_iter().chain([(Zone::Protected, default_branch)])
}

/// The build record under a tag of a repository of records.
///
/// # Errors
/// [`ObserveError::Record`] when the registry can't be asked.
pub async fn recorded(
    registry: &dyn Registry,
    records: &RepositoryName,
    tag: &Tag,
) -> Result<Option<BuildRecord>, ObserveError> {
    let asked = registry.artifact(records, tag).await;
    let Some(document) = asked.map_err(ObserveError::Record)? else { return Ok(None) };
    match BuildRecord::from_bytes(&document) {
        Ok(record) => Ok(Some(record)),
        Err(error) => {
            // A record of another version is as good as none: more counts as changed.
            tracing::info!(%tag, %error, "a build record can't be read");
            Ok(None)
        }
    }
}
