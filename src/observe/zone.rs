//! Which part of the cache a run may write to.
//!
//! Where `[trust]` protects branches, their images and records are in repositories of their own: access to AWS's can be granted
//! by their names, and not by tags. All other runs write to the same repositories below `unprotected/`, and read both.

use super::{ObserveError, Request};
use crate::ci::CommitContext;
use crate::config::Trust;
use crate::model::{ProjectName, RepoPath, RepositoryName};
use crate::workspace::{self, MANIFEST, ManifestSource, Workspace};

/// Which part of the cache a run writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// Where every run reads; the only one where no branch is protected.
    Protected,
    /// Where only runs of this zone read, besides what is protected.
    Unprotected,
}

impl Zone {
    /// The zone of a commit's run: protected if both the default branch's manifest and its own say that its branch is.
    ///
    /// So a commit can't let itself in. Where the default branch isn't in the clone, its own manifest counts alone: what keeps
    /// people out are the rights of their credentials (`docs/aws.md`).
    ///
    /// # Errors
    /// [`ObserveError`] when the manifest of the default branch can't be read.
    pub fn of(request: Request<'_>, context: &CommitContext) -> Result<Self, ObserveError> {
        let workspace = request.workspace;
        let of_default = of_default_branch(request)?;
        let tables: Vec<&Trust> = workspace.trust.iter().chain(&of_default).collect();
        if tables.is_empty() {
            return Ok(Self::Protected);
        }
        workspace.check_unprotected().map_err(ObserveError::Unprotected)?;
        // Of a merge queue, the branch that it merges into: what it builds becomes that branch's.
        let branch = context.branch_to_read().filter(|_| !request.is_dirty);
        let is_protected = branch.is_some_and(|branch| tables.iter().all(|trust| trust.protects(branch)));
        Ok(if is_protected { Self::Protected } else { Self::Unprotected })
    }

    /// Where a run of this zone keeps images of a project.
    pub fn repository(self, workspace: &Workspace, project: &ProjectName) -> RepositoryName {
        let project = &workspace.projects[project];
        match self {
            Self::Protected => project.repository.clone(),
            Self::Unprotected => workspace.unprotected(&project.config.repository),
        }
    }

    /// Where a run of this zone keeps build records.
    pub fn records(self, workspace: &Workspace) -> RepositoryName {
        match self {
            Self::Protected => workspace.records.clone(),
            Self::Unprotected => workspace.unprotected(&workspace.settings.name.builds_repository()),
        }
    }

    /// Where the jobs of a run of this zone claim projects.
    pub fn claims(self, workspace: &Workspace) -> RepositoryName {
        match self {
            Self::Protected => workspace.claims.clone(),
            Self::Unprotected => workspace.unprotected(&workspace.settings.name.claims_repository()),
        }
    }

    /// The zones that a run of this zone reads, the one that it trusts most first.
    pub fn readable(self) -> &'static [Self] {
        match self {
            Self::Protected => &[Self::Protected],
            Self::Unprotected => &[Self::Protected, Self::Unprotected],
        }
    }
}

/// What the default branch's manifest says, if that branch is here. A manifest that was named for this run is the job's word.
fn of_default_branch(request: Request<'_>) -> Result<Option<Trust>, ObserveError> {
    let Request { repository, snapshot, workspace, source, .. } = request;
    if let ManifestSource::File { .. } = source {
        return Ok(None);
    }
    let Some(tip) = repository.branch(&workspace.settings.default_branch)? else { return Ok(None) };
    let of_default = repository.snapshot(tip)?;
    let file = RepoPath::new(MANIFEST.as_bytes()).expect("the manifest's name is a path");
    // A large manifest takes a while to be read, and is mostly the same or says nothing of trust.
    match of_default.read(&file)? {
        None => Ok(None),
        Some(text) if !text.windows(5).any(|word| word == b"trust") => Ok(None),
        Some(text) if snapshot.read(&file)?.is_some_and(|own| own == text) => Ok(workspace.trust.clone()),
        Some(_) => Ok(workspace::manifest(&of_default, source)?.0.trust),
    }
}
