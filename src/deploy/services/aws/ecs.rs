//! Services of Amazon ECS: a new revision of the service's task definition, with the image by digest.

use std::collections::BTreeSet;

use serde_json::json;

use super::ecs_client::EcsClient;
use super::ecs_deployment::{Progress, ServiceDeployment};
use super::ecs_revision::Revision;
use super::ecs_types::{Described, EcsDeployment, EcsServiceState, Failure};
use super::{Deployment, Limit, ServiceError, ServiceState, Wait};
use crate::model::printable;

pub(super) struct EcsService<'s> {
    pub(super) ecs: EcsClient<'s>,
    pub(super) cluster: String,
    pub(super) name: String,
}

impl EcsService<'_> {
    pub(super) async fn restart(
        &self,
        deployment: &Deployment<'_>,
        limit: Limit,
    ) -> Result<(), ServiceError> {
        let (ecs, image) = (&self.ecs, deployment.image);
        let service = self.look().await?;
        self.ensure_suitable(&service)?;
        let known_events = event_ids(&service);
        let (before, is_under_way) = self.current_deployment(&service).await?;
        let used = service.task_definition.as_deref().unwrap_or_default();
        let revision = Revision::read(ecs, used, deployment).await?;
        let updated = if !revision.runs(image) {
            let revision = revision.register(ecs, image, &mut Wait::new(limit)).await?;
            Some(self.update(&revision, Start::IfChanged).await?)
        } else if service.primary().is_some_and(EcsDeployment::is_given_up) {
            ecs.note(format!("the {} is deployed anew: its last deployment was given up", ecs.label));
            Some(self.update(used, Start::Forced).await?)
        } else {
            ecs.note(format!("the {} runs {image} already", ecs.label));
            None
        };
        // Of a service that runs it already, a deployment that has ended says nothing any more.
        let ended = before.filter(|_| updated.is_some() || !is_under_way);
        let updated = updated.unwrap_or(service);
        let begun = Begun {
            id: updated.primary().and_then(|primary| primary.id.clone()),
            task_definition: updated.task_definition.clone(),
            ended,
        };
        self.wait_until_steady(&begun, known_events, limit.with(updated.bake_time())).await
    }

    /// What the service runs, or was to run.
    pub(super) async fn state(&self, deployment: &Deployment<'_>) -> Result<ServiceState, ServiceError> {
        let service = self.look().await?;
        self.ensure_suitable(&service)?;
        let used = service.task_definition.as_deref().unwrap_or_default();
        let image = Revision::read(&self.ecs, used, deployment).await?.image(deployment.image);
        Ok(match service.primary().filter(|primary| primary.is_given_up()) {
            Some(given_up) => {
                let reason = given_up.rollout_state_reason.as_deref().unwrap_or("ECS does not say why");
                ServiceState::GivenUp { image, reason: printable(reason) }
            }
            None => ServiceState::Runs { image },
        })
    }

    fn ensure_suitable(&self, service: &EcsServiceState) -> Result<(), ServiceError> {
        let controller = service.deployment_controller.as_ref().and_then(|kind| kind.r#type.as_deref());
        match controller.filter(|kind| *kind != "ECS") {
            None => Ok(()),
            Some(other) => {
                let other = printable(other);
                Err(self.ecs.unsuitable(format!("its deployments are controlled by {other}, not by ECS")))
            }
        }
    }

    pub(super) async fn look(&self) -> Result<EcsServiceState, ServiceError> {
        let input = json!({ "cluster": self.cluster, "services": [self.name] });
        let answer: Described = self.ecs.call("look at", "DescribeServices", &input).await?;
        let service = answer.services.into_iter().next();
        // A deleted service is listed as inactive for a while.
        service.filter(|service| service.status.as_deref() != Some("INACTIVE")).ok_or_else(|| {
            let reason = answer.failures.iter().find_map(Failure::shown);
            self.ecs.not_there(reason.map(|reason| format!(": {reason}")).unwrap_or_default())
        })
    }

    /// The ARN of the service deployment that is the current one, and whether it is under way.
    ///
    /// Asked before anything is changed, so that a permission which is missing is found before, too.
    async fn current_deployment(
        &self,
        service: &EcsServiceState,
    ) -> Result<(Option<String>, bool), ServiceError> {
        let Some(arn) = &service.current_service_deployment else { return Ok((None, false)) };
        let progress = ServiceDeployment::new(arn.clone()).progress(&self.ecs).await?;
        Ok((Some(arn.clone()), matches!(progress, Progress::UnderWay(_))))
    }

    async fn update(&self, revision: &str, start: Start) -> Result<EcsServiceState, ServiceError> {
        let mut input = json!({ "cluster": self.cluster, "service": self.name, "taskDefinition": revision });
        match start {
            Start::IfChanged => {}
            Start::Forced => input["forceNewDeployment"] = true.into(),
        }
        let updated: Described = self.ecs.call("update", "UpdateService", &input).await?;
        self.ecs.note(format!("the {} is updated to `{}`", self.ecs.label, printable(revision)));
        updated.service.ok_or_else(|| self.ecs.not_there(" any more"))
    }

    /// Waits until a deployment is the only one that runs, or ECS gives it up.
    async fn wait_until_steady(
        &self,
        begun: &Begun,
        mut known_events: BTreeSet<String>,
        limit: Limit,
    ) -> Result<(), ServiceError> {
        let mut wait = Wait::new(limit);
        let mut followed = None;
        let mut was_seen = false;
        loop {
            let service = self.look().await?;
            self.tell_new_events(&service, &mut known_events);
            followed = followed.or_else(|| begun.service_deployment(&service));
            let progress = match &mut followed {
                Some(followed) => followed.progress(&self.ecs).await?,
                None => begun.progress(&service, &mut was_seen),
            };
            let state = match progress {
                Progress::Succeeded => return Ok(()),
                Progress::Failed(reason) => return Err(self.ecs.refused(reason)),
                Progress::UnderWay(state) => state,
            };
            if !wait.again().await {
                let last = service.events.first().and_then(|event| event.message.as_deref());
                let last = last.map(|message| format!("; {}", printable(message))).unwrap_or_default();
                return Err(ServiceError::TimedOut {
                    service: self.ecs.label.clone(),
                    timeout: limit.timeout,
                    state: format!("{state}{last}"),
                });
            }
        }
    }

    /// Tells what ECS wrote into the service's log since, oldest first.
    fn tell_new_events(&self, service: &EcsServiceState, known: &mut BTreeSet<String>) {
        for event in service.events.iter().rev() {
            if let (Some(id), Some(message)) = (&event.id, &event.message)
                && known.insert(id.clone())
            {
                self.ecs.note(printable(message));
            }
        }
    }
}

