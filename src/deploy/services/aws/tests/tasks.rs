//! Tasks that run once.

use super::*;
use crate::config::{EcsTask, TaskSettings};

const TASK: &str = "arn:aws:ecs:eu-west-2:123456789012:task/c/1";

fn migration(command: &[&str], settings: TaskSettings) -> Service {
    let command = command.iter().map(|word| word.parse().unwrap()).collect();
    let (cluster, family) = ("c".parse().unwrap(), "{deploy_tag}-migrate".parse().unwrap());
    Service::EcsTask(EcsTask { cluster, family, command, settings })
}

pub(super) fn plain() -> Service {
    migration(&[], TaskSettings::None)
}

fn stopped(container: &Value, reason: &str) -> Value {
    json!({ "taskArn": TASK, "lastStatus": "STOPPED", "stopCode": "EssentialContainerExited",
        "stoppedReason": reason, "containers": [{ "name": "proxy", "exitCode": 137 }, container] })
}

fn answer(task: &Value) -> (u16, String) {
    (200, json!({ "tasks": [task], "failures": [] }).to_string())
}

/// A task whose states these are, one after another.
pub(super) fn script(states: &[Value]) -> Vec<Scripted> {
    let task = json!({ "taskDefinitionArn": "migrate:1", "family": "migrate", "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": [{ "name": "proxy", "image": "nginx" }, { "name": "api", "image": "x/api:old" }] });
    let service = json!({ "status": "ACTIVE", "launchType": "FARGATE", "platformVersion": "1.4.0",
        "capacityProviderStrategy": [{ "capacityProvider": "FARGATE_SPOT", "weight": 1 }], "desiredCount": 3,
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["s"], "assignPublicIp": "DISABLED" } } });
    let registered = json!({ "taskDefinition": { "taskDefinitionArn": "migrate:2" } });
    vec![
        Scripted::new("DescribeTaskDefinition", [(200, json!({ "taskDefinition": task }).to_string())]),
        Scripted::new("RegisterTaskDefinition", [(200, registered.to_string())]),
        Scripted::new("DescribeServices", [(200, json!({ "services": [service] }).to_string())]),
        Scripted::new("ListTasks", [(200, json!({ "taskArns": [] }).to_string())]),
        Scripted::new("RunTask", [answer(&json!({ "taskArn": TASK, "lastStatus": "PROVISIONING" }))]),
        Scripted::new("DescribeTasks", states.iter().map(answer)),
    ]
}

fn running() -> Value {
    json!({ "taskArn": TASK, "lastStatus": "RUNNING", "containers": [] })
}

fn run_task(server: &Server) -> Value {
    serde_json::from_str(&server.bodies("RunTask")[0]).unwrap()
}

#[tokio::test]
async fn a_task_runs_with_the_image_and_is_waited_for() {
    let ended = stopped(&json!({ "name": "api", "exitCode": 0 }), "Essential container in task exited");
    let server = Server::start(script(&[running(), running(), ended])).await;
    let service = migration(&["./migrate", "--to={commit}"], TaskSettings::OfService("api".parse().unwrap()));

    let (result, events) = restart(&services(&server.url), &service).await;

    result.unwrap();
    let registered: Value = serde_json::from_str(&server.bodies("RegisterTaskDefinition")[0]).unwrap();
    let images: Vec<&Value> =
        registered["containerDefinitions"].as_array().unwrap().iter().map(|it| &it["image"]).collect();
    assert_eq!(images, [&json!("nginx"), &json!(image())]);
    let mut run = run_task(&server);
    let token = run["clientToken"].take();
    assert!(token.as_str().is_some_and(|token| token.len() > 16), "{token}");
    let expected = json!({
        "cluster": "c", "taskDefinition": "migrate:2", "startedBy": "chinampa/shop-dev/api", "clientToken": null,
        // What the service gives its tasks, and nothing else of it.
        "capacityProviderStrategy": [{ "capacityProvider": "FARGATE_SPOT", "weight": 1 }],
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["s"], "assignPublicIp": "DISABLED" } },
        "platformVersion": "1.4.0",
        "overrides": { "containerOverrides": [
            { "name": "api", "command": ["./migrate", format!("--to={}", "01".repeat(20))] },
        ] },
    });
    assert_eq!(run, expected);
    assert!(events.last().unwrap().contains(TASK), "{events:?}");
    assert_eq!(server.bodies("DescribeTasks").len(), 3);
}

