//! The machine that a job runs on: a clone, a home, an engine, and the shell commands of the job.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Map, Value};

use super::expression::{self, Scope, Status};
use super::site::{Site, git};
use super::{Event, History, Outcome, Step, Steps, System};
use crate::support::engines::BedEngine;

/// Everything that a job runs in.
pub(super) struct Machine<'m> {
    pub(super) site: &'m Site,
    pub(super) system: System,
    pub(super) event: &'m Event,
    pub(super) job: &'m str,
    pub(super) engine: BedEngine,
    /// Whether a clone of some history is shallow, rather than without files.
    pub(super) is_shallow: bool,
    /// When it is switched off.
    pub(super) dies_after: Option<Duration>,
    pub(super) cancellation: &'m Cancellation,
    /// Contexts of GitHub's expressions.
    pub(super) values: Value,
}

/// How a job ended, and what it left.
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    /// The machine was switched off.
    pub(super) has_died: bool,
    pub(super) log: String,
    pub(super) artifacts: BTreeMap<String, String>,
    pub(super) outputs: Map<String, Value>,
}

/// A request to end all jobs, and the process groups of those that run.
#[derive(Debug, Default)]
pub(super) struct Cancellation(Mutex<(bool, BTreeSet<i32>)>);

impl Cancellation {
    pub(super) fn request(&self) {
        let mut state = self.0.lock().unwrap();
        state.0 = true;
        state.1.iter().for_each(|group| end(*group));
    }

    pub(super) fn is_requested(&self) -> bool {
        self.0.lock().unwrap().0
    }

    fn started(&self, group: i32) {
        let mut state = self.0.lock().unwrap();
        state.1.insert(group);
        if state.0 {
            end(group);
        }
    }

    fn ended(&self, group: i32) {
        self.0.lock().unwrap().1.remove(&group);
    }
}

/// Ends a process group as the kernel does it when memory runs out: at once.
fn end(group: i32) {
    // It may have ended by itself.
    let _ = kill_process_group(Pid::from_raw(group).unwrap(), Signal::KILL);
}

/// What steps pass on to later ones.
struct Shells {
    work: PathBuf,
    folder: PathBuf,
    variables: BTreeMap<String, String>,
    path: Vec<String>,
    dies_at: Option<Instant>,
}

