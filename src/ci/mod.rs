//! What a CI says about its run, in one form for all of them.
//!
//! The law of this module: branch, tag and pull request are known of one commit only, the one that the CI names (or the
//! head of the pull request that it names). So they can't be asked for without saying of which commit:
//! [`CiContext::about`]. A job may have checked out anything else.

mod commit;
mod directives;
mod environment;
mod exports;
mod remote;
mod run;
mod systems;
mod trust;

use std::fmt;

#[cfg(test)]
pub use commit::GitRefs;
pub use commit::{Branch, CheckedOut, CommitContext};
pub use directives::Directives;
pub use environment::{CiEnvironment, InvalidCiVariable, PullRequestNumber, is_placeholder};
pub use exports::Exports;
pub use run::Target;
pub use trust::Trust;

use self::run::Run;
use crate::git::without_credentials;
use crate::model::{BranchName, CommitId};

/// A value, and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    pub value: T,
    pub source: Source,
}

impl<T> Sourced<T> {
    /// The value as another one, if it can be that.
    fn try_map<U>(self, map: impl FnOnce(T) -> Option<U>) -> Option<Sourced<U>> {
        Some(Sourced { value: map(self.value)?, source: self.source })
    }
}

/// Where a value was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// An environment variable.
    Variable(&'static str),
    /// A field of the event that the file is about which `GITHUB_EVENT_PATH` names.
    Payload(&'static str),
    /// A parameter in a file of TeamCity's.
    Parameter(&'static str),
    /// The number of the pull request, which stands for its branch.
    PullRequestNumber,
    /// The branch that git has checked out.
    CheckedOut,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) | Self::Parameter(name) => write!(formatter, "`{name}`"),
            Self::Payload(field) => {
                write!(formatter, "`{field}` in the file that `GITHUB_EVENT_PATH` names")
            }
            Self::PullRequestNumber => formatter.write_str("the pull request's number"),
            Self::CheckedOut => formatter.write_str("the checked-out branch"),
        }
    }
}

/// What the environment says about a run. Of the commit, only [`CiContext::about`] tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CiContext {
    system: System,
    given: Given,
    run: Run,
}

/// Which CI runs this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum System {
    /// None: a person does.
    #[default]
    None,
    /// `CI` is set, and no variable tells which it is.
    Unknown,
    Known(&'static str),
}

/// What a person, or a pipeline's configuration, says in variables of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Given {
    /// `CHINAMPA_COMMIT`: the commit that branch, tag and pull request are meant for; any where it is absent.
    commit: Result<Option<CommitId>, InvalidCiVariable>,
    /// `CHINAMPA_BRANCH`
    branch: Option<Sourced<BranchName>>,
    /// `CHINAMPA_TAG`
    tag: Option<Sourced<String>>,
    /// `CHINAMPA_PULL_REQUEST`
    pull_request: Result<Option<PullRequestNumber>, InvalidCiVariable>,
    /// `CHINAMPA_PREVIOUS`: the commit that was pushed onto, or built before.
    previous: Option<Sourced<String>>,
    /// `CHINAMPA_RUN`
    run: Option<String>,
    /// `CHINAMPA_TRUST`
    trust: Option<String>,
    /// `CHINAMPA_JOB`
    job: Option<String>,
    /// Whether `CHINAMPA_BASE` is there.
    has_base: bool,
}

impl CiContext {
    /// Finds out which CI runs this, by a variable that no other sets, and what it says.
    ///
    /// Values that are empty, zeros, `null` or `<nil>` count as absent, but not where they are about trust.
    pub fn read(environment: CiEnvironment<'_>) -> Self {
        let given = Given {
            commit: environment.given("CHINAMPA_COMMIT", "a whole commit id"),
            branch: environment.branch("CHINAMPA_BRANCH"),
            tag: environment.text("CHINAMPA_TAG"),
            pull_request: environment.given("CHINAMPA_PULL_REQUEST", "the number of a pull request"),
            previous: environment.abbreviated_commit("CHINAMPA_PREVIOUS"),
            run: environment.text_of("CHINAMPA_RUN"),
            trust: environment.set("CHINAMPA_TRUST"),
            job: environment.set("CHINAMPA_JOB"),
            has_base: environment.get("CHINAMPA_BASE").is_some(),
        };
        let (system, mut run) = match systems::read(environment) {
            Some((name, run)) => (System::Known(name), run),
            None if is_ci(environment) => (System::Unknown, Run::default()),
            None => (System::None, Run::default()),
        };
        run.repository_url = run.repository_url.map(|url| without_credentials(&url));
        Self { system, given, run }
    }

    /// Whether a CI runs this, known or not.
    pub fn is_ci(&self) -> bool {
        self.system != System::None
    }

    /// The name of the CI that runs this; `None` if none does, or it isn't known.
    pub fn name(&self) -> Option<&'static str> {
        match self.system {
            System::Known(name) => Some(name),
            System::None | System::Unknown => None,
        }
    }

    /// Whether the sources come from AWS CodePipeline, which passes files without a repository unless configured otherwise.
    pub fn is_of_codepipeline(&self) -> bool {
        self.run.is_of_codepipeline
    }

    /// Which of our own variables that name something about a commit are set.
    fn given_names(&self) -> Vec<&'static str> {
        let given = [
            ("CHINAMPA_BRANCH", self.given.branch.is_some()),
            ("CHINAMPA_TAG", self.given.tag.is_some()),
            ("CHINAMPA_PULL_REQUEST", self.given.pull_request != Ok(None)),
        ];
        given.into_iter().filter_map(|(name, is_given)| is_given.then_some(name)).collect()
    }

    fn is_base_given(&self) -> bool {
        self.given.has_base
    }

    /// What all jobs of this run share, and no other run and no other attempt at it has: `CHINAMPA_RUN`, else what the CI says.
    pub fn run_id(&self) -> Option<&str> {
        self.given.run.as_deref().or(self.run.id.as_deref())
    }

    /// Whether a second attempt at the run has the same name, as when jobs of a pipeline of GitLab are retried.
    pub fn attempts_share_run_id(&self) -> bool {
        self.given.run.is_none() && self.name() == Some("GitLab CI")
    }

    /// Which of several equal jobs this is, where that isn't in the job's name.
    pub fn node(&self) -> Option<&str> {
        self.run.node.as_deref()
    }

    /// The name of this job: `CHINAMPA_JOB`, else what the CI says.
    pub fn job(&self) -> Option<&str> {
        self.given.job.as_deref().or(self.run.job.as_deref())
    }

    /// The address of the repository, without credentials.
    pub fn repository_url(&self) -> Option<&str> {
        self.run.repository_url.as_deref()
    }
}

fn is_ci(environment: CiEnvironment<'_>) -> bool {
    let set = (environment.variable)("CI").filter(|value| !value.is_empty());
    set.is_some_and(|value| value != "false" && value != "0")
}

#[cfg(test)]
mod tests;
