//! What an environment runs, and what was deployed there before.

use serde::Serialize;

use super::environment_summary::Summary;
use super::next_deployment::{self, NextDeployment, NextJson};
use super::styled::{Role, StyledLine, StyledText};
use super::summary::{Detail, Layout};
use crate::lease::Claim;
use crate::model::{ProjectName, Timestamp};
use crate::record::{DeployedProject, DeployedRecord, DeploymentOutcome, PastDeployment, ProjectState};

/// `chinampa.status/1`
#[derive(Debug, Serialize)]
pub struct StatusJson {
    schema: &'static str,
    environment: String,
    commit: Option<String>,
    in_progress: Option<InProgressJson>,
    locks: Vec<LockJson>,
    projects: Vec<ProjectJson>,
    next: NextJson,
}

#[derive(Debug, Serialize)]
struct InProgressJson {
    commit: String,
    since: String,
    by: String,
    projects: Vec<String>,
}

#[derive(Debug, Serialize)]
struct LockJson {
    commit: String,
    by: String,
    since: String,
    renewed: String,
}

#[derive(Debug, Serialize)]
struct ProjectJson {
    name: String,
    repository: String,
    image: String,
    commit: String,
    since: Option<String>,
    state: &'static str,
}

/// `chinampa.history/1`
#[derive(Debug, Serialize)]
pub struct HistoryJson {
    schema: &'static str,
    environment: String,
    deployments: Vec<PastJson>,
}

#[derive(Debug, Serialize)]
struct PastJson {
    commit: String,
    began: String,
    ended: Option<String>,
    by: String,
    outcome: &'static str,
    changed: usize,
    failed: Option<String>,
}

/// `chinampa.unlock/1`
#[derive(Debug, Serialize)]
pub struct UnlockJson {
    schema: &'static str,
    environment: String,
    removed: Vec<LockJson>,
}

impl StatusJson {
    pub fn new(record: &DeployedRecord, claims: &[Claim], next: &NextDeployment) -> Self {
        let in_progress = record.in_progress.as_ref().map(|it| InProgressJson {
            commit: it.commit.to_string(),
            since: it.since.to_string(),
            by: it.by.clone(),
            projects: it.projects.iter().map(ToString::to_string).collect(),
        });
        let project = |(name, project): (&ProjectName, &DeployedProject)| ProjectJson {
            name: name.to_string(),
            repository: project.image.repository.clone(),
            image: project.image.image.to_string(),
            commit: project.commit.to_string(),
            since: project.at.map(|at| at.to_string()),
            state: state(record, name, project),
        };
        Self {
            schema: "chinampa.status/1",
            environment: record.environment.to_string(),
            commit: record.commit.map(|commit| commit.to_string()),
            in_progress,
            locks: claims.iter().map(lock).collect(),
            projects: record.projects.iter().map(project).collect(),
            next: NextJson::new(next),
        }
    }
}

impl HistoryJson {
    pub fn new(record: &DeployedRecord) -> Self {
        let past = |past: &PastDeployment| PastJson {
            commit: past.commit.to_string(),
            began: past.began.to_string(),
            ended: past.ended.map(|ended| ended.to_string()),
            by: past.by.clone(),
            outcome: outcome(past.outcome),
            changed: past.changed,
            failed: past.failed.as_ref().map(ToString::to_string),
        };
        Self {
            schema: "chinampa.history/1",
            environment: record.environment.to_string(),
            deployments: record.history.iter().map(past).collect(),
        }
    }
}

impl UnlockJson {
    pub fn new(environment: &str, removed: &[Claim]) -> Self {
        let removed = removed.iter().map(lock).collect();
        Self { schema: "chinampa.unlock/1", environment: environment.to_owned(), removed }
    }
}

fn lock(claim: &Claim) -> LockJson {
    let Claim { commit, by, begun, renewed, .. } = claim;
    LockJson {
        commit: commit.clone(),
        by: by.clone(),
        since: begun.to_string(),
        renewed: renewed.to_string(),
    }
}

