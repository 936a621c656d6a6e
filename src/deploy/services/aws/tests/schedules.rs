//! Tasks that a schedule of EventBridge Scheduler, a rule of EventBridge, or anything else starts.

use super::*;
use crate::config::EcsScheduled;

pub(super) const OLD: &str = "arn:aws:ecs:eu-west-2:123456789012:task-definition/report:1";
const NEW: &str = "arn:aws:ecs:eu-west-2:123456789012:task-definition/report:2";

pub(super) fn schedule() -> Service {
    let (name, group) = ("{deploy_tag}-report".parse().unwrap(), Some("nightly".parse().unwrap()));
    Service::EcsScheduled(EcsScheduled::Schedule { name, group })
}

pub(super) fn rule() -> Service {
    Service::EcsScheduled(EcsScheduled::Rule { name: "{deploy_tag}-report".parse().unwrap(), bus: None })
}

fn task_definition(image: &str) -> (u16, String) {
    let task = json!({ "taskDefinitionArn": OLD, "family": "report",
        "containerDefinitions": [{ "name": "api", "image": image }] });
    (200, json!({ "taskDefinition": task }).to_string())
}

fn target(task_definition: &str) -> Value {
    json!({ "Id": "1", "Arn": "arn:cluster", "RoleArn": "arn:role", "Input": "{\"a\":1}",
        "EcsParameters": { "TaskDefinitionArn": task_definition, "TaskCount": 2, "AFieldOfTheFuture": [1] } })
}

/// Everything that a schedule, a rule and their task definition are asked for.
pub(super) fn script(used: &str, image: &str) -> Vec<Scripted> {
    let schedule = json!({ "Arn": "arn:schedule", "Name": "shop-dev-report", "GroupName": "nightly", "State": "ENABLED",
        "CreationDate": 1.5, "LastModificationDate": 2.5, "StartDate": 1_700_000_000.25, "KmsKeyArn": null,
        "ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": { "Mode": "OFF" }, "Target": target(used) });
    let other = json!({ "Id": "2", "Arn": "arn:queue" });
    vec![
        Scripted::new("GET /schedules/shop-dev-report?groupName=nightly ", [(200, schedule.to_string())]),
        Scripted::new("PUT /schedules/shop-dev-report ", [(200, "{}")]),
        Scripted::new("ListTargetsByRule", [(200, json!({ "Targets": [target(used), other] }).to_string())]),
        Scripted::new(
            "PutTargets",
            [(200, json!({ "FailedEntryCount": 0, "FailedEntries": [] }).to_string())],
        ),
        Scripted::new("DescribeTaskDefinition", [task_definition(image)]),
        Scripted::new(
            "RegisterTaskDefinition",
            [(200, json!({ "taskDefinition": { "taskDefinitionArn": NEW } }).to_string())],
        ),
    ]
}

fn sent(server: &Server, asked: &str) -> Value {
    serde_json::from_str(server.bodies(asked).last().unwrap()).unwrap()
}

#[tokio::test]
async fn a_schedule_starts_the_new_revision_and_keeps_all_else() {
    let server = Server::start(script(OLD, "x/api:old")).await;

    let (result, _) = restart(&services(&server.url), &schedule()).await;

    result.unwrap();
    let expected = json!({ "GroupName": "nightly", "State": "ENABLED", "StartDate": 1_700_000_000.25,
        "ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": { "Mode": "OFF" }, "Target": target(NEW) });
    assert_eq!(sent(&server, "PUT /schedules"), expected);
    let registered = sent(&server, "RegisterTaskDefinition");
    assert_eq!(registered["containerDefinitions"][0]["image"], image());
}

#[tokio::test]
async fn a_rule_s_targets_start_the_new_revision_and_others_are_left_alone() {
    let server = Server::start(script(OLD, "x/api:old")).await;

    let (result, _) = restart(&services(&server.url), &rule()).await;

    result.unwrap();
    assert_eq!(sent(&server, "PutTargets"), json!({ "Rule": "shop-dev-report", "Targets": [target(NEW)] }));
}

#[tokio::test]
async fn where_the_newest_revision_is_started_a_new_one_is_enough() {
    let family = "arn:aws:ecs:eu-west-2:123456789012:task-definition/report";
    let by_name = Service::EcsScheduled(EcsScheduled::Family("report".parse().unwrap()));
    for service in [schedule(), rule(), by_name] {
        let server = Server::start(script(family, "x/api:old")).await;

        let (result, _) = restart(&services(&server.url), &service).await;

        result.unwrap();
        assert_eq!(server.bodies("RegisterTaskDefinition").len(), 1, "{service:?}");
        assert!(server.bodies("PUT").is_empty() && server.bodies("PutTargets").is_empty(), "{service:?}");
    }
}

#[tokio::test]
async fn a_schedule_that_starts_the_image_already_is_left_alone_and_what_it_starts_can_be_asked() {
    for service in [schedule(), rule()] {
        let server = Server::start(script(OLD, &image())).await;
        let services = services(&server.url);

        let state = state(&services, &service).await.unwrap();
        let (result, _) = restart(&services, &service).await;

        assert_eq!(state, ServiceState::Runs { image: image() });
        result.unwrap();
        let changes = ["Register", "PUT", "PutTargets"].map(|asked| server.bodies(asked).len());
        assert_eq!(changes, [0; 3], "{service:?}");
    }
}

#[tokio::test]
async fn conflicts_are_waited_for_and_a_target_that_is_refused_is_a_failure() {
    let conflict = |code: &str| (409, json!({ "__type": code, "message": "busy" }).to_string());
    let mut busy = script(OLD, "x/api:old");
    let updates = [conflict("ConflictException"), (200, "{}".to_owned())];
    busy.insert(0, Scripted::new("PUT /schedules/shop-dev-report ", updates));
    let server = Server::start(busy).await;
    let (result, _) = restart(&services(&server.url), &schedule()).await;
    result.unwrap();
    assert_eq!(server.bodies("PUT /schedules").len(), 2);

    let entry = json!({ "TargetId": "1", "ErrorCode": "InvalidArgument", "ErrorMessage": "no such role" });
    let refused = (200, json!({ "FailedEntryCount": 1, "FailedEntries": [entry] }).to_string());
    let mut partly = script(OLD, "x/api:old");
    let answers = [conflict("ConcurrentModificationException"), refused];
    partly.insert(0, Scripted::new("PutTargets", answers));
    let server = Server::start(partly).await;
    let (result, _) = restart(&services(&server.url), &rule()).await;
    let error = result.unwrap_err().to_string();
    assert!(error.ends_with("InvalidArgument: no such role"), "{error}");
    assert_eq!(server.bodies("PutTargets").len(), 2);
}

#[tokio::test]
async fn a_schedule_that_starts_no_task_of_ecs_is_unsuitable() {
    let queue = json!({ "Name": "a", "Target": { "Arn": "arn:queue" } }).to_string();
    let server = Server::start([Scripted::new("GET /schedules", [(200, queue)])]).await;

    let state = state(&services(&server.url), &schedule()).await;

    assert_eq!(
        state.unwrap_err().to_string(),
        "the schedule `shop-dev-report` can't be given an image: it starts no task of ECS"
    );
}
