//! Laws of the input digest: what changes it, what doesn't, and that `docs/input-digest.md` tells how to
//! compute it.

mod lines;
mod naive;
mod shop;

use std::collections::{BTreeMap, BTreeSet};

use chinampa::internals::git::Repository;
use chinampa::internals::inputs;
use chinampa::internals::workspace::{ManifestSource, Workspace};
use proptest::prelude::*;
use proptest::sample::subsequence;

use crate::support::world::World;
use shop::{CHANGES, IRRELEVANT, Shop};

/// What the library says of every project.
fn digests(world: &World) -> BTreeMap<String, String> {
    let repository = Repository::open(world.path()).unwrap();
    let snapshot = repository.snapshot(repository.head().unwrap().commit).unwrap();
    let workspace = Workspace::read(&snapshot, &ManifestSource::Tree).unwrap();
    let all: BTreeSet<_> = workspace.projects.keys().cloned().collect();
    let files = inputs::files(&workspace, &all, &snapshot, repository.work_dir()).unwrap();
    let digests = inputs::digests(&workspace, &files);
    digests.into_iter().map(|(name, digest)| (name.to_string(), digest.to_string())).collect()
}

#[test]
fn whatever_goes_into_an_image_changes_its_digest() {
    let untouched = digests(&Shop::new().commit());
    for (what, change) in CHANGES {
        let mut shop = Shop::new();
        change(&mut shop);

        let world = shop.commit();

        let digests = digests(&world);
        assert_ne!(digests["api"], untouched["api"], "{what}");
        assert_eq!(digests["site"], untouched["site"], "{what}");
        assert_eq!(digests, naive::digests(&world), "{what}");
    }
}

#[test]
fn whatever_stays_out_of_an_image_leaves_its_digest() {
    let untouched = digests(&Shop::new().commit());
    for (what, change) in IRRELEVANT {
        let mut shop = Shop::new();
        change(&mut shop);

        let world = shop.commit();

        let digests = digests(&world);
        assert_eq!(digests["api"], untouched["api"], "{what}");
        assert_eq!(digests, naive::digests(&world), "{what}");
    }
}

proptest! {
    #![proptest_config(crate::laws::config(64))]

    /// The same changes give the same digest whatever is done besides; others give another.
    #[test]
    fn digests_are_the_same_exactly_when_the_inputs_are(
        one in subsequence(CHANGES, 0..=2),
        other in subsequence(CHANGES, 0..=2),
        besides in subsequence(IRRELEVANT, 0..=3),
    ) {
        let shop = |changes: &[&[shop::Change]]| {
            let mut shop = Shop::new();
            changes.iter().copied().flatten().for_each(|(_, change)| change(&mut shop));
            digests(&shop.commit())["api"].clone()
        };
        let names = |changes: &[shop::Change]| changes.iter().map(|(name, _)| *name).collect::<Vec<_>>();

        prop_assert_eq!(
            shop(&[&one]) == shop(&[&other, &besides]),
            names(&one) == names(&other),
            "{:?} / {:?} and {:?}", names(&one), names(&other), names(&besides)
        );
    }
}

#[test]
fn a_file_that_all_have_changes_all_digests() {
    let untouched = digests(&Shop::new().commit());
    let shop = Shop::new();
    shop.world.write("toolchain/version", "2\n");

    let world = shop.commit();

    let digests = digests(&world);
    assert!(digests.iter().all(|(name, digest)| untouched[name] != *digest), "{digests:?}");
    assert_eq!(digests, naive::digests(&world));
}

#[test]
fn without_hermetic_every_committed_file_of_the_context_is_an_input() {
    let mut shop = Shop::new();
    shop.set("hermetic", "false");
    let before = shop.commit();
    let mut shop = Shop::new();
    shop.set("hermetic", "false");
    shop.world.write("services/api/README.md", "another text\n");

    let after = shop.commit();

    assert_ne!(digests(&before)["api"], digests(&after)["api"]);
    assert_eq!(digests(&after), naive::digests(&after));
}

