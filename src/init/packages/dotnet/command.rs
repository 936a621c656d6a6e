//! What `dotnet` is told to build.

use super::is_project;
use crate::init::evidence::resolve;
use crate::init::packages::NarrowError;
use crate::init::packages::commands::{Command, Scope};
use crate::init::packages::files::Files;
use crate::init::packages::graph::PackageGraph;
use crate::model::RepoPath;

/// Subcommands that build projects.
const BUILDING: &[&str] = &["build", "msbuild", "pack", "publish", "run", "test", "vstest"];

/// Options whose values are words of their own.
const WITH_VALUES: &[&str] = &[
    "-a",
    "--arch",
    "-c",
    "--configuration",
    "-f",
    "--framework",
    "--configfile",
    "--filter",
    "-l",
    "--logger",
    "-o",
    "--output",
    "--os",
    "-r",
    "--runtime",
    "-s",
    "--source",
    "-v",
    "--verbosity",
    "--version-suffix",
    "--artifacts-path",
    "--property",
    "--results-directory",
    "--settings",
    "--collect",
];

/// What a command builds.
pub(in crate::init::packages) fn scope(
    graph: &PackageGraph,
    files: &Files<'_>,
    command: &Command,
) -> Result<Scope, NarrowError> {
    let words = plain_words(command);
    let Some((subcommand, arguments)) = words.split_first() else { return Ok(Scope::Nothing) };
    if !BUILDING.contains(subcommand) {
        return Ok(Scope::Nothing);
    }
    let Some(here) = &command.folder else { return Ok(Scope::Nothing) };
    let written = project_option(command).or_else(|| arguments.first().copied()).unwrap_or(".");
    let path =
        resolve(here, written).ok_or_else(|| command.unclear("builds what is not in the workspace"))?;
    let folder = if files.has(&path) && is_project(written) { path.parent() } else { Some(path.clone()) };
    let folder = folder.filter(|folder| graph.packages.contains_key(folder));
    // A solution beside a project is what is built.
    let has_solution = |folder: &RepoPath| files.directly_in(folder).any(is_solution);
    match folder {
        Some(folder) if is_project(written) || !has_solution(&folder) => Ok(Scope::Packages(vec![folder])),
        _ => Err(command.unclear("builds a solution, or no project that is there")),
    }
}

/// Whether a command restores the packages of all projects: a solution's.
pub(super) fn restores_all(command: &Command) -> bool {
    if command.program() != Some("dotnet") {
        return false;
    }
    match plain_words(command).as_slice() {
        ["restore"] => true,
        ["restore", written, ..] => !is_project(written),
        _ => false,
    }
}

fn is_solution(path: &RepoPath) -> bool {
    [".sln", ".slnx", ".slnf"].iter().any(|end| path.as_bytes().ends_with(end.as_bytes()))
}

/// The words that are no options.
fn plain_words(command: &Command) -> Vec<&str> {
    let mut plain = Vec::new();
    let mut words = command.arguments();
    while let Some(word) = words.next() {
        // `/p:Name=Value`
        let is_switch = word.strip_prefix('/').is_some_and(|rest| rest.contains(':'));
        match word {
            "--" => break,
            "--project" => drop(words.next()),
            word if WITH_VALUES.contains(&word) => drop(words.next()),
            word if word.starts_with('-') || is_switch => {}
            "true" | "false" => {}
            word => plain.push(word),
        }
    }
    plain
}

fn project_option(command: &Command) -> Option<&str> {
    let joined = command.arguments().find_map(|word| word.strip_prefix("--project="));
    joined.or_else(|| command.arguments().skip_while(|word| *word != "--project").nth(1))
}
