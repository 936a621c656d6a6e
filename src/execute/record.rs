//! Writes the build record, which says that every image of a commit is there.

use std::collections::BTreeMap;

use thiserror::Error;

use super::report::{BuildReport, Outcome};
use crate::model::{BranchName, CommitId, ErrorKind, ImageRef, ProjectName, Tag};
use crate::observe::{self, ObserveError, Zone};
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

/// Writes the build record when every project of the graph has its image of a commit; returns where it is.
///
/// `may_move` is asked whether the record of the branch may move from the commit that it is of.
///
/// # Errors
/// [`RecordingError`], and what `may_move` fails with; the images are there all the same.
pub async fn record<E: From<RecordingError>>(
    registry: &dyn Registry,
    workspace: &Workspace,
    zone: Zone,
    plan: &Plan,
    report: &BuildReport,
    branch: Option<&BranchName>,
    may_move: impl FnOnce(CommitId) -> Result<bool, E>,
) -> Result<Option<ImageRef>, E> {
    let projects = images(workspace, zone, plan, report);
    let repository = &zone.records(workspace);
    if plan.is_dirty || projects.len() < workspace.projects.len() {
        return Ok(None);
    }
    let record = BuildRecord { commit: plan.head, branch: branch.map(ToString::to_string), projects };
    let commit_tag = Tag::commit(&plan.head);
    let mut tags = vec![commit_tag.clone()];
    if let Some(tag) = branch.map(Tag::branch) {
        let before = observe::recorded(registry, repository, &tag).await.map_err(RecordingError::Before)?;
        if before.map_or(Ok(true), may_move)? {
            tags.push(tag);
        }
    }
    let written = async {
        registry.ensure_repository(repository).await?;
        registry.put_artifact(repository, ARTIFACT_TYPE, record.to_bytes()?.into(), &tags).await?;
        Ok::<_, RecordingError>(())
    };
    written.await?;
    Ok(Some(registry.image(repository, &commit_tag)))
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
            Outcome::Built { digest, .. } | Outcome::Reused { digest, .. } => digest,
            Outcome::Failed { .. } | Outcome::Blocked { .. } | Outcome::Cancelled => return None,
        };
        let repository = match &step.action {
            Action::Reuse(image) => image.repository.clone(),
            Action::Build(_) => zone.repository(workspace, name),
        };
        let repository = repository.to_string();
        Some((name.clone(), RecordedImage { repository, inputs: step.digest, image }))
    };
    plan.steps.iter().filter_map(recorded).collect()
}
