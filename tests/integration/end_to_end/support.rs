//! What a build reports, and what the bed's first registry has of it.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::support::bed::setting;
use crate::support::shop::{Cache, Shop};
use crate::support::world::Answer;

/// The example monorepo of this project, with the registry as its cache. It isn't committed, and no other build has its
/// steps.
pub(crate) fn examples() -> Shop {
    examples_in(Shop::new().cache(Cache::oci()))
}

/// The same in a shop that is empty.
pub(crate) fn examples_in(shop: Shop) -> Shop {
    let root = env!("CARGO_MANIFEST_DIR");
    let copied = Command::new("cp").args(["-r", &format!("{root}/examples")]).arg(shop.world.path()).status();
    assert!(copied.unwrap().success());
    let manifest = std::fs::read_to_string(format!("{root}/projects.toml")).unwrap();
    let (before, after) = manifest.split_once("[cache]").unwrap();
    let after = &after[after.find("\n[").unwrap()..];
    shop.world.write("projects.toml", format!("{before}{}{after}", shop.cache_table()));
    // An engine that has the same files from elsewhere may leave records out of the inline cache (moby/buildkit#7146).
    let own = shop.prefix.trim_end_matches('/');
    for (file, line) in [
        ("base/etc/motd", own.to_owned()),
        ("lib/src/prices.sh", format!("# {own}")),
        ("api/src/bundle.sh", format!("# {own}")),
        ("api/src/catalogue.csv", format!("{own},100")),
        ("api/src/cgi-bin/hello", format!("# {own}")),
    ] {
        let file = format!("examples/{file}");
        let text = std::fs::read_to_string(shop.world.file(&file)).unwrap();
        shop.world.write(&file, format!("{text}{line}\n"));
    }
    shop
}

impl Shop {
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

    /// Whether the registry has what a tag stands for: it may list one of which it has nothing any more.
    pub(crate) fn has(&self, repository: &str, tag: &str) -> bool {
        let (user, password) = (setting("REGISTRY_1_USER"), setting("REGISTRY_1_PASSWORD"));
        self.world.write(".git/curl", format!("user = \"{user}:{password}\"\n"));
        let login = self.world.file(".git/curl").display().to_string();
        let url = format!("http://{}/v2/{}{repository}/manifests/{tag}", setting("REGISTRY_1"), self.prefix);
        let accept = "Accept: application/vnd.oci.image.manifest.v1+json";
        let status = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", accept, "--config", &login, &url];
        let answer = Command::new("curl").args(status).output().unwrap();
        let status = String::from_utf8_lossy(&answer.stdout).into_owned();
        assert!(["200", "404"].contains(&&*status), "{url}: {status}");
        status == "200"
    }

    pub(crate) fn get(&self, name: &str, path: &str) -> Value {
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
