//! Each error that AWS documents for each operation that is called here, answered to that call.
//!
//! `error_codes.json` has them from botocore's models; a test of the program compares it with botocore.

use std::collections::{BTreeMap, BTreeSet};

use aws_config::retry::RetryConfig;
use futures_util::StreamExt as _;

use super::*;

/// The status of each error, by service, operation and code.
type ErrorCodes = BTreeMap<String, BTreeMap<String, BTreeMap<String, u16>>>;

/// How often a call is made that the SDK retries.
const ATTEMPTS: u32 = 2;

/// How often each error is answered before all goes well: the SDK does not wait for that.
const ERRORS: usize = 4;

/// One error of one operation.
struct Case {
    service: String,
    operation: String,
    code: String,
    status: u16,
}

fn cases() -> Vec<Case> {
    let known: ErrorCodes = serde_json::from_str(include_str!("../error_codes.json")).unwrap();
    let mut cases = Vec::new();
    for (service, operations) in known {
        for (operation, errors) in operations {
            cases.extend(errors.into_iter().map(|(code, status)| Case {
                service: service.clone(),
                operation: operation.clone(),
                code,
                status,
            }));
        }
    }
    cases
}

/// How requests for an operation are known.
fn asked(operation: &str) -> String {
    let function = "/2015-03-31/functions/shop-dev-api";
    match operation {
        "GetFunction" => format!("GET {function}?Qualifier=live "),
        "GetFunctionConfiguration" => format!("GET {function}/configuration "),
        "UpdateFunctionCode" => format!("PUT {function}/code "),
        "PublishVersion" => format!("POST {function}/versions "),
        "GetAlias" => format!("GET {function}/aliases/live "),
        "UpdateAlias" => format!("PUT {function}/aliases/live "),
        "GetSchedule" => "GET /schedules/".to_owned(),
        "UpdateSchedule" => "PUT /schedules/".to_owned(),
        rpc => format!(".{rpc} "),
    }
}

/// A service whose deployment calls the operation, and all that it is answered when nothing goes wrong.
fn deployed(service: &str, operation: &str) -> (Service, Vec<Scripted>) {
    let ok = json!({ "status": "SUCCESSFUL" });
    match (service, operation) {
        ("ecs", "RunTask" | "DescribeTasks" | "ListTasks") => (tasks::plain(), tasks::script(&[])),
        ("ecs", "CreateExpressGatewayService") => (
            express(true),
            vec![Scripted::new("DescribeServices", [(200, json!({ "services": [] }).to_string())])],
        ),
        ("ecs", express_only) if express_only.contains("Express") => {
            (express(false), express_script(vec![express_service("x/api:1", None)], Vec::new()))
        }
        ("ecs", _) => (ecs("c"), service_deployments::script(&[ok])),
        ("lambda", _) => (aliases::live(), aliases::script(vec![aliases::settled("Active", "Successful")])),
        ("apprunner", _) => (apprunner("api"), apprunner_script("x/api:1", &["SUCCEEDED"])),
        ("scheduler", _) => (schedules::schedule(), schedules::script(schedules::OLD, "x/api:1")),
        ("events", _) => (schedules::rule(), schedules::script(schedules::OLD, "x/api:1")),
        _ => panic!("nothing here calls {service}"),
    }
}

/// What comes of an error that is answered some times.
async fn outcome(case: &Case) -> String {
    let (service, mut script) = deployed(&case.service, &case.operation);
    let asked = asked(&case.operation);
    let answer = json!({ "__type": case.code, "message": "said" }).to_string();
    let mut errors = Scripted::new(asked.clone(), vec![(case.status, answer); ERRORS]);
    let later = script.iter().find(|it| asked.contains(&it.asked) || it.asked.contains(&asked));
    errors.answers.extend(later.into_iter().flat_map(|later| later.answers.clone()));
    script.insert(0, errors);
    let server = Server::start(script).await;
    let retries =
        RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(Duration::from_millis(1));
    let config = sdk_config(&server.url).into_builder().retry_config(retries).build();
    let timeouts =
        ServiceTimeouts { default: Duration::from_secs(60), first_delay: Duration::from_millis(5) };
    let services = services_with(&config, timeouts);

    let result = match case.operation.as_str() {
        "GetFunction" => aws_state(&services, &service).await.map(|_| ()),
        _ => restart(&services, &service).await.0,
    };

    let attempts = server.bodies(&asked).len();
    let Err(error) = result else {
        assert!(attempts > ERRORS, "{} of {} is no error", case.code, case.operation);
        return "retried until it is over".to_owned();
    };
    let shown = error.to_string();
    let message = match std::error::Error::source(&error) {
        Some(cause) => {
            assert!(shown.starts_with("cannot "), "{shown}");
            cause.to_string().replace(&format!("{}: said", case.code), "…")
        }
        None => format!("{}…{}", &shown[.."there is no ".len()], &shown[shown.rfind(": said").unwrap()..]),
    };
    let tried = match attempts {
        1 => "once",
        2 => "by the SDK",
        more => panic!("{} of {} is an error after {more} attempts", case.code, case.operation),
    };
    format!("{tried}, {:?}, {message}", error.kind())
}

