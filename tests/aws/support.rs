//! A repository whose cache is the emulator's ECR, and what the emulator has.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::bed::setting;
use crate::proxy::{Fault, Rule};
use crate::world::World;

pub(crate) const REGION: &str = "us-east-2";

/// A world with a prefix of its own in ECR.
pub(crate) struct Shop {
    pub(crate) world: World,
    pub(crate) prefix: String,
    host: String,
}

impl Shop {
    /// Projects of these names, committed; ECR is at `host`, and so is the rest of AWS.
    pub(crate) fn new<const N: usize>(host: &str, projects: [&str; N]) -> Self {
        Self::with_policy(host, "", projects)
    }

    /// The same with a table for `policy`.
    pub(crate) fn with_policy<const N: usize>(host: &str, policy: &str, projects: [&str; N]) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let prefix = format!("t{now}-{}/", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut world = World::new();
        world
            .set("AWS_ACCESS_KEY_ID", "test")
            .set("AWS_SECRET_ACCESS_KEY", "s3cret-key")
            .set("AWS_EC2_METADATA_DISABLED", "true")
            .set("DOCKER_HOST", &setting("DOCKER_HOST_1"));
        for project in projects {
            world
                .write(&format!("{project}/Dockerfile"), "FROM scratch\nCOPY f /f\n")
                .write(&format!("{project}/f"), format!("{prefix}{project}"));
        }
        let shop = Self { world, prefix, host: host.to_owned() };
        shop.set_policy(policy);
        for project in projects {
            let mut manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
            manifest.push_str(&format!("[projects.{project}]\npath = \"{project}\"\n"));
            shop.world.write("projects.toml", manifest);
        }
        shop.world.commit();
        shop
    }

    /// Writes and commits a manifest without projects.
    pub(crate) fn set_policy(&self, policy: &str) {
        let Self { host, prefix, .. } = self;
        let manifest = format!(
            "[workspace]\nname = \"shop\"\n[cache]\nkind = \"ecr\"\nregion = \"{REGION}\"\nhost = \"{host}\"\n\
             endpoint = \"http://{host}\"\nprefix = \"{prefix}\"\npolicy = {{ {policy} }}\n"
        );
        self.world.write("projects.toml", manifest).commit();
    }

    /// Asks the emulator itself about a repository of this shop.
    pub(crate) fn ask(&self, operation: &str, repository: &str, mut request: Value) -> Value {
        request["repositoryName"] = format!("{}{repository}", self.prefix).into();
        ask("AWS_1", REGION, "ecr", "AmazonEC2ContainerRegistry_V20150921", operation, &request)
    }

    /// The tags that a repository has in the emulator.
    pub(crate) fn tags(&self, repository: &str) -> Vec<String> {
        let answer = self.ask("DescribeImages", repository, json!({}));
        let images = answer["imageDetails"].as_array().unwrap_or_else(|| panic!("{answer}"));
        let tags = images.iter().flat_map(|image| image["imageTags"].as_array().unwrap());
        let mut tags: Vec<String> = tags.map(|tag| tag.as_str().unwrap().to_owned()).collect();
        tags.sort();
        tags
    }
}

impl Drop for Shop {
    /// Removes what was pushed from the engine, where it stays otherwise.
    fn drop(&mut self) {
        let docker = |arguments: &[&str]| {
            Command::new("/usr/bin/docker")
                .args(["-H", &setting("DOCKER_HOST_1")])
                .args(arguments)
                .output()
                .unwrap()
        };
        let images = docker(&["images", "--format", "{{.Repository}} {{.ID}}"]).stdout;
        let images = String::from_utf8_lossy(&images).into_owned();
        let ours = images
            .lines()
            .filter(|line| line.contains(&self.prefix))
            .filter_map(|line| line.split(' ').nth(1));
        for image in ours {
            docker(&["rmi", "-f", image]);
        }
    }
}

/// Asks an emulator itself for an operation of one of AWS's services.
pub(crate) fn ask(
    emulator: &str,
    region: &str,
    service: &str,
    interface: &str,
    operation: &str,
    request: &Value,
) -> Value {
    let target = format!("X-Amz-Target: {interface}.{operation}");
    let scope =
        format!("Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/{region}/{service}/aws4_request");
    let output = Command::new("curl")
        .args(["-s", "--noproxy", "*", "-H", "Content-Type: application/x-amz-json-1.1", "-H", &target])
        .args(["-H", &scope, "-d", &request.to_string(), &format!("http://{}/", setting(emulator))])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What ECR wants to see for a token.
pub(crate) fn shown(token: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("AWS:{token}")))
}

/// Lets the next request for a token be answered with this one, which is good for `seconds`.
pub(crate) fn gives(token: &str, seconds: u64) -> Rule {
    let expires = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + seconds;
    let body = json!({ "authorizationData": [{
        "authorizationToken": STANDARD.encode(format!("AWS:{token}")),
        "expiresAt": expires,
        "proxyEndpoint": "https://123456789012.dkr.ecr.us-east-2.amazonaws.com",
    }] });
    answers(1, "GetAuthorizationToken", 200, &body.to_string())
}

/// Lets ECR want one of these tokens; any other gets `otherwise`.
pub(crate) fn demands(method: &'static str, path: &'static str, tokens: &[&str], otherwise: u16) -> Rule {
    let authorizations = tokens.iter().map(|token| shown(token)).collect();
    Rule { method, path, times: usize::MAX, fault: Fault::Demand { authorizations, otherwise } }
}

/// Lets an operation of AWS be answered so.
pub(crate) fn answers(times: usize, operation: &'static str, code: u16, body: &str) -> Rule {
    let headers = vec![("content-type", "application/x-amz-json-1.1".to_owned())];
    Rule {
        method: "POST",
        path: operation,
        times,
        fault: Fault::Status { code, headers, body: body.to_owned() },
    }
}