/// Whether a deployment is begun.
#[derive(Clone, Copy)]
enum Start {
    IfChanged,
    Forced,
}

/// What is known of the deployment that is waited for.
struct Begun {
    /// Its id among the service's `deployments`.
    id: Option<String>,
    task_definition: Option<String>,
    /// The service deployment that was the current one before.
    ended: Option<String>,
}

impl Begun {
    /// The service deployment, as soon as the service says that it is the current one.
    fn service_deployment(&self, service: &EcsServiceState) -> Option<ServiceDeployment> {
        let current = service.current_service_deployment.as_ref();
        let current = current.filter(|arn| Some(*arn) != self.ended.as_ref())?;
        // What the service runs and which deployment is the current one are of one moment.
        (service.task_definition == self.task_definition).then(|| ServiceDeployment::new(current.clone()))
    }

    /// How far it is by the service's `deployments`, where the service names no service deployment.
    fn progress(&self, service: &EcsServiceState, was_seen: &mut bool) -> Progress {
        let is_ours = |it: &&EcsDeployment| self.id.is_some() && it.id == self.id;
        match service.deployments.iter().find(is_ours) {
            Some(deployment) => {
                *was_seen = true;
                deployment.progress(service.deployments.len())
            }
            None if *was_seen => Progress::Failed("another deployment has taken its place".to_owned()),
            // What was just written may take a moment to be read.
            None => Progress::UnderWay("its deployment is not listed yet".to_owned()),
        }
    }
}

impl EcsDeployment {
    /// How far it is, as one of so many.
    fn progress(&self, deployments: usize) -> Progress {
        let (running, desired, failed) = (self.running_count, self.desired_count, self.failed_tasks);
        match self.rollout_state.as_deref() {
            Some("COMPLETED") => Progress::Succeeded,
            Some("FAILED") => {
                let reason = self.rollout_state_reason.as_deref().unwrap_or("ECS gave its deployment up");
                Progress::Failed(printable(reason))
            }
            // Services of old have no such state.
            None if deployments == 1 && running == desired => Progress::Succeeded,
            _ => Progress::UnderWay(format!("{running} of {desired} tasks run, {failed} failed")),
        }
    }
}

fn event_ids(service: &EcsServiceState) -> BTreeSet<String> {
    service.events.iter().filter_map(|event| event.id.clone()).collect()
}
