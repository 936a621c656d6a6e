//! Where `build --shard` is refused, and why.

use insta::assert_snapshot;

use crate::support::world::{Answer, World};

fn world(manifest: &str) -> World {
    let world = World::new();
    let manifest = format!("[workspace]\nname = \"shop\"\n{manifest}\n[projects.api]\npath = \"api\"\n");
    world
        .write("projects.toml", manifest)
        .write("api/Dockerfile", "FROM scratch\nCOPY f /f\n")
        .write("api/f", "");
    world.commit();
    world
}

const REMOTE: &str = "[cache]\nkind = \"oci\"\nhost = \"127.0.0.1:1\"";

#[test]
fn jobs_that_can_not_see_each_others_images_share_no_build() {
    let mut shop = world(REMOTE);
    let local = shop.run(["build", "--shard", "--local"]);
    let force = shop.run(["build", "--shard", "--force"]);
    let no_run = shop.run(["build", "--shard"]);
    shop.set("CHINAMPA_RUN", "7").set("CHINAMPA_CLAIM_LEASE", "1s");
    let lease = shop.run(["build", "--shard"]);
    shop.set("CHINAMPA_TRUST", "untrusted");
    let untrusted = shop.run(["build", "--shard"]);
    let engine = world("").run(["build", "--shard"]);
    let diff = world(&format!("strategy = \"diff\"\n{REMOTE}")).run(["build", "--shard"]);

    let all = [local, force, no_run, lease, untrusted, engine, diff];
    assert!(all.iter().all(|answer| answer.exit == 2), "{all:#?}");
    let shown: String = all.iter().map(|answer| answer.stderr.clone()).collect();
    assert_snapshot!(shown, @r#"
    error: `--shard` cannot be used with `--local`: nobody else sees local images
    error: `--shard` cannot be used with `--force`: what other jobs have built already would not be told from what is to be built anew
    error: `--shard` needs a name of this run that all of its jobs share, and nothing tells one
      hint: set `CHINAMPA_RUN` to what the CI calls the run and its attempt, the same in all of its jobs
    error: cannot use `CHINAMPA_CLAIM_LEASE`: it must be 10s at least
    error: `--shard` cannot be used in a run that is not trusted: it writes nothing that other jobs could read
    error: `--shard` cannot be used with a cache of kind `engine`: jobs on other machines do not see its images
    error: `--shard` cannot be used with `strategy = "diff"`: jobs agree by input digests
    "#);
}

#[test]
fn each_ci_names_its_run_and_the_attempt() {
    for (variables, is_named) in [
        ("GITHUB_ACTIONS=true GITHUB_RUN_ID=1 GITHUB_RUN_ATTEMPT=2", true),
        ("GITHUB_ACTIONS=true GITHUB_RUN_ID=1", false),
        ("CIRCLECI=true CIRCLE_WORKFLOW_ID=a-b", true),
        ("GITLAB_CI=true CI_PIPELINE_ID=1", true),
        ("BUILDKITE=true BUILDKITE_BUILD_ID=1 BUILDKITE_RETRY_COUNT=0", true),
        ("TRAVIS=true TRAVIS_BUILD_ID=1", false),
        ("CHINAMPA_RUN=0", true),
    ] {
        let shop = world(REMOTE);
        let mut command = shop.command(["build", "--shard"]);
        command.env("CI", "true").env("CHINAMPA_TRUST", "trusted").env("CHINAMPA_CLAIM_LEASE", "1s");
        command.envs(variables.split(' ').filter_map(|variable| variable.split_once('=')));
        let answer: Answer = command.output().unwrap().into();
        // Where the run has a name, the next thing to be wrong is the lease.
        assert_eq!(answer.exit, 2, "{variables}: {answer}");
        assert_eq!(answer.stderr.contains("`CHINAMPA_CLAIM_LEASE`"), is_named, "{variables}: {answer}");
    }
}
