//! Answers of ECS, as far as they are read here. A task definition is more than that: all of it is carried over.

use std::time::Duration;

use serde::de::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::model::printable;

/// The answer of `DescribeServices` and of `UpdateService`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Described {
    #[serde(deserialize_with = "nullable")]
    pub(super) services: Vec<EcsServiceState>,
    /// Of `UpdateService`.
    pub(super) service: Option<EcsServiceState>,
    #[serde(deserialize_with = "nullable")]
    pub(super) failures: Vec<Failure>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Failure {
    pub(super) reason: Option<String>,
    detail: Option<String>,
}

impl Failure {
    /// What ECS says of it, if it says anything.
    pub(super) fn shown(&self) -> Option<String> {
        let said: Vec<&str> =
            [&self.reason, &self.detail].into_iter().flatten().map(String::as_str).collect();
        (!said.is_empty()).then(|| printable(&said.join(": ")))
    }
}

/// A service as ECS describes it.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct EcsServiceState {
    pub(super) service_arn: Option<String>,
    pub(super) status: Option<String>,
    pub(super) task_definition: Option<String>,
    /// The ARN of the service deployment that is under way, or was last.
    pub(super) current_service_deployment: Option<String>,
    pub(super) deployment_controller: Option<Controller>,
    pub(super) deployment_configuration: Option<DeploymentConfiguration>,
    #[serde(deserialize_with = "nullable")]
    pub(super) deployments: Vec<EcsDeployment>,
    #[serde(deserialize_with = "nullable")]
    pub(super) events: Vec<Event>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Controller {
    pub(super) r#type: Option<String>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct EcsDeployment {
    pub(super) id: Option<String>,
    pub(super) status: Option<String>,
    pub(super) rollout_state: Option<String>,
    pub(super) rollout_state_reason: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) running_count: u32,
    #[serde(deserialize_with = "nullable")]
    pub(super) desired_count: u32,
    #[serde(deserialize_with = "nullable")]
    pub(super) failed_tasks: u32,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Event {
    pub(super) id: Option<String>,
    pub(super) message: Option<String>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct DeploymentConfiguration {
    #[serde(deserialize_with = "nullable")]
    bake_time_in_minutes: u32,
    #[serde(deserialize_with = "nullable")]
    canary_configuration: Canary,
    linear_configuration: Option<Linear>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Canary {
    #[serde(deserialize_with = "nullable")]
    canary_bake_time_in_minutes: u32,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Linear {
    step_percent: Option<f64>,
    #[serde(deserialize_with = "nullable")]
    step_bake_time_in_minutes: u32,
}

/// The answer of `DescribeTaskDefinition` and of `RegisterTaskDefinition`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct TaskAnswer {
    pub(super) task_definition: Option<TaskDefinition>,
    #[serde(deserialize_with = "nullable")]
    pub(super) tags: Vec<Value>,
}

/// A task definition with all fields that ECS gives it, also those that are not known here.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(transparent)]
pub(super) struct TaskDefinition(Map<String, Value>);

impl TaskDefinition {
    /// Fields that ECS adds itself and does not accept.
    const ADDED: [&str; 8] = [
        "taskDefinitionArn",
        "revision",
        "status",
        "requiresAttributes",
        "compatibilities",
        "registeredAt",
        "registeredBy",
        "deregisteredAt",
    ];

    pub(super) fn arn(&self) -> Option<&str> {
        self.0.get("taskDefinitionArn")?.as_str()
    }

    pub(super) fn containers(&self) -> &[Value] {
        self.0.get("containerDefinitions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether it can run nowhere but on Fargate.
    pub(super) fn is_for_fargate_alone(&self) -> bool {
        let compatible = self.0.get("requiresCompatibilities").and_then(Value::as_array);
        compatible.is_some_and(|all| matches!(all.as_slice(), [only] if only == "FARGATE"))
    }

    pub(super) fn set_image(&mut self, container: usize, image: &str) {
        if let Some(container) = self.0.get_mut("containerDefinitions").and_then(|all| all.get_mut(container))
        {
            container["image"] = image.into();
        }
    }

    /// The input of `RegisterTaskDefinition` that makes one like this.
    pub(super) fn into_input(self, tags: Vec<Value>) -> Value {
        let mut input = self.0;
        input.retain(|field, value| !Self::ADDED.contains(&field.as_str()) && !value.is_null());
        if !tags.is_empty() {
            input.insert("tags".to_owned(), tags.into());
        }
        input.into()
    }
}

impl EcsServiceState {
    pub(super) fn primary(&self) -> Option<&EcsDeployment> {
        self.deployments.iter().find(|deployment| deployment.status.as_deref() == Some("PRIMARY"))
    }

    /// How long the service itself says that its deployments wait between their steps.
    pub(super) fn bake_time(&self) -> Duration {
        let Some(configuration) = &self.deployment_configuration else { return Duration::ZERO };
        let linear = configuration.linear_configuration.as_ref().map_or(0, |linear| {
            let percent = linear.step_percent.filter(|percent| *percent > 0.0).unwrap_or(100.0);
            let steps = (1..=100_u32).find(|steps| f64::from(*steps) * percent >= 100.0).unwrap_or(100);
            u64::from(linear.step_bake_time_in_minutes) * u64::from(steps)
        });
        let canary = configuration.canary_configuration.canary_bake_time_in_minutes;
        let minutes = u64::from(configuration.bake_time_in_minutes) + u64::from(canary) + linear;
        Duration::from_secs(60 * minutes)
    }
}

impl EcsDeployment {
    /// Whether nothing is tried any more, and nothing was put back.
    pub(super) fn is_given_up(&self) -> bool {
        self.rollout_state.as_deref() == Some("FAILED")
    }
}

/// Reads a value that may be `null`, which means the same as when it isn't there.
pub(super) fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_revision_has_every_field_but_those_that_ecs_adds() {
        let task: TaskDefinition = serde_json::from_value(json!({
            "taskDefinitionArn": "arn", "revision": 7, "status": "ACTIVE", "compatibilities": ["EC2"], "requiresAttributes": [],
            "registeredAt": 1.5, "registeredBy": "me", "deregisteredAt": 2,
            "family": "api", "cpu": null, "aFieldOfTheFuture": { "a": [1.25, null] },
            "containerDefinitions": [{ "image": "old", "another": 9_007_199_254_740_993_u64 }],
        }))
        .unwrap();

        let input = task.into_input(vec![json!({ "key": "a" })]);

        assert_eq!(
            input,
            json!({
                "family": "api", "aFieldOfTheFuture": { "a": [1.25, null] }, "tags": [{ "key": "a" }],
                "containerDefinitions": [{ "image": "old", "another": 9_007_199_254_740_993_u64 }],
            })
        );
    }

    #[test]
    fn null_is_the_same_as_nothing() {
        let answer = json!({ "services": [{ "events": null, "deployments": [{ "runningCount": null }],
            "deploymentConfiguration": { "canaryConfiguration": null } }], "failures": null });

        let answer: Described = serde_json::from_value(answer).unwrap();

        assert_eq!(answer.services[0].deployments[0].running_count, 0);
        assert_eq!(answer.services[0].bake_time(), Duration::ZERO);
    }
}
