//! What is never done, as `docs/how-it-works.md` promises it: looked at from outside, command by command.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::shop::{Project, Shop};
use crate::support::world::World;

const PROJECTS: &[Project] =
    &[("lib", "FROM chinampa/base:1\nCOPY Dockerfile /\n", ""), ("api", "FROM lib\n", "")];

/// Everything that asks, and everything that writes to where images are kept. `deploy` has tests of its own.
const COMMANDS: &[&[&str]] = &[
    &["plan"],
    &["plan", "--offline", "--json"],
    &["why", "api"],
    &["changed", "lib/"],
    &["check_rebuild", "api"],
    &["image_exists", "api", "branch-main"],
    &["graph"],
    &["lint"],
    &["simulate", "HEAD~1..HEAD"],
    &["build", "-q"],
    &["taint", "api"],
    &["plan"],
    &["build", "-q"],
    &["taint", "lib"],
    &["untaint", "lib"],
    &["last_successful_commit"],
    &["images"],
    &["setenv"],
    &["completions", "bash"],
];

/// A shop with a history, and with work that is not committed: a file that was edited, one that was staged, one that git
/// doesn't know.
fn shop() -> Shop {
    let mut shop = Shop::new().projects(PROJECTS);
    shop.world.write("lib/a", "1").commit();
    shop.world.write("lib/a", "2").write("api/staged", "").write("notes", "");
    shop.world.git(["add", "api/staged"]);
    // Nobody else's settings are to be found.
    let empty = shop.world.file(".git/no-home").display().to_string();
    shop.world.set("HOME", &empty);
    shop
}

/// Runs all commands, none of which may fail.
fn run_all(world: &World) {
    for command in COMMANDS {
        let answer = world.command([]).args(*command).output().unwrap();
        let exit = answer.status.code().unwrap();
        assert!(exit < 2, "{command:?}: {exit}: {}", String::from_utf8_lossy(&answer.stderr));
    }
}

/// Each file and link below a folder with its mode and content, but for objects and what is noted for later runs.
fn files(folder: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(next).unwrap().map(Result::unwrap) {
            let name = entry.path().strip_prefix(folder).unwrap().display().to_string();
            if [".git/objects", ".git/chinampa"].contains(&name.as_str()) {
                continue;
            }
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                waiting.push(entry.path());
            } else {
                files.insert(name, (metadata.permissions().mode(), std::fs::read(entry.path()).unwrap()));
            }
        }
    }
    files
}

#[test]
fn no_file_no_branch_and_no_index_is_changed_and_in_git_only_objects_and_notes_are_written() {
    let shop = shop();
    let before = files(shop.world.path());

    run_all(&shop.world);

    let after = files(shop.world.path());
    let changed: Vec<&String> =
        before.keys().chain(after.keys()).filter(|name| before.get(*name) != after.get(*name)).collect();
    assert!(changed.is_empty(), "{changed:?}");
}

#[test]
fn neither_git_nor_docker_nor_any_other_program_is_called_where_nothing_has_to_be_fetched() {
    let mut shop = shop();
    let programs = tempfile::tempdir().unwrap();
    for program in ["git", "docker", "terraform", "ssh", "sh", "bash", "env", "cat"] {
        let file = programs.path().join(program);
        std::fs::write(&file, format!("#!/bin/sh\necho called >{}.called\nexit 9\n", file.display()))
            .unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    shop.world.set("PATH", programs.path().to_str().unwrap());

    run_all(&shop.world);

    let called = std::fs::read_dir(programs.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let called: Vec<_> = called.filter(|name| name.to_string_lossy().ends_with(".called")).collect();
    assert!(called.is_empty(), "{called:?}");
}
