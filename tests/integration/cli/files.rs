//! Files that a repository can hold: names that trip programs up, links, pointers, and histories that they come by.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use insta::assert_snapshot;

use crate::support::world::World;

const MANIFEST: (&str, &str) = (
    "projects.toml",
    "workspace.name = \"shop\"\n[projects.api]\npath = \"api\"\n[projects.web]\npath = \"web\"\n",
);
const API: (&str, &str) = ("api/Dockerfile", "FROM chinampa/base:1\nCOPY . /\n");
const WEB: (&str, &str) = ("web/Dockerfile", "FROM chinampa/base:1\nCOPY . /\n");

const OFFLINE: [&str; 4] = ["plan", "--offline", "--base", "HEAD~1"];

#[test]
fn a_file_of_any_name_counts_and_is_named_without_harm() {
    let world = World::of(&[MANIFEST, API, WEB]);
    let names: [&[u8]; 6] =
        [b"new\nline", b"\xff\xfe", b"\x1b[31mred", b"--base", b"\"quoted\"", "é".as_bytes()];
    for name in names {
        std::fs::write(world.file("api").join(OsStr::from_bytes(name)), "").unwrap();
    }
    world.commit();

    let answer = world.shown(["plan", "--offline", "--base", "HEAD~1", "api"]);
    let changed = world.run(["changed", "api/new\nline", "--base", "HEAD~1"]);

    assert_snapshot!(answer, @r#"
    changes of <10 hex> since <10 hex> (--base)
    affected `api`
      because `api/\u{1b}[31mred` was added and matches `COPY .` (api/Dockerfile:2) of `api`
      because `api/"quoted"` was added and matches `COPY .` (api/Dockerfile:2) of `api`
      because `api/--base` was added and matches `COPY .` (api/Dockerfile:2) of `api`
      because `api/new\nline` was added and matches `COPY .` (api/Dockerfile:2) of `api`
      because `api/é` was added and matches `COPY .` (api/Dockerfile:2) of `api`
      because `api/��` was added and matches `COPY .` (api/Dockerfile:2) of `api`
    1 affected, 0 not
    [exit: 0]
    "#);
    assert_eq!(changed.exit, 0);
}

#[test]
fn a_name_that_differs_in_case_alone_is_another_file() {
    let world =
        World::of(&[MANIFEST, API, WEB, ("api/Readme", ""), ("web/.rebuild_patterns", "api/README\nweb/\n")]);
    world.git(["mv", "-f", "api/Readme", "api/README"]);
    world.commit();

    let answer = world.shown(OFFLINE);

    assert_snapshot!(answer, @"
    changes of <10 hex> since <10 hex> (--base)
    affected `api`
      because `api/README` was added and matches `COPY .` (api/Dockerfile:2) of `api`
      because `api/Readme` was deleted and matches `COPY .` (api/Dockerfile:2) of `api`
    affected `web`
      because `api/README` was added and matches `api/README` (web/.rebuild_patterns:1) of `web`
    2 affected, 0 not
    [exit: 0]
    ");
}

#[test]
fn a_link_counts_by_where_it_points_and_never_for_what_is_there() {
    let world = World::of(&[MANIFEST, API, WEB, ("web/shared", "1")]);
    symlink("../web/shared", world.file("api/link")).unwrap();
    world.commit();
    world.write("web/shared", "2").commit();

    let behind_the_link = world.shown(OFFLINE);
    std::fs::remove_file(world.file("api/link")).unwrap();
    symlink("../web/other", world.file("api/link")).unwrap();
    world.commit();
    let the_link = world.shown(OFFLINE);

    assert_snapshot!(behind_the_link, @"
    changes of <10 hex> since <10 hex> (--base)
    unaffected `api`
    affected `web`
      because `web/shared` was modified and matches `COPY .` (web/Dockerfile:2) of `web`
    1 affected, 1 not
    [exit: 0]
    ");
    assert_snapshot!(the_link, @"
    changes of <10 hex> since <10 hex> (--base)
    affected `api`
      because `api/link` was modified and matches `COPY .` (api/Dockerfile:2) of `api`
    unaffected `web`
    1 affected, 1 not
    [exit: 0]
    ");
}

#[test]
fn a_pointer_of_lfs_counts_as_the_file_that_it_stands_for() {
    let pointer = |oid: &str| {
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 9\n", oid.repeat(64))
    };
    let attributes = ("api/.gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    let world = World::of(&[MANIFEST, API, WEB, attributes, ("api/model.bin", &pointer("1"))]);
    world.write("api/model.bin", pointer("2")).commit();

    let answer = world.shown(OFFLINE);

    assert_snapshot!(answer, @"
    changes of <10 hex> since <10 hex> (--base)
    affected `api`
      because `api/model.bin` was modified and matches `COPY .` (api/Dockerfile:2) of `api`
    unaffected `web`
    1 affected, 1 not
    [exit: 0]
    ");
}

#[test]
fn a_detached_merge_brings_what_the_other_side_has() {
    let world = World::of(&[MANIFEST, API, WEB]);
    world.git(["checkout", "-q", "-b", "topic"]);
    world.write("web/topic", "").commit();
    world.git(["checkout", "-q", "main"]);
    world.write("api/main", "").commit();
    world.git(["merge", "-q", "--no-ff", "-m", "merge", "topic"]);
    world.git(["checkout", "-q", "--detach"]);

    let since_main = world.shown(OFFLINE);
    let since_topic = world.shown(["plan", "--offline", "--base", "HEAD^2"]);

    assert_snapshot!(since_main, @"
    changes of <10 hex> since <10 hex> (--base)
    unaffected `api`
    affected `web`
      because `web/topic` was added and matches `COPY .` (web/Dockerfile:2) of `web`
    1 affected, 1 not
    [exit: 0]
    ");
    assert_snapshot!(since_topic, @"
    changes of <10 hex> since <10 hex> (--base)
    affected `api`
      because `api/main` was added and matches `COPY .` (api/Dockerfile:2) of `api`
    unaffected `web`
    1 affected, 1 not
    [exit: 0]
    ");
}
