//! `lock` and `update`: write `projects.lock`. No other command does.

use std::collections::BTreeSet;

use clap::Args;

use super::external_registries::ExternalRegistries;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::{CommandContext, wait_for};
use crate::error::Error;
use crate::exit::Exit;
use crate::git::GitError;
use crate::init::{self, Existing, NewFile};
use crate::inputs;
use crate::model::{ImagePattern, ProjectName, RepoPath};
use crate::pins;
use crate::report::lock::{self as report, LockJson};
use crate::workspace::{LOCK_FILE, Workspace};

#[derive(Debug, Args)]
pub(super) struct LockArguments {}

#[derive(Debug, Args)]
pub(super) struct UpdateArguments {
    /// Images to resolve again, such as `node:22`, or `node` for all of its tags [default: all].
    #[arg(value_name = "REFERENCE")]
    references: Vec<ImagePattern>,
}

pub(super) fn run(command: &CommandContext, LockArguments {}: &LockArguments) -> Result<Exit, Error> {
    relock(command, None)
}

pub(super) fn update(command: &CommandContext, arguments: &UpdateArguments) -> Result<Exit, Error> {
    relock(command, Some(&arguments.references))
}

/// Resolves the missing entries, or those to `update`, and writes the file if it differs.
fn relock(command: &CommandContext, update: Option<&[ImagePattern]>) -> Result<Exit, Error> {
    let CommandContext { options, environment, .. } = command;
    environment.check_trust("write `projects.lock`")?;
    if let Some(revision) = &options.head {
        return Err(Error::LockOfCommit { revision: revision.clone() });
    }
    let repo = RepositoryContext::new(options, environment, Uncommitted::Included)?;
    let root = repo.repository.work_dir().ok_or(GitError::Bare)?;
    let snapshot = repo.snapshot();
    let before = Workspace::read_unlocked(&snapshot, &repo.source)?;
    let registries = ExternalRegistries::new(environment, &before, &repo.trust);
    let relocked = wait_for(async {
        let connect = async |host: &_| registries.connect(host).await;
        match update {
            None => pins::lock(&before, connect).await,
            Some(chosen) => pins::update(&before, chosen, connect).await,
        }
    })?;
    let after = Workspace::read_with_lock(&snapshot, &repo.source, relocked.lock.clone())?;
    let rebuilt: BTreeSet<ProjectName> = inputs::relocked(&before, &after);
    let is_written = before.lock.as_ref() != Some(&relocked.lock);
    if is_written {
        let path = RepoPath::new(LOCK_FILE).expect("the lock file's name is a path");
        let content = relocked.lock.to_string().into_bytes();
        init::write(root, &[NewFile { path, content, existing: Existing::Replace }])?;
    }
    command.print(
        || LockJson::new(&relocked, &rebuilt, is_written),
        || report::text(&relocked, &rebuilt, is_written),
    );
    Ok(Exit::Done)
}