#[test]
fn parents_that_swap_their_repositories_make_another_image() {
    let swapped = |one: &str, other: &str| {
        let world = World::new();
        let project = |name: &str, repository: &str| {
            world.write(&format!("{name}/Dockerfile"), "FROM scratch\n");
            format!("[projects.{name}]\npath = '{name}'\nrepository = '{repository}'\n")
        };
        let projects = project("a", one) + &project("b", other) + &project("c", "c");
        world.write("c/Dockerfile", "FROM r.example/x\nCOPY --from=r.example/y / /\n");
        let registry = "[workspace]\nname = 'w'\n[cache]\nkind = 'oci'\nhost = 'r.example'\n";
        world.write("projects.toml", format!("{registry}{projects}"));
        world.commit();
        digests(&world)
    };

    let (before, after) = (swapped("x", "y"), swapped("y", "x"));

    assert_eq!(before["a"], after["a"]);
    assert_ne!(before["c"], after["c"]);
}

#[test]
fn a_committed_file_wins_over_an_extra_input_of_its_path() {
    let world = World::new();
    world.write("a/Dockerfile", "FROM scratch\n").write("a/run", "#!/bin/sh\n");
    world.write(
        "projects.toml",
        "[workspace]\nname = 'w'\n[projects.a]\npath = 'a'\nextra_inputs = ['a/run']\n",
    );
    world.git(["add", "-A"]);
    world.git(["update-index", "--chmod=+x", "a/run"]);
    world.git(["commit", "-qm", "with the mode of a program"]);

    let digests = digests(&world);

    assert_eq!(digests, naive::digests(&world));
}

#[test]
fn a_dockerfile_and_its_ignore_files_are_inputs_though_no_pattern_takes_them() {
    // issue 12: D5
    let digest_with = |changed: &[(&str, &str)]| {
        let world = World::new();
        world.write("projects.toml", "[workspace]\nname = 'w'\n[projects.a]\npath = 'a'\n");
        world.write("a/.rebuild_patterns", "./src/\n").write("a/src/main", "1\n");
        world.write("a/Dockerfile", "FROM scratch\nCOPY src /\n");
        for (file, content) in changed {
            world.write(file, content);
        }
        world.commit();
        digests(&world)["a"].clone()
    };
    let without_ignore_files = digest_with(&[]);
    let with_its_own = digest_with(&[("a/Dockerfile.dockerignore", "x\n")]);
    let with_the_contexts = digest_with(&[("a/.dockerignore", "x\n")]);

    let other_dockerfile = digest_with(&[("a/Dockerfile", "FROM scratch\nCOPY src /\nUSER 1\n")]);
    let other_own = digest_with(&[("a/Dockerfile.dockerignore", "y\n")]);
    let other_of_the_context = digest_with(&[("a/.dockerignore", "y\n")]);

    let all = [
        without_ignore_files,
        with_its_own,
        with_the_contexts,
        other_dockerfile,
        other_own,
        other_of_the_context,
    ];
    assert_eq!(BTreeSet::from_iter(&all).len(), all.len(), "{all:?}");
}

#[test]
fn what_lies_where_no_pattern_leads_is_an_input_all_the_same() {
    let digest_with = |changed: &[(&str, &str)]| {
        let world = World::new();
        let project = "[projects.a]\npath = 'a'\ndockerfile = 'docker/a'\nextra_inputs = ['given/**']\n";
        world.write("projects.toml", format!("[workspace]\nname = 'w'\n{project}"));
        world.write("a/.rebuild_patterns", "./src/\n").write("a/src/main", "1\n");
        world.write("a/docker/a", "FROM scratch\n").write("given/b", "1\n").write("other/b", "1\n");
        for (path, content) in changed {
            world.write(path, *content);
        }
        world.commit();
        digests(&world)["a"].clone()
    };

    let before = digest_with(&[]);

    assert_ne!(digest_with(&[("a/docker/a", "FROM scratch AS a\n")]), before);
    assert_ne!(digest_with(&[("given/b", "2\n")]), before);
    assert_eq!(digest_with(&[("other/b", "2\n")]), before);
}

#[test]
fn what_git_keeps_for_itself_is_no_extra_input() {
    let world = World::new();
    world.write("a/Dockerfile", "FROM scratch\n").write("a/.rebuild_patterns", "./src/\n").write("built", "");
    world
        .write("projects.toml", "[workspace]\nname = 'w'\n[projects.a]\npath = 'a'\nextra_inputs = ['**']\n");
    world.commit();
    let repository = Repository::open(world.path()).unwrap();
    let snapshot = repository.snapshot(repository.head().unwrap().commit).unwrap();
    let workspace = Workspace::read(&snapshot, &ManifestSource::Tree).unwrap();
    let all = workspace.projects.keys().cloned().collect();

    let files = inputs::files(&workspace, &all, &snapshot, repository.work_dir()).unwrap();

    let paths: Vec<String> = files.values().flatten().map(|file| file.path.to_string()).collect();
    assert_eq!(paths, ["a/Dockerfile", "built"]);
}

