//! How often, and how many times one after the other, a command asks a registry; and what it says when that is in trouble.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::support::memory_registry::{Access, Kind, MemoryRegistry, Nature, Trouble};
use crate::support::world::{Answer, World};

/// Long enough for requests that are sent at the same time to overlap.
const SLOW: Nature =
    Nature { latency: Duration::from_millis(100), access: Access::Password, lacks_referrers: false };

/// Projects whose images are in the cache, all of them with two layers that they share.
struct Cached {
    world: World,
    cache: MemoryRegistry,
}

impl Cached {
    async fn new(projects: usize, nature: Nature, more: &str) -> Self {
        let (mut world, cache) = (World::new(), MemoryRegistry::start(nature).await);
        let login = json!({ "auth": base64::engine::general_purpose::STANDARD.encode("user:password") });
        world.write("docker/config.json", json!({ "auths": { cache.host.as_str(): login } }).to_string());
        let folder = world.file("docker").display().to_string();
        world.set("DOCKER_CONFIG", &folder);
        let names: Vec<String> = (0..projects).map(|number| format!("image-{number}")).collect();
        let host = &cache.host;
        let mut manifest =
            format!("[workspace]\nname = \"shop\"\n[cache]\nkind = \"oci\"\nhost = \"{host}\"\n{more}");
        for name in &names {
            manifest += &format!("[projects.{name}]\npath = \"{name}\"\n");
            world.write(&format!("{name}/Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n");
        }
        world.write("projects.toml", manifest).write(".gitignore", "/docker\n").commit();
        let plan = world.run(["plan", "--offline", "--digests", "--json"]).json();
        for name in &names {
            let digest = cache.content().put_image(name, &["base", "runtime", name]);
            let steps = plan["projects"].as_array().unwrap();
            let inputs = steps.iter().find(|step| step["name"] == name.as_str()).unwrap();
            let inputs = inputs["digest"].as_str().unwrap();
            cache.content().tag(name, &digest, &format!("cache-{inputs}"));
        }
        Self { world, cache }
    }

    /// Runs the binary while the registries go on working.
    async fn run(&self, arguments: &[&str]) -> Answer {
        let mut command = self.world.command_of(arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap().into()).await.unwrap()
    }

    /// The same, which must end well.
    async fn succeed(&self, arguments: &[&str]) {
        let answer = self.run(arguments).await;
        assert_eq!(answer.exit, 0, "{answer}");
    }

    /// What was asked since the last time, each once: a registry refuses what comes without a password.
    fn asked(&self) -> BTreeSet<String> {
        let asked = self.cache.lines().into_iter().collect();
        self.cache.forget();
        asked
    }

    /// The build record of the head.
    fn record(&self) -> Value {
        let tag = format!("commit-{}", self.world.git(["rev-parse", "HEAD"]));
        let content = self.cache.content();
        let (_, _, manifest) = content.manifest("shop-builds", &tag).expect("there is a record");
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        let layer = content.blob("shop-builds", manifest["layers"][0]["digest"].as_str().unwrap());
        serde_json::from_slice(&layer.unwrap()).unwrap()
    }
}

fn writes(asked: &BTreeSet<String>) -> Vec<&String> {
    asked.iter().filter(|line| !line.starts_with("HEAD ") && !line.starts_with("GET ")).collect()
}

// issue 18: R2
#[tokio::test]
async fn a_build_of_what_is_there_asks_one_question_an_image_and_writes_nothing_that_is_there() {
    let shop = Cached::new(10, SLOW, "").await;
    shop.succeed(&["build"]).await;
    shop.asked();

    shop.succeed(&["build"]).await;
    let rounds = shop.cache.rounds();
    let asked = shop.asked();

    assert!(rounds <= 4, "{rounds} rounds: {asked:#?}");
    assert_eq!(writes(&asked), [""; 0]);
    let of_images = asked.iter().filter(|line| line.contains("/v2/image-")).count();
    let of_taints = asked.iter().filter(|line| line.contains("/v2/shop-taints/")).count();
    assert_eq!((of_images, of_taints), (10, 1), "{asked:#?}");

    shop.world.write("README.md", "no input of any image").commit();
    shop.succeed(&["build"]).await;
    let rounds = shop.cache.rounds();
    let asked = shop.asked();

    assert!(rounds <= 8, "{rounds} rounds: {asked:#?}");
    assert!(writes(&asked).iter().all(|line| line.contains("/v2/shop-builds/")), "{asked:#?}");
    assert_eq!(shop.record()["commit"], shop.world.git(["rev-parse", "HEAD"]));
}

// issue 18: R2
#[tokio::test]
async fn a_plan_of_many_images_asks_for_32_at_a_time_and_for_all_else_besides() {
    let shop = Cached::new(100, SLOW, "").await;

    shop.succeed(&["plan"]).await;

    let rounds = shop.cache.rounds();
    assert!(rounds <= 100_usize.div_ceil(32) + 3, "{rounds} rounds");
    assert_eq!(shop.asked().iter().filter(|line| line.contains("/v2/image-")).count(), 100);
}

#[tokio::test]
async fn a_taint_forces_one_build_and_is_one_tag_of_a_repository_for_all() {
    let shop = Cached::new(2, Nature::default(), "").await;
    for taint in [["taint", "image-1"], ["taint", "image-1"], ["taint", "image-0"], ["untaint", "image-0"]] {
        shop.succeed(&taint).await;
    }

    let plan = shop.run(&["plan", "--json"]).await.json();

    let actions: Vec<_> = plan["projects"].as_array().unwrap().iter().map(|step| &step["action"]).collect();
    assert_eq!(actions, ["reuse", "build"], "{plan:#}");
    let tags = shop.cache.content().tags("shop-taints").unwrap();
    assert!(tags.len() == 2 && tags.keys().all(|tag| tag.starts_with("image-1.")), "{tags:?}");
}

// issue 18: R6
#[tokio::test]
async fn how_long_builds_took_is_in_the_record_and_known_on_a_machine_that_built_nothing() {
    let shop = Cached::new(2, Nature::default(), "").await;
    let learned = json!({ "milliseconds": { "image-0": 4200 } }).to_string();
    shop.world.write(".git/chinampa/durations.json", learned);
    shop.succeed(&["build"]).await;
    std::fs::remove_dir_all(shop.world.file(".git/chinampa")).unwrap();
    shop.world.write("README.md", "a new commit").commit();

    shop.succeed(&["build"]).await;

    let projects = &shop.record()["projects"];
    assert_eq!(projects["image-0"]["milliseconds"], 4200, "{projects:#}");
    assert_eq!(projects["image-1"].get("milliseconds"), None, "{projects:#}");
}

// issue 18: R6
#[tokio::test]
async fn each_retry_is_told_with_host_cause_and_delay() {
    let shop = Cached::new(1, Nature::default(), "").await;
    shop.cache.trouble(Kind::FindManifest, Trouble::Status(503), 1);

    let told = shop.run(&["plan"]).await;
    shop.cache.trouble(Kind::FindManifest, Trouble::Status(503), 1);
    let quiet = shop.run(&["plan", "--quiet"]).await;

    let warning =
        told.stderr.lines().find(|line| line.starts_with("warning: ")).unwrap_or_else(|| panic!("{told}"));
    assert!(warning.starts_with(&format!("warning: `{}`: ", shop.cache.host)), "{told}");
    assert!(warning.contains("status 503") && warning.contains("; retrying in "), "{told}");
    assert_eq!((told.exit, quiet.exit, quiet.stderr.as_str()), (0, 0, ""));
}

#[tokio::test]
async fn requests_that_fail_together_are_one_warning_for_each_round_of_attempts() {
    let shop = Cached::new(6, Nature::default(), "").await;
    shop.cache.trouble(Kind::FindManifest, Trouble::Status(503), 12);

    let told = shop.run(&["plan"]).await;

    let warnings: Vec<&str> = told.stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(told.exit, 0, "{told}");
    for (number, warning) in (2..).zip(&warnings) {
        assert!(warning.ends_with(&format!(" s ({number} of 5)")), "{told}");
    }
    assert!((2..=4).contains(&warnings.len()), "{told}");
}

// issue 18: R6
#[tokio::test]
async fn traces_have_the_time_since_the_start() {
    let shop = Cached::new(1, Nature::default(), "").await;

    let traced = shop.run(&["plan", "-vv"]).await;

    let line =
        traced.stderr.lines().find(|line| line.contains("answered")).unwrap_or_else(|| panic!("{traced}"));
    let time = line.split_whitespace().next().unwrap().trim_end_matches('s');
    assert!(time.parse::<f64>().is_ok_and(|seconds| seconds < 60.0), "{line}");
}

// issue 18: R3, R4
#[tokio::test]
async fn a_deployment_of_the_same_images_takes_at_most_five_requests_an_image() {
    const IMAGES: usize = 12;
    let target = MemoryRegistry::start(Nature::default()).await;
    let more = format!(
        "[deploy]\nkind = \"oci\"\nhost = \"{}\"\nprefix = \"live/\"\n[environments.dev]\nbranch = \"main\"\n",
        target.host
    );
    let shop = Cached::new(IMAGES, Nature::default(), &more).await;
    shop.succeed(&["build"]).await;
    shop.succeed(&["deploy", "--environment", "dev"]).await;
    let uploads = target
        .lines()
        .iter()
        .filter(|line| {
            line.starts_with("PUT ") && line.contains("/v2/live/image-") && line.contains("/blobs/")
        })
        .count();
    // Two layers that all have, and of each image a layer and the configuration.
    assert_eq!(uploads, 2 + 2 * IMAGES, "{:#?}", target.lines());
    shop.world.write("README.md", "no input of any image").commit();
    shop.succeed(&["build"]).await;
    shop.cache.forget();
    target.forget();

    shop.succeed(&["deploy", "--environment", "dev"]).await;

    let asked = [shop.cache.lines(), target.lines()].concat();
    let of_images: Vec<_> = asked.iter().filter(|line| line.contains("image-")).collect();
    assert!(of_images.len() <= 5 * IMAGES, "{}: {of_images:#?}", of_images.len());
    assert!(of_images.iter().all(|line| !line.starts_with("PUT ")), "{of_images:#?}");
}
