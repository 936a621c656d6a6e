use clap::Args;

use super::CommandContext;
use super::observations;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::selection;
use crate::error::Error;
use crate::exit::Exit;
use crate::report::json::PlanJson;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Project to check [default: the project that contains the current folder].
    project: Option<String>,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, output } = command;
    let repo = RepositoryContext::new(options, environment, Uncommitted::Included)?;
    let mut offline = observations::offline(&repo, command)?;
    let project = match &arguments.project {
        Some(name) => selection::project(&repo, &offline.workspace, name)?,
        None => selection::project_here(&repo, &offline.workspace)?,
    };

    offline.impact.projects.retain(|impact| impact.project == project);
    let impact = &offline.impact.projects[0];
    let answer = if impact.is_affected { "rebuild" } else { "keep" };
    let why = match impact.reasons.first() {
        Some(reason) => reason.to_string(),
        None => "none of its inputs, nor of what it needs, differs from the base".to_owned(),
    };
    if options.json {
        output.json(&PlanJson::of_impact(&offline.impact, None));
    } else {
        output.stdout(&format!("{answer} {project}: {why}\n"));
    }
    Ok(if impact.is_affected { Exit::Done } else { Exit::No })
}
