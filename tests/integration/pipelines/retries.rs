//! The first step of Buildkite, run again after an upload failed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::commands::shop;
use crate::support::ci::buildkite::{agent, uploads};

/// Steps that are there already can't be uploaded again, and other images are missing by then.
#[test]
fn a_retry_of_the_first_step_of_buildkite_uploads_the_rest_of_what_the_first_attempt_has_generated() {
    let world = shop();
    assert_eq!(world.run(["ci", "init", "buildkite"]).exit, 0);
    let (tools, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let generated = tools.path().join("generated");
    let install = |name: &str, script: String| {
        let file = tools.path().join(name);
        fs::write(&file, format!("#!/usr/bin/env bash\nset -eu\n{script}")).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    };
    install("chinampa", format!("cat {}\n", generated.display()));
    install("buildkite-agent", agent(kept.path()));
    let attempt = |job: &str, steps: &str| {
        fs::write(&generated, steps).unwrap();
        let path = format!("{}:{}", tools.path().display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        shell.arg(world.file(".buildkite/generate.sh")).env("PATH", path).env("BUILDKITE_JOB_ID", job);
        shell.status().unwrap().success()
    };
    fs::write(kept.path().join("refused"), "002").unwrap();

    let attempts = [attempt("1", "a\nb\nc\n"), attempt("2", "c\nd\n"), attempt("3", "d\n")];

    assert_eq!(attempts, [false, true, true]);
    let uploaded = uploads(kept.path()).into_iter().map(|file| fs::read_to_string(file).unwrap());
    assert_eq!(uploaded.collect::<Vec<_>>(), ["a", "b", "c"]);
}
