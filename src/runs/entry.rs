//! The entry of a project in the document of a run: what the plan says at first, and how it went at the end.

use super::document::{Counts, PlatformBuilder, Project, ProjectFailure, ProjectOutcome};
use crate::execute::{Failure, Outcome};
use crate::observe::Reason;
use crate::plan::Step;

/// How many reasons of a project are kept; `chinampa why` finds all of them again.
const MAX_REASONS: usize = 20;

/// A project of the plan, of which nothing is done yet.
pub(super) fn planned(step: &Step) -> Project {
    // An unknown base is the same reason for all, and stands in the run.
    let reasons = step.reasons().filter(|reason| !matches!(reason, Reason::BaseUnknown { .. }));
    let reasons: Vec<String> = reasons.map(ToString::to_string).collect();
    let more_reasons = reasons.len().saturating_sub(MAX_REASONS);
    Project {
        name: step.impact.project.to_string(),
        outcome: ProjectOutcome::Unfinished,
        affected: step.impact.is_affected,
        needs: step.impact.needs.iter().map(ToString::to_string).collect(),
        reasons: reasons.into_iter().take(MAX_REASONS).collect(),
        more_reasons,
        digest: step.digest.to_string(),
        files: step.files,
        image: None,
        manifest: None,
        start: None,
        seconds: 0.0,
        slot: None,
        builders: Vec::new(),
        steps: Vec::new(),
        counted_steps: None,
        failure: None,
        blocked_by: None,
        log: None,
    }
}

/// Takes over how it went with a project.
pub(super) fn end(project: &mut Project, outcome: &Outcome) {
    project.outcome = ProjectOutcome::of(outcome);
    match outcome {
        Outcome::Built { image, digest, steps, cached_steps, builders, .. } => {
            project.builders = PlatformBuilder::all(builders);
            project.image = Some(image.to_string());
            project.manifest = Some(digest.to_string());
            project.counted_steps = Some(Counts { all: *steps, cached: *cached_steps });
        }
        Outcome::BuiltElsewhere { image, digest, .. }
        | Outcome::Reused { image, digest }
        | Outcome::Pulled { image, digest, .. } => {
            project.image = Some(image.to_string());
            project.manifest = Some(digest.to_string());
        }
        Outcome::Failed(failure) => {
            project.failure = Some(ProjectFailure {
                causes: failure.causes.clone(),
                step: failure.step.clone(),
                line: failure.at.as_ref().map(ToString::to_string),
                exit_code: failure.exit_code,
                hint: failure.hint.clone(),
                log_tail: failure.log_tail.clone(),
            });
        }
        Outcome::Blocked { by } => project.blocked_by = Some(by.to_string()),
        Outcome::Cancelled => {}
    }
}

/// The last line of a log.
pub(super) fn conclusion(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed(Failure { causes, .. }) => format!("failed: {}", causes.join(": ")),
        Outcome::Built { image, .. } => format!("built {image}"),
        Outcome::Pulled { image, .. } => format!("pulled {image}"),
        Outcome::BuiltElsewhere { .. }
        | Outcome::Reused { .. }
        | Outcome::Blocked { .. }
        | Outcome::Cancelled => outcome.label().to_owned(),
    }
}
