//! Services of AWS as they answer when something goes wrong.

use std::sync::Mutex;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use serde_json::{Value, json};

use super::super::Services;
use super::*;
use crate::aws::Session;
use crate::config::{EcsExpressRoles, EnvironmentName, WorkspaceName};
use crate::model::{CommitId, ImageRef, ObjectId, ProjectName, RepositoryName};

#[path = "../../../../tests/support/scripted.rs"]
mod scripted;

mod aliases;
mod errors;
mod schedules;
mod service_deployments;
mod tasks;

use scripted::{Scripted, Server};

const ARN: &str = "arn:aws:apprunner:eu-west-2:123456789012:service/api/1";

fn sdk_config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-2"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .build()
}

fn services(endpoint: &str) -> Services {
    let config = sdk_config(endpoint);
    let timeouts =
        ServiceTimeouts { default: Duration::from_secs(20), first_delay: Duration::from_millis(20) };
    services_with(&config, timeouts)
}

fn services_with(config: &SdkConfig, timeouts: ServiceTimeouts) -> Services {
    let region: crate::model::Region = "eu-west-2".parse().unwrap();
    let providers = CredentialProviders::new("tests").with(&region, Session::of(config));
    let scope = AwsScope { region: Some(region), identity: AwsIdentity::default() };
    Services { aws: AwsServices { scope, providers }, timeouts }
}

fn image() -> String {
    format!("123456789012.dkr.ecr.eu-west-2.amazonaws.com/api@sha256:{}", "a".repeat(64))
}

/// Restarts a service and returns what was told.
async fn restart(services: &Services, service: &Service) -> (Result<(), ServiceError>, Vec<String>) {
    restart_for(services, service, None).await
}

/// Restarts a service that the manifest says to wait for so long.
async fn restart_for(
    services: &Services,
    service: &Service,
    timeout: Option<Duration>,
) -> (Result<(), ServiceError>, Vec<String>) {
    let image = image().parse().unwrap();
    let (workspace, environment) = ("shop".parse().unwrap(), "dev".parse().unwrap());
    let (project, repository) = ("api".parse().unwrap(), "api".parse().unwrap());
    let deployment = deployment(&workspace, &environment, &project, &repository, &image);
    let service = &ServiceConfig { timeout, ..config(service) };
    let events = Mutex::new(Vec::new());
    let on_event = |event| {
        events.lock().unwrap().push(match event {
            ServiceEvent::Note(note) => note,
            ServiceEvent::Line(line) => line.text,
        });
    };
    let result = services.restart(service, &deployment, &on_event).await;
    (result, events.into_inner().unwrap())
}

fn deployment<'d>(
    workspace: &'d WorkspaceName,
    environment: &'d EnvironmentName,
    project: &'d ProjectName,
    repository: &'d RepositoryName,
    image: &'d ImageRef,
) -> Deployment<'d> {
    let commit = CommitId(ObjectId::Sha1([1; 20]));
    Deployment { workspace, environment, project, repository, commit, image }
}

/// What a service answers before it is changed, where that is an error too if it isn't there.
async fn aws_state(services: &Services, service: &Service) -> Result<ServiceState, ServiceError> {
    let image = image().parse().unwrap();
    let (workspace, environment) = ("shop".parse().unwrap(), "dev".parse().unwrap());
    let (project, repository) = ("api".parse().unwrap(), "api".parse().unwrap());
    let deployment = deployment(&workspace, &environment, &project, &repository, &image);
    services.aws.state(&config(service), &deployment).await
}

/// What a service answers before it is changed.
async fn state(services: &Services, service: &Service) -> Result<ServiceState, ServiceError> {
    let image = image().parse().unwrap();
    let (workspace, environment) = ("shop".parse().unwrap(), "dev".parse().unwrap());
    let (project, repository) = ("api".parse().unwrap(), "api".parse().unwrap());
    let deployment = deployment(&workspace, &environment, &project, &repository, &image);
    services.state(&config(service), &deployment).await
}

fn config(service: &Service) -> ServiceConfig {
    ServiceConfig { service: service.clone(), region: None, role: None, timeout: None }
}

fn ecs(cluster: &str) -> Service {
    Service::Ecs { cluster: cluster.parse().unwrap(), name: "{deploy_tag}-api".parse().unwrap() }
}

fn lambda() -> Service {
    Service::Lambda { name: "{deploy_tag}-api".parse().unwrap(), alias: None }
}

