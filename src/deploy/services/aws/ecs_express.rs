//! Amazon ECS in Express mode: the service's container gets the image by digest, ECS does the rest.
//!
//! A service that isn't there is created where the manifest names its roles.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ecs::EcsService;
use super::ecs_deployment::{Progress, ServiceDeployment};
use super::ecs_types::nullable;
use super::{Deployment, Limit, ServiceError, ServiceState, Wait};
use crate::model::printable;

pub(super) struct ExpressService<'s> {
    /// The same service, as all of ECS knows it.
    pub(super) service: EcsService<'s>,
    pub(super) roles: Option<Roles>,
}

/// What a service is created with.
pub(super) struct Roles {
    pub(super) execution: String,
    pub(super) infrastructure: String,
}

impl ExpressService<'_> {
    /// What the service runs.
    pub(super) async fn state(&self) -> Result<ServiceState, ServiceError> {
        let (arn, _) = self.find().await?;
        let service = self.look(&arn).await?;
        let image = newest(&service).and_then(image).unwrap_or_default().to_owned();
        Ok(ServiceState::Runs { image })
    }

    pub(super) async fn restart(
        &self,
        deployment: &Deployment<'_>,
        limit: Limit,
    ) -> Result<(), ServiceError> {
        let wanted = deployment.image.to_string();
        let (arn, bake_time) = match (self.find().await, &self.roles) {
            (Err(ServiceError::NotThere { .. }), Some(roles)) => {
                let arn = self.create(&wanted, roles).await?;
                return self.wait_until_it_runs(&arn, &wanted, None, limit).await;
            }
            (found, _) => found?,
        };
        let limit = limit.with(bake_time);
        let service = self.look(&arn).await?;
        let Some(used) = newest(&service).and_then(|it| it.primary_container.as_ref()) else {
            return Err(self.service.ecs.unsuitable("it has no container".to_owned()));
        };
        if used.image.as_deref() == Some(wanted.as_str()) {
            self.service.ecs.note(format!("the {} runs {wanted} already", self.service.ecs.label));
            return self.wait_until_it_runs(&arn, &wanted, None, limit).await;
        }
        let mut container = used.clone();
        container.image = Some(wanted.clone());
        let input = json!({ "serviceArn": arn, "primaryContainer": container });
        let _: Value = self.service.ecs.call("update", "UpdateExpressGatewayService", &input).await?;
        self.service.ecs.note(format!("the {} is updated to {wanted}", self.service.ecs.label));
        self.wait_until_it_runs(&arn, &wanted, service.current_deployment, limit).await
    }

    async fn create(&self, wanted: &str, roles: &Roles) -> Result<String, ServiceError> {
        let input = json!({
            "cluster": self.service.cluster,
            "serviceName": self.service.name,
            "executionRoleArn": roles.execution,
            "infrastructureRoleArn": roles.infrastructure,
            "primaryContainer": { "image": wanted },
        });
        let created: Answer = self.service.ecs.call("create", "CreateExpressGatewayService", &input).await?;
        self.service.ecs.note(format!("the {} is created with {wanted}", self.service.ecs.label));
        let arn = created.service.and_then(|service| service.service_arn);
        arn.ok_or_else(|| self.service.ecs.refused("AWS does not say its ARN".to_owned()))
    }

    /// Its ARN, and how long its deployments bake.
    async fn find(&self) -> Result<(String, Duration), ServiceError> {
        let service = self.service.look().await?;
        let bake_time = service.bake_time();
        match service.service_arn.filter(|arn| !arn.is_empty()) {
            Some(arn) => Ok((arn, bake_time)),
            None => Err(self.service.ecs.refused("AWS does not say its ARN".to_owned())),
        }
    }

    async fn look(&self, arn: &str) -> Result<ExpressServiceState, ServiceError> {
        let input = json!({ "serviceArn": arn });
        let answer: Answer =
            self.service.ecs.call("look at", "DescribeExpressGatewayService", &input).await?;
        answer.service.ok_or_else(|| self.service.ecs.not_there(""))
    }

    /// Waits until the image runs; `ended` is the deployment that was the current one before.
    async fn wait_until_it_runs(
        &self,
        arn: &str,
        wanted: &str,
        ended: Option<String>,
        limit: Limit,
    ) -> Result<(), ServiceError> {
        let mut wait = Wait::new(limit);
        let mut followed: Option<ServiceDeployment> = None;
        loop {
            let service = self.look(arn).await?;
            if let Some(status) = &service.status
                && let Some("DRAINING" | "INACTIVE") = status.status_code.as_deref()
            {
                let reason = status.status_reason.as_deref().unwrap_or("it is being removed");
                return Err(self.service.ecs.refused(printable(reason)));
            }
            let runs_it = !service.active_configurations.is_empty()
                && service.active_configurations.iter().all(|it| image(it) == Some(wanted));
            if let Some(current) = service.current_deployment.filter(|arn| Some(arn) != ended.as_ref())
                && followed.as_ref().is_none_or(|followed| followed.arn != current)
            {
                followed = Some(ServiceDeployment::new(current));
            }
            let progress = match &mut followed {
                Some(followed) => followed.progress(&self.service.ecs).await?,
                None if runs_it => Progress::Succeeded,
                // What was just written may take a moment to be read.
                None => Progress::UnderWay("its deployment has not begun".to_owned()),
            };
            let state = match progress {
                Progress::Succeeded if runs_it => return Ok(()),
                Progress::Succeeded => "another image still runs".to_owned(),
                Progress::Failed(reason) => return Err(self.service.ecs.refused(reason)),
                Progress::UnderWay(state) => state,
            };
            if !wait.again().await {
                let (service, timeout) = (self.service.ecs.label.clone(), limit.timeout);
                return Err(ServiceError::TimedOut { service, timeout, state });
            }
        }
    }
}

/// The answer of `DescribeExpressGatewayService` and of `CreateExpressGatewayService`.
#[derive(Deserialize)]
struct Answer {
    service: Option<ExpressServiceState>,
}

/// A service as ECS describes it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ExpressServiceState {
    service_arn: Option<String>,
    status: Option<Status>,
    current_deployment: Option<String>,
    #[serde(deserialize_with = "nullable")]
    active_configurations: Vec<Configuration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    status_code: Option<String>,
    status_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    /// Seconds since 1970.
    created_at: Option<f64>,
    primary_container: Option<Container>,
}

/// A container with all fields that ECS gives it, also those that are not known here.
#[derive(Clone, Deserialize, serde::Serialize)]
struct Container {
    image: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// The configuration that is being deployed, or the only one.
fn newest(service: &ExpressServiceState) -> Option<&Configuration> {
    let made = |it: &Configuration| it.created_at.unwrap_or(f64::MIN);
    service.active_configurations.iter().max_by(|one, other| made(one).total_cmp(&made(other)))
}

fn image(configuration: &Configuration) -> Option<&str> {
    configuration.primary_container.as_ref()?.image.as_deref()
}
