use clap::Args;

use super::CommandContext;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::{registries, wait_for};
use crate::error::Error;
use crate::exit::Exit;
use crate::observe::{self, Records};
use crate::report::answers;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct Arguments {}

pub(super) fn run(command: &CommandContext) -> Result<Exit, Error> {
    let CommandContext { options, environment, output } = command;
    let repo = RepositoryContext::new(options, environment, Uncommitted::LeftOut)?;
    let snapshot = repo.snapshot();
    let workspace = Workspace::read(&snapshot, &repo.source)?;
    let zone = repo.zone(&snapshot, &workspace)?;
    let records = wait_for(async {
        let registry = registries::registry(&workspace.cache, environment).await?;
        let records = observe::build_records(&*registry, &workspace, zone, &repo.context, &[]).await?;
        Ok(Records::of(&records, &workspace, zone, &repo.context, &[]))
    })?;
    let mut found = None;
    for (branch, commit) in records.of_branches().to_vec() {
        // A commit that this clone lacks may be one of a branch that was rewritten.
        if repo.repository.has(commit) && repo.repository.is_ancestor(commit, repo.head.commit)? {
            found = Some((branch, commit));
            break;
        }
    }
    if options.json {
        output.json(&answers::last_successful_commit(found.as_ref()));
    } else {
        match &found {
            Some((_, commit)) => output.stdout(&format!("{commit}\n")),
            None => output.status("no commit in the history here has a build record"),
        }
    }
    Ok(if found.is_some() { Exit::Done } else { Exit::No })
}
