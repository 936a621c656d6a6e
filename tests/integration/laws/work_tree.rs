//! Uncommitted work, with `git status` and `git commit -a` as the judges.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use chinampa::internals::git::{Filters, Repository};
use chinampa::internals::model::CommitId;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::support::world::{FORMATS, World};

const FILES: [&str; 9] =
    ["a.txt", "b.bin", "x", "d/c.txt", "d/e.u16", "d/f.id", "d/s/g.txt", "d/s/h.bin", "n/o"];

const CONTENTS: [&[u8]; 8] = [
    b"",
    b"one\n",
    b"two\n",
    b"one\r\ntwo\r\n",
    b"one\ntwo\r\n",
    b"$Id$ word\n",
    b"$Id: 0123 $ word\n",
    b"\xff\xfeo\0n\0e\0\n\0",
];

/// Settings of the clone. The filters are of one kind with git-lfs and git-crypt: what is stored is not what is seen.
const SETTINGS: [[&str; 2]; 14] = [
    ["core.autocrlf", "true"],
    ["core.autocrlf", "input"],
    ["core.eol", "crlf"],
    ["core.fileMode", "false"],
    ["core.symlinks", "false"],
    SPLIT_INDEX,
    ["core.untrackedCache", "true"],
    ["core.checkStat", "minimal"],
    ["index.skipHash", "true"],
    ["index.version", "4"],
    ["filter.rot.clean", "tr a-z n-za-m"],
    ["filter.rot.smudge", "tr a-z n-za-m"],
    ["filter.rot.required", "true"],
    ["filter.size.clean", "wc -c"],
];

const ATTRIBUTES: [&str; 8] = [
    "* text=auto",
    "*.txt text eol=crlf",
    "*.txt -text",
    "*.u16 text working-tree-encoding=UTF-16LE-BOM",
    "*.id ident",
    "*.bin filter=rot",
    "*.txt filter=size",
    "x binary",
];

/// Where attributes are written: committed, in a folder, known to this clone only.
const PLACES: [&str; 3] = [".gitattributes", "d/.gitattributes", ".git/info/attributes"];

/// Git refuses it for a sparse index.
const SPLIT_INDEX: [&str; 2] = ["core.splitIndex", "true"];

/// What is checked out of the last commit.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sparse {
    No,
    Folders,
    Index,
    Patterns,
}

