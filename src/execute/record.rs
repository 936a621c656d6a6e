//! Writes the build record, which says that every image of a commit is there.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use super::lasting;
use super::report::{BuildReport, Outcome};
use super::schedule::Durations;
use crate::model::{BranchName, CommitId, ErrorKind, ImageRef, ProjectName, RepositoryName, Tag};
use crate::observe::{self, BuildRecords, ObserveError, Zone};
use crate::plan::{Action, Plan};
use crate::record::{ARTIFACT_TYPE, BuildRecord, RecordError, RecordedImage};
use crate::registry::{Registry, RegistryError};
use crate::workspace::Workspace;

/// Why a complete build could not be recorded.
#[derive(Debug, Error)]
pub enum RecordingError {
    #[error("cannot write the build record")]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Content(#[from] RecordError),
    #[error("cannot read the branch's build record before it is written")]
    Before(#[source] ObserveError),
}

impl RecordingError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Registry(error) => error.kind(),
            Self::Content(error) => error.kind(),
            Self::Before(error) => error.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Registry(error) => error.hint(),
            Self::Content(error) => error.hint(),
            Self::Before(error) => error.hint(),
        }
    }
}

/// What the build record of a commit is made from.
#[derive(Clone, Copy)]
pub struct Recording<'r> {
    pub registry: &'r dyn Registry,
    pub workspace: &'r Workspace,
    pub zone: Zone,
    pub branch: Option<&'r BranchName>,
    pub plan: &'r Plan,
    pub report: &'r BuildReport,
    /// The records that were there before.
    pub records: &'r BuildRecords,
    /// The one of them that durations are taken over from: that of the branch, else that of the default branch.
    pub before: Option<&'r BuildRecord>,
    pub durations: &'r Durations,
}

impl fmt::Debug for Recording<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Recording").field("branch", &self.branch).finish_non_exhaustive()
    }
}

/// Writes the build record when every project of the graph has its image of a commit; returns where it is. A record
/// that is there is left alone.
///
/// `may_move` is asked whether the record of the branch may move from the commit that it is of.
///
/// # Errors
/// [`RecordingError`], and what `may_move` fails with; the images are there all the same.
pub async fn record<E: From<RecordingError>>(
    recording: Recording<'_>,
    may_move: impl FnOnce(CommitId) -> Result<bool, E>,
) -> Result<Option<ImageRef>, E> {
    let Recording { registry, workspace, zone, branch, plan, .. } = recording;
    let mut record = recording.build_record();
    if plan.is_dirty {
        return Ok(None);
    }
    if record.projects.len() < workspace.projects.len() {
        recording.leave_timings(&record.projects).await;
        return Ok(None);
    }
    let is_there = |there: Option<&BuildRecord>| {
        there.is_some_and(|there| there.commit == record.commit && there.projects == record.projects)
    };
    let repository = &zone.records(workspace);
    let commit_tag = Tag::commit(&plan.head);
    let mut tags = Vec::new();
    let of_commit = recording.of_commit(repository, &commit_tag).await.map_err(RecordingError::Before)?;
    if !is_there(of_commit.as_ref()) {
        tags.push(commit_tag.clone());
    }
    if let Some(tag) = branch.map(Tag::branch) {
        let before = recording.newest_of_branch(repository, &tag).await.map_err(RecordingError::Before)?;
        let may_move = |before: &BuildRecord| may_move(before.commit);
        if !is_there(before.as_ref()) && before.as_ref().map_or(Ok(true), may_move)? {
            record.sequence = before.as_ref().map_or(0, |before| before.sequence + 1);
            if branch == Some(&workspace.settings.default_branch) {
                let marked = lasting::mark(registry, workspace, zone, before.as_ref(), &record).await;
                marked.map_err(RecordingError::from)?;
            }
            tags.push(tag);
        }
    }
    if !tags.is_empty() {
        recording.complete_timings(&mut record).await;
        recording.write(repository, &record, &tags).await?;
    }
    Ok(Some(registry.image(repository, &commit_tag)))
}

impl Recording<'_> {
    fn build_record(&self) -> BuildRecord {
        let projects = images(self.workspace, self.zone, self.plan, self.report);
        let builders = projects.keys().map(|name| (name.clone(), self.builders_of(name)));
        BuildRecord {
            commit: self.plan.head,
            branch: self.branch.map(ToString::to_string),
            sequence: 0,
            durations: self.durations_of(&projects),
            builders: builders.filter(|(_, builders)| !builders.is_empty()).collect(),
            projects,
        }
    }

    /// The commit's record. Where other jobs built for the same commit, one of them may have written it.
    async fn of_commit(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<BuildRecord>, ObserveError> {
        let mut outcomes = self.report.projects.values().map(|project| &project.outcome);
        match outcomes.any(|outcome| matches!(outcome, Outcome::BuiltElsewhere { .. })) {
            false => Ok(self.records.get(repository, tag).cloned()),
            true => observe::recorded(self.registry, repository, tag).await,
        }
    }

    /// The branch's record. While something was built, another run may have moved it.
    async fn newest_of_branch(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<BuildRecord>, ObserveError> {
        match self.plan.builds().next() {
            None => Ok(self.records.get(repository, tag).cloned()),
            Some(_) => observe::recorded(self.registry, repository, tag).await,
        }
    }

    async fn write(
        &self,
        repository: &RepositoryName,
        record: &BuildRecord,
        tags: &[Tag],
    ) -> Result<(), RecordingError> {
        if !self.records.has_any_of(repository) {
            self.registry.ensure_repository(repository).await?;
        }
        self.registry.put_artifact(repository, ARTIFACT_TYPE, record.to_bytes()?.into(), tags).await?;
        Ok(())
    }
}

/// The image of each planned project that has one.
fn images(
    workspace: &Workspace,
    zone: Zone,
    plan: &Plan,
    report: &BuildReport,
) -> BTreeMap<ProjectName, RecordedImage> {
    let recorded = |step: &crate::plan::Step| {
        let name = &step.impact.project;
        let image = match report.projects.get(name)?.outcome {
            Outcome::Built { digest, .. }
            | Outcome::BuiltElsewhere { digest, .. }
            | Outcome::Reused { digest, .. }
            | Outcome::Pulled { digest, .. } => digest,
            Outcome::Failed { .. } | Outcome::Blocked { .. } | Outcome::Cancelled => return None,
        };
        let repository = match &step.action {
            Action::Reuse(image) => image.repository.clone(),
            // Only a local build keeps an image, and that records nothing.
            Action::Keep(_) => return None,
            Action::Build(_) => zone.repository(workspace, name),
        };
        let repository = repository.to_string();
        Some((name.clone(), RecordedImage { repository, inputs: step.digest, image }))
    };
    plan.steps.iter().filter_map(recorded).collect()
}
