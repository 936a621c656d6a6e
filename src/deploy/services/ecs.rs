//! Amazon ECS: a new revision of the service's task definition, with the image by digest.
//!
//! The revision is made of the one that the service uses, field by field; a field that the SDK
//! doesn't know yet can't be carried over.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::config::http::HttpResponse;
use aws_sdk_ecs::error::SdkError;
use aws_sdk_ecs::types::{
    CanaryConfiguration, ContainerDefinition, Deployment as EcsDeployment, DeploymentController,
    DeploymentControllerType, DeploymentRolloutState, Service, TaskDefinition, TaskDefinitionField,
};

use super::state::ServiceState;
use super::{Deployment, Limit, OnServiceEvent, SdkCause, ServiceError, ServiceEvent, Wait};
use crate::model::{ImageRef, printable};

pub(super) struct EcsService<'s> {
    pub(super) client: Client,
    pub(super) cluster: String,
    pub(super) name: String,
    /// How messages name it.
    pub(super) label: String,
    pub(super) tell: &'s OnServiceEvent<'s>,
}

impl EcsService<'_> {
    pub(super) async fn restart(
        &self,
        deployment: &Deployment<'_>,
        limit: Limit,
    ) -> Result<(), ServiceError> {
        let service = self.look().await?;
        self.ensure_suitable(&service)?;
        let known_events = event_ids(&service);
        let used = service.task_definition().unwrap_or_default();
        let updated = match self.new_revision(used, deployment).await? {
            Some(revision) => self.update(&revision, Start::IfChanged).await?,
            None if primary(&service).is_some_and(is_given_up) => {
                self.note(format!("the {} is deployed anew: its last deployment was given up", self.label));
                self.update(used, Start::Forced).await?
            }
            None => {
                self.note(format!("the {} runs {} already", self.label, deployment.image));
                service
            }
        };
        let Some(primary) = primary(&updated).and_then(EcsDeployment::id) else {
            return Err(self.refused("it has no primary deployment".to_owned()));
        };
        let limit = limit.with(bake_time(&updated));
        self.wait_until_steady(primary, known_events, limit).await
    }

    /// What the service runs, or was to run.
    pub(super) async fn state(&self, deployment: &Deployment<'_>) -> Result<ServiceState, ServiceError> {
        let service = self.look().await?;
        self.ensure_suitable(&service)?;
        let used = self.used(service.task_definition().unwrap_or_default(), deployment).await?;
        // Of several containers that run it, one that runs another image is told.
        let images = used.chosen.iter().filter_map(|&index| used.containers()[index].image());
        let wanted = deployment.image.to_string();
        let image = images.max_by_key(|image| **image != wanted).unwrap_or_default().to_owned();
        Ok(match primary(&service).filter(|primary| is_given_up(primary)) {
            Some(given_up) => {
                let reason = given_up.rollout_state_reason().unwrap_or("ECS does not say why");
                ServiceState::GivenUp { image, reason: printable(reason) }
            }
            None => ServiceState::Runs { image },
        })
    }

    fn ensure_suitable(&self, service: &Service) -> Result<(), ServiceError> {
        let controller = service.deployment_controller().map(DeploymentController::r#type);
        match controller.filter(|kind| **kind != DeploymentControllerType::Ecs) {
            None => Ok(()),
            Some(other) => {
                let reason = format!("its deployments are controlled by {other}, not by ECS");
                Err(ServiceError::Unsuitable { service: self.label.clone(), reason })
            }
        }
    }

    pub(super) async fn look(&self) -> Result<Service, ServiceError> {
        let asked = self.client.describe_services().cluster(&self.cluster).services(&self.name).send().await;
        let answer = asked.map_err(|error| self.failed("look at", error))?;
        let service = answer.services.unwrap_or_default().into_iter().next();
        // A deleted service is listed as inactive for a while.
        service.filter(|service| service.status() != Some("INACTIVE")).ok_or_else(|| {
            let reason = answer.failures.unwrap_or_default().into_iter().find_map(|failure| failure.reason);
            let detail = reason.map(|reason| format!(": {}", printable(&reason))).unwrap_or_default();
            ServiceError::NotThere { service: self.label.clone(), detail }
        })
    }

    /// The task definition that the service uses.
    async fn used(&self, used: &str, deployment: &Deployment<'_>) -> Result<UsedTask, ServiceError> {
        let describe = self.client.describe_task_definition().task_definition(used);
        let asked = describe.include(TaskDefinitionField::Tags).send().await;
        let answer = asked.map_err(|error| self.failed("read the task definition of", error))?;
        // AWS gives such tags itself and takes them from nobody.
        let is_own = |tag: &aws_sdk_ecs::types::Tag| !tag.key().is_some_and(|key| key.starts_with("aws:"));
        let tags = answer.tags.unwrap_or_default().into_iter().filter(is_own).collect();
        let Some(task) = answer.task_definition else {
            let detail = format!(": its task definition `{}` is missing", printable(used));
            return Err(ServiceError::NotThere { service: self.label.clone(), detail });
        };
        let chosen = containers_of(task.container_definitions(), deployment).map_err(|containers| {
            let (service, repository) = (self.label.clone(), deployment.image.repository.clone());
            ServiceError::WhichContainer { service, repository, containers }
        })?;
        Ok(UsedTask { task, tags, chosen })
    }

    /// Registers a revision with the new image and returns its ARN; `None` when the one in use has it.
    async fn new_revision(
        &self,
        used: &str,
        deployment: &Deployment<'_>,
    ) -> Result<Option<String>, ServiceError> {
        let UsedTask { task, tags, chosen } = self.used(used, deployment).await?;
        let mut containers = task.container_definitions.unwrap_or_default();
        let image = deployment.image.to_string();
        if chosen.iter().all(|&index| containers[index].image() == Some(&image)) {
            return Ok(None);
        }
        for index in chosen {
            containers[index].image = Some(image.clone());
        }
        let register = self
            .client
            .register_task_definition()
            .set_family(task.family)
            .set_task_role_arn(task.task_role_arn)
            .set_execution_role_arn(task.execution_role_arn)
            .set_network_mode(task.network_mode)
            .set_container_definitions(Some(containers))
            .set_volumes(task.volumes)
            .set_placement_constraints(task.placement_constraints)
            .set_requires_compatibilities(task.requires_compatibilities)
            .set_cpu(task.cpu)
            .set_memory(task.memory)
            .set_tags((!tags.is_empty()).then_some(tags))
            .set_pid_mode(task.pid_mode)
            .set_ipc_mode(task.ipc_mode)
            .set_proxy_configuration(task.proxy_configuration)
            .set_inference_accelerators(task.inference_accelerators)
            .set_ephemeral_storage(task.ephemeral_storage)
            .set_runtime_platform(task.runtime_platform)
            .set_enable_fault_injection(task.enable_fault_injection);
        let registered = register.send().await;
        let registered = registered.map_err(|error| self.failed("register a task definition for", error))?;
        Ok(registered.task_definition.and_then(|task| task.task_definition_arn))
    }

    async fn update(&self, revision: &str, start: Start) -> Result<Service, ServiceError> {
        let update = self.client.update_service().cluster(&self.cluster).service(&self.name);
        let update = match start {
            Start::IfChanged => update,
            Start::Forced => update.force_new_deployment(true),
        };
        let updated = update.task_definition(revision).send().await;
        let updated = updated.map_err(|error| self.failed("update", error))?;
        self.note(format!("the {} is updated to `{}`", self.label, printable(revision)));
        updated.service.ok_or_else(|| ServiceError::NotThere {
            service: self.label.clone(),
            detail: " any more".to_owned(),
        })
    }

    /// Waits until the deployment with this id is the only one that runs, or ECS gives it up.
    async fn wait_until_steady(
        &self,
        id: &str,
        mut known_events: BTreeSet<String>,
        limit: Limit,
    ) -> Result<(), ServiceError> {
        let mut wait = Wait::new(limit);
        let mut was_seen = false;
        loop {
            let service = self.look().await?;
            self.tell_new_events(&service, &mut known_events);
            let ours = service.deployments().iter().find(|deployment| deployment.id() == Some(id));
            let state = match ours {
                Some(deployment) => match rollout(deployment, service.deployments().len()) {
                    Rollout::Completed => return Ok(()),
                    Rollout::Failed(reason) => return Err(self.refused(reason)),
                    Rollout::UnderWay(state) => state,
                },
                None if was_seen => {
                    return Err(self.refused("another deployment has taken its place".to_owned()));
                }
                // What was just written may take a moment to be read.
                None => "its deployment is not listed yet".to_owned(),
            };
            was_seen |= ours.is_some();
            if !wait.again().await {
                let last = service.events().first().and_then(|event| event.message());
                let last = last.map(|message| format!("; {}", printable(message))).unwrap_or_default();
                return Err(ServiceError::TimedOut {
                    service: self.label.clone(),
                    timeout: limit.timeout,
                    state: format!("{state}{last}"),
                });
            }
        }
    }

    /// Tells what ECS wrote into the service's log since, oldest first.
    fn tell_new_events(&self, service: &Service, known: &mut BTreeSet<String>) {
        for event in service.events().iter().rev() {
            if let (Some(id), Some(message)) = (event.id(), event.message())
                && known.insert(id.to_owned())
            {
                self.note(printable(message));
            }
        }
    }

    pub(super) fn refused(&self, reason: String) -> ServiceError {
        ServiceError::Refused { service: self.label.clone(), reason }
    }

    pub(super) fn note(&self, note: String) {
        (self.tell)(ServiceEvent::Note(note));
    }

    pub(super) fn failed<E: SdkCause>(
        &self,
        action: &'static str,
        error: SdkError<E, HttpResponse>,
    ) -> ServiceError {
        super::failed(action, &self.label, error)
    }
}

