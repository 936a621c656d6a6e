//! Lets what runs a project's image run a new one, by digest, and waits until it does.

#[cfg(feature = "deploy")]
mod aws;
#[cfg(not(feature = "deploy"))]
#[path = "without_aws.rs"]
mod aws;
mod command;
mod rejection;
mod state;
#[cfg(test)]
mod tests;

use std::time::Duration;

use thiserror::Error;

use self::aws::AwsServices;
use crate::aws::{AwsError, CredentialProviders};
use crate::config::{EnvironmentName, Placeholder, Service, ServiceConfig, Template, WorkspaceName};
use crate::model::{AwsIdentity, CommitId, ErrorKind, ImageRef, ProjectName, Region, RepositoryName};
use crate::program::{Line, ProgramError};

pub use rejection::Rejection;
pub use state::ServiceState;

/// What a deployment brings to one project's service.
#[derive(Clone, Copy, Debug)]
pub struct Deployment<'d> {
    pub workspace: &'d WorkspaceName,
    pub environment: &'d EnvironmentName,
    pub project: &'d ProjectName,
    /// Without the deploy registry's prefix.
    pub repository: &'d RepositoryName,
    pub commit: CommitId,
    /// In the deploy registry, with its digest.
    pub image: &'d ImageRef,
}

/// Where the services of AWS are that don't say it themselves, and who asks them.
#[derive(Clone, Debug)]
pub struct AwsScope {
    /// `None`: services have to say theirs.
    pub region: Option<Region>,
    pub identity: AwsIdentity,
}

/// How long services are waited for.
#[derive(Clone, Copy, Debug)]
pub struct ServiceTimeouts {
    /// From the update until the new image runs, where the manifest says nothing else.
    pub default: Duration,
    /// Before the second look; each further delay is half as long again, 10 seconds at most.
    #[cfg_attr(not(feature = "deploy"), expect(dead_code, reason = "only services of AWS are looked at"))]
    pub first_delay: Duration,
}

/// Something that happened while a service was restarted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceEvent {
    /// What was done, or what the service says.
    Note(String),
    /// What a program wrote.
    Line(Line),
}

/// Gets the events.
pub type OnServiceEvent<'t> = dyn Fn(ServiceEvent) + Send + Sync + 't;

