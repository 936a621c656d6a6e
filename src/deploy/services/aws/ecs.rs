//! Amazon ECS: a new revision of the service's task definition, with the image by digest.
//!
//! The revision is made of the one that the service uses, with all its fields, also those of an ECS to come.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::ecs_types::{Described, EcsDeployment, EcsServiceState, TaskAnswer, TaskDefinition};
use super::{Deployment, Limit, OnServiceEvent, ServiceError, ServiceEvent, ServiceState, Wait};
use crate::aws::{JsonClient, JsonService, Rpc};
use crate::model::{ImageRef, printable};

pub(super) const ECS: JsonService = JsonService { id: "ECS", name: "ecs" };

const RPC: Rpc =
    Rpc { content_type: "application/x-amz-json-1.1", target: "AmazonEC2ContainerServiceV20141113" };

pub(super) struct EcsService<'s> {
    pub(super) client: JsonClient,
    pub(super) cluster: String,
    pub(super) name: String,
    /// How messages name it.
    pub(super) label: String,
    pub(super) on_event: &'s OnServiceEvent<'s>,
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
        let used = service.task_definition.as_deref().unwrap_or_default();
        let updated = match self.new_revision(used, deployment).await? {
            Some(revision) => self.update(&revision, Start::IfChanged).await?,
            None if service.primary().is_some_and(EcsDeployment::is_given_up) => {
                self.note(format!("the {} is deployed anew: its last deployment was given up", self.label));
                self.update(used, Start::Forced).await?
            }
            None => {
                self.note(format!("the {} runs {} already", self.label, deployment.image));
                service
            }
        };
        let Some(primary) = updated.primary().and_then(|primary| primary.id.as_deref()) else {
            return Err(self.refused("it has no primary deployment".to_owned()));
        };
        let limit = limit.with(updated.bake_time());
        self.wait_until_steady(primary, known_events, limit).await
    }

    /// What the service runs, or was to run.
    pub(super) async fn state(&self, deployment: &Deployment<'_>) -> Result<ServiceState, ServiceError> {
        let service = self.look().await?;
        self.ensure_suitable(&service)?;
        let used = self.used(service.task_definition.as_deref().unwrap_or_default(), deployment).await?;
        // Of several containers that run it, one that runs another image is events.
        let images = used.chosen.iter().filter_map(|&index| text(&used.task.containers()[index], "image"));
        let wanted = deployment.image.to_string();
        let image = images.max_by_key(|image| **image != wanted).unwrap_or_default().to_owned();
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
                let reason = format!("its deployments are controlled by {other}, not by ECS");
                Err(ServiceError::Unsuitable { service: self.label.clone(), reason })
            }
        }
    }

    pub(super) async fn look(&self) -> Result<EcsServiceState, ServiceError> {
        let input = json!({ "cluster": self.cluster, "services": [self.name] });
        let answer: Described = self.call("look at", "DescribeServices", &input).await?;
        let service = answer.services.into_iter().next();
        // A deleted service is listed as inactive for a while.
        service.filter(|service| service.status.as_deref() != Some("INACTIVE")).ok_or_else(|| {
            let reason = answer.failures.into_iter().find_map(|failure| failure.reason);
            let detail = reason.map(|reason| format!(": {}", printable(&reason))).unwrap_or_default();
            ServiceError::NotThere { service: self.label.clone(), detail }
        })
    }

    /// The task definition that the service uses.
    async fn used(&self, used: &str, deployment: &Deployment<'_>) -> Result<UsedTask, ServiceError> {
        let input = json!({ "taskDefinition": used, "include": ["TAGS"] });
        let answer: TaskAnswer =
            self.call("read the task definition of", "DescribeTaskDefinition", &input).await?;
        // AWS gives such tags itself and takes them from nobody.
        let is_own = |tag: &Value| !text(tag, "key").is_some_and(|key| key.starts_with("aws:"));
        let tags = answer.tags.into_iter().filter(is_own).collect();
        let Some(task) = answer.task_definition else {
            let detail = format!(": its task definition `{}` is missing", printable(used));
            return Err(ServiceError::NotThere { service: self.label.clone(), detail });
        };
        let chosen = containers_of(task.containers(), deployment).map_err(|containers| {
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
        let UsedTask { mut task, tags, chosen } = self.used(used, deployment).await?;
        let image = deployment.image.to_string();
        if chosen.iter().all(|&index| text(&task.containers()[index], "image") == Some(&image)) {
            return Ok(None);
        }
        for index in chosen {
            task.set_image(index, &image);
        }
        let input = task.into_input(tags);
        let registered: TaskAnswer =
            self.call("register a task definition for", "RegisterTaskDefinition", &input).await?;
        Ok(registered.task_definition.and_then(|task| task.arn().map(str::to_owned)))
    }

    async fn update(&self, revision: &str, start: Start) -> Result<EcsServiceState, ServiceError> {
        let mut input = json!({ "cluster": self.cluster, "service": self.name, "taskDefinition": revision });
        match start {
            Start::IfChanged => {}
            Start::Forced => input["forceNewDeployment"] = true.into(),
        }
        let updated: Described = self.call("update", "UpdateService", &input).await?;
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
            let ours = service.deployments.iter().find(|deployment| deployment.id.as_deref() == Some(id));
            let state = match ours {
                Some(deployment) => match rollout(deployment, service.deployments.len()) {
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
                let last = service.events.first().and_then(|event| event.message.as_deref());
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
    fn tell_new_events(&self, service: &EcsServiceState, known: &mut BTreeSet<String>) {
        for event in service.events.iter().rev() {
            if let (Some(id), Some(message)) = (&event.id, &event.message)
                && known.insert(id.clone())
            {
                self.note(printable(message));
            }
        }
    }

    pub(super) fn refused(&self, reason: String) -> ServiceError {
        ServiceError::Refused { service: self.label.clone(), reason }
    }

    pub(super) fn note(&self, note: String) {
        (self.on_event)(ServiceEvent::Note(note));
    }

    /// Calls an operation of ECS; `action` is how a failure of it is events.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        action: &'static str,
        operation: &str,
        input: &Value,
    ) -> Result<T, ServiceError> {
        let called = self.client.call(&RPC, operation, input).await;
        called.map_err(|error| super::failed(action, &self.label, error))
    }
}

/// A task definition that a service uses.
struct UsedTask {
    task: TaskDefinition,
    tags: Vec<Value>,
    /// Which of its containers run the project.
    chosen: Vec<usize>,
}

/// Whether a deployment is begun.
#[derive(Clone, Copy)]
enum Start {
    IfChanged,
    Forced,
}

enum Rollout {
    Completed,
    Failed(String),
    UnderWay(String),
}

fn rollout(deployment: &EcsDeployment, deployments: usize) -> Rollout {
    let (running, desired) = (deployment.running_count, deployment.desired_count);
    match deployment.rollout_state.as_deref() {
        Some("COMPLETED") => Rollout::Completed,
        Some("FAILED") => {
            let reason = deployment.rollout_state_reason.as_deref().unwrap_or("ECS gave its deployment up");
            Rollout::Failed(printable(reason))
        }
        // Services of old have no such state.
        None if deployments == 1 && running == desired => Rollout::Completed,
        _ => {
            let failed = deployment.failed_tasks;
            Rollout::UnderWay(format!("{running} of {desired} tasks run, {failed} failed"))
        }
    }
}

fn event_ids(service: &EcsServiceState) -> BTreeSet<String> {
    service.events.iter().filter_map(|event| event.id.clone()).collect()
}

fn text<'v>(object: &'v Value, field: &str) -> Option<&'v str> {
    object.get(field)?.as_str()
}

/// Which containers run the project: those whose image is of its repository, else the one
/// that has the project's name, else the only one.
///
/// The error is what there is to choose from.
fn containers_of(containers: &[Value], deployment: &Deployment<'_>) -> Result<Vec<usize>, String> {
    let indices = |matches: &dyn Fn(&Value) -> bool| -> Vec<usize> {
        (0..containers.len()).filter(|&index| matches(&containers[index])).collect()
    };
    let by_repository = indices(&|container| {
        let image = text(container, "image").and_then(|image| image.parse::<ImageRef>().ok());
        image.is_some_and(|image| image.repository == deployment.image.repository)
    });
    if !by_repository.is_empty() {
        return Ok(by_repository);
    }
    let by_name = indices(&|container| text(container, "name") == Some(deployment.project.as_str()));
    if !by_name.is_empty() || containers.len() == 1 {
        return Ok(if by_name.is_empty() { vec![0] } else { by_name });
    }
    let shown = |container: &Value| {
        let [name, image] = ["name", "image"].map(|field| text(container, field).unwrap_or_default());
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
        let container = |(name, image): &(&str, &str)| json!({ "name": name, "image": image });
        let containers: Vec<Value> = containers.iter().map(container).collect();
        let image = format!("1.dkr.example/team/api@sha256:{}", "0".repeat(64)).parse().unwrap();
        let deployment = Deployment {
            workspace: &"shop".parse().unwrap(),
            environment: &"dev".parse().unwrap(),
            project: &"api".parse().unwrap(),
            repository: &"api".parse().unwrap(),
            commit: CommitId(ObjectId::Sha1([0; 20])),
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
