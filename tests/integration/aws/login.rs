//! The login token is fetched once, replaced when it has to be, and never shown.

use crate::aws::rules::{demands, gives, shown};
use crate::support::aws::REGION;
use crate::support::bed::setting;
use crate::support::proxy::{Fault, Proxy, Rule};
use crate::support::shop::{Cache, Shop};

const TWELVE_HOURS: u64 = 12 * 60 * 60;

fn tokens_fetched(proxy: &Proxy) -> usize {
    proxy
        .record()
        .iter()
        .filter(|passed| passed.operation.as_deref() == Some("GetAuthorizationToken"))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_is_fetched_for_many_images_and_shown_only_when_asked_for() {
    let rules = [gives("t0ken-1", TWELVE_HOURS), demands("", "/v2/", &["t0ken-1"], 401)];
    let proxy = Proxy::start(&setting("AWS_1"), rules).await;
    let shop = Shop::new()
        .cache(Cache::Ecr(proxy.host().to_owned()))
        .plain(["a", "b", "c", "d", "e", "f", "g", "h"]);

    let plan = shop.world.run(["plan", "-vv"]);

    assert_eq!(plan.exit, 0, "{plan}");
    assert_eq!(tokens_fetched(&proxy), 1);
    let asked = proxy.record().into_iter().filter(|passed| passed.path.starts_with("/v2/"));
    let (with, without): (Vec<_>, Vec<_>) = asked.partition(|passed| passed.authorization.is_some());
    assert!(with.len() > 8 && !without.is_empty(), "{:?}", proxy.lines());
    assert!(with.iter().all(|passed| passed.authorization == Some(shown("t0ken-1"))));
    assert!(without.iter().all(|passed| passed.status == 401));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expires_in_the_middle_of_a_push_is_replaced() {
    // ECR says 403 to an expired token, other registries 401.
    for otherwise in [401, 403] {
        let rules = [
            gives("t0ken-1", TWELVE_HOURS),
            gives("t0ken-2", TWELVE_HOURS),
            demands("PUT", "/manifests/branch-", &["t0ken-2"], otherwise),
            demands("", "/v2/", &["t0ken-1", "t0ken-2"], otherwise),
        ];
        let proxy = Proxy::start(&setting("AWS_1"), rules).await;
        let shop = Shop::new().cache(Cache::Ecr(proxy.host().to_owned())).plain(["api"]);

        let built = shop.world.run(["build", "-vv"]);

        assert_eq!(built.exit, 0, "{built}");
        assert_eq!(tokens_fetched(&proxy), 2, "{built}");
        let shown = [built.stdout, built.stderr].concat();
        assert!(!shown.contains("t0ken") && !shown.contains("s3cret"), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_about_to_expire_is_not_used_for_another_push() {
    let rules = [
        gives("t0ken-1", 60),
        gives("t0ken-2", TWELVE_HOURS),
        demands("", "/v2/", &["t0ken-1", "t0ken-2"], 401),
    ];
    let proxy = Proxy::start(&setting("AWS_1"), rules).await;
    let shop = Shop::new().cache(Cache::Ecr(proxy.host().to_owned())).plain(["api"]);

    let built = shop.world.run(["build"]);

    assert_eq!(built.exit, 0, "{built}");
    assert_eq!(tokens_fetched(&proxy), 2);
    let pushed = proxy.record().into_iter().filter(|passed| passed.method == "PUT");
    assert!(pushed.into_iter().all(|passed| passed.authorization == Some(shown("t0ken-2"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_an_error_and_not_absent() {
    let rules = [gives("t0ken-1", TWELVE_HOURS), demands("", "/v2/", &[], 403)];
    let proxy = Proxy::start(&setting("AWS_1"), rules).await;
    let shop = Shop::new().cache(Cache::Ecr(proxy.host().to_owned())).plain(["api"]);

    let plan = shop.world.run(["plan"]);

    assert_eq!(plan.exit, 3, "{plan}");
    assert!(plan.stderr.contains("denied"), "{plan}");
    // ECR says so to an expired token too.
    assert_eq!(tokens_fetched(&proxy), 2, "{:?}", proxy.lines());
}

#[test]
fn account_and_endpoint_come_from_the_environment_when_the_file_does_not_say_them() {
    let mut shop = Shop::new().cache(Cache::ecr()).plain([]);
    let manifest = format!(
        "[workspace]\nname = \"shop\"\n[cache]\nkind = \"ecr\"\nregion = \"{REGION}\"\nprefix = \"{}\"\n",
        shop.prefix
    );
    shop.world.write("projects.toml", manifest).commit();
    shop.world.set("AWS_ENDPOINT_URL", &format!("http://{}", setting("AWS_1")));

    let answer = shop.world.run(["ensure_repo", "api", REGION]);

    assert_eq!(answer.exit, 0, "{answer}");
    assert!(answer.stdout.starts_with("000000000000.dkr.ecr.us-east-2.amazonaws.com/"), "{answer}");
    assert!(!shop.ask("GetLifecyclePolicy", "api", serde_json::json!({}))["lifecyclePolicyText"].is_null());
}

/// A shop whose manifest names `host` as ECR's, without TLS, while AWS itself is at the proxy `aws`. All that goes to other
/// machines goes through the proxy `outside`.
fn shop_elsewhere(aws: &Proxy, outside: &Proxy, host: &str) -> Shop {
    let mut shop = Shop::new().cache(Cache::Ecr(aws.host().to_owned())).plain([]);
    let manifest = format!(
        "[workspace]\nname = \"shop\"\n[cache]\nkind = \"ecr\"\nregion = \"{REGION}\"\nhost = \"{host}\"\ninsecure = true\n\
         endpoint = \"http://{}\"\n[projects.api]\npath = \"api\"\n",
        aws.host()
    );
    shop.world.write("projects.toml", manifest).write("api/Dockerfile", "FROM scratch\n").commit();
    shop.world.set("HTTP_PROXY", &format!("http://{}", outside.host())).set("NO_PROXY", "127.0.0.1");
    shop
}

// issue 12: S3
#[tokio::test(flavor = "multi_thread")]
async fn a_host_of_the_manifest_gets_no_token_unless_the_environment_allows_it() {
    let token = Rule { times: usize::MAX, ..gives("t0ken-1", TWELVE_HOURS) };
    let aws = Proxy::start(&setting("AWS_1"), [token]).await;
    let outside = Proxy::start("127.0.0.1:1", [demands("", "/v2/", &["t0ken-1"], 401)]).await;
    let mut shop = shop_elsewhere(&aws, &outside, "registry.invalid");
    let authorizations =
        || outside.record().into_iter().filter_map(|passed| passed.authorization).collect::<Vec<_>>();

    let refused = shop.world.run(["plan"]);
    let sent = authorizations();
    shop.world.set("CHINAMPA_ALLOWED_HOSTS", "other.example,registry.invalid");
    shop.world.run(["plan"]);

    assert_eq!(refused.exit, 2, "{refused}");
    assert!(refused.stderr.contains("set `CHINAMPA_ALLOWED_HOSTS=registry.invalid`"), "{refused}");
    assert_eq!(sent, Vec::<String>::new());
    assert!(authorizations().contains(&shown("t0ken-1")));
}

// issue 12: S3
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_gets_the_token_that_aws_gave_for_it() {
    let token = gives("t0ken-1", TWELVE_HOURS);
    let aws = Proxy::start(&setting("AWS_1"), [with_proxy_endpoint(token, "http://registry.invalid")]).await;
    let outside = Proxy::start("127.0.0.1:1", [demands("", "/v2/", &["t0ken-1"], 401)]).await;
    let shop = shop_elsewhere(&aws, &outside, "registry.invalid");

    shop.world.run(["plan"]);

    assert!(outside.record().iter().any(|passed| passed.authorization == Some(shown("t0ken-1"))));
}

fn with_proxy_endpoint(mut rule: Rule, endpoint: &str) -> Rule {
    if let Fault::Status { body, .. } = &mut rule.fault {
        *body = body.replace("https://123456789012.dkr.ecr.us-east-2.amazonaws.com", endpoint);
    }
    rule
}