/// A task definition that a service uses.
struct UsedTask {
    task: TaskDefinition,
    tags: Vec<aws_sdk_ecs::types::Tag>,
    /// Which of its containers run the project.
    chosen: Vec<usize>,
}

impl UsedTask {
    fn containers(&self) -> &[ContainerDefinition] {
        self.task.container_definitions()
    }
}

/// Whether a deployment is begun.
#[derive(Clone, Copy)]
enum Start {
    IfChanged,
    Forced,
}

/// Whether nothing is tried any more, and nothing was put back.
fn is_given_up(deployment: &EcsDeployment) -> bool {
    deployment.rollout_state() == Some(&DeploymentRolloutState::Failed)
}

/// How long the service itself says that its deployments wait between their steps.
fn bake_time(service: &Service) -> Duration {
    let Some(configuration) = service.deployment_configuration() else { return Duration::ZERO };
    let minutes = |minutes: Option<i32>| u64::try_from(minutes.unwrap_or_default()).unwrap_or_default();
    let canary =
        configuration.canary_configuration().and_then(CanaryConfiguration::canary_bake_time_in_minutes);
    let linear = configuration.linear_configuration().map(|linear| {
        let percent = linear.step_percent().filter(|percent| *percent > 0.0).unwrap_or(100.0);
        let steps = (1..=100_u32).find(|steps| f64::from(*steps) * percent >= 100.0).unwrap_or(100);
        minutes(linear.step_bake_time_in_minutes()) * u64::from(steps)
    });
    let total = minutes(configuration.bake_time_in_minutes()) + minutes(canary) + linear.unwrap_or_default();
    Duration::from_secs(60 * total)
}

