//! Each kind of service.

use std::process::Command;

use serde_json::{Value, json};

use super::{Accounts, Parts};
use crate::aws::accounts::{BUILD, ask};
use crate::support::bed::setting;

/// Asks the emulator for an operation of a service whose operations are paths.
fn rest(service: &str, method: &str, path: &str, request: &Value) -> Value {
    let (account, region) = BUILD;
    let scope = format!(
        "Authorization: AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/{service}/aws4_request"
    );
    let mut command = Command::new("curl");
    command.args([
        "-s",
        "--noproxy",
        "*",
        "-X",
        method,
        "-H",
        "Content-Type: application/json",
        "-H",
        &scope,
    ]);
    command.args(["-d", &request.to_string(), &format!("http://{}{path}", setting("AWS_2"))]);
    serde_json::from_slice(&command.output().unwrap().stdout).unwrap()
}

fn ecs(operation: &str, request: &Value) -> Value {
    ask(BUILD, "ecs", "AmazonEC2ContainerServiceV20141113", operation, request)
}

fn events(operation: &str, request: &Value) -> Value {
    ask(BUILD, "events", "AWSEvents", operation, request)
}

/// A family with roles and tags, and the ARN of its first revision.
fn register(family: &str) -> String {
    let definition = json!({
        "family": family, "taskRoleArn": "arn:aws:iam::111111111111:role/task", "executionRoleArn": "arn:aws:iam::111111111111:role/pull",
        "containerDefinitions": [{ "name": "api", "image": "nginx", "memory": 64 }],
        "tags": [{ "key": "team", "value": "shop" }],
    });
    let registered = ecs("RegisterTaskDefinition", &definition);
    registered["taskDefinition"]["taskDefinitionArn"]
        .as_str()
        .unwrap_or_else(|| panic!("{registered}"))
        .to_owned()
}

/// Builds and deploys a project with these services as the printed policies allow it, and plans a deployment. Sees that all of them is used.
async fn check(services: &str, prepare: impl FnOnce(&Accounts)) {
    let it = Accounts::new(Parts { project: &format!("service = [{services}]"), ..Parts::default() }).await;
    it.prepare(&["build"]);
    prepare(&it);
    it.attach(&["deploy", "-e", "dev"]);

    it.succeeds(&["deploy", "-e", "dev"]);

    it.check_used();
    it.attach(&["status", "-e", "dev"]);
    it.plans("dev");
    it.check_used();
}

// issue 17
#[tokio::test(flavor = "multi_thread")]
async fn functions_and_schedules_need_what_the_policy_allows_and_nothing_else() {
    let name = format!("policy-{}", std::process::id());
    let services = format!(
        "{{ kind = \"lambda\", name = \"{name}-f\" }}, {{ kind = \"lambda\", name = \"{name}-g\", alias = \"live\" }}, \
         {{ kind = \"ecs-scheduled\", schedule = \"{name}-s\" }}, {{ kind = \"ecs-scheduled\", rule = \"{name}-r\" }}, \
         {{ kind = \"ecs-scheduled\", name = \"{name}-family\" }}"
    );
    check(&services, |_| {
        for end in ["f", "g"] {
            let function = json!({ "FunctionName": format!("{name}-{end}"), "Role": "arn:aws:iam::111111111111:role/x",
                "PackageType": "Image", "Code": { "ImageUri": "nginx" } });
            let created = rest("lambda", "POST", "/2015-03-31/functions", &function);
            assert_eq!(created["FunctionName"], function["FunctionName"], "{created}");
        }
        let of_alias = format!("/2015-03-31/functions/{name}-g");
        let version = rest("lambda", "POST", &format!("{of_alias}/versions"), &json!({}));
        let alias = json!({ "Name": "live", "FunctionVersion": version["Version"] });
        rest("lambda", "POST", &format!("{of_alias}/aliases"), &alias);
        let role = "arn:aws:iam::111111111111:role/schedule";
        let target = |family: &str| {
            json!({ "Arn": "arn:aws:ecs:us-east-2:111111111111:cluster/c", "RoleArn": role,
                "EcsParameters": { "TaskDefinitionArn": register(family), "TaskCount": 1 } })
        };
        let schedule = json!({ "ScheduleExpression": "rate(1 day)", "FlexibleTimeWindow": { "Mode": "OFF" },
            "State": "DISABLED", "Target": target(&format!("{name}-s")) });
        rest("scheduler", "POST", &format!("/schedules/{name}-s"), &schedule);
        let rule = json!({ "Name": format!("{name}-r"), "ScheduleExpression": "rate(1 day)", "State": "DISABLED" });
        events("PutRule", &rule);
        let mut target = target(&format!("{name}-r"));
        target["Id"] = "one".into();
        events("PutTargets", &json!({ "Rule": rule["Name"], "Targets": [target] }));
        register(&format!("{name}-family"));
    })
    .await;
}

