//! Sentences of the documentation that say which tests show them, and whether there are such tests.
//!
//! In the source of a page, behind a sentence: `<!-- tests: program::name … -->`. The program is a folder of `tests`, or `lib`.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

#[test]
fn each_test_that_a_sentence_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let comment = Regex::new(r"(?s)<!-- tests: (.*?) -->").unwrap();
    let pages = files(&root.join("docs"), "md").into_iter().chain([root.join("README.md")]);

    let mut named = 0;
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for names in comment.captures_iter(&text) {
            for name in names[1].split_whitespace() {
                named += 1;
                assert!(is_there(root, name), "{}: there is no test `{name}`", page.display());
            }
        }
    }

    assert!(named > 0, "no sentence names a test");
}

#[test]
fn a_function_that_is_no_test_shows_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));

    assert!(is_there(root, "layers::a_function_that_is_no_test_shows_nothing"));
    assert!(!is_there(root, "layers::is_there"));
    assert!(!is_there(root, "lib::a_function_that_is_no_test_shows_nothing"));
    assert!(!is_there(root, "nowhere::a_function_that_is_no_test_shows_nothing"));
}

fn is_there(root: &Path, name: &str) -> bool {
    let (program, name) = name.split_once("::").unwrap();
    let folder = if program == "lib" { root.join("src") } else { root.join("tests").join(program) };
    let test = format!(r"#\[(?:tokio::)?test(?:\([^)]*\))?\]\s+(?:async )?fn {name}\(");
    let test = Regex::new(&test).unwrap();
    files(&folder, "rs").iter().any(|file| test.is_match(&fs::read_to_string(file).unwrap()))
}

/// The files below a folder with this extension; none where it isn't there.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let found = paths
        .flat_map(|path| if path.is_dir() { files(&path, extension) } else { Vec::from_iter(Some(path)) });
    found.filter(|path| path.extension().is_some_and(|own| own == extension)).collect()
}
