//! What is executed: for each planned project the image that is reused, or all that its build takes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::untrusted::UntrustedRun;
use crate::dockerfile::Dockerfile;
use crate::engine::{BuildRequest, Engine};
use crate::model::{
    BranchName, CommitId, ImageRef, InputDigest, ManifestDigest, Platform, ProjectName, RepositoryName,
    StageName, Tag,
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
    Build(Box<Task>),
}

/// All that a build takes; only the images of its dependencies are missing.
#[derive(Clone)]
pub struct Task {
    pub engine: Arc<dyn Engine>,
    pub repository: RepositoryName,
    /// Everything but the Dockerfile's text, the platform, and the target of stages.
    pub request: BuildRequest,
    /// One for each platform, at least one; more than one make an index.
    pub variants: Vec<TaskVariant>,
    pub digest: InputDigest,
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
    /// Named stages that prime later builds, in build order.
    pub stages: Vec<StageName>,
}

/// Where a built image goes.
#[derive(Clone, Debug)]
pub enum Destination {
    /// To where other runs look for it.
    Shared(Tags),
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

impl fmt::Debug for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Task").field("digest", &self.digest).finish_non_exhaustive()
    }
}
