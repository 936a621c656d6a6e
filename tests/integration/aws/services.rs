//! Services of the emulator that run what was deployed: what they had besides the image, they keep.

use std::process::Command;

use serde_json::{Value, json};

use crate::aws::deployment::{DEPLOY_REGION, Deployed};
use crate::support::aws::ask;
use crate::support::bed::setting;
use crate::support::proxy::{Fault, Rule};

fn ecs(operation: &str, request: Value) -> Value {
    ask("AWS_2", DEPLOY_REGION, "ecs", "AmazonEC2ContainerServiceV20141113", operation, &request)
}

/// Asks the emulator for an operation of a service whose operations are paths.
fn rest(service: &str, method: &str, path: &str, request: &Value) -> Value {
    let scope = format!(
        "Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/{DEPLOY_REGION}/{service}/aws4_request"
    );
    let url = format!("http://{}{path}", setting("AWS_2"));
    let mut command = Command::new("curl");
    command.args(["-s", "--noproxy", "*", "-X", method]);
    command.args(["-H", "Content-Type: application/json", "-H", &scope]);
    if !request.is_null() {
        command.args(["-d", &request.to_string()]);
    }
    serde_json::from_slice(&command.arg(url).output().unwrap().stdout).unwrap()
}

fn lambda(method: &str, path: &str, request: &Value) -> Value {
    rest("lambda", method, &format!("/2015-03-31/functions{path}"), request)
}

fn events(operation: &str, request: &Value) -> Value {
    ask("AWS_2", DEPLOY_REGION, "events", "AWSEvents", operation, request)
}

/// A function that runs this image.
fn create_function(name: &str, image: &str) {
    let request = json!({
        "FunctionName": name, "Role": "arn:aws:iam::000000000000:role/x", "PackageType": "Image",
        "Code": { "ImageUri": image },
    });
    let created = lambda("POST", "", &request);
    assert_eq!(created["FunctionName"], json!(name), "{created}");
}

/// Registers the first revision of a task definition whose only container runs this image, and returns its ARN.
fn register(family: &str, image: &str) -> String {
    let container = json!({ "name": "api", "image": image, "memory": 64 });
    let registered =
        ecs("RegisterTaskDefinition", json!({ "family": family, "containerDefinitions": [container] }));
    registered["taskDefinition"]["taskDefinitionArn"].as_str().unwrap().to_owned()
}

