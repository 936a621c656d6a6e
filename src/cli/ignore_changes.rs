//! Images that are built again because a `.dockerignore` changed, and nothing else.

use std::collections::BTreeMap;

use super::CommandContext;
use super::repository_context::RepositoryContext;
use crate::dockerignore;
use crate::error::Error;
use crate::git::Snapshot;
use crate::model::{ProjectName, RepoPath};
use crate::observe::{Base, Reason};
use crate::plan::{Plan, Step};
use crate::report::ignore_changes::{self, IgnoreChange};

/// Says which lines changed, and why that builds images.
pub(super) fn say(
    command: &CommandContext,
    repo: &RepositoryContext,
    snapshot: &Snapshot<'_>,
    plan: &Plan,
) -> Result<(), Error> {
    let Base::Known { commit, .. } = &plan.base else { return Ok(()) };
    let mut by_file: BTreeMap<&RepoPath, Vec<ProjectName>> = BTreeMap::new();
    for step in plan.builds() {
        if let Some(path) = only_ignore_file(step) {
            by_file.entry(path).or_default().push(step.impact.project.clone());
        }
    }
    if by_file.is_empty() {
        return Ok(());
    }
    let base = repo.repository.snapshot(*commit)?;
    for (path, projects) in by_file {
        let before = base.read(path)?.unwrap_or_default();
        let after = snapshot.read(path)?.unwrap_or_default();
        let lines = dockerignore::changed_lines(&before, &after);
        let change = IgnoreChange { path: path.clone(), lines, projects };
        command.output.status(&ignore_changes::line(&change));
    }
    Ok(())
}

/// The `.dockerignore` that is the only changed input of a project.
fn only_ignore_file(step: &Step) -> Option<&RepoPath> {
    let mut only = None;
    for reason in step.reasons() {
        match reason {
            Reason::NoImage | Reason::NoImageOfDefaultBranch => {}
            Reason::File { path, .. } if path.as_bytes().ends_with(b".dockerignore") => {
                if only.is_some_and(|only| only != path) {
                    return None;
                }
                only = Some(path);
            }
            _ => return None,
        }
    }
    only
}
