//! `run`: a command that is run once for each content of what it can read.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::Args;

use super::repository_context::{RepositoryContext, Uncommitted};
use super::run_image::{self, FoundImage};
use super::run_records::JobRecords;
use super::signals::Signals;
use super::troubles::Troubles;
use super::{CommandContext, named_files, selection, wait_for};
use crate::error::Error;
use crate::exit::Exit;
use crate::git::{Download, Fetching, Snapshot, SubmoduleFetch};
use crate::inputs::{self, InputFile};
use crate::interruption::Interruption;
use crate::model::{Fingerprint, InputDigest, ProjectName, RepoPath, Secret, Timestamp};
use crate::observe::Zone;
use crate::once::key::{Job, Subject};
use crate::once::{self, Checkout, Ended, MAX_JUNIT_BYTES, Process};
use crate::record::JobRecord;
use crate::registry::Registry;
use crate::report::job::{self as report, JobJson, JobOutcome};
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Project that the command is run for.
    project: String,
    /// Name of the job, which tells several commands of a project apart.
    #[arg(long, value_name = "JOB")]
    name: String,
    /// Run in a container of the project's image, instead of a checkout of the project's inputs.
    #[arg(long)]
    in_image: bool,
    /// Pattern of files that the command reads besides the project's inputs.
    #[arg(long = "input", value_name = "PATTERN")]
    inputs: Vec<String>,
    /// Environment variable that the command gets.
    #[arg(long = "env", value_name = "NAME", value_parser = variable_name)]
    variables: Vec<String>,
    /// JUnit file that the command writes, relative to the folder that it runs in; it is copied to the project's folder.
    #[arg(long, value_name = "FILE", value_parser = relative_file)]
    junit: Option<RepoPath>,
    /// Program to run, with its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

fn variable_name(name: &str) -> Result<String, &'static str> {
    match name.is_empty() || name.contains(['=', '\0']) {
        true => Err("the name of a variable is expected"),
        false => Ok(name.to_owned()),
    }
}

fn relative_file(path: &str) -> Result<RepoPath, &'static str> {
    let path = RepoPath::new(path.as_bytes()).ok().filter(|path| !path.is_root());
    path.ok_or("a path without `..` is expected, relative to the folder that the command runs in")
}

/// What a command is run for, and with what.
struct RunContext<'r> {
    command: &'r CommandContext,
    repo: &'r RepositoryContext,
    workspace: &'r Workspace,
    zone: Zone,
    project: &'r ProjectName,
    /// The project's.
    digest: InputDigest,
    snapshot: &'r Snapshot<'r>,
    arguments: &'r Arguments,
    /// Where the JUnit file is copied to.
    junit: Option<&'r Path>,
    /// The project's inputs, and all declared files.
    files: Vec<InputFile>,
    declared: Vec<InputFile>,
    variables: BTreeMap<String, Option<Secret>>,
}

/// What a command that was run has left.
struct Ran {
    ended: Ended,
    took: Duration,
    junit: Option<Vec<u8>>,
}

pub(super) fn run(command: &CommandContext, signals: &Signals, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, .. } = command;
    let repo = RepositoryContext::new(options, environment, Uncommitted::Included)?;
    let snapshot = repo.snapshot();
    let workspace = Workspace::read(&snapshot, &repo.source)?;
    let project = selection::project(&repo, &workspace, &arguments.project)?;
    let junit = junit_path(&repo, &workspace, &project, arguments)?;
    let junit = junit.as_deref();
    // Whatever becomes of this run, nobody takes an earlier one's file for its own.
    junit.map(named_files::remove_earlier).transpose()?;
    let context = RunContext::new(command, &repo, &snapshot, &workspace, &project, arguments, junit)?;
    let orderly = signals.orderly().map_err(Error::Start)?;
    wait_for(context.run(&orderly))
}

/// Where the JUnit file is copied to: in the project's folder of the work tree.
fn junit_path(
    repo: &RepositoryContext,
    workspace: &Workspace,
    project: &ProjectName,
    arguments: &Arguments,
) -> Result<Option<PathBuf>, Error> {
    let Some(junit) = &arguments.junit else { return Ok(None) };
    let work_tree = repo.repository.work_dir().ok_or(Error::NoWorkTree)?;
    let folder = workspace.projects[project].config.path.value.to_os_path();
    Ok(Some(work_tree.join(folder).join(junit.to_os_path())))
}

