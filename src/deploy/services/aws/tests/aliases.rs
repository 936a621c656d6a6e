//! Versions and aliases of Lambda functions.

use super::*;

const FUNCTION: &str = "/2015-03-31/functions/shop-dev-api";

pub(super) fn live() -> Service {
    Service::Lambda { name: "{deploy_tag}-api".parse().unwrap(), alias: Some("live".parse().unwrap()) }
}

pub(super) fn settled(state: &str, status: &str) -> (u16, String) {
    let configuration = json!({ "State": state, "StateReason": "the image is gone", "LastUpdateStatus": status,
        "CodeSha256": "abc" });
    (200, configuration.to_string())
}

fn conflict() -> (u16, Vec<(&'static str, &'static str)>, String) {
    let message = json!({ "Type": "User", "message": "an update is in progress" }).to_string();
    (409, vec![("x-amzn-errortype", "ResourceConflictException")], message)
}

/// A function whose published version goes through these states after its update.
pub(super) fn script(versions: Vec<(u16, String)>) -> Vec<Scripted> {
    let updated =
        [settled("Active", "Successful"), settled("Active", "InProgress"), settled("Active", "Successful")];
    let alias = json!({ "Name": "live", "FunctionVersion": "6" }).to_string();
    let published = json!({ "Version": "7" }).to_string();
    vec![
        Scripted::new(format!("GET {FUNCTION}/configuration"), updated.into_iter().chain(versions)),
        Scripted::new(format!("PUT {FUNCTION}/code"), [(200, "{}")]),
        Scripted::with_headers(
            format!("POST {FUNCTION}/versions"),
            [conflict(), (201, Vec::new(), published)],
        ),
        Scripted::new(format!("GET {FUNCTION}/aliases/live"), [(200, alias)]),
        Scripted::with_headers(
            format!("PUT {FUNCTION}/aliases/live"),
            [conflict(), (200, Vec::new(), "{}".to_owned())],
        ),
    ]
}

#[tokio::test]
async fn an_alias_moves_to_a_version_of_the_image_when_that_version_is_ready() {
    let versions = vec![settled("Pending", "Successful"), settled("Active", "Successful")];
    let server = Server::start(script(versions)).await;

    let (result, events) = restart(&services(&server.url), &live()).await;

    result.unwrap();
    let body = |asked: &str| serde_json::from_str::<Value>(server.bodies(asked).last().unwrap()).unwrap();
    assert_eq!(body("PUT /2015-03-31/functions/shop-dev-api/code")["ImageUri"], image());
    assert_eq!(body("/versions"), json!({ "CodeSha256": "abc" }));
    let moved = json!({ "FunctionVersion": "7", "RoutingConfig": { "AdditionalVersionWeights": {} } });
    assert_eq!(body("PUT /2015-03-31/functions/shop-dev-api/aliases"), moved);
    let last = "the alias `live` of the Lambda function `shop-dev-api` is moved to the version 7";
    assert_eq!(events.last().unwrap(), last);
    // Both were refused once while something else was being done.
    assert_eq!(server.bodies("/versions").len(), 2);
    assert_eq!(server.bodies("PUT /2015-03-31/functions/shop-dev-api/aliases").len(), 2);
}

#[tokio::test]
async fn an_alias_stays_where_it_is_when_the_version_fails_or_takes_too_long() {
    let server = Server::start(script(vec![settled("Failed", "Successful")])).await;
    let (result, _) = restart(&services(&server.url), &live()).await;
    let error = result.unwrap_err().to_string();
    assert!(error.ends_with("did not come to run the new image: the image is gone"), "{error}");
    assert!(server.bodies("PUT /2015-03-31/functions/shop-dev-api/aliases").is_empty());

    let server = Server::start(script(vec![settled("Pending", "Successful")])).await;
    let timeout = Some(Duration::from_millis(500));
    let (result, _) = restart_for(&services(&server.url), &live(), timeout).await;
    assert!(matches!(result.unwrap_err(), ServiceError::TimedOut { .. }));
    assert!(server.bodies("PUT /2015-03-31/functions/shop-dev-api/aliases").is_empty());
}

#[tokio::test]
async fn an_alias_that_is_not_there_is_found_before_the_code_is_changed() {
    let missing = json!({ "Message": "Cannot find alias arn: live" }).to_string();
    let errors = [(404, vec![("x-amzn-errortype", "ResourceNotFoundException")], missing)];
    let server =
        Server::start([Scripted::with_headers(format!("GET {FUNCTION}/aliases/live"), errors)]).await;

    let (result, _) = restart(&services(&server.url), &live()).await;

    let expected =
        "there is no alias `live` of the Lambda function `shop-dev-api`: Cannot find alias arn: live";
    assert_eq!(result.unwrap_err().to_string(), expected);
    assert!(server.bodies("PUT").is_empty());
}

#[tokio::test]
async fn a_conflict_that_does_not_end_is_told_as_what_it_is() {
    let server = Server::start([
        Scripted::new(format!("GET {FUNCTION}/configuration"), [settled("Active", "Successful")]),
        Scripted::with_headers(format!("PUT {FUNCTION}/code"), [conflict()]),
    ])
    .await;

    let timeout = Some(Duration::from_millis(300));
    let (result, _) = restart_for(&services(&server.url), &lambda(), timeout).await;

    let error = result.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    let expected = "something else is being done to it: ResourceConflictException: an update is in progress";
    assert_eq!(cause, expected);
    assert!(server.bodies("/code").len() > 2);
}

#[tokio::test]
async fn what_an_alias_runs_is_asked_by_the_alias() {
    let of_alias = json!({ "Code": { "ImageUri": "x/api@sha256:1" } }).to_string();
    let server =
        Server::start([Scripted::new(format!("GET {FUNCTION}?Qualifier=live"), [(200, of_alias)])]).await;

    let state = state(&services(&server.url), &live()).await;

    assert_eq!(state.unwrap(), ServiceState::Runs { image: "x/api@sha256:1".to_owned() });
}
