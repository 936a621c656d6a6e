//! Lets what runs a project's image run a new one, by digest, and waits until it does.

mod apprunner;
mod command;
mod ecs;
mod ecs_express;
mod lambda;
mod state;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_sdk_ecs::config::http::HttpResponse;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use thiserror::Error;

use super::program::{Line, ProgramError};
use crate::aws::{self, AwsError, Endpoint};
use crate::config::{
    AppRunner, EcsExpress, EnvironmentName, Placeholder, Service, ServiceConfig, Template, WorkspaceName,
};
use crate::model::{CommitId, ErrorKind, ImageRef, ProjectName, Region, RepositoryName, printable};

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

/// Where the services of AWS are.
#[derive(Clone, Copy, Debug)]
pub struct AwsPlace<'p> {
    pub region: &'p Region,
    /// Of the AWS API; AWS's own, or what `AWS_ENDPOINT_URL` says, when `None`.
    pub endpoint: Option<&'p Endpoint>,
}

/// How long services are waited for.
#[derive(Clone, Copy, Debug)]
pub struct ServiceTimeouts {
    /// From the update until the new image runs, where the manifest says nothing else.
    pub default: Duration,
    /// Before the second look; each further delay is half as long again, 10 seconds at most.
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
    #[error("cannot {action} the {service}")]
    Aws {
        action: &'static str,
        service: String,
        #[source]
        source: AwsError,
    },
    #[error("there is no {service}{detail}")]
    NotThere { service: String, detail: String },
    #[error("cannot tell which container of the {service} is to run `{repository}`: it has {containers}")]
    WhichContainer { service: String, repository: RepositoryName, containers: String },
    #[error("the {service} can't be told of an image: {reason}")]
    Unsuitable { service: String, reason: String },
    #[error("the {service} did not come to run the new image: {reason}")]
    Refused { service: String, reason: String },
    #[error("the {service} did not come to run the new image within {}: {state}", humantime::format_duration(*.timeout))]
    TimedOut { service: String, timeout: Duration, state: String },
    #[error(transparent)]
    Program(#[from] ProgramError),
}

/// The services that a deployment may restart.
#[derive(Debug)]
pub struct Services {
    config: Option<SdkConfig>,
    timeouts: ServiceTimeouts,
}

/// How long one service is waited for.
#[derive(Clone, Copy, Debug)]
struct Limit {
    timeout: Duration,
    /// Whether the manifest says so: then nothing is added to it.
    is_given: bool,
    first_delay: Duration,
}

impl Services {
    /// Asks nobody yet. Without a place, only services of kind `command` can be restarted.
    pub async fn new(place: Option<AwsPlace<'_>>, timeouts: ServiceTimeouts) -> Self {
        let config = match place {
            Some(place) => Some(aws::config(place.region, place.endpoint).await),
            None => None,
        };
        Self { config, timeouts }
    }

    /// What a service answers before it is changed.
    ///
    /// # Errors
    /// [`ServiceError`] when it can't be asked, or can't be told of an image.
    pub async fn state(
        &self,
        config: &ServiceConfig,
        deployment: &Deployment<'_>,
    ) -> Result<ServiceState, ServiceError> {
        let silent = |_| {};
        let asked = match self.named(&config.service, deployment, &silent)? {
            Named::Command { .. } => return Ok(ServiceState::Unknown),
            Named::Ecs(service) => service.state(deployment).await,
            Named::EcsExpress(service) => service.state().await,
            Named::Lambda(function) => function.state().await,
            Named::AppRunner(service) => service.state().await,
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
        let limit = Limit {
            timeout: config.timeout.unwrap_or(self.timeouts.default),
            is_given: config.timeout.is_some(),
            first_delay: self.timeouts.first_delay,
        };
        match self.named(&config.service, deployment, on_event)? {
            Named::Command { program, arguments } => {
                command::run(&program, &arguments, deployment, on_event).await
            }
            Named::Ecs(service) => service.restart(deployment, limit).await,
            Named::EcsExpress(service) => service.restart(deployment, limit).await,
            Named::Lambda(function) => function.restart(deployment, limit).await,
            Named::AppRunner(service) => service.restart(deployment, limit).await,
        }
    }

    /// The service that is meant, with all of its names filled in.
    fn named<'s>(
        &self,
        service: &Service,
        deployment: &Deployment<'_>,
        tell: &'s OnServiceEvent<'s>,
    ) -> Result<Named<'s>, ServiceError> {
        let fill = |template: &Template| deployment.fill(template);
        Ok(match service {
            Service::Command { program, arguments } => {
                Named::Command { program: fill(program), arguments: arguments.iter().map(fill).collect() }
            }
            Service::Ecs { cluster, name } => Named::Ecs(self.ecs(fill(cluster), fill(name), "", tell)?),
            Service::EcsExpress(EcsExpress { cluster, name, roles }) => {
                Named::EcsExpress(ecs_express::ExpressService {
                    service: self.ecs(fill(cluster), fill(name), "Express ", tell)?,
                    roles: roles.as_ref().map(|roles| ecs_express::Roles {
                        execution: fill(&roles.execution),
                        infrastructure: fill(&roles.infrastructure),
                    }),
                })
            }
            Service::Lambda { name } => {
                let name = fill(name);
                let label = format!("Lambda function `{name}`");
                let client = aws_sdk_lambda::Client::new(self.config(&label)?);
                Named::Lambda(lambda::Function { client, name, label, tell })
            }
            Service::AppRunner(known_by) => {
                let known_by = match known_by {
                    AppRunner::Name(name) => apprunner::KnownBy::Name(fill(name)),
                    AppRunner::Arn(arn) => apprunner::KnownBy::Arn(fill(arn)),
                };
                let label = format!("App Runner service `{known_by}`");
                let client = aws_sdk_apprunner::Client::new(self.config(&label)?);
                Named::AppRunner(apprunner::AppRunnerService { client, known_by, label, tell })
            }
        })
    }

