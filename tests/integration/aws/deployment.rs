//! Built in one region, deployed to another: both are emulators, and a proxy writes down what the second is asked.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::aws::rules::{demands, gives, shown};
use crate::support::aws::ask;
use crate::support::bed::setting;
use crate::support::proxy::{Passed, Proxy, Rule};
use crate::support::shop::{Cache, Shop};
use crate::support::world::{Answer, World};

pub(crate) const DEPLOY_REGION: &str = "eu-west-2";

/// A shop that is deployed to the second region through a proxy.
pub(crate) struct Deployed {
    pub(crate) shop: Shop,
    proxy: Proxy,
}

/// Waits for a condition, and says which one did not come.
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(60), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn signal(process: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap().success());
}

impl Deployed {
    /// `lib`, and `api` that needs it, with `more` in its entry.
    pub(crate) async fn new(more: &str) -> Self {
        Self::with_rules(more, []).await
    }

    /// The same where the proxy breaks something.
    pub(crate) async fn with_rules(more: &str, rules: impl IntoIterator<Item = Rule>) -> Self {
        let proxy = Proxy::start(&setting("AWS_2"), rules).await;
        let mut shop = Shop::new().cache(Cache::ecr()).plain(["lib", "api"]);
        let host = proxy.host();
        for service in ["ECS", "LAMBDA", "APPRUNNER", "SCHEDULER", "EVENTBRIDGE"] {
            shop.world.set(&format!("AWS_ENDPOINT_URL_{service}"), &format!("http://{host}"));
        }
        let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
        let prefix = &shop.prefix;
        let deploy = format!(
            "[deploy]\nkind = \"ecr\"\nregion = \"{DEPLOY_REGION}\"\nhost = \"{host}\"\n\
             endpoint = \"http://{host}\"\nprefix = \"{prefix}\"\n\
             [environments.dev]\nbranch = \"main\"\n[environments.prod]\ntag = \"v*\"\n"
        );
        let manifest = manifest.replace("[projects.lib]", &format!("{deploy}[projects.lib]"));
        shop.world
            .write("projects.toml", format!("{manifest}{more}\n"))
            .write("api/Dockerfile", "FROM lib\nCOPY f /g\n")
            .commit();
        Self { shop, proxy }
    }

    /// Changes one project's image, and commits that.
    pub(crate) fn change(&self, project: &str) -> String {
        let file = format!("{project}/f");
        let old = std::fs::read_to_string(self.shop.world.file(&file)).unwrap();
        self.shop.world.write(&file, format!("{old}+"));
        self.shop.world.commit()
    }

    pub(crate) fn build(&self) {
        let built = self.shop.world.run(["build", "-q"]);
        assert_eq!(built.exit, 0, "{built}");
    }

    pub(crate) fn deploy(&self) -> Answer {
        self.shop.world.run(["deploy", "-e", "dev"])
    }

    pub(crate) fn deployed(&self) {
        let answer = self.deploy();
        assert_eq!(answer.exit, 0, "{answer}");
    }

    /// Asks the second region itself.
    fn ask(&self, operation: &str, repository: &str) -> Value {
        let request = json!({ "repositoryName": format!("{}{repository}", self.shop.prefix) });
        ask("AWS_2", DEPLOY_REGION, "ecr", "AmazonEC2ContainerRegistry_V20150921", operation, &request)
    }

    /// The digest that a tag stands for in the second region, or nothing.
    fn digest(&self, repository: &str, tag: &str) -> Option<String> {
        let answer = self.ask("DescribeImages", repository);
        let images = answer["imageDetails"].as_array()?;
        let has =
            |image: &&Value| image["imageTags"].as_array().is_some_and(|tags| tags.contains(&tag.into()));
        Some(images.iter().find(has)?["imageDigest"].as_str().unwrap().to_owned())
    }

