//! Amazon ECS in Express mode: the service's container gets the image by digest, ECS does the rest.
//!
//! A service that isn't there is created where the manifest names its roles.

use aws_sdk_ecs::types::{
    EcsExpressGatewayService, ExpressGatewayContainer, ExpressGatewayServiceConfiguration,
    ExpressGatewayServiceStatusCode, ServiceDeploymentStatus,
};

use super::ecs::EcsService;
use super::state::ServiceState;
use super::{Deployment, Limit, ServiceError, Wait};
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
        let service = self.look(&self.arn().await?).await?;
        let image = newest(&service).and_then(image).unwrap_or_default().to_owned();
        Ok(ServiceState::Runs { image })
    }

    pub(super) async fn restart(
        &self,
        deployment: &Deployment<'_>,
        limit: Limit,
    ) -> Result<(), ServiceError> {
        let mut wait = Wait::new(limit);
        let wanted = deployment.image.to_string();
        let arn = match (self.arn().await, &self.roles) {
            (Err(ServiceError::NotThere { .. }), Some(roles)) => {
                let arn = self.create(&wanted, roles).await?;
                return self.wait_until_it_runs(&arn, &wanted, &mut wait, limit).await;
            }
            (arn, _) => arn?,
        };
        let service = self.look(&arn).await?;
        let Some(used) = newest(&service).and_then(|it| it.primary_container()) else {
            let reason = "it has no container".to_owned();
            return Err(ServiceError::Unsuitable { service: self.service.label.clone(), reason });
        };
        if used.image() == wanted {
            self.service.note(format!("the {} runs {wanted} already", self.service.label));
        } else {
            let mut container = used.clone();
            container.image.clone_from(&wanted);
            let update = self.service.client.update_express_gateway_service().service_arn(&arn);
            let updated = update.primary_container(container).send().await;
            updated.map_err(|error| self.service.failed("update", error))?;
            self.service.note(format!("the {} is updated to {wanted}", self.service.label));
        }
        self.wait_until_it_runs(&arn, &wanted, &mut wait, limit).await
    }

    async fn create(&self, wanted: &str, roles: &Roles) -> Result<String, ServiceError> {
        let container = ExpressGatewayContainer::builder().image(wanted).build();
        let container = container.expect("an image is all that a container needs");
        let create = self
            .service
            .client
            .create_express_gateway_service()
            .cluster(&self.service.cluster)
            .service_name(&self.service.name)
            .execution_role_arn(&roles.execution)
            .infrastructure_role_arn(&roles.infrastructure)
            .primary_container(container);
        let created = create.send().await.map_err(|error| self.service.failed("create", error))?;
        self.service.note(format!("the {} is created with {wanted}", self.service.label));
        let arn = created.service.and_then(|service| service.service_arn);
        arn.ok_or_else(|| self.service.refused("AWS does not say its ARN".to_owned()))
    }

    async fn arn(&self) -> Result<String, ServiceError> {
        let service = self.service.look().await?;
        let arn = service.service_arn.filter(|arn| !arn.is_empty());
        arn.ok_or_else(|| self.service.refused("AWS does not say its ARN".to_owned()))
    }

    async fn look(&self, arn: &str) -> Result<EcsExpressGatewayService, ServiceError> {
        let asked = self.service.client.describe_express_gateway_service().service_arn(arn).send().await;
        let answer = asked.map_err(|error| self.service.failed("look at", error))?;
        let detail = String::new();
        answer.service.ok_or_else(|| ServiceError::NotThere { service: self.service.label.clone(), detail })
    }

    async fn wait_until_it_runs(
        &self,
        arn: &str,
        wanted: &str,
        wait: &mut Wait,
        limit: Limit,
    ) -> Result<(), ServiceError> {
        let mut was_deploying = false;
        loop {
            let service = self.look(arn).await?;
            if let Some(status) = service.status()
                && let Some(
                    ExpressGatewayServiceStatusCode::Draining | ExpressGatewayServiceStatusCode::Inactive,
                ) = status.status_code()
            {
                let reason = status.status_reason().unwrap_or("it is being removed");
                return Err(self.service.refused(printable(reason)));
            }
            let runs_it = !service.active_configurations().is_empty()
                && service.active_configurations().iter().all(|it| image(it) == Some(wanted));
            let state = match service.current_deployment() {
                Some(deployment) => {
                    was_deploying = true;
                    self.deployment(deployment).await?
                }
                None if runs_it => DeploymentState::Over,
                None if was_deploying => {
                    return Err(self.service.refused("ECS went back to what ran before".to_owned()));
                }
                // What was just written may take a moment to be read.
                None => DeploymentState::UnderWay("its deployment has not begun".to_owned()),
            };
            let state = match state {
                DeploymentState::Over if runs_it => return Ok(()),
                DeploymentState::Over => "another image still runs".to_owned(),
                DeploymentState::UnderWay(state) => state,
            };
            if !wait.again().await {
                let (service, timeout) = (self.service.label.clone(), limit.timeout);
                return Err(ServiceError::TimedOut { service, timeout, state });
            }
        }
    }

    async fn deployment(&self, arn: &str) -> Result<DeploymentState, ServiceError> {
        let describe = self.service.client.describe_service_deployments().service_deployment_arns(arn);
        let asked = describe.send().await.map_err(|error| self.service.failed("look at", error))?;
        let Some(deployment) = asked.service_deployments().first() else {
            return Ok(DeploymentState::UnderWay("its deployment is not listed yet".to_owned()));
        };
        let reason = || printable(deployment.status_reason().unwrap_or("ECS does not say why"));
        match deployment.status() {
            Some(ServiceDeploymentStatus::Successful) => Ok(DeploymentState::Over),
            Some(
                status @ (ServiceDeploymentStatus::Stopped
                | ServiceDeploymentStatus::RollbackSuccessful
                | ServiceDeploymentStatus::RollbackFailed),
            ) => Err(self.service.refused(format!("its deployment ended as {status}: {}", reason()))),
            Some(status) => Ok(DeploymentState::UnderWay(format!("its deployment is {status}"))),
            None => Ok(DeploymentState::UnderWay("its deployment has no status".to_owned())),
        }
    }
}

enum DeploymentState {
    Over,
    UnderWay(String),
}

/// The configuration that is being deployed, or the only one.
fn newest(service: &EcsExpressGatewayService) -> Option<&ExpressGatewayServiceConfiguration> {
    let made =
        |it: &&ExpressGatewayServiceConfiguration| it.created_at().map(|at| (at.secs(), at.subsec_nanos()));
    service.active_configurations().iter().max_by_key(made)
}

fn image(configuration: &ExpressGatewayServiceConfiguration) -> Option<&str> {
    configuration.primary_container().map(ExpressGatewayContainer::image)
}
