//! What an environment runs, and since when.
//!
//! A deployment writes its record twice: when it is about to change what runs ("in progress", with
//! the projects that will be touched), and at its end. A record that is still in progress when the
//! next deployment reads it is the trace of one that died: of the projects that it names nothing
//! is known.

use std::collections::{BTreeMap, BTreeSet};

use super::RecordedImage;
use crate::config::EnvironmentName;
use crate::model::{CommitId, Fingerprint, ProjectName, Timestamp};

/// How many past deployments a record keeps.
pub const MAX_HISTORY: usize = 50;

/// What an environment runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployedRecord {
    pub environment: EnvironmentName,
    /// The commit of the newest deployment that came to an end, also where that failed half-way:
    /// then some projects still run what an earlier one brought. `None` before the first end.
    pub commit: Option<CommitId>,
    pub in_progress: Option<InProgress>,
    pub projects: BTreeMap<ProjectName, DeployedProject>,
    /// Newest first, at most [`MAX_HISTORY`].
    pub history: Vec<PastDeployment>,
}

/// A deployment that changes what runs, or died while it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InProgress {
    pub commit: CommitId,
    pub since: Timestamp,
    /// Who deploys.
    pub by: String,
    /// The projects that it changes.
    pub projects: BTreeSet<ProjectName>,
}

/// The last that is known of one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployedProject {
    pub image: RecordedImage,
    /// The commit that was deployed with it.
    pub commit: CommitId,
    /// `None` in records of the first schema.
    pub at: Option<Timestamp>,
    pub state: ProjectState,
}

/// How much of a project is known to run as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProjectState {
    /// All of it was deployed.
    Applied(AppliedSettings),
    /// A record of the first schema: nothing is known of Terraform and the service's settings.
    ImageOnly,
    /// A later deployment of it failed or was stopped half-way.
    Uncertain,
    /// The commits that were deployed since have no such project, or never deploy it. What runs of it was left alone.
    Retired,
}

/// What was applied besides the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedSettings {
    /// By the folder, from the repository root.
    pub terraform: BTreeMap<String, Fingerprint>,
    pub service: Fingerprint,
}

/// A deployment that came to an end, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastDeployment {
    pub commit: CommitId,
    pub began: Timestamp,
    /// `None` for one that died.
    pub ended: Option<Timestamp>,
    pub by: String,
    pub outcome: DeploymentOutcome,
    /// How many projects it changed.
    pub changed: usize,
    /// The project that failed.
    pub failed: Option<ProjectName>,
}

/// How a deployment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeploymentOutcome {
    Deployed,
    Failed,
    Interrupted,
    /// It died: the next deployment found it in progress.
    Abandoned,
}

/// What came of one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProjectEnd {
    /// All of it runs now.
    Deployed(Box<DeployedProject>),
    /// It was changed in part.
    Uncertain,
    /// It was not touched.
    Untouched,
    /// The commit does not deploy it.
    Retired,
}

impl DeployedRecord {
    /// The record of an environment that nothing was deployed to yet.
    pub fn new(environment: EnvironmentName) -> Self {
        Self { environment, commit: None, in_progress: None, projects: BTreeMap::new(), history: Vec::new() }
    }

    /// What is known for sure of a project.
    ///
    /// `None` when it was never deployed, when a deployment of it failed half-way, when one that
    /// changes it is in progress, and when it is not deployed any more.
    pub fn known(&self, project: &ProjectName) -> Option<&DeployedProject> {
        let is_in_progress = self.in_progress.as_ref().is_some_and(|it| it.projects.contains(project));
        let deployed = self.projects.get(project).filter(|_| !is_in_progress)?;
        match deployed.state {
            ProjectState::Applied(_) | ProjectState::ImageOnly => Some(deployed),
            ProjectState::Uncertain | ProjectState::Retired => None,
        }
    }

    /// What is deployed: not what later commits don't have.
    pub fn current(&self) -> impl Iterator<Item = (&ProjectName, &DeployedProject)> {
        self.projects.iter().filter(|(_, project)| project.state != ProjectState::Retired)
    }

    /// The commits that the environment may run something of, and that no deployment goes back behind.
    pub fn commits(&self) -> BTreeSet<CommitId> {
        self.commit.into_iter().chain(self.in_progress.as_ref().map(|it| it.commit)).collect()
    }

    /// The record while a deployment changes what runs. What an earlier one that died was changing
    /// stays uncertain.
    #[must_use]
    pub fn begin(mut self, deployment: InProgress) -> Self {
        if let Some(abandoned) = self.in_progress.take() {
            for project in &abandoned.projects {
                self.set_state(project, ProjectState::Uncertain);
            }
            self.remember(PastDeployment {
                commit: abandoned.commit,
                began: abandoned.since,
                ended: None,
                by: abandoned.by,
                outcome: DeploymentOutcome::Abandoned,
                changed: abandoned.projects.len(),
                failed: None,
            });
            // It may have brought some of its commit, and nothing goes back behind that unasked.
            self.commit = Some(abandoned.commit);
        }
        self.in_progress = Some(deployment);
        self
    }

    /// The record at the end of the deployment that is in progress; nothing changes when none is.
    #[must_use]
    pub fn end(
        mut self,
        outcome: DeploymentOutcome,
        ended: Timestamp,
        projects: impl IntoIterator<Item = (ProjectName, ProjectEnd)>,
    ) -> Self {
        let Some(deployment) = self.in_progress.take() else { return self };
        let (mut changed, mut failed) = (0, None);
        for (name, end) in projects {
            match end {
                ProjectEnd::Deployed(project) => {
                    changed += usize::from(deployment.projects.contains(&name));
                    self.projects.insert(name, *project);
                }
                ProjectEnd::Uncertain => {
                    changed += 1;
                    self.set_state(&name, ProjectState::Uncertain);
                    failed.get_or_insert(name);
                }
                ProjectEnd::Untouched => {}
                ProjectEnd::Retired => self.set_state(&name, ProjectState::Retired),
            }
        }
        self.commit = Some(deployment.commit);
        self.remember(PastDeployment {
            commit: deployment.commit,
            began: deployment.since,
            ended: Some(ended),
            by: deployment.by,
            outcome,
            changed,
            failed,
        });
        self
    }

    fn set_state(&mut self, project: &ProjectName, state: ProjectState) {
        if let Some(project) = self.projects.get_mut(project) {
            project.state = state;
        }
    }

    fn remember(&mut self, deployment: PastDeployment) {
        self.history.insert(0, deployment);
        self.history.truncate(MAX_HISTORY);
    }
}
