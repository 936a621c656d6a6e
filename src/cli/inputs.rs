use clap::Args;

use super::CommandContext;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::selection;
use crate::error::Error;
use crate::exit::Exit;
use crate::inputs;
use crate::observe::ObserveError;
use crate::report::inputs as report;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Project whose inputs are listed.
    project: String,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, .. } = command;
    let repo = RepositoryContext::new(options, environment, Uncommitted::Included)?;
    let snapshot = repo.snapshot();
    let workspace = Workspace::read(&snapshot, &repo.source)?;
    let project = selection::project(&repo, &workspace, &arguments.project)?;
    let inputs = inputs::list(&workspace, &project, &snapshot, repo.repository.work_dir())
        .map_err(ObserveError::from)?;

    let (head, is_dirty) = (repo.head.commit, repo.is_dirty);
    command.print(|| report::json(head, is_dirty, &project, &inputs), || report::text(&inputs));
    Ok(Exit::Done)
}
