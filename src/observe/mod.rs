//! Every read that a plan needs: base, changes, digests, and what the registry has.

mod ancestry;
mod base;
mod changes;
mod images;

use std::collections::BTreeMap;

use thiserror::Error;

pub use ancestry::descends;
pub use base::{
    BaseRequest, FoundBase, Missing, Records, commits_before, named as named_base, recorded, records,
    resolve as base,
};
pub use changes::own_changes;
pub use images::images;

use crate::git::GitError;
use crate::inputs::{InputFiles, InputsError};
use crate::model::{InputDigest, ProjectName};
use crate::plan::Inputs;
use crate::registry::RegistryError;
use crate::workspace::WorkspaceError;

/// Why something that a plan needs could not be read.
#[derive(Debug, Error)]
pub enum ObserveError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error(transparent)]
    Inputs(#[from] InputsError),
    #[error("cannot ask the cache for the image of `{project}`")]
    Image {
        project: ProjectName,
        #[source]
        source: RegistryError,
    },
    #[error("cannot ask the cache for build records")]
    Record(#[source] RegistryError),
}

/// What the plan says of each project's inputs.
pub fn inputs(
    files: &InputFiles,
    digests: &BTreeMap<ProjectName, InputDigest>,
) -> BTreeMap<ProjectName, Inputs> {
    let inputs = |(name, digest): (&ProjectName, &InputDigest)| {
        (name.clone(), Inputs { digest: *digest, files: files.get(name).map_or(0, Vec::len) })
    };
    digests.iter().map(inputs).collect()
}
