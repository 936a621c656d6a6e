//! Why builds failed, as far as `lint` or the manifest knows.

use std::collections::BTreeSet;

use crate::engine::StepLabel;
use crate::execute::{BuildReport, Failure, Outcome};
use crate::lint::{Code, Finding};
use crate::model::ProjectName;
use crate::workspace::{Project, Workspace};

/// The codes of findings that explain why a file is not in the context.
const EXPLAINING: [Code; 3] = [Code::SourceNotCovered, Code::SourceMissing, Code::SourceIgnored];

/// The projects whose builds failed at a file that is not in the context: those that `lint` may know more of.
pub fn projects_without_a_file(report: &BuildReport) -> BTreeSet<ProjectName> {
    let failed = report.projects.iter().filter(|(_, project)| match &project.outcome {
        Outcome::Failed(failure) => is_at_file(failure),
        _ => false,
    });
    failed.map(|(name, _)| name.clone()).collect()
}

/// Gives a hint to builds that failed at a file which is not in the context, by the findings of `lint`, and to those that failed at an
/// image which is called like a project. What can't be told is left as it is.
pub fn add(workspace: &Workspace, findings: &[Finding], report: &mut BuildReport) {
    for (name, project) in &mut report.projects {
        let Outcome::Failed(failure) = &mut project.outcome else { continue };
        let known: Vec<String> = if is_at_file(failure) {
            let explains = |finding: &&Finding| {
                finding.project.as_ref() == Some(name) && EXPLAINING.contains(&finding.code)
            };
            findings.iter().filter(explains).map(shown).collect()
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
