//! What a repository says: commits, trees, and what differs between them.
//!
//! Everything is read from the object database, paths as bytes. The work tree matters
//! only to [`Repository::snapshot_of_work_tree`], which makes a tree of it first.

mod ancestry;
mod attributes;
mod blobs;
mod commits;
mod configuration;
mod diff;
mod entries;
mod error;
mod fetch;
mod formats;
mod handle;
mod history;
mod ids;
mod index_files;
mod lfs;
mod objects;
mod open;
mod parallel;
mod program;
mod promisor;
mod references;
mod revision;
mod status;
mod submodule_files;
mod submodules;
mod tree;
mod uncommitted;
mod untracked;
mod work_tree;

use std::path::Path;
use std::sync::Arc;

use gix_object::Kind;

pub use attributes::{Attributes, Filter, FilterLine, is_attributes_file};
pub use blobs::{BlobReader, Blobs};
pub use configuration::Configuration;
pub use entries::{EntryKind, RawEntry, entries as tree_entries};
pub use error::{GitError, NeedsGit};
pub use fetch::{Depth, Wanted};
pub use formats::RepositoryFormat;
pub use history::FirstParents;
pub use lfs::{Download, LfsError, LfsObject, LfsStore};
pub use program::is_there as is_program_there;
pub use status::Filters;
pub use submodule_files::{Fetching, SubmoduleContent, SubmoduleError, SubmoduleFetch, SubmoduleFile};
pub use tree::{Entry, Snapshot, WalkedFile};

use handle::Handle;
use ids::oid;
use objects::{Database, Objects};
use open::{check_owner, open, open_git_dir};

use crate::model::{BranchName, CommitId, ObjectFormat, ObjectId};

/// An open repository, bare or not.
pub struct Repository {
    inner: Handle,
    database: Database,
    /// For commits and tags.
    objects: Objects,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Repository").field(&self.git_dir()).finish()
    }
}

/// Where `HEAD` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub commit: CommitId,
    /// `None` when it is detached.
    pub branch: Option<BranchName>,
}

impl Repository {
    /// Opens the repository that `folder` lies in, or the bare one that it is, with git's usual configuration.
    ///
    /// # Errors
    /// As [`Repository::open_with`].
    pub fn open(folder: &Path) -> Result<Self, GitError> {
        Self::open_with(folder, &Arc::default())
    }

    /// Opens the repository that `folder` lies in, or the bare one that it is.
    ///
    /// # Errors
    /// [`GitError::NoFolder`] and [`GitError::NotARepository`] when there is none,
    /// [`GitError::OwnedByAnother`] when git's `safe.directory` rule forbids it.
    pub fn open_with(folder: &Path, configuration: &Arc<Configuration>) -> Result<Self, GitError> {
        let inner = open(folder, configuration)?;
        check_owner(&inner, folder, configuration)?;
        Ok(Self::of(Database::of(&inner, configuration.clone()), inner))
    }

    /// Opens the same repository once more: what git has written since is seen.
    ///
    /// # Errors
    /// As [`Repository::open_with`].
    pub fn open_again(&self) -> Result<Self, GitError> {
        let inner = open(self.git_dir(), self.database.configuration())?;
        Ok(Self::of(Database::of(&inner, self.database.configuration().clone()), inner))
    }

    /// Opens another repository with the same configuration.
    fn open_another(&self, folder: &Path) -> Result<Self, GitError> {
        Self::open_with(folder, self.database.configuration())
    }

    /// Opens another repository by its git folder, which may name a folder of checked-out files that isn't there.
    fn open_another_git_dir(&self, folder: &Path) -> Result<Self, GitError> {
        let configuration = self.database.configuration();
        let inner = open_git_dir(folder, configuration)?;
        check_owner(&inner, folder, configuration)?;
        Ok(Self::of(Database::of(&inner, configuration.clone()), inner))
    }

    /// Opens the same repository for another thread: a handle is for one.
    ///
    /// It may not know the folder of checked-out files, if that is not the one around the git folder. The function fails as
    /// [`Repository::open_with`] does.
    fn for_another_thread(&self) -> impl Fn() -> Result<Self, GitError> + Send + Sync + use<> {
        let database = self.database.clone();
        move || Ok(Self::of(database.clone(), open(database.git_dir(), database.configuration())?))
    }

    fn of(database: Database, inner: Handle) -> Self {
        Self { objects: Objects::of(database.clone()), database, inner }
    }

    fn objects(&self) -> Objects {
        Objects::of(self.database.clone())
    }

    /// The remote that a partial clone left objects with, or `None` when everything is here.
    fn promisor(&self) -> Option<String> {
        promisor::remote(&self.inner)
    }

    /// By what the repository names its objects.
    fn object_format(&self) -> ObjectFormat {
        self.database.format()
    }

    /// The tree without entries.
    fn empty_tree(&self) -> ObjectId {
        ids::empty_tree(self.object_format())
    }

