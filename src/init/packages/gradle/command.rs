//! What `gradle` is told to build.

use crate::init::evidence::resolve;
use crate::init::packages::NarrowError;
use crate::init::packages::commands::{Command, Scope};
use crate::init::packages::graph::PackageGraph;
use crate::model::RepoPath;

/// Tasks that build nothing.
const HARMLESS: &[&str] =
    &["clean", "dependencies", "help", "init", "projects", "properties", "tasks", "wrapper"];

/// Options whose values are words of their own.
const WITH_VALUES: &[&str] = &[
    "-b",
    "-c",
    "-g",
    "--gradle-user-home",
    "-I",
    "--init-script",
    "-x",
    "--exclude-task",
    "--console",
    "--max-workers",
    "--priority",
    "--project-cache-dir",
    "--project-prop",
    "--system-prop",
    "--tests",
    "--warning-mode",
];

/// What a command builds.
pub(in crate::init::packages) fn scope(
    graph: &PackageGraph,
    command: &Command,
) -> Result<Scope, NarrowError> {
    let Some(mut here) = command.folder.clone() else { return Ok(Scope::Nothing) };
    let mut tasks = Vec::new();
    let mut words = command.arguments();
    while let Some(word) = words.next() {
        let folder = match word {
            "-p" | "--project-dir" => words.next(),
            word if WITH_VALUES.contains(&word) => {
                words.next();
                continue;
            }
            word if word.starts_with("--include-build") => {
                return Err(command.unclear("includes another build"));
            }
            word => word.strip_prefix("--project-dir="),
        };
        match folder {
            Some(folder) => {
                here = resolve(&here, folder).ok_or_else(|| command.unclear("runs in another folder"))?;
            }
            None if word.starts_with('-') => {}
            None => tasks.push(word),
        }
    }
    let mut folders = Vec::new();
    for task in tasks {
        let Some((project, _)) = task.rsplit_once(':') else {
            folders.extend(built_here(graph, &here, task, command)?);
            continue;
        };
        let own = graph.packages.get(&here).map_or("", |package| package.name.as_str());
        let name = if project.starts_with(':') { project.to_owned() } else { format!("{own}:{project}") };
        let folder = graph.named(&name)?.ok_or_else(|| command.unclear("names no project of the build"))?;
        folders.push(folder.clone());
    }
    Ok(if folders.is_empty() { Scope::Nothing } else { Scope::Packages(folders) })
}

/// The project in which a task without a project runs. It runs in all below it as well.
fn built_here(
    graph: &PackageGraph,
    here: &RepoPath,
    task: &str,
    command: &Command,
) -> Result<Option<RepoPath>, NarrowError> {
    if HARMLESS.contains(&task) {
        return Ok(None);
    }
    let has_others =
        |folder: &RepoPath| graph.packages.keys().any(|other| other != folder && other.is_within(folder));
    let folder = Some(here).filter(|folder| graph.packages.contains_key(*folder) && !has_others(folder));
    folder.cloned().map(Some).ok_or_else(|| command.unclear("builds all projects"))
}
