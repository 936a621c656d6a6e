//! Bake files, against what `docker buildx bake --print` makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use chinampa::internals::bake::{Bake, BakeFile, Target, Text, Unknown};
use chinampa::internals::model::RepoPath;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::Value;

use super::bake_expressions;
use super::bake_targets::{Said, said, said_by_bake};
use crate::support::bed;

/// Files that are read together.
struct Case {
    name: String,
    files: BTreeMap<String, String>,
}

/// What is unknown in which file: why, and what it may begin with.
const UNKNOWN: &[(&str, &[&str])] = &[
    (
        "a-condition-on-what-is-not-known",
        &[
            "the variable `TAG` has no default [acme/api:|acme/api:latest]",
            "the variable `TAG` has no default [acme/web:|]",
        ],
    ),
    ("a-function-that-is-not-known-here", &["the function `sha256` is not known []"]),
    (
        "a-variable-without-a-default",
        &["the variable `NAME` has no default []", "the variable `TAG` has no default [acme/api:]"],
    ),
    ("arithmetic-that-is-not-exact", &["a result of arithmetic is not a small integer []"]),
    (
        "texts-that-are-put-together",
        &[
            "the variable `TAG` has no default [acme/api:]",
            "the variable `TAG` has no default [acme/web:]",
            "the variable `TAG` has no default []",
        ],
    ),
    ("the-platform-of-the-machine", &["`BAKE_LOCAL_PLATFORM` is the machine's platform []"]),
    ("the-time", &["it depends on when and where bake is run [acme/api:]"]),
];

#[test]
fn every_target_is_read_as_bake_reads_it() {
    let cases = cases("read");
    assert!(cases.len() >= 70, "only {} cases", cases.len());

    let differing: Vec<String> = cases.iter().filter_map(difference).collect();

    assert!(differing.is_empty(), "{}", differing.join("\n\n"));
}

#[test]
fn other_line_ends_and_a_missing_last_one_are_read_as_bake_reads_them() {
    let edited = |case: &Case, edit: &dyn Fn(&str) -> String| {
        let files = case.files.iter().map(|(name, text)| (name.clone(), edit(text)));
        Case { name: case.name.clone(), files: files.collect() }
    };
    for name in ["comments", "json", "secrets"] {
        let case = cases("read").into_iter().find(|case| case.name == name).unwrap();

        let windows = difference(&edited(&case, &|text| text.replace('\n', "\r\n")));
        let unfinished = difference(&edited(&case, &|text| text.trim_end().to_owned()));

        assert_eq!((windows, unfinished), (None, None));
    }
}

#[test]
fn made_up_expressions_are_read_as_bake_reads_them() {
    let mut runner = TestRunner::deterministic();
    let mut differing = Vec::new();
    for number in 0..40 {
        let arguments: String = (0..40)
            .map(|argument| {
                let expression = bake_expressions::text().new_tree(&mut runner).unwrap().current();
                format!("    A{argument} = {expression}\n")
            })
            .collect();
        let text =
            format!("{}target \"api\" {{\n  args = {{\n{arguments}  }}\n}}\n", bake_expressions::VARIABLES);
        let files = BTreeMap::from([("docker-bake.hcl".to_owned(), text)]);

        differing.extend(difference(&Case { name: format!("file {number}"), files }));
    }

    assert!(differing.is_empty(), "{}", differing.join("\n\n"));
}

#[test]
fn what_bake_refuses_is_not_read() {
    for case in cases("refused") {
        let (bake, notes) = ours(&case);
        let names: BTreeSet<&str> = bake.targets.keys().map(String::as_str).chain(["api"]).collect();

        let printed = printed(&case, &names);

        assert!(printed.is_err(), "{}: bake reads it: {printed:#?}", case.name);
        let is_known = |target: &Target| {
            [&target.context, &target.dockerfile, &target.target].into_iter().flatten().all(Text::is_ok)
                && target.args.values().chain(target.tags.iter().flatten()).all(Text::is_ok)
        };
        let is_read = bake.targets.values().all(|target| target.as_ref().is_ok_and(is_known));
        assert!(!is_read || !notes.is_empty(), "{}: {bake:#?}", case.name);
    }
}