impl<'r> RunContext<'r> {
    fn new(
        command: &'r CommandContext,
        repo: &'r RepositoryContext,
        snapshot: &'r Snapshot<'r>,
        workspace: &'r Workspace,
        project: &'r ProjectName,
        arguments: &'r Arguments,
        junit: Option<&'r Path>,
    ) -> Result<Self, Error> {
        let needed = workspace.graph.with_needs(std::slice::from_ref(project));
        let needed: BTreeSet<ProjectName> = needed.into_iter().cloned().collect();
        let mut files = inputs::files(workspace, &needed, snapshot, repo.repository.work_dir())?;
        let digest = inputs::digests(workspace, &files)[project];
        let declared = selection::files(snapshot, &arguments.inputs)?;
        let mut files = files.remove(project).expect("it was asked for");
        files.extend(declared.iter().cloned());
        files.sort_by(|one, other| one.path.cmp(&other.path));
        files.dedup_by(|one, other| one.path == other.path);
        let environment = &command.environment;
        let variables = arguments.variables.iter().map(|name| (name.clone(), environment.secret(name)));
        Ok(Self {
            command,
            repo,
            workspace,
            zone: repo.zone(snapshot, workspace)?,
            project,
            digest,
            snapshot,
            arguments,
            junit,
            files,
            declared,
            variables: variables.collect(),
        })
    }

    async fn run(&self, interruption: &Interruption) -> Result<Exit, Error> {
        let arguments = self.arguments;
        let is_trusted = self.repo.trust.is_trusted();
        let cache = self.cache().await?;
        let image = match (arguments.in_image, &cache) {
            (true, Some(cache)) => {
                let environment = &self.command.environment;
                let of = (self.project, &self.digest);
                Some(run_image::find(environment, &**cache, self.workspace, self.zone, of).await?)
            }
            _ => None,
        };
        let subject = match &image {
            None => Some(Subject::Checkout(self.digest)),
            Some(image) => image.content.map(Subject::Image),
        };
        let key = subject.map(|subject| self.key(subject));
        if let (Some(key), Some(cache), true) = (key, &cache, is_trusted)
            && let Some(record) = self.records(&**cache).find(key).await
        {
            let copied = self.copy_junit(record.junit.as_deref());
            self.say(Some(key), &JobOutcome::Skipped(&record));
            return Ok(self.end(Exit::Done, copied));
        }
        let ran = match &image {
            Some(image) => self.run_in_image(image, interruption).await?,
            None => self.run_in_checkout(interruption).await?,
        };
        let copied = self.copy_junit(ran.junit.as_deref());
        let not_recorded = match (key, &cache) {
            (Some(key), Some(cache)) => self.record(&**cache, key, &ran).await,
            _ => Some("the cache could not be read".to_owned()),
        };
        let not_recorded = not_recorded.as_deref();
        self.say(key, &JobOutcome::Ran { ended: ran.ended, took: ran.took, not_recorded });
        let exit = match ran.ended {
            Ended::Exited { code: 0 } => Exit::Done,
            Ended::Exited { .. } | Ended::Killed { .. } => Exit::Failed,
            Ended::Interrupted => Exit::Interrupted,
        };
        Ok(self.end(exit, copied))
    }

    /// How it ends if the JUnit file could not be copied, either.
    fn end(&self, exit: Exit, copied: Result<(), Error>) -> Exit {
        let mut troubles = Troubles::new(&self.command.output, exit);
        troubles.say(copied);
        troubles.exit()
    }

    /// `None` if it can't be used, and the command can do without.
    async fn cache(&self) -> Result<Option<Box<dyn Registry>>, Error> {
        match super::registries::registry(&self.workspace.cache, &self.command.environment).await {
            Ok(cache) => Ok(Some(cache)),
            Err(error) if self.arguments.in_image => Err(error),
            Err(error) => {
                tracing::warn!("the command is run, as the cache cannot be read: {error}");
                Ok(None)
            }
        }
    }

    fn key(&self, subject: Subject) -> Fingerprint {
        let Arguments { name, command, junit, .. } = self.arguments;
        Job {
            project: self.project,
            name,
            subject,
            folder: self.folder(),
            command,
            inputs: &self.declared,
            variables: &self.variables,
            junit: junit.as_ref(),
        }
        .key()
    }

