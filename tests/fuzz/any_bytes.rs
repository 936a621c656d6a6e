//! What holds for any bytes. The fuzz targets and the test of their corpus call the same functions.

use std::collections::{BTreeMap, BTreeSet};

use chinampa::internals::config::{self, Manifest, ManifestErrors};
use chinampa::internals::dockerfile::Dockerfile;
use chinampa::internals::git::{EntryKind, RawEntry, tree_entries};
use chinampa::internals::model::{ImageRef, ObjectFormat, RepoPath};
use chinampa::internals::patterns::{Index, Pattern, Patterns};

/// What a pinned parent becomes.
const PINNED: &str =
    "pinned.example/image@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Pattern files, `---` on a line between two, then paths, a NUL before each: an index says of each path what each
/// file decides, and a folder that a walk can leave out holds nothing that is taken.
pub fn patterns(bytes: &[u8]) {
    let mut parts = bytes.split(|&byte| byte == 0);
    let files = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let folder = RepoPath::new("services/api").expect("it is a path");
    let sets: Vec<Patterns> =
        files.split("\n---\n").filter_map(|file| set(file.as_bytes(), &folder)).collect();
    let fixed = [&b"services/api/src/a.rs"[..], b"lib/a.c", b"a"];
    let paths = parts.filter(|path| path.len() < 200).take(20).chain(fixed);
    let paths: Vec<RepoPath> = paths.filter_map(|path| RepoPath::new(path).ok()).collect();
    let index = Index::new(&sets);
    for path in &paths {
        let line = |set: &Patterns| set.decide(path).map(Pattern::line);
        let decided: Vec<_> =
            sets.iter().enumerate().filter_map(|(number, set)| Some((number, line(set)?))).collect();
        let mut found = Vec::new();
        index.matches(path, |set, pattern| found.push((set, pattern.line())));
        assert_eq!(found, decided, "{path}");

        let folders = std::iter::successors(path.parent(), RepoPath::parent);
        assert!(
            decided.is_empty() || folders.into_iter().all(|folder| index.can_match_below(&folder)),
            "{path}"
        );
    }
}

/// `None` for what is no pattern file; its errors name lines that are there, and nothing of either steers a terminal.
fn set(file: &[u8], folder: &RepoPath) -> Option<Patterns> {
    let lines = file.iter().filter(|&&byte| byte == b'\n').count() + 1;
    match Patterns::parse(file, folder) {
        Ok(patterns) => {
            for pattern in patterns.lines() {
                assert!(!pattern.to_string().contains(char::is_control), "{pattern}");
            }
            assert!(patterns.lines().iter().any(|pattern| !pattern.is_negated()), "it can take something");
            Some(patterns)
        }
        Err(errors) => {
            assert!(!errors.is_empty() && errors.is_sorted_by_key(|error| error.line().unwrap_or(lines)));
            for error in errors {
                assert!((1..=lines).contains(&error.line().unwrap_or(1)), "{error}");
                assert!(!error.to_string().contains(char::is_control), "{error}");
            }
            None
        }
    }
}

/// A `projects.toml`: its problems are on lines that are there, one line more moves all of them, and a comment makes
/// nothing different.
pub fn manifest(bytes: &[u8]) {
    let lines = bytes.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let parsed = config::parse(bytes, "projects.toml");
    match &parsed {
        Ok(manifest) => {
            for (name, project) in &manifest.projects {
                assert!((1..=lines).contains(&project.line), "{name}");
                for need in &project.needs {
                    assert!(need.value != *name && manifest.projects.contains_key(&need.value), "{name}");
                }
            }
        }
        Err(errors) => {
            assert!(!errors.problems.is_empty());
            for problem in &errors.problems {
                assert!((1..=lines).contains(&problem.line), "{problem}");
            }
        }
    }
    // Behind a byte order mark, a line's end is no longer the first thing of the file.
    if !bytes.starts_with(b"\xef\xbb\xbf") {
        let moved = config::parse(&[b"\n", bytes].concat(), "projects.toml");
        assert_eq!(shape(&moved, 1), shape(&parsed, 0));
    }
    if let Ok(manifest) = &parsed {
        let commented = config::parse(&[bytes, b"\n# a comment"].concat(), "projects.toml");
        assert!(commented.is_ok_and(|commented| are_same(manifest, &commented)));
    }
}

