//! Each error that ECR documents for a call of this program: what it says, how it ends, whether it is tried again.
//!
//! The errors are read from botocore's service model, so that one that is new has no expectation here, and fails.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::json;

use crate::aws::rules::answers;
use crate::support::aws::{ECR, REGION, ask};
use crate::support::bed::setting;
use crate::support::proxy::Proxy;
use crate::support::shop::{Cache, Shop};

/// The calls of AWS's API that are made, besides those behind `/v2/`.
const CALLS: [&str; 12] = [
    "BatchDeleteImage",
    "CreateRepository",
    "DescribeRepositories",
    "GetAuthorizationToken",
    "GetLifecyclePolicy",
    "GetRepositoryPolicy",
    "ListTagsForResource",
    "PutImageScanningConfiguration",
    "PutImageTagMutability",
    "PutLifecyclePolicy",
    "SetRepositoryPolicy",
    "TagResource",
];

const POLICY: &str = "keep = 7, immutable_tags = true, scan_on_push = true, repository_policy = \"policy.json\", \
    tags = { team = \"shop\" }";

/// The errors of each operation.
fn documented() -> BTreeMap<String, Vec<String>> {
    let script = "import json, botocore.loaders\n\
        model = botocore.loaders.Loader().load_service_model('ecr', 'service-2')\n\
        print(json.dumps({name: sorted(error['shape'] for error in operation.get('errors', []))\n\
        \x20   for name, operation in model['operations'].items()}))";
    let output = Command::new(setting("PYTHON")).args(["-c", script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// How a command ends when a call is always answered so: the exit code, how often the call is made, and what is said.
fn expected(call: &str, error: &str) -> Option<(i32, usize, &'static str)> {
    Some(match (call, error) {
        (_, "ServerException") => (3, 3, "AWS is in trouble: ServerException: no"),
        (_, "InvalidParameterException" | "InvalidTagParameterException" | "ValidationException") => {
            (2, 1, "hint: see whether AWS accepts what `projects.toml` says")
        }
        // The SDK takes the first for throttling.
        (_, "LimitExceededException") => (3, 3, "a quota of AWS is reached: "),
        (_, "TooManyTagsException") => (3, 1, "a quota of AWS is reached: "),
        (_, "KmsException") => (3, 1, "hint: see whether `kms_key` is a key of this region"),
        // What isn't there is an answer.
        ("DescribeRepositories", "RepositoryNotFoundException") => (0, 2, ""),
        ("BatchDeleteImage", "RepositoryNotFoundException") => (0, 1, ""),
        (_, "LifecyclePolicyNotFoundException" | "RepositoryPolicyNotFoundException") => (0, 1, ""),
        // It was described or created just before.
        (_, "RepositoryNotFoundException") => (3, 5, "RepositoryNotFoundException: no"),
        // Another one was quicker.
        ("CreateRepository", "RepositoryAlreadyExistsException") => (0, 1, ""),
        _ => return None,
    })
}

/// What goes wrong in a case; nothing if it ends as expected.
async fn problem(call: &'static str, error: &str) -> Option<String> {
    let Some((exit, tries, said)) = expected(call, error) else {
        return Some(format!("{call}, {error}: nothing is expected of it"));
    };
    let status = if error == "ServerException" { 500 } else { 400 };
    let body = json!({ "__type": error, "message": "no" }).to_string();
    let mut rules = vec![answers(usize::MAX, call, status, &body)];
    if error == "RepositoryAlreadyExistsException" {
        let absent = r#"{"__type":"RepositoryNotFoundException","message":"no"}"#;
        rules.push(answers(1, "DescribeRepositories", 400, absent));
    }
    let proxy = Proxy::start(&setting("AWS_1"), rules).await;
    let host = proxy.host().to_owned();
    let is_there = call != "CreateRepository" || error == "RepositoryAlreadyExistsException";
    let (shop, answer) = tokio::task::spawn_blocking(move || run(call, is_there, host)).await.unwrap();
    let asked = proxy.record().iter().filter(|passed| passed.operation.as_deref() == Some(call)).count();
    let told = answer.stderr.replace(&shop.prefix, "");
    let is_right =
        answer.exit == exit && asked == tries && told.contains(said) && !told.contains("permissions");
    (!is_right).then(|| format!("{call}, {error}: {asked} times, expected {exit}, {tries}, {said}: {answer}"))
}

/// Runs a command that makes the call in a repository that is not as the manifest says.
fn run(call: &str, is_there: bool, host: String) -> (Shop, crate::support::world::Answer) {
    let shop = Shop::new().cache(Cache::Ecr(host)).policy(POLICY);
    shop.world.write("policy.json", r#"{"Version":"2012-10-17","Statement":[]}"#);
    let shop = shop.plain(["api"]);
    if call == "BatchDeleteImage" {
        let tainted = shop.world.run(["taint", "api"]);
        assert_eq!(tainted.exit, 0, "{tainted}");
        let answer = shop.world.run(["untaint", "api"]);
        return (shop, answer);
    }
    if is_there {
        let name = json!({ "repositoryName": format!("{}api", shop.prefix) });
        ask("AWS_1", REGION, "ecr", ECR, "CreateRepository", &name);
    }
    let answer = shop.world.run(["ensure_repo", "api", REGION]);
    (shop, answer)
}

// issue 17: A4
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_documented_error_has_a_meaning() {
    let documented = documented();
    let cases =
        CALLS.iter().flat_map(|call| documented[*call].iter().map(move |error| (*call, error.as_str())));

    let problems = futures_util::stream::iter(cases.map(|(call, error)| problem(call, error)));
    let problems: Vec<Option<String>> =
        futures_util::StreamExt::collect(futures_util::StreamExt::buffer_unordered(problems, 8)).await;

    assert!(problems.len() > 40, "{documented:?}");
    let problems: Vec<String> = problems.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// What is behind ECR's `/v2/` answers in the words of the distribution specification, which no model says. Those that were
/// seen are in `registry::answers`.
#[test]
fn the_errors_behind_v2_are_those_that_were_looked_at() {
    let calls = [
        "BatchCheckLayerAvailability",
        "BatchGetImage",
        "CompleteLayerUpload",
        "GetDownloadUrlForLayer",
        "InitiateLayerUpload",
        "ListImages",
        "PutImage",
        "UploadLayerPart",
    ];
    let documented = documented();

    let errors: std::collections::BTreeSet<&str> =
        calls.iter().flat_map(|call| documented[*call].iter().map(String::as_str)).collect();

    assert_eq!(
        errors.into_iter().collect::<Vec<_>>(),
        [
            "EmptyUploadException",
            "ImageAlreadyExistsException",
            "ImageDigestDoesNotMatchException",
            "ImageTagAlreadyExistsException",
            "InvalidLayerException",
            "InvalidLayerPartException",
            "InvalidParameterException",
            "KmsException",
            "LayerAlreadyExistsException",
            "LayerInaccessibleException",
            "LayerPartTooSmallException",
            "LayersNotFoundException",
            "LimitExceededException",
            "ReferencedImagesNotFoundException",
            "RepositoryNotFoundException",
            "ServerException",
            "UnableToGetUpstreamImageException",
            "UnableToGetUpstreamLayerException",
            "UploadNotFoundException",
        ]
    );
}