    /// The project's.
    fn folder(&self) -> &RepoPath {
        &self.workspace.projects[self.project].config.path.value
    }

    fn records<'c>(&'c self, cache: &'c dyn Registry) -> JobRecords<'c> {
        JobRecords { cache, workspace: self.workspace, zone: self.zone }
    }

    /// Records what passed, unless that must not be; returns why not.
    async fn record(&self, cache: &dyn Registry, key: Fingerprint, ran: &Ran) -> Option<String> {
        if !ran.ended.is_success() {
            return Some("it did not pass".to_owned());
        }
        if !self.repo.trust.is_trusted() {
            return Some("this run is not trusted".to_owned());
        }
        if self.repo.is_dirty {
            return Some("there are uncommitted changes".to_owned());
        }
        if self.arguments.junit.is_some() && ran.junit.is_none() {
            let mebibytes = MAX_JUNIT_BYTES >> 20;
            return Some(format!("the command wrote no JUnit file, or one of more than {mebibytes} MiB"));
        }
        let record = JobRecord {
            key,
            project: self.project.clone(),
            name: self.arguments.name.clone(),
            commit: self.repo.head.commit,
            by: self.command.environment.who(),
            at: Timestamp::now(),
            took: ran.took,
            junit: ran.junit.clone(),
        };
        let written = self.records(cache).write(&record).await;
        written.err().map(|error| format!("the cache cannot be written to: {error}"))
    }

    async fn run_in_image(&self, image: &FoundImage, interruption: &Interruption) -> Result<Ran, Error> {
        let Arguments { command, junit, .. } = self.arguments;
        let output = &self.command.output;
        let to_stderr = self.command.options.json;
        let on_output = |stream, bytes: &[u8]| match stream {
            once::Stream::Stdout if !to_stderr => output.raw_stdout(bytes),
            once::Stream::Stdout | once::Stream::Stderr => output.raw_stderr(bytes),
        };
        let run = once::ImageRun {
            engine: &image.engine,
            image: image.image.clone(),
            command,
            variables: &self.variables,
            junit: junit.as_ref(),
        };
        let started = Instant::now();
        let (ended, junit) = run.run(interruption, &on_output).await?;
        Ok(Ran { ended, took: started.elapsed(), junit })
    }

    async fn run_in_checkout(&self, interruption: &Interruption) -> Result<Ran, Error> {
        let CommandContext { environment, options, .. } = self.command;
        let fetching = match self.repo.trust.is_trusted() {
            true => Fetching { submodules: SubmoduleFetch::NotAsked, lfs: Download::Allowed },
            false => Fetching { submodules: SubmoduleFetch::Untrusted, lfs: Download::Untrusted },
        };
        let parent = environment.temporary_folder();
        let checkout =
            Checkout::new(self.snapshot, fetching, self.project, &self.files, self.folder(), &parent)?;
        let set = self.variables.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        let set = set.map(|(name, value)| (OsString::from(name), OsString::from(value.reveal())));
        let process = Process {
            command: &self.arguments.command,
            folder: checkout.working_folder(),
            environment: environment.of_commands().into_iter().chain(set).collect(),
            stdout: if options.json { Stdio::from(std::io::stderr()) } else { Stdio::inherit() },
        };
        let started = Instant::now();
        let ended = once::run_process(process, interruption).await?;
        let took = started.elapsed();
        let junit = match &self.arguments.junit {
            None => None,
            Some(path) => checkout.written(path).unwrap_or_else(|error| {
                tracing::warn!("cannot read `{path}`, which the command wrote: {error}");
                None
            }),
        };
        Ok(Ran { ended, took, junit })
    }

    /// Copies the file, if the command has written it.
    fn copy_junit(&self, content: Option<&[u8]>) -> Result<(), Error> {
        match (self.junit, content) {
            (Some(path), Some(content)) => named_files::write_whole(path, content),
            _ => Ok(()),
        }
    }

    fn say(&self, key: Option<Fingerprint>, outcome: &JobOutcome<'_>) {
        let name = &self.arguments.name;
        let CommandContext { options, output, .. } = self.command;
        if options.json {
            output.json(&JobJson::new(self.project, name, key, outcome));
        } else {
            output.status(&report::text(self.project, name, outcome));
        }
    }
}
