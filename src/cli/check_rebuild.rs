use clap::Args;

use super::CommandContext;
use super::observations;
use super::options::Options;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::selection;
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{ProjectName, RepoPath};
use crate::report::json::PlanJson;
use crate::workspace::Workspace;

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
        Some(name) => selection::project(&offline.workspace, name)?,
        None => project_here(&repo, options, &offline.workspace)?,
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

/// The project in whose folder the command was called.
fn project_here(
    repo: &RepositoryContext,
    options: &Options,
    workspace: &Workspace,
) -> Result<ProjectName, Error> {
    let read = |source| Error::Read { path: options.directory.clone(), source };
    let here = options.directory.canonicalize().map_err(read)?;
    let no_project = || Error::NoProjectHere { folder: here.display().to_string() };
    let root = repo.repository.work_dir().ok_or_else(no_project)?.canonicalize().map_err(read)?;
    let relative = here.strip_prefix(&root).map_err(|_| no_project())?;
    let folder = RepoPath::new(relative.as_os_str().as_encoded_bytes()).map_err(|_| no_project())?;
    let deepest = workspace
        .projects
        .iter()
        .filter(|(_, project)| folder.is_within(&project.config.path.value))
        .max_by_key(|(_, project)| project.config.path.value.components().count());
    deepest.map(|(name, _)| name.clone()).ok_or_else(no_project)
}
