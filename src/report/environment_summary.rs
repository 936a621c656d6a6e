//! The state of an environment in one line.

use serde::Serialize;

use super::next_deployment::{NextDeployment, Preview};
use super::styled::{Role, StyledLine, StyledText};
use super::summary::Layout;
use super::time;
use crate::config::EnvironmentName;
use crate::deploy::DeployPlan;
use crate::lease::Claim;
use crate::model::{CommitId, Timestamp};
use crate::record::{DeployedRecord, PastDeployment};

/// `chinampa.environments/1`
#[derive(Debug, Serialize)]
pub struct EnvironmentsJson<'s> {
    schema: &'static str,
    environments: &'s [Summary],
}

/// What an environment runs, whether that is known for sure, and how much a deployment would change.
#[derive(Debug, Serialize)]
pub struct Summary {
    environment: String,
    state: State,
    commit: Option<String>,
    since: Option<String>,
    by: Option<String>,
    next: NextSummary,
    #[serde(skip)]
    words: String,
}

/// Whether what runs is what the record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Nothing was deployed yet.
    Empty,
    Steady,
    /// A deployment holds the lock.
    Deploying,
    /// A deployment failed or died half-way, and none has come to its end since.
    Uncertain,
    /// Its record can't be read, for example because it is in another account.
    Unknown,
}

#[derive(Debug, Serialize)]
struct NextSummary {
    commit: String,
    state: &'static str,
    /// `None` where there is no plan.
    changed_images: Option<usize>,
    changed_projects: Option<usize>,
}

impl<'s> EnvironmentsJson<'s> {
    pub fn new(environments: &'s [Summary]) -> Self {
        Self { schema: "chinampa.environments/1", environments }
    }
}

impl State {
    fn of(record: &DeployedRecord, claims: &[Claim]) -> Self {
        let is_known = record.current().all(|(name, _)| record.known(name).is_some());
        match (&record.in_progress, record.commit) {
            _ if !claims.is_empty() => Self::Deploying,
            (None, None) if record.projects.is_empty() => Self::Empty,
            (None, _) if is_known => Self::Steady,
            (_, _) => Self::Uncertain,
        }
    }

    fn role(self) -> Role {
        match self {
            Self::Empty => Role::Dim,
            Self::Steady => Role::Success,
            Self::Deploying | Self::Uncertain | Self::Unknown => Role::Warning,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Empty => "is empty",
            Self::Steady => "is steady",
            Self::Deploying => "is being deployed",
            Self::Uncertain => "is uncertain",
            Self::Unknown => "is unknown",
        }
    }
}

impl Summary {
    /// `claims` are those that have not expired.
    pub fn new(record: &DeployedRecord, claims: &[Claim], next: &NextDeployment, now: Timestamp) -> Self {
        let state = State::of(record, claims);
        let deployed = record.history.iter().find(|past| Some(past.commit) == record.commit);
        let since = deployed.and_then(|past| past.ended);
        let words = [runs(record.commit, deployed, now), next_words(next)];
        Self {
            environment: record.environment.to_string(),
            state,
            commit: record.commit.map(|commit| commit.to_string()),
            since: since.map(|since| since.to_string()),
            by: deployed.map(|past| past.by.clone()),
            next: NextSummary::new(next),
            words: words.join("; "),
        }
    }

    /// Of an environment that can't be read; `causes` say why.
    pub fn unknown(environment: &EnvironmentName, head: CommitId, causes: Vec<String>) -> Self {
        let words = causes.join(": ");
        let next = NextDeployment { commit: head, outcome: Preview::Unknown(causes) };
        Self {
            environment: environment.to_string(),
            state: State::Unknown,
            commit: None,
            since: None,
            by: None,
            next: NextSummary::new(&next),
            words,
        }
    }

    pub fn is_unknown(&self) -> bool {
        self.state == State::Unknown
    }

    fn line(&self) -> StyledLine {
        StyledLine::new()
            .text(Role::Strong, &format!("`{}`", self.environment))
            .plain(" ")
            .text(self.state.role(), self.state.label())
            .plain(&format!(": {}", self.words))
    }

    /// The line, and what of it does not fit below it.
    pub(super) fn write(&self, text: &mut StyledText, layout: Layout) {
        layout.push(text, self.line(), 4);
    }
}

/// A line for each environment.
pub fn all(environments: &[Summary], layout: Layout) -> StyledText {
    let mut text = StyledText::default();
    for environment in environments {
        environment.write(&mut text, layout);
    }
    if environments.is_empty() {
        text.push(StyledLine::new().plain("`projects.toml` has no environments"));
    }
    text
}

