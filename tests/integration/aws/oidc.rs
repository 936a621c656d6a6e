//! The recipes of `docs/aws.md` for CIs with OIDC: what they run gets the credentials of the role, and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::aws::accounts::{identity, key_of};
use crate::aws::deployment::DEPLOY_REGION;
use crate::aws::rules::demands;
use crate::pipelines::read::documents;
use crate::support::bed::setting;
use crate::support::proxy::Proxy;
use crate::support::shop::{Cache, Shop};

/// Of the role in the recipes.
const ACCOUNT: &str = "123456789012";

const CACHE_REGION: &str = "us-east-2";

/// What the CI gives the job.
const TOKEN: &str = "token-of-the-job";

/// What a recipe sets and runs.
struct Recipe {
    variables: BTreeMap<String, String>,
    commands: Vec<String>,
}

/// The YAML after the bold name of a CI.
fn recipe(folder: &Path, ci: &str) -> Recipe {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/aws.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("\n## OIDC\n").unwrap();
    let (_, rest) = rest.split_once(&format!("\n**{ci}** ")).unwrap();
    let (_, rest) = rest.split_once("```yaml\n").unwrap();
    let (yaml, _) = rest.split_once("```\n").unwrap();
    let file = folder.join("recipe.yml");
    let token = folder.join("oidc-token");
    std::fs::write(&file, yaml.replace("/tmp/oidc-token", token.to_str().unwrap())).unwrap();
    let document = documents(&[file])[0].value.clone();
    let (variables, commands) = match ci {
        "CircleCI" => {
            let steps = document["steps"].as_array().unwrap().iter();
            (Value::Null, steps.filter_map(|step| step["run"].as_str().map(str::to_owned)).collect())
        }
        "GitLab CI/CD" => (document["deploy"]["variables"].clone(), texts(&document["deploy"]["script"])),
        "Buildkite" => (document["steps"][0]["env"].clone(), texts(&document["steps"][0]["commands"])),
        _ => panic!("{ci}"),
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let variables = variables.as_object().into_iter().flatten();
    Recipe { variables: variables.map(|(name, value)| (name.clone(), text(value))).collect(), commands }
}

fn texts(array: &Value) -> Vec<String> {
    array.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Runs a recipe with what its CI gives a job, in a repository that is built to and deployed to ECR.
async fn check(ci: &str) {
    // The emulator knows by the token whose registry it is.
    let tokens = [CACHE_REGION, DEPLOY_REGION].map(|region| format!("{ACCOUNT}.{region}"));
    let demand = demands("", "/v2/", &[&tokens[0], &tokens[1]], 403);
    let proxy = Proxy::start(&setting("AWS_2"), [demand]).await;
    let host = proxy.host().to_owned();
    let mut shop = Shop::new().cache(Cache::Ecr(host.clone())).plain(["api"]);
    let deploy = format!(
        "[deploy]\nkind = \"ecr\"\nregion = \"{DEPLOY_REGION}\"\nhost = \"{host}\"\nprefix = \"{}deploy/\"\n\
         [environments.dev]\nbranch = \"main\"\n[projects.api]",
        shop.prefix
    );
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    shop.world.write("projects.toml", manifest.replace("[projects.api]", &deploy)).commit();
    shop.world.set("AWS_ENDPOINT_URL", &format!("http://{host}"));
    let folder = tempfile::tempdir().unwrap();
    let agent = folder.path().join("buildkite-agent");
    let asked = "oidc request-token --audience sts.amazonaws.com";
    std::fs::write(&agent, format!("#!/bin/sh\n[ \"$*\" = '{asked}' ] && printf %s {TOKEN}\n")).unwrap();
    std::fs::set_permissions(&agent, std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_chinampa")).parent().unwrap();
    let path =
        format!("{}:{}:{}", folder.path().display(), program.display(), std::env::var("PATH").unwrap());
    let recipe = recipe(folder.path(), ci);
    assert_eq!(
        &recipe.commands[recipe.commands.len() - 2..],
        ["chinampa build", "chinampa deploy --environment dev"]
    );

    for command in &recipe.commands {
        let mut bash = shop.world.program("bash", &["-eo", "pipefail", "-c", command]);
        bash.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env("PATH", &path);
        bash.envs(&recipe.variables).env("BASH_ENV", folder.path().join("bash-env"));
        bash.env("CIRCLE_OIDC_TOKEN_V2", TOKEN).env("AWS_TOKEN", TOKEN);
        let answer = bash.output().unwrap();
        assert!(answer.status.success(), "{ci}: {command}: {answer:?}");
    }

    let token = std::fs::read_to_string(folder.path().join("oidc-token")).unwrap();
    assert_eq!(token.trim_end(), TOKEN);
    let record = proxy.record();
    let keys: BTreeSet<String> = record.iter().filter_map(key_of).collect();
    assert!(!keys.is_empty());
    for key in keys {
        let who = identity(&key);
        assert!(
            who.starts_with(&format!("arn:aws:sts::{ACCOUNT}:assumed-role/chinampa-deploy/")),
            "{ci}: {who}"
        );
    }
}

// issue 17
#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_circleci_gets_the_credentials_of_its_role() {
    check("CircleCI").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_gitlab_gets_the_credentials_of_its_role() {
    check("GitLab CI/CD").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_buildkite_gets_the_credentials_of_its_role() {
    check("Buildkite").await;
}
