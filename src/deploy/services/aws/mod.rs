//! Services of AWS: what they run, and how they come to run something else.

mod apprunner;
mod ecs;
mod ecs_client;
mod ecs_deployment;
mod ecs_express;
mod ecs_revision;
mod ecs_scheduled;
mod ecs_task;
mod ecs_types;
mod lambda;
mod meaning;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use super::{
    AwsScope, Deployment, OnServiceEvent, ServiceError, ServiceEvent, ServiceState, ServiceTimeouts,
};
use crate::aws::{CallError, CredentialProviders, JsonClient, JsonService};
use crate::config::{
    AppRunner, EcsExpress, EcsScheduled, EcsTask, Service, ServiceConfig, TaskSettings, Template,
};
use crate::model::AwsIdentity;

/// The services of AWS, in whichever region and account each is.
#[derive(Debug)]
pub(super) struct AwsServices {
    scope: AwsScope,
    providers: CredentialProviders,
}

/// A service, with all of its names filled in.
enum AwsService<'s> {
    Ecs(ecs::EcsService<'s>),
    EcsExpress(ecs_express::ExpressService<'s>),
    EcsTask(ecs_task::EcsTask<'s>),
    EcsScheduled(ecs_scheduled::ScheduledTask<'s>),
    Lambda(lambda::Function<'s>),
    AppRunner(apprunner::AppRunnerService<'s>),
}

/// How long one service is waited for.
#[derive(Clone, Copy, Debug)]
struct Limit {
    timeout: Duration,
    /// Whether the manifest says so: then nothing is added to it.
    is_given: bool,
    first_delay: Duration,
}

impl AwsServices {
    /// Asks nobody yet.
    pub(super) fn new(scope: AwsScope, providers: CredentialProviders) -> Self {
        Self { scope, providers }
    }

    /// What a service answers before it is changed.
    pub(super) async fn state(
        &self,
        config: &ServiceConfig,
        deployment: &Deployment<'_>,
    ) -> Result<ServiceState, ServiceError> {
        let silent = |_| {};
        match self.named(config, deployment, &silent).await? {
            None => Ok(ServiceState::Unknown),
            Some(AwsService::Ecs(service)) => service.state(deployment).await,
            Some(AwsService::EcsExpress(service)) => service.state().await,
            Some(AwsService::EcsTask(task)) => task.state(deployment).await,
            Some(AwsService::EcsScheduled(task)) => task.state(deployment).await,
            Some(AwsService::Lambda(function)) => function.state().await,
            Some(AwsService::AppRunner(service)) => service.state().await,
        }
    }

    /// Lets a service run the deployment's image and waits until it does.
    pub(super) async fn restart(
        &self,
        config: &ServiceConfig,
        deployment: &Deployment<'_>,
        timeouts: ServiceTimeouts,
        on_event: &OnServiceEvent<'_>,
    ) -> Result<(), ServiceError> {
        let limit = Limit {
            timeout: config.timeout.unwrap_or(timeouts.default),
            is_given: config.timeout.is_some(),
            first_delay: timeouts.first_delay,
        };
        match self.named(config, deployment, on_event).await? {
            None => Ok(()),
            Some(AwsService::Ecs(service)) => service.restart(deployment, limit).await,
            Some(AwsService::EcsExpress(service)) => service.restart(deployment, limit).await,
            Some(AwsService::EcsTask(task)) => task.run(deployment, limit).await,
            Some(AwsService::EcsScheduled(task)) => task.update(deployment, limit).await,
            Some(AwsService::Lambda(function)) => function.restart(deployment, limit).await,
            Some(AwsService::AppRunner(service)) => service.restart(deployment, limit).await,
        }
    }

    /// The service that is meant; `None` for what is no service of AWS.
    async fn named<'s>(
        &self,
        config: &ServiceConfig,
        deployment: &Deployment<'_>,
        on_event: &'s OnServiceEvent<'s>,
    ) -> Result<Option<AwsService<'s>>, ServiceError> {
        let fill = |template: &Template| deployment.fill(template);
        Ok(Some(match &config.service {
            Service::Command { .. } => return Ok(None),
            Service::Ecs { cluster, name } => {
                AwsService::Ecs(self.ecs(config, fill(cluster), fill(name), "", on_event).await?)
            }
            Service::EcsExpress(EcsExpress { cluster, name, roles }) => {
                AwsService::EcsExpress(ecs_express::ExpressService {
                    service: self.ecs(config, fill(cluster), fill(name), "Express ", on_event).await?,
                    roles: roles.as_ref().map(|roles| ecs_express::Roles {
                        execution: fill(&roles.execution),
                        infrastructure: fill(&roles.infrastructure),
                    }),
                })
            }
            Service::EcsTask(task) => AwsService::EcsTask(self.task(config, task, &fill, on_event).await?),
            Service::EcsScheduled(scheduled) => {
                AwsService::EcsScheduled(self.scheduled(config, scheduled, &fill, on_event).await?)
            }
            Service::Lambda { name, alias } => {
                let (name, alias) = (fill(name), alias.as_ref().map(fill));
                let label = match &alias {
                    Some(alias) => format!("alias `{alias}` of the Lambda function `{name}`"),
                    None => format!("Lambda function `{name}`"),
                };
                let client = self.client(config, &lambda::LAMBDA, &label).await?;
                AwsService::Lambda(lambda::Function { client, name, alias, label, on_event })
            }
            Service::AppRunner(known_by) => {
                let known_by = match known_by {
                    AppRunner::Name(name) => apprunner::KnownBy::Name(fill(name)),
                    AppRunner::Arn(arn) => apprunner::KnownBy::Arn(fill(arn)),
                };
                let label = format!("App Runner service `{known_by}`");
                let client = self.client(config, &apprunner::APP_RUNNER, &label).await?;
                AwsService::AppRunner(apprunner::AppRunnerService { client, known_by, label, on_event })
            }
        }))
    }

    async fn ecs<'s>(
        &self,
        config: &ServiceConfig,
        cluster: String,
        name: String,
        kind: &str,
        on_event: &'s OnServiceEvent<'s>,
    ) -> Result<ecs::EcsService<'s>, ServiceError> {
        let label = format!("ECS {kind}service `{name}` of the cluster `{cluster}`");
        Ok(ecs::EcsService { ecs: self.ecs_client(config, label, on_event).await?, cluster, name })
    }

    async fn task<'s>(
        &self,
        config: &ServiceConfig,
        EcsTask { cluster, family, command, settings }: &EcsTask,
        fill: &dyn Fn(&Template) -> String,
        on_event: &'s OnServiceEvent<'s>,
    ) -> Result<ecs_task::EcsTask<'s>, ServiceError> {
        let fill_all = |templates: &[Template]| templates.iter().map(fill).collect();
        let (cluster, family) = (fill(cluster), fill(family));
        let label = format!("ECS task `{family}` of the cluster `{cluster}`");
        Ok(ecs_task::EcsTask {
            ecs: self.ecs_client(config, label, on_event).await?,
            cluster,
            family,
            command: fill_all(command),
            settings: match settings {
                TaskSettings::None => ecs_task::TaskSettings::None,
                TaskSettings::OfService(service) => ecs_task::TaskSettings::OfService(fill(service)),
                TaskSettings::Network { subnets, security_groups } => ecs_task::TaskSettings::Network {
                    subnets: fill_all(subnets),
                    security_groups: fill_all(security_groups),
                },
            },
        })
    }

    async fn scheduled<'s>(
        &self,
        config: &ServiceConfig,
        scheduled: &EcsScheduled,
        fill: &dyn Fn(&Template) -> String,
        on_event: &'s OnServiceEvent<'s>,
    ) -> Result<ecs_scheduled::ScheduledTask<'s>, ServiceError> {
        let (starter, label) = match scheduled {
            EcsScheduled::Schedule { name, group } => {
                let (name, group) = (fill(name), group.as_ref().map(fill));
                let label = format!("schedule `{name}`");
                let client = self.client(config, &ecs_scheduled::SCHEDULER, &label).await?;
                (ecs_scheduled::Starter::Schedule { client, name, group }, label)
            }
            EcsScheduled::Rule { name, bus } => {
                let (name, bus) = (fill(name), bus.as_ref().map(fill));
                let label = format!("rule `{name}`");
                let client = self.client(config, &ecs_scheduled::EVENT_BRIDGE, &label).await?;
                (ecs_scheduled::Starter::Rule { client, name, bus }, label)
            }
            EcsScheduled::Family(family) => {
                let family = fill(family);
                let label = format!("ECS task definition `{family}`");
                (ecs_scheduled::Starter::Family(family), label)
            }
        };
        Ok(ecs_scheduled::ScheduledTask { ecs: self.ecs_client(config, label, on_event).await?, starter })
    }

    async fn ecs_client<'s>(
        &self,
        config: &ServiceConfig,
        label: String,
        on_event: &'s OnServiceEvent<'s>,
    ) -> Result<ecs_client::EcsClient<'s>, ServiceError> {
        let client = self.client(config, &ecs_client::ECS, &label).await?;
        Ok(ecs_client::EcsClient { client, label, on_event })
    }

    /// A client in the region of the service, and of whoever restarts it.
    async fn client(
        &self,
        config: &ServiceConfig,
        service: &'static JsonService,
        label: &str,
    ) -> Result<JsonClient, ServiceError> {
        let region = config.region.as_ref().or(self.scope.region.as_ref());
        let region = region.ok_or_else(|| ServiceError::NoRegion { service: label.to_owned() })?;
        let AwsIdentity { profile, role } = self.scope.identity.clone();
        let identity = AwsIdentity { profile, role: config.role.as_deref().cloned().or(role) };
        let session = self.providers.session(region, &identity).await;
        JsonClient::new(service, &session).map_err(|source| ServiceError::Aws {
            action: "reach",
            service: label.to_owned(),
            source,
        })
    }
}

impl Limit {
    /// As long again as the service itself says, unless the manifest says how long.
    fn with(self, longer: Duration) -> Self {
        let timeout = if self.is_given { self.timeout } else { self.timeout + longer };
        Self { timeout, ..self }
    }
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
    /// Calls, and calls again while something else is being done to the same thing.
    async fn retry_conflicts<T>(
        &mut self,
        call: impl AsyncFn() -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        loop {
            match call().await {
                Err(error) if meaning::is_conflict(&error) && self.again().await => {}
                answer => return answer,
            }
        }
    }
}

/// One component of a path or a value of a query, by RFC 3986, § 2.
fn percent_encoded(component: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    component.bytes().map(encode).collect()
}
