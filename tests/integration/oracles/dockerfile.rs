//! Dockerfiles, against the official Go parser (the Python package `dockerfile` binds it).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use chinampa::internals::dockerfile::{Dockerfile, DockerfileError, Instruction};
use serde_json::{Value, json};

use crate::support::bed;

/// Where we read a file otherwise than this version of the official parser, and why.
const READ_OTHERWISE: &[(&str, &str)] = &[
    ("check-directive", "newer frontends know `# check=`, so that `# escape=` after it counts"),
    ("json-with-more", "newer frontends take an array with text after it for plain words"),
    (
        "not-ascii-flag",
        "the official parser reads the bytes of a flag as Latin-1; no value of ours depends on it",
    ),
    ("spaced-heredoc", "newer frontends take `<< EOF` for a here-document"),
];

/// What the official parser lets pass but the frontend refuses right after it.
const REFUSED_LATER: &[(&str, &str)] = &[
    ("copy-one-word", "COPY requires at least two arguments"),
    ("from-two-words", "FROM requires either one or three arguments"),
    ("from-unclosed-variable", "syntax error: missing '}'"),
    ("from-unset-variable", "base name should not be blank"),
    ("from-variable-in-copy", "variable expansion is not supported for --from"),
    ("from-without-image", "FROM requires either one or three arguments"),
    ("mount-stray-quote", "failed to parse csv mounts"),
    ("no-from", "dockerfile contains no stages to build"),
    ("onbuild-alone", "ONBUILD requires at least one argument"),
    ("onbuild-from", "FROM isn't allowed as an ONBUILD trigger"),
    ("onbuild-onbuild", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
    ("run-before-from", "no build stage in current context"),
    ("stage-name-digit", "invalid name for build stage"),
    ("unknown-instruction", "unknown instruction"),
];

const PINNED: &str = "pinned.example:5000/image:v1";

#[test]
fn every_instruction_is_read_as_the_official_parser_reads_it() {
    let files = files("");
    assert!(files.len() >= 45, "only {} files", files.len());

    let official = official(files.values());

    let mut differing = BTreeSet::new();
    for (name, path) in &files {
        let instructions =
            ours(path).unwrap_or_else(|error| panic!("{name}: {error}")).instructions().to_vec();
        let ours: Vec<Value> = instructions.iter().map(as_official).collect();
        if official[path]["instructions"] != Value::from(ours.clone()) {
            assert!(is_in(READ_OTHERWISE, name), "{name}\nours: {ours:#?}\nofficial: {:#?}", official[path]);
            differing.insert(name.as_str());
        }
    }
    assert_eq!(differing.len(), READ_OTHERWISE.len(), "a difference is gone: {differing:?}");
}

#[test]
fn what_the_official_frontend_refuses_is_refused() {
    let files = files("refused");

    let official = official(files.values());

    for (name, path) in &files {
        let passes_parser = official[path]["error"].is_null();
        assert_eq!(passes_parser, is_in(REFUSED_LATER, name), "{name}: {}", official[path]);
        assert!(ours(path).is_err(), "{name} was accepted");
    }
}

#[test]
fn the_official_parser_sees_nothing_but_references_change_when_they_are_pinned() {
    let folder = tempfile::tempdir().unwrap();
    let files = files("");
    let mut parents = BTreeMap::new();
    let mut pinned = BTreeMap::new();
    for (name, path) in &files {
        let dockerfile = ours(path).unwrap();
        // The flags of a trigger are not in the oracle's answer.
        parents.insert(name, dockerfile.parents().iter().filter(|parent| !parent.in_trigger).count());
        let text = dockerfile.with_parents(|_| Some(PINNED.parse().unwrap()));
        std::fs::write(folder.path().join(name), text).unwrap();
        pinned.insert(name, folder.path().join(name));
    }

    let before = official(files.values());
    let after = official(pinned.values());

    for (name, path) in &files {
        let before = texts(&before[path]["instructions"]);
        let after = texts(&after[&pinned[name]]["instructions"]);
        assert_eq!(before.len(), after.len(), "{name}");
        let changed: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
        let pins: usize = changed.iter().map(|(_, after)| after.matches(PINNED).count()).sum();
        assert!(changed.iter().all(|(_, after)| after.contains(PINNED)), "{name}: {changed:?}");
        assert_eq!(pins, parents[name], "{name}: {changed:?}");
    }
}

/// The Dockerfiles in a folder of examples, by name.
fn files(folder: &str) -> BTreeMap<String, PathBuf> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/oracles/dockerfiles").join(folder);
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "Dockerfile"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .collect()
}

fn ours(path: &Path) -> Result<Dockerfile, DockerfileError> {
    let text = std::fs::read(path).unwrap();
    Dockerfile::parse(&text, &BTreeMap::new(), Some(&"linux/amd64".parse().unwrap()))
}

fn official<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> BTreeMap<PathBuf, Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/oracles/dockerfile_oracle.py");
    let output = Command::new(bed::setting("PYTHON")).arg(script).args(paths).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// An instruction in the oracle's words.
fn as_official(instruction: &Instruction) -> Value {
    let (trigger, arguments) = match instruction.keyword.as_str() {
        "ONBUILD" => (Some(&instruction.arguments[0]), &instruction.arguments[1..]),
        _ => (None, &instruction.arguments[..]),
    };
    json!({
        "keyword": instruction.keyword,
        "trigger": trigger,
        "lines": [instruction.first_line, instruction.last_line],
        "flags": instruction.flags,
        "arguments": arguments,
        "is_json": instruction.is_json,
    })
}

/// Each keyword, flag, argument and line number, one after the other.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(values) => values.values().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

fn is_in(table: &[(&str, &str)], name: &str) -> bool {
    table.iter().any(|(file, _)| *file == name)
}
