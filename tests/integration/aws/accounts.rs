//! Two accounts: images, services and Terraform's state of production are in another one than the builds.
//!
//! The emulator lets everybody in, so the record of a proxy before it shows whose credentials each request had.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::aws::rules::{answers, demands};
use crate::support::bed::setting;
use crate::support::proxy::{Fault, Passed, Proxy, Rule};
use crate::support::shop::{Cache, Shop};

/// The account and region where images are built to, and where `dev` is.
pub(crate) const BUILD: (&str, &str) = ("111111111111", "us-east-2");
/// The account and region of `prod`.
pub(crate) const PROD: (&str, &str) = ("222222222222", "eu-west-2");

/// Keeps its state in a bucket that `-backend-config` names.
const CONFIGURATION: &str = "terraform {\n  backend \"s3\" {\n    use_path_style = true\n    skip_requesting_account_id = true\n    \
    skip_credentials_validation = true\n  }\n}\nvariable \"DEPLOY_TAG\" { type = string }\nvariable \"COMMIT_HASH\" { type = string }\n\
    resource \"terraform_data\" \"it\" { input = var.DEPLOY_TAG }\n";

/// A shop that is deployed from one account to itself and to another one. All of it is behind one proxy.
struct Accounts {
    shop: Shop,
    proxy: Proxy,
}

impl Accounts {
    /// `api`, with `more` in its entry, and these keys in the table of `prod`.
    async fn new(rules: impl IntoIterator<Item = Rule>, prod: &str, more: &str) -> Self {
        // As ECR does: without a token of one of the two registries there is no answer.
        let token = |(account, region): (&str, &str)| format!("{account}.{region}");
        let [build, prod_token] = [BUILD, PROD].map(token);
        let demand = demands("", "/v2/", &[&build, &prod_token], 403);
        let proxy = Proxy::start(&setting("AWS_2"), rules.into_iter().chain([demand])).await;
        let host = proxy.host().to_owned();
        let mut shop = Shop::new().cache(Cache::Ecr(host.clone())).plain(["api"]);
        shop.world.set("AWS_ACCESS_KEY_ID", BUILD.0);
        shop.world.set("AWS_ENDPOINT_URL", &format!("http://{host}")).set("CHINAMPA_JOB", "ship");
        let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
        let (prefix, (account, region)) = (&shop.prefix, PROD);
        let deploy = format!(
            "[deploy]\nkind = \"ecr\"\nregion = \"{}\"\nhost = \"{host}\"\nprefix = \"{prefix}dev/\"\n\
             [environments.dev]\nbranch = \"main\"\n\
             [environments.prod]\nbranch = \"main\"\naccount = \"{account}\"\nregion = \"{region}\"\n\
             host = \"{host}\"\nprefix = \"{prefix}prod/\"\n{prod}\n",
            BUILD.1
        );
        let manifest = manifest.replace("[projects.api]", &format!("{deploy}[projects.api]"));
        shop.world.write("projects.toml", format!("{manifest}{more}\n")).commit();
        Self { shop, proxy }
    }

    fn build(&self) {
        let built = self.shop.world.run(["build", "-q"]);
        assert_eq!(built.exit, 0, "{built}");
    }

