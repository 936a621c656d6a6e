//! Finds what registries keep and nobody needs any more, and deletes it.
//!
//! The law: what is kept needs nothing that is deleted. An image stays while an environment, a build record that stays, or a
//! tag that is still in use names it, and while it is young. What is not known to be old, or has a tag of somebody else, stays.

mod deployed;
mod observe;
mod plan;
mod reason;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

pub use deployed::{Named, named_by_builds, named_by_environments, observe_deployed};
pub use observe::{PruneError, delete, observe};
pub use plan::{Removal, Removals, plan, plan_deployed};
pub use reason::Reason;

use crate::model::{BranchName, CommitId, ManifestDigest, RepositoryName, Tag};
use crate::record::BuildRecord;

/// What may be deleted.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What was made at this time or later stays.
    pub before: SystemTime,
    /// The branches that there are.
    pub branches: BTreeSet<BranchName>,
    /// What environments run, by their records.
    pub deployed: BTreeSet<ManifestDigest>,
}

/// What may be deleted from the registries that environments pull from.
#[derive(Clone, Debug)]
pub struct DeployRules {
    /// What was made at this time or later stays.
    pub before: SystemTime,
    pub named: Named,
}

/// What the cache has.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    pub images: Vec<Image>,
    pub records: Vec<Record>,
}

/// An image, with all tags that stand for it.
#[derive(Clone, Debug)]
pub struct Image {
    pub repository: RepositoryName,
    pub digest: ManifestDigest,
    pub tags: BTreeSet<Tag>,
    /// Of an image of several platforms: that of each, which may have tags of its own.
    pub children: BTreeSet<ManifestDigest>,
    /// When it was built, as its configuration says; `None` where it doesn't.
    pub created: Option<SystemTime>,
    /// Its configurations and layers, with their sizes in bytes. Other images may have some of them too.
    pub blobs: BTreeMap<ManifestDigest, u64>,
}

/// A build record, with all tags that stand for it.
#[derive(Clone, Debug)]
pub struct Record {
    pub repository: RepositoryName,
    pub digest: ManifestDigest,
    pub tags: BTreeSet<Tag>,
    pub record: BuildRecord,
    /// When its commit was made; `None` where the clone does not have it.
    pub committed: Option<SystemTime>,
}

impl Record {
    fn commit(&self) -> CommitId {
        self.record.commit
    }
}
