//! Writes a run down while it happens: takes the events of `execute`, and prints nothing.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::document::{Project, ProjectStep, Run, RunState};
use super::entry::{conclusion, end, planned};
use super::error::RunsError;
use super::folder::{Limits, RunFolder, log_name};
use super::log::{LogLine, LogLines};
use super::rotation::{Bounds, rotate};
use super::start::Start;
use super::store::Store;
use crate::engine::Progress;
use crate::execute::{BuildReport, Event, Failure, Outcome};
use crate::model::{ProjectName, Timestamp};

const LIMITS: Limits = Limits { of_file: 64 << 20, of_run: 512 << 20 };

const BOUNDS: Bounds = Bounds { runs: 50, bytes: 1 << 30 };

/// A run that goes on.
#[derive(Debug)]
pub struct Recorder {
    started: Instant,
    /// Where the runs of the clone are, and the number of this one, if its folder could be made.
    kept: Option<(PathBuf, u64)>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    run: Run,
    positions: BTreeMap<String, usize>,
    /// The builds that go on, by project.
    running: BTreeMap<String, Running>,
    /// The slots that builds have, by number.
    slots: Vec<bool>,
    /// The one that a person named is the first.
    folders: Vec<RunFolder>,
    ended: Option<Duration>,
    /// How the first builds went, while projects are built a second time.
    first_builds: Option<Vec<Project>>,
}

#[derive(Debug)]
struct Running {
    started: Duration,
    slot: usize,
    lines: LogLines,
    /// The steps that have not ended, by their position.
    open: Vec<usize>,
}

impl Recorder {
    /// Starts a run: makes its folder in `store`, and writes to the folder `named` besides.
    ///
    /// A folder in `store` that can't be made is a warning.
    ///
    /// # Errors
    /// [`RunsError::Write`] when the folder `named` can't be made.
    pub fn new(start: &Start<'_>, store: &Store, named: Option<&Path>) -> Result<Self, RunsError> {
        let mut folders = Vec::new();
        if let Some(path) = named {
            let folder = RunFolder::named(path, LIMITS);
            folders.push(folder.map_err(|source| RunsError::Write { path: path.to_owned(), source })?);
        }
        let kept = match RunFolder::next(store.folder(), LIMITS) {
            Ok((number, folder)) => {
                folders.push(folder);
                Some((store.folder().to_owned(), number))
            }
            Err(error) => {
                warn_of(store.folder(), &error);
                None
            }
        };
        let projects: Vec<Project> = start.plan.steps.iter().map(planned).collect();
        let positions = projects.iter().map(|project| project.name.clone()).zip(0..).collect();
        let number = kept.as_ref().map(|(_, number)| *number);
        let run = Run::new(number, Timestamp::now().to_string(), start, projects);
        let (running, slots, ended, first_builds) = (BTreeMap::new(), Vec::new(), None, None);
        let mut state = State { run, positions, running, slots, folders, ended, first_builds };
        // A run that is killed has nothing to show where nothing is built.
        if start.plan.builds().next().is_some() {
            state.write();
        }
        Ok(Self { started: Instant::now(), kept, state: Mutex::new(state) })
    }

    /// Writes down what happened.
    pub fn on_event(&self, event: &Event) {
        let at = self.started.elapsed();
        let mut state = self.state();
        match event {
            Event::Started { project } => state.start(at, project),
            // That is what the other job writes down.
            Event::Claimed { .. } => {}
            Event::Pulling { project, image } => {
                state.start(at, project);
                state.step_started(at, project, &format!("pulling {image}"));
            }
            Event::Pushing { project, image } => {
                state.step_started(at, project, &format!("pushing {image}"));
            }
            Event::RetryingPush { project, error, delay, .. } => {
                let text = format!("retrying the push in {:.1} s: {error}", delay.as_secs_f64());
                state.log(at, project, &LogLine::Note { text: &text });
            }
            Event::Progress { project, progress } => state.progress(at, project, progress),
            Event::Finished { project, outcome, .. } => state.finish(at, project, outcome),
        }
    }

    /// Notes that what comes now are second builds, to be compared with the first ones. What they print is added to the logs;
    /// the document is about the first ones.
    pub fn start_second_builds(&self) {
        let mut state = self.state();
        state.first_builds = Some(state.run.projects.clone());
    }

    /// Notes that nothing more is executed. What comes after counts for no project.
    pub fn stop(&self) {
        self.state().ended = Some(self.started.elapsed());
    }