    /// Lets Terraform keep its state in a bucket of that account, which the emulator shows to nobody else.
    fn keep_state(&mut self, (account, region): (&str, &str)) {
        let bucket = format!("{account}-{}", self.shop.prefix.replace('/', ""));
        let scope = format!(
            "Authorization: AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/s3/aws4_request, SignedHeaders=host, Signature=0"
        );
        let url = format!("http://{}/{bucket}", setting("AWS_2"));
        let place = format!(
            "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        );
        let put = ["-sf", "--noproxy", "*", "-X", "PUT", "-d", &place, "-H", &scope, &url];
        let put = Command::new("curl").args(put).status();
        assert!(put.unwrap().success());
        let arguments =
            format!("-reconfigure -backend-config=bucket={bucket} -backend-config=region={region}");
        self.shop.world.set("TF_CLI_ARGS_init", &arguments);
    }

    fn deploy(&self, environment: &str) {
        let answer = self.shop.world.run(["deploy", "-e", environment]);
        assert_eq!(answer.exit, 0, "{answer}");
    }

    /// What was asked since the record had this length, by whom and where: `ecr` by the account and the region.
    fn asked_since(&self, start: usize) -> BTreeMap<String, BTreeSet<(String, String)>> {
        let mut asked: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
        for passed in &self.proxy.record()[start..] {
            if let Some((service, account, region)) = signed(passed) {
                asked.entry(service).or_default().insert((account, region));
            }
        }
        asked
    }
}

/// The service, the account and the region that a request was signed for, or that its token is of.
fn signed(passed: &Passed) -> Option<(String, String, String)> {
    let shown = passed.authorization.as_deref()?;
    if let Some(token) = shown.strip_prefix("Basic ") {
        let token = String::from_utf8(STANDARD.decode(token).unwrap()).unwrap();
        let (account, region) = token.strip_prefix("AWS:").unwrap().split_once('.').unwrap();
        return Some(("registry".to_owned(), account.to_owned(), region.to_owned()));
    }
    let scope = shown.split_once("Credential=")?.1.split(',').next()?;
    let [key, _, region, service, _] = scope.split('/').collect::<Vec<_>>()[..] else { panic!("{scope}") };
    Some((service.to_owned(), account_of(key), region.to_owned()))
}

/// The key that a request was signed with.
pub(crate) fn key_of(passed: &Passed) -> Option<String> {
    let (_, scope) = passed.authorization.as_deref()?.split_once("Credential=")?;
    scope.split_once('/').map(|(key, _)| key.to_owned())
}

/// Whose key it is: that of an account is the account itself, others are of a role.
fn account_of(key: &str) -> String {
    let role = identity(key);
    role.split(':').nth(4).unwrap_or_else(|| panic!("{role}")).to_owned()
}

/// The ARN of whoever has a key, as the emulator says it.
pub(crate) fn identity(key: &str) -> String {
    let scope = format!(
        "Authorization: AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-2/sts/aws4_request, SignedHeaders=host, Signature=0"
    );
    let answer = Command::new("curl")
        .args(["-s", "--noproxy", "*", "-H", &scope, "-d", "Action=GetCallerIdentity&Version=2011-06-15"])
        .arg(format!("http://{}/", setting("AWS_2")))
        .output()
        .unwrap();
    let answer = String::from_utf8(answer.stdout).unwrap();
    let (_, arn) = answer.split_once("<Arn>").unwrap_or_else(|| panic!("{answer}"));
    arn.split_once("</Arn>").unwrap().0.to_owned()
}

/// Asks the emulator as an account in a region.
pub(crate) fn ask(
    (account, region): (&str, &str),
    service: &str,
    interface: &str,
    operation: &str,
    request: &Value,
) -> Value {
    let target = format!("X-Amz-Target: {interface}.{operation}");
    let scope = format!(
        "Authorization: AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/{service}/aws4_request"
    );
    let output = Command::new("curl")
        .args(["-s", "--noproxy", "*", "-H", "Content-Type: application/x-amz-json-1.1", "-H", &target])
        .args(["-H", &scope, "-d", &request.to_string(), &format!("http://{}/", setting("AWS_2"))])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn ecs(place: (&str, &str), operation: &str, request: &Value) -> Value {
    ask(place, "ecs", "AmazonEC2ContainerServiceV20141113", operation, request)
}

fn role(name: &str) -> String {
    format!("role_arn = \"arn:aws:iam::{}:role/{name}\"\nexternal_id = \"shop\"", PROD.0)
}

fn of(place: (&str, &str)) -> BTreeSet<(String, String)> {
    BTreeSet::from([(place.0.to_owned(), place.1.to_owned())])
}

// issue: AWS as it is, A9
#[tokio::test(flavor = "multi_thread")]
async fn images_services_and_the_state_of_production_are_in_its_own_account_and_region() {
    let cluster = format!("accounts-{}", std::process::id());
    let service =
        format!("service = {{ kind = \"ecs\", cluster = \"{cluster}\", name = \"{{deploy_tag}}-api\" }}");
    let mut it = Accounts::new([], &role("deploy"), &service).await;
    it.shop.world.write("api/terraform/main.tf", CONFIGURATION).commit();
    it.shop.world.set("CHINAMPA_TERRAFORM", &setting("TERRAFORM"));
    for (place, environment) in [(BUILD, "dev"), (PROD, "prod")] {
        ecs(place, "CreateCluster", &json!({ "clusterName": cluster }));
        let image = format!("{}/{}{environment}/api:old", it.proxy.host(), it.shop.prefix);
        let containers = json!([{ "name": "api", "image": image, "memory": 64 }]);
        ecs(
            place,
            "RegisterTaskDefinition",
            &json!({ "family": cluster, "containerDefinitions": containers }),
        );
        let name = format!("shop-{environment}-api");
        ecs(
            place,
            "CreateService",
            &json!({ "cluster": cluster, "serviceName": name, "taskDefinition": cluster, "desiredCount": 0 }),
        );
    }

    it.build();
    let built = it.proxy.record().len();
    it.keep_state(BUILD);
    it.deploy("dev");
    let dev = it.proxy.record().len();
    it.keep_state(PROD);
    it.deploy("prod");

    let asked = it.asked_since(built);
    assert_eq!(asked["ecs"], &of(BUILD) | &of(PROD));
    let asked = it.asked_since(dev);
    assert_eq!(asked["ecs"], of(PROD));
    assert_eq!(asked["s3"], of(PROD));
    assert_eq!(asked["sts"], of((BUILD.0, PROD.1)), "who assumes the role is of the build account");
    // The cache is read where it was built to, and gets the tag that keeps what runs.
    let writes = |passed: &&Passed| passed.status != 401 && !matches!(passed.method.as_str(), "GET" | "HEAD");
    let record = it.proxy.record();
    for passed in record[dev..].iter().filter(writes).filter(|passed| passed.path.starts_with("/v2/")) {
        let (_, account, region) = signed(passed).unwrap_or_else(|| panic!("{passed:?}"));
        let expected = if passed.path.contains("/prod/") { PROD } else { BUILD };
        assert_eq!((account.as_str(), region.as_str()), expected, "{passed:?}");
        assert!(!passed.path.contains("/dev/"), "{passed:?}");
    }
    // One role, one session, named after the job.
    let assumed =
        record[dev..].iter().filter(|passed| signed(passed).is_some_and(|it| it.0 == "sts")).count();
    assert_eq!(assumed, 1);
    let of_role = |passed: &Passed| key_of(passed).filter(|key| key.starts_with("ASIA"));
    let keys: BTreeSet<String> = record[dev..].iter().filter_map(of_role).collect();
    let [key] = keys.iter().collect::<Vec<_>>()[..] else { panic!("{keys:?}") };
    assert_eq!(identity(key), format!("arn:aws:sts::{}:assumed-role/deploy/chinampa-ship", PROD.0));

    for (place, environment) in [(BUILD, "dev"), (PROD, "prod")] {
        let described = ecs(place, "DescribeTaskDefinition", &json!({ "taskDefinition": cluster }));
        let image = described["taskDefinition"]["containerDefinitions"][0]["image"].as_str().unwrap();
        assert!(image.contains(&format!("/{environment}/api@sha256:")), "{described}");
        let names = json!({ "repositoryName": format!("{}{environment}/api", it.shop.prefix) });
        let ecr = "AmazonEC2ContainerRegistry_V20150921";
        let images = ask(place, "ecr", ecr, "DescribeImages", &names);
        let tag = Value::from(format!("shop-{environment}"));
        let has_tag = |image: &Value| image["imageTags"].as_array().is_some_and(|tags| tags.contains(&tag));
        assert!(images["imageDetails"].as_array().unwrap().iter().any(has_tag), "{images}");
    }
    let status = it.shop.world.run(["status", "-e", "prod"]);
    assert_eq!(status.exit, 0, "{status}");
}

// issue: AWS as it is, A9
#[tokio::test(flavor = "multi_thread")]
async fn services_and_terraform_can_have_an_account_of_their_own() {
    const SERVICES: (&str, &str) = ("333333333333", "us-west-2");
    const STATE: (&str, &str) = ("444444444444", "eu-west-1");
    let cluster = format!("own-{}", std::process::id());
    let role = |(account, _): (&str, &str), name| format!("arn:aws:iam::{account}:role/{name}");
    let more = format!(
        "service = {{ kind = \"ecs\", cluster = \"{cluster}\", name = \"api\", region = \"{}\", role_arn = \"{}\" }}\n\
         [terraform]\nrole_arn = \"{}\"\n",
        SERVICES.1,
        role(SERVICES, "services"),
        role(STATE, "state")
    );
    let mut it = Accounts::new([], "", &more).await;
    it.shop.world.write("api/terraform/main.tf", CONFIGURATION).commit();
    it.shop.world.set("CHINAMPA_TERRAFORM", &setting("TERRAFORM"));
    ecs(SERVICES, "CreateCluster", &json!({ "clusterName": cluster }));
    let containers = json!([{ "name": "api", "image": "old", "memory": 64 }]);
    let definition = json!({ "family": cluster, "containerDefinitions": containers });
    ecs(SERVICES, "RegisterTaskDefinition", &definition);
    let service =
        json!({ "cluster": cluster, "serviceName": "api", "taskDefinition": cluster, "desiredCount": 0 });
    ecs(SERVICES, "CreateService", &service);
    it.build();
    it.keep_state(STATE);
    let built = it.proxy.record().len();

    it.deploy("dev");

    let asked = it.asked_since(built);
    assert_eq!(asked["ecs"], of(SERVICES));
    assert_eq!(asked["s3"], of(STATE));
    assert_eq!(asked["ecr"], of(BUILD));
}

/// One who asks for a code is asked once, though the cache, the deploy registry and the role need the credentials.
// issue: AWS as it is, A8
#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_gives_credentials_is_run_once_and_may_take_its_time() {
    let prod = format!("profile = \"slow\"\n{}", role("deploy"));
    let mut it = Accounts::new([], &prod, "").await;
    it.build();
    let folder = tempfile::tempdir().unwrap();
    let (program, runs) = (folder.path().join("give"), folder.path().join("runs"));
    let answer = json!({ "Version": 1, "AccessKeyId": BUILD.0, "SecretAccessKey": "s3cret-key" });
    std::fs::write(&program, format!("#!/bin/sh\necho x >> {}\nsleep 7\necho '{answer}'\n", runs.display()))
        .unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = folder.path().join("config");
    std::fs::write(&config, format!("[profile slow]\ncredential_process = {}\n", program.display())).unwrap();
    it.shop.world.set("AWS_CONFIG_FILE", config.to_str().unwrap());

    it.deploy("prod");

    assert_eq!(std::fs::read_to_string(&runs).unwrap(), "x\n");
}

// issue: AWS as it is, A9
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_be_assumed_is_named_with_who_may_not_and_what() {
    let denial = format!(
        "User: arn:aws:sts::{}:assumed-role/ci/ship is not authorized to perform: sts:AssumeRole on resource: \
         arn:aws:iam::{}:role/deploy",
        BUILD.0, PROD.0
    );
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>AccessDenied</Code><Message>{denial}</Message></Error><RequestId>x</RequestId></ErrorResponse>"
    );
    let sts = Rule {
        method: "POST",
        path: "",
        times: usize::MAX,
        fault: Fault::Status { code: 403, headers: vec![("content-type", "text/xml".to_owned())], body },
    };
    let denies = Proxy::start(&setting("AWS_2"), [sts]).await;
    let mut it = Accounts::new([], &role("deploy"), "").await;
    it.build();
    it.shop.world.set("AWS_ENDPOINT_URL_STS", &format!("http://{}", denies.host()));

