//! What was found wrong with patterns and Dockerfiles, and what was fixed.

use std::fmt::Write as _;

use serde::Serialize;

use crate::lint::{Edit, Finding, Lint, Unchecked};
use crate::model::CommitId;
use crate::workspace::LOCK_FILE;

/// `chinampa.lint/1`
#[derive(Debug, Serialize)]
pub struct LintJson<'l> {
    schema: &'static str,
    head: String,
    dirty: bool,
    /// How many were looked at.
    projects: usize,
    findings: &'l [Finding],
    unchecked: &'l [Unchecked],
    fixed: &'l [Edit],
    floating: Vec<String>,
}

impl<'l> LintJson<'l> {
    pub fn new(head: CommitId, dirty: bool, projects: usize, lint: &'l Lint, fixed: &'l [Edit]) -> Self {
        Self {
            schema: "chinampa.lint/1",
            head: head.to_string(),
            dirty,
            projects,
            findings: &lint.findings,
            unchecked: &lint.unchecked,
            fixed,
            floating: lint.floating.iter().map(ToString::to_string).collect(),
        }
    }
}

/// The findings, project by project, after what was fixed.
pub fn text(projects: usize, lint: &Lint, fixed: &[Edit]) -> String {
    let mut text = String::new();
    let mut line = |line: &str| writeln!(text, "{line}").expect("a string can be written to");
    for edit in fixed {
        line(&format!("fixed {}", edit.done()));
    }
    let mut with_findings = 0;
    for findings in lint.findings.chunk_by(|one, other| one.project == other.project) {
        match &findings[0].project {
            Some(project) => {
                with_findings += 1;
                line(&format!("`{project}`"));
            }
            None => line("no project"),
        }
        for Finding { file, line: number, code, message, suggestion, .. } in findings {
            line(&format!("  {file}:{number}: {message} ({code})"));
            if let Some(edit) = suggestion {
                line(&format!("    {edit}"));
            }
        }
    }
    line(&summary(projects, with_findings, lint));
    text
}

fn summary(projects: usize, with_findings: usize, lint: &Lint) -> String {
    let plural = |count: usize, label: &str| format!("{count} {label}{}", if count == 1 { "" } else { "s" });
    if lint.findings.is_empty() {
        return format!("nothing found in {}", plural(projects, "project"));
    }
    let fixable = lint.findings.iter().filter_map(|finding| finding.suggestion.as_ref());
    let fixable = fixable.filter(|edit| edit.by_itself).count();
    let fixable = if fixable > 0 { format!("; `--fix` fixes {fixable} of them") } else { String::new() };
    let of_no_project = lint.findings.iter().filter(|finding| finding.project.is_none()).count();
    let in_projects =
        (with_findings > 0).then(|| format!("{with_findings} of {}", plural(projects, "project")));
    let elsewhere = (of_no_project > 0).then(|| format!("{} of no project", plural(of_no_project, "file")));
    let places: Vec<String> = in_projects.into_iter().chain(elsewhere).collect();
    format!("{} in {}{fixable}", plural(lint.findings.len(), "finding"), places.join(" and "))
}

/// What could not be looked at, and why, a sentence each.
pub fn unchecked(Unchecked { file, line, source, .. }: &Unchecked) -> String {
    let source = crate::model::printable(source);
    format!("{file}:{line}: `{source}` depends on a variable that only the build knows, so it is not checked")
}

/// That nothing pins external images, if so; `None` where there is a lock file, or no external image.
pub fn floating(lint: &Lint) -> Option<String> {
    let first = lint.floating.first()?;
    let images = match lint.floating.len() {
        1 => format!("nothing pins the external image `{first}`"),
        images => format!("nothing pins {images} external images, such as `{first}`"),
    };
    Some(format!("{images}: `chinampa lock` writes `{LOCK_FILE}`, which does"))
}