/// The emulator has no service deployments: these answers are written after botocore's model of ECS.
#[tokio::test(flavor = "multi_thread")]
async fn services_of_ecs_need_what_the_policy_allows_and_nothing_else() {
    let revision = register(&format!("policy-ecs-{}", std::process::id()));
    check("{ kind = \"ecs\", cluster = \"c\", name = \"{deploy_tag}-api\" }", |it| {
        let deployment = |name: &str| {
            format!("arn:aws:ecs:us-east-2:111111111111:service-deployment/c/shop-dev-api/{name}")
        };
        let service = |revision: &str, current: &str| {
            json!({ "status": "ACTIVE", "taskDefinition": revision, "deployments": [],
                "currentServiceDeployment": deployment(current), "deploymentConfiguration": { "strategy": "BLUE_GREEN" } })
        };
        let next = format!("{}2", revision.trim_end_matches('1'));
        let [before, after] = [service(&revision, "before"), service(&next, "after")];
        let described = |it: &Value| json!({ "services": [it] });
        let [old, new] = [described(&before), described(&after)];
        it.iam.answer("DescribeServices", &[old.clone(), old, new]);
        it.iam.answer("UpdateService", &[json!({ "service": service(&next, "before") })]);
        let ended = json!({ "serviceDeployments": [{ "status": "SUCCESSFUL" }] });
        it.iam.answer("DescribeServiceDeployments", &[ended]);
    })
    .await;
}

/// The emulator would need an engine for tasks.
#[tokio::test(flavor = "multi_thread")]
async fn tasks_need_what_the_policy_allows_and_nothing_else() {
    let family = format!("policy-task-{}", std::process::id());
    register(&family);
    let service = format!("{{ kind = \"ecs-task\", cluster = \"c\", name = \"{family}\", like = \"api\" }}");
    check(&service, |it| {
        let task = "arn:aws:ecs:us-east-2:111111111111:task/c/1";
        let like = json!({ "services": [{ "status": "ACTIVE", "launchType": "FARGATE" }] });
        it.iam.answer("DescribeServices", &[like]);
        it.iam.answer("ListTasks", &[json!({ "taskArns": [] })]);
        it.iam.answer("RunTask", &[json!({ "tasks": [{ "taskArn": task, "lastStatus": "PROVISIONING" }] })]);
        let ended = json!({ "taskArn": task, "lastStatus": "STOPPED", "containers": [{ "name": "api", "exitCode": 0 }] });
        it.iam.answer("DescribeTasks", &[json!({ "tasks": [ended], "failures": [] })]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn express_services_need_what_the_policy_allows_and_nothing_else() {
    let role = |name: &str| format!("arn:aws:iam::111111111111:role/{name}");
    let service = format!(
        "{{ kind = \"ecs-express\", cluster = \"c\", name = \"web\", execution_role = \"{}\", infrastructure_role = \"{}\" }}, \
         {{ kind = \"ecs-express\", cluster = \"c\", name = \"api\" }}",
        role("pull"),
        role("infrastructure"),
    );
    check(&service, |it| {
        let image = image(it);
        let arn = |name: &str| format!("arn:aws:ecs:us-east-2:111111111111:service/c/{name}");
        let deployment = "arn:aws:ecs:us-east-2:111111111111:service-deployment/c/api/after";
        let listed = |name: &str| json!({ "services": [{ "status": "ACTIVE", "serviceArn": arn(name) }] });
        let express = |image: &str, current: Option<&str>| {
            json!({ "service": { "serviceArn": arn("api"), "status": { "statusCode": "ACTIVE" },
                "currentDeployment": current, "activeConfigurations": [{ "createdAt": 1.0, "primaryContainer": { "image": image } }] } })
        };
        let absent = json!({ "services": [], "failures": [{ "reason": "MISSING" }] });
        // For the plan of both, then for each.
        it.iam.answer("DescribeServices", &[absent.clone(), listed("api"), absent, listed("api")]);
        it.iam.answer("CreateExpressGatewayService", &[express(&image, None)]);
        it.iam.answer("UpdateExpressGatewayService", &[json!({})]);
        let [old, new] = [express("nginx", None), express(&image, Some(deployment))];
        it.iam.answer("DescribeExpressGatewayService", &[old.clone(), new.clone(), old, new]);
        it.iam.answer("DescribeServiceDeployments", &[json!({ "serviceDeployments": [{ "status": "SUCCESSFUL" }] })]);
    })
    .await;
}

/// The image that will be deployed.
fn image(it: &Accounts) -> String {
    let images = it.iam.opened(|| it.run(&["images", "--json"])).json();
    let image = &images["images"][0];
    let digest = image["image"].as_str().unwrap().split_once('@').unwrap().1.to_owned();
    format!("{}/{}dev/api@{digest}", it.proxy.host(), it.shop.prefix)
}

/// The emulator has no App Runner.
#[tokio::test(flavor = "multi_thread")]
async fn services_of_app_runner_need_what_the_policy_allows_and_nothing_else() {
    check("{ kind = \"apprunner\", name = \"web\" }", |it| {
        let arn = "arn:aws:apprunner:us-east-2:111111111111:service/web/1";
        let listed = json!({ "ServiceSummaryList": [{ "ServiceName": "web", "ServiceArn": arn }] });
        it.iam.answer("ListServices", &[listed]);
        let source = json!({ "ImageRepository": { "ImageIdentifier": "nginx" },
            "AuthenticationConfiguration": { "AccessRoleArn": "arn:aws:iam::111111111111:role/pull" } });
        let service = json!({ "Service": { "Status": "RUNNING", "SourceConfiguration": source } });
        it.iam.answer("DescribeService", &[service]);
        it.iam.answer("UpdateService", &[json!({ "OperationId": "1" })]);
        it.iam.answer(
            "ListOperations",
            &[json!({ "OperationSummaryList": [{ "Id": "1", "Status": "SUCCEEDED" }] })],
        );
    })
    .await;
}
