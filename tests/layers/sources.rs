//! Reads the sources of the crate, without what is a test in them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// One source file without its tests and comments.
pub(crate) struct Source {
    pub(crate) file: PathBuf,
    /// The top-level module that it is, or is part of.
    pub(crate) module: String,
    pub(crate) code: String,
}

pub(crate) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = BTreeMap::new();
    let mut waiting = vec![root.clone()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let file = path.strip_prefix(&root).unwrap().to_owned();
                sources.insert(file, fs::read_to_string(path).unwrap());
            }
        }
    }
    let is_part = |file: &Path| !["lib.rs", "main.rs"].iter().any(|other| file == Path::new(other));
    let is_test = |file: &Path| {
        file.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests.rs" | "tests")))
    };
    sources
        .into_iter()
        .filter(|(file, _)| is_part(file) && !is_test(file))
        .map(|(file, text)| {
            let top = file.components().next().unwrap().as_os_str().to_str().unwrap();
            Source { module: top.trim_end_matches(".rs").to_owned(), code: code(&text), file }
        })
        .collect()
}

/// The text without its comments and what comes from `mod tests {` on, the last thing in a file.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    text.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}
