//! Compiles the graph into a pipeline of a CI: a job for each image that is built, a gate, and deployments.
//!
//! A [`Pipeline`] knows no CI. A module for each CI writes it in that CI's format, and keeps its limits. Pure: the same graph,
//! images and settings are the same text.
//!
//! The gate runs `build` without projects: it asks the registry for every image and writes the build record. It does not look at
//! the results of other jobs, which may be "skipped" for many reasons.

mod buildkite;
mod circleci;
mod codebuild;
pub mod github;
mod github_job;
mod github_levels;
mod gitlab;
mod identifiers;
mod order;
mod scalar;
mod script;
pub mod starter;
#[cfg(test)]
mod tests;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::config::{CiConfig, CiJob, EnvironmentName, Install, WorkspaceName};
use crate::graph::ProjectGraph;
use crate::model::{ErrorKind, ProjectName, RegistryLogins, RoleArn};

/// A CI that pipelines are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    CircleCi,
    GitHub,
    GitLab,
    Buildkite,
    CodeBuild,
}

impl fmt::Display for System {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::CircleCi => "CircleCI",
            Self::GitHub => "GitHub Actions",
            Self::GitLab => "GitLab",
            Self::Buildkite => "Buildkite",
            Self::CodeBuild => "AWS CodeBuild",
        })
    }
}

/// What runs in a CI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline {
    pub setup: Setup,
    pub reference: Reference,
    pub work: Work,
}

/// What a run is for, where a CI tells jobs for the one from jobs for the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reference {
    /// A branch or a pull request.
    #[default]
    Branch,
    Tag,
}

/// What every job begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// How the job gets this program; `None` where it is there.
    pub install: Option<Install>,
    /// The role that the job assumes with the CI's identity token.
    pub role: Option<RoleArn>,
    /// The variables that have the logins for registries.
    pub logins: RegistryLogins,
    /// The path of the manifest from the repository root, if it is not the commit's `projects.toml`.
    pub manifest: Option<String>,
}

/// What a pipeline does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// One job builds everything and writes nothing: it is the check that a pull request needs.
    Untrusted,
    Trusted(Trusted),
}

/// The jobs of a run that may write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    pub workspace: WorkspaceName,
    /// Dependencies first, and of those that are ready the one with the longest path to go.
    pub jobs: Vec<Job>,
    /// Each starts when the gate is passed.
    pub deployments: Vec<Deployment>,
    /// On what the gate and the deployments run.
    pub settings: CiJob,
}

/// A job that builds the image of one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub project: ProjectName,
    /// Other jobs of the pipeline. Sorted.
    pub needs: Vec<ProjectName>,
    pub settings: CiJob,
    /// The variables from which secrets of the build come. Sorted.
    pub secrets: Vec<String>,
}

/// A job that deploys to an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    pub environment: EnvironmentName,
    /// Whether a person has to start it.
    pub approval: bool,
    /// Contexts of CircleCI that it gets besides those of all jobs.
    pub contexts: Vec<String>,
}

/// What a pipeline is made of.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    pub workspace: &'r WorkspaceName,
    pub graph: &'r ProjectGraph,
    /// The projects that get a job.
    pub builds: &'r BTreeSet<ProjectName>,
    /// How long builds took, as far as that is known.
    pub durations: &'r BTreeMap<ProjectName, Duration>,
    pub setup: &'r Setup,
    /// What `[ci]` says about all jobs.
    pub job: &'r CiJob,
    /// What projects say about their jobs.
    pub settings: &'r BTreeMap<ProjectName, CiJob>,
    /// The variables from which secrets of projects come.
    pub secrets: &'r BTreeMap<ProjectName, BTreeSet<String>>,
    pub deployments: &'r [Deployment],
    pub reference: Reference,
}

impl Pipeline {
    /// The pipeline of a run that may write.
    pub fn trusted(request: Request<'_>) -> Self {
        let all = request.job;
        let jobs = order::longest_path_first(request.graph, request.builds, request.durations);
        let jobs = jobs.into_iter().map(|(project, needs)| {
            let settings = request.settings.get(project).map_or_else(|| all.clone(), |own| own.over(all));
            Job {
                project: project.clone(),
                needs: needs.into_iter().cloned().collect(),
                settings,
                secrets: request.secrets.get(project).into_iter().flatten().cloned().collect(),
            }
        });
        let trusted = Trusted {
            workspace: request.workspace.clone(),
            jobs: jobs.collect(),
            deployments: request.deployments.to_vec(),
            settings: all.clone(),
        };
        let (setup, reference) = (request.setup.clone(), request.reference);
        Self { setup, reference, work: Work::Trusted(trusted) }
    }