fn ecs_service(deployments: &Value) -> (u16, String) {
    let service = json!({ "status": "ACTIVE", "taskDefinition": "api:1", "deployments": deployments,
        "events": [{ "id": "e1", "message": "unable to place a task" }] });
    (200, json!({ "services": [service], "service": service }).to_string())
}

fn ecs_script(looks: Vec<(u16, String)>, updated: (u16, String)) -> Vec<Scripted> {
    let task = |image: &str| {
        json!({ "taskDefinition": { "taskDefinitionArn": "api:2", "family": "api", "cpu": "256",
            "aFieldOfTheFuture": { "a": 1 },
            "containerDefinitions": [{ "name": "api", "image": image, "another": [2],
                "environment": [{ "name": "A", "value": "b" }] }] } })
    };
    vec![
        Scripted::new("DescribeServices", looks),
        Scripted::new("DescribeTaskDefinition", [(200, task("x/api:old").to_string())]),
        Scripted::new("RegisterTaskDefinition", [(200, task("x").to_string())]),
        Scripted::new("UpdateService", [updated]),
    ]
}

fn ecs_deployment(id: &str, status: &str, state: &str) -> Value {
    json!({ "id": id, "status": status, "taskDefinition": "api:2", "rolloutState": state,
        "rolloutStateReason": "ECS deployment circuit breaker: tasks failed to start." })
}

#[tokio::test]
async fn the_circuit_breaker_s_verdict_is_the_error() {
    let old = ecs_service(&json!([ecs_deployment("old", "PRIMARY", "COMPLETED")]));
    let begun = ecs_service(&json!([ecs_deployment("new", "PRIMARY", "IN_PROGRESS")]));
    let rolled_back = ecs_service(&json!([
        ecs_deployment("back", "PRIMARY", "IN_PROGRESS"),
        ecs_deployment("new", "ACTIVE", "FAILED")
    ]));
    let server = Server::start(ecs_script(vec![old.clone(), old, begun.clone(), rolled_back], begun)).await;

    let (result, _) = restart(&services(&server.url), &ecs("c")).await;

    assert_eq!(
        result.unwrap_err().to_string(),
        "the ECS service `shop-dev-api` of the cluster `c` did not come to run the new image: \
         ECS deployment circuit breaker: tasks failed to start."
    );
    let registered: Value = serde_json::from_str(&server.bodies("RegisterTaskDefinition")[0]).unwrap();
    let container = &registered["containerDefinitions"][0];
    assert_eq!(container["image"], image());
    assert_eq!((&registered["cpu"], &container["environment"][0]["value"]), (&json!("256"), &json!("b")));
    assert_eq!((&registered["aFieldOfTheFuture"], &container["another"]), (&json!({ "a": 1 }), &json!([2])));
    assert_eq!(registered.get("taskDefinitionArn"), None);
}

#[tokio::test]
async fn a_deployment_that_another_one_replaced_is_a_failure() {
    let begun = ecs_service(&json!([ecs_deployment("new", "PRIMARY", "IN_PROGRESS")]));
    let replaced = ecs_service(&json!([ecs_deployment("other", "PRIMARY", "COMPLETED")]));
    let server = Server::start(ecs_script(vec![begun.clone(), begun.clone(), replaced], begun)).await;

    let (result, _) = restart(&services(&server.url), &ecs("c")).await;

    assert!(result.unwrap_err().to_string().ends_with("another deployment has taken its place"));
}

#[tokio::test]
async fn a_service_that_never_gets_steady_is_given_up_with_what_ecs_says() {
    let begun = ecs_service(&json!([ecs_deployment("new", "PRIMARY", "IN_PROGRESS")]));
    let server = Server::start(ecs_script(vec![begun.clone()], begun)).await;
    let mut services = services(&server.url);
    services.timeouts.default = Duration::from_millis(200);

    let (result, _) = restart(&services, &ecs("c")).await;

    let error = result.unwrap_err().to_string();
    assert!(error.ends_with("within 200ms: 0 of 0 tasks run, 0 failed; unable to place a task"), "{error}");
}

#[tokio::test]
async fn a_refusal_is_told_in_aws_s_words_and_is_not_taken_for_absence() {
    let denied = json!({ "__type": "AccessDeniedException", "message": "not you" }).to_string();
    let server = Server::start([Scripted::new("DescribeServices", [(400, denied)])]).await;

    let (result, _) = restart(&services(&server.url), &ecs("c")).await;

    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "cannot look at the ECS service `shop-dev-api` of the cluster `c`");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "AWS denies it: AccessDeniedException: not you");
}