    /// Ends the run: writes how it went, names the logs in the report, and removes the oldest runs.
    pub fn finish(self, report: &mut BuildReport) -> Run {
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(first_builds) = state.first_builds.take() {
            state.run.projects = first_builds;
        }
        state.run.seconds = Some(state.ended.unwrap_or_else(|| self.started.elapsed()).as_secs_f64());
        state.run.seconds_estimated = report.estimated.map(|estimated| estimated.as_secs_f64());
        state.run.state = if report.is_interrupted {
            RunState::Interrupted
        } else if report.is_complete() {
            RunState::Complete
        } else {
            RunState::Failed
        };
        let logs = state.folders.first().map(|folder| folder.path().to_owned());
        for project in &mut state.run.projects {
            let Some(name) = project.name.parse::<ProjectName>().ok() else { continue };
            let Some(reported) = report.projects.get_mut(&name) else { continue };
            end(project, &reported.outcome);
            reported.log = logs.as_ref().zip(project.log.as_ref()).map(|(folder, log)| folder.join(log));
        }
        state.write();
        if let Some((folder, number)) = self.kept
            && let Err(error) = rotate(&folder, number, BOUNDS)
        {
            tracing::warn!("old runs in `{}` can't be removed: {error}", folder.display());
        }
        state.run
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn start(&mut self, at: Duration, project: &ProjectName) {
        let Some(&position) = self.positions.get(project.as_str()) else { return };
        let slot = match self.slots.iter().position(|is_taken| !is_taken) {
            Some(free) => free,
            None => {
                self.slots.push(false);
                self.slots.len() - 1
            }
        };
        self.slots[slot] = true;
        let lines = LogLines::new();
        self.running.insert(project.to_string(), Running { started: at, slot, lines, open: Vec::new() });
        match &self.first_builds {
            None => self.each_folder(|folder| folder.open_log(project.as_str())),
            Some(_) => {
                self.each_folder(|folder| folder.reopen_log(project.as_str()));
                self.log(at, project, &LogLine::Note { text: "built again, without the layer cache" });
            }
        }
        let entry = &mut self.run.projects[position];
        entry.start = Some(at.as_secs_f64());
        entry.slot = Some(slot);
        entry.log = (!self.folders.is_empty()).then(|| log_name(project.as_str()));
    }

    fn progress(&mut self, at: Duration, project: &ProjectName, progress: &Progress) {
        match progress {
            Progress::StepStarted { step } => self.step_started(at, project, step),
            Progress::StepDone { step, cached, took } => {
                self.step_done(at, project, step, *cached, *took);
                let line = match cached {
                    true => LogLine::StepCached { step },
                    false => LogLine::StepDone { step, took: *took },
                };
                self.log(at, project, &line);
            }
            Progress::Warning { text, url } => {
                let url = url.as_deref().map(|url| format!(" ({url})")).unwrap_or_default();
                self.log(at, project, &LogLine::Note { text: &format!("warning: {text}{url}") });
            }
            Progress::Log { step, text } => {
                let Some(running) = self.running.get_mut(project.as_str()) else { return };
                let lines = running.lines.output(at.saturating_sub(running.started), step, text);
                self.append(project, &lines);
            }
        }
    }

    fn step_started(&mut self, at: Duration, project: &ProjectName, step: &str) {
        let Some(&position) = self.positions.get(project.as_str()) else { return };
        let Some(running) = self.running.get_mut(project.as_str()) else { return };
        let steps = &mut self.run.projects[position].steps;
        running.open.push(steps.len());
        let (name, start) = (step.to_owned(), at.as_secs_f64());
        steps.push(ProjectStep { name, start, seconds: 0.0, cached: false, failed: false });
        self.log(at, project, &LogLine::StepStarted { step });
    }

    fn step_done(&mut self, at: Duration, project: &ProjectName, step: &str, cached: bool, took: Duration) {
        let Some(&position) = self.positions.get(project.as_str()) else { return };
        let Some(running) = self.running.get_mut(project.as_str()) else { return };
        let steps = &mut self.run.projects[position].steps;
        let is_it = |position: &usize| steps[*position].name == step;
        let found = running.open.iter().rposition(is_it).map(|open| running.open.remove(open));
        let done = match found {
            Some(found) => &mut steps[found],
            None => {
                let (name, start) = (step.to_owned(), at.as_secs_f64());
                steps.push(ProjectStep { name, start, seconds: 0.0, cached, failed: false });
                steps.last_mut().expect("it has just been added")
            }
        };
        // The engine tells of short steps when they are over.
        let earliest = running.started.as_secs_f64();
        done.start = done.start.min(at.saturating_sub(took).as_secs_f64()).max(earliest);
        (done.seconds, done.cached) = (took.as_secs_f64(), cached);
    }

    fn finish(&mut self, at: Duration, project: &ProjectName, outcome: &Outcome) {
        let Some(&position) = self.positions.get(project.as_str()) else { return };
        if self.running.contains_key(project.as_str()) {
            if let Outcome::Failed(Failure { step: Some(step), .. }) = outcome {
                self.log(at, project, &LogLine::StepFailed { step });
            }
            self.log(at, project, &LogLine::Note { text: &conclusion(outcome) });
        }
        let entry = &mut self.run.projects[position];
        if let Some(running) = self.running.remove(project.as_str()) {
            self.slots[running.slot] = false;
            entry.seconds = at.saturating_sub(running.started).as_secs_f64();
            for open in running.open {
                let step = &mut entry.steps[open];
                step.seconds = (at.as_secs_f64() - step.start).max(0.0);
                step.failed = matches!(outcome, Outcome::Failed(Failure { step: Some(name), .. }) if *name == step.name);
            }
        }
        end(entry, outcome);
        for folder in &mut self.folders {
            folder.close_log(project.as_str());
        }
    }

    fn log(&mut self, at: Duration, project: &ProjectName, line: &LogLine<'_>) {
        let Some(running) = self.running.get_mut(project.as_str()) else { return };
        let lines = running.lines.line(at.saturating_sub(running.started), line);
        self.append(project, &lines);
    }

    fn append(&mut self, project: &ProjectName, lines: &str) {
        self.each_folder(|folder| folder.append(project.as_str(), lines));
    }

    fn write(&mut self) {
        let run = &self.run;
        keep_writable(&mut self.folders, |folder| folder.write(run));
    }

    fn each_folder(&mut self, write: impl FnMut(&mut RunFolder) -> io::Result<()>) {
        keep_writable(&mut self.folders, write);
    }
}

/// Writes to all folders. One that can't be written, because its disk is full for example, is given up with a warning.
fn keep_writable(folders: &mut Vec<RunFolder>, mut write: impl FnMut(&mut RunFolder) -> io::Result<()>) {
    folders.retain_mut(|folder| match write(folder) {
        Ok(()) => true,
        Err(error) => {
            warn_of(folder.path(), &error);
            false
        }
    });
}

fn warn_of(folder: &Path, error: &io::Error) {
    tracing::warn!("the logs of this run are not kept: cannot write to `{}`: {error}", folder.display());
}
