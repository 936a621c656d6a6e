use std::num::NonZeroUsize;

use clap::Args;

use super::CommandContext;
use super::repository_context::{RepositoryContext, Uncommitted};
use crate::error::Error;
use crate::exit::Exit;
use crate::git::{GitError, Repository};
use crate::model::CommitId;
use crate::report::simulation as report;
use crate::simulate;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Commits to replay: `A..B`, or one revision for all of its history. First parents only.
    #[arg(value_name = "RANGE")]
    range: String,
    /// Maximum number of commits, newest first.
    #[arg(long, value_name = "N", default_value = "1000")]
    limit: NonZeroUsize,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, output } = command;
    let repo = RepositoryContext::new(options, environment, Uncommitted::Included)?;
    let (newest, since) = range(&repo.repository, &arguments.range)?;
    let history = repo.repository.first_parents(newest, since, arguments.limit.get())?;
    let snapshot = repo.snapshot();
    let workspace = Workspace::read(&snapshot, &repo.source)?;
    let simulation = simulate::run(&workspace, &repo.source, &snapshot, &repo.repository, &history)?;
    if let Some(left_out) = simulation.left_out {
        output.status(&left_out.to_string());
    }
    if options.json {
        output.json(&report::json(&simulation));
    } else {
        output.stdout(&report::text(&simulation));
    }
    Ok(Exit::Done)
}

/// The newest commit, and the one whose history is left out. As with git, nothing before or after `..` is `HEAD`.
fn range(repository: &Repository, text: &str) -> Result<(CommitId, Option<CommitId>), Error> {
    let commit = |revision: &str| repository.commit(if revision.is_empty() { "HEAD" } else { revision });
    Ok(match text.split_once("..") {
        // `A...B` is no range of one history.
        Some((_, newest)) if newest.starts_with('.') => {
            return Err(GitError::BadRevision { revision: text.to_owned(), source: None }.into());
        }
        Some((since, newest)) => (commit(newest)?, Some(commit(since)?)),
        None => (repository.commit(text)?, None),
    })
}