#[tokio::test]
async fn transient_errors_are_retried_and_every_attempt_is_signed_for_its_region_and_service() {
    let trouble = (500, json!({ "message": "later" }).to_string());
    let throttled = (400, json!({ "__type": "ThrottlingException" }).to_string());
    let steady = ecs_service(&json!([ecs_deployment("old", "PRIMARY", "COMPLETED")]));
    let server = Server::start(ecs_script(vec![trouble, throttled, steady.clone()], steady)).await;

    let state = state(&services(&server.url), &ecs("c")).await;

    state.unwrap();
    assert_eq!(server.bodies("DescribeServices").len(), 3);
    assert_eq!(server.bodies("/eu-west-2/ecs/aws4_request").len(), 4);
}

#[tokio::test]
async fn a_function_whose_update_fails_says_why() {
    let settled = |status, reason| {
        (200, json!({ "LastUpdateStatus": status, "LastUpdateStatusReason": reason }).to_string())
    };
    let looks = [
        settled("Successful", ""),
        settled("InProgress", ""),
        settled("Failed", "the image has no entrypoint"),
    ];
    let server = Server::start([
        Scripted::new("GET /2015-03-31/functions/shop-dev-api/configuration", looks),
        Scripted::new("PUT /2015-03-31/functions/shop-dev-api/code", [(200, "{}")]),
    ])
    .await;

    let (result, _) = restart(&services(&server.url), &lambda()).await;

    assert_eq!(
        result.unwrap_err().to_string(),
        "the Lambda function `shop-dev-api` did not come to run the new image: the image has no entrypoint"
    );
    let code: Value = serde_json::from_str(&server.bodies("/code")[0]).unwrap();
    assert_eq!(code["ImageUri"], image());
}

/// A task definition whose only container runs the image that is deployed.
fn up_to_date_task() -> (u16, String) {
    (
        200,
        json!({ "taskDefinition": { "taskDefinitionArn": "api:2", "family": "api",
        "containerDefinitions": [{ "name": "api", "image": image() }] } })
        .to_string(),
    )
}

// issue 12: P8
#[tokio::test]
async fn a_deployment_that_ecs_gave_up_is_begun_anew_though_the_image_is_the_same() {
    let given_up = ecs_service(&json!([ecs_deployment("old", "PRIMARY", "FAILED")]));
    let begun = ecs_service(&json!([
        ecs_deployment("new", "PRIMARY", "IN_PROGRESS"),
        ecs_deployment("old", "ACTIVE", "FAILED")
    ]));
    let done = ecs_service(&json!([ecs_deployment("new", "PRIMARY", "COMPLETED")]));
    let server = Server::start([
        Scripted::new("DescribeServices", [given_up.clone(), given_up, begun.clone(), done]),
        Scripted::new("DescribeTaskDefinition", [up_to_date_task()]),
        Scripted::new("UpdateService", [begun]),
    ])
    .await;
    let services = services(&server.url);

    let state = state(&services, &ecs("c")).await.unwrap();
    let (result, _) = restart(&services, &ecs("c")).await;

    assert!(matches!(state, ServiceState::GivenUp { image, .. } if image == super::tests::image()));
    result.unwrap();
    let update: Value = serde_json::from_str(&server.bodies("UpdateService")[0]).unwrap();
    assert_eq!((&update["forceNewDeployment"], &update["taskDefinition"]), (&json!(true), &json!("api:1")));
    assert!(server.bodies("RegisterTaskDefinition").is_empty());
}

