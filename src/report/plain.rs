//! What a log shows of a run while it lasts: each line with the time since its start and its project.
//!
//! Where several projects can be built at once, the output of a step is kept until the step ends, and then written whole. In a
//! CI that folds logs, all lines of a project are kept until it ends, and folded unless it failed. Where nothing was written
//! for a while, a line says what is still running.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ci_log::{CiLog, Line};
use super::{text, time};
use crate::engine::Progress;
use crate::execute::{Event, Outcome};
use crate::model::{ProjectName, printable_log};

/// How long nothing is written before a line says what is still running.
const MAX_SILENCE: Duration = Duration::from_secs(30);

/// How much output is kept for a step or a project. What is more is written as it comes.
const MAX_KEPT_BYTES: usize = 1 << 20;

/// A run so far.
#[derive(Debug)]
pub struct Plain {
    /// How a group of lines is folded; `None` where nothing is.
    ci_log: Option<CiLog>,
    /// Whether only one project is built at a time, so that its output is written as it comes.
    is_alone: bool,
    running: BTreeMap<ProjectName, Running>,
    /// When the last line was written.
    written: Duration,
    /// The step whose output was written last, where that is written as it comes.
    last_step: Option<String>,
}

#[derive(Debug, Default)]
struct Running {
    since: Duration,
    /// In the order in which they were started.
    steps: Vec<Step>,
    /// What is written once the project has ended.
    kept: Vec<String>,
    kept_bytes: usize,
}

#[derive(Debug)]
struct Step {
    name: String,
    since: Duration,
    lines: Vec<String>,
    bytes: usize,
    /// A line that has no end yet.
    open: String,
    /// Whether a part of its output was written, with lines of others in between.
    is_torn: bool,
}

impl Plain {
    /// `parallel` is how many projects can be built at once.
    pub fn new(ci_log: Option<CiLog>, parallel: usize) -> Self {
        let is_alone = parallel <= 1;
        Self {
            ci_log: ci_log.filter(|_| !is_alone),
            is_alone,
            running: BTreeMap::new(),
            written: Duration::ZERO,
            last_step: None,
        }
    }

    /// Takes in an event, and returns what is to be written now; `now` is the time since the start of the run.
    pub fn on_event(&mut self, event: &Event, now: Duration) -> Vec<Line> {
        let lines = self.lines(event, now);
        if !lines.is_empty() {
            self.written = now;
        }
        lines
    }

    /// What is to be written although nothing has happened.
    pub fn on_silence(&mut self, now: Duration) -> Vec<Line> {
        if now.saturating_sub(self.written) < MAX_SILENCE || self.running.is_empty() {
            return Vec::new();
        }
        self.written = now;
        let still = |(project, running): (&ProjectName, &Running)| {
            let since = |since: Duration| time::rough(now.saturating_sub(since));
            Line::Text(match running.steps.last() {
                Some(step) => {
                    format!(
                        "{} still running {}, {}",
                        at(now, project),
                        printable_log(&step.name),
                        since(step.since)
                    )
                }
                None => format!("{} still running, {}", at(now, project), since(running.since)),
            })
        };
        self.running.iter().map(still).collect()
    }

    fn lines(&mut self, event: &Event, now: Duration) -> Vec<Line> {
        match event {
            Event::Started { project } | Event::Pulling { project, .. } => {
                self.running.insert(project.clone(), Running { since: now, ..Running::default() });
                Self::status(event, now)
            }
            Event::Claimed { .. } => Self::status(event, now),
            Event::Progress { project, progress: Progress::StepStarted { step } } => {
                if let Some(running) = self.running.get_mut(project) {
                    running.steps.push(Step::new(step, now));
                }
                Vec::new()
            }
            Event::Progress { project, progress: Progress::Log { step, text } } => {
                self.output(project, step, text, now)
            }
            Event::Progress { project, progress: Progress::StepDone { step, .. } } => {
                let step = self.end_step(project, step);
                let lines = text::event(event).map(|line| format!("{} {line}", at_time(now)));
                let lines =
                    lines.into_iter().chain(step.map(|step| step.rest(project, now)).into_iter().flatten());
                let lines = lines.collect();
                self.keep(project, lines, now)
            }
            Event::Finished { project, outcome, .. } => self.finish(project, outcome, event, now),
            Event::Progress { project, .. }
            | Event::Pushing { project, .. }
            | Event::RetryingPush { project, .. } => {
                let project = project.clone();
                let lines = text::event(event).map(|line| format!("{} {line}", at_time(now)));
                self.keep(&project, lines.into_iter().collect(), now)
            }
        }
    }

    /// The line of an event that is written at once in any case.
    fn status(event: &Event, now: Duration) -> Vec<Line> {
        let line = text::event(event).map(|line| Line::Text(format!("{} {line}", at_time(now))));
        line.into_iter().collect()
    }

