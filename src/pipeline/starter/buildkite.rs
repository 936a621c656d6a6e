//! The step of Buildkite that uploads the others.

use super::{File, Request, Starter, generate, header};
use crate::pipeline::System;
use crate::pipeline::buildkite::{self, Interpolation};
use crate::pipeline::yaml::{Yaml, table, table_of};

pub(super) fn starter(Request { setup, job, has_tag_rules, .. }: Request<'_>) -> Starter {
    let step = table_of([
        ("label", Some("generate".into())),
        ("command", Some("sh .buildkite/generate.sh".into())),
        ("agents", Some(job.runner.clone()).filter(|agents| !agents.is_empty()).map(Into::into)),
        ("image", job.image.as_ref().map(Into::into)),
        ("env", buildkite::variables(job, Interpolation::On)),
    ]);
    let pipeline = table([("steps", Yaml::List(vec![step]))]);
    let generate_steps = format!("  {} > \"$folder/$steps\"", setup.command("ci generate buildkite"));
    // Of an attempt that failed, some uploads may have been made, and their jobs may have built something since.
    let commands = [
        "folder=$(mktemp -d)",
        "# A retry goes on with the steps of the first attempt.",
        "steps=$(buildkite-agent meta-data get chinampa-steps --default '')",
        "if [ -n \"$steps\" ]; then",
        "  (cd \"$folder\" && buildkite-agent artifact download --include-retried-jobs \"$steps\" .)",
        "else",
        "  steps=chinampa-$BUILDKITE_JOB_ID.jsonl",
        &generate_steps,
        "  (cd \"$folder\" && buildkite-agent artifact upload \"$steps\")",
        "  buildkite-agent meta-data set chinampa-steps \"$steps\"",
        "fi",
        "# Each line is one upload.",
        "number=0",
        "while IFS= read -r upload; do",
        "  number=$((number + 1))",
        "  if [ -z \"$(buildkite-agent meta-data get \"chinampa-upload-$number\" --default '')\" ]; then",
        "    printf '%s' \"$upload\" | buildkite-agent pipeline upload --no-interpolation",
        "    buildkite-agent meta-data set \"chinampa-upload-$number\" made",
        "  fi",
        "done < \"$folder/$steps\"",
    ];
    let mut notes = vec![
        "pipeline settings, Builds: turn \"Cancel Intermediate Builds\" on, except for the default branch",
        "pipeline settings, GitHub: builds of pull requests from forks are off by default; agents for them need an engine and credentials of their own",
    ];
    if has_tag_rules {
        notes.push("pipeline settings, GitHub: turn \"Build tags\" on, or nothing is deployed for a tag");
    }
    let script = generate(setup, System::Buildkite, &commands).join("\n") + "\n";
    let header = header(setup, "buildkite");
    Starter {
        files: vec![
            File { path: ".buildkite/pipeline.yml", text: header.clone() + &pipeline.document() },
            File { path: ".buildkite/generate.sh", text: format!("#!/bin/sh\n{header}{script}") },
        ],
        notes,
    }
}