/// The image that the only container of a revision runs.
fn image_of(revision: &Value) -> Value {
    let described = ecs("DescribeTaskDefinition", json!({ "taskDefinition": revision }));
    described["taskDefinition"]["containerDefinitions"][0]["image"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_definition_keeps_all_but_the_image_and_a_second_deployment_makes_no_other() {
    let cluster = format!("cluster-{}", std::process::id());
    let service =
        format!("service = {{ kind = \"ecs\", cluster = \"{cluster}\", name = \"{{deploy_tag}}-api\" }}");
    let it = Deployed::new(&service).await;
    ecs("CreateCluster", json!({ "clusterName": cluster }));
    let image = it.image("api", "old");
    let api = json!({
        "name": "api", "image": image, "memory": 64, "environment": [{ "name": "A", "value": "b" }],
    });
    let proxy = json!({ "name": "proxy", "image": "nginx", "memory": 64 });
    ecs(
        "RegisterTaskDefinition",
        json!({
            "family": cluster, "cpu": "256", "taskRoleArn": "role", "containerDefinitions": [api, proxy],
            "tags": [{ "key": "team", "value": "shop" }],
        }),
    );
    let service = json!({ "cluster": cluster, "serviceName": "shop-dev-api", "taskDefinition": cluster, "desiredCount": 0 });
    ecs("CreateService", service);
    it.build();

    it.deployed();
    it.deployed();

    let described = ecs("DescribeTaskDefinition", json!({ "taskDefinition": cluster, "include": ["TAGS"] }));
    let task = &described["taskDefinition"];
    let [api, proxy] = task["containerDefinitions"].as_array().unwrap().as_slice() else { panic!("{task}") };
    let expected = format!("{}@{}", image.rsplit_once(':').unwrap().0, it.built_digest("api"));
    assert_eq!((&api["image"], &proxy["image"]), (&json!(expected), &json!("nginx")));
    assert_eq!(api["environment"], json!([{ "name": "A", "value": "b" }]));
    assert_eq!((&task["cpu"], &task["taskRoleArn"]), (&json!("256"), &json!("role")));
    assert_eq!(described["tags"], json!([{ "key": "team", "value": "shop" }]));
    assert_eq!(task["revision"], 2, "{task}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lambda_function_gets_the_image_by_its_digest() {
    let name = format!("function-{}", std::process::id());
    let it = Deployed::new(&format!("service = {{ kind = \"lambda\", name = \"{name}\" }}")).await;
    let image = it.image("api", "old");
    create_function(&name, &image);
    it.build();

    it.deployed();

    let found = lambda("GET", &format!("/{name}"), &Value::Null);
    let expected = format!("{}@{}", image.rsplit_once(':').unwrap().0, it.built_digest("api"));
    assert_eq!(found["Code"]["ImageUri"], json!(expected), "{found}");
}

/// The emulator has no service deployments: these answers are written after botocore's model of ECS.
#[tokio::test(flavor = "multi_thread")]
async fn a_blue_green_deployment_that_is_rolled_back_fails_with_its_reason() {
    let family = format!("rolled-back-{}", std::process::id());
    let revision = register(&family, "nginx");
    let service = |revision: &str, current: &str| {
        let service = json!({ "status": "ACTIVE", "taskDefinition": revision, "deployments": [],
            "currentServiceDeployment": current, "deploymentConfiguration": { "strategy": "BLUE_GREEN" } });
        json!({ "services": [service], "service": service })
    };
    let next = revision.replace(":1", ":2");
    let reason = "Service deployment rolled back because of a failed lifecycle hook.";
    let rolled_back = json!({ "status": "ROLLBACK_SUCCESSFUL", "statusReason": reason });
    let rule = |path, times, body: &Value| {
        let fault = Fault::Status { code: 200, headers: Vec::new(), body: body.to_string() };
        Rule { method: "POST", path, times, fault }
    };
    let rules = [
        // Once for the plan, once before the update.
        rule("DescribeServices", 2, &service(&revision, "arn:before")),
        rule("DescribeServices", 1000, &service(&next, "arn:after")),
        rule("UpdateService", 1, &service(&next, "arn:before")),
        rule("DescribeServiceDeployments", 1, &json!({ "serviceDeployments": [{ "status": "SUCCESSFUL" }] })),
        rule("DescribeServiceDeployments", 1000, &json!({ "serviceDeployments": [rolled_back] })),
    ];
    let it =
        Deployed::with_rules("service = { kind = \"ecs\", cluster = \"c\", name = \"api\" }", rules).await;
    it.build();

    let answer = it.deploy();

    assert_eq!(answer.exit, 4, "{answer}");
    let expected = format!("its deployment ended as ROLLBACK_SUCCESSFUL: {reason}");
    assert!(answer.to_string().contains(&expected), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_moves_to_a_version_with_the_image_and_a_second_deployment_publishes_none() {
    let name = format!("alias-{}", std::process::id());
    let it =
        Deployed::new(&format!("service = {{ kind = \"lambda\", name = \"{name}\", alias = \"live\" }}"))
            .await;
    let image = it.image("api", "old");
    create_function(&name, &image);
    let first = lambda("POST", &format!("/{name}/versions"), &json!({}));
    let alias = json!({ "Name": "live", "FunctionVersion": first["Version"] });
    lambda("POST", &format!("/{name}/aliases"), &alias);
    it.build();

    it.deployed();
    it.deployed();

    let alias = lambda("GET", &format!("/{name}/aliases/live"), &Value::Null);
    assert_eq!(alias["FunctionVersion"], "2", "{alias}");
    let version = lambda("GET", &format!("/{name}?Qualifier=live"), &Value::Null);
    let expected = format!("{}@{}", image.rsplit_once(':').unwrap().0, it.built_digest("api"));
    assert_eq!(version["Code"]["ImageUri"], json!(expected), "{version}");
    let versions = lambda("GET", &format!("/{name}/versions"), &Value::Null);
    // `$LATEST` is one of them.
    assert_eq!(versions["Versions"].as_array().unwrap().len(), 3, "{versions}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_and_a_rule_start_the_image_by_its_digest_and_keep_their_other_fields() {
    let name = format!("nightly-{}", std::process::id());
    let services = [("schedule", "s"), ("rule", "r")]
        .map(|(key, end)| format!("{{ kind = \"ecs-scheduled\", {key} = \"{name}-{end}\" }}"));
    let it = Deployed::new(&format!("service = [{}]", services.join(", "))).await;
    let image = it.image("api", "old");
    let target = |end: &str| {
        let task = json!({ "TaskDefinitionArn": register(&format!("{name}-{end}"), &image), "TaskCount": 2 });
        json!({ "Arn": "arn:aws:ecs:eu-west-2:000000000000:cluster/c",
            "RoleArn": "arn:aws:iam::000000000000:role/x", "EcsParameters": task })
    };
    let schedule = json!({ "ScheduleExpression": "rate(1 day)", "FlexibleTimeWindow": { "Mode": "OFF" },
        "State": "DISABLED", "Description": "nightly", "Target": target("s") });
    rest("scheduler", "POST", &format!("/schedules/{name}-s"), &schedule);
    let rule = format!("{name}-r");
    events("PutRule", &json!({ "Name": rule, "ScheduleExpression": "rate(1 day)", "State": "DISABLED" }));
    let mut target = target("r");
    target["Id"] = "one".into();
    events("PutTargets", &json!({ "Rule": rule, "Targets": [target] }));
    it.build();

    it.deployed();
    it.deployed();

    let expected = json!(format!("{}@{}", image.rsplit_once(':').unwrap().0, it.built_digest("api")));
    let schedule = rest("scheduler", "GET", &format!("/schedules/{name}-s"), &Value::Null);
    let listed = events("ListTargetsByRule", &json!({ "Rule": rule }));
    for parameters in [&schedule["Target"]["EcsParameters"], &listed["Targets"][0]["EcsParameters"]] {
        let revision = &parameters["TaskDefinitionArn"];
        assert!(revision.as_str().unwrap().ends_with(":2"), "{parameters}");
        assert_eq!((image_of(revision), &parameters["TaskCount"]), (expected.clone(), &json!(2)));
    }
    assert_eq!((&schedule["State"], &schedule["Description"]), (&json!("DISABLED"), &json!("nightly")));
    events("RemoveTargets", &json!({ "Rule": rule, "Ids": ["one"] }));
    events("DeleteRule", &json!({ "Name": rule }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_there_fails_the_deployment_and_is_named() {
    for (kind, named) in [("ecs\", cluster = \"nowhere", "ECS"), ("lambda", "Lambda")] {
        let it = Deployed::new(&format!("service = {{ kind = \"{kind}\", name = \"nothing\" }}")).await;
        it.build();

        let answer = it.shop.world.run(["deploy", "--environment", "dev"]);

        assert_eq!(answer.exit, 4, "{answer}");
        assert!(answer.to_string().contains(named) && answer.to_string().contains("nothing"), "{answer}");
    }
}
