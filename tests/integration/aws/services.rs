//! Services of the emulator that run what was deployed: what they had besides the image, they keep.

use std::process::Command;

use serde_json::{Value, json};

use crate::aws::deployment::{DEPLOY_REGION, Deployed};
use crate::support::aws::ask;
use crate::support::bed::setting;

fn ecs(operation: &str, request: Value) -> Value {
    ask("AWS_2", DEPLOY_REGION, "ecs", "AmazonEC2ContainerServiceV20141113", operation, &request)
}

/// Asks the emulator's Lambda, whose operations are paths.
fn lambda(method: &str, path: &str, request: &Value) -> Value {
    let scope = format!(
        "Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/{DEPLOY_REGION}/lambda/aws4_request"
    );
    let url = format!("http://{}/2015-03-31/functions{path}", setting("AWS_2"));
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
    if !request.is_null() {
        command.args(["-d", &request.to_string()]);
    }
    serde_json::from_slice(&command.arg(url).output().unwrap().stdout).unwrap()
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
    let created = lambda(
        "POST",
        "",
        &json!({
            "FunctionName": name, "Role": "arn:aws:iam::000000000000:role/x", "PackageType": "Image",
            "Code": { "ImageUri": image },
        }),
    );
    assert_eq!(created["FunctionName"], json!(name), "{created}");
    it.build();

    it.deployed();

    let found = lambda("GET", &format!("/{name}"), &Value::Null);
    let expected = format!("{}@{}", image.rsplit_once(':').unwrap().0, it.built_digest("api"));
    assert_eq!(found["Code"]["ImageUri"], json!(expected), "{found}");
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
