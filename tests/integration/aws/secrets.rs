//! Secrets that AWS keeps, for build steps.

use serde_json::json;

use crate::support::aws;
use crate::support::bed::setting;
use crate::support::scripted::{Scripted, Server};
use crate::support::shop::Shop;
use crate::support::world::Answer;

/// The step shows what it gets, turned round, so that the value itself is nowhere.
const DOCKERFILE: &str = "FROM chinampa/base:1\nRUN --mount=type=secret,id=token,required \
    --mount=type=secret,id=parameter,required rev /run/secrets/token; rev /run/secrets/parameter\n";

const SECRETS_MANAGER: &str = "secretsmanager";
const SYSTEMS_MANAGER: &str = "AmazonSSM";

fn shop(token: &str, parameter: &str) -> Shop {
    let mut shop = Shop::new();
    shop.world.set("AWS_ACCESS_KEY_ID", "test").set("AWS_SECRET_ACCESS_KEY", "s3cret-key");
    shop.world.set("AWS_EC2_METADATA_DISABLED", "true").set("AWS_REGION", "us-east-2");
    let secrets = format!(
        "secrets = {{ token = {{ aws-secrets-manager = \"{token}\" }}, parameter = {{ aws-ssm = \"{parameter}\" }} }}"
    );
    shop.projects(&[("api", DOCKERFILE, secrets.leak())])
}

fn build(shop: &Shop, endpoint: &str, more: &[(&str, &str)]) -> Answer {
    let mut command = shop.world.command(["build", "--progress", "plain", "-vv"]);
    command.env("AWS_ENDPOINT_URL", endpoint).envs(more.iter().copied()).output().unwrap().into()
}

#[test]
fn steps_get_secrets_and_parameters_and_nothing_else_does() {
    let shop = Shop::new();
    let name = shop.prefix.trim_end_matches('/').to_owned();
    let (token, parameter) = (format!("tok-{name}"), format!("par-{name}"));
    let create = json!({ "Name": name, "SecretString": token });
    let created = aws::ask("AWS_1", aws::REGION, "secretsmanager", SECRETS_MANAGER, "CreateSecret", &create);
    let put = json!({ "Name": format!("/{name}"), "Value": parameter, "Type": "SecureString" });
    aws::ask("AWS_1", aws::REGION, "ssm", SYSTEMS_MANAGER, "PutParameter", &put);
    let shop = self::shop(created["ARN"].as_str().unwrap(), &format!("/{name}"));
    let endpoint = format!("http://{}", setting("AWS_1"));

    let built = build(&shop, &endpoint, &[]);
    let not_listed = build(&shop, &endpoint, &[("CHINAMPA_SECRETS", "NPMRC")]);

    assert_eq!(built.exit, 0, "{built}");
    let reversed = |text: &str| text.chars().rev().collect::<String>();
    for value in [&token, &parameter] {
        assert!(built.to_string().contains(&reversed(value)), "{built}");
        assert!(!built.to_string().contains(value.as_str()), "{built}");
    }
    assert_eq!(not_listed.exit, 0, "what is reused needs no secret: {not_listed}");
    let forced: Answer = shop
        .world
        .command(["build", "--force"])
        .envs([("AWS_ENDPOINT_URL", endpoint.as_str()), ("CHINAMPA_SECRETS", "NPMRC")])
        .output()
        .unwrap()
        .into();
    assert_eq!(forced.exit, 2, "{forced}");
    let why = format!("`CHINAMPA_SECRETS` is set and does not list `aws-ssm:/{name}`");
    assert!(forced.stderr.contains(&why), "{forced}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_signed_for_the_service_and_the_region_of_the_arn_and_made_once() {
    let arn = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:npm-AbCdEf";
    let server = Server::start([
        Scripted::new("/eu-west-2/secretsmanager/aws4_request", [(200, r#"{"SecretBinary": "YWJj"}"#)]),
        Scripted::new("/us-east-2/ssm/aws4_request", [(200, r#"{"Parameter": {"Value": "def"}}"#)]),
    ])
    .await;
    let shop = shop(arn, "/npm");
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let (_, secrets) = manifest.rsplit_once("\nsecrets").unwrap();
    let dockerfile = std::fs::read_to_string(shop.world.file("api/Dockerfile")).unwrap();
    shop.world.write("web/Dockerfile", dockerfile + "RUN true\n");
    shop.world
        .write("projects.toml", format!("{manifest}[projects.web]\npath = \"web\"\nsecrets{secrets}"))
        .commit();

    let untrusted = build(&shop, &server.url, &[("CHINAMPA_TRUST", "untrusted")]);
    let asked_untrusted = server.bodies("").len();
    let built = build(&shop, &server.url, &[]);

    assert_eq!((untrusted.exit, asked_untrusted), (4, 0), "{untrusted}");
    assert_eq!(built.exit, 0, "{built}");
    assert!(built.to_string().contains("cba") && built.to_string().contains("fed"), "{built}");
    let asked = server.bodies("secretsmanager.GetSecretValue");
    assert_eq!(asked, [json!({ "SecretId": arn }).to_string()]);
    let asked = server.bodies("AmazonSSM.GetParameter");
    assert_eq!(asked, [json!({ "Name": "/npm", "WithDecryption": true }).to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_cannot_be_read_is_named_and_nothing_is_built() {
    let server = Server::start([
        Scripted::new("GetSecretValue", [(200, r#"{"SecretString": "abc"}"#)]),
        Scripted::new(
            "GetParameter",
            [
                (400, r#"{"__type": "ParameterNotFound", "message": "abc"}"#),
                (400, r#"{"__type": "AccessDeniedException", "message": "no"}"#),
                (200, r#"{"Parameter": {"Value": 1234321}}"#),
            ],
        ),
    ])
    .await;
    let shop = shop("npm", "/npm");

    let build = || -> Answer {
        let mut command = shop.world.command(["build", "-q"]);
        command.env("AWS_ENDPOINT_URL", &server.url).output().unwrap().into()
    };
    let shown = [build(), build(), build()].map(|answer| shop.mask(&answer));
    let mut without_region = shop.world.command(["build", "-q"]);
    let without_region: Answer = without_region.env("AWS_REGION", "").output().unwrap().into();

    insta::assert_snapshot!(shown[0], @"
    stderr: error: cannot use the secret `parameter` of `api`
    stderr:   because: there is no `/npm` of the SSM Parameter Store
    [exit: 2]
    ");
    insta::assert_snapshot!(shown[1], @"
    stderr: error: cannot use the secret `parameter` of `api`
    stderr:   because: cannot read `/npm` of the SSM Parameter Store
    stderr:   because: AWS denies it: AccessDeniedException: no
    stderr:   hint: allow the action in the IAM policy of the principal that is denied
    [exit: 3]
    ");
    insta::assert_snapshot!(shown[2], @"
    stderr: error: cannot use the secret `parameter` of `api`
    stderr:   because: `/npm` of the SSM Parameter Store is not UTF-8
    [exit: 2]
    ");
    insta::assert_snapshot!(shop.mask(&without_region), @"
    stderr: error: cannot use the secret `parameter` of `api`
    stderr:   because: nothing says in which region `/npm` of the SSM Parameter Store is
    stderr:   hint: write its ARN, or set `AWS_REGION`
    [exit: 2]
    ");
    assert!(shop.engine_images().is_empty());
}
