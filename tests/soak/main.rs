//! Builds and deployments that are killed, stopped and interrupted at random moments, on the test bed. Takes minutes, and
//! is therefore run by name only: `make soak`.

#![expect(clippy::unwrap_used, reason = "a preparation that fails, fails the test")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the integration tests use all of it")]
mod support;

mod build;

use std::fs::Permissions;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use support::bed::setting;
use support::shop::{Cache, Shop};
use support::world::Answer;

/// How often each law is tried.
const MOMENTS: usize = 40;

/// How long a claim counts where nobody unlocks.
const LEASE: &str = "20s";

/// `lib`, which is its image alone, and `api` with Terraform and a service, deployed to the second region.
struct Deployed(Shop);

impl Deployed {
    fn new() -> Self {
        let mut shop = Shop::new().cache(Cache::ecr()).plain(["lib", "api"]);
        let (host, prefix) = (setting("AWS_2"), shop.prefix.clone());
        let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
        let deploy = format!(
            "[deploy]\nkind = \"ecr\"\nregion = \"eu-west-2\"\nhost = \"{host}\"\nendpoint = \"http://{host}\"\n\
             prefix = \"{prefix}\"\n[environments.dev]\nbranch = \"main\"\n"
        );
        let service = "service = { kind = \"command\", run = [\"sh\", \"-c\", \"while [ -e hold ]; do touch held; sleep 0.05; done; echo $CHINAMPA_IMAGE >running\"] }\n";
        let manifest = manifest.replace("[projects.lib]", &format!("{deploy}[projects.lib]"));
        // What deployments leave here is not committed.
        shop.world.write(".gitignore", "/running\n/applied\n/terraform\n/hold\n/held\n");
        shop.world.write("projects.toml", format!("{manifest}{service}"));
        // Stands in for Terraform: what it applied is in a file.
        let applied = shop.world.file("applied").display().to_string();
        let script = format!("#!/bin/sh\nsleep 0.1\nif [ $1 = apply ]; then cat main.tf >{applied}; fi\n");
        shop.world.write("terraform", script);
        std::fs::set_permissions(shop.world.file("terraform"), Permissions::from_mode(0o755)).unwrap();
        let terraform = shop.world.file("terraform").display().to_string();
        shop.world.set("CHINAMPA_TERRAFORM", &terraform).set("CHINAMPA_LOCK_LEASE", LEASE);
        Self(shop)
    }

    /// Commits a version of all that can differ, and builds it.
    fn version(&self, number: usize) -> String {
        let configuration = format!("terraform {{\n  backend \"s3\" {{}}\n}}\n# {number}\n");
        self.0.world.write("api/terraform/main.tf", configuration);
        for project in ["lib", "api"] {
            self.0.world.write(&format!("{project}/f"), format!("{} {project} {number}", self.0.prefix));
        }
        let commit = self.0.world.commit();
        let built = self.0.world.run(["build", "-q"]);
        assert_eq!(built.exit, 0, "{built}");
        commit
    }

    fn start(&self) -> Child {
        let mut command = self.0.world.command(["deploy", "-e", "dev"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn deploy(&self) {
        let answer = self.0.world.run(["deploy", "-e", "dev"]);
        assert_eq!(answer.exit, 0, "{answer}");
    }

    fn status(&self) -> Value {
        self.0.world.run(["status", "-e", "dev", "--json"]).json()
    }

    /// What the record says runs is what runs, all of it of this commit.
    fn check(&self, commit: &str) {
        let status = self.status();
        assert_eq!((&status["commit"], &status["in_progress"]), (&commit.into(), &Value::Null), "{status:#}");
        let projects = status["projects"].as_array().unwrap();
        assert_eq!(projects.len(), 2);
        for project in projects {
            assert_eq!(
                (&project["commit"], &project["state"]),
                (&commit.into(), &"applied".into()),
                "{status:#}"
            );
        }
        let read = |file: &str| std::fs::read_to_string(self.0.world.file(file)).unwrap();
        let image =
            projects.iter().find(|project| project["name"] == "api").unwrap()["image"].as_str().unwrap();
        assert!(read("running").trim().ends_with(image), "{} runs, {image} is recorded", read("running"));
        assert_eq!(read("applied"), read("api/terraform/main.tf"));
    }

    fn locks(&self) -> usize {
        self.status()["locks"].as_array().unwrap().len()
    }
}

fn signal(process: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &process.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Any moment of a span.
fn moment(span: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    span.mul_f64((random % 10_000) as f64 / 10_000.0)
}

#[test]
fn killed_at_any_moment_and_run_again_the_end_is_the_undisturbed_one() {
    let it = Deployed::new();
    let commit = it.version(0);
    let started = Instant::now();
    it.deploy();
    it.check(&commit);
    let span = started.elapsed();

    for number in 1..=MOMENTS {
        let commit = it.version(number);
        let mut killed = it.start();
        let moment = moment(span);
        std::thread::sleep(moment);
        // It may have ended before.
        let _ = killed.kill();
        killed.wait().unwrap();

        // Every fourth time nobody unlocks, and the lease has to run out.
        if number % 4 != 0 {
            assert_eq!(it.0.world.run(["unlock", "-e", "dev"]).exit, 0);
        }
        it.deploy();

        it.check(&commit);
        assert_eq!(it.locks(), 0, "killed after {moment:?}");
    }
}

#[test]
fn a_holder_that_is_stopped_past_its_lease_does_nothing_more() {
    let it = Deployed::new();
    it.version(0);
    it.deploy();
    let older = it.version(1);
    it.0.world.write("hold", "");
    let stopped = it.start();
    let started = Instant::now();
    while !it.0.world.file("held").exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "it did not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    signal(&stopped, "-STOP");
    // Its service's program goes on, and is over before another one deploys.
    it.0.world.remove("hold");
    let newer = it.version(2);

    it.deploy();
    it.check(&newer);
    signal(&stopped, "-CONT");
    let answer: Answer = stopped.wait_with_output().unwrap().into();

    assert_ne!(answer.exit, 0, "{answer}");
    assert!(answer.stderr.contains("the lock of `dev`"), "{older}: {answer}");
    it.check(&newer);
    assert_eq!(it.locks(), 0);
}

#[test]
fn a_waiting_deployment_that_is_interrupted_leaves_no_lock() {
    let mut it = Deployed::new();
    // The holder is stopped, and must hold the lock until the end all the same.
    it.0.world.set("CHINAMPA_LOCK_LEASE", "1h");
    it.version(0);
    it.deploy();
    it.version(1);
    it.0.world.write("hold", "");
    let holder = it.start();
    let started = Instant::now();
    while !it.0.world.file("held").exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "nobody holds the lock");
        std::thread::sleep(Duration::from_millis(10));
    }
    signal(&holder, "-STOP");

    for number in 0..MOMENTS {
        let waiting = it.start();
        std::thread::sleep(Duration::from_millis(200) + moment(Duration::from_secs(3)));
        signal(&waiting, if number % 2 == 0 { "-INT" } else { "-TERM" });

        let answer: Answer = waiting.wait_with_output().unwrap().into();

        assert_eq!(answer.exit, 130, "{answer}");
        assert_eq!(it.locks(), 1, "{answer}");
    }
    signal(&holder, "-CONT");
    it.0.world.remove("hold");
    let answer: Answer = holder.wait_with_output().unwrap().into();
    assert_eq!(answer.exit, 0, "{answer}");
}
