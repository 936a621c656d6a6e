//! `watch`: builds locally what a saved file affects, then runs a program with the images.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use clap::Args;

use super::build::Built;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::signals::Signals;
use super::{CommandContext, build, selection, untracked, wait_for};
use crate::error::Error;
use crate::exit::Exit;
use crate::inputs::UntrackedInput;
use crate::model::{ImageRef, InputDigest, ProjectName};
use crate::observe;
use crate::report::images;
use crate::watch::{Changed, Ended, INDEX, Program, WatchError, WatchedFiles};
use crate::workspace::Workspace;

/// How many changed files are named.
const MAX_NAMED_FILES: usize = 3;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Projects to build, with their dependencies [default: all].
    projects: Vec<String>,
    /// Maximum number of projects built in parallel [default: the number of processors].
    #[arg(short, long, value_name = "N", value_parser = build::at_least_one)]
    jobs: Option<NonZeroUsize>,
    /// Program to run after each successful build, with its arguments; it is ended before the next build.
    #[arg(last = true, value_name = "COMMAND")]
    program: Vec<OsString>,
}

/// What matters of a work tree.
struct State {
    made_from: Inputs,
    /// Files that are not built because git does not track them.
    untracked: Vec<UntrackedInput>,
}

/// What decides about the images of a state, and about what a trusted run calls them.
#[derive(PartialEq, Eq)]
struct Inputs {
    digests: BTreeMap<ProjectName, InputDigest>,
    /// By the variable that names it to the program.
    names: BTreeMap<String, ImageRef>,
}

/// Why the wait for changes is over.
enum Next {
    Build(State),
    Stop,
}

pub(super) fn run(command: &CommandContext, signals: &Signals, arguments: &Arguments) -> Result<Exit, Error> {
    let (folder, git_dir) = work_tree(command)?;
    // Before the first look at the files, so that no change is missed.
    let mut files = WatchedFiles::of(&folder, &git_dir)?;
    let output = &command.output;
    output.status(&format!("watching {}, until Ctrl-C", folder.display()));
    let build = build::Arguments::repeated(arguments.projects.clone(), arguments.jobs);
    let mut state = State::read(command, &arguments.projects)?;
    loop {
        let mut program = None;
        match build::build(command, signals, &build) {
            Ok(Built { exit: Exit::Done, images }) => program = start(command, arguments, images)?,
            Ok(Built { exit: Exit::Interrupted, .. }) => return Ok(Exit::Interrupted),
            // Its report is complete.
            Ok(_) => {}
            Err(error) => output.error(&error),
        }
        let next = wait_for(wait(command, signals, arguments, &mut files, program.as_mut(), &mut state))?;
        if let Some(program) = program {
            program.end()?;
        }
        match next {
            Next::Build(changed) => state = changed,
            Next::Stop => return Ok(Exit::Interrupted),
        }
    }
}

/// Waits until files have changed that make other images. The program may come to its own end meanwhile.
async fn wait(
    command: &CommandContext,
    signals: &Signals,
    arguments: &Arguments,
    files: &mut WatchedFiles,
    mut program: Option<&mut Program>,
    known: &mut State,
) -> Result<Next, Error> {
    let output = &command.output;
    let orderly = signals.orderly().map_err(Error::Start)?;
    loop {
        let ended = async {
            match &mut program {
                Some(program) => program.ended().await,
                None => std::future::pending().await,
            }
        };
        let changed = tokio::select! {
            () = orderly.requested() => return Ok(Next::Stop),
            ended = ended => {
                output.status(&said_of(&ended));
                program = None;
                continue;
            }
            changed = files.changed() => changed?,
        };
        match State::read(command, &arguments.projects) {
            Ok(state) if state.made_from == known.made_from => {
                // Whoever saved a new file waits for it to be built.
                if state.untracked != known.untracked {
                    untracked::say(command, &state.untracked);
                }
                *known = state;
            }
            Ok(state) => {
                output.status(&format!("changed: {}", named(&changed)));
                return Ok(Next::Build(state));
            }
            // A manifest that is being edited, say: the next change may fix it.
            Err(error) => output.error(&error),
        }
    }
}

impl State {
    fn read(command: &CommandContext, projects: &[String]) -> Result<Self, Error> {
        let repo = RepositoryContext::new(&command.options, &command.environment, Uncommitted::Included)?;
        let snapshot = repo.snapshot();
        let workspace = Workspace::read(&snapshot, &repo.source)?;
        let selected = selection::selected(&repo, &workspace, projects)?;
        let digests = observe::digests(repo.request(&snapshot, &workspace), &selected)?;
        let digests: BTreeMap<_, _> =
            digests.into_iter().map(|(project, (digest, _))| (project, digest)).collect();
        let local = |project: &ProjectName| ImageRef::local(&workspace.projects[project].repository);
        let names = variables(digests.keys().map(|project| (project, local(project))))?;
        let untracked = untracked::find(command, &repo, &snapshot, &workspace, &selected)?;
        Ok(Self { made_from: Inputs { digests, names }, untracked })
    }
}

/// Images by the variables that name them to the program.
fn variables<'p>(
    images: impl Iterator<Item = (&'p ProjectName, ImageRef)>,
) -> Result<BTreeMap<String, ImageRef>, Error> {
    images::variables(images)
        .map_err(|same| Error::SameVariable { variable: same.variable, projects: same.projects })
}

/// Starts what is to run with the images; `None` where nothing is.
fn start(
    command: &CommandContext,
    arguments: &Arguments,
    images: BTreeMap<ProjectName, ImageRef>,
) -> Result<Option<Program>, Error> {
    let Some((name, rest)) = arguments.program.split_first() else { return Ok(None) };
    let words: Vec<_> = arguments.program.iter().map(|word| word.to_string_lossy()).collect();
    command.output.status(&format!("running: {}", words.join(" ")));
    let images = variables(images.iter().map(|(project, image)| (project, image.clone())))?;
    // With `--json`, standard output has the documents of the builds.
    let stdout = if command.options.json { Stdio::from(std::io::stderr()) } else { Stdio::inherit() };
    Ok(Some(Program::start(name, rest, &images, stdout)?))
}

/// The folder whose files are watched, and the git folder of it.
fn work_tree(command: &CommandContext) -> Result<(PathBuf, PathBuf), Error> {
    if let Some(revision) = &command.options.head {
        return Err(WatchError::Commit { revision: revision.clone() }.into());
    }
    let repo = RepositoryContext::new(&command.options, &command.environment, Uncommitted::LeftOut)?;
    match repo.repository.work_dir() {
        Some(folder) => Ok((folder.to_owned(), repo.repository.git_dir().to_owned())),
        None => Err(WatchError::Bare.into()),
    }
}

fn said_of(ended: &Ended) -> String {
    match ended {
        Ok(status) => format!("the program ended: {status}"),
        Err(error) => format!("the program can't be waited for: {error}"),
    }
}

/// Some of the files, and how many others there are.
fn named(changed: &Changed) -> String {
    let files = || changed.iter().filter(|path| *path != Path::new(INDEX));
    let named = files().take(MAX_NAMED_FILES).map(|path| path.display().to_string());
    let mut names: Vec<String> = named.collect();
    if let others @ 1.. = files().count().saturating_sub(MAX_NAMED_FILES) {
        names.push(format!("{others} more"));
    }
    if names.is_empty() { "what git tracks".to_owned() } else { names.join(", ") }
}
