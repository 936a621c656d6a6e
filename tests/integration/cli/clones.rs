//! Clones that lack a part of what was committed.

use insta::assert_snapshot;

use crate::support::world::World;

const MANIFEST: &str =
    "workspace.name = \"shop\"\n[projects.api]\npath = \"api\"\n[projects.web]\npath = \"web\"\n";

/// Two projects; the second commit changes a file of `api`, deep in it. Any object may be asked for.
fn origin() -> World {
    let origin = World::of(&[
        ("projects.toml", MANIFEST),
        ("api/Dockerfile", "FROM scratch\nCOPY src /\n"),
        ("api/.rebuild_patterns", "./src/\n"),
        ("api/src/deep/f", "1"),
        ("web/Dockerfile", "FROM scratch\nCOPY f /\n"),
        ("web/f", "1"),
    ]);
    origin.write("api/src/deep/f", "2").commit();
    origin.git(["config", "uploadpack.allowFilter", "true"]);
    origin.git(["config", "uploadpack.allowAnySHA1InWant", "true"]);
    origin
}

fn url(origin: &World) -> String {
    format!("file://{}", origin.path().display())
}

fn partial(origin: &World, filter: &str) -> World {
    World::cloned(&[filter, &url(origin)])
}

const PLANNED: &str = "\
changes of <10 hex> since <10 hex> (--base)
affected `api` <12 hex>
  because `api/src/deep/f` was modified and matches `./src/` (api/.rebuild_patterns:1) of `api`
unaffected `web` <12 hex>
1 affected, 1 not
[exit: 0]";

#[test]
fn what_a_partial_clone_lacks_is_fetched_when_it_is_needed() {
    let origin = origin();
    for filter in ["--filter=blob:none", "--filter=tree:0"] {
        let clone = partial(&origin, filter);

        let plan = clone.shown(["plan", "--offline", "--digests", "--base", "HEAD~1"]);

        assert_eq!(plan, PLANNED, "{filter}");
    }
}

/// Nothing is checked out, so that not one file is there at first.
#[test]
fn files_of_a_bare_partial_clone_are_fetched_all_at_once() {
    let origin = origin();
    let folder = tempfile::tempdir().unwrap();
    let bare = folder.path().to_str().unwrap();
    origin.git(["clone", "-q", "--bare", "--filter=blob:none", &url(&origin), bare]);

    let plan = origin.shown(["-C", bare, "plan", "--offline", "--digests", "--base", "HEAD~1", "-v"]);

    let fetches: Vec<&str> = plan.lines().filter(|line| line.contains("git fetches objects")).collect();
    assert!(fetches.len() == 1 && fetches[0].contains("objects=3"), "{plan}");
    assert!(plan.contains("affected `api`"), "{plan}");
}

/// Git before 2.25 wrote this.
#[test]
fn the_extension_of_older_partial_clones_is_known() {
    let clone = partial(&origin(), "--filter=blob:none");
    clone.git(["config", "extensions.partialClone", "origin"]);

    assert_eq!(clone.shown(["plan", "--offline", "--digests", "--base", "HEAD~1"]), PLANNED);
}

#[test]
fn what_a_partial_clone_can_not_get_is_an_error_of_the_environment() {
    let origin = origin();
    let clone = partial(&origin, "--filter=tree:0");
    clone.git(["remote", "set-url", "origin", "file:///nowhere/at/all"]);

    let plan = clone.run(["plan", "--offline", "--base", "HEAD~1"]);

    assert_eq!(plan.exit, 3, "{plan}");
    assert!(plan.stderr.contains("could not fetch") && plan.stderr.contains("from the repository"), "{plan}");
    assert_eq!(plan.stdout, "");
}

#[test]
fn a_build_in_a_sparse_partial_clone_has_all_files() {
    let origin = origin();
    let clone = World::cloned(&["--filter=blob:none", "--sparse", &url(&origin)]);
    assert!(!clone.file("api").exists());

    let plan = clone.shown(["plan", "--offline", "--digests", "--base", "HEAD~1"]);

    assert_eq!(plan, PLANNED);
}

#[test]
fn a_linked_work_tree_is_a_repository_with_a_head_of_its_own() {
    let origin = origin();
    let folder = tempfile::tempdir().unwrap();
    let linked = folder.path().join("linked");
    origin.git(["worktree", "add", "-q", "-b", "other", linked.to_str().unwrap(), "HEAD~1"]);
    std::fs::write(linked.join("web/f"), "2").unwrap();

    let plan = origin.shown(["-C", linked.join("web").to_str().unwrap(), "plan", "--offline"]);
    let check = origin.run(["-C", linked.join("web").to_str().unwrap(), "check_rebuild", "--base", "HEAD"]);

    assert!(
        plan.contains("with uncommitted changes since an unknown base: this commit is on `main` itself"),
        "{plan}"
    );
    assert_eq!(
        check.stdout,
        "rebuild web: `web/f` was modified and matches `COPY f` (web/Dockerfile:2) of `web`\n"
    );
}

/// Where its history is cut off stands in the clone's folder, not in the work tree's.
#[test]
fn a_work_tree_of_a_shallow_clone_is_as_shallow() {
    let origin = origin();
    origin.git(["checkout", "-q", "-b", "topic", "HEAD~1"]);
    origin.write("web/f", "2").commit();
    origin.git(["checkout", "-q", "main"]);
    let clone = World::cloned(&["--depth", "1", "--no-single-branch", &url(&origin)]);
    let folder = tempfile::tempdir().unwrap();
    let work_tree = folder.path().join("work-tree");
    let work_tree = work_tree.to_str().unwrap();
    clone.git(["worktree", "add", "-q", work_tree, "origin/topic"]);
    clone.git(["checkout", "-q", "--detach", "origin/topic"]);

    let of_clone = clone.shown(["plan", "--offline"]);
    let of_work_tree = clone.shown(["-C", work_tree, "plan", "--offline"]);
    let fetched = clone.shown(["-C", work_tree, "plan", "--offline", "--fetch-base"]);

    assert_eq!(of_work_tree, of_clone);
    assert_snapshot!(of_clone, @"
    changes of <10 hex> since an unknown base: the history here has no merge-base with `main`: this clone is shallow (`--fetch-base` fetches what it lacks)
    affected `api`
    affected `web`
    2 affected, 0 not
    [exit: 0]
    ");
    assert_snapshot!(fetched, @"
    changes of <10 hex> since <10 hex> (the merge-base with `main`)
    unaffected `api`
    affected `web`
      because `web/f` was modified and matches `COPY f` (web/Dockerfile:2) of `web`
    1 affected, 1 not
    [exit: 0]
    ");
}
