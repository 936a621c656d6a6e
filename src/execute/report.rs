//! What happened, as values: events while it happens, a report when it is over.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::engine::{InlineCacheFault, Progress};
use crate::model::{
    ErrorKind, ImageRef, ManifestDigest, Platform, ProjectName, RepoPath, printable, printable_log,
};
use crate::record::Builders;

/// Something that happened while a plan was executed.
#[derive(Clone, Debug)]
pub enum Event {
    Started {
        project: ProjectName,
    },
    /// Another job of the run builds it.
    Claimed {
        project: ProjectName,
        by: String,
    },
    Progress {
        project: ProjectName,
        progress: Progress,
    },
    /// An image of the cache is got for a local build.
    Pulling {
        project: ProjectName,
        image: ImageRef,
    },
    Pushing {
        project: ProjectName,
        image: ImageRef,
    },
    /// A push failed for a reason that is transient; it is pushed again after `delay`.
    RetryingPush {
        project: ProjectName,
        image: ImageRef,
        error: String,
        delay: Duration,
    },
    Finished {
        project: ProjectName,
        outcome: Outcome,
        took: Duration,
    },
}

/// How it went with one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Built {
        /// How dependents and people name it.
        image: ImageRef,
        /// How dependents name it on each platform, where those are images of their own.
        of_platforms: BTreeMap<Platform, ImageRef>,
        digest: ManifestDigest,
        /// Steps that run or copy something, in stages too, each counted once for each platform.
        steps: usize,
        /// Those of them that no build had to run, because the layer cache has them.
        cached_steps: usize,
        /// Which builder made the image of each platform; empty where an engine built.
        builders: Builders,
    },
    /// Another job of the run built it.
    BuiltElsewhere {
        image: ImageRef,
        digest: ManifestDigest,
        /// That job; `None` if it isn't known.
        by: Option<String>,
        /// How long that took, if it is known.
        took: Option<Duration>,
    },
    Reused {
        image: ImageRef,
        digest: ManifestDigest,
    },
    /// The engine of a local build got it from the cache.
    Pulled {
        image: ImageRef,
        /// In the registry, by digest.
        from: ImageRef,
        /// The engine's id of it.
        digest: ManifestDigest,
    },
    Failed(Failure),
    /// A dependency failed.
    Blocked {
        by: ProjectName,
    },
    /// Not started, or stopped, because of an interruption or `--fail-fast`.
    Cancelled,
}

/// Why a project has no image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong, then its causes.
    pub causes: Vec<String>,
    /// The step that failed, as the engine names it; `None` for a failure outside of any.
    pub step: Option<String>,
    /// What the engine says of the step, where that and the step are all there is to say; else the causes are needed.
    pub message: Option<String>,
    /// The line of the Dockerfile; `None` where the failure is about none, or it can't be told.
    pub at: Option<DockerfileLine>,
    /// The exit code of the program that the step ran.
    pub exit_code: Option<u32>,
    /// The last lines of the failed step, oldest first.
    pub log_tail: Vec<String>,
    /// What the reader can do about it.
    pub hint: Option<String>,
    /// [`ErrorKind::Environment`] where the engine died, else [`ErrorKind::Failed`].
    pub kind: ErrorKind,
    /// Whether it was the build itself, which fails on every machine, and not a registry, a login or a program.
    pub is_of_build: bool,
}

impl Failure {
    /// How the build failed, in one line that is fit for a terminal.
    pub fn in_short(&self) -> String {
        let Self { causes, step, message, exit_code, .. } = self;
        match (step, message, exit_code) {
            (Some(step), Some(_), Some(code)) => format!("exit code {code} in {}", printable_log(step)),
            (Some(step), Some(message), None) => format!("{}: {}", printable_log(step), printable(message)),
            _ => causes.iter().map(|cause| printable(cause)).collect::<Vec<_>>().join(": "),
        }
    }
}

/// A line of a Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerfileLine {
    pub file: RepoPath,
    /// From 1.
    pub line: usize,
}

impl std::fmt::Display for DockerfileLine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.file, self.line)
    }
}

