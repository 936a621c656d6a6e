//! Real Terraform, its state in the second region.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::aws::deployment::{DEPLOY_REGION, Deployed};
use crate::support::bed::setting;
use crate::support::world::Answer;

/// Where Terraform keeps its state.
struct Bucket(String);

impl Bucket {
    fn new(it: &Deployed) -> Self {
        let bucket = Self(it.shop.prefix.replace('/', ""));
        bucket.curl(&["-X", "PUT", &bucket.url("")]);
        bucket
    }

    fn url(&self, key: &str) -> String {
        format!("http://{}/{}/{key}", setting("AWS_2"), self.0)
    }

    fn curl(&self, arguments: &[&str]) -> String {
        let output = Command::new("curl").args(["-s", "--noproxy", "*"]).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn read(&self, key: &str) -> String {
        self.curl(&[&self.url(key)])
    }

    /// The names of all objects.
    fn list(&self) -> String {
        self.curl(&[&self.url("?list-type=2")])
    }

    /// A configuration that keeps its state here, locked while it is used.
    fn configuration(&self, resource: &str) -> String {
        format!(
            "terraform {{\n  backend \"s3\" {{\n    bucket = \"{}\"\n    region = \"{DEPLOY_REGION}\"\n    \
             use_lockfile = true\n    use_path_style = true\n    skip_requesting_account_id = true\n    \
             skip_credentials_validation = true\n  }}\n}}\n\
             variable \"DEPLOY_TAG\" {{ type = string }}\nvariable \"COMMIT_HASH\" {{ type = string }}\n\
             resource \"terraform_data\" \"it\" {{\n  {resource}\n}}\n",
            self.0
        )
    }
}

/// A deployment with this resource in the Terraform configuration of `api`, built.
async fn built(resource: &str) -> (Deployed, Bucket) {
    let mut it = Deployed::new("").await;
    let bucket = Bucket::new(&it);
    it.shop.world.write("api/terraform/main.tf", bucket.configuration(resource)).commit();
    it.shop.world.set("CHINAMPA_TERRAFORM", &setting("TERRAFORM"));
    it.shop.world.set("AWS_ENDPOINT_URL_S3", &format!("http://{}", setting("AWS_2")));
    it.build();
    (it, bucket)
}

#[tokio::test(flavor = "multi_thread")]
async fn terraform_is_applied_with_its_state_under_the_key_of_the_deployment() {
    let (it, bucket) = built("input = \"${var.DEPLOY_TAG} ${var.COMMIT_HASH}\"").await;
    let commit = it.shop.world.git(["rev-parse", "HEAD"]);

    let plan = it.shop.world.run(["deploy", "-e", "dev", "--dry-run"]);

    assert_eq!(plan.exit, 0, "{plan}");
    assert!(plan.stderr.contains("1 to add, 0 to change, 0 to destroy"), "{plan}");
    assert!(!bucket.read("shop-dev/api").contains("terraform_data"));

    let applied = it.deploy();

    assert_eq!(applied.exit, 0, "{applied}");
    let state: Value = serde_json::from_str(&bucket.read("shop-dev/api")).unwrap();
    let attributes = &state["resources"][0]["instances"][0]["attributes"];
    assert_eq!(attributes["input"]["value"], format!("shop-dev {commit}"));

    it.shop.world.write("api/terraform/main.tf", "resource {").commit();
    it.change("api");
    let invalid = it.shop.world.run(["build"]);

    assert_eq!(invalid.exit, 4, "{invalid}");
    let sentence = "error: the Terraform configuration of `api` is not valid, so nothing was built";
    assert!(invalid.stderr.contains(sentence), "{invalid}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_whose_terraform_cannot_plan_has_a_document_with_the_plan_and_the_error() {
    let condition = "condition = var.DEPLOY_TAG == \"other\"\nerror_message = \"never here\"";
    let (it, _) = built(&format!("lifecycle {{\nprecondition {{\n{condition}\n}}\n}}")).await;

    let answer = it.shop.world.run(["deploy", "-e", "dev", "--dry-run", "--json"]);

    assert_eq!(answer.exit, 4, "{answer}");
    let document = answer.json();
    assert_eq!((&document["dry_run"], document["plan"].as_array().unwrap().len()), (&true.into(), 2));
    let error = document["error"].as_array().unwrap();
    assert_eq!(error[0], "cannot plan the deployment of `api`", "{document:#}");
    let is_tail = |line: &str| line.starts_with("  | ") && line.contains("never here");
    assert!(answer.stderr.lines().any(is_tail), "{answer}");
}

// issue 12: P2
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_terraform_alone_is_applied_and_nothing_else_is() {
    let (it, bucket) = built("input = \"one\"").await;
    let deployed = it.deploy();
    assert_eq!(deployed.exit, 0, "{deployed}");
    it.shop.world.write("api/terraform/main.tf", bucket.configuration("input = \"two\"")).commit();
    it.build();

    let changed = it.deploy();

    assert_eq!(changed.exit, 0, "{changed}");
    assert!(changed.stdout.contains("deployed  api  "), "{changed}");
    assert!(changed.stdout.contains("1 deployed, 1 unchanged to `dev` at "), "{changed}");
    let input = || {
        let state: Value = serde_json::from_str(&bucket.read("shop-dev/api")).unwrap();
        state["resources"][0]["instances"][0]["attributes"]["input"]["value"].clone()
    };
    assert_eq!(input(), "two");

    it.shop.world.write("README", "x").commit();
    it.build();
    let unchanged = it.deploy();

    assert_eq!(unchanged.exit, 0, "{unchanged}");
    assert!(!unchanged.stderr.contains("terraform apply"), "{unchanged}");
    let all = it.shop.world.run(["deploy", "-e", "dev", "--apply-all"]);
    assert!(all.stderr.contains("api: terraform apply in api/terraform"), "{all}");
}

// issue 12: P3
#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_would_be_thrown_away_is_refused_before_anything_is_written() {
    let (it, _) = built("input = \"one\"").await;
    it.shop.world.write("api/terraform/main.tf", "resource \"terraform_data\" \"it\" {}\n").commit();
    it.build();

    for arguments in [&["deploy", "-e", "dev", "--dry-run"][..], &["deploy", "-e", "dev"]] {
        let refused: Answer = it.shop.world.command_of(arguments).output().unwrap().into();

        assert_eq!(refused.exit, 2, "{refused}");
        assert!(refused.stderr.contains("its state would be gone with this run"), "{refused}");
    }
    assert!(it.writes().is_empty());
}

// issue 12: P11
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_missing_is_seen_before_terraform_is_applied() {
    let (it, bucket) = built("input = \"one\"").await;
    let manifest = std::fs::read_to_string(it.shop.world.file("projects.toml")).unwrap();
    let service = "service = { kind = \"ecs\", cluster = \"nowhere\", name = \"api\" }\n";
    it.shop.world.write("projects.toml", format!("{manifest}{service}")).commit();
    it.build();

    for arguments in [&["deploy", "-e", "dev", "--dry-run"][..], &["deploy", "-e", "dev"]] {
        let refused: Answer = it.shop.world.command_of(arguments).output().unwrap().into();

        assert_eq!(refused.exit, 4, "{refused}");
        assert!(
            refused.stderr.contains("there is no ECS service `api` of the cluster `nowhere`"),
            "{refused}"
        );
    }
    assert!(!bucket.read("shop-dev/api").contains("terraform_data"));
}

// issue 12: P9
#[tokio::test(flavor = "multi_thread")]
async fn a_build_validates_in_one_line_and_runs_no_terraform_where_nothing_is_deployed() {
    let (mut it, _) = built("input = \"one\"").await;
    it.change("api");

    let built = it.shop.world.run(["build"]);

    let terraform = |answer: &Answer| answer.stderr.lines().filter(|line| line.contains("erraform")).count();
    assert_eq!((built.exit, terraform(&built)), (0, 1), "{built}");
    let manifest = std::fs::read_to_string(it.shop.world.file("projects.toml")).unwrap();
    let (start, rest) = manifest.split_once("[deploy]").unwrap();
    let (_, end) = rest.split_once("[projects.lib]").unwrap();
    it.shop.world.write("projects.toml", format!("{start}[projects.lib]{end}"));
    it.shop.world.write("api/terraform/main.tf", "no configuration {");
    it.shop.world.set("CHINAMPA_TERRAFORM", "/nowhere/terraform");
    it.change("api");

    let without = it.shop.world.run(["build"]);

    assert_eq!((without.exit, terraform(&without)), (0, 0), "{without}");
}

/// What was made when the signal came is in the state, and nothing has to be unlocked by hand.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_deployment_leaves_the_state_written_and_unlocked() {
    let signs = tempfile::tempdir().unwrap();
    let (begun, go_on) = (signs.path().join("begun"), signs.path().join("go-on"));
    let wait = format!("touch {}; test -e {} || sleep 600", begun.display(), go_on.display());
    let (it, bucket) = built(&format!("provisioner \"local-exec\" {{ command = \"{wait}\" }}")).await;
    let mut deploy = it.shop.world.command(["deploy", "-e", "dev"]);
    let deploy = deploy.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while !begun.exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "Terraform did not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(bucket.list().contains("shop-dev/api.tflock"), "{}", bucket.list());

    let sent = Command::new("kill").args(["-INT", &deploy.id().to_string()]).status();

    assert!(sent.unwrap().success());
    let answer: Answer = deploy.wait_with_output().unwrap().into();
    assert_eq!(answer.exit, 130, "{answer}");
    assert!(!bucket.list().contains("tflock"), "{}\n{answer}", bucket.list());
    let state: Value = serde_json::from_str(&bucket.read("shop-dev/api")).unwrap();
    assert_eq!(state["resources"][0]["instances"][0]["status"], "tainted");

    std::fs::write(&go_on, "").unwrap();
    let again = it.deploy();
    assert_eq!(again.exit, 0, "{again}");
}
