use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::*;

fn file(path: &str, size: u64, content: &str) -> FileVersion {
    let content = Fingerprinter::new("test").field(content).finish();
    FileVersion { path: RepoPath::new(path).unwrap(), size, content }
}

fn build<const N: usize>(context: [FileVersion; N]) -> BuildFiles {
    BuildFiles { context: context.into(), dockerfile: file("Dockerfile", 9, "FROM"), platform: String::new() }
}

/// A counter instead of random numbers.
fn counter() -> impl FnMut() -> u64 {
    let mut number = 0;
    move || {
        number += 1;
        number
    }
}

/// A table under a random key, with two contents of `a`.
fn changed(random: &mut dyn FnMut() -> u64) -> Table {
    let mut table = None;
    for content in ["one", "two", "six"] {
        let files = build([file("a", 3, content), file("b\nc\u{e9} d", 0, "")]);
        let (new, _) = Table::assign(table, &files, random);
        table = new;
    }
    table.unwrap()
}

#[test]
fn the_key_is_the_digest_of_the_files_until_one_changes() {
    let (one, two) = (build([file("a", 3, "one")]), build([file("a", 3, "two")]));
    let random = &mut counter();

    let (table, first) = Table::assign(None, &one, random);
    let (same, again) = Table::assign(table.clone(), &one, random);
    let (_, of_another_clone) = Table::assign(None, &one, random);
    let (table, after_change) = Table::assign(table, &two, random);
    let (_, back) = Table::assign(table, &one, random);

    assert_eq!((same, &again, &of_another_clone), (None, &first, &first));
    assert_ne!(first.key, after_change.key);
    assert_eq!(after_change.context, [Stamp::ZERO]);
    assert_eq!(back.key, after_change.key);
    assert_ne!(back.context, [Stamp::ZERO]);
}

#[test]
fn each_platform_has_a_dockerfile_of_its_own_which_changes_nothing() {
    let of = |platform: &str, dockerfile: &str| BuildFiles {
        dockerfile: file("Dockerfile", 9, dockerfile),
        platform: platform.to_owned(),
        ..build([file("a", 3, "one")])
    };
    let random = &mut counter();

    let (table, amd) = Table::assign(None, &of("amd64", "x"), random);
    let (table, arm) = Table::assign(table, &of("arm64", "y"), random);
    let (unchanged, again) = Table::assign(table.clone(), &of("amd64", "x"), random);
    let (changed, _) = Table::assign(table, &of("arm64", "z"), random);

    assert_ne!(amd.key, arm.key);
    assert_eq!((unchanged, again), (None, amd));
    assert!(matches!(changed, Some(Table::Changed(_))));
}

#[test]
fn a_run_shares_its_key_with_no_clone_and_no_other_run() {
    let files = build([file("a", 3, "one")]);

    let keys = [
        Assignment::of_contents(&files).key,
        Assignment::of_run("1", &files).key,
        Assignment::of_run("2", &files).key,
    ];

    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 3, "{keys:?}");
}

#[test]
fn a_table_that_remembers_too_much_begins_anew() {
    let random = &mut counter();
    let mut table = Some(changed(random));
    let mut keys = BTreeSet::new();

    for number in 0..2_000 {
        let (new, assignment) = Table::assign(table, &build([file("a", 3, &number.to_string())]), random);
        table = new;
        keys.insert(assignment.key);
    }

    assert_eq!(keys.len(), 2);
}

#[test]
fn a_stored_table_is_read_as_it_was() {
    let random = &mut counter();
    let (unchanged, _) = Table::assign(None, &build([file("a", 3, "one")]), random);

    for table in [unchanged.unwrap(), changed(random)] {
        assert_eq!(Table::parse(&table.to_bytes()), Some(table));
    }
}

#[test]
fn a_damaged_table_is_none() {
    let bytes = changed(&mut counter()).to_bytes();

    for end in 0..bytes.len() {
        // Whole records may be missing: the seal finds that.
        if bytes[..end].last() != Some(&0) {
            assert_eq!(Table::parse(&bytes[..end]), None, "{end}");
        }
    }
    let text = String::from_utf8(bytes).unwrap();
    let record = text.split_inclusive('\0').next_back().unwrap();
    for damaged in [
        text.replace("stamps 1", "stamps 2"),
        text.replace("key ", "kex "),
        text.replace("context ", "contexts "),
        text.clone() + record,
        text.clone() + "context 0 3 00 a\0",
        text.clone() + &format!("context 2 4 {} x\0", "0".repeat(64)),
        text.clone() + &format!("context 1000000001 4 {} x\0", "0".repeat(64)),
        text.clone() + &format!("context 0 3 {} a\0", "0".repeat(64)),
        text.clone() + &format!("context 1 4 {} ../x\0", "0".repeat(64)),
    ] {
        assert_eq!(Table::parse(damaged.as_bytes()), None, "{damaged:?}");
    }
}

