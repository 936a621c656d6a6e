//! What differs between two trees, with `git diff-tree` as the judge.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use chinampa::internals::git::Repository;
use chinampa::internals::model::{Change, ChangeKind, ChangedEntry, ObjectId, RepoPath};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::world::World;

/// Modes that are in trees: a file and a program, each also as old versions of git wrote them, a link, a submodule.
const MODES: [&str; 6] = ["100644", "100755", "120000", "160000", "100664", "100775"];

/// Names that sort around `/`, and names that a program may trip over.
const NAMES: [&[u8]; 14] = [
    b"a",
    b"a.b",
    b"a-b",
    b"a0",
    b"a b",
    b"ab",
    b"b",
    b"A",
    b"a\n",
    b"\xff\xfe",
    b"\"a\"",
    b"\xc3\xa9",
    b"\\",
    b"a\x01",
];

/// One thing that a commit does.
#[derive(Clone, Debug)]
enum Edit {
    /// Writes one of a few contents; folders that are in the way go, files that are become folders.
    Write(Names, &'static str, u8),
    /// Makes a folder with nothing in it, which no commit of git's has but a tree can.
    Empty(Names),
    /// Removes a file or a whole folder.
    Remove(Names),
}

/// The names from the root down.
type Names = Vec<Vec<u8>>;

#[derive(Clone, Debug, PartialEq)]
enum Node {
    File(&'static str, u8),
    Folder(Folder),
}

type Folder = BTreeMap<Vec<u8>, Node>;

#[test]
fn changes_are_those_that_git_sees_in_path_order() {
    let world = World::new();
    let repository = Repository::open(world.path()).unwrap();
    let trees = RefCell::new(Trees::new(world.path()));
    let git = RefCell::new(DiffTree::start(world.path()));

    proptest!(crate::laws::config(1_000), |(first in vec(edit(), 0..10), then in vec(edit(), 0..7))| {
        let mut folder = Folder::new();
        first.iter().for_each(|edit| apply(&mut folder, edit));
        let older = trees.borrow_mut().write(&folder);
        then.iter().for_each(|edit| apply(&mut folder, edit));
        let newer = trees.borrow_mut().write(&folder);

        // Back and forth: what is added one way is deleted the other.
        let [older, newer] = [older, newer].map(|tree| repository.snapshot_of_tree(tree));
        for (one, other) in [(&older, &newer), (&newer, &older)] {
            let changes = one.changes_to(other).unwrap();

            prop_assert_eq!(changes, git.borrow_mut().changes(one.tree(), other.tree()));
        }
    });
}

/// Alone, which hardly any of the cases above has.
#[test]
fn changes_are_those_of_modes_too() {
    let world = World::of(&[("a", "content"), ("b", "content")]);
    let older = world.git(["rev-parse", "HEAD^{tree}"]).parse().unwrap();
    world.git(["update-index", "--chmod=+x", "b"]);
    let newer = world.git(["write-tree"]).parse().unwrap();
    let repository = Repository::open(world.path()).unwrap();

    let [older, newer] = [older, newer].map(|tree| repository.snapshot_of_tree(tree));
    let changes = older.changes_to(&newer).unwrap();

    let changes: Vec<_> = changes.iter().map(|change| (change.path.to_string(), change.kind)).collect();
    assert_eq!(changes, [("b".to_owned(), ChangeKind::Modified)]);
}

fn edit() -> impl Strategy<Value = Edit> {
    let name = prop_oneof![
        6 => select(&NAMES[..]).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 1..6).prop_filter("it is a name", |name| {
            !matches!(&name[..], b"." | b"..") && !name.contains(&b'/') && !name.contains(&0)
        }),
    ];
    // Deep rarely, and then through few names, so that paths meet again.
    let deep = vec(select(&NAMES[..2]).prop_map(<[u8]>::to_vec), 6..20);
    let path = prop_oneof![12 => vec(name, 1..4), 1 => deep].boxed();
    prop_oneof![
        12 => (path.clone(), select(&MODES[..]), 1_u8..4)
            .prop_map(|(path, mode, content)| Edit::Write(path, mode, content)),
        4 => path.clone().prop_map(Edit::Remove),
        1 => path.prop_map(Edit::Empty),
    ]
}

fn apply(root: &mut Folder, edit: &Edit) {
    match edit {
        Edit::Write(path, mode, content) => put(root, path, Node::File(mode, *content)),
        Edit::Empty(path) => put(root, path, Node::Folder(Folder::new())),
        Edit::Remove(path) => remove(root, path),
    }
}

fn put(folder: &mut Folder, path: &[Vec<u8>], node: Node) {
    let (name, below) = path.split_first().unwrap();
    if below.is_empty() {
        folder.insert(name.clone(), node);
        return;
    }
    let entry = folder.entry(name.clone()).or_insert_with(|| Node::Folder(Folder::new()));
    if let Node::File(..) = entry {
        *entry = Node::Folder(Folder::new());
    }
    if let Node::Folder(inner) = entry {
        put(inner, below, node);
    }
}

/// With the folders that are empty then, as git does.
fn remove(folder: &mut Folder, path: &[Vec<u8>]) {
    let (name, below) = path.split_first().unwrap();
    if below.is_empty() {
        folder.remove(name);
    } else if let Some(Node::Folder(inner)) = folder.get_mut(name) {
        remove(inner, below);
        if inner.is_empty() {
            folder.remove(name);
        }
    }
}

/// Writes trees as loose objects, without the care that git takes; the files in them need not be there.
struct Trees {
    objects: PathBuf,
    written: HashSet<git2::Oid>,
}

impl Trees {
    fn new(repository: &Path) -> Self {
        Self { objects: repository.join(".git/objects"), written: HashSet::new() }
    }

