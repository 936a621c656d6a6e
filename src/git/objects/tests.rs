use std::process::Command;

use super::*;
use crate::git::Repository;

fn git(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A repository with one pack of trees and blobs, most of them deltas of others.
fn repository(format: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "-q", "--object-format", format]);
    let mut text: Vec<u8> =
        (0..4000_u32).flat_map(|number| format!("{number:x} line\n").into_bytes()).collect();
    for version in 0..30_usize {
        text.splice(version * 50..version * 50 + 3, format!("<{version}>").into_bytes());
        for file in ["a/f", "a/g", "b/f"] {
            let file = folder.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, &text).unwrap();
            text.rotate_left(70_000 / (version + 1) % 1000);
        }
        git(folder.path(), &["add", "-A"]);
        git(folder.path(), &["commit", "-q", "-m", "c"]);
    }
    git(folder.path(), &["repack", "-adfq", "--depth=50", "--window=50"]);
    folder
}

fn ids(folder: &Path) -> Vec<(ObjectId, Kind)> {
    let all = git(folder, &["cat-file", "--batch-check", "--batch-all-objects"]);
    let line = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        (words[0].parse().unwrap(), Kind::from_bytes(words[1].as_bytes()).unwrap())
    };
    String::from_utf8(all).unwrap().lines().map(line).collect()
}

/// The file of the one pack that ends so.
fn file_of_pack(folder: &Path, end: &str) -> PathBuf {
    let files = std::fs::read_dir(folder.join(".git/objects/pack")).unwrap().flatten();
    files.map(|file| file.path()).find(|file| file.extension().unwrap() == end).unwrap()
}

fn objects(folder: &Path) -> Objects {
    Repository::open(folder).unwrap().objects()
}

#[test]
fn every_packed_tree_and_blob_is_what_git_says() {
    for (format, id_digits) in [("sha1", 40), ("sha256", 64)] {
        let folder = repository(format);
        let folder = folder.path();
        let bases = git(folder, &["cat-file", "--batch-check=%(deltabase)", "--batch-all-objects"]);
        let deltas = String::from_utf8(bases).unwrap();
        assert!(deltas.lines().filter(|base| !base.starts_with("0000")).count() > 50, "no deltas");

        for version in ["2", "1"] {
            let pack = file_of_pack(folder, "pack");
            std::fs::remove_file(file_of_pack(folder, "idx")).unwrap();
            git(folder, &["index-pack", &format!("--index-version={version}"), pack.to_str().unwrap()]);
            let objects = objects(folder);

            for (id, kind) in ids(folder).into_iter().filter(|(_, kind)| *kind != Kind::Commit) {
                let content = objects.read(id, kind).unwrap();
                assert_eq!(content, git(folder, &["cat-file", &kind.to_string(), &id.to_string()]));
                assert_eq!(id.to_string().len(), id_digits);
            }
        }
    }
}

#[test]
fn an_object_is_found_by_as_few_digits_as_tell_it_from_others_and_never_by_an_id_of_the_other_format() {
    for (format, other_digits) in [("sha1", 64), ("sha256", 40)] {
        let folder = repository(format);
        let objects = objects(folder.path());
        let commits = ids(folder.path()).into_iter().filter(|(_, kind)| *kind == Kind::Commit);
        let commits: Vec<String> = commits.map(|(id, _)| id.to_string()).collect();

        for commit in &commits {
            let is_told_apart = |digits: &usize| {
                commits.iter().filter(|other| other.starts_with(&commit[..*digits])).count() == 1
            };
            for digits in (4..=commit.len()).filter(is_told_apart) {
                let found = objects.with_prefix(&commit[..digits]).unwrap();
                assert_eq!(found.map(|id| id.to_string()).as_ref(), Some(commit), "{digits} digits");
            }
        }
        let other = "1".repeat(other_digits);
        assert_eq!(objects.with_prefix(&other).unwrap(), None);
        assert_eq!(objects.here(other.parse().unwrap()).unwrap(), None);
        assert!(objects.blob_size(other.parse().unwrap()).is_err());
    }
}

#[test]
fn a_damaged_pack_is_an_error_and_never_a_panic() {
    for format in ["sha1", "sha256"] {
        let folder = repository(format);
        let folder = folder.path();
        let ids = ids(folder);
        // Behind what would not be opened at all.
        for (end, from) in [("pack", 12), ("idx", 8 + 256 * 4)] {
            let file = file_of_pack(folder, end);
            let whole = std::fs::read(&file).unwrap();
            std::fs::remove_file(&file).unwrap();
            let mut errors = 0;

            for round in 0..20_usize {
                std::fs::write(&file, damaged(&whole, from, round)).unwrap();
                let objects = objects(folder);

                errors += ids.iter().filter(|(id, kind)| objects.read(*id, *kind).is_err()).count();
            }
            assert!(errors > 0, "{end}");
            std::fs::write(&file, whole).unwrap();
        }
    }
}

fn damaged(whole: &[u8], from: usize, round: usize) -> Vec<u8> {
    let mut damaged = whole.to_vec();
    for place in (from + round * 7..damaged.len()).step_by(97 + round) {
        damaged[place] ^= 1 << (round % 8);
    }
    if round.is_multiple_of(2) {
        damaged.truncate(damaged.len() - round * whole.len() / 50);
    }
    damaged
}
