use clap::Args;

use super::CommandContext;
use super::deployed_base::DeployedBase;
use super::observations::{self, Offline};
use super::repository_context::{RepositoryContext, Uncommitted};
use super::selection;
use crate::error::Error;
use crate::exit::Exit;
use crate::observe::{self, Base};
use crate::report::why::Explanation;
use crate::report::why_not::NearMisses;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Project to explain.
    project: String,
    /// Explain which changed files do not affect the project, and why; exit code 1 if it is affected.
    #[arg(long)]
    not: bool,
    /// Compare with a commit, or with what an environment runs: `deployed:<environment>`.
    #[arg(long, value_name = "REV or deployed:ENVIRONMENT", conflicts_with = "base")]
    against: Option<String>,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, .. } = command;
    let repo = RepositoryContext::new(options, environment, Uncommitted::Included)?;
    let offline = match arguments.against.as_ref().or(options.base.as_ref()) {
        None => observations::offline(&repo, command)?,
        Some(against) => offline_against(&repo, command, against, &arguments.project)?,
    };
    let project = selection::project(&repo, &offline.workspace, &arguments.project)?;
    let is_affected = offline.impact.project(&project).is_some_and(|project| project.is_affected);
    if arguments.not && !is_affected {
        let near_misses = NearMisses::new(&offline.workspace, &offline.changes.files, &project);
        command.print_summary(|| near_misses.to_json(&offline.impact), |layout| near_misses.text(layout));
        return Ok(Exit::Done);
    }

    let explanation = Explanation::new(&offline.workspace.graph, &offline.changes, &offline.impact, &project);
    command.print_summary(|| &explanation, |layout| explanation.text(layout));
    Ok(if arguments.not { Exit::No } else { Exit::Done })
}

/// Of what an environment runs, the project's own commit counts: others may run another one.
fn offline_against(
    repo: &RepositoryContext,
    command: &CommandContext,
    against: &str,
    project: &str,
) -> Result<Offline, Error> {
    observations::offline_since(repo, command, |workspace| {
        let missing = repo.missing(&command.options);
        let read = || Ok(Workspace::read(&repo.snapshot(), &repo.source)?);
        match DeployedBase::read(against, read, &command.environment)? {
            Some(deployed) => {
                let project = selection::project(repo, workspace, project)?;
                deployed.base(&repo.repository, Some(&project), missing)
            }
            None => {
                let from = if command.options.base.is_some() { "--base" } else { "--against" };
                let commit = observe::named_commit(&repo.repository, against, missing)?;
                Ok(Base::Known { commit, from: from.to_owned() })
            }
        }
    })
}
