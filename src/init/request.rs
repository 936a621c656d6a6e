//! What `init` is asked for, and what is there already.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::SourceLocation;
use super::{Existing, InitError, manifest_path};
use crate::config::{RegistryKind, WorkspaceName};
use crate::git::{GitError, Repository, Snapshot};
use crate::model::{BranchName, ImagePrefix, ProjectName, RepoPath};
use crate::patterns::Patterns;
use crate::workspace::{self, ManifestSource};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    pub workspace: WorkspaceName,
    /// `None` where nothing tells it: then it is `main`.
    pub default_branch: Option<DefaultBranch>,
    pub existing: Existing,
    /// Dockerfiles that are left out.
    pub excluded: Patterns,
    /// Builds that can't be used, by where they were found, and why.
    pub unusable: BTreeMap<SourceLocation, String>,
    /// What the manifest says already, which stays as it is: only what it doesn't build is added.
    pub known: Option<Known>,
}

/// The branch that records and caches fall back to, and where it comes from.
#[derive(Clone, Debug)]
pub struct DefaultBranch {
    pub name: BranchName,
    pub source: DefaultBranchSource,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultBranchSource {
    /// `refs/remotes/origin/HEAD`
    Origin,
    /// A branch of this name is there.
    CommonName,
    /// It is checked out, and may be any.
    CheckedOut,
}

/// A manifest that is there.
#[derive(Clone, Debug)]
pub struct Known {
    pub text: Vec<u8>,
    pub names: BTreeSet<ProjectName>,
    pub dockerfiles: BTreeSet<RepoPath>,
    pub own_images: BTreeSet<ImagePrefix>,
    /// Whether `[cache]` is the engine's own store, which holds one platform an image.
    pub is_cached_in_engine: bool,
}

impl DefaultBranch {
    /// The branch that `HEAD` of `origin` stands for; else `main` or `master`, where one is there; else what is checked out.
    ///
    /// # Errors
    /// [`GitError`] when the references can't be read.
    pub fn of(repository: &Repository) -> Result<Option<Self>, GitError> {
        if let Some(name) = repository.default_branch_of_origin()? {
            return Ok(Some(Self { name, source: DefaultBranchSource::Origin }));
        }
        let checked_out = repository.checked_out_branch()?;
        for name in ["main", "master"].map(BranchName::new) {
            if checked_out.as_ref() == Some(&name) || repository.branch(&name)?.is_some() {
                return Ok(Some(Self { name, source: DefaultBranchSource::CommonName }));
            }
        }
        Ok(checked_out.map(|name| Self { name, source: DefaultBranchSource::CheckedOut }))
    }
}

impl Known {
    /// Reads the manifest of a tree.
    ///
    /// # Errors
    /// [`InitError::Known`] when it can't be used, [`InitError::Git`] when the tree can't be read.
    pub fn read(files: &Snapshot<'_>) -> Result<Self, InitError> {
        let (manifest, _) = workspace::manifest(files, &ManifestSource::Tree).map_err(InitError::Known)?;
        let projects = manifest.projects.values();
        let own_images = manifest.workspace.own_images.iter();
        Ok(Self {
            text: files.read(&manifest_path())?.unwrap_or_default(),
            names: manifest.projects.keys().cloned().collect(),
            dockerfiles: projects.map(|project| project.dockerfile.value.clone()).collect(),
            own_images: own_images.map(|prefix| prefix.value.clone()).collect(),
            is_cached_in_engine: matches!(manifest.cache.kind, RegistryKind::Engine),
        })
    }
}
