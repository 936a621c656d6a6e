//! Submodules: whose inputs they are, and what is done where they are missing.

use insta::assert_snapshot;

use crate::support::world::{FORMATS, World};

const DOCKERFILE: (&str, &str) = ("api/Dockerfile", "FROM scratch\nCOPY library/src /src\n");

const MANIFEST: (&str, &str) = (
    "projects.toml",
    "workspace.name = \"shop\"\n[cache]\nkind = \"engine\"\n[projects.api]\npath = \"api\"\n",
);

/// Takes what is in a folder of the submodule alone.
const PATTERNS: (&str, &str) = ("api/.rebuild_patterns", "./library/src/\n");

/// A library, and a repository that has it as `api/library`.
fn worlds() -> (World, World) {
    worlds_in(FORMATS[0])
}

fn worlds_in(format: &[&str]) -> (World, World) {
    let library = World::of_format(format).with(&[("src/a", "1"), ("docs/b", "1")]);
    let world = World::of_format(format).with(&[MANIFEST, DOCKERFILE, PATTERNS]);
    world.git(["submodule", "--quiet", "add", &library.path().display().to_string(), "api/library"]);
    world.commit();
    (library, world)
}

fn update(library: &World, world: &World) {
    library.write("src/a", "2").write("src/c", "2").commit();
    world.git(["-C", "api/library", "pull", "-q", "origin", "main"]);
    world.commit();
}

#[test]
fn a_submodule_is_an_input_where_a_line_takes_a_part_of_it() {
    let (library, world) = worlds();
    update(&library, &world);
    let clone = World::clone_of(world.path());

    let with_files = world.shown(["why", "api", "--base", "HEAD^"]);
    let without = clone.shown(["why", "api", "--base", "HEAD^"]);

    assert_snapshot!(with_files, @"
    `api` is affected:
      `api/library` (2 files inside, such as `api/library/src/a`) was modified and matches `./library/src/` (api/.rebuild_patterns:1) of `api`
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 0]
    ");
    assert_snapshot!(without, @"
    `api` is affected:
      `api/library` was modified and matches `./library/src/` (api/.rebuild_patterns:1) of `api`
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 0]
    ");
}

#[test]
fn a_submodule_in_a_repository_of_another_format_is_read_as_in_the_usual_one() {
    let answers = |format| {
        let (library, world) = worlds_in(format);
        update(&library, &world);
        world.write("api/library/src/a", "3");
        let clone = World::clone_of(world.path());
        let why = ["why", "api", "--base", "HEAD^"];
        [world.shown(why), world.shown(["inputs", "api"]), clone.shown(why), clone.shown(["build", "-q"])]
    };

    assert_eq!(answers(FORMATS[3]), answers(FORMATS[0]));
}

