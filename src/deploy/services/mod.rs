//! Lets what runs a project's image run a new one, by digest, and waits until it does.

mod apprunner;
mod command;
mod ecs;
mod lambda;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_sdk_ecs::config::http::HttpResponse;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use thiserror::Error;

use super::program::{Line, ProgramError};
use crate::aws::{self, AwsError, Endpoint};
use crate::config::{AppRunner, EnvironmentName, Placeholder, Service, Template, WorkspaceName};
use crate::model::{CommitId, ErrorKind, ImageRef, ProjectName, Region, RepositoryName, printable};

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
pub struct ServicePatience {
    /// From the update until the new image runs.
    pub timeout: Duration,
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
pub type TellService<'t> = dyn Fn(ServiceEvent) + Send + Sync + 't;

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
            Self::NoRegion { .. }
            | Self::NotThere { .. }
            | Self::WhichContainer { .. }
            | Self::Unsuitable { .. }
            | Self::Refused { .. }
            | Self::TimedOut { .. } => None,
        }
    }
}

/// The services that a deployment may restart.
#[derive(Debug)]
pub struct Services {
    config: Option<SdkConfig>,
    patience: ServicePatience,
}

impl Services {
    /// Asks nobody yet. Without a place, only services of kind `command` can be restarted.
    pub async fn new(place: Option<AwsPlace<'_>>, patience: ServicePatience) -> Self {
        let config = match place {
            Some(place) => Some(aws::config(place.region, place.endpoint).await),
            None => None,
        };
        Self { config, patience }
    }

    /// Lets `service` run the deployment's image and waits until it does.
    ///
    /// A service that runs it already is left as it is, except by `command`, which always runs.
    ///
    /// # Errors
    /// [`ServiceError`]; after [`ServiceError::TimedOut`] the update is still under way.
    pub async fn restart(
        &self,
        service: &Service,
        deployment: &Deployment<'_>,
        tell: &TellService<'_>,
    ) -> Result<(), ServiceError> {
        let fill = |template: &Template| deployment.fill(template);
        match service {
            Service::Command { program, arguments } => {
                command::run(&fill(program), arguments.iter().map(fill), deployment, tell).await
            }
            Service::Ecs { cluster, name } => {
                let (cluster, name) = (fill(cluster), fill(name));
                let label = format!("ECS service `{name}` of the cluster `{cluster}`");
                let client = aws_sdk_ecs::Client::new(self.config(&label)?);
                let service = ecs::EcsService { client, cluster, name, label, tell };
                service.restart(deployment, self.patience).await
            }
            Service::Lambda { name } => {
                let name = fill(name);
                let label = format!("Lambda function `{name}`");
                let client = aws_sdk_lambda::Client::new(self.config(&label)?);
                lambda::Function { client, name, label, tell }.restart(deployment, self.patience).await
            }
            Service::AppRunner(known_by) => {
                let label = match known_by {
                    AppRunner::Name(name) => format!("App Runner service `{}`", fill(name)),
                    AppRunner::Arn(arn) => format!("App Runner service `{}`", fill(arn)),
                };
                let client = aws_sdk_apprunner::Client::new(self.config(&label)?);
                let service = apprunner::AppRunnerService { client, label, tell };
                match known_by {
                    AppRunner::Name(name) => {
                        let arn = service.find(&fill(name)).await?;
                        service.restart(&arn, deployment, self.patience).await
                    }
                    AppRunner::Arn(arn) => service.restart(&fill(arn), deployment, self.patience).await,
                }
            }
        }
    }

    fn config(&self, label: &str) -> Result<&SdkConfig, ServiceError> {
        self.config.as_ref().ok_or_else(|| ServiceError::NoRegion { service: label.to_owned() })
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
impl Default for ServicePatience {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(15 * 60), first_delay: Duration::from_secs(1) }
    }
}

impl ServiceError {
    /// The last lines of a program that failed, oldest first.
    pub fn log_tail(&self) -> &[String] {
        match self {
            Self::Program(error) => error.log_tail(),
            _ => &[],
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
    const LONGEST_DELAY: Duration = Duration::from_secs(10);

    fn new(patience: ServicePatience) -> Self {
        Self { deadline: Instant::now() + patience.timeout, delay: patience.first_delay }
    }

    /// Whether there is time for one more look; if so, it is due when this returns.
    async fn again(&mut self) -> bool {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        tokio::time::sleep(self.delay.min(left)).await;
        self.delay = (self.delay * 3 / 2).min(Self::LONGEST_DELAY);
        true
    }
}
