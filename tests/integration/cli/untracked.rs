//! Files that git does not track: nothing is built from them, and whoever looks at uncommitted work is told.

use insta::assert_snapshot;

use crate::support::world::World;

const MANIFEST: &str = "\
[workspace]
name = \"shop\"

[projects.api]
path = \"services/api\"
context = \".\"
extra_inputs = [\"services/api/generated\"]

[projects.site]
path = \"site\"
";

fn world() -> World {
    let mut world = World::of(&[
        ("projects.toml", MANIFEST),
        (".gitignore", "*.pyc\n/cache/\n"),
        (
            "services/api/Dockerfile",
            "FROM chinampa/base:1\nCOPY services/api /api\nCOPY libs/common /common\n",
        ),
        ("libs/common/old.py", ""),
        ("libs/common/folder/old.py", ""),
        ("site/Dockerfile", "FROM chinampa/base:1\nCOPY index.html /\n"),
        ("site/index.html", ""),
    ]);
    world.set("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    world
}

#[test]
fn untracked_files_that_would_be_inputs_are_named_with_the_line_that_would_take_them() {
    let world = world();
    for file in [
        "libs/common/new.py",
        "libs/common/folder/deep/new.py",
        "libs/common/old.pyc",
        "libs/other/new.py",
        "services/api/generated",
        "site/notes",
        "cache/x",
    ] {
        world.write(file, "");
    }
    world.write("libs/common/staged.py", "").git(["add", "libs/common/staged.py"]);

    let all = world.shown(["plan", "--offline"]);
    let other = world.shown(["plan", "--offline", "site"]);
    let of_commit = world.shown(["plan", "--offline", "--head", "HEAD"]);

    let said: Vec<&str> = all.lines().filter(|line| line.contains("untracked")).collect();
    assert_snapshot!(said.join("\n"), @"
    stderr: untracked and not built: `libs/common/folder/deep/new.py` would match `COPY libs/common` (services/api/Dockerfile:3); `git add libs/common/folder/deep/new.py`
    stderr: untracked and not built: `libs/common/new.py` would match `COPY libs/common` (services/api/Dockerfile:3); `git add libs/common/new.py`
    ");
    for silent in [other, of_commit] {
        assert!(!silent.contains("untracked"), "{silent}");
    }
}

#[test]
fn of_many_untracked_files_a_few_are_named() {
    let world = world();
    for number in 0..9 {
        world.write(&format!("libs/common/{number}.py"), "");
    }

    let told = world.run(["plan", "--offline"]).stderr;

    assert_eq!(told.matches("untracked and not built: `").count(), 5, "{told}");
    assert!(told.contains("untracked and not built: 4 more files, which `git status` lists\n"), "{told}");
}

#[test]
fn a_ci_builds_what_is_committed_and_says_nothing_of_other_files() {
    let mut world = world();
    world.write("libs/common/new.py", "");
    world.set("CI", "true");

    let told = world.run(["plan", "--offline"]).stderr;

    assert!(!told.contains("untracked"), "{told}");
}