enum Rollout {
    Completed,
    Failed(String),
    UnderWay(String),
}

fn rollout(deployment: &EcsDeployment, deployments: usize) -> Rollout {
    let (running, desired) = (deployment.running_count(), deployment.desired_count());
    match deployment.rollout_state() {
        Some(DeploymentRolloutState::Completed) => Rollout::Completed,
        Some(DeploymentRolloutState::Failed) => {
            let reason = deployment.rollout_state_reason().unwrap_or("ECS gave its deployment up");
            Rollout::Failed(printable(reason))
        }
        // Services of old have no such state.
        None if deployments == 1 && running == desired => Rollout::Completed,
        _ => {
            let failed = deployment.failed_tasks();
            Rollout::UnderWay(format!("{running} of {desired} tasks run, {failed} failed"))
        }
    }
}

fn primary(service: &Service) -> Option<&EcsDeployment> {
    service.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY"))
}

fn event_ids(service: &Service) -> BTreeSet<String> {
    service.events().iter().filter_map(|event| event.id()).map(str::to_owned).collect()
}

/// Which containers run the project: those whose image is of its repository, else the one
/// that has the project's name, else the only one.
///
/// The error is what there is to choose from.
fn containers_of(
    containers: &[ContainerDefinition],
    deployment: &Deployment<'_>,
) -> Result<Vec<usize>, String> {
    let indices = |matches: &dyn Fn(&ContainerDefinition) -> bool| -> Vec<usize> {
        (0..containers.len()).filter(|&index| matches(&containers[index])).collect()
    };
    let by_repository = indices(&|container| {
        let image = container.image().and_then(|image| image.parse::<ImageRef>().ok());
        image.is_some_and(|image| image.repository == deployment.image.repository)
    });
    if !by_repository.is_empty() {
        return Ok(by_repository);
    }
    let by_name = indices(&|container| container.name() == Some(deployment.project.as_str()));
    if !by_name.is_empty() || containers.len() == 1 {
        return Ok(if by_name.is_empty() { vec![0] } else { by_name });
    }
    let shown = |container: &ContainerDefinition| {
        let [name, image] = [container.name(), container.image()].map(Option::unwrap_or_default);
        printable(&format!("`{name}` with `{image}`"))
    };
    let shown: Vec<String> = containers.iter().map(shown).collect();
    Err(if shown.is_empty() { "none".to_owned() } else { shown.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CommitId, ObjectId};

    fn chosen(containers: &[(&str, &str)]) -> Result<Vec<usize>, String> {
        let containers: Vec<_> = containers
            .iter()
            .map(|(name, image)| ContainerDefinition::builder().name(*name).image(*image).build())
            .collect();
        let image = format!("1.dkr.example/team/api@sha256:{}", "0".repeat(64)).parse().unwrap();
        let deployment = Deployment {
            workspace: &"shop".parse().unwrap(),
            environment: &"dev".parse().unwrap(),
            project: &"api".parse().unwrap(),
            repository: &"api".parse().unwrap(),
            commit: CommitId(ObjectId::from_bytes([0; 20])),
            image: &image,
        };
        containers_of(&containers, &deployment)
    }

    #[test]
    fn the_containers_of_the_repository_come_first_then_the_project_s_name_then_the_only_one() {
        assert_eq!(chosen(&[("api", "nginx"), ("x", "2.dkr.example/team/api:old")]), Ok(vec![1]));
        assert_eq!(chosen(&[("a", "team/api:1"), ("b", "x/y"), ("c", "team/api:2")]), Ok(vec![0, 2]));
        assert_eq!(chosen(&[("proxy", "nginx"), ("api", "placeholder")]), Ok(vec![1]));
        assert_eq!(chosen(&[("main", "placeholder")]), Ok(vec![0]));
    }

    #[test]
    fn where_it_is_not_clear_the_containers_are_listed() {
        assert_eq!(chosen(&[("a", "x"), ("b", "y")]), Err("`a` with `x`, `b` with `y`".to_owned()));
        assert_eq!(chosen(&[]), Err("none".to_owned()));
    }
}
