//! A repository whose cache is the bed's first registry, and what that registry was asked.

use std::collections::BTreeSet;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::bed::setting;
use crate::world::{Answer, World};

/// A world with a prefix of its own in the registry, and in both engines.
pub(crate) struct Shop {
    pub(crate) world: World,
    pub(crate) prefix: String,
    read_log_bytes: u64,
}

impl Shop {
    /// An empty repository that is logged in to the registry.
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("e2e-{}-{number}/", std::process::id());
        let mut world = World::new();
        let docker_config = world.file(".git/docker").display().to_string();
        world.set("DOCKER_CONFIG", &docker_config).set("DOCKER_HOST", &setting("DOCKER_HOST_1"));
        let shop = Self { world, prefix, read_log_bytes: 0 };
        shop.log_in(&setting("REGISTRY_1"));
        shop
    }

    /// Makes `host` the one host that the registry's password is known for.
    pub(crate) fn log_in(&self, host: &str) {
        let login = format!("{}:{}", setting("REGISTRY_1_USER"), setting("REGISTRY_1_PASSWORD"));
        let auth = serde_json::json!({ "auths": { host: { "auth": base64(login.as_bytes()) } } });
        self.world.write(".git/docker/config.json", auth.to_string());
    }

    /// The example monorepo of this project, with the registry as its cache.
    pub(crate) fn with_examples() -> Self {
        let shop = Self::new();
        let root = env!("CARGO_MANIFEST_DIR");
        let copied =
            Command::new("cp").args(["-r", &format!("{root}/examples")]).arg(shop.world.path()).status();
        assert!(copied.unwrap().success());
        let manifest = std::fs::read_to_string(format!("{root}/projects.toml")).unwrap();
        let (before, after) = manifest.split_once("[cache]").unwrap();
        let after = &after[after.find("\n[").unwrap()..];
        shop.world.write("projects.toml", format!("{before}{}{after}", shop.cache()));
        shop
    }

    /// The manifest's table for the registry.
    pub(crate) fn cache(&self) -> String {
        format!(
            "[cache]\nkind = \"oci\"\nhost = \"{}\"\nprefix = \"{}\"\n",
            setting("REGISTRY_1"),
            self.prefix
        )
    }

    /// Runs `build --json`, which must succeed.
    pub(crate) fn build<const N: usize>(&self, more: [&str; N]) -> Value {
        let output = self.world.command(["build", "--json"]).args(more).output().unwrap();
        let answer = Answer::from(output);
        assert_eq!(answer.exit, 0, "{answer}");
        answer.json()
    }

    /// The manifest of `<host>/<repository>@<digest>` or `<host>/<repository>:<tag>` in the registry.
    pub(crate) fn manifest(&self, image: &str) -> Value {
        let (name, reference) = image.split_once('@').unwrap_or_else(|| image.rsplit_once(':').unwrap());
        self.get(name, &format!("manifests/{reference}"))
    }

    /// The configuration of an image.
    pub(crate) fn configuration(&self, image: &str) -> Value {
        let (name, _) = image.split_once('@').unwrap_or_else(|| image.rsplit_once(':').unwrap());
        let digest = self.manifest(image)["config"]["digest"].as_str().unwrap().to_owned();
        self.get(name, &format!("blobs/{digest}"))
    }

    fn get(&self, name: &str, path: &str) -> Value {
        let repository = name.split_once('/').unwrap().1;
        let (user, password) = (setting("REGISTRY_1_USER"), setting("REGISTRY_1_PASSWORD"));
        // In a file: an argument could be read by other processes.
        self.world.write(".git/curl", format!("user = \"{user}:{password}\"\n"));
        let login = self.world.file(".git/curl").display().to_string();
        let url = format!("http://{}/v2/{repository}/{path}", setting("REGISTRY_1"));
        let mut curl = Command::new("curl");
        curl.args(["-sfL", "--config", &login]);
        for kind in ["oci.image.index.v1", "oci.image.manifest.v1", "docker.distribution.manifest.v2"] {
            curl.args(["-H", &format!("Accept: application/vnd.{kind}+json")]);
        }
        let answer = curl.arg(&url).output().unwrap();
        assert!(answer.status.success(), "{url}: {answer:?}");
        serde_json::from_slice(&answer.stdout).unwrap()
    }

    /// What the registry was asked of this shop's repositories since the last call: `METHOD path`.
    pub(crate) fn asked(&mut self) -> Vec<String> {
        let mut log = std::fs::File::open(setting("REGISTRY_1_LOG")).unwrap();
        log.seek(SeekFrom::Start(self.read_log_bytes)).unwrap();
        let mut text = String::new();
        self.read_log_bytes += log.read_to_string(&mut text).unwrap() as u64;
        let prefix = format!("/v2/{}", self.prefix);
        text.lines()
            .filter_map(|line| line.split('"').nth(1))
            .filter(|request| request.contains(&prefix))
            .map(|request| request.rsplit_once(' ').unwrap().0.to_owned())
            .collect()
    }

    fn remove_images(&self, host: &str) {
        let images = docker(host, &["images", "--format", "{{.Repository}} {{.ID}}"]);
        // Whatever registry they are named after: some builds reach it by way of a proxy.
        let ours = format!("/{}", self.prefix);
        let ours: BTreeSet<&str> = images
            .lines()
            .filter(|image| image.contains(&ours))
            .filter_map(|line| line.split(' ').nth(1))
            .collect();
        if !ours.is_empty() {
            let ours: Vec<&str> = ours.into_iter().collect();
            docker(host, &[&["rmi", "-f"][..], &ours].concat());
        }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        for host in ["DOCKER_HOST_1", "DOCKER_HOST_2"] {
            self.remove_images(&setting(host));
        }
    }
}

/// Runs Debian's docker client, which must succeed, and returns what it wrote.
pub(crate) fn docker(host: &str, arguments: &[&str]) -> String {
    let output = Command::new("/usr/bin/docker").args(["-H", host]).args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The names of the projects with this outcome.
pub(crate) fn with_outcome(report: &Value, outcome: &str) -> BTreeSet<String> {
    let projects = report["projects"].as_array().unwrap().iter();
    projects
        .filter(|project| project["outcome"] == outcome)
        .map(|project| project["name"].as_str().unwrap().to_owned())
        .collect()
}

pub(crate) fn project<'r>(report: &'r Value, name: &str) -> &'r Value {
    let projects = report["projects"].as_array().unwrap();
    projects.iter().find(|project| project["name"] == name).unwrap()
}

pub(crate) fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

/// RFC 4648 § 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0, |group, &byte| group << 8 | usize::from(byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let is_padding = digit > chunk.len();
            text.push(if is_padding { '=' } else { char::from(DIGITS[group >> (18 - 6 * digit) & 63]) });
        }
    }
    text
}
