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

/// Restarts a service and returns what was events.
async fn restart(services: &Services, service: Service) -> (Result<(), ServiceError>, Vec<String>) {
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
    let config = ServiceConfig { service, region: None, role: None, timeout: None };
    let result = services.restart(&config, &deployment, &on_event).await;
    (result, events.into_inner().unwrap())
}

#[tokio::test]
async fn a_program_gets_the_deployment_in_its_environment() {
    let script = "echo $CHINAMPA_IMAGE $CHINAMPA_DEPLOY_TAG $CHINAMPA_COMMIT $CHINAMPA_PROJECT $CHINAMPA_ENVIRONMENT $0";
    let arguments = ["-c", script, "{deploy_tag}"].map(|text| text.parse().unwrap()).to_vec();
    let service = Service::Command { program: "sh".parse().unwrap(), arguments };
    let services = services();

    let (result, events) = restart(&services, service).await;

    result.unwrap();
    assert_eq!(events, [format!("{} shop-dev {} api dev shop-dev", image(), "01".repeat(20))]);
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
