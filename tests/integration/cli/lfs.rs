//! Git LFS: reasons, missing content, and filters that are not applied.

use std::os::unix::fs::symlink;

use insta::assert_snapshot;

use crate::support::lfs::pointer;
use crate::support::world::World;

const MANIFEST: (&str, &str) = (
    "projects.toml",
    "workspace.name = \"shop\"\n[cache]\nkind = \"engine\"\n[projects.api]\npath = \"api\"\n",
);

const DOCKERFILE: (&str, &str) = ("api/Dockerfile", "FROM scratch\nCOPY model.bin /\n");

const PATTERNS: (&str, &str) = ("api/.rebuild_patterns", "./*.bin\n");

const ATTRIBUTES: (&str, &str) = (".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");

/// One file of Git LFS, whose content is not here.
fn world() -> World {
    let pointer = pointer("content");
    World::of(&[MANIFEST, DOCKERFILE, PATTERNS, ATTRIBUTES, ("api/model.bin", &pointer)])
}

#[test]
fn an_edit_of_attributes_is_a_reason_for_the_files_that_it_concerns() {
    let world = world();
    world.write("api/.gitattributes", "/model.bin -filter\n").commit();
    let no_more = world.shown(["plan", "--offline", "--digests", "--base", "HEAD^"]);
    world.remove("api/.gitattributes").commit();

    let again = world.shown(["plan", "--offline", "--digests", "--base", "HEAD^"]);

    assert_snapshot!(no_more, @"
    changes of <10 hex> since <10 hex> (--base)
    affected `api` <12 hex>
      because `api/.gitattributes` no longer makes `api/model.bin` a Git LFS file, which matches `./*.bin` (api/.rebuild_patterns:1) of `api`
    1 affected, 0 not
    [exit: 0]
    ");
    assert_snapshot!(again, @"
    changes of <10 hex> since <10 hex> (--base)
    affected `api` <12 hex>
      because `.gitattributes` makes `api/model.bin` a Git LFS file, which matches `./*.bin` (api/.rebuild_patterns:1) of `api`
    1 affected, 0 not
    [exit: 0]
    ");
}

#[test]
fn an_edit_of_attributes_that_concerns_no_input_is_no_reason() {
    let world = world();
    world.write(".gitattributes", "*.bin filter=lfs\n*.md filter=lfs\n*.bin text\n").commit();

    let plan = world.run(["plan", "--offline", "--base", "HEAD^"]);

    assert!(plan.stdout.contains("unaffected `api`"), "{plan}");
}

#[test]
fn a_run_that_is_not_trusted_downloads_nothing_and_says_so() {
    let mut world = world();
    world.set("CHINAMPA_TRUST", "untrusted");

    let answer = world.shown(["build", "-q", "--head", "HEAD"]);

    assert_snapshot!(answer, @"
    stderr: error: the context of `api` can't be made
    stderr:   because: `api/model.bin` is stored with Git LFS, and its content is not here: 7 bytes, sha256:<64 hex>
    stderr:   because: a run that is not trusted downloads nothing
    stderr:   hint: `git lfs pull --include=api/model.bin` brings it
    [exit: 3]
    ");
}

#[test]
fn without_git_lfs_missing_content_is_an_error_that_names_the_command_that_brings_it() {
    let mut world = world();
    let programs = tempfile::tempdir().unwrap();
    symlink("/usr/bin/git", programs.path().join("git")).unwrap();
    world.set("PATH", programs.path().to_str().unwrap());

    let answer = world.shown(["build", "-q", "--head", "HEAD"]);

    assert_snapshot!(answer, @"
    stderr: error: the context of `api` can't be made
    stderr:   because: `api/model.bin` is stored with Git LFS, and its content is not here: 7 bytes, sha256:<64 hex>
    stderr:   because: git-lfs, which would download it, is not installed
    stderr:   hint: `git lfs pull --include=api/model.bin` brings it
    [exit: 3]
    ");
}

#[test]
fn content_of_another_size_and_extensions_are_never_used() {
    let mut world = world();
    world.set("CHINAMPA_TRUST", "untrusted");
    world.write(&world.lfs_object("content"), "cut");
    let cut = world.run(["build", "-q", "--head", "HEAD"]);
    let with_extension = pointer("content").replace("oid", "ext-0-case sha256:00\noid");
    world.store_lfs("content").write("api/model.bin", with_extension).commit();

    let extension = world.shown(["build", "-q", "--head", "HEAD"]);

    assert_eq!(cut.exit, 3, "{cut}");
    assert_snapshot!(extension, @"
    stderr: error: the context of `api` can't be made
    stderr:   because: `api/model.bin` is stored with extensions of Git LFS, which are not supported
    [exit: 2]
    ");
}

#[test]
fn what_another_filter_would_change_is_found_by_lint() {
    let world = World::of(&[
        MANIFEST,
        ("api/Dockerfile", "FROM scratch\nCOPY *.key *.bin /\n"),
        ("api/.rebuild_patterns", "./*.key\n./*.bin\n"),
        (
            ".gitattributes",
            "*.bin filter=lfs\n*.key filter=git-crypt diff=git-crypt\nother/* filter=git-crypt\n",
        ),
        ("api/a.key", "1"),
        ("api/b.key", "2"),
        ("api/model.bin", "3"),
        ("other/a", "4"),
    ]);

    let answer = world.shown(["lint"]);

    assert_snapshot!(answer, @"
    `api`
      .gitattributes:2: 2 inputs, such as `api/a.key`, have `filter=git-crypt`, which is not applied: what is committed is in the image (filtered-input)
    1 finding in 1 of 1 project
    [exit: 1]
    ");
}
