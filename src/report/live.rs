//! What a terminal shows of a run while it lasts: a header, and for each running project its step and its last output.
//!
//! Pure: events and the time go in, lines come out that fit the terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::styled::{Role, StyledLine, StyledText, columns_of, padded};
use super::time;
use crate::engine::{Progress, StepLabel};
use crate::execute::{self, Event, Forecast, Job, Outcome};
use crate::model::{ProjectName, printable_log};

/// Up to so many columns names are padded, so that what stands behind them begins in one column.
pub(super) const MAX_NAME_COLUMNS: usize = 24;

/// The columns of the time that a project has taken so far.
pub(super) const TIME_COLUMNS: usize = 7;

/// How much of the last line of an output is kept. No terminal shows more.
const MAX_LINE_BYTES: usize = 1024;

/// A run so far.
#[derive(Debug)]
pub struct Live<'f> {
    forecast: Forecast<'f>,
    all: usize,
    finished: usize,
    failed: usize,
    blocked: usize,
    /// In the order in which they were started.
    running: Vec<Running>,
    /// What will be built.
    waiting: BTreeSet<ProjectName>,
    name_columns: usize,
    end: End,
}

/// When the run will end, counted from its start.
#[derive(Clone, Copy, Debug)]
enum End {
    /// Something was started or finished since it was estimated.
    Outdated,
    Estimated(Option<Duration>),
}

/// What is done with a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Build,
    /// Nothing tells how long that takes.
    Pull,
}

#[derive(Debug)]
struct Running {
    project: ProjectName,
    work: Work,
    since: Duration,
    /// What it does now, the latest last; steps by their names.
    doing: Vec<String>,
    cached_steps: usize,
    /// The last line of output that says something, and what came after it without a line break.
    last_line: String,
    open_line: String,
}

impl<'f> Live<'f> {
    pub fn new(jobs: &[Job], forecast: Forecast<'f>) -> Self {
        let is_reused = |job: &&Job| matches!(job.work, execute::Work::Reuse { .. });
        let is_built = |job: &&Job| matches!(job.work, execute::Work::Build(_));
        let names = jobs.iter().filter(|job| !is_reused(job)).map(|job| columns_of(job.project.as_str()));
        Self {
            forecast,
            all: jobs.len(),
            finished: jobs.iter().filter(is_reused).count(),
            failed: 0,
            blocked: 0,
            running: Vec::new(),
            waiting: jobs.iter().filter(is_built).map(|job| job.project.clone()).collect(),
            name_columns: names.max().unwrap_or_default().min(MAX_NAME_COLUMNS),
            end: End::Outdated,
        }
    }

