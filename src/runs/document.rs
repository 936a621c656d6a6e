//! What is kept of a run: `chinampa.run/1`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::start::Start;
use crate::execute::Outcome;
use crate::observe;
use crate::record::Builders;

/// A run of `build`, as it is written to `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    schema: Schema,
    /// `None` for a run whose folder could not be made.
    pub number: Option<u64>,
    /// In UTC, as in `2026-11-28T20:15:00Z`.
    pub started: String,
    /// From the start to the end; `None` while it runs, and for a run that was killed.
    pub seconds: Option<f64>,
    pub state: RunState,
    pub workspace: String,
    /// The commit that was built.
    pub head: String,
    /// Whether uncommitted changes were included.
    pub dirty: bool,
    /// `None` where it is not known, or the commit is on no branch.
    pub branch: Option<String>,
    pub base: Option<Base>,
    /// Why there is no base.
    pub base_unknown: Option<String>,
    pub trusted: bool,
    /// How long it was expected to take; `None` while it runs, and where that would have been a guess.
    #[serde(default)]
    pub seconds_estimated: Option<f64>,
    /// Maximum number of projects that were built in parallel.
    pub slots: usize,
    /// Whether it built into the engine alone, as `build --local` does.
    #[serde(default)]
    pub local: bool,
    /// Dependencies first.
    pub projects: Vec<Project>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Schema {
    #[serde(rename = "chinampa.run/1")]
    Run1,
}

/// The commit that changes were counted from, and who named it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    pub commit: String,
    pub from: String,
}

/// Whether a run is over, and how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// It still runs.
    Running,
    /// It ended without a word, as when it is killed.
    Killed,
    /// Every project has its image.
    Complete,
    Failed,
    Interrupted,
}

/// What was done with one project. Times are seconds since the start of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Project {
    pub name: String,
    pub outcome: ProjectOutcome,
    /// Whether the changes since the base affect it.
    pub affected: bool,
    /// Its direct dependencies among the projects of the run.
    pub needs: Vec<String>,
    /// Why it was built, the first of them.
    pub reasons: Vec<String>,
    /// How many reasons there are besides.
    pub more_reasons: usize,
    /// The input digest.
    pub digest: String,
    /// How many input files it has.
    pub files: usize,
    pub image: Option<String>,
    /// Of the image.
    pub manifest: Option<String>,
    /// `None` where nothing was started.
    pub start: Option<f64>,
    pub seconds: f64,
    /// From 0; a build has a slot from its start to its end.
    pub slot: Option<usize>,
    /// The builder of each platform; empty where an engine built.
    #[serde(default)]
    pub builders: Vec<PlatformBuilder>,
    /// In the order in which they started.
    pub steps: Vec<ProjectStep>,
    /// Steps that run or copy something, as the summary counts them.
    pub counted_steps: Option<Counts>,
    pub failure: Option<ProjectFailure>,
    /// The dependency that failed.
    pub blocked_by: Option<String>,
    /// The name of the file with the log, in the folder of the run.
    pub log: Option<String>,
}

/// How many steps there are, and how many of them came from the layer cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub all: usize,
    pub cached: usize,
}

/// How it went with a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProjectOutcome {
    Failed,
    Blocked,
    Cancelled,
    /// The run did not get to it, or was killed before it ended.
    Unfinished,
    Built,
    #[serde(rename = "built_elsewhere")]
    BuiltElsewhere,
    Pulled,
    Reused,
}

/// A step of a build, or a push.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectStep {
    /// As the engine names it.
    pub name: String,
    pub start: f64,
    pub seconds: f64,
    pub cached: bool,
    /// Whether the build failed at it.
    pub failed: bool,
}

/// The builder that made the image for one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformBuilder {
    pub platform: String,
    /// Its address.
    pub builder: String,
}

impl PlatformBuilder {
    pub fn all(builders: &Builders) -> Vec<Self> {
        let all = builders.iter().map(|(platform, builder)| (platform.clone(), builder.clone()));
        all.map(|(platform, builder)| Self { platform, builder }).collect()
    }
}

/// Why a project has no image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectFailure {
    /// What went wrong, then its causes.
    pub causes: Vec<String>,
    pub step: Option<String>,
    /// The line of the Dockerfile: `file:line`.
    #[serde(default)]
    pub line: Option<String>,
    pub exit_code: Option<u32>,
    pub hint: Option<String>,
    /// The last lines of the failed step.
    pub log_tail: Vec<String>,
}

impl Run {
    /// A run that has just started: nothing is done yet.
    pub(super) fn new(
        number: Option<u64>,
        started: String,
        start: &Start<'_>,
        projects: Vec<Project>,
    ) -> Self {
        let (base, base_unknown) = match &start.plan.base {
            observe::Base::Known { commit, from } => {
                (Some(Base { commit: commit.to_string(), from: from.clone() }), None)
            }
            observe::Base::Unknown { why } => (None, Some(why.clone())),
        };
        Self {
            schema: Schema::Run1,
            number,
            started,
            seconds: None,
            state: RunState::Running,
            workspace: start.workspace.to_owned(),
            head: start.plan.head.to_string(),
            dirty: start.plan.is_dirty,
            branch: start.branch.map(ToString::to_string),
            base,
            base_unknown,
            trusted: start.is_trusted,
            seconds_estimated: None,
            slots: start.slots,
            local: start.is_local,
            projects,
        }
    }

    pub fn project(&self, name: &str) -> Option<&Project> {
        self.projects.iter().find(|project| project.name == name)
    }

    /// Whether the other is a run of the same projects that built into the same kind of place.
    pub fn is_alike(&self, other: &Self) -> bool {
        let names = |run: &Self| -> BTreeSet<String> {
            run.projects.iter().map(|project| project.name.clone()).collect()
        };
        self.workspace == other.workspace && self.local == other.local && names(self) == names(other)
    }

    /// How many projects had this outcome.
    pub fn count(&self, outcome: ProjectOutcome) -> usize {
        self.projects.iter().filter(|project| project.outcome == outcome).count()
    }
}

impl RunState {
    pub fn label(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Killed => "killed",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

impl ProjectOutcome {
    /// All outcomes, the worst first.
    pub const ALL: [Self; 8] = [
        Self::Failed,
        Self::Blocked,
        Self::Cancelled,
        Self::Unfinished,
        Self::Built,
        Self::BuiltElsewhere,
        Self::Pulled,
        Self::Reused,
    ];

    pub(super) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Built { .. } => Self::Built,
            Outcome::BuiltElsewhere { .. } => Self::BuiltElsewhere,
            Outcome::Reused { .. } => Self::Reused,
            Outcome::Pulled { .. } => Self::Pulled,
            Outcome::Failed(_) => Self::Failed,
            Outcome::Blocked { .. } => Self::Blocked,
            Outcome::Cancelled => Self::Cancelled,
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Cancelled => "cancelled",
            Self::Unfinished => "unfinished",
            Self::Built => "built",
            Self::BuiltElsewhere => "built elsewhere",
            Self::Pulled => "pulled",
            Self::Reused => "reused",
        }
    }
}
