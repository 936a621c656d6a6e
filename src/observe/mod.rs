//! Reads all that a plan needs: base, changes, digests, and what the cache has. Decides nothing.
//!
//! What was observed is complete when it is made: [`Changes`] where git alone was asked, [`Observations`] where the
//! cache was asked too.

mod ancestry;
mod base;
mod changes;
mod images;
mod reason;
mod records;
mod zone;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::future::join3;
use thiserror::Error;

pub use ancestry::{Missing, descends};
pub use base::{BaseRequest, FoundBase, Records, commits_before, named_commit, resolve as base};
pub use changes::direct_changes;
pub use images::taints;
pub use reason::{ForcedBy, Reason};
pub use records::{BuildRecords, build_records, recorded};
pub use zone::Zone;

use crate::ci::CommitContext;
use crate::git::{GitError, Repository, Snapshot};
use crate::inputs::{self, InputFile, InputsError};
use crate::model::{
    Change, CommitId, ErrorKind, InputDigest, InvalidImageRef, ManifestDigest, ProjectName, RepositoryName,
    Tag,
};
use crate::registry::{EngineStore, Registry, RegistryError};
use crate::workspace::{ManifestSource, Workspace, WorkspaceError};

/// The tree that is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    pub repository: &'r Repository,
    pub head: CommitId,
    /// The tree of the head, or of the work tree.
    pub snapshot: &'r Snapshot<'r>,
    /// Whether uncommitted work is included.
    pub is_dirty: bool,
    pub workspace: &'r Workspace,
    /// Where the manifest of the workspace came from.
    pub source: &'r ManifestSource,
}

/// What changed since the base, by git alone.
#[derive(Clone, Debug)]
pub struct Changes {
    pub head: CommitId,
    pub is_dirty: bool,
    pub base: Base,
    /// Nothing where the base is unknown.
    pub files: Vec<Change>,
    /// Why projects differ from the base by themselves; those that don't are left out.
    pub direct: BTreeMap<ProjectName, Vec<Reason>>,
}

/// All that a plan of builds is made from.
#[derive(Clone, Debug)]
pub struct Observations {
    pub changes: Changes,
    /// The projects that are planned: with each, everything that it needs.
    pub projects: BTreeMap<ProjectName, Observed>,
    /// What the cache knows of earlier builds, and of one of this commit.
    pub records: BuildRecords,
    /// Whether the cache could not be read, so that an image that was not found may be there. Local builds go on all the same.
    pub is_cache_unread: bool,
}

/// Where the cache is asked, and about what besides the projects.
#[derive(Clone, Copy)]
pub struct CacheRequest<'c> {
    pub registry: &'c dyn Registry,
    /// That the run writes to.
    pub zone: Zone,
    pub context: &'c CommitContext,
    /// Those whose own build records are needed: see [`commits_before`].
    pub commits: &'c [CommitId],
    /// What a local build asks besides.
    pub local: Option<LocalRequest<'c>>,
}

/// Where a local build looks first.
#[derive(Clone, Copy, Debug)]
pub struct LocalRequest<'c> {
    /// What it has under a local name is not looked for anywhere else.
    pub engine: &'c EngineStore,
    /// Whether the cache can't be read, and the registry of the request stands in for it.
    pub is_cache_unread: bool,
}

impl std::fmt::Debug for CacheRequest<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CacheRequest").field("zone", &self.zone).finish_non_exhaustive()
    }
}

/// What is known of one project.
#[derive(Clone, Debug)]
pub struct Observed {
    pub digest: InputDigest,
    pub files: Vec<InputFile>,
    /// Whether git can't tell all of its changes, because some inputs are not committed.
    pub has_extra_inputs: bool,
    /// The engine's id of an image of exactly its inputs that has its local name; looked for by local builds only.
    pub local_image: Option<ManifestDigest>,
    /// The image of exactly its inputs that the cache has; not looked for if there is a local one.
    pub image: Option<Image>,
    /// The newest image of the default branch; asked for only where the strategy is `diff`.
    pub default_branch_image: Option<Image>,
    /// What forces a build of it, as tags of the repository of taints.
    pub taints: Vec<Tag>,
}

/// What the changes are counted from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    Known {
        commit: CommitId,
        /// Who named it, such as `--base`.
        from: String,
    },
    /// Everything counts as changed.
    Unknown { why: String },
}

