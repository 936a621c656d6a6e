//! Rolling updates, blue/green, linear and canary: all of them are service deployments of ECS.
//!
//! The emulator has none, so the answers are written after botocore's model of ECS (`ecs/2014-11-13/service-2.json`).

use super::*;

const BEFORE: &str = "arn:aws:ecs:eu-west-2:123456789012:service-deployment/c/shop-dev-api/before";
const AFTER: &str = "arn:aws:ecs:eu-west-2:123456789012:service-deployment/c/shop-dev-api/after";

/// A service with a task definition whose current service deployment is this one.
fn service(task_definition: &str, current: &str, deployments: &Value) -> (u16, String) {
    let service = json!({ "status": "ACTIVE", "taskDefinition": task_definition, "deployments": deployments,
        "currentServiceDeployment": current, "deploymentConfiguration": { "strategy": "CANARY" } });
    (200, json!({ "services": [service], "service": service }).to_string())
}

fn deployment(state: &Value) -> (u16, String) {
    (200, json!({ "serviceDeployments": [state], "failures": [] }).to_string())
}

/// A service that is updated; how its service deployment goes on is `states`.
pub(super) fn script(states: &[Value]) -> Vec<Scripted> {
    let primary = json!([ecs_deployment("new", "PRIMARY", "IN_PROGRESS")]);
    let rolled_back = json!([ecs_deployment("old", "PRIMARY", "COMPLETED")]);
    let mut deployments = vec![deployment(&json!({ "status": "SUCCESSFUL" }))];
    deployments.extend(states.iter().map(deployment));
    let looks = vec![
        service("api:1", BEFORE, &rolled_back),
        // Not yet the one that was begun.
        service("api:2", BEFORE, &primary),
        service("api:2", AFTER, &primary),
        service("api:1", AFTER, &rolled_back),
    ];
    let mut script = vec![Scripted::new("DescribeServiceDeployments", deployments)];
    script.extend(ecs_script(looks, service("api:2", BEFORE, &primary)));
    script
}

#[tokio::test]
async fn a_service_deployment_is_followed_to_its_end_and_its_stages_are_told() {
    let stage = |stage: &str| json!({ "status": "IN_PROGRESS", "lifecycleStage": stage });
    let states =
        [stage("SCALE_UP"), stage("SCALE_UP"), stage("BAKE_TIME"), json!({ "status": "SUCCESSFUL" })];
    let server = Server::start(script(&states)).await;

    let (result, events) = restart(&services(&server.url), &ecs("c")).await;

    result.unwrap();
    let label = "the deployment of the ECS service `shop-dev-api` of the cluster `c` is in the stage";
    let stages: Vec<&String> = events.iter().filter(|event| event.contains("stage")).collect();
    assert_eq!(stages, [&format!("{label} SCALE_UP"), &format!("{label} BAKE_TIME")]);
    let asked = server.bodies("DescribeServiceDeployments");
    let arns: Vec<bool> = asked.iter().map(|body| body.contains(AFTER)).collect();
    assert_eq!(arns, [false, true, true, true, true], "{asked:?}");
}

#[tokio::test]
async fn a_rollback_is_told_with_its_reason_and_not_as_another_deployment() {
    let rolling_back = json!({ "status": "ROLLBACK_IN_PROGRESS" });
    let rolled_back = json!({ "status": "ROLLBACK_SUCCESSFUL",
        "statusReason": "Service deployment rolled back because the circuit breaker threshold was exceeded." });
    let server = Server::start(script(&[rolling_back, rolled_back])).await;

    let (result, _) = restart(&services(&server.url), &ecs("c")).await;

    assert_eq!(
        result.unwrap_err().to_string(),
        "the ECS service `shop-dev-api` of the cluster `c` did not come to run the new image: its deployment ended as \
         ROLLBACK_SUCCESSFUL: Service deployment rolled back because the circuit breaker threshold was exceeded."
    );
}

#[tokio::test]
async fn a_service_deployment_that_takes_too_long_is_told_with_its_stage() {
    let states = [json!({ "status": "IN_PROGRESS", "lifecycleStage": "TEST_TRAFFIC_SHIFT" })];
    let server = Server::start(script(&states)).await;

    let timeout = Some(Duration::from_millis(300));
    let (result, _) = restart_for(&services(&server.url), &ecs("c"), timeout).await;

    let error = result.unwrap_err().to_string();
    let expected = "within 300ms: its deployment is IN_PROGRESS in the stage TEST_TRAFFIC_SHIFT";
    assert!(error.ends_with(expected), "{error}");
}

#[tokio::test]
async fn a_service_that_runs_the_image_already_is_not_blamed_for_a_deployment_that_has_ended() {
    let steady = service("api:1", BEFORE, &json!([ecs_deployment("old", "PRIMARY", "COMPLETED")]));
    let rolled_back =
        deployment(&json!({ "status": "ROLLBACK_SUCCESSFUL", "statusReason": "of another image" }));
    let server = Server::start([
        Scripted::new("DescribeServiceDeployments", [rolled_back]),
        Scripted::new("DescribeServices", [steady]),
        Scripted::new("DescribeTaskDefinition", [up_to_date_task()]),
    ])
    .await;

    let (result, _) = restart(&services(&server.url), &ecs("c")).await;

    result.unwrap();
    assert!(server.bodies("UpdateService").is_empty());
}

#[tokio::test]
async fn a_revision_that_others_register_at_the_same_time_is_waited_for() {
    let message = "Too many concurrent attempts to create a new revision of the specified family.";
    let conflict = (400, json!({ "__type": "ClientException", "message": message }).to_string());
    let registered = (200, json!({ "taskDefinition": { "taskDefinitionArn": "api:2" } }).to_string());
    let mut script = script(&[json!({ "status": "SUCCESSFUL" })]);
    script.insert(0, Scripted::new("RegisterTaskDefinition", [conflict.clone(), conflict, registered]));
    let server = Server::start(script).await;

    let (result, _) = restart(&services(&server.url), &ecs("c")).await;

    result.unwrap();
    assert_eq!(server.bodies("RegisterTaskDefinition").len(), 3);
}

// What an older SDK dropped, and what AWS adds and takes from nobody.
#[tokio::test]
async fn a_new_revision_keeps_fields_that_are_newer_than_this_program_and_leaves_out_tags_of_aws() {
    let task = json!({
        "taskDefinition": {
            "family": "api", "trustedExecutionConfiguration": { "type": "a", "settings": [1, null] },
            "containerDefinitions": [{ "name": "api", "image": "x/api:old" }],
        },
        "tags": [
            { "key": "aws:cloudformation:stack-name", "value": "s" }, { "key": "team", "value": "shop" },
        ],
    });
    let mut script = script(&[json!({ "status": "SUCCESSFUL" })]);
    script.insert(0, Scripted::new("DescribeTaskDefinition", [(200, task.to_string())]));
    let server = Server::start(script).await;

    let (result, _) = restart(&services(&server.url), &ecs("c")).await;

    result.unwrap();
    let registered: Value = serde_json::from_str(&server.bodies("RegisterTaskDefinition")[0]).unwrap();
    let expected = json!({ "type": "a", "settings": [1, null] });
    assert_eq!(registered["trustedExecutionConfiguration"], expected);
    assert_eq!(registered["tags"], json!([{ "key": "team", "value": "shop" }]));
}
