use std::collections::BTreeSet;

use clap::Args;

use super::CommandContext;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::selection;
use crate::error::Error;
use crate::exit::Exit;
use crate::git::{GitError, Snapshot};
use crate::lint::write::ManifestFile;
use crate::lint::{self, Edit, Lint};
use crate::model::ProjectName;
use crate::report::lint as report;
use crate::workspace::{ManifestSource, Workspace};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Projects to check [default: all].
    projects: Vec<String>,
    /// Apply the safe fixes to the work tree, then check again.
    #[arg(long, conflicts_with = "head")]
    fix: bool,
}

/// Fixing one thing can leave another with nothing to do; a chain of more than these is left as it is.
const MAX_ROUNDS: usize = 5;

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, .. } = command;
    let mut fixed = Vec::new();
    let mut rounds = if arguments.fix { MAX_ROUNDS } else { 0 };
    loop {
        let repo = RepositoryContext::new(options, environment, Uncommitted::Included)?;
        let work_dir = repo.repository.work_dir();
        let (mut lint, mut is_done) = (Lint::default(), true);
        let count = look(&repo, &arguments.projects, |workspace, found, snapshot| {
            if rounds > 0 {
                rounds -= 1;
                let work_dir = work_dir.ok_or(GitError::Bare)?;
                let manifest = match (&options.manifest, &repo.source) {
                    (Some(path), ManifestSource::File { text, .. }) => ManifestFile::Named { path, text },
                    _ => ManifestFile::OfTree,
                };
                let made = lint::write::fix(workspace, &found.findings, snapshot, work_dir, manifest)?;
                is_done = made.is_empty();
                fixed.extend(made);
            }
            lint = found;
            Ok(())
        })?;
        if is_done {
            print(command, &repo, count, &lint, &fixed);
            return Ok(if lint.findings.is_empty() { Exit::Done } else { Exit::No });
        }
    }
}

/// Looks at the named projects; returns how many there are.
fn look(
    repo: &RepositoryContext,
    names: &[String],
    then: impl FnOnce(&Workspace, Lint, &Snapshot<'_>) -> Result<(), Error>,
) -> Result<usize, Error> {
    let snapshot = repo.snapshot();
    let workspace = Workspace::read_unlocked(&snapshot, &repo.source)?;
    let selected: BTreeSet<ProjectName> = match names {
        [] => workspace.projects.keys().cloned().collect(),
        names => {
            let projects = names.iter().map(|name| selection::project(repo, &workspace, name));
            projects.collect::<Result<_, _>>()?
        }
    };
    let found = lint::check(&workspace, &selected, &snapshot)?;
    then(&workspace, found, &snapshot)?;
    Ok(selected.len())
}

fn print(command: &CommandContext, repo: &RepositoryContext, count: usize, lint: &Lint, fixed: &[Edit]) {
    if !command.options.json {
        let output = &command.output;
        lint.unchecked.iter().for_each(|unchecked| output.status(&report::unchecked(unchecked)));
        report::floating(lint).iter().for_each(|floating| output.status(floating));
    }
    command.print_summary(
        || report::LintJson::new(repo.head.commit, repo.is_dirty, count, lint, fixed),
        |layout| report::text(count, lint, fixed, layout),
    );
}