#[tokio::test]
async fn a_task_gets_the_network_that_the_manifest_names_and_fargate_where_nothing_else_is_possible() {
    let ended = stopped(&json!({ "name": "api", "exitCode": 0 }), "");
    let server = Server::start(script(&[ended])).await;
    let network = TaskSettings::Network {
        subnets: vec!["subnet-1".parse().unwrap()],
        security_groups: vec!["sg-1".parse().unwrap()],
    };

    let (result, _) = restart(&services(&server.url), &migration(&[], network)).await;

    result.unwrap();
    let run = run_task(&server);
    let vpc = json!({ "subnets": ["subnet-1"], "securityGroups": ["sg-1"] });
    assert_eq!(run["networkConfiguration"], json!({ "awsvpcConfiguration": vpc }));
    assert_eq!((&run["launchType"], run.get("overrides")), (&json!("FARGATE"), None));
}

#[tokio::test]
async fn a_task_that_fails_says_with_which_code_and_why() {
    let label = "the ECS task `shop-dev-migrate` of the cluster `c` failed: ";
    for (container, reason, expected) in [
        (
            json!({ "name": "api", "exitCode": 3 }),
            "Essential container in task exited",
            "its container `api` exited with 3; Essential container in task exited",
        ),
        (
            json!({ "name": "api", "reason": "CannotPullContainerError: no such image" }),
            "Task failed to start",
            "its container `api` did not run; CannotPullContainerError: no such image; Task failed to start",
        ),
    ] {
        let server = Server::start(script(&[stopped(&container, reason)])).await;

        let (result, _) = restart(&services(&server.url), &plain()).await;

        assert_eq!(result.unwrap_err().to_string(), format!("{label}{expected}"));
    }
}

#[tokio::test]
async fn a_task_that_ecs_does_not_start_or_that_takes_too_long_is_a_failure() {
    let failure =
        json!({ "tasks": [], "failures": [{ "arn": "a", "reason": "RESOURCE:MEMORY" }] }).to_string();
    let mut unplaced = script(&[]);
    unplaced.insert(0, Scripted::new("RunTask", [(200, failure)]));
    let server = Server::start(unplaced).await;
    let (result, _) = restart(&services(&server.url), &plain()).await;
    let error = result.unwrap_err().to_string();
    assert!(error.ends_with("failed: ECS does not start it: RESOURCE:MEMORY"), "{error}");

    let server = Server::start(script(&[running()])).await;
    let timeout = Some(Duration::from_millis(300));
    let service = plain();
    let (result, _) = restart_for(&services(&server.url), &service, timeout).await;
    let error = result.unwrap_err().to_string();
    assert!(
        error.ends_with(&format!("failed: `{TASK}` still runs after 300ms; it is not stopped")),
        "{error}"
    );
    assert!(server.bodies("StopTask").is_empty());
}

#[tokio::test]
async fn a_task_that_a_dead_deployment_left_is_waited_for_before_another_one_starts() {
    let earlier = |arns: Value| (200, json!({ "taskArns": arns }).to_string());
    let mut script = script(&[stopped(&json!({ "name": "api", "exitCode": 0 }), "")]);
    let looks = [earlier(json!(["arn:earlier"])), earlier(json!(["arn:earlier"])), earlier(json!([]))];
    script.insert(0, Scripted::new("ListTasks", looks));
    let server = Server::start(script).await;

    let (result, events) = restart(&services(&server.url), &plain()).await;

    result.unwrap();
    assert_eq!(server.bodies("ListTasks").len(), 3);
    let waits = events.iter().filter(|event| event.contains("waiting for `arn:earlier`")).count();
    assert_eq!((waits, server.bodies("RunTask").len()), (1, 1));
}

#[tokio::test]
async fn a_task_definition_that_is_not_there_is_missing_before_anything_is_done() {
    let message = json!({ "__type": "ClientException", "message": "Unable to describe task definition." });
    let server = Server::start([Scripted::new("DescribeTaskDefinition", [(400, message.to_string())])]).await;

    let state = state(&services(&server.url), &plain()).await.unwrap();

    let service = "ECS task `shop-dev-migrate` of the cluster `c`".to_owned();
    assert_eq!(state, ServiceState::Missing { service });
}
