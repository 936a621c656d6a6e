//! `logs`: lists the runs that are kept in the clone, and prints what builds printed.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use clap::Args;

use super::CommandContext;
use super::follow::follow;
use super::repository_context::{RepositoryContext, Uncommitted, repository};
use super::selection;
use crate::error::Error;
use crate::exit::Exit;
use crate::model::ProjectName;
use crate::report::runs::{LogsJson, RunsJson, heading, list, log_lines};
use crate::runs::{Kept, Project, RunsError, Store};
use crate::workspace::Workspace;

/// How much of a log is printed at a time.
const CHUNK_BYTES: usize = 256 * 1024;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Project whose log is printed [default: list the runs].
    project: Option<String>,
    /// Print the logs of this run [default: the newest one that built the project].
    #[arg(long, value_name = "N")]
    run: Option<u64>,
    /// Print the log of the project's build while it grows, until the build ends.
    #[arg(short, long, requires = "project", conflicts_with = "json")]
    follow: bool,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, output } = command;
    let store = Store::of(repository(options, environment)?.common_dir());
    let project = arguments.project.as_deref().map(|name| project_name(command, &store, name)).transpose()?;
    if let (true, Some(project)) = (arguments.follow, &project) {
        return follow(command, &store, project, arguments.run);
    }
    let Some((kept, projects)) = found(&store, arguments.run, project.as_deref())? else {
        if let Some(project) = &project {
            output.status(&format!("no run that is kept here built `{project}`"));
            return Ok(Exit::No);
        }
        let runs = store.all()?;
        command.print(|| RunsJson::new(&runs), || list(&runs));
        if runs.is_empty() {
            output.status("no run is kept in this clone yet: `chinampa build` keeps each of its runs");
        }
        return Ok(Exit::Done);
    };
    if projects.is_empty() {
        match &project {
            Some(project) => output.status(&format!("run {} has no log of `{project}`", kept.number)),
            None => output.status(&format!("run {} built nothing", kept.number)),
        }
        return Ok(Exit::No);
    }
    if options.json {
        let read = |project: &Project| Ok((project.name.clone(), whole(&kept, project)?));
        let logs = projects.iter().map(read).collect::<Result<_, Error>>()?;
        output.json(&LogsJson::new(&kept, logs));
        return Ok(Exit::Done);
    }
    let has_headings = project.is_none();
    for project in &projects {
        if has_headings {
            output.stdout(&heading(&project.name, project.outcome));
        }
        if let Some(path) = kept.log(&project.name) {
            print(command, &path)?;
        }
    }
    Ok(Exit::Done)
}

/// The name of the project that a person named by it, or by its folder. What a kept run has by that name goes first: the project may
/// be gone, and so may the manifest.
fn project_name(command: &CommandContext, store: &Store, name: &str) -> Result<String, Error> {
    if store.newest(None, |kept| kept.run.project(name).is_some())?.is_some() {
        return Ok(name.to_owned());
    }
    let find = || {
        let repo = RepositoryContext::new(&command.options, &command.environment, Uncommitted::Included)?;
        let workspace = Workspace::read_unlocked(&repo.snapshot(), &repo.source)?;
        selection::project(&repo, &workspace, name)
    };
    match find() {
        Ok(project) => Ok(project.to_string()),
        // Nothing tells a name that no run has from a wrong one.
        Err(_) if name.parse::<ProjectName>().is_ok() => Ok(name.to_owned()),
        Err(error) => Err(error),
    }
}

/// The run whose logs are asked for, and its projects with logs, failed ones first; `None` where none is named, or none has such a log.
fn found(
    store: &Store,
    run: Option<u64>,
    project: Option<&str>,
) -> Result<Option<(Kept, Vec<Project>)>, RunsError> {
    let kept = match (run, project) {
        (Some(number), _) => store.read(number)?,
        (None, Some(project)) => {
            let Some(kept) = store.newest(None, |kept| kept.log(project).is_some())? else { return Ok(None) };
            kept
        }
        (None, None) => return Ok(None),
    };
    let is_named = |it: &&Project| project.is_none_or(|name| it.name == name);
    let projects = kept.run.projects.iter().filter(is_named);
    let mut projects: Vec<Project> =
        projects.filter(|project| kept.log(&project.name).is_some()).cloned().collect();
    projects.sort_by_key(|project| project.outcome);
    Ok(Some((kept, projects)))
}

fn whole(kept: &Kept, project: &Project) -> Result<String, Error> {
    let Some(path) = kept.log(&project.name) else { return Ok(String::new()) };
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(|source| Error::Read { path, source })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Prints a log of any size, a part at a time.
fn print(command: &CommandContext, path: &Path) -> Result<(), Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let mut chunk = Vec::new();
    loop {
        let end = file.read_until(b'\n', &mut chunk).map_err(failed)? == 0;
        if end || chunk.len() >= CHUNK_BYTES {
            command.output.stdout(&log_lines(&String::from_utf8_lossy(&chunk)));
            chunk.clear();
        }
        if end {
            return Ok(());
        }
    }
}
