//! Tasks of Amazon ECS that a schedule starts: the revision that the schedule names becomes one with the image.
//!
//! Whatever else a schedule or a target has is sent back as it came: AWS replaces them as a whole.

use serde_json::{Map, Value, json};

use super::ecs_client::EcsClient;
use super::ecs_revision::Revision;
use super::meaning::failed;
use super::{Deployment, Limit, ServiceError, ServiceState, Wait, percent_encoded};
use crate::aws::{JsonClient, JsonService, Rpc};
use crate::model::printable;

pub(super) const SCHEDULER: JsonService = JsonService { id: "Scheduler", name: "scheduler" };
pub(super) const EVENT_BRIDGE: JsonService = JsonService { id: "EventBridge", name: "events" };

const RPC: Rpc = Rpc { content_type: "application/x-amz-json-1.1", target: "AWSEvents" };

const TASK_DEFINITION: &str = "/EcsParameters/TaskDefinitionArn";

pub(super) struct ScheduledTask<'s> {
    pub(super) ecs: EcsClient<'s>,
    pub(super) starter: Starter,
}

/// What starts the task.
pub(super) enum Starter {
    /// A schedule of EventBridge Scheduler.
    Schedule { client: JsonClient, name: String, group: Option<String> },
    /// A rule of EventBridge.
    Rule { client: JsonClient, name: String, bus: Option<String> },
    /// Whatever uses the newest revision of this family.
    Family(String),
}

