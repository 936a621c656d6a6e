//! What a deployment ends with: what was deployed and how long that took, and at the end what failed.

use super::failures::tail;
use super::{Detail, LABEL_COLUMNS, Layout};
use crate::deploy::{DeployReport, ProjectError, ProjectOutcome, ProjectResult};
use crate::model::{ImageRef, ProjectName};
use crate::report::deployment::causes;
use crate::report::styled::{Role, StyledLine, StyledText, columns_of, padded};
use crate::report::time;

/// Up to how many projects are listed that were deployed.
const MAX_LISTED: usize = 10;

/// How many digits of a digest tell images apart.
const DIGEST_DIGITS: usize = 12;

/// What came of each project, and what the environment runs where that is in doubt.
pub fn deployment(report: &DeployReport, layout: Layout) -> StyledText {
    let (environment, commit) = (&report.plan.environment, report.plan.commit.short());
    let mut text = StyledText::default();
    if report.is_nothing {
        let line = format!("`{environment}` runs {commit} already, all of it: nothing to do");
        text.push(StyledLine::new().plain(&line));
        full(&mut text, report, layout);
        return text;
    }
    full(&mut text, report, layout);
    deployed(&mut text, report, layout);
    for (label, role) in [("skipped", Role::Warning), ("interrupted", Role::Warning)] {
        let of_outcome = report.results.iter().filter(|result| result.outcome.label() == label);
        let names: Vec<&ProjectName> = of_outcome.map(|result| &result.project).collect();
        if !names.is_empty() {
            let row = StyledLine::new().text(role, &format!("{label:<LABEL_COLUMNS$} "));
            text.push(layout.cut(row.plain(&layout.names(&names))));
        }
    }
    for result in &report.results {
        if let ProjectOutcome::Failed(error) = &result.outcome {
            text.extend(failed(result, error));
        }
    }
    text.push(
        totals(report).plain(&format!(" to `{environment}` at {commit} in {}", time::measured(report.took))),
    );
    text
}

/// What each project runs, where everything is wanted.
fn full(text: &mut StyledText, report: &DeployReport, layout: Layout) {
    if layout.detail == Detail::Full {
        text.extend(report.results.iter().map(|result| {
            let image = result.runs.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
            Layout::row(Role::Dim, "runs").plain(&format!("{} {image}", result.project))
        }));
    }
}

fn deployed(text: &mut StyledText, report: &DeployReport, layout: Layout) {
    let deployed = report.results.iter().filter(|it| matches!(it.outcome, ProjectOutcome::Deployed));
    let mut deployed: Vec<&ProjectResult> = deployed.collect();
    deployed.sort_by_key(|result| std::cmp::Reverse(result.took));
    let (shown, more) = deployed.split_at(layout.shown(deployed.len(), MAX_LISTED));
    let name_columns =
        shown.iter().map(|result| columns_of(result.project.as_str())).max().unwrap_or_default();
    let times: Vec<String> = shown.iter().map(|result| time::measured(result.took)).collect();
    let time_columns = times.iter().map(String::len).max().unwrap_or_default();
    for (result, took) in shown.iter().zip(times) {
        let row =
            Layout::row(Role::Success, "deployed").plain(&padded(result.project.as_str(), name_columns));
        text.push(layout.cut(row.plain(&format!("  {took:>time_columns$}"))));
    }
    if let Some(slowest) = more.first() {
        let more = format!("{} more in at most {} each", more.len(), time::measured(slowest.took));
        text.push(Layout::row(Role::Success, "deployed").text(Role::Dim, &more));
    }
}

fn failed(result: &ProjectResult, error: &ProjectError) -> Vec<StyledLine> {
    let row = Layout::row(Role::Failure, "failed").text(Role::Strong, result.project.as_str());
    let mut lines = vec![row.plain(&format!(" after {}", time::measured(result.took)))];
    lines.extend(causes(error).iter().enumerate().map(|(depth, cause)| {
        let label = if depth == 0 { "error:" } else { "because:" };
        Layout::continued().text(Role::Strong, label).plain(" ").plain(cause)
    }));
    lines.extend(tail(error.log_tail(), usize::MAX));
    let before = result.runs.as_ref().map_or_else(|| "nothing".to_owned(), short);
    lines.push(Layout::continued().text(Role::Dim, &format!("it ran {before} before")));
    lines
}

/// The image with the first digits of its digest.
fn short(image: &ImageRef) -> String {
    let text = image.to_string();
    match text.split_once("@sha256:") {
        Some((name, digest)) => format!("{name}@sha256:{}", digest.get(..DIGEST_DIGITS).unwrap_or(digest)),
        None => text,
    }
}

fn totals(report: &DeployReport) -> StyledLine {
    let mut line = StyledLine::new();
    for (label, role) in [
        ("deployed", Role::Success),
        ("unchanged", Role::Plain),
        ("failed", Role::Failure),
        ("interrupted", Role::Warning),
        ("skipped", Role::Warning),
    ] {
        let count = report.results.iter().filter(|result| result.outcome.label() == label).count();
        if count > 0 || label == "deployed" {
            let role = if count > 0 { role } else { Role::Plain };
            let separator = if label == "deployed" { "" } else { ", " };
            line = line.plain(separator).text(role, &format!("{count} {label}"));
        }
    }
    line
}

#[cfg(test)]
mod tests;
