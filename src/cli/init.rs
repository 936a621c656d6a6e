use clap::Args;

use super::CommandContext;
use crate::error::Error;
use crate::exit::Exit;
use crate::git::{GitError, Repository};
use crate::init::{self, Existing, InitError};
use crate::model::{BranchName, RepoPath};
use crate::report::init::Initialised;
use crate::workspace::{MANIFEST, ManifestSource, Workspace};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Overwrite an existing `projects.toml` and pattern files.
    #[arg(long)]
    force: bool,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, output, environment } = command;
    let repository = Repository::open_with(&options.directory, &environment.git_configuration()?)?;
    let root = repository.work_dir().ok_or(GitError::Bare)?;
    let existing = if arguments.force { Existing::Replace } else { Existing::Keep };
    if existing == Existing::Keep && root.join(MANIFEST).symlink_metadata().is_ok() {
        let path = RepoPath::new(MANIFEST).expect("the manifest's name is a path");
        return Err(InitError::AlreadyThere { path }.into());
    }

    let called = repository.origin_url().or_else(|| Some(root.file_name()?.to_string_lossy().into_owned()));
    let workspace = init::workspace_name(&called.unwrap_or_default());
    let files = repository.snapshot_of_tree(repository.tree_of_all_files(&[])?);
    let proposed = init::propose(&files, workspace, default_branch(&repository)?, existing);
    if let Err(InitError::NothingToBuild { ignored }) = &proposed {
        ignored.iter().for_each(|ignored| output.status(&format!("ignored {}: {}", ignored.at, ignored.why)));
    }
    let proposal = proposed?;

    let written = proposal.files();
    let would_be = repository.snapshot_of_tree(repository.tree_of_all_files(&written)?);
    if let Err(error) = Workspace::read(&would_be, &ManifestSource::Tree) {
        output.status("nothing was written: it could not be used");
        return Err(error.into());
    }
    init::write(root, &written, existing)?;

    let initialised = Initialised::new(&proposal, &written);
    if options.json {
        output.json(&initialised);
    } else {
        output.stdout(&initialised.to_string());
    }
    output.status("read what was written, commit it, then `chinampa plan`");
    Ok(Exit::Done)
}

/// `None` where it is `main`; else `master` if there is one, else what is checked out.
fn default_branch(repository: &Repository) -> Result<Option<BranchName>, GitError> {
    let checked_out = repository.checked_out_branch()?;
    for name in ["main", "master"] {
        let branch = BranchName::new(name);
        if checked_out.as_ref() == Some(&branch) || repository.branch(&branch)?.is_some() {
            return Ok(Some(branch).filter(|_| name != "main"));
        }
    }
    Ok(checked_out)
}