impl ScheduledTask<'_> {
    /// What the schedule starts; of several targets, one that runs another image.
    pub(super) async fn state(&self, deployment: &Deployment<'_>) -> Result<ServiceState, ServiceError> {
        let wanted = deployment.image.to_string();
        let mut state = None;
        for used in self.used().await? {
            let image = Revision::read(&self.ecs, &used, deployment).await?.image(deployment.image);
            if image != wanted || state.is_none() {
                state = Some(image);
            }
        }
        let image = state.ok_or_else(|| self.ecs.unsuitable("it starts no task of ECS".to_owned()))?;
        Ok(ServiceState::Runs { image })
    }

    pub(super) async fn update(&self, deployment: &Deployment<'_>, limit: Limit) -> Result<(), ServiceError> {
        let mut wait = Wait::new(limit);
        match &self.starter {
            Starter::Family(family) => self.renew(family, deployment, &mut wait).await.map(|_| ()),
            Starter::Schedule { client, name, group } => {
                let mut schedule = self.schedule(client, name, group.as_deref()).await?;
                let Some(target) = schedule.get_mut("Target") else { return Err(self.no_task()) };
                if !self.retarget(target, deployment, &mut wait).await? {
                    return Ok(());
                }
                const READ_ONLY: [&str; 4] = ["Arn", "Name", "CreationDate", "LastModificationDate"];
                schedule.retain(|field, value| !READ_ONLY.contains(&field.as_str()) && !value.is_null());
                let (path, input) = (schedule_path(name), Value::Object(schedule));
                let call = async || client.request::<Value>("PUT", path.clone(), Some(&input)).await;
                let updated = wait.retry_conflicts(call).await;
                updated.map_err(|error| failed("update", &self.ecs.label, error))?;
                self.note_update()
            }
            Starter::Rule { client, name, bus } => {
                let mut changed = Vec::new();
                for mut target in self.targets(client, name, bus.as_deref()).await? {
                    if self.retarget(&mut target, deployment, &mut wait).await? {
                        changed.push(target);
                    }
                }
                match changed.is_empty() {
                    true => Ok(()),
                    false => self.put_targets(client, name, bus.as_deref(), changed, &mut wait).await,
                }
            }
        }
    }

    /// The task definitions that are started: revisions, or families whose newest revision is meant.
    async fn used(&self) -> Result<Vec<String>, ServiceError> {
        let targets = match &self.starter {
            Starter::Family(family) => return Ok(vec![family.clone()]),
            Starter::Schedule { client, name, group } => {
                let mut schedule = self.schedule(client, name, group.as_deref()).await?;
                vec![schedule.remove("Target").unwrap_or_default()]
            }
            Starter::Rule { client, name, bus } => self.targets(client, name, bus.as_deref()).await?,
        };
        Ok(targets.iter().filter_map(task_definition).map(str::to_owned).collect())
    }

    /// Lets a target start a task with the image; whether the target itself has to be written for that.
    async fn retarget(
        &self,
        target: &mut Value,
        deployment: &Deployment<'_>,
        wait: &mut Wait,
    ) -> Result<bool, ServiceError> {
        let Some(used) = task_definition(target) else { return Err(self.no_task()) };
        let names_revision = names_revision(used);
        let Some(revision) = self.renew(used, deployment, wait).await? else { return Ok(false) };
        if let Some(used) = target.pointer_mut(TASK_DEFINITION)
            && names_revision
        {
            *used = revision.into();
        }
        // Of a family, the newest revision is started by itself.
        Ok(names_revision)
    }

    /// Registers a revision with the image and returns its ARN; `None` when the one in use has it.
    async fn renew(
        &self,
        used: &str,
        deployment: &Deployment<'_>,
        wait: &mut Wait,
    ) -> Result<Option<String>, ServiceError> {
        let revision = Revision::read(&self.ecs, used, deployment).await?;
        if revision.runs(deployment.image) {
            self.ecs.note(format!("the {} starts {} already", self.ecs.label, deployment.image));
            return Ok(None);
        }
        let arn = revision.register(&self.ecs, deployment.image, wait).await?;
        self.ecs.note(format!("`{}` is registered for the {}", printable(&arn), self.ecs.label));
        Ok(Some(arn))
    }

    async fn schedule(
        &self,
        client: &JsonClient,
        name: &str,
        group: Option<&str>,
    ) -> Result<Map<String, Value>, ServiceError> {
        let query = group.map(|group| format!("?groupName={}", percent_encoded(group)));
        let path = schedule_path(name) + &query.unwrap_or_default();
        let answer = client.request("GET", path, None).await;
        answer.map_err(|error| failed("look at", &self.ecs.label, error))
    }

    /// The targets of a rule that start tasks of ECS.
    async fn targets(
        &self,
        client: &JsonClient,
        rule: &str,
        bus: Option<&str>,
    ) -> Result<Vec<Value>, ServiceError> {
        let mut input = of_rule(rule, bus);
        let mut targets = Vec::new();
        loop {
            let page = client.call(&RPC, "ListTargetsByRule", &Value::Object(input.clone())).await;
            let mut page: Value = page.map_err(|error| failed("look at", &self.ecs.label, error))?;
            if let Some(Value::Array(listed)) = page.get_mut("Targets").map(Value::take) {
                targets.extend(listed.into_iter().filter(|target| task_definition(target).is_some()));
            }
            match page.get("NextToken").filter(|next| next.is_string()) {
                Some(next) if input.get("NextToken") != Some(next) => {
                    input.insert("NextToken".to_owned(), next.clone());
                }
                _ => break,
            }
        }
        match targets.is_empty() {
            true => Err(self.no_task()),
            false => Ok(targets),
        }
    }

    async fn put_targets(
        &self,
        client: &JsonClient,
        rule: &str,
        bus: Option<&str>,
        targets: Vec<Value>,
        wait: &mut Wait,
    ) -> Result<(), ServiceError> {
        let mut input = of_rule(rule, bus);
        input.insert("Targets".to_owned(), targets.into());
        let input = Value::Object(input);
        let call = async || client.call::<Value>(&RPC, "PutTargets", &input).await;
        let answer = wait.retry_conflicts(call).await;
        let answer = answer.map_err(|error| failed("update", &self.ecs.label, error))?;
        // Targets can be refused one by one.
        match answer.pointer("/FailedEntries/0") {
            None => self.note_update(),
            Some(entry) => {
                let said =
                    ["ErrorCode", "ErrorMessage"].into_iter().filter_map(|field| entry.get(field)?.as_str());
                Err(self.ecs.refused(printable(&said.collect::<Vec<_>>().join(": "))))
            }
        }
    }

    fn note_update(&self) -> Result<(), ServiceError> {
        self.ecs.note(format!("the {} is updated", self.ecs.label));
        Ok(())
    }

    fn no_task(&self) -> ServiceError {
        self.ecs.unsuitable("it starts no task of ECS".to_owned())
    }
}

fn schedule_path(name: &str) -> String {
    format!("/schedules/{}", percent_encoded(name))
}

fn of_rule(rule: &str, bus: Option<&str>) -> Map<String, Value> {
    let bus = bus.map(|bus| ("EventBusName".to_owned(), json!(bus)));
    std::iter::once(("Rule".to_owned(), json!(rule))).chain(bus).collect()
}

fn task_definition(target: &Value) -> Option<&str> {
    target.pointer(TASK_DEFINITION)?.as_str()
}

/// Whether an ARN is one of a revision: `…:task-definition/family:7`.
fn names_revision(arn: &str) -> bool {
    arn.rsplit_once('/').is_some_and(|(_, family)| family.contains(':'))
}