#[derive(Clone, Debug)]
enum Edit {
    Write(&'static str, &'static [u8]),
    /// Writes what is there once more.
    Touch(&'static str),
    Remove(&'static str),
    Folder(&'static str),
    Link(&'static str),
    /// Moves `d` away, and puts a link to it in its place.
    LinkFolder,
    Mode(&'static str, u32),
    Attributes(&'static str, &'static str),
    Configure([&'static str; 2]),
    Git(&'static [&'static str], &'static str),
    InSubmodule(&'static [u8]),
    CommitInSubmodule,
}

#[derive(Clone, Debug)]
struct Case {
    format: &'static [&'static str],
    settings: Vec<[&'static str; 2]>,
    attributes: Vec<(&'static str, &'static str)>,
    files: Vec<(&'static str, &'static [u8])>,
    has_submodule: bool,
    /// Whether all files are older than the index, so that it need not be doubted.
    is_old: bool,
    sparse: Sparse,
    edits: Vec<Edit>,
}

fn case() -> impl Strategy<Value = Case> {
    let settings = prop_oneof![
        2 => Just(Vec::new()),
        3 => subsequence(&SETTINGS[..], 1..5),
    ];
    let attributes = prop_oneof![
        1 => Just(Vec::new()),
        1 => vec((select(&PLACES[..]), select(&ATTRIBUTES[..])), 1..4),
    ];
    let sparse = prop_oneof![
        4 => Just(Sparse::No),
        1 => Just(Sparse::Folders),
        1 => Just(Sparse::Index),
        1 => Just(Sparse::Patterns),
    ];
    let files = vec((select(&FILES[..]), select(&CONTENTS[..])), 1..8);
    let is_submodule = proptest::bool::weighted(0.15);
    let format = select(&FORMATS[..]);
    (format, settings, attributes, files, is_submodule, any::<bool>(), sparse, vec(edit(), 0..4)).prop_map(
        |(format, mut settings, attributes, files, has_submodule, is_old, sparse, mut edits)| {
            if sparse == Sparse::Index {
                settings.retain(|setting| *setting != SPLIT_INDEX);
                edits.retain(|edit| !matches!(edit, Edit::Configure(setting) if *setting == SPLIT_INDEX));
            }
            Case { format, settings, attributes, files, has_submodule, is_old, sparse, edits }
        },
    )
}

fn edit() -> impl Strategy<Value = Edit> {
    let file = || select(&FILES[..]);
    let content = || select(&CONTENTS[..]);
    const GIT: [&[&str]; 7] = [
        &["add", "--"],
        &["add", "--intent-to-add", "--"],
        &["rm", "-q", "--cached", "--"],
        &["update-index", "--assume-unchanged"],
        &["update-index", "--skip-worktree"],
        &["update-index", "--chmod=+x"],
        &["update-index", "--refresh"],
    ];
    prop_oneof![
        6 => (file(), content()).prop_map(|(file, content)| Edit::Write(file, content)),
        4 => file().prop_map(Edit::Touch),
        2 => file().prop_map(Edit::Remove),
        1 => file().prop_map(Edit::Folder),
        1 => file().prop_map(Edit::Link),
        1 => Just(Edit::LinkFolder),
        2 => (file(), select(vec![0o755, 0o644, 0o600, 0o655])).prop_map(|(file, mode)| Edit::Mode(file, mode)),
        1 => (select(&PLACES[..]), select(&ATTRIBUTES[..])).prop_map(|(place, line)| Edit::Attributes(place, line)),
        1 => select(&SETTINGS[..]).prop_map(Edit::Configure),
        6 => (select(&GIT[..]), file()).prop_map(|(words, file)| Edit::Git(words, file)),
        1 => content().prop_map(Edit::InSubmodule),
        1 => Just(Edit::CommitInSubmodule),
    ]
}

#[test]
fn dirty_is_what_git_status_lists_and_its_tree_is_that_of_the_next_commit() {
    proptest!(crate::laws::config(50), |(case in case())| {
        let world = World::of_format(case.format);
        let head = write(&world, &case);
        case.edits.iter().for_each(|edit| apply(&world, edit));
        let index = fs::read(world.file(".git/index")).unwrap();

        let seen = Repository::open(world.path()).unwrap().snapshot_of_work_tree(head, Filters::Run);

        prop_assert_eq!(index, fs::read(world.file(".git/index")).unwrap(), "the index was written");
        let status = git(world.path(), &["--no-optional-locks", "status", "--porcelain", "--untracked-files=no"]);
        let status = String::from_utf8(status.stdout).unwrap();
        let commit = git(world.path(), &["commit", "-q", "-a", "--allow-empty", "-m", "all"]);
        match seen {
            Ok(seen) => {
                prop_assert_eq!(seen.is_dirty, !status.is_empty(), "{}", status);
                prop_assert!(commit.status.success(), "{}", String::from_utf8_lossy(&commit.stderr));
                prop_assert_eq!(seen.tree.to_string(), world.git(["rev-parse", "HEAD^{tree}"]));
            }
            // What can't be committed, such as a text that isn't in its encoding.
            Err(error) => prop_assert!(!commit.status.success(), "{:?}", error),
        }
    });
}

/// Commits the files and checks out what is to be seen of them.
fn write(world: &World, case: &Case) -> CommitId {
    for [name, value] in &case.settings {
        world.git(["config", name, value]);
    }
    for (place, line) in &case.attributes {
        apply(world, &Edit::Attributes(place, line));
    }
    case.files.iter().for_each(|(file, content)| apply(world, &Edit::Write(file, content)));
    if case.has_submodule {
        fs::create_dir(world.file("sub")).unwrap();
        world.git_with(&[&["init", "-q"], case.format, &["sub"]].concat());
        apply(world, &Edit::CommitInSubmodule);
    }
    if case.is_old {
        let old = SystemTime::now() - Duration::from_secs(3600);
        for (file, _) in &case.files {
            fs::File::open(world.file(file)).unwrap().set_modified(old).unwrap();
        }
    }
    // Some contents can't be added: they stay out of it.
    git(world.path(), &["-c", "advice.addEmbeddedRepo=false", "add", "--ignore-errors", "--all"]);
    world.git(["commit", "-q", "--allow-empty", "-m", "first"]);
    match case.sparse {
        Sparse::No => {}
        Sparse::Folders => drop(world.git(["sparse-checkout", "set", "--cone", "d/s"])),
        Sparse::Index => drop(world.git(["sparse-checkout", "set", "--cone", "--sparse-index", "n"])),
        Sparse::Patterns => {
            drop(world.git(["sparse-checkout", "set", "--no-cone", "/*", "!/d/", "/d/s/", "!*.bin"]));
        }
    }
    CommitId(world.git(["rev-parse", "HEAD"]).parse().unwrap())
}

/// Does what can be done of an edit: files that are edited may be gone.
fn apply(world: &World, edit: &Edit) {
    let path = |file: &str| world.file(file);
    match edit {
        Edit::Write(file, content) => drop(rewrite(&path(file), content)),
        Edit::Touch(file) => {
            if let Ok(content) = fs::read(path(file)) {
                drop(rewrite(&path(file), &content));
            }
        }
        Edit::Remove(file) => drop(fs::remove_file(path(file))),
        Edit::Folder(file) => {
            drop(fs::remove_file(path(file)));
            drop(rewrite(&path(file).join("inside"), b"one\n"));
        }
        Edit::Link(file) => {
            drop(fs::remove_file(path(file)));
            drop(symlink("a.txt", path(file)));
        }
        Edit::LinkFolder => {
            if fs::rename(path("d"), path("e")).is_ok() {
                symlink("e", path("d")).unwrap();
            }
        }
        Edit::Mode(file, mode) => drop(fs::set_permissions(path(file), fs::Permissions::from_mode(*mode))),
        Edit::Attributes(place, line) => {
            let earlier = fs::read_to_string(path(place)).unwrap_or_default();
            drop(rewrite(&path(place), format!("{earlier}{line}\n").as_bytes()));
        }
        Edit::Configure([name, value]) => drop(world.git(["config", name, value])),
        Edit::Git(words, file) => drop(git(world.path(), &[words, &[*file][..]].concat())),
        Edit::InSubmodule(content) => {
            if path("sub").exists() {
                rewrite(&path("sub/f"), content).unwrap();
            }
        }
        Edit::CommitInSubmodule => {
            if path("sub").exists() {
                rewrite(&path("sub/f"), b"f").unwrap();
                world.git(["-C", "sub", "add", "f"]);
                world.git(["-C", "sub", "commit", "-q", "--allow-empty", "-m", "inside"]);
            }
        }
    }
}

fn rewrite(file: &Path, content: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(file.parent().unwrap())?;
    fs::write(file, content)
}

fn git(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("git")
        .args(["-c", "user.name=test", "-c", "user.email=test@example.com"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap()
}
