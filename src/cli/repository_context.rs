//! The repository, the tree that is looked at, and where its manifest comes from.

use std::fs;
use std::path::{Path, PathBuf};

use super::deployed_base::DeployedBase;
use super::environment::Environment;
use super::options::Options;
use crate::ci::{Branch, CheckedOut, CommitContext, Directives, Trust};
use crate::config::Directive;
use crate::error::Error;
use crate::git::{Filters, GitError, Head, Repository, Snapshot};
use crate::model::{ObjectId, RepoPath};
use crate::observe::{self, Missing, Zone};
use crate::workspace::{ManifestSource, Workspace};

/// What a command looks at.
pub(super) struct RepositoryContext {
    pub(super) repository: Repository,
    /// The folder that the command runs in.
    pub(super) directory: PathBuf,
    /// The same from the root of the work tree; `None` outside of it.
    pub(super) folder: Option<RepoPath>,
    pub(super) head: Head,
    /// What the environment says about the head.
    pub(super) context: CommitContext,
    pub(super) trust: Trust,
    /// The tree of the head, or of the work tree.
    pub(super) tree: ObjectId,
    pub(super) is_dirty: bool,
    /// Whether the tree is that of the work tree.
    pub(super) is_of_work_tree: bool,
    pub(super) source: ManifestSource,
    /// Where `--base` names what an environment runs.
    pub(super) deployed_base: Option<DeployedBase>,
}

/// Whether uncommitted work is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Uncommitted {
    Included,
    LeftOut,
}

/// The repository that the command runs in.
pub(super) fn repository(options: &Options, environment: &Environment) -> Result<Repository, Error> {
    let configuration = environment.git_configuration()?;
    Repository::open_with(&options.directory, &configuration).map_err(|error| match error {
        GitError::NotARepository { folder } if environment.ci.is_of_codepipeline() => {
            Error::PipelineWithoutClone { folder }
        }
        error => error.into(),
    })
}

/// A folder from the root of the work tree that it is in.
fn folder(directory: &Path, repository: &Repository) -> Option<RepoPath> {
    let root = repository.work_dir()?.canonicalize().ok()?;
    RepoPath::new(directory.strip_prefix(root).ok()?.as_os_str().as_encoded_bytes()).ok()
}

impl RepositoryContext {
    pub(super) fn new(
        options: &Options,
        environment: &Environment,
        uncommitted: Uncommitted,
    ) -> Result<Self, Error> {
        let repository = repository(options, environment)?;
        let read = |source| Error::Read { path: options.directory.clone(), source };
        let directory = options.directory.canonicalize().map_err(read)?;
        let folder = folder(&directory, &repository);
        let mut head = match &options.head {
            Some(revision) => Head { commit: repository.commit(revision)?, branch: None },
            None => repository.head()?,
        };
        let context = context(&repository, &head, environment)?;
        head.branch = context.branch_name().cloned();
        let trust = environment.ci.trust();
        let mut tree = repository.snapshot(head.commit)?.tree();
        let mut is_dirty = false;
        let has_work_tree = options.head.is_none() && repository.work_dir().is_some();
        let is_of_work_tree = uncommitted == Uncommitted::Included && has_work_tree;
        if is_of_work_tree {
            let filters = if trust.is_trusted() { Filters::Run } else { Filters::NotRun };
            let work_tree = repository.snapshot_of_work_tree(head.commit, filters)?;
            (tree, is_dirty) = (work_tree.tree, work_tree.is_dirty);
        }
        let source = match &options.manifest {
            None => ManifestSource::Tree,
            Some(path) => ManifestSource::File {
                name: path.display().to_string(),
                text: fs::read(path).map_err(|source| Error::Read { path: path.clone(), source })?,
            },
        };
        let mut repo = Self {
            repository,
            directory,
            folder,
            head,
            context,
            trust,
            tree,
            is_dirty,
            is_of_work_tree,
            source,
            deployed_base: None,
        };
        if let Some(revision) = &options.base {
            let workspace = || Ok(Workspace::read(&repo.snapshot(), &repo.source)?);
            repo.deployed_base = DeployedBase::read(revision, workspace, environment)?;
        }
        Ok(repo)
    }

    pub(super) fn snapshot(&self) -> Snapshot<'_> {
        self.repository.snapshot_of_tree(self.tree)
    }

    /// What the commit's message asks for, as far as the manifest lets it; nothing for an untrusted run.
    pub(super) fn directives(&self, workspace: &Workspace) -> Result<Directives, Error> {
        let allowed = &workspace.settings.message_switches;
        if allowed.is_empty() || !self.trust.is_trusted() {
            return Ok(Directives::default());
        }
        let mut directives = Directives::read(&self.repository.message(self.head.commit)?);
        if !allowed.contains(&Directive::Rebuild) {
            (directives.rebuild_all, directives.rebuild) = Default::default();
        }
        directives.dry_deploy &= allowed.contains(&Directive::DryDeploy);
        Ok(directives)
    }

    /// Whether git may fetch. For an untrusted run it doesn't: what is fetched stays in a clone that others may use.
    pub(super) fn missing(&self, options: &Options) -> Missing {
        match (&self.trust, options.fetch_base) {
            (Trust::Trusted, true) => Missing::Fetched,
            (Trust::Untrusted { why }, true) => {
                tracing::warn!("nothing is fetched: {why}");
                Missing::LeftOut
            }
            (_, false) => Missing::LeftOut,
        }
    }

    /// What the library is asked about the projects of this tree.
    pub(super) fn request<'r>(
        &'r self,
        snapshot: &'r Snapshot<'r>,
        workspace: &'r Workspace,
    ) -> observe::Request<'r> {
        observe::Request {
            repository: &self.repository,
            head: self.head.commit,
            snapshot,
            is_dirty: self.is_dirty,
            workspace,
            source: &self.source,
        }
    }

    /// Which part of the cache this run writes to.
    pub(super) fn zone(&self, snapshot: &Snapshot<'_>, workspace: &Workspace) -> Result<Zone, Error> {
        Ok(Zone::of(self.request(snapshot, workspace), &self.context)?)
    }
}

/// What the environment says about the commit that is looked at: the one place where all commands ask.
fn context(repository: &Repository, head: &Head, environment: &Environment) -> Result<CommitContext, Error> {
    let parents = repository.parents(head.commit)?;
    let checked_out = CheckedOut { commit: head.commit, parents: &parents, branch: head.branch.as_ref() };
    let context = environment.ci.about(checked_out)?;
    match context.branch() {
        Branch::Known(branch) => tracing::info!(branch = %branch.value, source = %branch.source, "branch"),
        Branch::Unknown { why } => tracing::info!(why, "no branch"),
    }
    Ok(context)
}
