//! What the fuzz targets have found so far, and what they began with, tried on every run of the tests.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::laws::any_bytes;

/// What takes longer is worth a look; in the fuzzer it is a second.
const LONGEST: Duration = Duration::from_secs(5);

#[test]
fn patterns_of_the_corpus_keep_their_laws() {
    try_all("patterns", any_bytes::patterns);
}

#[test]
fn manifests_of_the_corpus_keep_their_laws() {
    try_all("manifest", any_bytes::manifest);
}

#[test]
fn dockerfiles_of_the_corpus_keep_their_laws() {
    try_all("dockerfile", any_bytes::dockerfile);
}

#[test]
fn trees_of_the_corpus_keep_their_laws() {
    try_all("tree", any_bytes::tree);
}

fn try_all(target: &str, law: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 10, "the corpus of `{target}` is not there");
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let start = Instant::now();
        let held = std::panic::catch_unwind(|| law(&bytes));
        assert!(held.is_ok(), "{} breaks its law", file.display());
        assert!(start.elapsed() < LONGEST, "{} takes {:?}", file.display(), start.elapsed());
    }
}
