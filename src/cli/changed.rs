use clap::Args;

use super::repository_context::{RepositoryContext, Uncommitted};
use super::{CommandContext, selection};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::RepoPath;
use crate::observe::Base;
use crate::report::{answers, text};
use crate::workspace;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Globs, or regular expressions that begin with `^`, to match against paths relative to the repository root.
    #[arg(required = true, value_name = "GLOB or ^REGEX")]
    patterns: Vec<String>,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, output } = command;
    let patterns = selection::patterns(&arguments.patterns)?;
    let repo = RepositoryContext::new(options, environment, Uncommitted::Included)?;
    let snapshot = repo.snapshot();
    let base = match repo.named_base(options)? {
        Some(base) => base,
        None => {
            let (manifest, _) = workspace::manifest(&snapshot, &repo.source)?;
            repo.base_by_git(command, &manifest.workspace, &manifest.cache)?
        }
    };

    let commit = match &base {
        Base::Known { commit, .. } => *commit,
        Base::Unknown { why } => {
            output.status(&format!("the base is unknown, so everything counts as changed: {why}"));
            if options.json {
                output.json(&answers::changed(&base, &[]));
            }
            return Ok(Exit::Done);
        }
    };
    output.status(&text::base(repo.head.commit, repo.is_dirty, &base));
    let changes = repo.repository.snapshot(commit)?.changes_with_submodules_to(&snapshot)?;
    let matching: Vec<&RepoPath> =
        changes.iter().map(|change| &change.path).filter(|path| patterns.decide(path).is_some()).collect();
    if options.json {
        output.json(&answers::changed(&base, &matching));
    } else {
        matching.iter().for_each(|path| output.stdout(&format!("{path}\n")));
    }
    Ok(if matching.is_empty() { Exit::No } else { Exit::Done })
}