    /// Output of a step: written, or kept until the step ends.
    fn output(&mut self, project: &ProjectName, step: &str, text: &str, now: Duration) -> Vec<Line> {
        let Some(running) = self.running.get_mut(project) else { return Vec::new() };
        let position = running.steps.iter().position(|known| known.name == step);
        let position = position.unwrap_or_else(|| {
            running.steps.push(Step::new(step, now));
            running.steps.len() - 1
        });
        let new = running.steps[position].take_in(project, text, now);
        if self.is_alone {
            let is_other = self.last_step.as_deref().is_some_and(|last| last != step);
            if is_other && !new.is_empty() {
                // Whatever was written of other steps before is not in one piece now.
                for other in running.steps.iter_mut().filter(|other| !other.lines.is_empty()) {
                    other.is_torn = true;
                }
            }
            if !new.is_empty() {
                self.last_step = Some(step.to_owned());
            }
            if running.steps[position].bytes > MAX_KEPT_BYTES {
                running.steps[position].lines.clear();
                running.steps[position].bytes = 0;
            }
            return new.into_iter().map(Line::Text).collect();
        }
        if running.steps[position].bytes > MAX_KEPT_BYTES {
            let step = &mut running.steps[position];
            step.bytes = 0;
            let lines = std::mem::take(&mut step.lines);
            return self.keep(project, lines, now);
        }
        Vec::new()
    }

    fn end_step(&mut self, project: &ProjectName, step: &str) -> Option<Step> {
        let running = self.running.get_mut(project)?;
        let position = running.steps.iter().position(|known| known.name == step)?;
        let mut step = running.steps.remove(position);
        if self.is_alone {
            step.lines.clear();
        }
        Some(step)
    }

    /// Writes lines of a project, or keeps them until it ends where they are folded then.
    fn keep(&mut self, project: &ProjectName, lines: Vec<String>, now: Duration) -> Vec<Line> {
        match (self.ci_log, self.running.get_mut(project)) {
            (Some(ci_log), Some(running)) => {
                running.kept_bytes += lines.iter().map(String::len).sum::<usize>();
                running.kept.extend(lines);
                if running.kept_bytes <= MAX_KEPT_BYTES {
                    return Vec::new();
                }
                running.kept_bytes = 0;
                let title = format!("{project}: output so far");
                ci_log.folded(&title, project, std::mem::take(&mut running.kept), (running.since, now))
            }
            _ => lines.into_iter().map(Line::Text).collect(),
        }
    }

    fn finish(
        &mut self,
        project: &ProjectName,
        outcome: &Outcome,
        event: &Event,
        now: Duration,
    ) -> Vec<Line> {
        let Some(running) = self.running.remove(project) else { return Self::status(event, now) };
        let failed_step = match outcome {
            Outcome::Failed(failure) => failure.step.as_deref(),
            _ => None,
        };
        let since = running.since;
        let mut lines = Vec::new();
        let mut failed = Vec::new();
        for mut step in running.steps {
            let is_failed = failed_step == Some(step.name.as_str());
            if self.is_alone && !(is_failed && step.is_torn) {
                step.lines.clear();
            }
            let name = printable_log(&step.name);
            let rest: Vec<String> = step.rest(project, now).collect();
            if is_failed {
                failed = rest;
            } else if !rest.is_empty() {
                lines.push(format!("{} {project}: {name} did not end", at_time(now)));
                lines.extend(rest);
            }
        }
        let status = Self::status(event, now);
        let lines = [running.kept, lines].concat();
        let title = text::event(event).unwrap_or_default();
        let mut written = match (self.ci_log, outcome) {
            (Some(ci_log), Outcome::Failed(_)) => {
                let before = format!("{project}: before the failure");
                let mut written = ci_log.folded(&before, project, lines, (since, now));
                written.extend(ci_log.open(&title));
                return written.into_iter().chain(status).chain(failed.into_iter().map(Line::Text)).collect();
            }
            (Some(ci_log), _) => return ci_log.finished(&title, project, lines, (since, now), status),
            (None, _) => lines.into_iter().map(Line::Text).collect::<Vec<_>>(),
        };
        written.extend(status);
        written.extend(failed.into_iter().map(Line::Text));
        written
    }
}

impl Step {
    fn new(name: &str, since: Duration) -> Self {
        let (lines, open) = (Vec::new(), String::new());
        Self { name: name.to_owned(), since, lines, bytes: 0, open, is_torn: false }
    }

    /// Adds output, and returns the lines that are whole now.
    fn take_in(&mut self, project: &ProjectName, text: &str, now: Duration) -> Vec<String> {
        let mut whole = Vec::new();
        for piece in text.split_inclusive('\n') {
            self.open.push_str(piece.trim_end_matches('\n'));
            if piece.ends_with('\n') || self.open.len() > MAX_KEPT_BYTES {
                whole.push(output_line(project, &std::mem::take(&mut self.open), now));
            }
        }
        self.bytes += whole.iter().map(String::len).sum::<usize>();
        self.lines.extend(whole.iter().cloned());
        whole
    }

    /// What is left to write once it has ended.
    fn rest(self, project: &ProjectName, now: Duration) -> impl Iterator<Item = String> {
        let open = (!self.open.is_empty()).then(|| output_line(project, &self.open, now));
        self.lines.into_iter().chain(open)
    }
}

fn output_line(project: &ProjectName, line: &str, now: Duration) -> String {
    // What a carriage return has written over was not meant to stay.
    let line = line.trim_end_matches('\r');
    let line = line.rsplit('\r').next().unwrap_or_default();
    format!("{} | {}", at(now, project), printable_log(line))
}

fn at_time(now: Duration) -> String {
    format!("{:>6.1}s", now.as_secs_f64())
}

fn at(now: Duration, project: &ProjectName) -> String {
    format!("{} {project}", at_time(now))
}

#[cfg(test)]
mod tests;