    fn write(&mut self, folder: &Folder) -> ObjectId {
        let mut entries: Vec<(&[u8], &str, ObjectId, Vec<u8>)> = Vec::new();
        for (name, node) in folder {
            let (mode, id) = match node {
                Node::File(mode, content) => (*mode, ObjectId::Sha1([*content; 20])),
                Node::Folder(inner) => ("40000", self.write(inner)),
            };
            let end = if mode == "40000" { &b"/"[..] } else { b"" };
            entries.push((name, mode, id, [name, end].concat()));
        }
        entries.sort_by(|one, other| one.3.cmp(&other.3));
        let mut tree = Vec::new();
        for (name, mode, id, _) in entries {
            tree.extend([mode.as_bytes(), b" ", name, b"\0", id.as_bytes()].concat());
        }
        let id = git2::Oid::hash_object(git2::ObjectType::Tree, &tree).unwrap();
        if self.written.insert(id) {
            let name = id.to_string();
            let folder = self.objects.join(&name[..2]);
            fs::create_dir_all(&folder).unwrap();
            let mut content = ZlibEncoder::new(Vec::new(), Compression::none());
            write!(content, "tree {}\0", tree.len()).unwrap();
            content.write_all(&tree).unwrap();
            fs::write(folder.join(&name[2..]), content.finish().unwrap()).unwrap();
        }
        ObjectId::from_slice(id.as_bytes()).unwrap()
    }
}

/// One process that answers for all pairs.
struct DiffTree {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl DiffTree {
    fn start(repository: &Path) -> Self {
        let mut git = Command::new("git");
        git.args(["diff-tree", "--stdin", "-r", "--no-renames", "-z"]).current_dir(repository);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        let mut process = git.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let questions = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, questions, answers }
    }

    /// In path order.
    fn changes(&mut self, older: ObjectId, newer: ObjectId) -> Vec<Change> {
        // What names no object comes back as it is, after the answers to all that came before.
        let pair = format!("{older} {newer}\n");
        self.questions.write_all(format!("{pair}.\n").as_bytes()).unwrap();
        self.expect(pair.as_bytes());

        let mut changes = Vec::new();
        // `:<mode> <mode> <id> <id> <status>`, a NUL, the path, a NUL.
        while let [b':'] = self.bytes::<1>() {
            let about = self.up_to_nul();
            let kind = match about.last() {
                Some(b'A') => ChangeKind::Added,
                Some(b'D') => ChangeKind::Deleted,
                Some(b'M' | b'T') => ChangeKind::Modified,
                _ => panic!("git says {}", about.escape_ascii()),
            };
            let is_submodule =
                about.split(|&byte| byte == b' ').take(2).any(|mode| mode.ends_with(b"160000"));
            let entry = if is_submodule { ChangedEntry::Submodule } else { ChangedEntry::File };
            changes.push(Change { path: RepoPath::new(self.up_to_nul()).unwrap(), kind, entry });
        }
        self.expect(b"\n");
        changes.sort();
        changes
    }

    fn expect(&mut self, text: &[u8]) {
        let mut bytes = vec![0; text.len()];
        self.answers.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes.escape_ascii().to_string(), text.escape_ascii().to_string());
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.answers.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn up_to_nul(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.answers.read_until(0, &mut bytes).unwrap();
        assert_eq!(bytes.pop(), Some(0));
        bytes
    }
}

impl Drop for DiffTree {
    fn drop(&mut self) {
        // It has nothing to lose.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