/// The state of an environment in one line; then a line for each project, and what a deployment of the current commit would
/// change.
pub fn status(
    record: &DeployedRecord,
    claims: &[Claim],
    next: &NextDeployment,
    now: Timestamp,
    layout: Layout,
) -> StyledText {
    let mut text = StyledText::default();
    Summary::new(record, claims, next, now).write(&mut text, layout);
    if let Some(it) = &record.in_progress {
        let projects: Vec<&str> = it.projects.iter().map(ProjectName::as_str).collect();
        let projects = if projects.is_empty() { "nothing".to_owned() } else { projects.join(", ") };
        let (since, commit, by) = (it.since, it.commit.short(), &it.by);
        let line = format!("in progress since {since}: {commit} by {by}, which changes {projects}");
        layout.push(&mut text, StyledLine::new().text(Role::Warning, &line), 4);
    }
    for claim in claims {
        let line = format!("locked: {}", short_claim(claim));
        layout.push(&mut text, StyledLine::new().text(Role::Warning, &line), 4);
    }
    for (name, project) in &record.projects {
        layout.push(&mut text, project_line(record, name, project, layout.detail), 6);
    }
    next_deployment::write(&mut text, next, layout);
    text
}

fn project_line(
    record: &DeployedRecord,
    name: &ProjectName,
    project: &DeployedProject,
    detail: Detail,
) -> StyledLine {
    let (repository, image) = (&project.image.repository, project.image.image);
    let image = match detail {
        Detail::Brief => format!("{repository} {}", image.short()),
        Detail::Full => format!("{repository}@{image}"),
    };
    let since = project.at.map(|at| format!(", since {at}")).unwrap_or_default();
    let line = StyledLine::new().plain("  ").text(Role::Strong, name.as_str());
    let line = line.plain(&format!(": {image} of {}{since}", project.commit.short()));
    match state(record, name, project) {
        "uncertain" => line.text(Role::Warning, " (uncertain: its last deployment did not come to its end)"),
        "retired" => line.text(Role::Dim, " (not deployed any more; what runs of it was left alone)"),
        _ => line,
    }
}

/// Whose a claim is, with a commit of ten digits.
fn short_claim(claim: &Claim) -> String {
    let commit = claim.commit.get(..10).unwrap_or(&claim.commit).to_owned();
    Claim { commit, ..claim.clone() }.to_string()
}

/// The deployments of an environment, newest first.
pub fn history(record: &DeployedRecord) -> String {
    let mut text = String::new();
    for past in &record.history {
        let failed = past.failed.as_ref().map(|it| format!(" at {it}")).unwrap_or_default();
        text.push_str(&format!(
            "{}  {}  {}{failed}, {} changed, by {}\n",
            past.began,
            past.commit.short(),
            outcome(past.outcome),
            past.changed,
            past.by
        ));
    }
    text
}

/// Whose claims were taken away.
pub fn unlocked(environment: &str, removed: &[Claim]) -> String {
    if removed.is_empty() {
        return format!("`{environment}` is not locked\n");
    }
    removed.iter().map(|claim| format!("unlocked `{environment}`: {claim}\n")).collect()
}

fn state(record: &DeployedRecord, name: &ProjectName, project: &DeployedProject) -> &'static str {
    match (record.known(name), &project.state) {
        (_, ProjectState::Retired) => "retired",
        (None, _) | (_, ProjectState::Uncertain) => "uncertain",
        (Some(_), ProjectState::Applied(_)) => "applied",
        (Some(_), ProjectState::ImageOnly) => "image_only",
    }
}

fn outcome(outcome: DeploymentOutcome) -> &'static str {
    match outcome {
        DeploymentOutcome::Deployed => "deployed",
        DeploymentOutcome::Failed => "failed",
        DeploymentOutcome::Interrupted => "interrupted",
        DeploymentOutcome::Abandoned => "abandoned",
    }
}
