//! Why builds failed, as far as `lint` or the manifest knows.

use std::collections::BTreeSet;

use crate::engine::StepLabel;
use crate::execute::{BuildReport, Failure, Outcome};
use crate::git::Snapshot;
use crate::lint::{self, Code, Finding};
use crate::model::ProjectName;
use crate::workspace::{Project, Workspace};

/// Gives a hint to builds that failed at a file which is not in the context, and to those that failed at an image which is called like a
/// project. What can't be told is left as it is.
pub(super) fn add(workspace: &Workspace, snapshot: &Snapshot<'_>, report: &mut BuildReport) {
    let mut failures: Vec<(&ProjectName, &mut Failure)> = Vec::new();
    for (name, project) in &mut report.projects {
        if let Outcome::Failed(failure) = &mut project.outcome {
            failures.push((name, failure));
        }
    }
    let at_file: BTreeSet<ProjectName> =
        failures.iter().filter(|(_, failure)| is_at_file(failure)).map(|(name, _)| (*name).clone()).collect();
    let findings = if at_file.is_empty() { Ok(Vec::new()) } else { findings(workspace, &at_file, snapshot) };
    let findings = findings.unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot tell why files are not in the context");
        Vec::new()
    });
    for (name, failure) in failures {
        let known = if at_file.contains(name) {
            let of_project = findings.iter().filter(|finding| finding.project.as_ref() == Some(name));
            of_project.map(shown).collect()
        } else {
            images(name, &workspace.projects[name], failure)
        };
        if !known.is_empty() {
            failure.hint = Some(known.into_iter().chain(failure.hint.take()).collect::<Vec<_>>().join("; "));
        }
    }
}

/// Whether a step failed because a file of the context is not there. No program was run, and all engines say it in these words.
fn is_at_file(failure: &Failure) -> bool {
    let label = failure.step.as_deref().and_then(StepLabel::parse);
    label.is_some_and(|label| label.is_step())
        && failure.exit_code.is_none()
        && failure.causes.iter().any(|cause| cause.contains("not found"))
}

fn findings(
    workspace: &Workspace,
    projects: &BTreeSet<ProjectName>,
    snapshot: &Snapshot<'_>,
) -> Result<Vec<Finding>, lint::LintError> {
    let mut findings = lint::check(workspace, projects, snapshot)?.findings;
    let explains = |code| matches!(code, Code::SourceNotCovered | Code::SourceMissing | Code::SourceIgnored);
    findings.retain(|finding| explains(finding.code));
    Ok(findings)
}

fn shown(finding: &Finding) -> String {
    let Finding { file, line, message, suggestion, .. } = finding;
    match suggestion {
        Some(edit) => format!("{file}:{line}: {message}: {edit}"),
        None => format!("{file}:{line}: {message}"),
    }
}

/// What the images that the failure names may have been meant as.
fn images(name: &ProjectName, project: &Project, failure: &Failure) -> Vec<String> {
    let texts = || failure.causes.iter().chain(&failure.step);
    let lookalikes = project.lookalikes.iter();
    let named = lookalikes.filter(|lookalike| texts().any(|text| text.contains(&lookalike.reference)));
    let dockerfile = &project.config.dockerfile.value;
    named
        .map(|lookalike| {
            let (line, reference) = (lookalike.line, &lookalike.reference);
            format!(
                "{dockerfile}:{line}: `{reference}` looks like the project `{}`: {}",
                lookalike.project,
                lookalike.hint(name)
            )
        })
        .collect()
}
