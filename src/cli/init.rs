use std::collections::BTreeMap;

use clap::Args;

use super::{CommandContext, selection};
use crate::error::Error;
use crate::exit::Exit;
use crate::git::{GitError, Repository};
use crate::init::{self, DefaultBranch, Existing, InitError, Known, Request};
use crate::model::RepoPath;
use crate::report::init::{Detail, Initialised, Mode};
use crate::workspace::MANIFEST;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Overwrite an existing `projects.toml` and pattern files.
    #[arg(long, conflicts_with = "update")]
    force: bool,
    /// Add the images that an existing `projects.toml` does not build yet.
    #[arg(long)]
    update: bool,
    /// Leave out Dockerfiles that match this pattern, as in a pattern file; can be repeated.
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Show what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, output, environment } = command;
    for (option, is_given) in [("--head", options.head.is_some()), ("--manifest", options.manifest.is_some())]
    {
        if is_given {
            return Err(InitError::WorkTreeOnly { option }.into());
        }
    }
    let repository = Repository::open_with(&options.directory, &environment.git_configuration()?)?;
    let root = repository.work_dir().ok_or(GitError::Bare)?;
    let is_there = root.join(MANIFEST).symlink_metadata().is_ok();
    if is_there && !arguments.force && !arguments.update {
        let path = RepoPath::new(MANIFEST).expect("the manifest's name is a path");
        return Err(InitError::AlreadyThere { path }.into());
    }

    let files = repository.snapshot_of_tree(repository.tree_of_all_files(&[])?);
    let known = if is_there && arguments.update { Some(Known::read(&files)?) } else { None };
    let called = repository.origin_url().or_else(|| Some(root.file_name()?.to_string_lossy().into_owned()));
    let request = Request {
        workspace: init::workspace_name(&called.unwrap_or_default()),
        default_branch: DefaultBranch::of(&repository)?,
        existing: if arguments.force { Existing::Replace } else { Existing::Keep },
        excluded: selection::patterns(&arguments.exclude)?,
        unusable: BTreeMap::new(),
        known,
    };
    let proposed = init::propose_usable(&repository, &files, request);
    if let Err(InitError::NothingToBuild { ignored, left_out, excluded }) = &proposed {
        let not_used = ignored.iter().map(|ignored| format!("not used: {}: {}", ignored.at, ignored.why));
        let left_out = left_out.iter().map(|left_out| format!("left out: {left_out}"));
        let excluded = (*excluded > 0).then(|| format!("excluded: {excluded}"));
        not_used.chain(left_out).chain(excluded).for_each(|line| output.status(&line));
    }
    let proposal = proposed?;
    let written = proposal.files();
    let mode = if arguments.dry_run { Mode::DryRun } else { Mode::Write };
    if mode == Mode::Write && !written.is_empty() {
        init::write(root, &written)?;
    }

    let detail = if options.verbose > 0 { Detail::Everything } else { Detail::Summary };
    let initialised = Initialised::new(&proposal, &written, mode, detail);
    if options.json {
        output.json(&initialised);
    } else {
        output.stdout(&initialised.to_string());
    }
    if mode == Mode::Write && !written.is_empty() {
        output.status("read what was written, commit it, then `chinampa plan`");
    }
    Ok(Exit::Done)
}