fn runs(commit: Option<CommitId>, deployed: Option<&PastDeployment>, now: Timestamp) -> String {
    let Some(commit) = commit else { return "no deployment has ended yet".to_owned() };
    let mut words = format!("runs {}", commit.short());
    if let Some(ended) = deployed.and_then(|past| past.ended) {
        words += &format!(" since {ended} ({})", time::age(now.since(ended)));
    }
    match deployed {
        Some(past) if !past.by.is_empty() => words + &format!(", by {}", past.by),
        _ => words,
    }
}

impl NextSummary {
    fn new(next: &NextDeployment) -> Self {
        let (state, changed) = match &next.outcome {
            Preview::Planned(plan) => ("planned", Some(changed(plan))),
            Preview::Refused(_) => ("refused", None),
            Preview::Unknown(_) => ("unknown", None),
        };
        let (changed_images, changed_projects) = changed.unzip();
        Self { commit: next.commit.to_string(), state, changed_images, changed_projects }
    }
}

/// How many images a deployment promotes, and in how many projects it changes anything.
fn changed(plan: &DeployPlan) -> (usize, usize) {
    let images = plan.projects.iter().filter(|project| project.image.is_change());
    let projects = plan.projects.iter().filter(|project| project.image.is_change() || project.has_steps());
    (images.count(), projects.count())
}

fn next_words(next: &NextDeployment) -> String {
    let commit = next.commit.short();
    let plan = match &next.outcome {
        Preview::Planned(plan) => plan,
        Preview::Refused(_) => return format!("a deployment of {commit} would be refused"),
        Preview::Unknown(_) => return format!("a deployment of {commit} cannot be planned here"),
    };
    match (changed(plan), plan.projects.len()) {
        ((0, 0), _) => format!("a deployment of {commit} would change nothing"),
        ((0, 1), _) => format!("a deployment of {commit} would change 1 project, and no image"),
        ((0, projects), _) => {
            format!("a deployment of {commit} would change {projects} projects, and no image")
        }
        ((images, _), all) => format!("a deployment of {commit} would change {images} of {all} images"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::record::DeploymentOutcome;
    use crate::report::tests::deploy_plan;

    const ENDED: Timestamp = Timestamp::from_millis(1_795_896_900_000);

    fn record() -> DeployedRecord {
        let past = PastDeployment {
            commit: deploy_plan().commit,
            began: ENDED,
            ended: Some(ENDED),
            by: "job-7".to_owned(),
            outcome: DeploymentOutcome::Deployed,
            changed: 1,
            failed: None,
        };
        let new = DeployedRecord::new("dev".parse().unwrap());
        DeployedRecord { commit: Some(past.commit), history: vec![past], ..new }
    }

    fn claim() -> Claim {
        let (commit, by) = (deploy_plan().commit.to_string(), "job-8".to_owned());
        Claim { commit, by, begun: ENDED, renewed: ENDED, lease: Duration::from_secs(900) }
    }

    fn line(record: &DeployedRecord, claims: &[Claim], outcome: Preview) -> String {
        let next = NextDeployment { commit: deploy_plan().commit, outcome };
        let now = ENDED.after(Duration::from_secs(3 * 24 * 3600));
        Summary::new(record, claims, &next, now).line().unstyled()
    }

    #[test]
    fn a_line_says_the_state_the_commit_since_when_by_whom_and_what_a_deployment_would_change() {
        let planned = || Preview::Planned(Box::new(deploy_plan()));
        let new = DeployedRecord::new("dev".parse().unwrap());

        let lines = [
            line(&record(), &[], planned()),
            line(&record(), &[claim()], Preview::Refused(Vec::new())),
            line(&new, &[], Preview::Unknown(Vec::new())),
        ];

        insta::assert_snapshot!(lines.join("\n"), @r"
        `dev` is steady: runs 0101010101 since 2026-11-28T20:15:00Z (3 days), by job-7; a deployment of 0101010101 would change 1 of 2 images
        `dev` is being deployed: runs 0101010101 since 2026-11-28T20:15:00Z (3 days), by job-7; a deployment of 0101010101 would be refused
        `dev` is empty: no deployment has ended yet; a deployment of 0101010101 cannot be planned here
        ");
    }

    #[test]
    fn what_a_dead_deployment_was_changing_is_uncertain() {
        let progress = crate::record::InProgress {
            commit: deploy_plan().commit,
            since: ENDED,
            by: "job-8".to_owned(),
            projects: std::collections::BTreeSet::new(),
        };
        let dead = DeployedRecord { in_progress: Some(progress), ..record() };

        let states = [
            State::of(&dead, &[]),
            State::of(&dead, &[claim()]),
            State::of(&record(), &[]),
            State::of(&DeployedRecord::new("dev".parse().unwrap()), &[]),
        ];

        assert_eq!(states, [State::Uncertain, State::Deploying, State::Steady, State::Empty]);
    }
}