#[test]
fn a_source_of_the_dockerfile_in_a_submodule_takes_it() {
    let (library, world) = worlds();
    world.remove("api/.rebuild_patterns").commit();
    update(&library, &world);

    let plan = world.shown(["plan", "--offline", "--base", "HEAD^"]);

    assert_snapshot!(plan, @"
    changes of <10 hex> since <10 hex> (--base)
    affected `api`
      because `api/library` (2 files inside, such as `api/library/src/a`) was modified and matches `COPY library/src` (api/Dockerfile:2) of `api`
    1 affected, 0 not
    [exit: 0]
    ");
}

#[test]
fn what_a_dockerfile_takes_of_a_submodule_is_listed_and_not_called_missing() {
    let (_library, world) = worlds();
    world.write(".gitattributes", "*.bin filter=lfs\n").write("api/library.bin", "1");
    world.write("api/.rebuild_patterns", "./library/src/\n./*.bin\n");
    world.write("api/Dockerfile", "FROM scratch\nCOPY library/src library.bin /\n").commit();

    let (listed, lint) = (world.shown(["inputs", "api"]), world.shown(["lint"]));

    assert_snapshot!(listed, @"
    api/Dockerfile  projects.toml:4
    api/library  api/.rebuild_patterns:1
    api/library.bin  api/.rebuild_patterns:2
    [exit: 0]
    ");
    assert_snapshot!(lint, @"
    nothing found in 1 project
    [exit: 0]
    ");
}

#[test]
fn a_submodule_that_is_moved_removed_or_excluded_is_a_reason_only_where_it_was_or_is_an_input() {
    let (_library, world) = worlds();
    world.git(["mv", "api/library", "api/vendored"]);
    world.commit();
    let moved = world.shown(["plan", "--offline", "--base", "HEAD^"]);
    world.git(["rm", "-q", "-f", "api/vendored"]);
    world.commit();

    let removed = world.run(["plan", "--offline", "--base", "HEAD^"]);

    assert_snapshot!(moved, @"
    changes of <10 hex> since <10 hex> (--base)
    affected `api`
      because `api/library` was deleted and matches `./library/src/` (api/.rebuild_patterns:1) of `api`
    1 affected, 0 not
    [exit: 0]
    ");
    assert!(removed.stdout.contains("unaffected `api`"), "{removed}");
}

#[test]
fn a_submodule_that_is_not_here_is_an_error_that_names_the_command_that_brings_it() {
    let (library, world) = worlds();
    update(&library, &world);
    let mut clone = World::clone_of(world.path());
    let not_initialised = clone.shown(["build", "-q"]);
    clone.git(["submodule", "--quiet", "update", "--init"]);
    // A clone of the library that lacks the newer commit.
    let library_clone = World::clone_of(library.path());
    library.write("src/a", "3").commit();
    let newer = library.git(["rev-parse", "HEAD"]);
    clone.git(["update-index", "--cacheinfo", &format!("160000,{newer},api/library")]);
    clone.git(["commit", "-qm", "a commit that is not here"]);
    let no_commit = clone.shown(["build", "-q", "--head", "HEAD"]);
    clone.set("CHINAMPA_TRUST", "untrusted");

    let untrusted = clone.shown(["build", "-q", "--head", "HEAD", "--fetch"]);

    drop(library_clone);
    assert_snapshot!(not_initialised, @"
    stderr: error: the context of `api` can't be made
    stderr:   because: the submodule `api/library` is not here: it is not initialised
    stderr:   hint: `git submodule update --init api/library` brings it, and so does `--fetch`
    [exit: 3]
    ");
    assert_snapshot!(no_commit, @"
    stderr: error: the context of `api` can't be made
    stderr:   because: the submodule `api/library` is not here: its repository lacks the commit
    stderr:   hint: `git submodule update --init api/library` brings it, and so does `--fetch`
    [exit: 3]
    ");
    assert_snapshot!(untrusted, @"
    stderr: error: the context of `api` can't be made
    stderr:   because: the submodule `api/library` is not here: its repository lacks the commit
    stderr:   hint: `git submodule update --init api/library` brings it; a run that is not trusted fetches nothing
    [exit: 3]
    ");
}

#[test]
fn what_is_fetched_comes_by_protocols_that_git_allows() {
    let (_library, world) = worlds();
    let clone = World::clone_of(world.path());

    let refused = clone.shown(["build", "-q", "--fetch"]);

    // Git allows no local paths for submodules.
    assert!(refused.contains("transport 'file' not allowed"), "{refused}");
    assert!(refused.ends_with("[exit: 3]"), "{refused}");
}

#[test]
fn a_name_that_leads_out_of_the_git_folder_is_none() {
    let (library, world) = worlds();
    let clone = World::clone_of(world.path());
    // Where the name would lead: a repository that has the commit.
    let stolen = clone.file(".git/stolen");
    World::new().git([
        "clone",
        "-q",
        "--bare",
        &library.path().display().to_string(),
        stolen.to_str().unwrap(),
    ]);
    let modules = "[submodule \"../stolen\"]\n\tpath = api/library\n\turl = x\n";
    clone.write(".gitmodules", modules);
    clone.git(["commit", "-qam", "hostile"]);
    let hostile = clone.run(["build", "-q", "--head", "HEAD"]);
    let inside = "[submodule \"m/ine\"]\n\tpath = api/library\n\turl = x\n[include]\n\tpath = /dev/full\n";
    clone.write(".gitmodules", inside);
    clone.git(["commit", "-qam", "a name of several components"]);
    std::fs::create_dir_all(clone.file(".git/modules/m")).unwrap();
    std::fs::rename(stolen, clone.file(".git/modules/m/ine")).unwrap();

    let found = clone.run(["build", "-q", "--head", "HEAD", "--dry-run"]);

    assert!(hostile.stderr.contains("is not initialised"), "{hostile}");
    assert_eq!(found.exit, 0, "{found}");
}
