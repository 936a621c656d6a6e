use std::collections::BTreeMap;

use clap::Args;

use super::CommandContext;
use crate::config::RegistryKind;
use crate::error::Error;
use crate::exit::Exit;
use crate::git::{GitError, Repository, Snapshot};
use crate::init::{self, DefaultBranch, DefaultBranchSource, Existing, InitError, Known, Proposal, Request};
use crate::model::{BranchName, RepoPath};
use crate::patterns::Patterns;
use crate::report::init::{Detail, Initialised, Mode};
use crate::workspace::{self, MANIFEST, ManifestSource, Workspace, WorkspaceError};

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
    let repository = Repository::open_with(&options.directory, &environment.git_configuration()?)?;
    let root = repository.work_dir().ok_or(GitError::Bare)?;
    let existing = if arguments.force { Existing::Replace } else { Existing::Keep };
    let is_there = root.join(MANIFEST).symlink_metadata().is_ok();
    if is_there && !arguments.force && !arguments.update {
        let path = RepoPath::new(MANIFEST).expect("the manifest's name is a path");
        return Err(InitError::AlreadyThere { path }.into());
    }

    let files = repository.snapshot_of_tree(repository.tree_of_all_files(&[])?);
    let known = if is_there && arguments.update { Some(known(&files)?) } else { None };
    let called = repository.origin_url().or_else(|| Some(root.file_name()?.to_string_lossy().into_owned()));
    let request = Request {
        workspace: init::workspace_name(&called.unwrap_or_default()),
        default_branch: default_branch(&repository)?,
        existing,
        excluded: excluded(&arguments.exclude)?,
        unusable: BTreeMap::new(),
        known,
    };
    let proposal = usable_proposal(command, &repository, &files, request)?;
    let written = proposal.files();
    let mode = if arguments.dry_run { Mode::DryRun } else { Mode::Write };
    if mode == Mode::Write {
        let existing = if arguments.update { Existing::Replace } else { existing };
        init::write(root, &written, existing)?;
    }

    let detail = if options.verbose > 0 { Detail::Everything } else { Detail::Summary };
    let initialised = Initialised::new(&proposal, &written, mode, detail);
    if options.json {
        output.json(&initialised);
    } else {
        output.stdout(&initialised.to_string());
    }
    if mode == Mode::Write {
        output.status("read what was written, commit it, then `chinampa plan`");
    }
    Ok(Exit::Done)
}

/// Proposes what can be read: a Dockerfile in which something is found only then is left out, and the others go on.
fn usable_proposal(
    CommandContext { output, .. }: &CommandContext,
    repository: &Repository,
    files: &Snapshot<'_>,
    mut request: Request,
) -> Result<Proposal, Error> {
    loop {
        let proposed = init::propose(files, request.clone());
        if let Err(InitError::NothingToBuild { ignored }) = &proposed {
            let lines = ignored.iter().map(|ignored| format!("not used: {}: {}", ignored.at, ignored.why));
            lines.for_each(|line| output.status(&line));
        }
        let proposal = proposed?;
        let would_be =
            repository.snapshot_of_tree(repository.tree_of_all_files(&proposal.files_filled_in())?);
        let Err(error) = Workspace::read(&would_be, &ManifestSource::Tree) else { return Ok(proposal) };
        let known = request.unusable.len();
        if let WorkspaceError::Invalid(errors) = &error {
            for problem in &errors.problems {
                let mut projects = proposal.projects.values();
                let project = projects.find(|project| project.dockerfile.to_string() == problem.file);
                let dockerfile = project.map(|project| (project.dockerfile.clone(), problem.message.clone()));
                request.unusable.extend(dockerfile);
            }
        }
        if request.unusable.len() == known {
            output.status("nothing was written: it could not be used");
            return Err(error.into());
        }
    }
}

/// What the manifest that is there builds already.
fn known(files: &Snapshot<'_>) -> Result<Known, Error> {
    let (manifest, _) = workspace::manifest(files, &ManifestSource::Tree)?;
    let path = RepoPath::new(MANIFEST).expect("the manifest's name is a path");
    let projects = manifest.projects.values();
    let own_images = manifest.workspace.own_images.iter();
    Ok(Known {
        text: files.read(&path)?.unwrap_or_default(),
        names: manifest.projects.keys().cloned().collect(),
        dockerfiles: projects.map(|project| project.dockerfile.value.clone()).collect(),
        own_images: own_images.map(|prefix| prefix.value.clone()).collect(),
        is_cached_in_engine: matches!(manifest.cache.kind, RegistryKind::Engine),
    })
}

fn excluded(patterns: &[String]) -> Result<Patterns, Error> {
    let lines = patterns.iter().map(|pattern| (pattern.clone(), 1));
    Ok(Patterns::from_list(lines).map_err(InitError::Exclude)?)
}

/// The branch that `HEAD` of `origin` stands for; else `main` or `master`, where one is there; else what is checked out.
fn default_branch(repository: &Repository) -> Result<Option<DefaultBranch>, GitError> {
    if let Some(name) = repository.default_branch_of_origin()? {
        return Ok(Some(DefaultBranch { name, source: DefaultBranchSource::Origin }));
    }
    let checked_out = repository.checked_out_branch()?;
    for name in ["main", "master"].map(BranchName::new) {
        if checked_out.as_ref() == Some(&name) || repository.branch(&name)?.is_some() {
            return Ok(Some(DefaultBranch { name, source: DefaultBranchSource::CommonName }));
        }
    }
    Ok(checked_out.map(|name| DefaultBranch { name, source: DefaultBranchSource::CheckedOut }))
}