    let answer = it.shop.world.run(["deploy", "-e", "prod"]);

    assert_eq!(answer.exit, 3, "{answer}");
    for part in [
        "cannot assume the role `arn:aws:iam::222222222222:role/deploy` with the credentials of",
        denial.as_str(),
        "hint: the role's trust policy must allow it",
    ] {
        assert!(answer.stderr.contains(part), "{part}\n{answer}");
    }
}

// issue: AWS as it is, A9
#[tokio::test(flavor = "multi_thread")]
async fn what_a_role_may_not_do_is_named_with_the_action_and_the_resource() {
    let denial = "User: arn:aws:sts::222222222222:assumed-role/deploy/chinampa-ship is not authorized to perform: \
                  ecr:CreateRepository on resource: arn:aws:ecr:eu-west-2:222222222222:repository/* because no \
                  identity-based policy allows the ecr:CreateRepository action";
    let it = Accounts::new([], &role("deploy"), "").await;
    it.build();
    let body = json!({ "__type": "AccessDeniedException", "message": denial });
    let denies =
        Proxy::start(&setting("AWS_2"), [answers(9, "CreateRepository", 400, &body.to_string())]).await;
    let manifest = std::fs::read_to_string(it.shop.world.file("projects.toml")).unwrap();
    let (start, prod) = manifest.split_once("[environments.prod]").unwrap();
    let prod = prod.replacen("host =", &format!("endpoint = \"http://{}\"\nhost =", denies.host()), 1);
    it.shop.world.write("projects.toml", format!("{start}[environments.prod]{prod}")).commit();
    it.build();

    let answer = it.shop.world.run(["deploy", "-e", "prod"]);

    assert_eq!(answer.exit, 3, "{answer}");
    assert!(answer.stderr.contains(denial), "{answer}");
}
