//! What ECS does to let a service run something else: a rolling update, blue/green, linear or canary.
//!
//! A rollback belongs to the deployment that it undoes: whoever follows a deployment to its end learns why.

use serde::Deserialize;
use serde_json::json;

use super::ServiceError;
use super::ecs_client::EcsClient;
use super::ecs_types::nullable;
use crate::model::printable;

/// How far a deployment has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Succeeded,
    /// Why it was given up.
    Failed(String),
    UnderWay(String),
}

/// A service deployment that is followed.
#[derive(Debug)]
pub(super) struct ServiceDeployment {
    pub(super) arn: String,
    /// The stage that was told last.
    stage: Option<String>,
}

impl ServiceDeployment {
    pub(super) fn new(arn: String) -> Self {
        Self { arn, stage: None }
    }

    /// Looks at it, and tells in which stage it is when that changed.
    pub(super) async fn progress(&mut self, ecs: &EcsClient<'_>) -> Result<Progress, ServiceError> {
        let input = json!({ "serviceDeploymentArns": [self.arn] });
        let action = "look at the deployment of";
        let answer: Described = ecs.call(action, "DescribeServiceDeployments", &input).await?;
        // What was just begun may take a moment to be read.
        let Some(described) = answer.service_deployments.into_iter().next() else {
            return Ok(Progress::UnderWay("its deployment is not listed yet".to_owned()));
        };
        if let Some(stage) = &described.lifecycle_stage
            && self.stage.as_ref() != Some(stage)
        {
            ecs.note(format!("the deployment of the {} is in the stage {}", ecs.label, printable(stage)));
            self.stage = Some(stage.clone());
        }
        Ok(described.progress())
    }
}

