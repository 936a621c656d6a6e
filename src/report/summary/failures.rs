//! The rows of projects that have no image, those that failed last: step, exit code, line of the Dockerfile, log, and what helps.

use std::collections::BTreeMap;

use super::{Detail, Layout};
use crate::execute::{BuildReport, Failure, Outcome, ProjectReport};
use crate::model::{ProjectName, printable_log};
use crate::plan::Plan;
use crate::report::styled::{Role, StyledLine, StyledText};
use crate::report::time;

/// How many lines of a summary are about one failure, if the whole log is kept in a file: the row, what is below, and the totals.
const FAILURE_LINES: usize = 10;

/// The least that is shown of a log.
const MIN_LOG_LINES: usize = 3;

/// From so many failures on, each has the least only.
const MANY_FAILURES: usize = 4;

pub(super) fn rows(text: &mut StyledText, plan: &Plan, report: &BuildReport, layout: Layout) {
    let steps = plan.steps.iter().map(|step| &step.impact.project);
    let all: Vec<(&ProjectName, &ProjectReport)> =
        steps.filter_map(|name| Some((name, report.projects.get(name)?))).collect();
    let is_cancelled = |project: &ProjectReport| project.outcome == Outcome::Cancelled;
    let cancelled: Vec<&ProjectName> =
        all.iter().filter(|(_, project)| is_cancelled(project)).map(|(name, _)| *name).collect();
    if !cancelled.is_empty() {
        text.push(layout.cut(Layout::row(Role::Warning, "cancelled").plain(&layout.names(&cancelled))));
    }
    let mut blocked: BTreeMap<&ProjectName, Vec<&ProjectName>> = BTreeMap::new();
    for (name, project) in &all {
        if let Outcome::Blocked { by } = &project.outcome {
            blocked.entry(by).or_default().push(name);
        }
    }
    for (by, names) in blocked {
        let verb = if names.len() == 1 { "needs" } else { "need" };
        let row = Layout::row(Role::Failure, "blocked").plain(&layout.names(&names));
        text.push(layout.cut(row.plain(&format!(" {verb} {by}, which failed"))));
    }
    let failures = all.iter().filter_map(|(name, project)| match &project.outcome {
        Outcome::Failed(failure) => Some((*name, *project, failure)),
        _ => None,
    });
    let failures: Vec<_> = failures.collect();
    for (name, project, failure) in &failures {
        text.extend(block(name, project, failure, failures.len(), layout));
    }
}

fn block(
    name: &ProjectName,
    project: &ProjectReport,
    failure: &Failure,
    failures: usize,
    layout: Layout,
) -> Vec<StyledLine> {
    let row = Layout::row(Role::Failure, "failed").text(Role::Strong, name.as_str());
    // What failed in another job took no time here.
    let row = match project.took.is_zero() {
        true => row,
        false => row.plain(&format!(" after {}", time::measured(project.took))),
    };
    let row = match &failure.at {
        Some(at) => row.plain(" at ").text(Role::Strong, &at.to_string()),
        None => row,
    };
    let mut lines = vec![row];
    lines.extend(what(failure, layout));
    let mut after = Vec::new();
    if let Some(log) = &project.log {
        after.push(labelled("log", &log.display().to_string()));
    }
    if let Some(hint) = &failure.hint {
        after.push(labelled("hint", hint));
    }
    let room = FAILURE_LINES.saturating_sub(lines.len() + after.len() + 1);
    let max = match (&project.log, layout.detail) {
        (Some(_), Detail::Brief) if failures >= MANY_FAILURES => MIN_LOG_LINES,
        (Some(_), Detail::Brief) => room.max(MIN_LOG_LINES),
        _ => usize::MAX,
    };
    lines.extend(tail(&failure.log_tail, max));
    lines.extend(after);
    lines
}

/// The step and how it ended; where that doesn't say it all, the chain of errors.
fn what(failure: &Failure, layout: Layout) -> Vec<StyledLine> {
    match (&failure.step, &failure.message) {
        (Some(step), Some(message)) => {
            let end = match failure.exit_code {
                Some(code) => format!("exit code {code}: "),
                None => String::new(),
            };
            let step = Layout::continued().text(Role::Failure, &end).plain(&printable_log(step));
            let message = failure.exit_code.is_none().then(|| labelled("error", message));
            [layout.cut(step)].into_iter().chain(message).collect()
        }
        _ => {
            let causes = failure.causes.iter().enumerate();
            causes
                .map(|(depth, cause)| labelled(if depth == 0 { "error" } else { "because" }, cause))
                .collect()
        }
    }
}

fn labelled(label: &str, text: &str) -> StyledLine {
    Layout::continued().text(Role::Strong, &format!("{label}:")).plain(" ").plain(text)
}

/// The last lines of a log that say something.
pub(super) fn tail(log: &[String], max: usize) -> Vec<StyledLine> {
    let lines: Vec<String> = log.iter().map(|line| printable_log(line)).collect();
    let end = lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1);
    let lines = &lines[..end];
    let shown = lines[lines.len().saturating_sub(max)..].iter();
    shown.map(|line| Layout::continued().text(Role::Dim, "| ").plain(line)).collect()
}
