//! What was found wrong with patterns and Dockerfiles, and what was fixed.

use serde::Serialize;

use super::counted::counted;
use super::styled::{Role, StyledLine, StyledText};
use super::summary::Layout;
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
pub fn text(projects: usize, lint: &Lint, fixed: &[Edit], layout: Layout) -> StyledText {
    let mut text = StyledText::default();
    for edit in fixed {
        let line = StyledLine::new().text(Role::Success, "fixed").plain(&format!(" {}", edit.done()));
        layout.push(&mut text, line, 2);
    }
    let mut with_findings = 0;
    for findings in lint.findings.chunk_by(|one, other| one.project == other.project) {
        text.push(StyledLine::new().text(
            Role::Strong,
            &match &findings[0].project {
                Some(project) => format!("`{project}`"),
                None => "no project".to_owned(),
            },
        ));
        with_findings += usize::from(findings[0].project.is_some());
        for Finding { file, line, code, message, suggestion, .. } in findings {
            let finding = StyledLine::new().plain("  ").text(Role::Warning, &format!("{file}:{line}:"));
            let finding = finding.plain(&format!(" {message} ")).text(Role::Dim, &format!("({code})"));
            layout.push(&mut text, finding, 4);
            if let Some(edit) = suggestion {
                layout.push(&mut text, StyledLine::new().plain(&format!("    {edit}")), 6);
            }
        }
    }
    let summary = summary(projects, with_findings, lint);
    layout.push(&mut text, StyledLine::new().text(Role::Strong, &summary), 2);
    text
}

fn summary(projects: usize, with_findings: usize, lint: &Lint) -> String {
    if lint.findings.is_empty() {
        return format!("nothing found in {}", counted(projects, "project"));
    }
    let fixable = lint.findings.iter().filter_map(|finding| finding.suggestion.as_ref());
    let fixable = fixable.filter(|edit| edit.by_itself).count();
    let fixable = if fixable > 0 { format!("; `--fix` fixes {fixable} of them") } else { String::new() };
    let of_no_project = lint.findings.iter().filter(|finding| finding.project.is_none()).count();
    let in_projects =
        (with_findings > 0).then(|| format!("{with_findings} of {}", counted(projects, "project")));
    let elsewhere = (of_no_project > 0).then(|| format!("{} of no project", counted(of_no_project, "file")));
    let places: Vec<String> = in_projects.into_iter().chain(elsewhere).collect();
    format!("{} in {}{fixable}", counted(lint.findings.len(), "finding"), places.join(" and "))
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
