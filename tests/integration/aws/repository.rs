//! Repositories are there when they are needed, and as the manifest says.

use serde_json::{Value, json};

use crate::support::aws::REGION;
use crate::support::bed::setting;
use crate::support::proxy::{Fault, Proxy, Rule};
use crate::support::shop::{Cache, Shop};
use crate::support::world::Answer;

fn ensure(shop: &Shop) -> Answer {
    shop.world.run(["ensure_repo", "api", REGION])
}

fn changes(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.exit, 0, "{answer}");
    answer.stdout.lines().map(|line| line.split_once(": ").unwrap().1.to_owned()).collect()
}

fn lifecycle(shop: &Shop) -> Value {
    let answer = shop.ask("GetLifecyclePolicy", "api", json!({}));
    serde_json::from_str(answer["lifecyclePolicyText"].as_str().unwrap()).unwrap()
}

#[test]
fn a_build_makes_its_repositories_and_the_next_one_finds_its_image() {
    let shop = Shop::new().cache(Cache::ecr()).plain(["api"]);

    let built = shop.world.run(["build", "--json"]);
    assert_eq!(built.exit, 0, "{built}");
    let again = shop.world.run(["build", "--json"]);

    let (built, again) = (built.json(), again.json());
    let of_api = |report: &Value| report["projects"][0].clone();
    assert_eq!((&of_api(&built)["outcome"], &of_api(&again)["outcome"]), (&json!("built"), &json!("reused")));
    assert_eq!(of_api(&built)["image"], of_api(&again)["image"]);
    let tags = shop.tags("api");
    let kinds: Vec<&str> = tags.iter().map(|tag| tag.split('-').next().unwrap()).collect();
    assert_eq!(kinds, ["branch", "cache", "commit", "pushed", "record"]);
    assert_eq!(shop.tags("shop-builds").len(), 2);
}

#[test]
fn what_is_as_it_should_be_is_not_written_again() {
    let shop = Shop::new().cache(Cache::ecr()).policy("scan_on_push = true").plain([]);

    let first = changes(&ensure(&shop));
    let second = ensure(&shop);

    assert_eq!(first, ["created", "lifecycle policy: 200 images are kept"]);
    assert_eq!(changes(&second), [""; 0]);
    assert!(second.stderr.contains("api is as it should be"), "{second}");
    let there =
        shop.ask("DescribeRepositories", "", json!({ "repositoryNames": [format!("{}api", shop.prefix)] }));
    assert_eq!(there["repositories"][0]["imageScanningConfiguration"]["scanOnPush"], true);
}

#[test]
fn what_the_manifest_says_anew_is_changed_and_what_it_leaves_out_is_not() {
    let shop = Shop::new().cache(Cache::ecr()).policy("scan_on_push = true").plain([]);
    changes(&ensure(&shop));

    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let manifest = manifest.replace("scan_on_push = true", "keep = 7, immutable_tags = true");
    shop.world.write("projects.toml", manifest).commit();
    let changed = changes(&ensure(&shop));

    assert_eq!(changed[0], "tags can't be moved any more");
    let replaced = "lifecycle policy: 7 images are kept; it replaces {";
    assert!(changed[1].starts_with(replaced), "{changed:?}");
    assert!(lifecycle(&shop).to_string().contains("keep the newest 7 images with tags `cache-*`"));
    let there =
        shop.ask("DescribeRepositories", "", json!({ "repositoryNames": [format!("{}api", shop.prefix)] }));
    assert_eq!(there["repositories"][0]["imageTagMutability"], "MUTABLE_WITH_EXCLUSION");
    assert_eq!(there["repositories"][0]["imageTagMutabilityExclusionFilters"][0]["filter"], "cache-*");
    assert_eq!(there["repositories"][0]["imageScanningConfiguration"]["scanOnPush"], true);
}