impl Machine<'_> {
    /// Runs the steps of a job.
    pub(super) fn perform(&self, steps: &Steps) -> Ended {
        let folder = self.site.new_folder();
        let work = folder.join("work");
        for folder in [&work, &folder.join("home"), &folder.join("tmp")] {
            fs::create_dir_all(folder).unwrap();
        }
        File::create(folder.join("bash.env")).unwrap();
        let mut values = self.values.clone();
        values["steps"] = Map::new().into();
        let mut status = Status { succeeded: true, ..Status::default() };
        let mut shells = Shells {
            variables: self.event.variables(self.system, self.job, &folder).into_iter().collect(),
            path: vec![self.site.tools().display().to_string()],
            dies_at: self.dies_after.map(|after| Instant::now() + after),
            work,
            folder,
        };
        let expanded = |text: &str, values: &Value, status: Status| match self.system {
            System::GitHub => expression::expand(text, Scope { values, status }),
            _ => text.to_owned(),
        };
        // At GitHub, a job has those that its workflow names, and at CodeBuild those of its project.
        if !matches!(self.system, System::GitHub | System::CodeBuild) {
            shells.variables.extend(self.site.secrets(self.event));
        }
        for (name, value) in &steps.variables {
            shells.variables.insert(name.clone(), expanded(value, &values, status));
        }
        let mut has_died = false;
        for (number, step) in steps.steps.iter().enumerate() {
            status.cancelled = self.cancellation.is_requested();
            status.succeeded = !status.failed && !status.cancelled;
            let condition = match step {
                Step::Checkout(_) => None,
                Step::Run { condition, .. } => condition.as_deref(),
            };
            let scope = Scope { values: &values, status };
            if has_died
                || !condition.map_or(status.succeeded, |condition| expression::holds(condition, scope))
            {
                continue;
            }
            match step {
                Step::Checkout(history) => self.clone_into(&shells.work, *history),
                Step::Run { id, flags, script, .. } => {
                    let file = shells.folder.join(format!("step-{number}.sh"));
                    fs::write(&file, expanded(script, &values, status)).unwrap();
                    let (ended, died) = self.run(&shells, flags, &file);
                    status.failed |= !ended.success();
                    has_died |= died;
                    let outputs = shells.passed_on();
                    if let Some(id) = id {
                        values["steps"][id]["outputs"] = outputs.into();
                    }
                }
            }
        }
        status.cancelled = self.cancellation.is_requested();
        let scope = Scope { values: &values, status };
        let output =
            |(name, value): &(String, String)| (name.clone(), expression::expand(value, scope).into());
        let artifact = |path: &String| Some((path.clone(), fs::read_to_string(shells.work.join(path)).ok()?));
        Ended {
            outcome: match () {
                () if status.failed && status.cancelled && self.system != System::GitHub => {
                    Outcome::Cancelled
                }
                () if status.failed || has_died => Outcome::Failed,
                () if status.cancelled => Outcome::Cancelled,
                () => Outcome::Succeeded,
            },
            has_died,
            log: fs::read_to_string(shells.folder.join("log")).unwrap_or_default(),
            artifacts: steps.artifacts.iter().filter_map(artifact).collect(),
            outputs: steps.outputs.iter().map(output).collect(),
        }
    }

    fn clone_into(&self, work: &Path, history: History) {
        let (url, commit) = (self.site.url(), self.event.commit(self.system));
        match history {
            History::Any if self.is_shallow => {
                git(work, &["init", "-q", "--template="]);
                git(work, &["remote", "add", "origin", &url]);
                git(work, &["fetch", "-q", "--depth=1", "origin", commit]);
            }
            History::All if self.is_shallow => {
                git(work, &["clone", "-q", "--no-checkout", "--template=", &url, "."]);
                git(work, &["fetch", "-q", "origin", commit]);
            }
            History::Any | History::All => {
                git(work, &["clone", "-q", "--no-checkout", "--template=", "--filter=blob:none", &url, "."]);
                git(work, &["fetch", "-q", "origin", commit]);
            }
        }
        git(work, &["checkout", "-q", "--detach", commit]);
    }

    /// Runs a script; returns whether the machine was switched off in it.
    fn run(&self, shells: &Shells, flags: &[&str], script: &Path) -> (ExitStatus, bool) {
        let log = || OpenOptions::new().create(true).append(true).open(shells.folder.join("log")).unwrap();
        let path = std::env::var("PATH").unwrap();
        let path = shells.path.iter().rev().cloned().chain([path]).collect::<Vec<_>>().join(":");
        let mut command = Command::new("bash");
        command.args(flags).arg(script).current_dir(&shells.work).process_group(0);
        command.env_clear().envs(&shells.variables).env("PATH", path);
        command.env("HOME", shells.folder.join("home")).env("TMPDIR", shells.folder.join("tmp"));
        command.env("DOCKER_HOST", self.engine.host()).env("DOCKER_CONFIG", self.site.docker_config());
        let mut child =
            command.stdin(std::process::Stdio::null()).stdout(log()).stderr(log()).spawn().unwrap();
        let group = child.id().cast_signed();
        self.cancellation.started(group);
        let mut has_died = false;
        let status = loop {
            let Some(at) = shells.dies_at else { break child.wait().unwrap() };
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() >= at {
                has_died = true;
                end(group);
                break child.wait().unwrap();
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        self.cancellation.ended(group);
        (status, has_died)
    }
}

impl Shells {
    /// Reads the files in which GitHub's steps pass things on; returns the outputs of the step.
    fn passed_on(&mut self) -> Map<String, Value> {
        let lines = |name: &str| {
            let file = self.folder.join(name);
            let text = fs::read_to_string(&file).unwrap_or_default();
            File::create(file).unwrap();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let assigned = |line: String| {
            let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("no assignment: `{line}`"));
            (name.to_owned(), value.to_owned())
        };
        let (environment, path, outputs) = (lines("environment"), lines("path"), lines("output"));
        self.variables.extend(environment.into_iter().map(assigned));
        self.path.extend(path);
        outputs.into_iter().map(assigned).map(|(name, value)| (name, value.into())).collect()
    }
}
