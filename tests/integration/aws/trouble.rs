//! Trouble with AWS is told apart, ends with exit code 3, and is never read as "not there".

use std::time::{Duration, Instant};

use crate::aws::rules::answers;
use crate::support::aws::REGION;
use crate::support::bed::setting;
use crate::support::proxy::{Fault, Proxy, Rule};
use crate::support::shop::{Cache, Shop};
use crate::support::world::Answer;

/// What `ensure_repo` says when AWS answers so to each of its tries.
async fn ensure(operation: &'static str, code: u16, body: &str) -> (Answer, usize) {
    let proxy = Proxy::start(&setting("AWS_1"), [answers(usize::MAX, operation, code, body)]).await;
    let shop = Shop::new().cache(Cache::Ecr(proxy.host().to_owned())).plain([]);

    let mut answer = shop.world.run(["ensure_repo", "api", REGION, "-q"]);

    let name = format!("{}api", shop.prefix);
    answer.stderr = answer.stderr.replace(&name, "[repository]").replace(proxy.host(), "[host]");
    let tries = proxy.record().iter().filter(|passed| passed.operation.as_deref() == Some(operation)).count();
    (answer, tries)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_make_repositories_is_told_so_at_once() {
    let body =
        r#"{"__type":"AccessDeniedException","message":"User: arn:aws:iam::1:user/ci is not authorized"}"#;

    let (answer, tries) = ensure("CreateRepository", 400, body).await;

    insta::assert_snapshot!(answer, @"
    stderr: error: cannot create the repository `[repository]`
    stderr:   because: AWS denies it: AccessDeniedException: User: arn:aws:iam::1:user/ci is not authorized
    stderr:   hint: allow the action in the IAM policy of the principal that is denied
    [exit: 3]
    ");
    assert_eq!(tries, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_have_expired_are_told_from_a_denial() {
    let body = r#"{"__type":"ExpiredTokenException","message":"The security token is expired"}"#;

    let (answer, tries) = ensure("GetAuthorizationToken", 400, body).await;

    insta::assert_snapshot!(answer, @"
    stderr: error: cannot tell the credentials for `[host]`
    stderr:   because: no token for ECR
    stderr:   because: the credentials for AWS have expired: ExpiredTokenException: The security token is expired
    stderr:   hint: sign in to AWS, such as with `aws sso login`, or name a profile with `AWS_PROFILE`
    [exit: 3]
    ");
    assert_eq!(tries, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_is_waited_out_three_times_and_is_not_absence() {
    let body = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;

    let (answer, tries) = ensure("DescribeRepositories", 400, body).await;

    insta::assert_snapshot!(answer, @"
    stderr: error: cannot look at the repository `[repository]`
    stderr:   because: AWS was asked too often: ThrottlingException: Rate exceeded
    [exit: 3]
    ");
    assert_eq!(tries, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_that_passes_is_not_seen() {
    let body = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
    let proxy = Proxy::start(&setting("AWS_1"), [answers(1, "CreateRepository", 400, body)]).await;
    let shop = Shop::new().cache(Cache::Ecr(proxy.host().to_owned())).plain([]);

    let answer = shop.world.run(["ensure_repo", "api", REGION]);

    assert_eq!(answer.exit, 0, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_the_place_of_aws_is_not_an_answer() {
    let (answer, _) = ensure("DescribeRepositories", 200, "<html>please log in</html>").await;

    assert_eq!(answer.exit, 3, "{answer}");
    assert!(answer.stderr.contains("unexpected answer from AWS"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_whose_repository_cant_be_made_fails_and_the_report_is_complete() {
    let body = r#"{"__type":"AccessDeniedException","message":"no"}"#;
    let proxy = Proxy::start(&setting("AWS_1"), [answers(usize::MAX, "CreateRepository", 400, body)]).await;
    let shop = Shop::new().cache(Cache::Ecr(proxy.host().to_owned())).plain(["api"]);

    let answer = shop.world.run(["build"]);

    assert_eq!(answer.exit, 4, "{answer}");
    assert!(answer.stdout.contains("AWS denies it: AccessDeniedException: no"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_where_nobody_listens_or_answers_is_given_up_in_time() {
    let shop = Shop::new().cache(Cache::Ecr("127.0.0.1:1".to_owned())).plain([]);
    let start = Instant::now();
    let answer = shop.world.run(["ensure_repo", "api", REGION]);
    assert!(start.elapsed() < Duration::from_secs(15), "{answer}");
    assert_eq!(answer.exit, 3, "{answer}");
    assert!(answer.stderr.contains("AWS can't be reached"), "{answer}");

    let refuse = Rule { method: "POST", path: "", times: usize::MAX, fault: Fault::Refuse };
    let proxy = Proxy::start(&setting("AWS_1"), [refuse]).await;
    let shop = Shop::new().cache(Cache::Ecr(proxy.host().to_owned())).plain([]);
    let answer = shop.world.run(["ensure_repo", "api", REGION]);
    assert_eq!(answer.exit, 3, "{answer}");
    assert!(answer.stderr.contains("AWS can't be reached"), "{answer}");
}

#[test]
fn missing_credentials_are_told_from_a_missing_network() {
    let shop = Shop::new().cache(Cache::ecr()).plain([]);
    let mut command = shop.world.command(["ensure_repo", "api", REGION]);
    let command = command.env_remove("AWS_ACCESS_KEY_ID").env("AWS_PROFILE", "nobody");

    let answer = Answer::from(command.output().unwrap());

    assert_eq!(answer.exit, 3, "{answer}");
    assert!(answer.stderr.contains("there are no credentials for AWS that can be used"), "{answer}");
    assert!(answer.stderr.contains("aws sso login"), "{answer}");
}