// issue 17: A7
#[test]
fn a_policy_that_somebody_else_wrote_is_replaced_only_where_that_is_asked_for() {
    let shop = Shop::new().cache(Cache::ecr()).plain([]);
    changes(&ensure(&shop));
    let ours = lifecycle(&shop);
    let put = |text: &str| shop.ask("PutLifecyclePolicy", "api", json!({ "lifecyclePolicyText": text }));
    let policy = |policy: &str| {
        let manifest = shop.world.file("projects.toml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        let line = text.lines().find(|line| line.starts_with("policy = ")).unwrap().to_owned();
        shop.world.write("projects.toml", text.replace(&line, &format!("policy = {{ {policy} }}"))).commit();
    };

    // Its layout does not matter.
    put(&format!("{ours:#}"));
    assert_eq!(changes(&ensure(&shop)), [""; 0]);
    put(r#"{"rules":[]}"#);
    let stays = changes(&ensure(&shop));
    policy("lifecycle = false");
    let left = changes(&ensure(&shop));
    policy("lifecycle = true");
    let replaced = changes(&ensure(&shop));
    policy("");
    put(&ours.to_string().replace("200", "300"));
    let adjusted = changes(&ensure(&shop));

    let said = "somebody else's stays, which `keep` or `lifecycle = true` would replace: {\"rules\":[]}";
    assert_eq!(stays, [format!("lifecycle policy: {said}")]);
    assert_eq!(left, [""; 0]);
    assert_eq!(replaced, ["lifecycle policy: 200 images are kept; it replaces {\"rules\":[]}"]);
    assert!(adjusted[0].starts_with("lifecycle policy: 200 images are kept; it replaces {"), "{adjusted:?}");
    assert_eq!(lifecycle(&shop), ours);
}

// issue 17: A7
#[test]
fn a_new_repository_has_what_the_policy_says_and_an_old_one_gets_what_can_be_changed() {
    let key = "arn:aws:kms:us-east-2:123456789012:key/1";
    let policy = format!(
        "repository_policy = \"ecr.json\", tags = {{ team = \"shop\" }}, kms_key = \"{key}\", lifecycle = false"
    );
    let shop = Shop::new().cache(Cache::ecr()).policy(&policy);
    shop.world.write("ecr.json", r#"{ "Version": "2012-10-17", "Statement": [] }"#);
    let shop = shop.plain([]);
    let described = || {
        let names = json!({ "repositoryNames": [format!("{}api", shop.prefix)] });
        shop.ask("DescribeRepositories", "", names)["repositories"][0].clone()
    };
    let tags = || {
        let arn = described()["repositoryArn"].clone();
        shop.ask("ListTagsForResource", "api", json!({ "resourceArn": arn }))["tags"].clone()
    };

    let first = changes(&ensure(&shop));
    assert_eq!(first, ["created", "repository policy set"]);
    assert_eq!(described()["encryptionConfiguration"], json!({ "encryptionType": "KMS", "kmsKey": key }));
    assert_eq!(tags(), json!([{ "Key": "team", "Value": "shop" }]));
    assert_eq!(changes(&ensure(&shop)), [""; 0]);

    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let manifest =
        manifest.replace("team = \"shop\"", "team = \"web\", cost = \"7\"").replace("key/1", "key/2");
    shop.world.write("projects.toml", manifest).write("ecr.json", r#"{"Statement":[{}]}"#).commit();
    let second = changes(&ensure(&shop));

    assert_eq!(second[0], "tags set: `cost`, `team`");
    assert_eq!(second[1], format!("encrypted with {key}, which ECR can't change to `kms_key` any more"));
    assert!(second[2].starts_with("repository policy set; it replaces {"), "{second:?}");
    assert_eq!(tags().as_array().unwrap().len(), 2, "{}", tags());
}

// issue 17: A7
#[test]
fn a_repository_that_others_create_is_not_created() {
    let shop = Shop::new().cache(Cache::ecr()).policy("create = false").plain([]);

    let refused = ensure(&shop);

    assert_eq!(refused.exit, 3, "{refused}");
    let said = format!("error: the repository `{}api` is not there, and `create = false`", shop.prefix);
    assert!(refused.stderr.contains(&said), "{refused}");
    shop.ask("CreateRepository", "api", json!({}));
    assert_eq!(changes(&ensure(&shop)), ["lifecycle policy: 200 images are kept"]);
}

// issue 17: A7
#[test]
fn a_repository_policy_that_can_t_be_read_is_wrong_input() {
    let shop = Shop::new().cache(Cache::ecr()).policy("repository_policy = \"ecr.json\"").plain([]);

    let missing = ensure(&shop);
    shop.world.write("ecr.json", "{").commit();
    let broken = ensure(&shop);

    assert_eq!((missing.exit, broken.exit), (2, 2), "{missing}{broken}");
    assert!(missing.stderr.contains("the repository policy `ecr.json` is not in the commit"), "{missing}");
    assert!(broken.stderr.contains("the repository policy `ecr.json` is not a JSON object"), "{broken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_make_a_repository_at_once_both_succeed() {
    // Both are told that it isn't there, so both try to make it.
    let absent = r#"{"__type":"RepositoryNotFoundException","message":"no"}"#;
    let rule = crate::aws::rules::answers(2, "DescribeRepositories", 400, absent);
    let proxy = Proxy::start(&setting("AWS_1"), [rule]).await;
    let shop = Shop::new().cache(Cache::Ecr(proxy.host().to_owned())).plain([]);

    let running = [(); 2].map(|()| {
        let mut command = shop.world.command(["ensure_repo", "api", REGION]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    });
    let answers = running.map(|child| Answer::from(child.wait_with_output().unwrap()));

    let created = answers.iter().filter(|answer| changes(answer).contains(&"created".to_owned()));
    assert_eq!(created.count(), 1, "{answers:?}");
    assert_eq!(changes(&ensure(&shop)), [""; 0]);
}

// issue 17: A13
#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_the_registry_does_not_know_yet_is_waited_for() {
    let body = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"The repository does not exist"}]}"#.to_owned();
    let unknown = Fault::Status { code: 404, headers: Vec::new(), body };
    let rule = Rule { method: "GET", path: "/manifests/latest", times: 2, fault: unknown };
    let proxy = Proxy::start(&setting("AWS_1"), [rule]).await;
    let shop = Shop::new().cache(Cache::Ecr(proxy.host().to_owned())).plain([]);

    let created = changes(&ensure(&shop));

    assert_eq!(created[0], "created");
    let asked = proxy.record().into_iter().filter(|passed| passed.path.ends_with("/manifests/latest"));
    assert_eq!(asked.map(|passed| passed.status).collect::<Vec<_>>(), [404, 404, 404]);
}

#[test]
fn a_taint_that_is_taken_away_leaves_the_image_and_other_taints() {
    let shop = Shop::new().cache(Cache::ecr()).plain(["api", "web"]);
    assert_eq!(shop.world.run(["build"]).exit, 0);
    for project in ["api", "api", "web"] {
        assert_eq!(shop.world.run(["taint", project]).exit, 0);
    }
    assert_eq!(shop.world.run(["untaint", "web"]).exit, 0);
    assert_eq!(shop.tags("shop-taints").len(), 2);

    let again = shop.world.run(["build"]);

    assert_eq!(again.exit, 0, "{again}");
    assert!(again.stdout.contains("built     api"), "{again}");
    let kinds: Vec<String> =
        shop.tags("api").iter().map(|tag| tag.split('-').next().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["branch", "cache", "commit", "pushed", "record"]);
    assert!(again.stdout.contains("1 built, 1 reused"), "{again}");
    assert!(shop.tags("shop-taints").is_empty(), "{:?}", shop.tags("shop-taints"));
}

#[test]
fn a_region_that_is_nobodys_is_wrong_input() {
    let shop = Shop::new().cache(Cache::ecr()).plain([]);

    insta::assert_snapshot!(shop.world.run(["ensure_repo", "api", "eu-west-1"]), @"
    stderr: error: neither `[cache]` nor `[deploy]` is a registry of kind `ecr` in `eu-west-1`
    [exit: 2]
    ");
}

#[test]
fn the_answer_is_json_where_it_is_asked_for() {
    let shop = Shop::new().cache(Cache::ecr()).plain([]);

    let answer = shop.world.run(["ensure_repo", "api", REGION, "--json"]).json();

    let repository = format!("{}/{}api", setting("AWS_1"), shop.prefix);
    let changes = json!([{ "kind": "created" }, { "kind": "lifecycle", "keep": 200 }]);
    assert_eq!(
        answer,
        json!({
            "schema": "chinampa.ensure_repo/2",
            "repositories": [{ "repository": repository, "changes": changes }],
        })
    );
}