/// Where everything is, `lines` further up; of syntax errors only where the first is.
fn shape(parsed: &Result<Manifest, ManifestErrors>, lines: usize) -> Result<Vec<(String, usize)>, usize> {
    match parsed {
        Ok(manifest) => Ok(manifest
            .projects
            .iter()
            .map(|(name, project)| (name.to_string(), project.line - lines))
            .collect()),
        Err(errors) => Err(errors.problems.len() + errors.more),
    }
}

fn are_same(one: &Manifest, other: &Manifest) -> bool {
    one.workspace == other.workspace
        && one.projects.keys().eq(other.projects.keys())
        && one.projects.iter().all(|(name, project)| project.differing_keys(&other.projects[name]).is_empty())
}

/// A Dockerfile: whatever it holds is where it is said to be, and pinning its parents changes these and nothing else.
pub fn dockerfile(bytes: &[u8]) {
    let build_args = BTreeMap::from([("VERSION".to_owned(), "1.2".to_owned())]);
    let platform = "linux/arm64".parse().expect("it is a platform");
    for platform in [None, Some(&platform)] {
        if let Ok(dockerfile) = Dockerfile::parse(bytes, &build_args, platform) {
            check(&dockerfile, bytes);
            let pin: ImageRef = PINNED.parse().expect("it is an image");
            let text = dockerfile.with_parents(|_| Some(pin.clone()));
            let pinned = Dockerfile::parse(&text, &build_args, platform).expect("it was one before");
            check(&pinned, &text);
            assert_eq!(pinned.stages().len(), dockerfile.stages().len());
            let references: Vec<&str> = pinned.parents().iter().map(|parent| &*parent.reference).collect();
            assert_eq!(references, vec![PINNED; dockerfile.parents().len()]);
        }
    }
}

fn check(dockerfile: &Dockerfile, bytes: &[u8]) {
    let lines = 1..=bytes.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let stages = dockerfile.stages().len();
    assert!(stages > 0 && dockerfile.with_parents(|_| None) == bytes);
    let mut last = 0;
    for instruction in dockerfile.instructions() {
        assert!(last < instruction.first_line && instruction.first_line <= instruction.last_line);
        last = instruction.last_line;
        assert!(lines.contains(&last), "{instruction:?}");
    }
    for (number, stage) in dockerfile.stages().iter().enumerate() {
        assert!(stage.index == number && lines.contains(&stage.line), "{stage:?}");
        assert!(stage.needs.iter().all(|need| *need < stages), "{stage:?}");
    }
    for parent in dockerfile.parents() {
        assert!(parent.stage < stages && lines.contains(&parent.line), "{parent:?}");
    }
    for copy in dockerfile.copies_needed_for(None).expect("the last stage is always there") {
        assert!(copy.stage < stages && lines.contains(&copy.line), "{copy:?}");
        assert!(copy.sources.iter().all(|source| lines.contains(&source.line)), "{copy:?}");
    }
    let needed = dockerfile.parents_needed_for(None).expect("the last stage is always there");
    assert!(needed.iter().all(|parent| dockerfile.parents().contains(parent)));
}

/// A raw tree: its entries, written again, are the bytes up to the first that is wrong, and their names can't leave
/// their folder; the order is that of the names, a folder's with a `/` at its end.
pub fn tree(bytes: &[u8]) {
    tree_of(bytes, ObjectFormat::Sha1);
    tree_of(bytes, ObjectFormat::Sha256);
}

fn tree_of(bytes: &[u8], format: ObjectFormat) {
    let (mut again, mut is_whole, mut entries) = (Vec::new(), true, Vec::new());
    for entry in tree_entries(bytes, format, &RepoPath::default()) {
        let Ok(entry) = entry else {
            is_whole = false;
            continue;
        };
        assert!(is_whole, "nothing comes after an error");
        let path = RepoPath::new(entry.name).expect("the name of an entry is a path");
        assert!(path.as_bytes() == entry.name && path.components().count() == 1);
        again.extend([entry.mode, b" ", entry.name, b"\0", entry.id.as_bytes()].concat());
        entries.push(entry);
    }
    assert!(bytes.starts_with(&again) && (!is_whole || again.len() == bytes.len()));

    let end = |kind| if kind == EntryKind::Folder { &b"/"[..] } else { b"" };
    let ordered: BTreeSet<Vec<u8>> =
        entries.iter().map(|entry| [entry.name, end(entry.kind)].concat()).collect();
    if ordered.len() == entries.len() {
        entries.sort_by(RawEntry::git_order);
        assert!(entries.iter().map(|entry| [entry.name, end(entry.kind)].concat()).eq(ordered));
    }
}
