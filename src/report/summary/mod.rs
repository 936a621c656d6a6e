//! What a run ends with, for people: what was built and why, and at the end what failed.
//!
//! What needs no attention is counted. A row begins with the outcome; what belongs to it stands below, indented.

mod causes;
mod deployment;
mod failures;
mod outcomes;
#[cfg(test)]
pub(super) mod tests;

pub(super) use causes::by_project as reasons;
pub use deployment::deployment;

use std::time::Duration;

use super::replaced;
use super::styled::{Role, StyledLine, StyledText, columns_of};
use super::time;
use crate::execute::{BuildReport, LostBuilder, Outcome};
use crate::model::{ImageRef, ProjectName, printable};
use crate::plan::Plan;
use crate::workspace::Workspace;

/// The columns of the outcome at the beginning of a row.
const LABEL_COLUMNS: usize = 9;

/// The width that names are fitted to where there is no terminal.
const USUAL_COLUMNS: usize = 120;

/// How many columns names of projects take at most before the rest of them is counted.
const MAX_NAMES_COLUMNS: usize = 40;

/// Up to how many references that are replaced are listed.
const MAX_REPLACED: usize = 3;

/// A shorter run is not worth a comparison with what was expected.
const MIN_ESTIMATED: Duration = Duration::from_secs(10);

/// The time that has to be saved before it is worth a word.
const MIN_SAVED: Duration = Duration::from_secs(30);

/// How much is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// What fits a screen.
    #[default]
    Brief,
    /// Everything, with the full references of images.
    Full,
}

/// How a summary is set.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layout {
    pub detail: Detail,
    /// The width of the terminal; `None` where there is none.
    pub columns: Option<usize>,
}

impl Layout {
    /// A row that begins with an outcome.
    pub(super) fn row(role: Role, label: &str) -> StyledLine {
        StyledLine::new().text(role, &format!("{label:<LABEL_COLUMNS$} "))
    }

    /// A line that belongs to the row above.
    pub(super) fn continued() -> StyledLine {
        StyledLine::new().plain(&" ".repeat(LABEL_COLUMNS + 1))
    }

    /// A line that is cut where the terminal ends, unless everything is wanted.
    pub(super) fn cut(self, line: StyledLine) -> StyledLine {
        match (self.detail, self.columns) {
            (Detail::Brief, Some(columns)) => line.fit(columns),
            _ => line,
        }
    }

    /// Adds a line, wrapped where the terminal ends; what is wrapped begins with `indent` spaces.
    pub(super) fn push(self, text: &mut StyledText, line: StyledLine, indent: usize) {
        match (self.detail, self.columns) {
            (Detail::Brief, Some(columns)) => text.extend(line.wrapped(columns, indent)),
            _ => text.push(line),
        }
    }

    /// How many of `all` entries are listed, if `max` are wanted. A line that says there is one more is no shorter than that one.
    fn shown(self, all: usize, max: usize) -> usize {
        match self.detail {
            Detail::Brief if all > max + 1 => max,
            Detail::Brief | Detail::Full => all,
        }
    }

    /// Names, the last of them counted where they would take too much room.
    fn names(self, names: &[&ProjectName]) -> String {
        let all: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        let whole = all.join(", ");
        let columns = self.columns.unwrap_or(USUAL_COLUMNS) * 2 / 5;
        let columns = columns.min(MAX_NAMES_COLUMNS);
        if self.detail == Detail::Full || columns_of(&whole) <= columns {
            return whole;
        }
        let more = |shown: usize| format!("{} and {} more", all[..shown].join(", "), all.len() - shown);
        let shown = (1..all.len()).rev().find(|shown| columns_of(&more(*shown)) <= columns);
        shown.map_or_else(|| format!("{} projects", all.len()), more)
    }
}

/// What came of each project that was built, why, and how long all of it took.
pub fn build(
    plan: &Plan,
    workspace: &Workspace,
    report: &BuildReport,
    record: Option<&ImageRef>,
    layout: Layout,
) -> StyledText {
    let mut text = StyledText::default();
    outcomes::rows(&mut text, plan, report, layout);
    replaced_rows(&mut text, plan, workspace, report, layout);
    // Who interrupts a run knows why it was started.
    if !report.is_interrupted {
        causes::rows(&mut text, plan, report, layout);
    }
    if let Some(fault) = &report.inline_cache_fault {
        let warning = format!(
            "the images have no inline cache, so other machines run all of their steps again: {fault}"
        );
        text.push(StyledLine::new().text(Role::Warning, "warning:").plain(" ").plain(&warning));
    }
    for LostBuilder { reason, .. } in &report.lost_builders {
        let warning = format!("a builder was not used any more: {}", printable(reason));
        text.push(StyledLine::new().text(Role::Warning, "warning:").plain(" ").plain(&warning));
    }
    failures::rows(&mut text, plan, report, layout);
    text.push(totals(report));
    if let (Detail::Full, Some(record)) = (layout.detail, record) {
        text.push(StyledLine::new().text(Role::Dim, &format!("recorded as {record}")));
    }
    text
}

/// The references in Dockerfiles that mean a project whatever their tag says.
fn replaced_rows(
    text: &mut StyledText,
    plan: &Plan,
    workspace: &Workspace,
    report: &BuildReport,
    layout: Layout,
) {
    // What `own_images` and names of projects were written for is worth a line only to who asks for it.
    if layout.detail == Detail::Brief {
        return;
    }
    let is_tried = |project: &ProjectName| {
        let outcome = report.projects.get(project).map(|project| &project.outcome);
        matches!(outcome, Some(Outcome::Built { .. } | Outcome::Failed(_)))
    };
    let steps = plan.steps.iter().filter(|step| is_tried(&step.impact.project));
    let replaced: Vec<String> =
        steps.flat_map(|step| replaced::of_step(workspace, step)).map(|it| it.to_string()).collect();
    let shown = layout.shown(replaced.len(), MAX_REPLACED);
    let note = |text: &str| layout.cut(Layout::row(Role::Dim, "note").plain(text));
    text.extend(replaced[..shown].iter().map(|replaced| note(replaced)));
    if let more @ 1.. = replaced.len() - shown {
        text.push(note(&format!("replaces {more} more references with the images of projects")));
    }
}

/// How many projects have each outcome, and the times.
fn totals(report: &BuildReport) -> StyledLine {
    let count =
        |label: &str| report.projects.values().filter(|project| project.outcome.label() == label).count();
    let mut line = StyledLine::new();
    for (label, role) in [
        ("built", Role::Success),
        ("built elsewhere", Role::Plain),
        ("reused", Role::Plain),
        ("pulled", Role::Plain),
        ("failed", Role::Failure),
        ("blocked", Role::Failure),
        ("cancelled", Role::Warning),
    ] {
        let count = count(label);
        if count > 0 || matches!(label, "built" | "reused") {
            let role = if count > 0 { role } else { Role::Plain };
            let separator = if label == "built" { "" } else { ", " };
            line = line.plain(separator).text(role, &format!("{count} {label}"));
        }
    }
    line = line.plain(&format!(" in {}", time::measured(report.took)));
    if let Some(estimated) = report.estimated.filter(|estimated| *estimated >= MIN_ESTIMATED) {
        line = line.text(Role::Dim, &format!(", expected about {}", time::estimated(estimated)));
    }
    if let Some(saved) = report.saved.filter(|saved| *saved >= MIN_SAVED) {
        line = line.text(Role::Dim, &format!(", about {} saved", time::estimated(saved)));
    }
    if report.is_interrupted { line.text(Role::Warning, "; interrupted") } else { line }
}
