//! The files that a repository, or an account of AWS, begins with: they generate the pipeline and start it.
//!
//! They use no third-party action, orb or plugin. Where nothing installs this program, a comment says so.

use super::yaml::{Yaml, table, table_of};
use super::{Setup, System, circleci, script, starter_codebuild};
use crate::config::CiJob;

/// What starters are made from.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    pub workspace: &'r str,
    pub default_branch: &'r str,
    /// What repositories of the cache begin with.
    pub cache_prefix: &'r str,
    pub setup: &'r Setup,
    pub job: &'r CiJob,
}

/// A file, from the repository root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub path: &'static str,
    pub text: String,
}

/// What a CI begins with, and what remains to be done by hand: a sentence each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Starter {
    pub files: Vec<File>,
    pub notes: Vec<&'static str>,
}

impl Starter {
    /// The starter of a CI; GitHub's is the workflow itself, so there is none here.
    pub fn new(system: System, request: Request<'_>) -> Self {
        match system {
            System::GitHub => Self { files: Vec::new(), notes: Vec::new() },
            System::CircleCi => circleci(request),
            System::GitLab => gitlab(request),
            System::Buildkite => buildkite(request),
            System::CodeBuild => starter_codebuild::starter(request),
        }
    }
}

/// What stands before a document.
pub(super) fn header(setup: &Setup, system: &str) -> String {
    let mut text = format!("# Written by `chinampa ci init {system}`; from now on it is yours to change.\n");
    if setup.install.is_none() {
        text += "# Nothing installs `chinampa`: it has to be on the machine or in the image, as long as `[ci]` of\n\
                 # `projects.toml` has no `install` with version, URL and SHA-256 of a release.\n";
    }
    text
}

/// The commands of the job that generates.
pub(super) fn generate(setup: &Setup, system: System, commands: &[&str]) -> Vec<String> {
    let mut lines = script::prelude(setup, system);
    lines.extend(commands.iter().map(|&command| command.to_owned()));
    lines
}

fn circleci(Request { setup, job, .. }: Request<'_>) -> Starter {
    let commands = ["chinampa ci generate circleci > /tmp/next.yml", "chinampa ci continue /tmp/next.yml"];
    let lines = generate(setup, System::CircleCi, &commands).join("\n") + "\n";
    let run = table([("run", table([("name", "Generate the pipeline".into()), ("command", lines.into())]))]);
    let image = job.image.as_deref().unwrap_or(circleci::MACHINE);
    let job = table_of([
        ("machine", Some(table([("image", image.into())]))),
        ("resource_class", job.machine.as_ref().map(Into::into)),
        ("steps", Some(Yaml::List(vec!["checkout".into(), run]))),
    ]);
    let document = table([
        ("version", Yaml::Decimal("2.1")),
        ("setup", true.into()),
        ("jobs", table([("generate", job)])),
        ("workflows", table([("setup", table([("jobs", vec!["generate"].into())]))])),
    ]);
    let text = header(setup, "circleci") + &document.document();
    Starter {
        files: vec![File { path: ".circleci/config.yml", text }],
        notes: vec![
            "project settings, Advanced: turn \"Enable dynamic config using setup workflows\" and \"Auto-cancel redundant workflows\" on",
            "for pull requests from forks, turn \"Build forked pull requests\" on and \"Pass secrets to builds from forked pull requests\" off",
        ],
    }
}

fn gitlab(Request { setup, job, .. }: Request<'_>) -> Starter {
    let rule = |condition: &str| table([("if", condition.into())]);
    let rules = [
        rule("$CI_PIPELINE_SOURCE == \"merge_request_event\""),
        rule("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"),
        rule("$CI_COMMIT_TAG"),
    ];
    let workflow = table([
        ("auto_cancel", table([("on_new_commit", "interruptible".into())])),
        ("rules", Yaml::List(rules.to_vec())),
    ]);
    let token = || table([("AWS_ID_TOKEN", table([("aud", "sts.amazonaws.com".into())]))]);
    let generate = table_of([
        ("stage", Some("build".into())),
        ("image", job.image.as_ref().map(Into::into)),
        ("tags", Some(job.runner.clone()).filter(|tags| !tags.is_empty()).map(Into::into)),
        ("interruptible", Some(true.into())),
        ("id_tokens", setup.role.is_some().then(token)),
        (
            "script",
            Some(generate(setup, System::GitLab, &["chinampa ci generate gitlab > images.yml"]).into()),
        ),
        ("artifacts", Some(table([("paths", vec!["images.yml"].into()), ("expire_in", "1 week".into())]))),
    ]);
    let include = table([("artifact", "images.yml".into()), ("job", "generate".into())]);
    let trigger = table([
        ("include", Yaml::List(vec![include])),
        ("strategy", "mirror".into()),
        // Forwarded variables would go before those of the jobs.
        ("forward", table([("yaml_variables", false.into())])),
    ]);
    let document = table([
        ("workflow", workflow),
        ("generate", generate),
        ("images", table([("stage", "test".into()), ("trigger", trigger)])),
    ]);
    let text = header(setup, "gitlab") + &document.document();
    Starter {
        files: vec![File { path: ".gitlab-ci.yml", text }],
        notes: vec![
            "settings, CI/CD, Variables: protect the variables with credentials, so that only protected branches and tags get them",
        ],
    }
}

fn buildkite(Request { setup, job, .. }: Request<'_>) -> Starter {
    let step = table_of([
        ("label", Some("generate".into())),
        ("command", Some("sh .buildkite/generate.sh".into())),
        ("agents", Some(job.runner.clone()).filter(|agents| !agents.is_empty()).map(Into::into)),
        ("image", job.image.as_ref().map(Into::into)),
    ]);
    let pipeline = table([("steps", Yaml::List(vec![step]))]);
    let commands = [
        "pipeline=$(mktemp)",
        "chinampa ci generate buildkite > \"$pipeline\"",
        "# Each line is one upload.",
        "while IFS= read -r upload; do",
        "  printf '%s' \"$upload\" | buildkite-agent pipeline upload --no-interpolation",
        "done < \"$pipeline\"",
    ];
    let script = generate(setup, System::Buildkite, &commands).join("\n") + "\n";
    let header = header(setup, "buildkite");
    Starter {
        files: vec![
            File { path: ".buildkite/pipeline.yml", text: header.clone() + &pipeline.document() },
            File { path: ".buildkite/generate.sh", text: format!("#!/bin/sh\n{header}{script}") },
        ],
        notes: vec![
            "pipeline settings, Builds: turn \"Cancel Intermediate Builds\" on, except for the default branch",
            "pipeline settings, GitHub: builds of pull requests from forks are off by default; agents for them need an engine and credentials of their own",
        ],
    }
}
