//! What a terminal shows of a deployment while it lasts: a header, and what is done now with its last output.
//!
//! Pure: events and the time go in, lines come out that fit the terminal.

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::deployment::service_action;
use super::live::{MAX_NAME_COLUMNS, TIME_COLUMNS};
use super::styled::{Role, StyledLine, StyledText, columns_of, padded};
use super::time;
use crate::deploy::{DeployEvent, ServiceEvent, TerraformEvent, TerraformStep};
use crate::model::{ProjectName, printable_log};

/// A deployment so far.
#[derive(Debug)]
pub struct LiveDeployment {
    phase: Phase,
    /// How many projects are changed, and for how many of them nothing is left to do.
    changed: usize,
    finished: usize,
    /// What is done now, in the order in which it was begun.
    running: Vec<Running>,
    name_columns: usize,
}

#[derive(Debug)]
enum Phase {
    Unplanned,
    Waiting {
        holder: String,
    },
    Promoting {
        images: usize,
        promoted: usize,
    },
    /// Tags, Terraform and services.
    Changing,
}

#[derive(Debug)]
struct Running {
    project: ProjectName,
    since: Duration,
    /// For the header, before the name: `applying terraform of`.
    activity: String,
    /// For the row: `terraform apply in api/terraform`.
    step: String,
    output: String,
}

impl LiveDeployment {
    pub fn new() -> Self {
        Self { phase: Phase::Unplanned, changed: 0, finished: 0, running: Vec::new(), name_columns: 0 }
    }

    /// Takes in an event; `now` is the time since the start of the deployment.
    pub fn on_event(&mut self, event: &DeployEvent, now: Duration) {
        match event {
            DeployEvent::Waiting { holder } => self.phase = Phase::Waiting { holder: holder.to_string() },
            DeployEvent::Planned { images, changed } => {
                self.changed = changed.len();
                let columns = changed.iter().map(|name| columns_of(name.as_str())).max();
                self.name_columns = columns.unwrap_or_default().min(MAX_NAME_COLUMNS);
                self.phase = Phase::Promoting { images: *images, promoted: 0 };
            }
            DeployEvent::Repository { .. } => {}
            DeployEvent::Promoting { project } => {
                self.start(project, "promoting", "promoting its image", now);
            }
            DeployEvent::Promoted { project, .. } => {
                self.end(project);
                if let Phase::Promoting { images, promoted } = &mut self.phase {
                    *promoted += 1;
                    if promoted == images {
                        self.phase = Phase::Changing;
                    }
                }
            }
            DeployEvent::Started { project } => {
                self.start(project, "deploying", "starting", now);
            }
            DeployEvent::Terraform { project, event: TerraformEvent::Started { folder, step } } => {
                let activity = match step {
                    TerraformStep::Apply => "applying terraform of",
                    TerraformStep::Init => "preparing terraform of",
                    TerraformStep::Plan => "planning terraform of",
                    TerraformStep::Validate => "validating terraform of",
                };
                self.step(project, activity.to_owned(), format!("terraform {step} in {folder}"));
            }
            DeployEvent::Restarting { project, service } => {
                let (verb, noun) = service_action(&service.service, false);
                let activity = match verb {
                    "run" => "running",
                    "update" => "updating",
                    _ => "restarting",
                };
                let kind = service.service.kind();
                self.step(
                    project,
                    format!("{activity} the {noun} of"),
                    format!("{verb} the {noun} ({kind})"),
                );
            }
            DeployEvent::Terraform { project, event: TerraformEvent::Line { line, .. } }
            | DeployEvent::Service { project, event: ServiceEvent::Line(line) } => {
                self.output(project, &line.text);
            }
            DeployEvent::Service { project, event: ServiceEvent::Note(note) } => {
                self.output(project, note);
            }
            DeployEvent::Finished { project } => {
                self.end(project);
                self.finished += 1;
            }
        }
    }

    fn start(&mut self, project: &ProjectName, activity: &str, step: &str, since: Duration) {
        self.running.push(Running {
            project: project.clone(),
            since,
            activity: activity.to_owned(),
            step: step.to_owned(),
            output: String::new(),
        });
    }

    fn end(&mut self, project: &ProjectName) {
        self.running.retain(|running| running.project != *project);
    }

    fn step(&mut self, project: &ProjectName, activity: String, step: String) {
        if let Some(running) = self.running(project) {
            (running.activity, running.step) = (activity, step);
            running.output.clear();
        }
    }

    /// Keeps the last line that says something.
    fn output(&mut self, project: &ProjectName, text: &str) {
        let last = text.lines().rev().find(|line| !line.trim().is_empty());
        if let (Some(running), Some(line)) = (self.running(project), last) {
            running.output = printable_log(line);
        }
    }

    fn running(&mut self, project: &ProjectName) -> Option<&mut Running> {
        self.running.iter_mut().find(|running| running.project == *project)
    }

    /// The lines to show now. They fit a terminal of this size, and leave its last line free.
    pub fn frame(&self, now: Duration, columns: usize, lines: usize) -> StyledText {
        let mut text = StyledText::default();
        text.push(self.header(now).fit(columns));
        let room = lines.saturating_sub(2);
        let has_output = self.running.len() * 2 <= room;
        let shown = if self.running.len() <= room { self.running.len() } else { room.saturating_sub(1) };
        for running in &self.running[..shown] {
            text.push(running.row(now, self.name_columns).fit(columns));
            if has_output && !running.output.is_empty() {
                let output = StyledLine::new().plain("      ").text(Role::Dim, &running.output);
                text.push(output.fit(columns));
            }
        }
        let more = self.running.len() - shown;
        if more > 0 && room > 0 {
            text.push(StyledLine::new().text(Role::Dim, &format!("  {more} more are running")).fit(columns));
        }
        text
    }

    fn header(&self, now: Duration) -> StyledLine {
        let count = format!("[{}/{}]", self.finished, self.changed);
        let numbered = || StyledLine::new().text(Role::Strong, &count).plain(" ");
        let header = match (&self.phase, self.running.first()) {
            (Phase::Unplanned, _) => StyledLine::new().plain("planning the deployment"),
            (Phase::Waiting { holder }, _) => {
                StyledLine::new().plain(&format!("waiting for another deployment: {holder}"))
            }
            (Phase::Promoting { images, promoted }, _) => {
                numbered().plain(&format!("promoting images, {promoted} of {images} done"))
            }
            (Phase::Changing, Some(running)) => {
                numbered().plain(&format!("{} {}", running.activity, running.project))
            }
            (Phase::Changing, None) => numbered().plain("writing tags and the record"),
        };
        header.plain(&format!(", {}", time::rough(now)))
    }
}

impl Default for LiveDeployment {
    fn default() -> Self {
        Self::new()
    }
}

impl Running {
    fn row(&self, now: Duration, name_columns: usize) -> StyledLine {
        let took = time::rough(now.saturating_sub(self.since));
        StyledLine::new()
            .plain("  ")
            .text(Role::Strong, &padded(self.project.as_str(), name_columns))
            .text(Role::Dim, &format!("  {took:>TIME_COLUMNS$}"))
            .plain("  ")
            .plain(&printable_log(&self.step))
    }
}