/// The answer of `DescribeServiceDeployments`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Described {
    #[serde(deserialize_with = "nullable")]
    service_deployments: Vec<State>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct State {
    status: Option<String>,
    status_reason: Option<String>,
    lifecycle_stage: Option<String>,
    #[serde(deserialize_with = "nullable")]
    lifecycle_hook_details: Vec<Hook>,
    #[serde(deserialize_with = "nullable")]
    rollback: Rollback,
    #[serde(deserialize_with = "nullable")]
    deployment_circuit_breaker: CircuitBreaker,
    #[serde(deserialize_with = "nullable")]
    alarms: Alarms,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Hook {
    hook_id: Option<String>,
    target_arn: Option<String>,
    status: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Rollback {
    reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct CircuitBreaker {
    status: Option<String>,
    #[serde(deserialize_with = "nullable")]
    failure_count: u32,
    #[serde(deserialize_with = "nullable")]
    threshold: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Alarms {
    #[serde(deserialize_with = "nullable")]
    triggered_alarm_names: Vec<String>,
}

impl State {
    fn progress(&self) -> Progress {
        match self.status.as_deref() {
            Some("SUCCESSFUL") => Progress::Succeeded,
            Some(status @ ("STOPPED" | "ROLLBACK_SUCCESSFUL" | "ROLLBACK_FAILED")) => {
                Progress::Failed(format!("its deployment ended as {status}: {}", self.reasons()))
            }
            Some(status @ ("STOP_REQUESTED" | "ROLLBACK_REQUESTED" | "ROLLBACK_IN_PROGRESS")) => {
                Progress::UnderWay(format!("its deployment is {status}: {}", self.reasons()))
            }
            Some(status) => Progress::UnderWay(self.under_way(status)),
            None => Progress::UnderWay("its deployment has no status".to_owned()),
        }
    }

    fn under_way(&self, status: &str) -> String {
        let stage = self.lifecycle_stage.iter().map(|stage| format!(" in the stage {}", printable(stage)));
        let paused =
            self.hooks(&["AWAITING_ACTION"]).map(|hook| format!("; the hook {hook} waits for somebody"));
        let more: String = stage.chain(paused).collect();
        format!("its deployment is {}{more}", printable(status))
    }

    /// Everything that says why it is given up.
    fn reasons(&self) -> String {
        let said = [&self.status_reason, &self.rollback.reason];
        let mut reasons: Vec<String> = said.into_iter().flatten().map(|reason| printable(reason)).collect();
        reasons.dedup();
        let CircuitBreaker { status, failure_count, threshold } = &self.deployment_circuit_breaker;
        if status.as_deref() == Some("TRIGGERED") {
            reasons.push(format!("{failure_count} tasks failed, of {threshold} that may"));
        }
        let alarms = self.alarms.triggered_alarm_names.iter();
        reasons.extend(alarms.map(|alarm| format!("alarm `{}`", printable(alarm))));
        reasons.extend(self.hooks(&["FAILED", "TIMED_OUT"]).map(|hook| format!("the hook {hook} failed")));
        match reasons.is_empty() {
            true => "ECS does not say why".to_owned(),
            false => reasons.join("; "),
        }
    }

    /// The lifecycle hooks with one of these statuses.
    fn hooks(&self, statuses: &'static [&'static str]) -> impl Iterator<Item = String> {
        let is_meant = |hook: &&Hook| hook.status.as_deref().is_some_and(|status| statuses.contains(&status));
        let shown = |hook: &Hook| {
            let name = hook.target_arn.as_deref().or(hook.hook_id.as_deref()).unwrap_or_default();
            format!("`{}`", printable(name))
        };
        self.lifecycle_hook_details.iter().filter(is_meant).map(shown)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn progress(state: Value) -> Progress {
        serde_json::from_value::<State>(state).unwrap().progress()
    }

    #[test]
    fn the_reason_of_a_rollback_is_all_that_ecs_says_of_it() {
        let reason = "Service deployment rolled back because the circuit breaker threshold was exceeded.";
        let state = json!({
            "status": "ROLLBACK_SUCCESSFUL", "statusReason": reason,
            "rollback": { "reason": reason, "startedAt": 1.5 },
            "deploymentCircuitBreaker": { "status": "TRIGGERED", "failureCount": 3, "threshold": 3 },
            "alarms": { "status": "TRIGGERED", "alarmNames": ["a", "b"], "triggeredAlarmNames": ["b"] },
            "lifecycleHookDetails": [
                { "targetArn": "arn:one", "status": "SUCCEEDED" }, { "targetArn": "arn:two", "status": "FAILED" },
            ],
        });

        let expected = format!(
            "its deployment ended as ROLLBACK_SUCCESSFUL: {reason}; 3 tasks failed, of 3 that may; alarm `b`; \
             the hook `arn:two` failed"
        );
        assert_eq!(progress(state), Progress::Failed(expected));
    }

    #[test]
    fn only_what_ecs_calls_an_end_is_one() {
        for (status, expected) in [
            ("SUCCESSFUL", Progress::Succeeded),
            ("STOPPED", Progress::Failed("its deployment ended as STOPPED: ECS does not say why".to_owned())),
            (
                "ROLLBACK_IN_PROGRESS",
                Progress::UnderWay("its deployment is ROLLBACK_IN_PROGRESS: ECS does not say why".to_owned()),
            ),
            ("OF_THE_FUTURE", Progress::UnderWay("its deployment is OF_THE_FUTURE".to_owned())),
        ] {
            assert_eq!(progress(json!({ "status": status, "rollback": null })), expected);
        }
        let paused = json!({ "status": "IN_PROGRESS", "lifecycleStage": "POST_SCALE_UP",
            "lifecycleHookDetails": [{ "hookId": "h", "targetType": "PAUSE", "status": "AWAITING_ACTION" }] });
        let expected =
            "its deployment is IN_PROGRESS in the stage POST_SCALE_UP; the hook `h` waits for somebody";
        assert_eq!(progress(paused), Progress::UnderWay(expected.to_owned()));
    }
}
