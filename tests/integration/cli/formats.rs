//! Repositories that keep their references in reftables, or name their objects by SHA-256: whatever state they are in, each
//! command answers as it does in a repository of the usual format.

use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;

use crate::support::some_of;
use crate::support::world::{FORMATS, World};

const FILES: [(&str, &str); 6] = [
    (
        "projects.toml",
        "workspace.name = \"shop\"\n[projects.api]\npath = \"api\"\n[projects.web]\npath = \"web\"\n",
    ),
    ("api/Dockerfile", "FROM scratch\nCOPY src /\n"),
    ("api/.rebuild_patterns", "./src/\n"),
    ("api/src/deep/f", "1"),
    ("web/Dockerfile", "FROM scratch\nCOPY f /\n"),
    ("web/f", "1"),
];

const COMMANDS: [&[&str]; 6] = [
    &["plan", "--offline", "--digests"],
    &["plan", "--offline", "--head", "origin/topic", "--base", "v1"],
    &["why", "api", "--base", "HEAD~1", "--fetch-base"],
    &["check_rebuild", "web", "--base", "v2"],
    &["changed", "web", "--base", "FETCH_HEAD"],
    &["simulate", "v1..HEAD"],
];

/// Three commits, the last of which is on `main` and on no other branch; a tag of a tag; any object may be asked for.
fn origin(format: &[&str]) -> World {
    let origin = World::of_format(format).with(&FILES);
    origin.git(["tag", "v1"]);
    origin.write("web/f", "2").commit();
    origin.git(["tag", "-a", "-m", "second", "v2-rc"]);
    origin.git(["tag", "-a", "-m", "second", "v2", "v2-rc"]);
    origin.git(["branch", "topic"]);
    origin.write("api/src/deep/f", "2").commit();
    origin.git(["config", "uploadpack.allowFilter", "true"]);
    origin.git(["config", "uploadpack.allowAnySHA1InWant", "true"]);
    origin
}

/// A clone with these options of `git clone`, of the same format.
fn cloned(origin: &World, options: &[&str]) -> World {
    let url = format!("file://{}", origin.path().display());
    World::cloned_in_format(&url, origin.path(), options)
}

/// What is run: a clone that was brought into a state, and a folder in it.
type State = (&'static str, fn(&World) -> World, &'static str);

const STATES: [State; 14] = [
    ("as it was cloned", |origin| cloned(origin, &[]), "."),
    ("a local branch", |origin| prepared(origin, &[&["branch", "topic", "origin/topic"]]), "."),
    ("another branch with commits", |origin| prepared(origin, &[&["checkout", "-q", "topic"], COMMIT]), "."),
    ("a detached head", |origin| prepared(origin, &[&["checkout", "-q", "--detach", "v2"], COMMIT]), "."),
    ("what was fetched last", |origin| prepared(origin, &[&["fetch", "-q", "origin", "topic"]]), "."),
    ("all packed", |origin| prepared(origin, PACK), "."),
    (
        "many references",
        |origin| prepared(origin, &[&["tag", "v1.1"], &["branch", "a/b/c"], &["pack-refs", "--all"]]),
        ".",
    ),
    ("a shallow clone", |origin| cloned(origin, &["--depth=1", "--no-single-branch"]), "."),
    ("a bare clone", |origin| cloned(origin, &["--bare"]), "."),
    ("a partial clone", |origin| cloned(origin, &["--filter=blob:none"]), "."),
    ("a clone without objects of its own", |origin| cloned(origin, &["--shared"]), "."),
    (
        "a linked work tree",
        |origin| prepared(origin, &[&["worktree", "add", "-q", "linked", "topic"]]),
        "linked",
    ),
    (
        "uncommitted work",
        |origin| {
            let clone = cloned(origin, &[]);
            clone.write("web/f", "3");
            clone
        },
        ".",
    ),
    ("nothing committed", |origin| prepared(origin, &[&["checkout", "-q", "--orphan", "new"]]), "."),
];

const COMMIT: &[&str] = &["commit", "-q", "--allow-empty", "-m", "more"];

const PACK: &[&[&str]] = &[
    &["repack", "-adq", "--write-midx"],
    &["commit-graph", "write", "--reachable"],
    &["pack-refs", "--all"],
];

fn prepared(origin: &World, commands: &[&[&str]]) -> World {
    let clone = cloned(origin, &[]);
    commands.iter().for_each(|command| drop(clone.git_with(command)));
    clone
}

/// What all commands answer in a state.
fn answers(origin: &World, (_, prepare, folder): State) -> Vec<String> {
    let world = prepare(origin);
    let answer = |command: &&[&str]| {
        let answer = world.command_of(&[&["-C", folder], *command].concat()).output().unwrap().into();
        format!("{command:?}: {}", world.mask(&answer))
    };
    COMMANDS.iter().map(answer).collect()
}