    /// Takes in an event; `now` is the time since the start of the run.
    pub fn on_event(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Started { project } => self.start(project, "starting".to_owned(), Work::Build, now),
            Event::Pulling { project, image } => {
                self.start(project, format!("pulling {image}"), Work::Pull, now);
            }
            Event::Pushing { project, image } => {
                if let Some(running) = self.running(project) {
                    running.doing = vec![format!("pushing {image}")];
                    // It is of the last step, which is over.
                    running.last_line.clear();
                    running.open_line.clear();
                }
            }
            Event::RetryingPush { .. } | Event::Claimed { .. } => {}
            Event::Progress { project, progress } => {
                if let Some(running) = self.running(project) {
                    running.on_progress(progress);
                }
            }
            Event::Finished { project, outcome, .. } => {
                self.running.retain(|running| running.project != *project);
                self.waiting.remove(project);
                self.finished += 1;
                self.failed += usize::from(outcome.is_failure());
                self.blocked += usize::from(matches!(outcome, Outcome::Blocked { .. }));
                self.end = End::Outdated;
            }
        }
    }

    fn start(&mut self, project: &ProjectName, doing: String, work: Work, now: Duration) {
        self.waiting.remove(project);
        self.running.push(Running {
            project: project.clone(),
            work,
            since: now,
            doing: vec![doing],
            cached_steps: 0,
            last_line: String::new(),
            open_line: String::new(),
        });
        self.end = End::Outdated;
    }

    fn running(&mut self, project: &ProjectName) -> Option<&mut Running> {
        self.running.iter_mut().find(|running| running.project == *project)
    }

    /// The lines to show now. They fit a terminal of this size, and leave its last line free.
    pub fn frame(&mut self, now: Duration, columns: usize, lines: usize) -> StyledText {
        let mut text = StyledText::default();
        let header = self.header(now);
        text.push(header.fit(columns));
        let room = lines.saturating_sub(2);
        let has_output = self.running.len() * 2 <= room;
        let shown = if self.running.len() <= room { self.running.len() } else { room.saturating_sub(1) };
        for running in &self.running[..shown] {
            text.push(running.row(now, self.name_columns).fit(columns));
            if has_output && !running.output().is_empty() {
                let output = StyledLine::new().plain("      ").text(Role::Dim, &running.output());
                text.push(output.fit(columns));
            }
        }
        let more = self.running.len() - shown;
        if more > 0 && room > 0 {
            text.push(StyledLine::new().text(Role::Dim, &format!("  {more} more are running")).fit(columns));
        }
        text
    }

    fn header(&mut self, now: Duration) -> StyledLine {
        let left = self.end(now).and_then(|end| end.checked_sub(now)).filter(|left| !left.is_zero());
        let header = StyledLine::new()
            .text(Role::Strong, &format!("[{}/{}]", self.finished, self.all))
            .plain(&format!(" {} running", self.running.len()));
        let mut header = header;
        for (count, label) in [(self.failed, "failed"), (self.blocked, "blocked")] {
            if count > 0 {
                header = header.plain(", ").text(Role::Failure, &format!("{count} {label}"));
            }
        }
        header = header.plain(&format!(", {}", time::rough(now)));
        match left {
            Some(left) => header.plain(&format!(", about {} left", time::estimated(left))),
            None => header,
        }
    }

    /// When the run will end; `None` where nothing tells.
    fn end(&mut self, now: Duration) -> Option<Duration> {
        if let End::Outdated = self.end {
            let elapsed = |running: &Running| (running.project.clone(), now.saturating_sub(running.since));
            let builds = self.running.iter().filter(|running| running.work == Work::Build);
            let running: BTreeMap<ProjectName, Duration> = builds.map(elapsed).collect();
            let remaining = self.forecast.remaining(&running, &self.waiting);
            self.end = End::Estimated(remaining.map(|remaining| now + remaining));
        }
        match self.end {
            End::Estimated(end) => end,
            End::Outdated => None,
        }
    }
}

impl Running {
    fn on_progress(&mut self, progress: &Progress) {
        match progress {
            Progress::StepStarted { step } => {
                self.doing.retain(|doing| StepLabel::parse(doing).is_some());
                self.doing.push(step.clone());
            }
            Progress::StepDone { step, cached, .. } => {
                let is_step = StepLabel::parse(step).is_some_and(|label| label.is_step());
                self.cached_steps += usize::from(*cached && is_step);
                if self.doing.len() > 1 {
                    self.doing.retain(|doing| doing != step);
                }
            }
            Progress::Log { text, .. } => self.on_output(text),
            Progress::Warning { .. } => {}
        }
    }

    /// Keeps the last line. A carriage return begins a line anew, as progress bars do.
    fn on_output(&mut self, text: &str) {
        for piece in text.split_inclusive(['\n', '\r']) {
            let line = piece.trim_end_matches(['\n', '\r']);
            let mut room = MAX_LINE_BYTES.saturating_sub(self.open_line.len()).min(line.len());
            while !line.is_char_boundary(room) {
                room -= 1;
            }
            self.open_line.push_str(&line[..room]);
            if line.len() < piece.len() {
                if !self.open_line.trim().is_empty() {
                    self.last_line = std::mem::take(&mut self.open_line);
                }
                self.open_line.clear();
            }
        }
    }

    fn output(&self) -> String {
        let line = if self.open_line.trim().is_empty() { &self.last_line } else { &self.open_line };
        printable_log(line)
    }

    fn row(&self, now: Duration, name_columns: usize) -> StyledLine {
        let took = time::rough(now.saturating_sub(self.since));
        let doing = self.doing.last().map(|doing| printable_log(doing)).unwrap_or_default();
        let row = StyledLine::new()
            .plain("  ")
            .text(Role::Strong, &padded(self.project.as_str(), name_columns))
            .text(Role::Dim, &format!("  {took:>TIME_COLUMNS$}"))
            .plain("  ")
            .plain(&doing);
        match self.cached_steps {
            0 => row,
            1 => row.text(Role::Dim, " (1 step cached)"),
            cached => row.text(Role::Dim, &format!(" ({cached} steps cached)")),
        }
    }
}

#[cfg(test)]
mod tests;