    fn ecs<'s>(
        &self,
        cluster: String,
        name: String,
        kind: &str,
        tell: &'s OnServiceEvent<'s>,
    ) -> Result<ecs::EcsService<'s>, ServiceError> {
        let label = format!("ECS {kind}service `{name}` of the cluster `{cluster}`");
        let client = aws_sdk_ecs::Client::new(self.config(&label)?);
        Ok(ecs::EcsService { client, cluster, name, label, tell })
    }

    fn config(&self, label: &str) -> Result<&SdkConfig, ServiceError> {
        self.config.as_ref().ok_or_else(|| ServiceError::NoRegion { service: label.to_owned() })
    }
}

impl Limit {
    /// As long again as the service itself says, unless the manifest says how long.
    fn with(self, longer: Duration) -> Self {
        let timeout = if self.is_given { self.timeout } else { self.timeout + longer };
        Self { timeout, ..self }
    }
}

/// A service, with all of its names filled in.
enum Named<'s> {
    Command { program: String, arguments: Vec<String> },
    Ecs(ecs::EcsService<'s>),
    EcsExpress(ecs_express::ExpressService<'s>),
    Lambda(lambda::Function<'s>),
    AppRunner(apprunner::AppRunnerService<'s>),
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
            Self::NoRegion { .. } | Self::WhichContainer { .. } | Self::Unsuitable { .. } => ErrorKind::Input,
            Self::Aws { source, .. } => source.kind(),
            Self::NotThere { .. } | Self::Refused { .. } | Self::TimedOut { .. } => ErrorKind::Failed,
            Self::Program(error) => error.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Aws { source, .. } => source.hint(),
            Self::Program(error) => error.hint(),
            Self::TimedOut { .. } => Some(
                "it may still come to run it; `timeout` in the project's `service` has it waited for longer"
                    .to_owned(),
            ),
            Self::NoRegion { .. }
            | Self::NotThere { .. }
            | Self::WhichContainer { .. }
            | Self::Unsuitable { .. }
            | Self::Refused { .. } => None,
        }
    }

    /// The last lines of a program that failed, oldest first.
    pub fn log_tail(&self) -> &[String] {
        match self {
            Self::Program(error) => error.log_tail(),
            Self::NoRegion { .. }
            | Self::Aws { .. }
            | Self::NotThere { .. }
            | Self::WhichContainer { .. }
            | Self::Unsuitable { .. }
            | Self::Refused { .. }
            | Self::TimedOut { .. } => &[],
        }
    }
}

/// What the SDK says of a call that failed.
trait SdkCause: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static {}

impl<E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static> SdkCause for E {}

/// Tells a service that isn't there from trouble.
fn failed<E: SdkCause>(action: &'static str, label: &str, error: SdkError<E, HttpResponse>) -> ServiceError {
    const NOT_THERE: &[&str] =
        &["ResourceNotFoundException", "ServiceNotFoundException", "ClusterNotFoundException"];
    let service = label.to_owned();
    if error.code().is_some_and(|code| NOT_THERE.contains(&code)) {
        let detail = error.message().map(|message| format!(": {}", printable(message))).unwrap_or_default();
        return ServiceError::NotThere { service, detail };
    }
    ServiceError::Aws { action, service, source: AwsError::new(error) }
}

/// Waits between looks at something that takes its time.
struct Wait {
    deadline: Instant,
    delay: Duration,
}

impl Wait {
    const MAX_DELAY: Duration = Duration::from_secs(10);

    fn new(limit: Limit) -> Self {
        Self { deadline: Instant::now() + limit.timeout, delay: limit.first_delay }
    }

    /// Whether there is time for one more look; if so, it is due when this returns.
    async fn again(&mut self) -> bool {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        tokio::time::sleep(self.delay.min(left)).await;
        self.delay = (self.delay * 3 / 2).min(Self::MAX_DELAY);
        true
    }
}
