//! What a deployment says: what it would do, what happens, and at its end what runs where.

use serde::Serialize;

use crate::deploy::{DeployEvent, PartOutcome, PartResult, Rollout, ServiceEvent, TerraformEvent};
use crate::execute::Outcome;
use crate::model::{CommitId, ImageRef, ProjectName, printable, printable_log};
use crate::registry::copy::Copied;

/// `chinampa.deploy/1`
#[derive(Debug, Serialize)]
pub struct DeployJson<'r> {
    schema: &'static str,
    environment: String,
    commit: String,
    dry_run: bool,
    projects: Vec<PartJson<'r>>,
}

#[derive(Debug, Serialize)]
struct PartJson<'r> {
    name: &'r ProjectName,
    outcome: &'static str,
    /// What the environment runs now.
    #[serde(skip_serializing_if = "Option::is_none")]
    runs: Option<&'r ImageRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_tail: Option<Vec<String>>,
}

impl<'r> DeployJson<'r> {
    pub fn new(rollout: &Rollout<'_>, results: &'r [PartResult], dry_run: bool) -> Self {
        Self {
            schema: "chinampa.deploy/1",
            environment: rollout.environment.to_string(),
            commit: rollout.commit.to_string(),
            dry_run,
            projects: results.iter().map(part).collect(),
        }
    }
}

fn part(result: &PartResult) -> PartJson<'_> {
    let (error, log_tail) = match failure(result) {
        Some(Outcome::Failed { causes, log_tail }) => (Some(causes), Some(log_tail)),
        _ => (None, None),
    };
    let PartResult { project: name, runs, outcome } = result;
    PartJson { name, outcome: word(outcome), runs: runs.as_ref(), error, log_tail }
}

fn failure(result: &PartResult) -> Option<Outcome> {
    match &result.outcome {
        PartOutcome::Failed(error) => Some(Outcome::failed(error, error.log_tail())),
        _ => None,
    }
}

fn word(outcome: &PartOutcome) -> &'static str {
    match outcome {
        PartOutcome::Unchanged => "unchanged",
        PartOutcome::Deployed => "deployed",
        PartOutcome::Failed(_) => "failed",
        PartOutcome::NotReached => "not_reached",
    }
}

/// What a deployment would do, a line each.
pub fn dry_run(rollout: &Rollout<'_>) -> String {
    let mut text = format!("{} to `{}`:\n", rollout.commit.short(), rollout.environment);
    for part in &rollout.parts {
        let tags: Vec<String> = rollout.tags(part).iter().map(ToString::to_string).collect();
        text.push_str(&format!("{}: {}\n", part.project, rollout.image(part)));
        text.push_str(&format!("  tagged {}\n", tags.join(", ")));
        if part.is_unchanged() {
            text.push_str("  runs already: nothing is applied or restarted\n");
            continue;
        }
        for folder in &part.terraform {
            let key = folder.backend_key(&rollout.deploy_tag(), part.repository.as_str());
            text.push_str(&format!("  terraform apply in {} with the state {key}\n", folder.path));
        }
        if part.service.is_some() {
            text.push_str("  its service is restarted\n");
        }
    }
    text
}

/// One line for an event.
pub fn event(project: &ProjectName, event: &DeployEvent) -> String {
    match event {
        DeployEvent::Terraform(TerraformEvent::Started { folder, step }) => {
            format!("{project}: terraform {step} in {folder}")
        }
        DeployEvent::Terraform(TerraformEvent::Line { line, .. })
        | DeployEvent::Service(ServiceEvent::Line(line)) => {
            format!("{project}: | {}", printable_log(&line.text))
        }
        DeployEvent::Service(ServiceEvent::Note(note)) => format!("{project}: {}", printable(note)),
    }
}

/// Said when an image is in the deploy registry.
pub fn promoted(project: &ProjectName, image: &ImageRef, copied: &Copied) -> String {
    let Copied { blobs_sent, blobs_skipped, blobs_mounted, bytes_sent, .. } = copied;
    format!(
        "{project}: promoted {image}: {blobs_sent} blobs sent ({bytes_sent} bytes), {blobs_mounted} mounted, \
         {blobs_skipped} there before"
    )
}

/// What runs where, a line for each project, and then what failed.
pub fn results(rollout: &Rollout<'_>, results: &[PartResult]) -> String {
    let mut text = format!("`{}` runs:\n", rollout.environment);
    for result in results {
        let image = result.runs.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
        text.push_str(&format!(
            "  {}: {image} ({})\n",
            result.project,
            word(&result.outcome).replace('_', " ")
        ));
    }
    for result in results {
        let Some(Outcome::Failed { causes, log_tail }) = failure(result) else { continue };
        let causes: Vec<String> = causes.iter().map(|cause| printable(cause)).collect();
        text.push_str(&format!("{} failed: {}\n", result.project, causes.join(": ")));
        for line in &log_tail {
            text.push_str(&format!("  | {}\n", printable_log(line)));
        }
    }
    text
}

/// Said when there is nothing to deploy.
pub fn nothing_to_do(rollout: &Rollout<'_>, commit: CommitId) -> String {
    format!("`{}` runs {} already, all of it: nothing to do", rollout.environment, commit.short())
}