// issue 12: P8
#[tokio::test]
async fn a_deployment_is_waited_for_as_much_longer_as_the_service_says_and_no_longer_than_the_manifest_says()
{
    let service = |state: &str| {
        let service = json!({ "status": "ACTIVE", "taskDefinition": "api:1",
            "deploymentConfiguration": { "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1 },
            "deployments": [ecs_deployment("new", "PRIMARY", state)] });
        (200, json!({ "services": [service], "service": service }).to_string())
    };
    let looks = || {
        // Five times the default, as each look comes after one and a half times the delay of the last.
        let under_way = std::iter::repeat_n(service("IN_PROGRESS"), 8);
        under_way.chain([service("COMPLETED")]).collect::<Vec<_>>()
    };
    let mut server = Server::start(ecs_script(looks(), service("IN_PROGRESS"))).await;
    let mut services = services(&server.url);
    services.timeouts =
        ServiceTimeouts { default: Duration::from_millis(50), first_delay: Duration::from_millis(5) };

    let (result, _) = restart(&services, &ecs("c")).await;

    result.unwrap();
    server = Server::start(ecs_script(looks(), service("IN_PROGRESS"))).await;
    services = Services { timeouts: services.timeouts, ..super::tests::services(&server.url) };
    let (result, _) = restart_for(&services, &ecs("c"), Some(Duration::from_millis(50))).await;
    assert!(matches!(result.unwrap_err(), ServiceError::TimedOut { .. }));
}

// issue 12: P8
#[tokio::test]
async fn a_function_that_is_being_made_or_updated_by_others_is_waited_for() {
    let conflict = json!({ "Type": "User", "message": "an update is in progress" }).to_string();
    let settled =
        |state: &str, status: &str| (200, json!({ "State": state, "LastUpdateStatus": status }).to_string());
    let server = Server::start([
        Scripted::new(
            "GET /2015-03-31/functions/shop-dev-api/configuration",
            [
                settled("Pending", "Successful"),
                settled("Active", "Successful"),
                settled("Active", "InProgress"),
                settled("Active", "Successful"),
            ],
        ),
        Scripted::with_headers(
            "PUT /2015-03-31/functions/shop-dev-api/code",
            [
                (409, vec![("x-amzn-errortype", "ResourceConflictException")], conflict),
                (200, vec![], "{}".to_owned()),
            ],
        ),
    ])
    .await;

    let (result, _) = restart(&services(&server.url), &lambda()).await;

    result.unwrap();
    assert_eq!(server.bodies("/code").len(), 2);
}

fn express(roles: bool) -> Service {
    let roles = roles.then(|| EcsExpressRoles {
        execution: "arn:aws:iam::1:role/e".parse().unwrap(),
        infrastructure: "arn:aws:iam::1:role/i".parse().unwrap(),
    });
    Service::EcsExpress(EcsExpress {
        cluster: "c".parse().unwrap(),
        name: "{deploy_tag}-api".parse().unwrap(),
        roles,
    })
}

fn express_service(image: &str, deployment: Option<&str>) -> (u16, String) {
    let container = json!({ "image": image, "containerPort": 8080, "another": {}, "environment": [{ "name": "A", "value": "b" }] });
    let service = json!({ "serviceArn": "arn:express", "status": { "statusCode": "ACTIVE" },
        "currentDeployment": deployment, "activeConfigurations": [{ "primaryContainer": container }] });
    (200, json!({ "service": service }).to_string())
}

fn express_deployment(status: &str) -> (u16, String) {
    (200, json!({ "serviceDeployments": [{ "status": status, "statusReason": "tasks failed" }] }).to_string())
}

fn express_script(looks: Vec<(u16, String)>, ends: Vec<(u16, String)>) -> Vec<Scripted> {
    let known = json!({ "services": [{ "status": "ACTIVE", "serviceArn": "arn:express" }] }).to_string();
    vec![
        Scripted::new("DescribeServices", [(200, known)]),
        Scripted::new("DescribeExpressGatewayService", looks),
        Scripted::new("DescribeServiceDeployments", ends),
        Scripted::new("UpdateExpressGatewayService", [(200, json!({ "service": {} }).to_string())]),
    ]
}

#[tokio::test]
async fn an_express_service_gets_the_digest_keeps_the_rest_and_is_waited_for() {
    let looks = vec![
        express_service("x/api:1", None),
        express_service("x/api:1", Some("d")),
        express_service(&image(), Some("d")),
        express_service(&image(), None),
    ];
    let ends = vec![express_deployment("IN_PROGRESS"), express_deployment("SUCCESSFUL")];
    let server = Server::start(express_script(looks, ends)).await;

    let (result, _) = restart(&services(&server.url), &express(false)).await;

    result.unwrap();
    let update: Value = serde_json::from_str(&server.bodies("UpdateExpressGatewayService")[0]).unwrap();
    let container = &update["primaryContainer"];
    assert_eq!((&container["image"], &container["containerPort"]), (&json!(image()), &json!(8080)));
    assert_eq!((&container["environment"][0]["value"], &container["another"]), (&json!("b"), &json!({})));
}

#[tokio::test]
async fn an_express_service_is_waited_for_as_much_longer_as_its_deployments_bake() {
    let looks = std::iter::once(express_service("x/api:1", None))
        .chain(std::iter::repeat_n(express_service("x/api:1", Some("d")), 8))
        .chain([express_service(&image(), Some("d"))]);
    let under_way = std::iter::repeat_n(express_deployment("IN_PROGRESS"), 8);
    let ends = under_way.chain([express_deployment("SUCCESSFUL")]).collect();
    let mut script = express_script(looks.collect(), ends);
    let known = json!({ "services": [{ "status": "ACTIVE", "serviceArn": "arn:express",
        "deploymentConfiguration": { "strategy": "CANARY", "canaryConfiguration": { "canaryBakeTimeInMinutes": 1 } } }] });
    script[0] = Scripted::new("DescribeServices", [(200, known.to_string())]);
    let server = Server::start(script).await;
    let mut services = services(&server.url);
    services.timeouts =
        ServiceTimeouts { default: Duration::from_millis(50), first_delay: Duration::from_millis(5) };

    let (result, _) = restart(&services, &express(false)).await;

    result.unwrap();
}

#[tokio::test]
async fn an_express_service_that_rolls_back_is_a_failure() {
    let looks = vec![express_service("x/api:1", None), express_service("x/api:1", Some("d"))];
    let server = Server::start(express_script(looks, vec![express_deployment("ROLLBACK_SUCCESSFUL")])).await;

    let (result, _) = restart(&services(&server.url), &express(false)).await;

    let error = result.unwrap_err().to_string();
    assert!(error.ends_with("its deployment ended as ROLLBACK_SUCCESSFUL: tasks failed"), "{error}");
}

#[tokio::test]
async fn an_express_service_that_is_not_there_is_created_only_where_its_roles_are_named() {
    let created = json!({ "service": { "serviceArn": "arn:express" } }).to_string();
    let script = || {
        [
            Scripted::new("DescribeServices", [(200, json!({ "services": [] }).to_string())]),
            Scripted::new("DescribeExpressGatewayService", [express_service(&image(), None)]),
            Scripted::new("CreateExpressGatewayService", [(200, created.clone())]),
        ]
    };
    let server = Server::start(script()).await;

    let (missing, _) = restart(&services(&server.url), &express(false)).await;
    let (made, _) = restart(&services(&server.url), &express(true)).await;

    assert!(matches!(missing.unwrap_err(), ServiceError::NotThere { .. }));
    made.unwrap();
    let create: Value = serde_json::from_str(&server.bodies("CreateExpressGatewayService")[0]).unwrap();
    assert_eq!(create["primaryContainer"]["image"], image());
    assert_eq!((&create["serviceName"], &create["cluster"]), (&json!("shop-dev-api"), &json!("c")));
    assert_eq!(create["infrastructureRoleArn"], "arn:aws:iam::1:role/i");
}

// issue 12: P11
#[tokio::test]
async fn what_a_service_runs_is_asked_without_changing_it_and_one_that_is_missing_is_said() {
    let steady = ecs_service(&json!([ecs_deployment("old", "PRIMARY", "COMPLETED")]));
    let server = Server::start(ecs_script(vec![steady.clone()], steady)).await;
    assert_eq!(
        state(&services(&server.url), &ecs("c")).await.unwrap(),
        ServiceState::Runs { image: "x/api:old".to_owned() }
    );
    assert!(server.bodies("UpdateService").is_empty() && server.bodies("Register").is_empty());

    let nothing = json!({ "services": [], "failures": [{ "reason": "MISSING" }] }).to_string();
    let server = Server::start([Scripted::new("DescribeServices", [(200, nothing)])]).await;
    assert_eq!(
        state(&services(&server.url), &ecs("c")).await.unwrap(),
        ServiceState::Missing { service: "ECS service `shop-dev-api` of the cluster `c`".to_owned() }
    );

    let denied = json!({ "__type": "AccessDeniedException", "message": "not you" }).to_string();
    let server = Server::start([Scripted::new("DescribeServices", [(400, denied)])]).await;
    assert!(matches!(state(&services(&server.url), &ecs("c")).await, Err(ServiceError::Aws { .. })));
}

fn apprunner_service(status: &str, image: &str) -> (u16, String) {
    let now = 1_700_000_000;
    let service = json!({ "ServiceName": "api", "ServiceId": "1", "ServiceArn": ARN, "Status": status,
        "ServiceUrl": "u", "CreatedAt": now, "UpdatedAt": now, "InstanceConfiguration": {},
        "AutoScalingConfigurationSummary": {}, "NetworkConfiguration": {},
        "SourceConfiguration": { "AutoDeploymentsEnabled": true,
            "AuthenticationConfiguration": { "AccessRoleArn": "role" },
            "ImageRepository": { "ImageIdentifier": image, "ImageRepositoryType": "ECR",
                "Another": 1, "ImageConfiguration": { "Port": "8080" } } } });
    (200, json!({ "Service": service, "OperationId": "op" }).to_string())
}

fn apprunner_script(image: &str, states: &[&str]) -> Vec<Scripted> {
    let operation = |state: &&str| {
        (200, json!({ "OperationSummaryList": [{ "Id": "op", "Status": state }] }).to_string())
    };
    let found = json!({ "ServiceSummaryList": [{ "ServiceName": "other" }, { "ServiceName": "api", "ServiceArn": ARN }] });
    vec![
        Scripted::new("ListServices", [(200, found.to_string())]),
        Scripted::new(
            "DescribeService",
            [apprunner_service("OPERATION_IN_PROGRESS", image), apprunner_service("RUNNING", image)],
        ),
        Scripted::new("UpdateService", [apprunner_service("OPERATION_IN_PROGRESS", image)]),
        Scripted::new("ListOperations", states.iter().map(operation)),
    ]
}

fn apprunner(name: &str) -> Service {
    Service::AppRunner(AppRunner::Name(name.parse().unwrap()))
}

#[tokio::test]
async fn an_app_runner_service_gets_the_digest_and_keeps_the_rest_of_its_source() {
    let server = Server::start(apprunner_script("x/api:1", &["PENDING", "IN_PROGRESS", "SUCCEEDED"])).await;

    let (result, _) = restart(&services(&server.url), &apprunner("{project}")).await;

    result.unwrap();
    let update: Value = serde_json::from_str(&server.bodies("UpdateService")[0]).unwrap();
    let source = &update["SourceConfiguration"];
    assert_eq!(source["ImageRepository"]["ImageIdentifier"], image());
    assert_eq!(source["ImageRepository"]["ImageConfiguration"]["Port"], "8080");
    assert_eq!(source["ImageRepository"]["Another"], 1);
    assert_eq!(source["AuthenticationConfiguration"]["AccessRoleArn"], "role");
    assert_eq!(source["AutoDeploymentsEnabled"], false);
}

#[tokio::test]
async fn an_app_runner_service_that_rolls_back_is_a_failure_and_one_that_is_up_to_date_is_left_alone() {
    let server = Server::start(apprunner_script("x/api:1", &["ROLLBACK_SUCCEEDED"])).await;
    let (result, _) = restart(&services(&server.url), &apprunner("api")).await;
    assert!(result.unwrap_err().to_string().contains("its update ended as ROLLBACK_SUCCEEDED"));

    let server = Server::start(apprunner_script(&image(), &[])).await;
    let (result, _) = restart(&services(&server.url), &apprunner("api")).await;
    result.unwrap();
    assert!(server.bodies("UpdateService").is_empty());

    let (result, _) = restart(&services(&server.url), &apprunner("web")).await;
    assert_eq!(result.unwrap_err().to_string(), "there is no App Runner service `web`");
}

#[tokio::test]
async fn without_a_region_no_service_of_aws_can_be_restarted() {
    let scope = AwsScope { region: None, identity: AwsIdentity::default() };
    let services = Services::new(scope, CredentialProviders::new("tests"), ServiceTimeouts::default());

    let (result, _) = restart(&services, &lambda()).await;

    assert!(matches!(result.unwrap_err(), ServiceError::NoRegion { .. }));
}

#[test]
fn a_function_s_name_stays_one_component_of_the_path() {
    assert_eq!(percent_encoded("shop-dev_api"), "shop-dev_api");
    assert_eq!(percent_encoded("arn:aws:lambda:1:function:a"), "arn%3Aaws%3Alambda%3A1%3Afunction%3Aa");
    assert_eq!(percent_encoded("../é?#"), "..%2F%C3%A9%3F%23");
}