impl Outcome {
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }

    /// The label of the outcome in reports.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Built { .. } => "built",
            Self::BuiltElsewhere { .. } => "built elsewhere",
            Self::Reused { .. } => "reused",
            Self::Pulled { .. } => "pulled",
            Self::Failed { .. } => "failed",
            Self::Blocked { .. } => "blocked",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How it went with one project, and how long it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectReport {
    pub outcome: Outcome,
    pub took: Duration,
    /// The file with everything that its build printed; `None` where nothing was built, or the file could not be written.
    pub log: Option<PathBuf>,
}

impl ProjectReport {
    /// A report that names no log: where logs are is known to whoever writes them.
    pub fn new(outcome: Outcome, took: Duration) -> Self {
        Self { outcome, took, log: None }
    }

    pub(super) fn needed(&self) -> Option<Needed> {
        match &self.outcome {
            Outcome::Built { image, of_platforms, digest, .. } => {
                Some(Needed { image: image.clone(), of_platforms: of_platforms.clone(), digest: *digest })
            }
            Outcome::BuiltElsewhere { image, digest, .. }
            | Outcome::Reused { image, digest }
            | Outcome::Pulled { image, digest, .. } => {
                Some(Needed { image: image.clone(), of_platforms: BTreeMap::new(), digest: *digest })
            }
            Outcome::Failed(_) | Outcome::Blocked { .. } | Outcome::Cancelled => None,
        }
    }

    /// The image that dependents can use.
    pub fn image(&self) -> Option<&ImageRef> {
        match &self.outcome {
            Outcome::Built { image, .. }
            | Outcome::BuiltElsewhere { image, .. }
            | Outcome::Reused { image, .. }
            | Outcome::Pulled { image, .. } => Some(image),
            Outcome::Failed(_) | Outcome::Blocked { .. } | Outcome::Cancelled => None,
        }
    }
}

/// The image of a dependency, as builds name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Needed {
    pub(super) image: ImageRef,
    of_platforms: BTreeMap<Platform, ImageRef>,
    pub(super) digest: ManifestDigest,
}

impl Needed {
    /// The image for one platform: its own, where each has one.
    pub(super) fn on(&self, platform: Option<&Platform>) -> &ImageRef {
        platform.and_then(|platform| self.of_platforms.get(platform)).unwrap_or(&self.image)
    }
}

/// A builder that is not used any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostBuilder {
    pub name: String,
    pub reason: String,
}

/// How it went with all jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildReport {
    pub projects: BTreeMap<ProjectName, ProjectReport>,
    pub is_interrupted: bool,
    /// The time from the start of the first job to the end of the last.
    pub took: Duration,
    /// How long it was expected to take before it started; `None` if that would have been a guess, or nothing was built.
    pub estimated: Option<Duration>,
    /// How much longer it would have taken to build every image; `None` if that is not known, or no image was reused.
    pub saved: Option<Duration>,
    /// Why images were built without inline cache that should have it.
    pub inline_cache_fault: Option<InlineCacheFault>,
    /// The builders that could not be reached, or were lost during the run.
    pub lost_builders: Vec<LostBuilder>,
}

impl BuildReport {
    /// Whether an image was built by this run.
    pub fn has_built(&self) -> bool {
        self.projects.values().any(|project| matches!(project.outcome, Outcome::Built { .. }))
    }

    /// Whether every project has its image.
    pub fn is_complete(&self) -> bool {
        self.projects.values().all(|report| report.image().is_some())
    }

    /// What kind of trouble kept a project from its image; `None` when there was none. Where a build failed and an engine
    /// died too, the build failed: a retry alone doesn't help.
    pub fn kind(&self) -> Option<ErrorKind> {
        match (self.is_interrupted, self.is_complete()) {
            (true, _) => Some(ErrorKind::Interrupted),
            (false, true) => None,
            (false, false) if self.is_environment_error() => Some(ErrorKind::Environment),
            (false, false) => Some(ErrorKind::Failed),
        }
    }

    /// Whether all failures are those of the environment.
    fn is_environment_error(&self) -> bool {
        let outcomes = self.projects.values().map(|report| &report.outcome);
        let mut failures = outcomes.filter_map(|outcome| match outcome {
            Outcome::Failed(failure) => Some(failure.kind),
            _ => None,
        });
        failures.all(|kind| kind == ErrorKind::Environment)
    }
}