/// An image that is there, and the tag that it was found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// With the cache's prefix.
    pub repository: RepositoryName,
    pub digest: ManifestDigest,
    pub tag: Tag,
}

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
    #[error("cannot ask the engine for the local image of `{project}`")]
    LocalImage {
        project: ProjectName,
        #[source]
        source: RegistryError,
    },
    #[error("a repository of branches that aren't protected can't have a name")]
    Unprotected(#[source] InvalidImageRef),
    #[error("cannot ask the cache for build records")]
    Record(#[source] RegistryError),
    #[error("cannot ask the cache for taints")]
    Taints(#[source] RegistryError),
}

impl ObserveError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Git(error) => error.kind(),
            Self::Workspace(error) => error.kind(),
            Self::Inputs(error) => error.kind(),
            Self::Image { source, .. }
            | Self::LocalImage { source, .. }
            | Self::Record(source)
            | Self::Taints(source) => source.kind(),
            Self::Unprotected(_) => ErrorKind::Input,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            Self::Workspace(error) => error.hint(),
            Self::Inputs(error) => error.hint(),
            Self::Image { source, .. }
            | Self::LocalImage { source, .. }
            | Self::Record(source)
            | Self::Taints(source) => source.hint(),
            Self::Unprotected(_) => Some("give the project a shorter `repository`".to_owned()),
        }
    }

    /// Whether it is the cache that could not be read, without which a local build can do.
    pub fn is_about_cache(&self) -> bool {
        match self {
            Self::Image { .. } | Self::Record(_) | Self::Taints(_) => true,
            Self::Git(_)
            | Self::Workspace(_)
            | Self::Inputs(_)
            | Self::LocalImage { .. }
            | Self::Unprotected(_) => false,
        }
    }
}

/// What git alone can say of the changes since `base`.
///
/// # Errors
/// [`ObserveError::Git`] when a tree can't be read.
pub fn changes(request: Request<'_>, base: Base) -> Result<Changes, ObserveError> {
    let Request { repository, head, snapshot, is_dirty, workspace, source } = request;
    let (files, direct) = match &base {
        Base::Unknown { .. } => Default::default(),
        Base::Known { commit, .. } => {
            let base = repository.snapshot(*commit)?;
            let files = base.changes_with_submodules_to(snapshot)?;
            let direct = direct_changes(workspace, source, &base, snapshot, &files)?;
            (files, direct)
        }
    };
    Ok(Changes { head, is_dirty, base, files, direct })
}

/// The input digest of each selected project, with how many files it has.
///
/// # Errors
/// [`ObserveError::Inputs`] when an input can't be read.
pub fn digests(
    request: Request<'_>,
    selected: &BTreeSet<ProjectName>,
) -> Result<BTreeMap<ProjectName, (InputDigest, usize)>, ObserveError> {
    let files = files(request, selected)?;
    let digests = inputs::digests(request.workspace, &files);
    Ok(digests.into_iter().map(|(name, digest)| (name.clone(), (digest, files[&name].len()))).collect())
}

/// Asks the zones of the cache that the run reads for all that is there of the selected projects, which must hold everything that they need, and git for
/// what changed since the base that `find_base` finds. Images, taints and records are asked for side by side.
///
/// # Errors
/// [`ObserveError`] for whatever could not be read: no trouble is taken for an absent image.
pub async fn observe<E: From<ObserveError>>(
    request: Request<'_>,
    selected: &BTreeSet<ProjectName>,
    cache: CacheRequest<'_>,
    find_base: impl FnOnce(&BuildRecords) -> Result<Base, E>,
) -> Result<Observations, E> {
    let workspace = request.workspace;
    let CacheRequest { registry, zone, context, commits, local } = cache;
    let files = files(request, selected)?;
    let digests = inputs::digests(workspace, &files);
    let local_images = match local {
        Some(local) => images::local_images(local.engine, workspace, &digests).await?,
        None => BTreeMap::new(),
    };
    let missing = digests.iter().filter(|(name, _)| !local_images.contains_key(*name));
    let missing = missing.map(|(name, digest)| (name.clone(), *digest)).collect();
    // Of several errors the same one is reported each time.
    let (images, taints, records) = join3(
        images::images(registry, workspace, zone, &missing),
        images::taints(registry, workspace),
        build_records(registry, workspace, zone, context, commits),
    )
    .await;
    let (mut images, mut taints, records) = (images?, taints?, records?);
    let changes = changes(request, find_base(&records)?)?;
    let observed = |(name, files): (ProjectName, Vec<InputFile>)| {
        let observed = Observed {
            digest: digests[&name],
            files,
            has_extra_inputs: !workspace.projects[&name].extra_inputs.lines().is_empty(),
            local_image: local_images.get(&name).copied(),
            image: images.by_digest.remove(&name),
            default_branch_image: images.of_default_branch.remove(&name),
            taints: taints.remove(&name).unwrap_or_default(),
        };
        (name, observed)
    };
    let projects = files.into_iter().map(observed).collect();
    let is_cache_unread = local.is_some_and(|local| local.is_cache_unread);
    Ok(Observations { changes, projects, records, is_cache_unread })
}

fn files(request: Request<'_>, selected: &BTreeSet<ProjectName>) -> Result<inputs::InputFiles, ObserveError> {
    let work_dir: Option<&Path> = request.repository.work_dir();
    Ok(inputs::files(request.workspace, selected, request.snapshot, work_dir)?)
}
