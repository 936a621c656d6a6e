//! Work trees that git calls clean although they are not what was committed, byte by byte and file by file: each
//! command takes them for the commit. And what only git can tell, where it isn't there or may not be asked.

use std::os::unix::fs::symlink;

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::shop::{Project, Shop};
use crate::support::some_of;
use crate::support::world::{Answer, FORMATS, World};

const PROJECTS: &[Project] = &[("lib", "FROM scratch\nCOPY . /\n", "")];

/// The usual format, and the one in which all is new.
const OLDEST_AND_NEWEST: [&[&str]; 2] = [FORMATS[0], FORMATS[3]];

/// What makes a fresh clone one of a kind.
type Prepare = fn(&World);

/// Every state of which git says that nothing is uncommitted.
const CLEAN: [(&str, Prepare); 16] = [
    ("as it was cloned", |_| {}),
    ("a sparse checkout of folders", |clone| {
        clone.git(["sparse-checkout", "set", "--cone", "other"]);
        assert!(!clone.file("lib/a.txt").exists());
    }),
    ("a sparse checkout by patterns", |clone| {
        clone.git(["sparse-checkout", "set", "--no-cone", "/*", "!/lib/data"]);
        assert!(!clone.file("lib/data").exists());
    }),
    ("a sparse index", |clone| {
        clone.git(["sparse-checkout", "set", "--cone", "--sparse-index", "other"]);
    }),
    ("a split index", |clone| drop(clone.git(["update-index", "--split-index"]))),
    ("an index without a checksum", |clone| {
        clone.git(["-c", "index.skipHash=true", "update-index", "--force-write-index"]);
    }),
    ("a filter", |clone| {
        clone.git(["config", "filter.rot.clean", "tr n-za-m a-z"]);
        converted(clone, "filter=rot", "nop\n");
    }),
    ("a filter that changes the size", |clone| {
        clone.git(["config", "filter.short.clean", "sed s/x//"]);
        converted(clone, "filter=short", "abcx\n");
    }),
    ("an encoding", |clone| converted(clone, "working-tree-encoding=UTF-16LE", "a\0b\0c\0\n\0")),
    ("line ends of another system", |clone| {
        clone.git(["config", "core.autocrlf", "true"]);
        converted(clone, "text", "abc\r\n");
    }),
    ("line ends of another system on one branch", |clone| {
        clone.write(".git/of-main", "[core]\n\tautocrlf = true\n");
        clone.git(["config", "includeIf.onbranch:main.path", "of-main"]);
        clone.write("lib/a.txt", "abc\r\n").git(["add", "lib/a.txt"]);
        clone.write("lib/a.txt", "abc\r\n");
    }),
    ("line ends as an attribute says", |clone| converted(clone, "text eol=crlf", "abc\r\n")),
    ("an id in a file", |clone| {
        clone.write(".git/info/attributes", "lib/id ident\n").write("lib/id", "$Id: 0123456789 $\n");
        clone.git(["add", "lib/id"]);
        clone.write("lib/id", "$Id: 9876543210 $\n");
    }),
    ("a file that is assumed unchanged", |clone| {
        clone.git(["update-index", "--assume-unchanged", "lib/a.txt"]);
        clone.write("lib/a.txt", "another");
    }),
    ("modes that don't count", |clone| {
        clone.git(["config", "core.fileMode", "false"]);
        std::fs::set_permissions(
            clone.file("lib/a.txt"),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .unwrap();
    }),
    ("links that are files", |clone| {
        clone.git(["config", "core.symlinks", "false"]);
        clone.remove("lib/link").write("lib/link", "a.txt");
    }),
];

/// Gives a file an attribute, and the content of which git makes what is committed. It was written since git saw it.
fn converted(clone: &World, attribute: &str, content: &str) {
    clone.write(".git/info/attributes", format!("lib/a.txt {attribute}\n")).write("lib/a.txt", content);
    clone.git(["add", "lib/a.txt"]);
    clone.write("lib/a.txt", content);
}

fn shop(format: &[&str]) -> Shop {
    let shop = Shop::of(World::of_format(format));
    let (a, id) = ("abc\n", "$Id$\n");
    shop.world
        .write("lib/a.txt", a)
        .write("lib/id", id)
        .write("lib/data/b", &shop.prefix)
        .write("other/o", "");
    symlink("a.txt", shop.world.file("lib/link")).unwrap();
    shop.projects(PROJECTS)
}

fn clone(shop: &Shop) -> World {
    let mut clone = World::clone_of(shop.world.path());
    clone.set_all_of(&shop.world);
    clone
}

/// What an answer says of `lib`: whether the work tree is dirty, and the digest of its inputs.
fn told(answer: &Answer) -> (bool, String) {
    assert_eq!(answer.exit, 0, "{answer}");
    let json: Value = answer.json();
    (json["dirty"].as_bool().unwrap(), json["projects"][0]["digest"].as_str().unwrap().to_owned())
}

#[test]
fn what_git_calls_clean_is_the_commit_to_every_command() {
    for (turn, format) in OLDEST_AND_NEWEST.into_iter().enumerate() {
        let shop = shop(format);
        let built = told(&shop.world.run(["build", "-q", "--json"]));
        for (state, prepare) in some_of(2, turn, CLEAN) {
            is_the_commit(&shop, &built, prepare, &format!("{format:?}: {state}"));
        }
    }
}

fn is_the_commit(shop: &Shop, built: &(bool, String), prepare: Prepare, state: &str) {
    let mut clone = clone(shop);
    prepare(&clone);
    assert_eq!(clone.git(["--no-optional-locks", "status", "--porcelain", "-uno"]), "", "{state}");

    let planned = told(&clone.run(["plan", "--json"]));
    let check = clone.run(["check_rebuild", "lib", "--base", "HEAD"]);
    let laptop = clone.run(["build", "--json"]);
    clone.set("CI", "true");
    let ci = clone.run(["build", "--json"]);

    assert_eq!(planned, *built, "{state}");
    assert_eq!(check.exit, 1, "{state}: {check}");
    for build in [laptop, ci] {
        assert_eq!(told(&build), *built, "{state}");
        assert_eq!(build.json()["projects"][0]["outcome"], "reused", "{state}: {build}");
    }
}

#[test]
fn an_uncommitted_change_has_the_digest_of_its_commit_in_every_state() {
    for (turn, format) in OLDEST_AND_NEWEST.into_iter().enumerate() {
        let shop = shop(format);
        for (state, prepare) in some_of(2, turn + 1, CLEAN) {
            let mut clone = clone(&shop);
            prepare(&clone);
            clone.write("lib/new.txt", "one\r\ntwo\r\n");
            clone.git(["add", "--sparse", "lib/new.txt"]);
            clone.write("other/o", "another");

            let (is_dirty, planned) = told(&clone.run(["plan", "--json"]));
            clone.git(["commit", "-q", "-a", "-m", "change"]);
            clone.set("CI", "true");
            let committed = told(&clone.run(["plan", "--json"]));

            assert!(is_dirty, "{format:?}: {state}");
            assert_eq!(committed, (false, planned), "{format:?}: {state}");
        }
    }
}

#[test]
fn a_file_that_was_announced_to_git_is_an_uncommitted_change() {
    let shop = shop(FORMATS[0]);
    let mut clone = clone(&shop);
    clone.write("lib/new.txt", "new").git(["add", "--intent-to-add", "lib/new.txt"]);

    let (is_dirty, planned) = told(&clone.run(["plan", "--json"]));
    clone.git(["commit", "-q", "-a", "-m", "change"]);
    let committed = told(&clone.run(["plan", "--json"]));
    clone.write("lib/newer.txt", "new").git(["add", "--intent-to-add", "lib/newer.txt"]);
    clone.set("CI", "true");
    let ci = clone.run(["build"]);

    assert!(is_dirty);
    assert_eq!(committed, (false, planned));
    assert_eq!(ci.exit, 2, "{ci}");
}

/// A folder that is `PATH` and has nothing in it.
fn without_git(world: &mut World) {
    std::fs::create_dir(world.file(".git/nothing")).unwrap();
    let path = world.file(".git/nothing").display().to_string();
    world.set("PATH", &path);
}

#[test]
fn without_git_all_is_told_that_can_be_told_without_it() {
    let shop = shop(FORMATS[0]);
    let [mut sparse, mut plain, mut split] = [(); 3].map(|()| clone(&shop));
    sparse.git(["sparse-checkout", "set", "--cone", "other"]);
    split.git(["update-index", "--split-index"]);
    [&mut sparse, &mut plain, &mut split].into_iter().for_each(without_git);

    let of_sparse = told(&sparse.run(["plan", "--json"]));
    let of_clean = told(&plain.run(["plan", "--json"]));
    plain.write("lib/a.txt", "another");
    let of_dirty = told(&plain.run(["plan", "--json"]));
    let of_split = split.shown(["plan"]);
    let of_commit = split.run(["plan", "--head", "HEAD", "--json"]);

    assert_eq!(of_sparse, of_clean);
    assert!(!of_clean.0 && of_dirty.0 && of_dirty.1 != of_clean.1);
    assert_eq!(told(&of_commit), of_clean);
    assert_snapshot!(of_split, @"
    stderr: error: only `git` can tell what is uncommitted, because the index is split, sparse or of another kind, and it can't be run
    stderr:   because: No such file or directory (os error 2)
    stderr:   hint: install git, or look at a commit with `--head`
    [exit: 3]
    ");
}

#[test]
fn an_untrusted_run_starts_no_filter_that_the_repository_may_have_written() {
    let shop = shop(FORMATS[0]);
    let mut clone = clone(&shop);
    clone.write(".git/info/attributes", "lib/a.txt filter=own\n");
    clone.git(["config", "filter.own.clean", "touch lib/was-run; cat"]);
    clone.git(["config", "filter.own.required", "true"]);
    clone.write("lib/a.txt", "another");
    clone.set("CHINAMPA_TRUST", "untrusted");

    let refused = clone.shown(["plan"]);
    clone.write("lib/a.txt", "abc\n");
    let planned = clone.run(["plan", "--json"]);

    assert!(!clone.file("lib/was-run").exists());
    assert!(!told(&planned).0);
    assert_snapshot!(refused, @"
    stderr: error: only the filter `own` can tell whether `lib/a.txt` has uncommitted changes, and it is not run here
    stderr:   hint: the filter's program may be the repository's own: look at a commit with `--head`
    [exit: 3]
    ");
}
