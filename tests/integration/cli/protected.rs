//! `[trust] protected`: only runs of protected branches write where protected branches read.

use std::collections::BTreeSet;

use crate::support::shop::{Cache, Shop};
use crate::support::world::Answer;

/// Two projects, of which `lib` is never changed; `main` is protected and built.
struct Protected {
    shop: Shop,
}

impl Protected {
    fn new() -> Self {
        let file = "FROM chinampa/base:1\nCOPY f /\n";
        let shop = Shop::new().cache(Cache::oci()).projects(&[("lib", file, ""), ("api", file, "")]);
        let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
        let manifest = format!("{manifest}\n[trust]\nprotected = [\"main\"]\n");
        shop.world.write("projects.toml", manifest).write("lib/f", "1").write("api/f", "1").commit();
        Self { shop }
    }

    /// A commit on a new branch, after `main`.
    fn branch(&self, name: &str, content: &str) {
        self.shop.world.git(["checkout", "-q", "-b", name, "main"]);
        self.shop.world.write("api/f", content).commit();
    }

    /// Builds what is checked out, for a branch.
    fn build(&self, branch: &str) -> Answer {
        let mut command = self.shop.world.command(["build", "--progress", "none", "--allow-dirty", "-v"]);
        let answer: Answer = command.env("CHINAMPA_BRANCH", branch).output().unwrap().into();
        assert_eq!(answer.exit, 0, "{answer}");
        answer
    }

    /// Every tag of what protected branches read.
    fn protected(&self) -> BTreeSet<String> {
        ["lib", "api", "shop-builds"].into_iter().flat_map(|name| self.shop.tags(name)).collect()
    }

    fn unprotected(&self, name: &str) -> BTreeSet<String> {
        self.shop.tags(&format!("unprotected/{name}"))
    }
}

#[test]
fn an_unprotected_branch_writes_to_repositories_of_its_own_and_reads_both() {
    let world = Protected::new();
    world.build("main");
    let before = world.protected();
    world.branch("topic", "2");

    let first = world.build("topic");
    let second = world.build("topic");

    assert!(first.stdout.contains("1 built, 1 reused"), "{first}");
    assert!(first.stdout.contains("/unprotected/api@sha256:"), "{first}");
    assert!(second.stdout.contains("0 built, 2 reused"), "{second}");
    assert_eq!(world.protected(), before);
    assert!(world.unprotected("api").contains("branch-topic"));
    assert!(world.unprotected("shop-builds").contains("branch-topic"));
    assert!(world.unprotected("lib").is_empty());
}

#[test]
fn a_protected_branch_builds_itself_what_an_unprotected_one_has_built() {
    let world = Protected::new();
    world.build("main");
    world.branch("topic", "2");
    world.build("topic");
    world.shop.world.git(["checkout", "-q", "main"]);
    world.shop.world.git(["merge", "-q", "--ff-only", "topic"]);

    let merged = world.build("main");

    assert!(merged.stdout.contains("1 built, 1 reused"), "{merged}");
    assert!(!merged.stdout.contains("unprotected"), "{merged}");
}

#[test]
fn a_commit_cant_let_itself_in() {
    let world = Protected::new();
    world.build("main");
    let before = world.protected();
    let manifest = std::fs::read_to_string(world.shop.world.file("projects.toml")).unwrap();

    for (name, table) in [("none", ""), ("widened", "[trust]\nprotected = [\"**\"]")] {
        world.branch(name, name);
        let own = manifest.replace("[trust]\nprotected = [\"main\"]", table);
        world.shop.world.write("projects.toml", own).commit();

        let built = world.build(name);

        assert!(built.stdout.contains("1 built, 1 reused"), "{name}: {built}");
        assert_eq!(world.protected(), before, "{name}");
    }
}

#[test]
fn uncommitted_work_is_no_commit_of_a_protected_branch() {
    let world = Protected::new();
    world.build("main");
    let before = world.protected();
    world.shop.world.write("api/f", "not committed");

    world.build("main");

    assert_eq!(world.protected(), before);
    assert!(!world.unprotected("api").is_empty());
}

#[test]
fn a_merge_queue_writes_the_images_of_its_target_and_neither_its_branch_nor_its_record() {
    let world = Protected::new();
    world.build("main");
    world.branch("gh-readonly-queue/main/pr-7-0", "2");
    let head = world.shop.world.git(["rev-parse", "HEAD"]);
    let branch = "gh-readonly-queue/main/pr-7-0";
    let branches = |tags: BTreeSet<String>| tags.into_iter().filter(|tag| tag.starts_with("branch-")).count();
    let before = branches(world.protected());

    let mut command = world.shop.world.command(["build", "--progress", "none"]);
    command.env("CIRCLECI", "true").env("CIRCLE_SHA1", &head).env("CIRCLE_BRANCH", branch);
    let queued: Answer = command.output().unwrap().into();
    world.shop.world.git(["checkout", "-q", "main"]);
    world.shop.world.git(["merge", "-q", "--ff-only", branch]);
    let merged = world.build("main");

    assert!(queued.stdout.contains("1 built, 1 reused"), "{queued}");
    assert!(merged.stdout.contains("0 built, 2 reused"), "{merged}");
    assert_eq!(branches(world.protected()), before);
    assert!(world.unprotected("api").is_empty());
}

#[test]
fn no_project_has_a_repository_of_the_others() {
    let world = Protected::new();
    let manifest = std::fs::read_to_string(world.shop.world.file("projects.toml")).unwrap();
    let manifest = manifest.replace("path = \"api\"", "path = \"api\"\nrepository = \"unprotected/lib\"");
    world.shop.world.write("projects.toml", manifest).commit();

    let plan = world.shop.world.run(["plan"]);

    assert_eq!(plan.exit, 2, "{plan}");
    assert!(plan.stderr.contains("`[trust]` keeps `unprotected/` for other branches"), "{plan}");
}