/// Exit codes are those of the kinds: `Environment` is 3, `Failed` is 4.
///
/// `LimitExceededException` is retried because the SDK takes it for throttling, which it is in other services.
#[tokio::test]
async fn each_documented_error_of_each_call_means_something_and_is_retried_where_that_helps() {
    let outcomes = futures_util::stream::iter(cases()).map(|case| async move {
        let outcome = outcome(&case).await;
        (case, outcome)
    });
    let mut by_code: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    let mut outcomes = outcomes.buffer_unordered(16);
    while let Some((Case { operation, code, .. }, outcome)) = outcomes.next().await {
        by_code.entry(code).or_default().entry(outcome).or_default().insert(operation);
    }

    let mut shown = String::new();
    for (code, outcomes) in &by_code {
        for (outcome, operations) in outcomes {
            let operations = match outcomes.len() {
                1 => String::new(),
                _ => format!(" ({})", operations.iter().cloned().collect::<Vec<_>>().join(", ")),
            };
            shown.push_str(&format!("{code}: {outcome}{operations}\n"));
        }
    }
    insta::assert_snapshot!(shown, @"
    AccessDeniedException: once, Environment, AWS denies it: …
    BlockedException: once, Failed, AWS does not accept the request: …
    ClientException: once, Failed, AWS does not accept the request: …
    ClusterNotFoundException: once, Failed, there is no …: said
    CodeSigningConfigNotFoundException: once, Failed, AWS does not accept the request: …
    CodeStorageExceededException: once, Environment, a quota is used up: …
    CodeVerificationFailedException: once, Failed, AWS does not accept the request: …
    ConcurrentModificationException: retried until it is over
    ConflictException: once, Environment, something else is being done to it: … (RunTask)
    ConflictException: retried until it is over (UpdateSchedule)
    FunctionVersionsPerCapacityProviderLimitExceededException: once, Environment, a quota is used up: …
    InternalException: by the SDK, Environment, AWS is in trouble: …
    InternalServerException: by the SDK, Environment, AWS is in trouble: …
    InternalServiceErrorException: by the SDK, Environment, AWS is in trouble: …
    InvalidCodeSignatureException: once, Failed, AWS does not accept the request: …
    InvalidParameterException: once, Failed, AWS does not accept the request: …
    InvalidParameterValueException: once, Failed, AWS does not accept the request: …
    InvalidRequestException: once, Failed, AWS does not accept the request: …
    InvalidStateException: retried until it is over
    LimitExceededException: by the SDK, Environment, a quota is used up: …
    ManagedRuleException: once, Failed, AWS does not accept the request: …
    NamespaceNotFoundException: once, Failed, AWS does not accept the request: …
    PlatformTaskDefinitionIncompatibilityException: once, Failed, AWS does not accept the request: …
    PlatformUnknownException: once, Failed, AWS does not accept the request: …
    PreconditionFailedException: retried until it is over
    ResourceConflictException: retried until it is over
    ResourceNotFoundException: once, Failed, there is no …: said
    ServerException: by the SDK, Environment, AWS is in trouble: …
    ServiceException: by the SDK, Environment, AWS is in trouble: …
    ServiceNotActiveException: once, Failed, there is no …: said
    ServiceNotFoundException: once, Failed, there is no …: said
    ServiceQuotaExceededException: once, Environment, a quota is used up: …
    ThrottlingException: by the SDK, Environment, AWS was asked too often: …
    TooManyRequestsException: by the SDK, Environment, AWS was asked too often: …
    UnsupportedFeatureException: once, Failed, AWS does not accept the request: …
    ValidationException: once, Failed, AWS does not accept the request: …
    ");
}