/// Why a service does not run the new image.
#[derive(Debug, Error)]
pub enum ServiceError {
    #[error("no region is known to look for the {service} in: neither `[deploy]` nor `AWS_REGION` names one")]
    NoRegion { service: String },
    /// The program has none of what talks to such services.
    #[error("this `chinampa` was built without the feature `deploy`, so it can't restart {service}")]
    NotBuiltIn { service: &'static str },
    #[error("cannot {action} the {service}")]
    Aws {
        action: &'static str,
        service: String,
        #[source]
        source: AwsError,
    },
    #[error("cannot {action} the {service}")]
    Rejected {
        action: &'static str,
        service: String,
        #[source]
        source: Rejection,
    },
    #[error("there is no {service}{detail}")]
    NotThere { service: String, detail: String },
    #[error("cannot decide which container of the {service} is to run `{repository}`: it has {containers}")]
    WhichContainer { service: String, repository: RepositoryName, containers: String },
    #[error("the {service} can't be given an image: {reason}")]
    Unsuitable { service: String, reason: String },
    #[error("the {service} did not come to run the new image: {reason}")]
    Refused { service: String, reason: String },
    #[error("the {service} did not come to run the new image within {}: {state}", humantime::format_duration(*.timeout))]
    TimedOut { service: String, timeout: Duration, state: String },
    /// A task that runs once.
    #[error("the {task} failed: {reason}")]
    TaskFailed { task: String, reason: String },
    #[error(transparent)]
    Program(#[from] ProgramError),
}

/// The services that a deployment may restart.
#[derive(Debug)]
pub struct Services {
    aws: AwsServices,
    timeouts: ServiceTimeouts,
}

impl Services {
    /// Asks nobody yet.
    pub fn new(scope: AwsScope, providers: CredentialProviders, timeouts: ServiceTimeouts) -> Self {
        Self { aws: AwsServices::new(scope, providers), timeouts }
    }

    /// What a service answers before it is changed.
    ///
    /// # Errors
    /// [`ServiceError`] when it can't be asked, or can't be given an image.
    pub async fn state(
        &self,
        config: &ServiceConfig,
        deployment: &Deployment<'_>,
    ) -> Result<ServiceState, ServiceError> {
        let asked = match &config.service {
            Service::Command { .. } => return Ok(ServiceState::Unknown),
            _ => self.aws.state(config, deployment).await,
        };
        match asked {
            Err(ServiceError::NotThere { service, .. }) => Ok(ServiceState::Missing { service }),
            other => other,
        }
    }

    /// Lets a service run the deployment's image and waits until it does.
    ///
    /// A service that runs it already is left as it is, except by `command`, which always runs.
    ///
    /// # Errors
    /// [`ServiceError`]; after [`ServiceError::TimedOut`] the update is still under way.
    pub async fn restart(
        &self,
        config: &ServiceConfig,
        deployment: &Deployment<'_>,
        on_event: &OnServiceEvent<'_>,
    ) -> Result<(), ServiceError> {
        match &config.service {
            Service::Command { program, arguments } => {
                let arguments: Vec<String> = arguments.iter().map(|each| deployment.fill(each)).collect();
                let timeout = config.timeout.unwrap_or(self.timeouts.default);
                command::run(&deployment.fill(program), &arguments, deployment, timeout, on_event).await
            }
            _ => self.aws.restart(config, deployment, self.timeouts, on_event).await,
        }
    }
}

impl Deployment<'_> {
    /// `<workspace>-<environment>`
    pub fn deploy_tag(&self) -> String {
        format!("{}-{}", self.workspace, self.environment)
    }

    fn fill(&self, template: &Template) -> String {
        template.fill(|place| match place {
            Placeholder::DeployTag => self.deploy_tag(),
            Placeholder::Workspace => self.workspace.to_string(),
            Placeholder::Environment => self.environment.to_string(),
            Placeholder::Project => self.project.to_string(),
            Placeholder::Repository => self.repository.to_string(),
            Placeholder::Commit => self.commit.to_string(),
            Placeholder::Image => self.image.to_string(),
        })
    }
}

/// Fifteen minutes, as long as `aws ecs wait` and then half as long again.
impl Default for ServiceTimeouts {
    fn default() -> Self {
        Self { default: Duration::from_secs(15 * 60), first_delay: Duration::from_secs(1) }
    }
}

impl ServiceError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoRegion { .. }
            | Self::NotBuiltIn { .. }
            | Self::WhichContainer { .. }
            | Self::Unsuitable { .. } => ErrorKind::Input,
            Self::Aws { source, .. } => source.kind(),
            Self::Rejected { source, .. } => source.kind(),
            Self::NotThere { .. }
            | Self::Refused { .. }
            | Self::TimedOut { .. }
            | Self::TaskFailed { .. } => ErrorKind::Failed,
            Self::Program(error) => error.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Aws { source, .. } => source.hint(),
            Self::Rejected { source, .. } => source.hint(),
            Self::Program(ProgramError::TimedOut { .. }) => {
                Some("`timeout` in the project's `service` lets it take longer".to_owned())
            }
            Self::Program(error) => error.hint(),
            Self::TimedOut { .. } => Some(
                "it may still come to run it; `timeout` in the project's `service` has it waited for longer"
                    .to_owned(),
            ),
            Self::NotBuiltIn { .. } => {
                Some("install one with the feature `deploy`, which is there by default".to_owned())
            }
            Self::NoRegion { .. }
            | Self::NotThere { .. }
            | Self::WhichContainer { .. }
            | Self::Unsuitable { .. }
            | Self::Refused { .. }
            | Self::TaskFailed { .. } => None,
        }
    }

    /// The last lines of a program that failed, oldest first.
    pub fn log_tail(&self) -> &[String] {
        match self {
            Self::Program(error) => error.log_tail(),
            Self::NoRegion { .. }
            | Self::NotBuiltIn { .. }
            | Self::Aws { .. }
            | Self::Rejected { .. }
            | Self::NotThere { .. }
            | Self::WhichContainer { .. }
            | Self::Unsuitable { .. }
            | Self::Refused { .. }
            | Self::TimedOut { .. }
            | Self::TaskFailed { .. } => &[],
        }
    }
}