    /// The `.git` folder, or the bare repository itself.
    pub fn git_dir(&self) -> &Path {
        self.inner.git_dir()
    }

    /// The git folder that all work trees of the repository share.
    pub fn common_dir(&self) -> &Path {
        self.inner.common_dir()
    }

    /// The folder that holds the checked-out files, or `None` in a bare repository.
    pub fn work_dir(&self) -> Option<&Path> {
        self.inner.work_dir()
    }

    /// Finds the commit that is checked out.
    ///
    /// # Errors
    /// [`GitError::Empty`] when there is no commit yet.
    pub fn head(&self) -> Result<Head, GitError> {
        let head = self.inner.references()?.head()?;
        let target = head.target.ok_or_else(|| GitError::Empty { git_dir: self.git_dir().to_owned() })?;
        let commit = self.peel(target)?.ok_or_else(|| GitError::Read {
            what: "`HEAD`".to_owned(),
            source: format!("it leads to {target}, and no such commit is here").into(),
        })?;
        Ok(Head { commit, branch: head.branch.map(BranchName::new) })
    }

    /// Whether the object database holds this commit: a shallow clone may not.
    pub fn has(&self, commit: CommitId) -> bool {
        // One that is damaged is there: who reads it is told so.
        self.objects.here(commit.0).map_or(true, |found| matches!(found, Some((Kind::Commit, _))))
    }

    /// The commit that a branch stands on: its remote-tracking branch at `origin`, else the local one.
    ///
    /// # Errors
    /// [`GitError::Read`] when the references can't be read.
    pub fn branch(&self, branch: &BranchName) -> Result<Option<CommitId>, GitError> {
        let references = self.inner.references()?;
        let names = [format!("refs/remotes/origin/{branch}"), format!("refs/heads/{branch}")];
        let commit = references.first_of(&names)?.map(CommitId);
        Ok(commit.filter(|commit| self.has(*commit)))
    }

    /// The branch that `HEAD` of `origin` stood for when it was cloned; `None` where it isn't known.
    ///
    /// # Errors
    /// [`GitError::Read`] when the reference can't be read.
    pub fn default_branch_of_origin(&self) -> Result<Option<BranchName>, GitError> {
        let target = self.inner.references()?.symbolic_target("refs/remotes/origin/HEAD")?;
        Ok(target.and_then(|target| target.strip_prefix("refs/remotes/origin/").map(BranchName::new)))
    }

    /// A commit's message, with U+FFFD for what is not UTF-8.
    ///
    /// # Errors
    /// [`GitError::Read`] when the commit isn't there.
    pub fn message(&self, commit: CommitId) -> Result<String, GitError> {
        Ok(self.find_commit(commit)?.message)
    }

    /// When a commit was committed, in seconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`GitError::Read`] when the commit isn't there.
    pub fn commit_time(&self, commit: CommitId) -> Result<i64, GitError> {
        Ok(self.find_commit(commit)?.seconds)
    }

    /// The files of a commit.
    ///
    /// # Errors
    /// [`GitError::Read`] when the commit isn't there.
    pub fn snapshot(&self, commit: CommitId) -> Result<Snapshot<'_>, GitError> {
        Ok(self.snapshot_of_tree(self.find_commit(commit)?.tree))
    }

    /// The files of a tree.
    pub fn snapshot_of_tree(&self, tree: ObjectId) -> Snapshot<'_> {
        Snapshot::new(self, tree)
    }

    /// Fetches those of these objects that a partial clone lacks, all at once: one by one, they would be when they are
    /// read. Nothing happens in a clone that is whole.
    ///
    /// # Errors
    /// [`GitError::Fetch`] when the remote doesn't give them.
    pub fn fetch_from_promisor(&self, ids: impl IntoIterator<Item = ObjectId>) -> Result<(), GitError> {
        let Some(remote) = self.promisor() else { return Ok(()) };
        let objects = self.inner.odb().map_err(|source| GitError::read("the objects", source))?;
        let missing: Vec<ObjectId> = ids.into_iter().filter(|id| !objects.exists(oid(*id))).collect();
        if missing.is_empty() {
            return Ok(());
        }
        promisor::fetch_all(self.git(), &remote, &missing)
            .map_err(|source| GitError::Fetch { what: format!("{} objects", missing.len()), source })
    }

    /// Where the URL of `origin` points, if it is configured. Credentials in it are left out.
    pub fn origin_url(&self) -> Option<String> {
        self.inner.remote_url("origin").map(|url| without_credentials(&url))
    }
}

/// A URL without the user and the password that may stand in it.
pub(crate) fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}/{path}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_remote_never_shows_a_password() {
        assert_eq!(without_credentials("https://u:p@git.example/a/b.git"), "https://git.example/a/b.git");
        assert_eq!(without_credentials("git@git.example:a/b.git"), "git@git.example:a/b.git");
    }
}
