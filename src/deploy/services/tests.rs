use std::sync::Mutex;

use super::*;
use crate::model::ObjectId;

fn image() -> String {
    format!("r.example/api@sha256:{}", "a".repeat(64))
}

fn services() -> Services {
    let scope = AwsScope { region: None, identity: AwsIdentity::default() };
    Services::new(scope, CredentialProviders::new("tests"), ServiceTimeouts::default())
}

/// Restarts a service and returns what was told of it.
async fn restart(services: &Services, service: Service) -> (Result<(), ServiceError>, Vec<String>) {
    restart_within(None, services, service).await
}

async fn restart_within(
    timeout: Option<Duration>,
    services: &Services,
    service: Service,
) -> (Result<(), ServiceError>, Vec<String>) {
    let deployment = Deployment {
        workspace: &"shop".parse().unwrap(),
        environment: &"dev".parse().unwrap(),
        project: &"api".parse().unwrap(),
        repository: &"api".parse().unwrap(),
        commit: CommitId(ObjectId::Sha1([1; 20])),
        image: &image().parse().unwrap(),
    };
    let events = Mutex::new(Vec::new());
    let on_event = |event| {
        events.lock().unwrap().push(match event {
            ServiceEvent::Note(note) => note,
            ServiceEvent::Line(line) => line.text,
        });
    };
    let config = ServiceConfig { service, region: None, role: None, timeout };
    let result = services.restart(&config, &deployment, &on_event).await;
    (result, events.into_inner().unwrap())
}

#[tokio::test]
async fn a_program_gets_the_deployment_in_its_environment() {
    let script = "echo $CHINAMPA_IMAGE $CHINAMPA_DEPLOY_TAG $CHINAMPA_COMMIT $CHINAMPA_PROJECT $CHINAMPA_ENVIRONMENT $0";
    let arguments = ["-c", script, "{deploy_tag}"].map(|text| text.parse().unwrap()).to_vec();
    let service = Service::Command { program: "sh".parse().unwrap(), arguments };

    let (result, events) = restart(&services(), service).await;

    result.unwrap();
    assert_eq!(events, [format!("{} shop-dev {} api dev shop-dev", image(), "01".repeat(20))]);
}

fn shell(script: &str) -> Service {
    let arguments = ["-c", script].map(|text| text.parse().unwrap()).to_vec();
    Service::Command { program: "sh".parse().unwrap(), arguments }
}

#[tokio::test]
async fn a_program_is_stopped_after_the_timeout_of_its_service() {
    let timeout = Some(Duration::from_secs(2));

    let (result, events) = restart_within(timeout, &services(), shell("echo begun; sleep 600")).await;

    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "`sh` did not end within 2s and was stopped");
    assert_eq!(error.hint().unwrap(), "`timeout` in the project's `service` lets it take longer");
    assert_eq!((error.log_tail(), events), (&["begun".to_owned()][..], vec!["begun".to_owned()]));
}

#[tokio::test]
async fn a_program_has_the_usual_timeout_where_its_service_says_none() {
    let mut services = services();
    services.timeouts.default = Duration::from_millis(100);

    let (result, _) = restart(&services, shell("sleep 600")).await;

    assert_eq!(result.unwrap_err().to_string(), "`sh` did not end within 100ms and was stopped");
}

#[cfg(not(feature = "deploy"))]
#[tokio::test]
async fn a_program_without_the_feature_says_so() {
    let services = services();

    let (result, _) = restart(&services, Service::Lambda { name: "api".parse().unwrap(), alias: None }).await;

    let error = result.unwrap_err();
    assert!(error.to_string().contains("built without the feature `deploy`"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Input);
}