/// Bake takes what has no default from its environment, or for empty. We take it for unknown, as we do what depends on the time
/// or the machine.
#[test]
fn what_depends_on_a_run_is_unknown_here_and_a_value_for_bake() {
    let cases = cases("unknown");
    assert_eq!(cases.len(), UNKNOWN.len());
    for (case, (name, expected)) in cases.iter().zip(UNKNOWN) {
        let (bake, _) = ours(case);
        let printed = printed(case, &BTreeSet::from(["api"]));

        assert!(printed.is_ok(), "{name}: {printed:?}");
        let api = bake.targets["api"].as_ref().unwrap();
        let texts = api.context.iter().chain(api.args.values()).chain(api.tags.iter().flatten());
        let unknown: Vec<String> = texts
            .filter_map(|text| text.as_ref().err())
            .map(|unknown| format!("{} [{}]", unknown.why, unknown.starts.join("|")))
            .collect();
        assert_eq!(
            (case.name.as_str(), unknown),
            (*name, expected.iter().map(ToString::to_string).collect())
        );
    }
}

/// Bake stops at the second visit of a target, so that each of them is another one, depending on where it begins.
#[test]
fn a_cycle_of_inheritance_is_read_by_bake_and_refused_here() {
    let case = &cases("cycle")[0];
    let (bake, _) = ours(case);

    let printed = printed(case, &BTreeSet::from(["api"])).unwrap();

    assert_eq!(printed["api"]["context"], "base");
    assert!(bake.targets["api"].as_ref().is_err_and(|unknown| unknown.why.contains("inherits from itself")));
}

/// The examples in a folder, by name: a file, or a folder of files.
fn cases(folder: &str) -> Vec<Case> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/oracles/bakefiles").join(folder);
    let mut cases: Vec<Case> = Vec::new();
    for path in paths(&folder) {
        let files = if path.is_dir() { paths(&path) } else { vec![path.clone()] };
        let text = |file: &PathBuf| {
            let name = file.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(file).unwrap())
        };
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        cases.push(Case { name, files: files.iter().map(text).collect() });
    }
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    cases
}

fn paths(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// How both readings of a case differ, if they do.
fn difference(case: &Case) -> Option<String> {
    let (bake, notes) = ours(case);
    let names: BTreeSet<&str> = bake.targets.keys().map(String::as_str).collect();
    let printed = match printed(case, &names) {
        Ok(printed) => printed,
        Err(error) => return Some(format!("{}\nbake: {error}", case.name)),
    };
    let of_ours =
        |(name, target): (&String, &Result<Target, Unknown>)| (name.clone(), said(target.as_ref().unwrap()));
    let ours: BTreeMap<String, Said> = bake.targets.iter().map(of_ours).collect();
    let theirs: BTreeMap<String, Said> =
        printed.iter().map(|(name, target)| (name.clone(), said_by_bake(target))).collect();
    (ours != theirs || !notes.is_empty())
        .then(|| format!("{}\nours: {ours:#?}\nbake: {theirs:#?}\nnotes: {notes:#?}", case.name))
}

fn ours(case: &Case) -> (Bake, Vec<String>) {
    let file = |(name, text): (&String, &String)| (RepoPath::new(name).unwrap(), text.as_bytes().to_vec());
    let files: Vec<BakeFile> = case.files.iter().map(file).collect();
    let mut notes = Vec::new();
    let bake = Bake::read(&files, &mut notes).unwrap_or_default();
    (bake, notes.iter().map(|note| format!("{}: {}", note.at, note.why)).collect())
}

/// What bake prints of these targets, of what they are linked with, and of the default group if there is one.
fn printed(case: &Case, names: &BTreeSet<&str>) -> Result<BTreeMap<String, Value>, String> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(bed::setting("DOCKER_BUILDX"));
    // Nothing is built, so that no engine has to answer. Nor does an agent, but there has to be one.
    let agent = folder.path().join("agent");
    let _listener = UnixListener::bind(&agent).unwrap();
    command.env_clear().env("SSH_AUTH_SOCK", agent);
    command.env("DOCKER_CONFIG", folder.path()).env("DOCKER_HOST", "unix:///nonexistent.sock");
    command.current_dir(folder.path()).args(["bake", "--print"]);
    // Bake looks whether the files of secrets are there.
    for name in ["npmrc", "key.pem", "plain", "a", "b"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    for (name, text) in &case.files {
        std::fs::write(folder.path().join(name), text).unwrap();
        command.args(["--file", name]);
    }
    let has_group = |text: &String| text.contains("group \"default\"") || text.contains("\"group\"");
    let group = case.files.values().any(has_group).then_some("default");
    let output = command.args(names).args(group).output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let targets = printed["target"].as_object().unwrap();
    Ok(targets.iter().map(|(name, target)| (name.clone(), target.clone())).collect())
}
