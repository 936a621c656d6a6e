//! What was observed before a deployment is planned.

use std::collections::BTreeMap;

use super::ServiceState;
use super::gate::Relation;
use crate::model::{CommitId, ManifestDigest, ProjectName};
use crate::record::{DeployedRecord, RecordedImage};

/// Everything that a plan is made from, besides the request.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The image of every project that had to be built.
    pub images: BTreeMap<ProjectName, RecordedImage>,
    /// `None` before the first deployment.
    pub deployed: Option<StoredRecord>,
    /// How the commit is related to each that the environment runs, or may run.
    pub relations: BTreeMap<CommitId, Relation>,
    /// Of the projects that have services: of each in the manifest's order, tasks that run once first.
    pub services: BTreeMap<ProjectName, Vec<ServiceState>>,
}

/// A deployed record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    pub record: DeployedRecord,
    /// Of the artifact that it is kept in.
    pub digest: ManifestDigest,
}
