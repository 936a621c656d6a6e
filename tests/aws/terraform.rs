//! Real Terraform, its state in the second region.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bed::setting;
use crate::deployment::{DEPLOY_REGION, Deployed};

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
    let answer: crate::world::Answer = deploy.wait_with_output().unwrap().into();
    assert_eq!(answer.exit, 130, "{answer}");
    assert!(!bucket.list().contains("tflock"), "{}\n{answer}", bucket.list());
    let state: Value = serde_json::from_str(&bucket.read("shop-dev/api")).unwrap();
    assert_eq!(state["resources"][0]["instances"][0]["status"], "tainted");

    std::fs::write(&go_on, "").unwrap();
    let again = it.deploy();
    assert_eq!(again.exit, 0, "{again}");
}
