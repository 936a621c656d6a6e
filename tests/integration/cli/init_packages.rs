//! Images that are built from some packages of a workspace.

use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;

use crate::support::world::World;

/// A Cargo workspace as `cargo new` makes its packages: `api` depends on `core`, nothing on `other`.
fn workspace() -> World {
    let world = World::new();
    world.git(["remote", "add", "origin", "https://git.example/team/shop.git"]);
    world.write("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"2\"\n");
    for (name, source, more) in [
        ("api", "main.rs", "[dependencies]\ncore-lib = { path = \"../core-lib\" }\n"),
        ("core-lib", "lib.rs", "[dev-dependencies]\nother = { path = \"../other\" }\n"),
        ("other", "lib.rs", "[[bin]]\nname = \"tool\"\n"),
        ("third", "main.rs", ""),
    ] {
        let manifest =
            format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{more}");
        world.write(&format!("crates/{name}/Cargo.toml"), manifest);
        let text = if source == "main.rs" { "fn main() {}\n" } else { "pub mod inner;\n" };
        world.write(&format!("crates/{name}/src/{source}"), text);
        world.write(&format!("crates/{name}/src/inner.rs"), "");
    }
    world.write("crates/api/src/main.rs", "mod inner;\nuse core_lib as _;\nfn main() {}\n");
    world.write("crates/other/src/bin/tool.rs", "fn main() {}\n");
    world.write("docs/a.md", "");
    world.write(
        "crates/api/Dockerfile",
        "FROM scratch AS build\nWORKDIR /src\nCOPY . .\nRUN cargo build --release --locked -p api\n\
         FROM scratch\nCOPY --from=build /src/target/release/api /\n",
    );
    let lock = cargo(world.path(), &["generate-lockfile", "--offline"]);
    assert!(lock.0, "{}", lock.1);
    world
}

/// Whether Cargo succeeded, and what it said.
fn cargo(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).current_dir(folder).env("CARGO_TARGET_DIR", folder.join("target"));
    let output = command.env_remove("RUSTFLAGS").output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The paths that `inputs` lists.
fn inputs(world: &World, project: &str) -> Vec<String> {
    let answer = world.run(["inputs", project]);
    assert_eq!(answer.exit, 0, "{answer}");
    answer.stdout.lines().map(|line| line.split("  ").next().unwrap().to_owned()).collect()
}

#[test]
fn a_package_of_a_cargo_workspace_is_built_from_what_it_depends_on() {
    let world = workspace();

    let answer = world.shown(["init"]);

    assert_snapshot!(answer, @"
    projects: 1
      api  crates/api  crates/api/Dockerfile: a Dockerfile
    concluded: 3
      projects.toml: the workspace is called `shop`, after the repository
      crates/api/Dockerfile: the context is `.`: what it names is there
      crates/api/Dockerfile:3: `crates/api/.rebuild_patterns` narrows the Cargo workspace to package `api` (crates/api/Cargo.toml) and what it depends on: `core-lib`, `other`
    written: 2
      crates/api/.rebuild_patterns
      projects.toml
    stderr: read what was written, commit it, then `chinampa plan`
    [exit: 0]
    ");
    assert_snapshot!(std::fs::read_to_string(world.file("crates/api/.rebuild_patterns")).unwrap(), @r"
    # Cargo workspace: package `api` (crates/api/Cargo.toml) and what it depends on: `core-lib`, `other`.
    # Other files are not in the build context: add a line if the build misses one, or remove this file to take all that the Dockerfile copies.
    !**
    *
    ./
    crates/core-lib/
    crates/other/
    crates/*/Cargo.toml
    crates/*/src/{lib,main}.rs
    ");
    world.commit();
    assert_snapshot!(world.shown(["lint"]), @"
    nothing found in 1 project
    [exit: 0]
    ");
    assert_snapshot!(inputs(&world, "api").join("\n"), @"
    Cargo.lock
    Cargo.toml
    crates/api/Cargo.toml
    crates/api/Dockerfile
    crates/api/src/inner.rs
    crates/api/src/main.rs
    crates/core-lib/Cargo.toml
    crates/core-lib/src/inner.rs
    crates/core-lib/src/lib.rs
    crates/other/Cargo.toml
    crates/other/src/bin/tool.rs
    crates/other/src/inner.rs
    crates/other/src/lib.rs
    crates/third/Cargo.toml
    crates/third/src/main.rs
    ");
}

#[test]
fn cargo_builds_a_package_from_its_inputs_alone() {
    let world = workspace();
    assert_eq!(world.run(["init"]).exit, 0);
    world.commit();

    let context = tempfile::tempdir().unwrap();
    for path in inputs(&world, "api") {
        let to = context.path().join(&path);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(world.file(&path), to).unwrap();
    }
    let (is_built, said) = cargo(context.path(), &["build", "--offline", "--locked", "-p", "api"]);

    assert!(is_built, "{said}");
    assert!(!context.path().join("crates/third/src/inner.rs").exists());
}

#[test]
fn a_workspace_of_which_all_may_be_built_stays_whole() {
    let world = workspace();
    let dockerfile = "FROM scratch AS build\nCOPY . /src\nRUN cd /src && cargo build --release\nFROM scratch\nCOPY --from=build /x /\n";
    world.write("crates/api/Dockerfile", dockerfile);

    let answer = world.shown(["init"]);

    assert_snapshot!(answer, @"
    projects: 1
      api  crates/api  crates/api/Dockerfile: a Dockerfile
    concluded: 3
      projects.toml: the workspace is called `shop`, after the repository
      crates/api/Dockerfile: the context is `.`: what it names is there
      crates/api/Dockerfile:2: takes the whole workspace: `cargo build --release` builds the whole workspace, or a package that is not in it
    written: 1
      projects.toml
    stderr: read what was written, commit it, then `chinampa plan`
    [exit: 0]
    ");
    assert!(!world.file("crates/api/.rebuild_patterns").exists());
}
