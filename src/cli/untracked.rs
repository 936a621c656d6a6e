//! Files that would be inputs, if git tracked them: where uncommitted work is built, that may be a surprise.

use std::collections::BTreeSet;

use super::CommandContext;
use super::repository_context::RepositoryContext;
use crate::error::Error;
use crate::git::Snapshot;
use crate::inputs::{self, UntrackedInput};
use crate::model::ProjectName;
use crate::report::untracked;
use crate::workspace::Workspace;

/// The untracked files that would be inputs of the selected projects; none where a commit is looked at, as in CI.
pub(super) fn find(
    command: &CommandContext,
    repo: &RepositoryContext,
    snapshot: &Snapshot<'_>,
    workspace: &Workspace,
    selected: &BTreeSet<ProjectName>,
) -> Result<Vec<UntrackedInput>, Error> {
    match repo.repository.work_dir() {
        Some(work_dir) if repo.is_of_work_tree && !command.environment.ci.is_ci() => {
            Ok(inputs::untracked(workspace, selected, snapshot, work_dir)?)
        }
        _ => Ok(Vec::new()),
    }
}

/// Says which files are not built.
pub(super) fn say(command: &CommandContext, found: &[UntrackedInput]) {
    for line in untracked::lines(found) {
        command.output.status(&line);
    }
}
