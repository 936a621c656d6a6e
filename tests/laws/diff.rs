//! What differs between two trees, with `git diff-tree` as the judge.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use chinampa::git::Repository;
use chinampa::model::{Change, ChangeKind, RepoPath};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::world::World;

/// Commits of one repository; each is compared with the one before it.
const BATCH: u32 = 64;

/// Modes that git keeps: a file, a program, a link and a submodule.
const MODES: [&str; 4] = ["100644", "100755", "120000", "160000"];

/// Names that sort around `/`, and names that a program may trip over.
const NAMES: [&[u8]; 12] =
    [b"a", b"a.b", b"a-b", b"a0", b"a b", b"ab", b"b", b"A", b"\n", b"\xff\xfe", b"\"", b"\xc3\xa9"];

/// One thing that a commit does.
#[derive(Clone, Debug)]
enum Edit {
    /// Writes one of a few contents; folders that are in the way go, files that are become folders.
    Write(Vec<u8>, &'static str, u8),
    /// Removes a file or a whole folder.
    Remove(Vec<u8>),
}

proptest! {
    #![proptest_config(crate::config(BATCH))]

    #[test]
    fn changes_are_those_that_git_sees_in_path_order(history in vec(vec(edit(), 0..12), BATCH as usize + 1)) {
        let world = World::new();
        let commits = import(world.path(), &history);
        let repository = Repository::open(world.path()).unwrap();
        let by_git = diff_trees(world.path(), &commits);

        // Back and forth: what is added one way is deleted the other.
        for (number, pair) in commits.windows(2).enumerate() {
            for (one, other) in [(&pair[0], &pair[1]), (&pair[1], &pair[0])] {
                let [one, other] = [one, other].map(|commit| {
                    repository.snapshot(commit.parse().unwrap()).unwrap()
                });
                let changes = one.changes_to(&other).unwrap();

                let expected = by_git.get(&(one.tree().to_string(), other.tree().to_string()));
                let expected = expected.map_or(&[][..], Vec::as_slice);
                prop_assert_eq!(changes, expected, "commit {} of {:?}", number + 1, &history);
            }
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    // Deep rarely, and then through few names, so that paths meet again.
    let deep = vec(select(&NAMES[..3]), 6..20);
    let path = prop_oneof![8 => vec(select(&NAMES[..]), 1..4), 1 => deep].prop_map(|names| names.join(&b'/'));
    prop_oneof![
        3 => (path.clone(), select(&MODES[..]), 0_u8..3)
            .prop_map(|(path, mode, content)| Edit::Write(path, mode, content)),
        1 => path.prop_map(Edit::Remove),
    ]
}

/// Writes a history and returns its commits, oldest first.
fn import(repository: &Path, history: &[Vec<Edit>]) -> Vec<String> {
    let mut stream = Vec::new();
    for (number, edits) in history.iter().enumerate() {
        let mark = number + 1;
        writeln!(
            stream,
            "commit refs/heads/main\nmark :{mark}\ncommitter t <t@example.com> {mark} +0000\ndata 0"
        )
        .unwrap();
        for edit in edits {
            match edit {
                Edit::Write(path, "160000", content) => {
                    write!(stream, "M 160000 {}", format!("{content:02x}").repeat(20)).unwrap();
                    writeln!(stream, " {}", quoted(path)).unwrap();
                }
                Edit::Write(path, mode, content) => {
                    writeln!(stream, "M {mode} inline {}\ndata 1\n{content}", quoted(path)).unwrap();
                }
                Edit::Remove(path) => writeln!(stream, "D {}", quoted(path)).unwrap(),
            }
        }
    }
    let all = repository.join("marks");
    git(repository, &["fast-import", "--quiet", &format!("--export-marks={}", all.display())], &stream);
    let marks = std::fs::read_to_string(all).unwrap();
    let marks = marks.lines().map(|line| line.split_once(' ').unwrap());
    let marks: BTreeMap<usize, String> =
        marks.map(|(mark, commit)| (mark[1..].parse().unwrap(), commit.to_owned())).collect();
    marks.into_values().collect()
}

/// What git says of each commit and the next, both ways, by the ids of their trees.
fn diff_trees(repository: &Path, commits: &[String]) -> BTreeMap<(String, String), Vec<Change>> {
    let trees: String = commits.iter().map(|commit| format!("{commit}^{{tree}}\n")).collect();
    let trees = git(repository, &["cat-file", "--batch-check=%(objectname)"], trees.as_bytes());
    let trees: Vec<&str> = std::str::from_utf8(&trees).unwrap().lines().collect();
    let pairs: String =
        trees.windows(2).map(|pair| format!("{0} {1}\n{1} {0}\n", pair[0], pair[1])).collect();
    let answer = git(
        repository,
        &["diff-tree", "--stdin", "-r", "--no-renames", "-z", "--name-status"],
        pairs.as_bytes(),
    );

    let mut changes: BTreeMap<(String, String), Vec<Change>> = BTreeMap::new();
    let mut pair = None;
    // `<tree> <tree>` and a line's end, then status and path of each change, each with a NUL.
    let mut rest = &answer[..];
    while !rest.is_empty() {
        if let Some(line) = rest.get(..82).filter(|line| is_pair(line)) {
            let line = std::str::from_utf8(&line[..81]).unwrap();
            pair = line.split_once(' ').map(|(one, other)| (one.to_owned(), other.to_owned()));
            rest = &rest[82..];
            continue;
        }
        let mut fields = rest.splitn(3, |&byte| byte == 0);
        let kind = match fields.next().unwrap() {
            b"A" => ChangeKind::Added,
            b"D" => ChangeKind::Deleted,
            b"M" | b"T" => ChangeKind::Modified,
            other => panic!("git says {}", other.escape_ascii()),
        };
        let path = RepoPath::new(fields.next().unwrap()).unwrap();
        changes.entry(pair.clone().unwrap()).or_default().push(Change { path, kind });
        rest = fields.next().unwrap();
    }
    changes.values_mut().for_each(|changes| changes.sort());
    // A pair that occurs twice is answered twice.
    changes.values_mut().for_each(Vec::dedup);
    changes
}

/// Two ids and the end of a line; no generated path holds so many digits.
fn is_pair(line: &[u8]) -> bool {
    let is_id = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_hexdigit);
    is_id(&line[..40]) && line[40] == b' ' && is_id(&line[41..81]) && line[81] == b'\n'
}

/// As git quotes a path: with octal escapes.
fn quoted(path: &[u8]) -> String {
    let escaped: String = path.iter().map(|byte| format!("\\{byte:03o}")).collect();
    format!("\"{escaped}\"")
}

fn git(repository: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(repository).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.env("GIT_CONFIG_GLOBAL", "/dev/null").spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "git {arguments:?}: {}", output.status);
    output.stdout
}