    /// The digest that the first region has for the last build of `main`.
    pub(crate) fn built_digest(&self, repository: &str) -> String {
        let request = json!({});
        let answer = self.shop.ask("DescribeImages", repository, request);
        let images = answer["imageDetails"].as_array().unwrap().clone();
        let has = |image: &Value| image["imageTags"].as_array().unwrap().contains(&"branch-main".into());
        images.iter().find(|image| has(image)).unwrap()["imageDigest"].as_str().unwrap().to_owned()
    }

    /// The reference of an image in the second region.
    pub(crate) fn image(&self, repository: &str, tag: &str) -> String {
        format!("{}/{}{repository}:{tag}", self.proxy.host(), self.shop.prefix)
    }

    /// What the second region says of a repository.
    fn described(&self, repository: &str) -> Vec<Value> {
        let names = json!({ "repositoryNames": [format!("{}{repository}", self.shop.prefix)] });
        let ecr = "AmazonEC2ContainerRegistry_V20150921";
        let answer = ask("AWS_2", DEPLOY_REGION, "ecr", ecr, "DescribeRepositories", &names);
        answer["repositories"].as_array().unwrap().clone()
    }

    /// Everything that changed something in the second region, the lock aside.
    pub(crate) fn writes(&self) -> Vec<Passed> {
        let reads = ["BatchGetImage", "GetAuthorizationToken", "ListImages", "GetLifecyclePolicy"];
        let is_read = |operation: &str| operation.starts_with("Describe") || reads.contains(&operation);
        let mut record = self.proxy.record();
        record.retain(|passed| match &passed.operation {
            Some(operation) => !is_read(operation),
            None => !matches!(passed.method.as_str(), "GET" | "HEAD"),
        });
        // The lock is a tag that is written, moved away and deleted, with the documents behind it.
        record.retain(|passed| match &passed.operation {
            Some(operation) => operation != "BatchDeleteImage",
            None => {
                let of_lock =
                    ["/manifests/deploying-", "shop-builds/manifests/sha256:", "shop-builds/blobs/"];
                of_lock.iter().all(|part| !passed.path.contains(part))
            }
        });
        record
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_built_in_one_region_is_deployed_in_the_other_and_a_second_time_nothing_is_done() {
    let it = Deployed::new("tags = [\"latest\"]").await;
    it.build();
    let commit = it.shop.world.git(["rev-parse", "HEAD"]);
    it.shop.world.git(["tag", "v1.2"]);

    it.deployed();

    for repository in ["lib", "api"] {
        let built = it.built_digest(repository);
        for tag in [&commit, "v1.2", "shop-dev"] {
            assert_eq!(it.digest(repository, tag).as_ref(), Some(&built), "{repository}:{tag}");
        }
    }
    assert_eq!(it.digest("api", "latest"), it.digest("api", "shop-dev"));
    assert_eq!(it.digest("lib", "latest"), None);
    assert!(it.shop.tags("api").contains("deployed-dev"), "the cache may forget what runs");

    let before = it.writes().len();
    let again = it.deploy();

    let short = &commit[..10];
    assert_eq!(again.stdout, format!("`dev` runs {short} already, all of it: nothing to do\n"));
    assert_eq!(again.exit, 0);
    assert_eq!(it.writes().len(), before, "the second deployment wrote something");

    it.change("lib");
    let why = it.shop.world.run(["why", "api", "--against", "deployed:dev"]);
    let never = it.shop.world.run(["why", "api", "--against", "deployed:prod"]);

    assert!(why.stderr.contains("(what `dev` runs)") && why.stdout.contains("`lib/f` was modified"), "{why}");
    assert_eq!(never.exit, 2);
    assert!(never.stderr.contains("error: nothing was deployed to `prod` yet"), "{never}");
    let base = it.shop.world.run(["check_rebuild", "api", "--base", "deployed:dev"]);
    assert_eq!(base.exit, 0, "{base}");
    assert!(base.stderr.contains("(what `dev` runs)"), "{base}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_built_completely_is_not_deployed() {
    let it = Deployed::new("").await;
    it.shop.world.write("api/Dockerfile", "FROM lib\nCOPY missing /g\n").commit();
    let built = it.shop.world.run(["build", "-q"]);
    assert_eq!(built.exit, 4, "{built}");

    let answer = it.deploy();

    assert_eq!(answer.exit, 4, "{answer}");
    assert!(answer.stderr.contains("was not built completely: there is no image of `api`"), "{answer}");
    // The lock needs a repository.
    let written: Vec<_> = it.writes().into_iter().map(|passed| passed.operation).collect();
    assert_eq!(written, [Some("CreateRepository".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_commit_needs_rollback_and_only_what_differs_is_deployed() {
    let it = Deployed::new("service = { kind = \"command\", run = [\"true\"] }").await;
    it.build();
    it.deployed();
    let older = it.shop.world.git(["rev-parse", "HEAD"]);
    let old_image = it.digest("api", "shop-dev");
    it.change("api");
    it.build();
    let newer = it.deploy();
    assert!(newer.stdout.contains("deployed  api  "), "{newer}");
    assert!(newer.stdout.contains("1 deployed, 1 unchanged to `dev` at "), "{newer}");
    assert_ne!(it.digest("api", "shop-dev"), old_image);

    let refused = it.shop.world.run(["deploy", "-e", "dev", "--head", &older]);

    assert_eq!(refused.exit, 4, "{refused}");
    assert!(refused.stderr.contains("hint: to go back on purpose: `--rollback`"), "{refused}");

    let back = it.shop.world.run(["deploy", "-e", "dev", "--head", &older, "--rollback"]);

    assert_eq!(back.exit, 0, "{back}");
    assert_eq!(it.digest("api", "shop-dev"), old_image);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_the_environment_does_not_take_is_refused_before_anything_is_asked() {
    let it = Deployed::new("").await;
    it.build();
    it.shop.world.git(["checkout", "-q", "-b", "feature"]);
    it.change("api");

    let answer = it.deploy();

    assert_eq!(answer.exit, 4, "{answer}");
    assert!(answer.stderr.contains("may not be deployed to `dev`, which takes commits of the branch `main`"));
    assert!(it.proxy.record().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_all_and_writes_nothing() {
    let it = Deployed::new("service = { kind = \"command\", run = [\"false\"] }").await;
    it.build();

    let answer = it.shop.world.run(["deploy", "-e", "dev", "--dry-run"]);

    assert_eq!(answer.exit, 0, "{answer}");
    assert!(answer.stdout.contains(&format!("{}api@{}", it.shop.prefix, it.built_digest("api"))), "{answer}");
    assert!(answer.stdout.contains("  restart the service: it was never deployed here\n"), "{answer}");
    assert!(it.writes().is_empty(), "{:?}", it.writes());
    assert!(it.proxy.record().iter().all(|passed| !passed.path.contains("deploying-")), "a lock was taken");

    let json = it.shop.world.run(["deploy", "-e", "dev", "--dry-run", "--json"]).json();
    let api = &json["plan"][1];
    assert_eq!((&json["schema"], &api["old_image"]), (&json!("chinampa.deploy/2"), &json!(null)));
    assert_eq!(api["new_image"], json!(it.built_digest("api")));
    assert_eq!(api["service"], json!({ "action": "restart", "reason": "it was never deployed here" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn status_says_what_a_deployment_would_change_or_why_there_is_none() {
    let it = Deployed::new("service = { kind = \"command\", run = [\"true\"] }").await;
    let next = |it: &Deployed| {
        let answer = it.shop.world.run(["status", "-e", "dev", "--json"]);
        assert_eq!(answer.exit, 0, "{answer}");
        answer.json()["next"].clone()
    };
    let said = |it: &Deployed| it.shop.world.run(["status", "-e", "dev"]).stdout;
    it.build();
    it.deployed();
    let commit = it.shop.world.git(["rev-parse", "HEAD"]);

    let nothing = (next(&it), said(&it));
    let all = it.shop.world.run(["status"]);
    let changed = it.change("api");
    let not_built = (next(&it), said(&it));
    it.build();
    let built = (next(&it), said(&it));
    it.deployed();
    it.shop.world.git(["checkout", "-q", &commit]);
    let older = (next(&it), said(&it));

    assert_eq!((&nothing.0["state"], &nothing.0["commit"]), (&json!("planned"), &json!(commit)));
    assert!(nothing.0["projects"].as_array().unwrap().iter().all(|it| it["steps"] == json!([])));
    let short = |commit: &str| commit[..10].to_owned();
    let line = format!("; a deployment of {} would change nothing\n", short(&commit));
    let first = |text: &str| format!("{}\n", text.lines().next().unwrap_or_default());
    assert!(
        first(&nothing.1).starts_with("`dev` is steady: runs ") && first(&nothing.1).ends_with(&line),
        "{}",
        nothing.1
    );
    assert!(!nothing.1.contains("sha256:"), "{}", nothing.1);
    // Without an environment, a line for each.
    let lines: Vec<&str> = all.stdout.lines().collect();
    assert_eq!((all.exit, lines.len()), (0, 2), "{all}");
    assert!(
        lines[0].starts_with("`dev` is steady: runs ") && lines[1].starts_with("`prod` is empty: "),
        "{all}"
    );
    let was_not_built = format!("{} was not built completely: there is no image of `api`", short(&changed));
    assert_eq!(not_built.0["state"], "refused");
    assert_eq!(not_built.0["causes"], json!([was_not_built]));
    let line = format!("a deployment of {} would be refused: {was_not_built}\n", short(&changed));
    assert!(not_built.1.ends_with(&line), "{}", not_built.1);
    let steps = |action: &str, target: &str| json!({ "action": action, "target": target, "reason": "its image changed" });
    let repository = format!("{}api", it.shop.prefix);
    assert_eq!(
        built.0["projects"],
        json!([
            { "name": "lib", "steps": [] },
            { "name": "api", "steps": [steps("promote", &repository), steps("restart", "command")] },
        ])
    );
    let image = format!("{repository} {}", &it.built_digest("api")["sha256:".len()..][..12]);
    let line = format!("; a deployment of {} would change 1 of 2 images\n", short(&changed));
    assert!(first(&built.1).ends_with(&line), "{}", built.1);
    let lines = format!(
        "a deployment of {} would change:\n  api:\n    promote {image}: its image changed\n    \
         restart the service: its image changed\n  nothing, because it runs already: lib\n",
        short(&changed)
    );
    assert!(built.1.ends_with(&lines), "{}", built.1);
    assert_eq!(older.0["state"], "refused");
    assert!(older.1.contains("which already has"), "{}", older.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn status_says_what_runs_even_if_the_next_deployment_cannot_be_planned() {
    let mut it = Deployed::new("").await;
    it.build();
    it.deployed();
    it.shop.world.set("CHINAMPA_TRUST", "untrusted");

    let answer = it.shop.world.run(["status", "-e", "dev"]);

    assert_eq!(answer.exit, 0, "{answer}");
    assert!(answer.stdout.contains("  api: ") && answer.stdout.contains("  lib: "), "{answer}");
    assert!(answer.stdout.contains(" cannot be planned here: "), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_deployed_any_more_is_left_alone_and_counts_no_more() {
    let it = Deployed::new("").await;
    it.build();
    it.deployed();
    let manifest = std::fs::read_to_string(it.shop.world.file("projects.toml")).unwrap();
    it.shop.world.write("projects.toml", format!("{manifest}deploy = false\n")).commit();
    it.build();

    let planned = it.shop.world.run(["deploy", "-e", "dev", "--dry-run"]);
    it.deployed();

    let left = "api: this commit does not deploy it; what runs of it is left alone\n";
    assert!(planned.stdout.contains(left), "{planned}");
    let status = it.shop.world.run(["status", "-e", "dev"]);
    assert!(status.stdout.starts_with("`dev` is steady: "), "{status}");
    assert!(status.stdout.contains(" (not deployed any more; what runs of it was left alone)\n"), "{status}");
    let images = it.shop.world.run(["images", "-e", "dev"]);
    assert!(images.stdout.starts_with("lib ") && images.stdout.lines().count() == 1, "{images}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_half_way_is_told_and_taken_up_again() {
    let it = Deployed::new("service = { kind = \"command\", run = [\"test\", \"-e\", \"ready\"] }").await;
    it.build();

    let failed = it.deploy();

    assert_eq!(failed.exit, 4, "{failed}");
    assert!(failed.stdout.contains("failed    api after "), "{failed}");
    assert!(
        failed.stdout.contains("          it ran nothing before\n1 deployed, 1 failed to `dev` at "),
        "{failed}"
    );
    it.shop.world.write("ready", "");
    let status = it.shop.world.run(["status", "-e", "dev"]);
    assert!(status.stdout.contains("  lib: ") && !status.stdout.contains("  api: "), "{status}");
    let history = it.shop.world.run(["history", "-e", "dev", "--json"]).json();
    assert_eq!(history["deployments"][0]["outcome"], "failed");
    assert_eq!(history["deployments"][0]["failed"], "api");

    let done = it.deploy();

    assert_eq!(done.exit, 0, "{done}");
    let history = it.shop.world.run(["history", "-e", "dev"]);
    let outcomes: Vec<_> = history.stdout.lines().map(|line| line.split("  ").nth(2).unwrap()).collect();
    assert!(
        outcomes[0].starts_with("deployed, 1 changed") && outcomes[1].starts_with("failed at api"),
        "{history}"
    );
    let status = it.shop.world.run(["status", "-e", "dev", "--json"]).json();
    assert_eq!(status["projects"].as_array().unwrap().len(), 2, "{status}");
    assert_eq!((&status["in_progress"], &status["locks"]), (&json!(null), &json!([])));
    assert!(done.stdout.contains("deployed  api  "), "{done}");
    assert!(done.stdout.contains("1 deployed, 1 unchanged to `dev` at "), "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_deployments_at_once_end_with_one_of_the_two_whole() {
    let it = Deployed::new("").await;
    it.build();
    let older = it.shop.world.git(["rev-parse", "HEAD"]);
    it.change("lib");
    it.change("api");
    it.build();
    let newer = it.shop.world.git(["rev-parse", "HEAD"]);

    let start = |commit: &str| {
        let mut command = it.shop.world.command(["deploy", "-e", "dev", "--json", "--head", commit]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let both = [start(&older), start(&newer)];
    let both: Vec<Answer> = both.into_iter().map(|it| it.wait_with_output().unwrap().into()).collect();

    assert_eq!(both[1].exit, 0, "{}", both[1]);
    // The older one was first, or was refused because it came second.
    assert!(both[0].exit == 0 || both[0].stderr.contains("in its history"), "{}", both[0]);
    for repository in ["lib", "api"] {
        let newest = it.digest(repository, &newer);
        assert!(newest.is_some());
        assert_eq!(it.digest(repository, "shop-dev"), newest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ecs_service_runs_the_image_by_its_digest() {
    let it = Deployed::new("service = { kind = \"ecs\", cluster = \"{deploy_tag}\", name = \"api\" }").await;
    let cluster = "shop-dev";
    let ecs = |operation: &str, request: Value| {
        ask("AWS_2", DEPLOY_REGION, "ecs", "AmazonEC2ContainerServiceV20141113", operation, &request)
    };
    ecs("CreateCluster", json!({ "clusterName": cluster }));
    let family = format!("api-{}", it.shop.prefix.replace('/', ""));
    let image = format!("{}/{}api:old", it.proxy.host(), it.shop.prefix);
    let container = json!({ "name": "api", "image": image, "memory": 64 });
    ecs("RegisterTaskDefinition", json!({ "family": family, "containerDefinitions": [container] }));
    let service =
        json!({ "cluster": cluster, "serviceName": "api", "taskDefinition": family, "desiredCount": 1 });
    ecs("CreateService", service);
    it.build();

    it.deployed();

    let described = ecs("DescribeServices", json!({ "cluster": cluster, "services": ["api"] }));
    let definition = described["services"][0]["taskDefinition"].as_str().unwrap();
    let definition = ecs("DescribeTaskDefinition", json!({ "taskDefinition": definition }));
    let runs = &definition["taskDefinition"]["containerDefinitions"][0]["image"];
    let expected = format!("{}/{}api@{}", it.proxy.host(), it.shop.prefix, it.built_digest("api"));
    assert_eq!(*runs, json!(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commits_message_asks_only_for_what_the_manifest_lets_it() {
    let it = Deployed::new("service = { kind = \"command\", run = [\"true\"] }").await;
    it.build();
    let say = |message: &str| it.shop.world.git(["commit", "-q", "--allow-empty", "-m", message]);
    let built = || it.shop.world.run(["build", "--json", "-q"]).json();
    let actions = |report: &Value| {
        let projects = report["projects"].as_array().unwrap();
        projects.iter().map(|it| format!("{} {}", it["name"], it["action"])).collect::<Vec<_>>().join(", ")
    };
    say("[ci rebuild]");
    assert_eq!(actions(&built()), r#""lib" "reuse", "api" "reuse""#);
    let manifest = std::fs::read_to_string(it.shop.world.file("projects.toml")).unwrap();
    let allowed = "name = \"shop\"\nmessage_switches = [\"rebuild\", \"dry-deploy\"]";
    it.shop.world.write("projects.toml", manifest.replace("name = \"shop\"", allowed)).commit();

    say("[ci rebuild lib]");
    assert_eq!(actions(&built()), r#""lib" "build", "api" "reuse""#);
    say("[ci rebuild] [ci dry-deploy]");
    assert_eq!(actions(&built()), r#""lib" "build", "api" "build""#);
    let dry = it.deploy();

    assert_eq!(dry.exit, 0, "{dry}");
    assert!(dry.stdout.contains("  restart the service: "), "{dry}");
    assert!(it.writes().is_empty(), "{:?}", it.writes());
}

// issue 12: P10
#[tokio::test(flavor = "multi_thread")]
async fn after_a_deployment_that_failed_each_project_is_compared_with_what_it_runs_itself() {
    let it = Deployed::new("service = { kind = \"command\", run = [\"test\", \"-e\", \"ready\"] }").await;
    it.build();
    it.shop.world.write("ready", "");
    it.deployed();
    it.shop.world.remove("ready");
    it.change("lib");
    it.build();
    let failed = it.deploy();
    assert_eq!(failed.exit, 4, "{failed}");

    let [lib, api] =
        ["lib", "api"].map(|project| it.shop.world.run(["why", project, "--against", "deployed:dev"]));

    assert!(lib.stdout.contains("not affected"), "{lib}");
    assert!(!api.stdout.contains("not affected") && api.stdout.contains("`lib/f` was modified"), "{api}");
}

// issue 12: P12
#[tokio::test(flavor = "multi_thread")]
async fn what_is_never_deployed_has_to_be_built_and_is_not_promoted() {
    let it = Deployed::new("").await;
    let manifest = std::fs::read_to_string(it.shop.world.file("projects.toml")).unwrap();
    let off = manifest.replace("[projects.lib]\n", "[projects.lib]\ndeploy = false\n");
    assert_ne!(off, manifest);
    it.shop.world.write("projects.toml", off).commit();
    it.build();

    it.deployed();
    let named = it.shop.world.run(["deploy", "-e", "dev", "lib"]);

    assert!(it.digest("api", "shop-dev").is_some());
    assert_eq!(it.digest("lib", "shop-dev"), None);
    assert_eq!(named.exit, 2, "{named}");
    assert!(named.stderr.contains("`lib` has `deploy = false`"), "{named}");
}

// issue 12: P7, A1, A2
#[tokio::test(flavor = "multi_thread")]
async fn where_tags_can_t_be_moved_deployments_end_well_again_and_again() {
    let it = Deployed::new("tags = [\"latest\"]\nservice = { kind = \"command\", run = [\"true\"] }").await;
    let manifest = std::fs::read_to_string(it.shop.world.file("projects.toml")).unwrap();
    let manifest = format!("{manifest}\n[deploy.policy]\nimmutable_tags = true\n");
    it.shop.world.write("projects.toml", manifest).commit();
    it.build();
    it.shop.world.git(["tag", "v1.0"]);
    let deploy = |environment: &str| {
        let answer = it.shop.world.run(["deploy", "-e", environment]);
        assert_eq!(answer.exit, 0, "{environment}: {answer}");
    };

    for environment in ["dev", "dev", "prod", "prod"] {
        deploy(environment);
    }
    it.change("api");
    it.build();
    for environment in ["dev", "dev"] {
        deploy(environment);
    }

    let mutability = |repository: &str| it.described(repository)[0]["imageTagMutability"].clone();
    assert_eq!(mutability("api"), "IMMUTABLE_WITH_EXCLUSION");
    assert_eq!(mutability("shop-builds"), "MUTABLE");
    assert_ne!(it.digest("api", "shop-dev"), it.digest("api", "shop-prod"));
}

// issue 12: P13
#[tokio::test(flavor = "multi_thread")]
async fn a_lifecycle_policy_of_the_deploy_registry_is_left_alone_unless_that_is_asked_for() {
    let it = Deployed::new("").await;
    it.build();
    it.deployed();
    let policy = r#"{"rules":[]}"#;
    let name = format!("{}api", it.shop.prefix);
    let put = json!({ "repositoryName": name, "lifecyclePolicyText": policy });
    ask("AWS_2", DEPLOY_REGION, "ecr", "AmazonEC2ContainerRegistry_V20150921", "PutLifecyclePolicy", &put);
    it.change("api");
    it.build();

    it.deployed();

    assert_eq!(it.ask("GetLifecyclePolicy", "api")["lifecyclePolicyText"], policy);

    let manifest = std::fs::read_to_string(it.shop.world.file("projects.toml")).unwrap();
    it.shop.world.write("projects.toml", format!("{manifest}\n[deploy.policy]\nkeep = 9\n"));
    it.change("api");
    it.build();
    let asked = it.deploy();

    assert_eq!(asked.exit, 0, "{asked}");
    assert!(asked.stderr.contains("it replaces {\"rules\":[]}"), "{asked}");
}

// issue 12: P15
#[tokio::test(flavor = "multi_thread")]
async fn a_shallow_clone_is_deployed_from_when_history_may_be_fetched() {
    let it = Deployed::new("").await;
    it.build();
    it.deployed();
    for project in ["lib", "api"] {
        it.change(project);
    }
    it.build();
    it.shop.world.git(["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let source = format!("file://{}", it.shop.world.path().display());
    let mut clone = World::cloned(&["--depth=1", &source]);
    clone.set_all_of(&it.shop.world);

    let cut = clone.run(["deploy", "-e", "dev"]);
    let fetched = clone.run(["deploy", "-e", "dev", "--fetch-base"]);

    assert_eq!(cut.exit, 4, "{cut}");
    assert!(cut.stderr.contains("`--fetch-base`"), "{cut}");
    assert_eq!(fetched.exit, 0, "{fetched}");
}

// issue 12: P6
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_held_is_waited_for_a_signal_ends_that_and_unlock_says_whose_it_was() {
    let mut it = Deployed::new("service = { kind = \"command\", run = [\"sh\", \"-c\", \"touch begun; while [ ! -e go ]; do sleep 0.05; done\"] }").await;
    it.shop.world.set("CHINAMPA_JOB", "job-7");
    it.build();
    let start = || {
        let mut command = it.shop.world.command(["deploy", "-e", "dev"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let holder = start();
    wait_until("the service is restarted", || it.shop.world.file("begun").exists());
    let mut waiting = start();
    let mut story = std::io::BufReader::new(waiting.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("waiting for another deployment") {
        line.clear();
        assert_ne!(std::io::BufRead::read_line(&mut story, &mut line).unwrap(), 0, "it did not wait");
    }
    assert!(line.contains("by job-7"), "{line}");

    signal(&waiting, "-TERM");

    assert_eq!(waiting.wait().unwrap().code(), Some(130));
    let status = it.shop.world.run(["status", "-e", "dev", "--json"]);
    let refused = it.shop.world.run(["unlock", "-e", "dev"]);
    assert_eq!((refused.exit, &*refused.stdout), (3, ""), "{refused}");
    let said =
        ["in use: commit ", " by job-7, since ", ", and expires at ", "`chinampa unlock -e dev --force`"];
    assert!(said.iter().all(|said| refused.stderr.contains(said)), "{refused}");
    let kept = it.shop.world.run(["status", "-e", "dev", "--json"]);
    assert_eq!(kept.json()["locks"], status.json()["locks"]);
    let unlocked = it.shop.world.run(["unlock", "-e", "dev", "--force"]);
    assert_eq!(unlocked.stdout.lines().count(), 1, "{unlocked}");
    assert!(unlocked.stdout.contains("by job-7, since "), "{unlocked}");
    assert_eq!(status.exit, 0, "{status}");
    assert_eq!(status.json()["locks"].as_array().unwrap().len(), 1, "{status}");
    it.shop.world.write("go", "");
    assert!(holder.wait_with_output().unwrap().status.success());
    let again = it.shop.world.run(["unlock", "-e", "dev"]);
    assert_eq!(again.stdout, "`dev` is not locked\n");
}

/// What is written at the highest verbosity, and the arguments of every process that runs meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_what_is_written_nor_in_an_argument() {
    let token = "t0ken-of-ecr-that-nobody-may-see";
    let proxy = Proxy::start(
        &setting("AWS_1"),
        // Each of the two processes logs in.
        [gives(token, 3600), gives(token, 3600), demands("GET", "/v2/", &[token], 403)],
    )
    .await;
    let mut it =
        Deployed::new("service = { kind = \"command\", run = [\"sh\", \"-c\", \"ps axww -o args\"] }").await;
    let manifest = std::fs::read_to_string(it.shop.world.file("projects.toml")).unwrap();
    it.shop.world.write("projects.toml", manifest.replace(&setting("AWS_1"), proxy.host())).commit();
    it.shop.world.set("AWS_SESSION_TOKEN", "s3ssion-token");

    let built = it.shop.world.run(["build", "-vv", "--progress", "plain"]);
    let deployed = it.shop.world.run(["deploy", "-e", "dev", "-vv"]);

    assert_eq!((built.exit, deployed.exit), (0, 0), "{built}{deployed}");
    assert!(deployed.stderr.contains("chinampa deploy -e dev"), "no process was seen: {deployed}");
    assert!(proxy.record().iter().any(|passed| passed.status == 200 && passed.path.starts_with("/v2/")));
    let encoded = shown(token);
    for secret in [token, encoded.trim_start_matches("Basic "), "s3cret-key", "s3ssion-token"] {
        for answer in [&built, &deployed] {
            assert!(!answer.stdout.contains(secret) && !answer.stderr.contains(secret), "{secret} was shown");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_a_deployment_are_lines_or_documents_or_left_out() {
    let it = Deployed::new("service = { kind = \"command\", run = [\"echo\", \"{{ it restarts\"] }").await;
    it.build();
    let deploy = |progress: &str| {
        let answer = it.shop.world.run(["deploy", "-e", "dev", "--progress", progress]);
        assert_eq!(answer.exit, 0, "{answer}");
        answer.stderr
    };

    let json = deploy("json");
    it.change("api");
    it.build();
    let none = deploy("none");
    it.change("api");
    it.build();
    let plain = deploy("plain");

    assert_eq!(none, "");
    assert!(plain.contains("api: promoted ") && plain.contains("api: | { it restarts"), "{plain}");
    let events: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event["schema"] == "chinampa.deploy_event/1"), "{json}");
    let of_api: Vec<&str> = events
        .iter()
        .filter(|event| event["project"] == "api")
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        of_api,
        ["promoting", "promoted", "started", "restarting", "service-log", "finished"],
        "{json}"
    );
    assert_eq!(events[0]["event"], "planned", "{json}");
    assert_eq!(events[0]["changed"], json!(["lib", "api"]));
    assert!(events.iter().any(|event| event["text"] == "{ it restarts"), "{json}");
}
