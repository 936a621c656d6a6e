//! Tasks of Amazon ECS that run once, such as a migration of a database: run, and waited for until they stop.
//!
//! A task is never stopped from here: nobody knows what it leaves half-done. Whoever deploys next waits for it.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ecs_client::EcsClient;
use super::ecs_revision::{Revision, text};
use super::ecs_types::{Failure, nullable};
use super::{Deployment, Limit, ServiceError, ServiceState, Wait};
use crate::model::{printable, random_bits};

pub(super) struct EcsTask<'s> {
    pub(super) ecs: EcsClient<'s>,
    pub(super) cluster: String,
    /// Of its task definition.
    pub(super) family: String,
    /// In place of the command of the container that runs the project; empty: its own.
    pub(super) command: Vec<String>,
    pub(super) settings: TaskSettings,
}

/// What a task gets besides its task definition.
pub(super) enum TaskSettings {
    None,
    /// What this service of the cluster gives its tasks.
    OfService(String),
    Network {
        subnets: Vec<String>,
        security_groups: Vec<String>,
    },
}

impl EcsTask<'_> {
    /// Nothing can be said of what runs no more, but whether there is a task definition.
    pub(super) async fn state(&self, deployment: &Deployment<'_>) -> Result<ServiceState, ServiceError> {
        Revision::read(&self.ecs, &self.family, deployment).await.map(|_| ServiceState::Unknown)
    }

    pub(super) async fn run(&self, deployment: &Deployment<'_>, limit: Limit) -> Result<(), ServiceError> {
        let mut wait = Wait::new(limit);
        let revision = Revision::read(&self.ecs, &self.family, deployment).await?;
        let containers: Vec<String> = revision.container_names().map(str::to_owned).collect();
        let mut input = self.settings(&revision).await?;
        let revision = match revision.arn().filter(|_| revision.runs(deployment.image)) {
            Some(arn) => arn.to_owned(),
            None => revision.register(&self.ecs, deployment.image, &mut wait).await?,
        };
        let started_by = started_by(deployment);
        self.wait_for_earlier(&started_by, &mut wait, limit).await?;
        input.insert("cluster".to_owned(), self.cluster.clone().into());
        input.insert("taskDefinition".to_owned(), revision.into());
        input.insert("startedBy".to_owned(), started_by.into());
        // A request that is sent again starts no second task.
        input.insert("clientToken".to_owned(), format!("chinampa-{:016x}", random_bits()).into());
        if !self.command.is_empty() {
            let overrides: Vec<Value> =
                containers.iter().map(|name| json!({ "name": name, "command": self.command })).collect();
            input.insert("overrides".to_owned(), json!({ "containerOverrides": overrides }));
        }
        let arn = self.start(&input.into()).await?;
        self.wait_until_it_stops(&arn, &containers, &mut wait, limit).await
    }

    /// The part of `RunTask`'s input that says where the task runs.
    async fn settings(&self, revision: &Revision) -> Result<Map<String, Value>, ServiceError> {
        let mut settings = match &self.settings {
            TaskSettings::None => Map::new(),
            TaskSettings::OfService(service) => self.settings_of(service).await?,
            TaskSettings::Network { subnets, security_groups } => {
                let vpc = json!({ "subnets": subnets, "securityGroups": security_groups });
                Map::from_iter([("networkConfiguration".to_owned(), json!({ "awsvpcConfiguration": vpc }))])
            }
        };
        let is_placed =
            settings.contains_key("launchType") || settings.contains_key("capacityProviderStrategy");
        if !is_placed && revision.task().is_for_fargate_alone() {
            settings.insert("launchType".to_owned(), "FARGATE".into());
        }
        Ok(settings)
    }

    async fn settings_of(&self, service: &str) -> Result<Map<String, Value>, ServiceError> {
        let input = json!({ "cluster": self.cluster, "services": [service] });
        let answer: Value = self.ecs.call("look at the service of", "DescribeServices", &input).await?;
        let Some(Value::Object(mut described)) = answer.pointer("/services/0").cloned() else {
            return Err(self
                .ecs
                .not_there(format!(" like `{}`: there is no such service", printable(service))));
        };
        // Capacity providers take the place of a launch type.
        if described
            .get("capacityProviderStrategy")
            .is_some_and(|it| it.as_array().is_some_and(|it| !it.is_empty()))
        {
            described.remove("launchType");
        } else {
            described.remove("capacityProviderStrategy");
        }
        const KEPT: [&str; 4] =
            ["networkConfiguration", "launchType", "capacityProviderStrategy", "platformVersion"];
        described.retain(|field, value| KEPT.contains(&field.as_str()) && !value.is_null());
        Ok(described)
    }

    /// Waits for tasks that an earlier deployment started and did not see the end of.
    async fn wait_for_earlier(
        &self,
        started_by: &str,
        wait: &mut Wait,
        limit: Limit,
    ) -> Result<(), ServiceError> {
        let input = json!({ "cluster": self.cluster, "startedBy": started_by });
        let mut was_told = false;
        loop {
            let listed: Listed = self.ecs.call("look for", "ListTasks", &input).await?;
            let Some(earlier) = listed.task_arns.first() else { return Ok(()) };
            if !was_told {
                self.ecs.note(format!(
                    "waiting for `{}`, which an earlier deployment started",
                    printable(earlier)
                ));
                was_told = true;
            }
            if !wait.again().await {
                return Err(self.still_runs(earlier, limit));
            }
        }
    }

    /// Starts one task and returns its ARN.
    async fn start(&self, input: &Value) -> Result<String, ServiceError> {
        let answer: Answer = self.ecs.call("run", "RunTask", input).await?;
        let started = answer.tasks.into_iter().find_map(|task| task.task_arn);
        let arn = started.ok_or_else(|| {
            let reasons = answer.failures.iter().filter_map(Failure::shown).collect::<Vec<_>>().join("; ");
            self.failed(match reasons.is_empty() {
                true => "ECS does not start it and does not say why".to_owned(),
                false => format!("ECS does not start it: {reasons}"),
            })
        })?;
        self.ecs.note(format!("the {} runs as `{}`", self.ecs.label, printable(&arn)));
        Ok(arn)
    }

    async fn wait_until_it_stops(
        &self,
        arn: &str,
        containers: &[String],
        wait: &mut Wait,
        limit: Limit,
    ) -> Result<(), ServiceError> {
        let input = json!({ "cluster": self.cluster, "tasks": [arn] });
        loop {
            let answer: Answer = self.ecs.call("look at", "DescribeTasks", &input).await?;
            // What was just started may take a moment to be read.
            if let Some(task) = answer.tasks.first()
                && task.last_status.as_deref() == Some("STOPPED")
            {
                return task.outcome(containers).map_err(|reason| self.failed(reason));
            }
            if !wait.again().await {
                return Err(self.still_runs(arn, limit));
            }
        }
    }

    fn failed(&self, reason: String) -> ServiceError {
        ServiceError::TaskFailed { task: self.ecs.label.clone(), reason }
    }

    fn still_runs(&self, arn: &str, limit: Limit) -> ServiceError {
        let timeout = humantime::format_duration(limit.timeout);
        self.failed(format!("`{}` still runs after {timeout}; it is not stopped", printable(arn)))
    }
}