/// A folder whose table has a random key; returns that key, too.
fn stored() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    assign(folder.path(), &build([file("a", 3, "one")])).unwrap();
    let key = assign(folder.path(), &build([file("a", 3, "two")])).unwrap().key;
    assert_eq!(key.len(), 32);
    (folder, key)
}

fn key_of(folder: &Path, content: &str) -> String {
    assign(folder, &build([file("a", 3, content)])).unwrap().key
}

/// Waits until files that are changed get another time.
fn wait_for_another_time(folder: &Path) {
    let time = |path: &Path| fs::metadata(path).map(|file| (file.ctime(), file.ctime_nsec())).unwrap();
    let before = time(&folder.join("table"));
    loop {
        fs::write(folder.join("clock"), "").unwrap();
        if time(&folder.join("clock")) != before {
            return;
        }
    }
}

#[test]
fn the_key_stays_while_the_table_does() {
    let (folder, key) = stored();

    assert_eq!(key_of(folder.path(), "two"), key);
    assert_eq!(key_of(folder.path(), "six"), key);
}

#[test]
fn a_table_that_was_copied_with_its_clone_begins_anew() {
    let (folder, key) = stored();
    let copy = tempfile::tempdir().unwrap();
    for name in ["table", "seal"] {
        fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }

    assert_ne!(key_of(copy.path(), "two"), key);
    assert_eq!(key_of(folder.path(), "two"), key);
}

#[test]
fn a_table_that_was_restored_begins_anew() {
    for is_whole in [true, false] {
        let (folder, key) = stored();
        let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
        let backup = [("table", read("table")), ("seal", read("seal"))];
        assert_eq!(key_of(folder.path(), "six"), key);
        wait_for_another_time(folder.path());

        // Into the same file, as some programs do.
        for (name, content) in &backup[..if is_whole { 2 } else { 1 }] {
            fs::write(folder.path().join(name), content).unwrap();
        }

        assert_ne!(key_of(folder.path(), "two"), key);
    }
}

#[test]
fn a_table_that_was_moved_lost_or_damaged_begins_anew() {
    let (folder, key) = stored();
    let other = tempfile::tempdir().unwrap();
    let moved = other.path().join("moved");
    fs::rename(folder.path(), &moved).unwrap();
    assert_ne!(key_of(&moved, "two"), key);

    let (folder, key) = stored();
    forget(folder.path()).unwrap();
    forget(folder.path()).unwrap();
    assert_ne!(key_of(folder.path(), "two"), key);

    for name in ["table", "seal"] {
        let (folder, key) = stored();
        fs::write(folder.path().join(name), "x").unwrap();
        assert_ne!(key_of(folder.path(), "two"), key);
    }
}

#[test]
fn without_a_folder_to_write_to_nothing_is_assigned() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();

    assign(&folder.path().join("file/below"), &build([])).unwrap_err();
}

#[test]
fn what_is_assigned_at_the_same_time_stays_assigned() {
    let (folder, key) = stored();
    let stamp_of = |content: String| {
        let assignment = assign(folder.path(), &build([file("a", 3, &content)])).unwrap();
        assert_eq!(assignment.key, key);
        assignment.context[0]
    };
    let contents_of = |thread: usize| (0..10).map(move |number| format!("{thread} {number}"));

    let assigned: Vec<Stamp> = std::thread::scope(|scope| {
        let threads = [0, 1, 2, 3]
            .map(|thread| scope.spawn(move || contents_of(thread).map(stamp_of).collect::<Vec<_>>()));
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });

    let again: Vec<Stamp> = (0..4).flat_map(contents_of).map(stamp_of).collect();
    assert_eq!(assigned, again);
    assert_eq!(assigned.iter().collect::<BTreeSet<_>>().len(), 40);
}