    /// The pipeline of a run that may not. What the commit says of machines and variables is left out of it, and so are the role
    /// and the logins.
    pub fn untrusted(setup: Setup, reference: Reference) -> Self {
        Self { setup: setup.untrusted(), reference, work: Work::Untrusted }
    }

    /// Writes the pipeline for a CI that takes one for each commit; GitHub takes a committed file, which [`github`] writes.
    ///
    /// # Errors
    /// [`PipelineError`] when the CI takes none that large.
    pub fn render(&self, system: Generated) -> Result<Rendered, PipelineError> {
        match system {
            Generated::CircleCi => Ok(circleci::render(self)),
            Generated::GitLab => gitlab::render(self),
            Generated::Buildkite => buildkite::render(self),
            Generated::CodeBuild => Ok(codebuild::render(self)),
        }
    }
}

impl Setup {
    pub fn new(ci: &CiConfig, manifest: Option<&str>) -> Self {
        Self {
            install: ci.install.clone(),
            role: ci.role.clone(),
            logins: ci.logins.clone(),
            manifest: manifest.map(str::to_owned),
        }
    }

    /// The command that runs this program for the manifest.
    pub fn command(&self, arguments: &str) -> String {
        match &self.manifest {
            None => format!("chinampa {arguments}"),
            Some(manifest) => format!("chinampa --manifest {} {arguments}", script::quoted(manifest)),
        }
    }

    /// The same without anything that gives access.
    fn untrusted(self) -> Self {
        Self { role: None, logins: RegistryLogins::default(), ..self }
    }
}

impl Trusted {
    /// The variables from which secrets of any build come.
    fn secrets(&self) -> BTreeSet<&String> {
        self.jobs.iter().flat_map(|job| &job.secrets).collect()
    }

    /// The jobs that no other job waits for: once they are done, all are.
    fn last(&self) -> impl Iterator<Item = &Job> {
        let awaited: BTreeSet<&ProjectName> = self.jobs.iter().flat_map(|job| &job.needs).collect();
        self.jobs.iter().filter(move |job| !awaited.contains(&job.project))
    }
}

/// A CI that gets a pipeline for each commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generated {
    CircleCi,
    GitLab,
    Buildkite,
    CodeBuild,
}

/// A pipeline in the format of a CI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub text: String,
    /// What the CI's limits changed, and which settings it does not have: a sentence each.
    pub notes: Vec<String>,
}

/// Why a pipeline can't be written for a CI.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PipelineError {
    #[error("{system} runs at most {max} jobs in a pipeline, and this one has {jobs}")]
    TooManyJobs { system: System, jobs: usize, max: usize },
    #[error("{system} reads a pipeline of at most {max} bytes, and this one has {bytes}")]
    TooLarge { system: System, bytes: usize, max: usize },
}

impl PipelineError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::TooManyJobs { .. } | Self::TooLarge { .. } => ErrorKind::Input,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::TooManyJobs { .. } | Self::TooLarge { .. } => {
                Some("a job that runs `chinampa build` builds everything on one machine".to_owned())
            }
        }
    }
}

/// The name of the gate, and of the one job of an untrusted run: the check that a repository requires.
const GATE: &str = "gate";

/// On what the one job of an untrusted run runs. It says so itself: a CI that starts it from here may say less about the run.
fn untrusted_job() -> CiJob {
    let environment = [("CHINAMPA_TRUST".to_owned(), "untrusted".to_owned())].into();
    CiJob { environment, ..CiJob::default() }
}

/// Which settings of jobs a CI has no word for: a sentence for each that is used.
fn unused(system: System, trusted: &Trusted, keys: &[&str]) -> Vec<String> {
    let settings = || trusted.jobs.iter().map(|job| &job.settings).chain([&trusted.settings]);
    let is_used = |key: &str| match key {
        "image" => settings().any(|job| job.image.is_some()),
        "machine" => settings().any(|job| job.machine.is_some()),
        "contexts" => {
            settings().any(|job| !job.contexts.is_empty())
                || trusted.deployments.iter().any(|it| !it.contexts.is_empty())
        }
        _ => settings().any(|job| !job.runner.is_empty()),
    };
    let used = keys.iter().filter(|key| is_used(key));
    used.map(|key| format!("`{key}` of `[ci]` is not used: {system} has no such setting")).collect()
}
