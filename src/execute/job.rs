//! What is executed: for each planned project the image that is reused, or all that its build takes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::names::LocalRun;
use super::pool::BuilderPool;
use super::untrusted::UntrustedRun;
use crate::dockerfile::Dockerfile;
use crate::engine::{BuildRequest, Context, Engine};
use crate::model::{
    BranchName, CommitId, ImageRef, InputDigest, ManifestDigest, Platform, ProjectName, RepoPath,
    RepositoryName, StageName, Tag,
};

/// What is done for one project.
#[derive(Clone, Debug)]
pub struct Job {
    pub project: ProjectName,
    /// Whose images have to be there first.
    pub needs: Vec<ProjectName>,
    pub work: Work,
}

#[derive(Clone, Debug)]
pub enum Work {
    /// Nothing is written.
    Reuse {
        image: ImageRef,
        digest: ManifestDigest,
    },
    /// For a local build.
    Pull(Box<Pull>),
    Build(Box<Task>),
}

/// An image of the cache that the engine gets under a project's local name.
#[derive(Clone)]
pub struct Pull {
    pub engine: Arc<dyn Engine>,
    pub source: PullSource,
    /// The engine's own when `None`.
    pub platform: Option<Platform>,
    pub name: ImageRef,
}

/// Where an image of the cache is.
#[derive(Clone, Debug)]
pub enum PullSource {
    /// In a registry, by digest.
    Registry { image: ImageRef },
    /// In the engine, which is the cache itself: only the name is missing.
    Engine { id: ManifestDigest },
}

/// All that a build takes; only the images of its dependencies are missing.
#[derive(Clone)]
pub struct Task {
    pub backend: Backend,
    pub repository: RepositoryName,
    /// Everything but the Dockerfile's text, the platform, and the target of stages.
    pub request: BuildRequest,
    /// Whether all that steps may copy is written down or in the context anyway, so that nothing is missing there unknown to anybody.
    pub has_written_inputs: bool,
    /// The Dockerfile's path, for messages.
    pub dockerfile: RepoPath,
    /// The folders that are named contexts, each with its files.
    pub folders: BTreeMap<RepoPath, Context>,
    /// One for each platform, at least one; more than one make an index.
    pub variants: Vec<TaskVariant>,
    pub digest: InputDigest,
    /// The time of the commit, in seconds since 1970.
    pub commit_seconds: u64,
    pub destination: Destination,
    /// The taints that the build ends, and their repository.
    pub taints: Vec<Tag>,
    pub taints_repository: RepositoryName,
}

/// What is built for one platform.
#[derive(Clone, Debug)]
pub struct TaskVariant {
    /// The engine's own when `None`.
    pub platform: Option<Platform>,
    pub dockerfile: Dockerfile,
    /// Which project each image reference of the Dockerfile stands for.
    pub parents: BTreeMap<String, ProjectName>,
    /// Which folder each reference stands for that is a named context. Each is in the task's `folders`.
    pub folders: BTreeMap<String, RepoPath>,
    /// What each external image of the Dockerfile is pinned to, if anything.
    pub pins: Pins,
    /// Named stages that prime later builds, in build order. None where the layers of all stages are kept.
    pub stages: Vec<StageName>,
    /// The layers of all stages, as builders keep them in the registry.
    pub layers: LayerCache,
}

/// Where builders keep the layers of all stages of one platform.
#[derive(Clone, Debug, Default)]
pub struct LayerCache {
    /// Of the branches that are read. Those that are not there are passed over.
    pub from: Vec<ImageRef>,
    /// Of the branch that is built.
    pub to: Option<ImageRef>,
}

/// What builds the images of a run.
#[derive(Clone)]
pub enum Backend {
    /// A Docker engine.
    Engine(Arc<dyn Engine>),
    /// BuildKit daemons, for images that are pushed.
    Builders(Arc<BuilderPool>),
}

impl Backend {
    /// The engine; `None` where there is none.
    pub fn engine(&self) -> Option<&Arc<dyn Engine>> {
        match self {
            Self::Engine(engine) => Some(engine),
            Self::Builders(_) => None,
        }
    }

    /// The builders; `None` where an engine builds.
    pub fn builders(&self) -> Option<&Arc<BuilderPool>> {
        match self {
            Self::Engine(_) => None,
            Self::Builders(builders) => Some(builders),
        }
    }
}

impl Task {
    /// The engine that keeps the image.
    ///
    /// # Panics
    /// Where builders build, whose images go to a registry and stay nowhere else.
    pub(super) fn engine(&self) -> &dyn Engine {
        &**self.backend.engine().expect("only an engine builds what isn't pushed")
    }
}

/// What external images of a Dockerfile are pinned to, by how it names them.
#[derive(Clone, Debug, Default)]
pub struct Pins {
    pub parents: BTreeMap<String, ImageRef>,
    /// Those that `ONBUILD` names.
    pub triggers: BTreeMap<String, ImageRef>,
    /// What reads the Dockerfile.
    pub frontends: BTreeMap<String, ImageRef>,
}

/// Where a built image goes.
#[derive(Clone, Debug)]
pub enum Destination {
    /// To where other runs look for it.
    Shared(Tags),
    /// Into the engine, under the name of local builds.
    Local(LocalRun),
    /// Into the engine, under a name that no other run looks for.
    Untrusted(UntrustedRun),
}

/// Which tags a built image gets besides that of its inputs.
#[derive(Clone, Debug, Default)]
pub struct Tags {
    /// `None` for uncommitted work.
    pub commit: Option<CommitId>,
    /// `None` for uncommitted work and detached heads.
    pub branch: Option<BranchName>,
}

impl Job {
    /// What an image is made or pulled for; `None` for what is reused as it is, and where that is up to the engine.
    pub fn platform(&self) -> Option<&Platform> {
        match &self.work {
            Work::Reuse { .. } => None,
            Work::Pull(pull) => pull.platform.as_ref(),
            Work::Build(task) => task.variants.first()?.platform.as_ref(),
        }
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(_) => formatter.write_str("Engine"),
            Self::Builders(builders) => formatter.debug_tuple("Builders").field(builders).finish(),
        }
    }
}

impl fmt::Debug for Pull {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pull").field("source", &self.source).finish_non_exhaustive()
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Task").field("digest", &self.digest).finish_non_exhaustive()
    }
}
