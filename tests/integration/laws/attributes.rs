//! Which files are stored with Git LFS is what git says of their attributes.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use chinampa::internals::git::Repository;
use chinampa::internals::inputs::{self, InputContent};
use chinampa::internals::lint::{self, Code};
use chinampa::internals::workspace::{ManifestSource, Workspace};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::world::World;

const FILES: [&str; 12] = [
    "a.bin",
    "b.txt",
    "A.bin",
    "a/a.bin",
    "a/b.bin",
    "a/b/a.bin",
    "a/b/c.txt",
    "a-b/a.bin",
    "a b",
    "a/#x",
    "big/x",
    "é.bin",
];

const FOLDERS: [&str; 5] = ["", "a/", "a/b/", "a-b/", "big/"];

fn pattern() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "*.bin",
            "a.bin",
            "/a.bin",
            "a/*.bin",
            "/a/**",
            "**/a.bin",
            "a/**/a.bin",
            "b/",
            "a/b",
            "*",
            "**",
            "[aA].bin",
            "!*.bin",
            "\"a b\"",
            "\\#x",
            "a-b/*",
            "?.txt",
            "#x",
            "é.bin",
            "*[!x]",
            "big",
            "  *.txt",
            "/**/x",
            "b/*",
        ][..],
    )
}

fn state() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "filter=lfs",
            "filter=lfs diff=lfs merge=lfs -text",
            "-filter",
            "!filter",
            "filter",
            "filter=other",
            "big",
            "-big",
            "!big",
            "text",
            "filter=lfs filter=other",
            "\tfilter=lfs",
            "filter=LFS",
        ][..],
    )
}

fn lines() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        8 => (pattern(), state()).prop_map(|(pattern, state)| format!("{pattern} {state}\n")),
        1 => select(&["[attr]big filter=lfs -text\n", "[attr]big filter=other\n", "# *.bin filter=lfs\n", "\n"][..])
            .prop_map(str::to_owned),
    ];
    vec(line, 0..6).prop_map(|lines| lines.concat())
}

/// What git says, which reads the files of the work tree here.
fn lfs_by_git(world: &World) -> BTreeSet<String> {
    let mut git = Command::new("git");
    git.args(["check-attr", "-z", "--stdin", "filter"]).current_dir(world.path());
    git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_ATTR_NOSYSTEM", "1");
    let mut git = git.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    git.stdin.take().unwrap().write_all(FILES.join("\0").as_bytes()).unwrap();
    let answer = String::from_utf8(git.wait_with_output().unwrap().stdout).unwrap();
    let fields: Vec<&str> = answer.split('\0').collect();
    let lfs = fields.chunks_exact(3).filter(|fields| fields[2] == "lfs");
    lfs.map(|fields| fields[0].to_owned()).collect()
}

fn lfs(world: &World) -> BTreeSet<String> {
    let repository = Repository::open(world.path()).unwrap();
    let snapshot = repository.snapshot(repository.head().unwrap().commit).unwrap();
    let workspace = Workspace::read(&snapshot, &ManifestSource::Tree).unwrap();
    let all = workspace.projects.keys().cloned().collect();
    let files = inputs::files(&workspace, &all, &snapshot, repository.work_dir()).unwrap();
    let lfs = files.into_values().flatten().filter(|file| matches!(file.content, InputContent::Lfs(_)));
    // The Dockerfile is an input besides.
    lfs.map(|file| file.path.to_string()).filter(|path| FILES.contains(&&**path)).collect()
}

proptest! {
    #![proptest_config(crate::laws::config(32))]

    #[test]
    fn a_file_is_stored_with_git_lfs_exactly_if_git_says_so(
        attributes in btree_map(select(&FOLDERS[..]), lines(), 1..4),
    ) {
        let world = World::new();
        let manifest = "[workspace]\nname = 'w'\n[projects.a]\npath = '.'\n[cache]\nkind = 'engine'\n";
        world.write("projects.toml", manifest).write("Dockerfile", "FROM scratch\n");
        world.write(".rebuild_patterns", FILES.map(|file| file.replace('#', "\\#") + "\n").concat());
        for file in FILES {
            world.write(file, file);
        }
        for (folder, lines) in &attributes {
            world.write(&format!("{folder}.gitattributes"), lines);
        }
        world.commit();

        prop_assert_eq!(lfs(&world), lfs_by_git(&world));
    }
}

#[test]
fn an_input_with_another_filter_than_that_of_lfs_is_a_finding_of_each_project_that_takes_it_and_of_no_other()
{
    let world = World::new();
    world.write(
        "projects.toml",
        "[workspace]\nname = 'shop'\n[projects.a]\npath = 'a'\n[projects.b]\npath = 'b'\n",
    );
    for project in ["a", "b"] {
        world
            .write(&format!("{project}/Dockerfile"), "FROM scratch\nCOPY f /\n")
            .write(&format!("{project}/f"), "f");
    }
    world
        .write(".gitattributes", "b/f filter=lfs\na/f filter=crypt\na/other filter=crypt\n")
        .write("a/other", "o");
    world.commit();

    let repository = Repository::open(world.path()).unwrap();
    let snapshot = repository.snapshot(repository.head().unwrap().commit).unwrap();
    let workspace = Workspace::read(&snapshot, &ManifestSource::Tree).unwrap();
    let all = workspace.projects.keys().cloned().collect();
    let findings = lint::check(&workspace, &all, &snapshot).unwrap().findings;

    let filtered = findings.iter().filter(|finding| finding.code == Code::FilteredInput);
    let found: Vec<String> = filtered
        .map(|finding| {
            let project = finding.project.as_ref().unwrap();
            format!("{project} {}:{} {}", finding.file, finding.line, finding.message)
        })
        .collect();
    let expected = "a .gitattributes:2 `a/f` has `filter=crypt`, which is not applied: what is committed is in the image";
    assert_eq!(found, [expected]);
}