#[test]
fn extra_inputs_without_a_work_tree_are_an_error_that_says_what_is_needed() {
    let world = World::new();
    world.write("a/Dockerfile", "FROM scratch\n");
    world.write("projects.toml", "[workspace]\nname = 'w'\n[projects.a]\npath = 'a'\nextra_inputs = ['b']\n");
    world.commit();
    let repository = Repository::open(world.path()).unwrap();
    let snapshot = repository.snapshot(repository.head().unwrap().commit).unwrap();
    let workspace = Workspace::read(&snapshot, &ManifestSource::Tree).unwrap();
    let all = workspace.projects.keys().cloned().collect();

    let error = inputs::files(&workspace, &all, &snapshot, None).unwrap_err();

    assert_eq!(error.kind(), chinampa::internals::model::ErrorKind::Input);
    assert_eq!(error.hint().as_deref(), Some("run it in a clone that has a work tree"));
}

/// The repository that `docs/input-digest.md` describes, in this format, and with a submodule at this commit.
fn documented(format: &[&str], theme: &str) -> World {
    let world = World::of_format(format);
    world.write("projects.toml", documentation("toml").remove(0));
    world.write("lib/Dockerfile", "FROM scratch\nCOPY . /lib/\n").write("lib/greeting", "hello\n");
    world
        .write("api/Dockerfile", "FROM node:22\nCOPY --from=base / /\nCOPY --from=proto / /\nCOPY run /\n")
        .write("api/run", "#!/bin/sh\n");
    world
        .write("site/Dockerfile", "FROM scratch\nCOPY site built /\n")
        .write("site/é", "\n")
        .write("built/page", "<p>\n");
    world.write("proto/a.proto", "a\n").write("proto/b.md", "b\n").write("proto/.dockerignore", "*.md\n");
    world.write(".gitignore", "/built\n");
    let pointer = documentation("text").remove(0);
    world
        .write("model/Dockerfile", "FROM scratch\nCOPY weights.bin /\n")
        .write("model/weights.bin", pointer)
        .write("model/.gitattributes", "*.bin filter=lfs\n");
    world
        .write("tool/Dockerfile", "FROM scratch\nCOPY . /\n")
        .write("tool/.dockerignore", "tests/*\n")
        .write("tool/tests/one", "1\n");
    std::os::unix::fs::symlink("é", world.file("site/link")).unwrap();
    std::fs::create_dir(world.file("site/theme")).unwrap();
    world.git(["add", "-A"]);
    world.git(["update-index", "--chmod=+x", "api/run"]);
    world.git(["update-index", "--add", "--cacheinfo", &format!("160000,{theme},site/theme")]);
    world.git(["commit", "-qm", "as documented"]);
    world
}

#[test]
fn the_documented_vectors_are_what_the_documented_format_and_the_library_give() {
    let vectors = documentation("json");

    let usual = digests(&documented(&[], "1234567890123456789012345678901234567890"));
    let of_sha256 = digests(&documented(&["--object-format=sha256"], &"1".repeat(64)));
    let with_lock = documented(&[], "1234567890123456789012345678901234567890");
    with_lock.write("projects.lock", documentation("toml").remove(1));
    with_lock.git(["add", "projects.lock"]);
    with_lock.git(["commit", "-qm", "locked"]);
    let locked = digests(&with_lock);

    let names = ["lib", "api", "site", "model", "tool"].map(|name| (name, &usual));
    let names = names.into_iter().chain([("lib", &of_sha256), ("api", &locked)]).collect::<Vec<_>>();
    assert_eq!(vectors.len(), names.len());
    for (vector, (name, digests)) in vectors.iter().zip(names) {
        let (records, digest) = vector.trim_end().rsplit_once('\n').unwrap();
        let records: Vec<Vec<String>> =
            records.lines().map(|record| serde_json::from_str(record).unwrap()).collect();
        let records =
            records.iter().map(|record| record.iter().map(|field| field.as_bytes().to_vec()).collect());
        assert_eq!(naive::hash(&records.collect::<Vec<_>>()), digest, "the records of `{name}`");
        assert_eq!(digests[name], digest, "the library's digest of `{name}`");
    }
}

/// The documentation's blocks of one language.
fn documentation(language: &str) -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/input-digest.md");
    let text = std::fs::read_to_string(path).unwrap();
    let start = format!("```{language}\n");
    let blocks = text.split(&start).skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}
