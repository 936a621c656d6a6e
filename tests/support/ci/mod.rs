//! CIs in miniature: each reads what is generated for it, and runs it on this machine as it would.
//!
//! What a CI's module doesn't interpret is an error, so that nothing is skipped in silence. Approvals are given at once. No
//! two jobs share anything but the registry: each has a clone, a home and an engine of its own.

mod attempt;
pub(crate) mod buildkite;
mod buildspec;
mod circleci;
mod codebuild;
mod engines;
mod environment;
mod expression;
mod github;
mod gitlab;
mod keys;
mod machine;
mod schedule;
mod site;
mod yaml;

use std::collections::BTreeMap;
use std::fmt;

pub(crate) use self::attempt::Trouble;
pub(crate) use self::engines::POOL;
pub(crate) use self::github::group as group_of_github;
pub(crate) use self::site::Site;

use super::engines::BedEngine;
use super::numbers::Numbers;

/// A CI that pipelines are generated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    CircleCi,
    GitHub,
    GitLab,
    Buildkite,
    CodeBuild,
}

impl System {
    /// As `ci init` and `ci generate` name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CircleCi => "circleci",
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Buildkite => "buildkite",
            Self::CodeBuild => "codebuild",
        }
    }
}

/// What a pipeline runs for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// This commit was pushed to `main`.
    Push { commit: String },
    /// This tag was pushed, for this commit.
    Tag { commit: String, tag: String },
    /// The pull request 7, from the branch `main` of a fork.
    ForkPullRequest { head: String, merge: String },
}

/// A job as all CIs have it.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) name: String,
    /// The jobs that it waits for.
    needs: Vec<String>,
    condition: Condition,
    /// Jobs with the same word don't run at the same time.
    group: Option<String>,
    work: Work,
}

/// When a job runs, once all that it waits for has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    /// If all of that has succeeded.
    NeedsSucceeded,
    /// If an expression of GitHub's says so.
    Expression(String),
}

#[derive(Clone, Debug)]
enum Work {
    /// A person has to agree.
    Approval,
    Steps(Steps),
}

/// What a job does.
#[derive(Clone, Debug, Default)]
struct Steps {
    variables: Vec<(String, String)>,
    steps: Vec<Step>,
    /// Files that the CI keeps, from the clone's root.
    artifacts: Vec<String>,
    /// What other jobs may read, as expressions of GitHub's.
    outputs: Vec<(String, String)>,
    /// A variable of GitHub's matrix, and the expression that lists its values.
    matrix: Option<(String, String)>,
}

#[derive(Clone, Debug)]
enum Step {
    Checkout(History),
    Run { id: Option<String>, condition: Option<String>, flags: &'static [&'static str], script: String },
}

/// How much of the history a job's clone has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum History {
    /// As its CI happens to be configured.
    Any,
    All,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Succeeded,
    Failed,
    /// Its condition said so.
    Skipped,
    /// What it waits for didn't succeed.
    NotStarted,
    Cancelled,
}

/// How a pipeline is run.
#[derive(Clone, Debug)]
pub(crate) struct Circumstances {
    pub(crate) numbers: Numbers,
    /// How many jobs run at once.
    pub(crate) at_once: usize,
    /// What happens to jobs, by name.
    pub(crate) troubles: BTreeMap<String, Trouble>,
    /// The engine of all machines; else each job has one that nothing has used that it waits for.
    pub(crate) engine: Option<BedEngine>,
}

impl Circumstances {
    /// Jobs in random order, three at once, and no trouble.
    pub(crate) fn calm(seed: u64) -> Self {
        Self { numbers: Numbers::new(seed), at_once: 3, troubles: BTreeMap::new(), engine: None }
    }

    pub(crate) fn with(mut self, job: &str, trouble: Trouble) -> Self {
        self.troubles.insert(job.to_owned(), trouble);
        self
    }
}

/// What became of a pipeline.
#[derive(Clone, Debug, Default)]
pub(crate) struct Finished {
    pub(crate) outcomes: BTreeMap<String, Outcome>,
    logs: BTreeMap<String, String>,
    artifacts: BTreeMap<String, String>,
    outputs: BTreeMap<String, serde_json::Map<String, serde_json::Value>>,
}

/// A check that a repository can require.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    Green,
    Red,
}

impl Finished {
    /// What the repository sees of the job `gate`: a check that doesn't come is not passed, and on GitHub one that was skipped is.
    pub(crate) fn gate(&self, system: System) -> Check {
        match self.outcomes.get("gate") {
            Some(Outcome::Succeeded) => Check::Green,
            Some(Outcome::Skipped) if system == System::GitHub => Check::Green,
            _ => Check::Red,
        }
    }

    /// What a job has printed.
    pub(crate) fn log(&self, job: &str) -> &str {
        self.logs.get(job).map_or("", String::as_str)
    }

    /// Adds the jobs of a pipeline that these jobs have started.
    fn and(mut self, more: Self) -> Self {
        self.outcomes.extend(more.outcomes);
        self.logs.extend(more.logs);
        self.artifacts.extend(more.artifacts);
        self.outputs.extend(more.outputs);
        self
    }
}

/// The jobs that didn't succeed, with what they printed.
impl fmt::Display for Finished {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (job, outcome) in &self.outcomes {
            writeln!(formatter, "{job}: {outcome:?}")?;
            if *outcome != Outcome::Succeeded {
                self.log(job).lines().try_for_each(|line| writeln!(formatter, "    {line}"))?;
            }
        }
        Ok(())
    }
}

/// Runs what the files of a repository start for an event.
pub(crate) fn run(system: System, site: &Site, event: &Event, circumstances: Circumstances) -> Finished {
    site.empty_outbox();
    let mut run = schedule::Run::new(system, site, event, circumstances);
    match system {
        System::CircleCi => circleci::run(&mut run),
        System::GitHub => github::run(&mut run),
        System::GitLab => gitlab::run(&mut run),
        System::Buildkite => buildkite::run(&mut run),
        System::CodeBuild => codebuild::run(&mut run),
    }
}
