//! The files that a repository, or an account of AWS, begins with: they generate the pipeline and start it.
//!
//! They use no third-party action, orb or plugin. Where nothing installs this program, a comment says so.

mod branches;
mod buildkite;
mod circleci;
mod cloudformation;
mod codebuild;
mod codebuild_project;
mod codepipeline;
mod gitlab;
mod logins;

pub use self::logins::notes as login_notes;

use std::collections::BTreeSet;

use super::{Setup, System, script};
use crate::config::{CiJob, EnvironmentName};

/// What starters are made from.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    pub workspace: &'r str,
    pub default_branch: &'r str,
    /// The default branch, and the patterns of those that are deployed somewhere.
    pub branches: &'r BTreeSet<&'r str>,
    /// What repositories of the cache begin with.
    pub cache_prefix: &'r str,
    pub setup: &'r Setup,
    pub job: &'r CiJob,
    /// The environments to which commits of the default branch are deployed when a person agrees.
    pub approvals: &'r [EnvironmentName],
    /// Whether commits with some tag are deployed somewhere.
    pub has_tag_rules: bool,
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
            System::CircleCi => circleci::starter(request),
            System::GitLab => gitlab::starter(request),
            System::Buildkite => buildkite::starter(request),
            System::CodeBuild => codebuild::starter(request),
        }
    }
}

/// What stands before a document.
fn header(setup: &Setup, system: &str) -> String {
    let command = setup.command(&format!("ci init {system}"));
    let mut text = format!("# Written by `{command}`; from now on it is yours to change.\n");
    if setup.install.is_none() {
        text += "# Nothing installs `chinampa`: it has to be on the machine or in the image, as long as `[ci]` of\n\
                 # `projects.toml` has no `install` with version, URL and SHA-256 of a release.\n";
    }
    text
}

/// The commands of the job that generates.
fn generate(setup: &Setup, system: System, commands: &[&str]) -> Vec<String> {
    let mut lines = script::prelude(setup, system);
    lines.extend(commands.iter().map(|&command| command.to_owned()));
    lines
}