#[test]
fn each_state_of_each_format_is_read_as_the_usual_format_is() {
    let usual = origin(FORMATS[0]);
    let expected = STATES.map(|state| answers(&usual, state));
    let planned = expected.iter().flatten().filter(|answer| answer.ends_with("[exit: 0]")).count();
    assert!(planned > STATES.len() * 3, "{planned}: {expected:#?}");

    // Reftables with SHA-1 are in what `revisions.rs` asks.
    for (turn, format) in FORMATS[2..].iter().enumerate() {
        let origin = origin(format);
        for (state, expected) in some_of(2, turn, STATES.into_iter().zip(&expected)) {
            let read = answers(&origin, state);

            assert_eq!(&read, expected, "{format:?}: {}", state.0);
        }
    }
}

/// A program in the place of git, or none.
fn with_git(world: &mut World, script: Option<&str>) {
    let folder = world.file(".git/programs");
    std::fs::create_dir_all(&folder).unwrap();
    if let Some(script) = script {
        world.write(".git/programs/git", format!("#!/bin/sh\n{script}\n"));
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.join("git"), executable).unwrap();
    }
    world.set("PATH", folder.to_str().unwrap());
}

#[test]
fn a_git_that_cant_read_a_format_is_told_from_a_repository_that_is_damaged() {
    let answer = |format: &[&str], script: Option<&str>| {
        let mut world = World::of_format(format).with(&FILES);
        // Only git can read this index.
        world.git(["update-index", "--split-index"]);
        with_git(&mut world, script);
        world.shown(["plan", "--offline"])
    };
    let [_, reftables, sha256, _] = FORMATS;
    // As old ones do it.
    let old = |version: &str| {
        format!(
            "[ \"$1\" = version ] && echo git version {version} && exit\n\
                 echo 'fatal: unknown repository extension found:' >&2\nexit 128"
        )
    };
    let damaged =
        "[ \"$1\" = version ] && echo git version 2.47.3 && exit\necho 'fatal: it is cut off' >&2\nexit 128";

    let without = answer(reftables, None);
    let with_old = answer(reftables, Some(&old("2.44.9")));
    let with_older = answer(sha256, Some(&old("2.28.0.windows.1")));
    let with_damage = [reftables, sha256].map(|format| answer(format, Some(damaged)));

    assert_snapshot!(without, @"
    stderr: error: only `git` can tell what the references are, because the repository keeps its references in reftables, and it can't be run
    stderr:   because: No such file or directory (os error 2)
    stderr:   hint: install git 2.45 or newer
    [exit: 3]
    ");
    assert_snapshot!(with_old, @"
    stderr: error: the repository `<world>/.git/` keeps its references in reftables: git 2.45 or newer is needed, and this is git version 2.44.9
    stderr:   hint: install git 2.45 or newer
    [exit: 3]
    ");
    assert_snapshot!(with_older, @"
    stderr: error: the repository `<world>/.git/` names its objects by SHA-256: git 2.29 or newer is needed, and this is git version 2.28.0.windows.1
    stderr:   hint: install git 2.29 or newer
    [exit: 3]
    ");
    assert_snapshot!(with_damage[0], @"
    stderr: error: cannot read the references from the repository
    stderr:   because: fatal: it is cut off
    [exit: 3]
    ");
    assert_snapshot!(with_damage[1], @"
    stderr: error: cannot read the work tree from the repository
    stderr:   because: fatal: it is cut off
    [exit: 3]
    ");
}

#[test]
fn a_format_that_is_not_known_is_named() {
    let set = |key: &str| {
        let world = World::with_api();
        world.git(["config", "core.repositoryFormatVersion", "1"]);
        world.git(["config", key, "of-the-future"]);
        world.shown(["plan", "--offline"])
    };

    assert_snapshot!(set("extensions.refStorage"), @"
    stderr: error: the repository `<world>/.git/` keeps its references in `of-the-future`, which is not supported
    stderr:   hint: `git refs migrate --ref-format=files` keeps them in files
    [exit: 2]
    ");
    assert_snapshot!(set("extensions.objectFormat"), @"
    stderr: error: cannot open the repository `<world>`
    stderr:   because: unknown object format 'of-the-future'
    [exit: 3]
    ");
    assert_snapshot!(set("extensions.another"), @"
    stderr: error: cannot open the repository `<world>`
    stderr:   because: unsupported extension name extensions.another
    [exit: 3]
    ");
}

#[test]
fn a_manifest_is_proposed_in_each_format_before_anything_is_committed() {
    let proposed = FORMATS.map(|format| {
        let world = World::of_format(format);
        world.git(["checkout", "-q", "-b", "trunk"]);
        world.write("api/Dockerfile", "FROM scratch\nCOPY src /\n").write("api/src/f", "1");
        let answer = world.shown(["init"]);
        // The workspace is called so.
        let name = world.path().file_name().unwrap().to_str().unwrap().to_lowercase();
        let name = name.trim_start_matches('.');
        let manifest = std::fs::read_to_string(world.file("projects.toml")).unwrap();
        [answer, manifest].map(|text| text.replace(name, "<name>"))
    });

    assert!(proposed[0][1].contains("trunk"), "{proposed:?}");
    assert!(proposed.iter().all(|written| *written == proposed[0]), "{proposed:?}");
}
