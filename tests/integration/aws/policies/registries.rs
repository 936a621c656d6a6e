//! Builds, taints and deployments, with and without each setting of repositories.

use std::process::Command;

use serde_json::json;

use super::{Accounts, Parts};
use crate::aws::accounts::{BUILD, PROD, ask};
use crate::support::bed::setting;
use crate::support::ecr_limits::EcrLimits;

// issue 17
#[tokio::test(flavor = "multi_thread")]
async fn builds_need_what_the_policy_allows_and_nothing_else() {
    let mut it = Accounts::new(Parts::default()).await;
    it.shop.world.set("CHINAMPA_RUN", "7");
    it.attach(&["build"]);

    it.succeeds(&["build"]);
    it.succeeds(&["build"]);
    it.change();
    it.prepare(&["taint", "api"]);
    it.succeeds(&["build", "--shard"]);
    it.succeeds(&["build", "--provenance", "--force"]);
    it.succeeds(&["run", "api", "--name", "test", "--", "true"]);

    it.check_used();
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_with_every_setting_of_repositories_need_what_the_policy_allows() {
    let policy = "immutable_tags = true, scan_on_push = true, repository_policy = \"ecr.json\", \
                  tags = { team = \"shop\" }, kms_key = \"arn:aws:kms:us-east-2:111111111111:key/1\", keep = 7";
    let it = Accounts::new(Parts { policy, ..Parts::default() }).await;
    it.shop.world.write("ecr.json", r#"{ "Version": "2012-10-17", "Statement": [] }"#).commit();
    it.iam.limit(EcrLimits::new(4.0, 1000));
    // One repository is there, and not as it should be.
    it.ask(BUILD, "CreateRepository", "cache/api", json!({}));
    it.attach(&["build"]);

    it.succeeds(&["build"]);
    it.prepare(&["taint", "api"]);
    // Of the same inputs there is an image, which can't be replaced.
    it.change();
    it.succeeds(&["build"]);

    it.check_used();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_of_a_key_is_enough_for_its_policy() {
    let it = Accounts::new(Parts { policy: "kms_key = \"alias/images\"", ..Parts::default() }).await;
    it.attach(&["build"]);

    it.succeeds(&["build"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_create_needs_no_permission_to_create_it() {
    let it = Accounts::new(Parts { policy: "create = false, lifecycle = false", ..Parts::default() }).await;
    for name in ["api", "shop-builds", "shop-taints"] {
        it.ask(BUILD, "CreateRepository", &format!("cache/{name}"), json!({}));
    }
    it.attach(&["build"]);

    it.succeeds(&["build"]);
    it.prepare(&["taint", "api"]);
    it.succeeds(&["build"]);

    it.check_used();
}

#[tokio::test(flavor = "multi_thread")]
async fn taints_need_what_the_policy_allows_and_nothing_else() {
    let it = Accounts::new(Parts::default()).await;
    it.prepare(&["build"]);
    it.attach(&["taint"]);

    it.succeeds(&["taint", "api"]);
    it.succeeds(&["untaint", "api"]);

    it.check_used();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_only_reads_needs_what_the_policy_allows_and_nothing_else() {
    let it = Accounts::new(Parts::default()).await;
    it.prepare(&["build"]);
    it.attach(&["local"]);

    it.succeeds(&["plan"]);
    it.succeeds(&["image_exists", "api", "branch-main"]);
    it.succeeds(&["images"]);
    it.succeeds(&["last_successful_commit"]);
    it.succeeds(&["build", "--local"]);

    it.check_used();
}

#[tokio::test(flavor = "multi_thread")]
async fn unprotected_and_untrusted_builds_need_what_their_policies_allow() {
    let mut it = Accounts::new(Parts { tables: "[trust]\nprotected = [\"main\"]", ..Parts::default() }).await;
    it.attach(&["build"]);
    it.succeeds(&["build"]);
    it.shop.world.git(["checkout", "-q", "-b", "topic"]);
    it.change();

    it.shop.world.set("CHINAMPA_RUN", "7");
    it.attach(&["unprotected"]);
    it.succeeds(&["build", "--shard"]);
    it.check_used();
    it.change();
    it.shop.world.set("CHINAMPA_TRUST", "untrusted");
    it.attach(&["untrusted"]);
    it.succeeds(&["build"]);

    it.check_used();
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_need_what_the_policy_allows() {
    let name = format!("secret-{}", std::process::id());
    let secrets = format!(
        "secrets = {{ token = {{ aws-secrets-manager = \"{name}\" }}, parameter = {{ aws-ssm = \"/{name}\" }} }}"
    );
    let it = Accounts::new(Parts { project: &secrets, ..Parts::default() }).await;
    let dockerfile = "FROM chinampa/base:1\nRUN --mount=type=secret,id=token,required \
                      --mount=type=secret,id=parameter,required true\nCOPY f /f\n";
    it.shop.world.write("api/Dockerfile", dockerfile).commit();
    let secret = json!({ "Name": name, "SecretString": "s" });
    ask(BUILD, "secretsmanager", "secretsmanager", "CreateSecret", &secret);
    let parameter = json!({ "Name": format!("/{name}"), "Value": "p", "Type": "SecureString" });
    ask(BUILD, "ssm", "AmazonSSM", "PutParameter", &parameter);
    it.attach(&["build"]);

    it.succeeds(&["build"]);
    it.prepare(&["taint", "api"]);
    it.succeeds(&["build"]);

    it.check_used();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_in_one_account_needs_what_the_policy_allows_and_nothing_else() {
    let it = Accounts::new(Parts::default()).await;
    it.prepare(&["build"]);
    it.attach(&["deploy", "-e", "dev"]);

    it.succeeds(&["deploy", "-e", "dev", "--dry-run"]);
    it.succeeds(&["deploy", "-e", "dev"]);
    it.succeeds(&["unlock", "-e", "dev"]);
    it.check_used();

    it.attach(&["status", "-e", "dev"]);
    it.plans("dev");
    it.succeeds(&["history", "-e", "dev"]);
    it.check_used();
}

/// A shop that is deployed to production with Terraform's state in a bucket there, locked as the backend says.
async fn with_state(lock: impl FnOnce(&str) -> String) -> Accounts {
    let mut it = Accounts::new(Parts::default()).await;
    let bucket = it.shop.prefix.replace('/', "");
    let configuration = format!(
        "terraform {{\n  backend \"s3\" {{\n    bucket = \"{bucket}\"\n    region = \"{}\"\n    {}\n    \
         use_path_style = true\n    skip_requesting_account_id = true\n    skip_credentials_validation = true\n  }}\n}}\n\
         variable \"DEPLOY_TAG\" {{ type = string }}\nvariable \"COMMIT_HASH\" {{ type = string }}\n\
         resource \"terraform_data\" \"it\" {{ input = var.DEPLOY_TAG }}\n",
        PROD.1,
        lock(&bucket)
    );
    it.shop.world.write("api/terraform/main.tf", configuration).commit();
    it.shop.world.set("CHINAMPA_TERRAFORM", &setting("TERRAFORM"));
    create_bucket(PROD, &bucket);
    it.prepare(&["build"]);
    it
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_to_another_account_and_its_state_need_what_the_policies_allow() {
    let it = with_state(|_| "use_lockfile = true".to_owned()).await;
    it.attach(&["deploy", "-e", "prod"]);

    it.succeeds(&["deploy", "-e", "prod"]);
    it.change();
    it.prepare(&["build"]);
    it.succeeds(&["deploy", "-e", "prod"]);

    it.check_used();
    it.attach(&["status", "-e", "prod"]);
    it.plans("prod");
    it.check_used();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_a_table_locks_needs_what_the_policies_allow() {
    let it = with_state(|table| format!("dynamodb_table = \"{table}\"")).await;
    let key = json!([{ "AttributeName": "LockID", "KeyType": "HASH" }]);
    let table = json!({
        "TableName": it.shop.prefix.replace('/', ""),
        "KeySchema": key,
        "AttributeDefinitions": [{ "AttributeName": "LockID", "AttributeType": "S" }],
        "BillingMode": "PAY_PER_REQUEST",
    });
    ask(PROD, "dynamodb", "DynamoDB_20120810", "CreateTable", &table);
    it.attach(&["deploy", "-e", "prod"]);

    it.succeeds(&["deploy", "-e", "prod"]);
    it.change();
    it.prepare(&["build"]);
    it.succeeds(&["deploy", "-e", "prod"]);

    it.check_used();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diagnosis_needs_what_the_policy_allows_and_says_whose_credentials_it_has() {
    let it = Accounts::new(Parts::default()).await;
    it.attach(&["deploy", "-e", "prod"]);
    for command in [&["build"][..], &["deploy", "-e", "dev"], &["deploy", "-e", "prod"]] {
        it.prepare(command);
    }
    let setting = |value: &str| json!({ "name": "BLOB_MOUNTING", "value": value });
    it.iam.answer("GetAccountSetting", &[setting("ENABLED"), setting("DISABLED")]);
    it.attach(&["doctor"]);

    let answer = it.run(&["doctor", "--json"]);

    assert_eq!((answer.exit, &*it.iam.denied()), (0, &[][..]), "{answer}");
    it.check_used();
    let document = answer.json();
    let of = |subject: &str| {
        let checks = document["checks"].as_array().unwrap().iter();
        let found = checks.filter(|check| check["subject"] == subject);
        found.map(|check| check["says"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let from_variables = "with credentials from the variables `AWS_ACCESS_KEY_ID` and its like";
    let [job, role] = &of("credentials")[..] else { panic!("{document}") };
    assert!(job.starts_with("cache, deploy (dev): arn:aws:") && job.ends_with(from_variables), "{job}");
    let assumed =
        "deploy (prod): arn:aws:sts::222222222222:assumed-role/deploy/chinampa-ship, a role that is assumed ";
    assert_eq!(*role, format!("{assumed}{from_variables}"));
    assert_eq!(
        of("cache, deploy (dev)"),
        ["account 111111111111 in us-east-2: repositories share layers (blob mounting)"]
    );
    let checks = document["checks"].as_array().unwrap();
    let is_off =
        |check: &&serde_json::Value| check["subject"] == "deploy (prod)" && check["state"] == "warning";
    let off = checks.iter().find(is_off).unwrap_or_else(|| panic!("{document}"));
    let command = "aws ecr put-account-setting --name BLOB_MOUNTING --value ENABLED --region eu-west-2";
    assert!(off["fix"].as_str().unwrap().contains(command), "{off}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_cannot_be_read_is_no_trouble() {
    let it = Accounts::new(Parts::default()).await;
    it.prepare(&["build"]);
    it.attach(&["doctor"]);
    it.iam.remove(Some("ecr:GetAccountSetting"));

    let answer = it.run(&["doctor"]);

    assert_eq!(answer.exit, 0, "{answer}");
    assert!(answer.stdout.contains("whether blob mounting is on is not known"), "{answer}");
    assert!(answer.stdout.contains("ecr:GetAccountSetting"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_needs_what_the_policies_allow_and_leaves_what_environments_run() {
    let it = Accounts::new(Parts::default()).await;
    let everywhere = [(BUILD, "dev"), (PROD, "prod")];
    it.attach(&["deploy", "-e", "prod"]);
    it.prepare(&["build"]);
    for (_, environment) in everywhere {
        it.prepare(&["deploy", "-e", environment]);
    }
    for _ in 0..2 {
        it.change();
        it.prepare(&["build"]);
    }
    // An image that no deployment brought.
    let unknown = "0123456789abcdef0123456789abcdef01234567";
    for (place, environment) in everywhere {
        let name = format!("{}{environment}/api", it.shop.prefix);
        put_again(place, &name, &format!("shop-{environment}"), unknown);
    }
    let tags = |place, name: &str| {
        let images = it.ask(place, "ListImages", name, json!({}));
        let tags = images["imageIds"].as_array().unwrap().iter();
        tags.filter_map(|image| Some(image["imageTag"].as_str()?.to_owned())).collect::<Vec<_>>()
    };

    it.attach(&["prune"]);
    let before = tags(BUILD, "cache/api").len();
    it.succeeds(&["prune", "--older-than", "0s", "--delete"]);
    it.check_used();
    assert!(tags(BUILD, "cache/api").len() < before);

    it.attach(&["prune-deploy"]);
    it.succeeds(&["prune", "--deploy", "--older-than", "0s"]);
    assert!(tags(PROD, "prod/api").iter().any(|tag| tag == unknown));
    it.succeeds(&["prune", "--deploy", "--older-than", "0s", "--delete"]);
    it.check_used();
    for (place, environment) in everywhere {
        let left = tags(place, &format!("{environment}/api"));
        assert!(!left.iter().any(|tag| tag == unknown), "{left:?}");
        assert!(left.contains(&format!("shop-{environment}")), "{left:?}");
    }
}

/// Gives a repository an image that differs from another one by a blank, behind the back of everybody.
fn put_again((account, region): (&str, &str), name: &str, tag: &str, new: &str) {
    let user = format!("AWS:{account}.{region}");
    let url = |tag: &str| format!("http://{}/v2/{name}/manifests/{tag}", setting("AWS_2"));
    let curl = |arguments: &[&str]| {
        let answer =
            Command::new("curl").args(["-sf", "--noproxy", "*", "-u", &user]).args(arguments).output();
        let answer = answer.unwrap();
        assert!(answer.status.success(), "{arguments:?}: {answer:?}");
        String::from_utf8(answer.stdout).unwrap()
    };
    let accepted = "Accept: application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json";
    let manifest = curl(&["-H", accepted, &url(tag)]);
    let read: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let kind = read["mediaType"].as_str().unwrap_or("application/vnd.oci.image.manifest.v1+json");
    let (kind, manifest) = (format!("Content-Type: {kind}"), format!("{manifest} "));
    curl(&["-X", "PUT", "-H", &kind, "--data-binary", &manifest, &url(new)]);
}

fn create_bucket((account, region): (&str, &str), bucket: &str) {
    let scope = format!(
        "Authorization: AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/s3/aws4_request, SignedHeaders=host, Signature=0"
    );
    let place = format!(
        "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
    );
    let url = format!("http://{}/{bucket}", setting("AWS_2"));
    let put = ["-sf", "--noproxy", "*", "-X", "PUT", "-d", &place, "-H", &scope, &url];
    assert!(Command::new("curl").args(put).status().unwrap().success());
}
