//! What comes of a deployment.

use std::time::Duration;

use super::plan::{DeployPlan, ProjectDeployment};
use super::{DeployError, ProjectError, ServiceEvent, TerraformEvent};
use crate::config::ServiceConfig;
use crate::lease::Claim;
use crate::model::{ErrorKind, ImageRef, ProjectName, RepositoryName};
use crate::registry::RepositoryChange;
use crate::registry::copy::Copied;

/// What a deployment did.
#[derive(Debug)]
pub struct DeployReport {
    pub plan: DeployPlan,
    /// A result for each project of the plan, in its order.
    pub results: Vec<ProjectResult>,
    /// What stopped it from outside, or what could not be written at its end.
    pub error: Option<DeployError>,
    /// Whether all of it ran already, so that nothing was written.
    pub is_nothing: bool,
    /// From the first write to the last.
    pub took: Duration,
}

/// What a dry run found.
#[derive(Debug)]
pub struct DryRun {
    pub plan: DeployPlan,
    /// Why Terraform could not plan all of what would be applied.
    pub error: Option<DeployError>,
}

/// What came of a project.
#[derive(Debug)]
pub struct ProjectResult {
    pub project: ProjectName,
    /// The image that the environment runs now, as far as is known; `None` when it never ran one.
    pub runs: Option<ImageRef>,
    pub outcome: ProjectOutcome,
    /// How long its Terraform and its services took.
    pub took: Duration,
}

#[derive(Debug)]
pub enum ProjectOutcome {
    /// The environment ran all of it before.
    Unchanged,
    Deployed,
    /// Whether the image before is still all of what runs, only the failed step can tell.
    Failed(ProjectError),
    /// It was changed in part when the deployment was stopped.
    Interrupted,
    /// Something before it failed, or the deployment was stopped.
    Skipped,
}

impl ProjectOutcome {
    /// The label of the outcome in reports.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Deployed => "deployed",
            Self::Failed(_) => "failed",
            Self::Interrupted => "interrupted",
            Self::Skipped => "skipped",
        }
    }
}

/// Something that happened during a deployment.
#[derive(Clone, Debug)]
pub enum DeployEvent {
    /// Another deployment holds the lock.
    Waiting {
        holder: Claim,
    },
    /// What was decided under the lock, and is not nothing.
    Planned {
        /// The projects whose images are promoted: all.
        images: usize,
        /// Those that are changed, in the order of the plan.
        changed: Vec<ProjectName>,
    },
    Promoting {
        project: ProjectName,
    },
    Repository {
        repository: RepositoryName,
        change: RepositoryChange,
    },
    Promoted {
        project: ProjectName,
        image: ImageRef,
        copied: Copied,
    },
    /// Its steps begin: Terraform, then services.
    Started {
        project: ProjectName,
    },
    Terraform {
        project: ProjectName,
        event: TerraformEvent,
    },
    Restarting {
        project: ProjectName,
        service: ServiceConfig,
    },
    Service {
        project: ProjectName,
        event: ServiceEvent,
    },
    /// Nothing more is done for a project that was to be changed.
    Finished {
        project: ProjectName,
    },
}

/// Gets the events.
pub type OnDeployEvent<'t> = dyn Fn(DeployEvent) + Send + Sync + 't;

impl DeployReport {
    pub(super) fn new(plan: DeployPlan, results: Vec<ProjectResult>, error: Option<DeployError>) -> Self {
        Self { plan, results, error, is_nothing: false, took: Duration::ZERO }
    }

    pub(super) fn nothing(plan: DeployPlan, runs: impl Fn(&ProjectDeployment) -> Option<ImageRef>) -> Self {
        let result = |project: &ProjectDeployment| ProjectResult {
            project: project.name.clone(),
            runs: runs(project),
            outcome: ProjectOutcome::Unchanged,
            took: Duration::ZERO,
        };
        let results = plan.projects.iter().map(result).collect();
        Self { plan, results, error: None, is_nothing: true, took: Duration::ZERO }
    }

    /// What kind of trouble it ended with; `None` when all is deployed.
    pub fn kind(&self) -> Option<ErrorKind> {
        let has_failed = |it: &ProjectResult| matches!(it.outcome, ProjectOutcome::Failed(_));
        match &self.error {
            Some(error) => Some(error.kind()),
            None if self.results.iter().any(has_failed) => Some(ErrorKind::Failed),
            None => None,
        }
    }
}