/// What the tasks of one project in one environment are known by.
fn started_by(deployment: &Deployment<'_>) -> String {
    const MAX_CHARACTERS: usize = 128;
    let text = format!("chinampa/{}/{}", deployment.deploy_tag(), deployment.project);
    let allowed = |character: char| match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '/' | '_' => character,
        _ => '-',
    };
    text.chars().map(allowed).take(MAX_CHARACTERS).collect()
}

/// The answer of `RunTask` and of `DescribeTasks`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    #[serde(deserialize_with = "nullable")]
    tasks: Vec<Task>,
    #[serde(deserialize_with = "nullable")]
    failures: Vec<Failure>,
}

/// The answer of `ListTasks`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Listed {
    #[serde(deserialize_with = "nullable")]
    task_arns: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Task {
    task_arn: Option<String>,
    last_status: Option<String>,
    stopped_reason: Option<String>,
    #[serde(deserialize_with = "nullable")]
    containers: Vec<Value>,
}

impl Task {
    /// Whether the containers that run the project ended well; other containers are stopped with them.
    fn outcome(&self, containers: &[String]) -> Result<(), String> {
        let is_meant = |container: &&Value| {
            text(container, "name").is_some_and(|name| containers.iter().any(|it| it == name))
        };
        let exit_code = |container: &Value| container.get("exitCode").and_then(Value::as_i64);
        let mut meant = self.containers.iter().filter(is_meant).peekable();
        let is_known = meant.peek().is_some();
        let failed = meant.find(|container| exit_code(container) != Some(0));
        if is_known && failed.is_none() {
            return Ok(());
        }
        let container = failed.map(|container| {
            let name = text(container, "name").unwrap_or_default();
            match exit_code(container) {
                Some(code) => format!("its container `{name}` exited with {code}"),
                None => format!("its container `{name}` did not run"),
            }
        });
        let why = failed.and_then(|container| text(container, "reason"));
        let said = [why, self.stopped_reason.as_deref()].into_iter().flatten().map(str::to_owned);
        let reasons: Vec<String> = container.into_iter().chain(said).collect();
        Err(match reasons.is_empty() {
            true => "ECS does not say how it ended".to_owned(),
            false => printable(&reasons.join("; ")),
        })
    }
}
