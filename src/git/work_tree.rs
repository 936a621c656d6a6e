//! Uncommitted work, as a tree: what is staged, and tracked files as they are now.

use super::{GitError, ObjectId, Repository, object_id};
use crate::model::{BranchName, CommitId, RepoPath};

/// The work tree's tracked files, as a tree of the object database.
#[derive(Clone, Debug)]
pub struct WorkTree {
    pub tree: ObjectId,
    /// Whether the tree differs from that of `HEAD`.
    pub is_dirty: bool,
}

impl Repository {
    /// Writes what a commit of all tracked files would hold, as `git stash create` does.
    ///
    /// Files that git does not track are not in it; files that were added but not committed are.
    /// Nothing but objects is written: index, references and files stay as they are.
    ///
    /// # Errors
    /// [`GitError::Bare`] without a work tree, [`GitError::Read`] when a file can't be read.
    pub fn snapshot_of_work_tree(&self, head: CommitId) -> Result<WorkTree, GitError> {
        if self.inner.is_bare() {
            return Err(GitError::Bare);
        }
        let failed = |source| GitError::read("the work tree", source);
        let head_tree = self.find_commit(head)?.tree_id();
        let mut index = self.inner.index().map_err(failed)?;
        if index.has_conflicts() {
            return Err(GitError::Conflicts);
        }
        index.update_all(["*"], None).map_err(failed)?;
        let tree = index.write_tree().map_err(failed)?;
        // The handle's index is shared: what was updated above must not linger in it.
        index.read(true).map_err(failed)?;
        Ok(WorkTree { tree: object_id(tree), is_dirty: tree != head_tree })
    }

    /// Writes what a commit of everything that git does not ignore would hold, and `more` files with it.
    ///
    /// There need not be a commit yet. Nothing but objects is written, as with
    /// [`Self::snapshot_of_work_tree`].
    ///
    /// # Errors
    /// [`GitError::Bare`] without a work tree, [`GitError::Read`] when a file can't be read.
    pub fn tree_of_all_files(&self, more: &[(RepoPath, Vec<u8>)]) -> Result<ObjectId, GitError> {
        if self.inner.is_bare() {
            return Err(GitError::Bare);
        }
        let failed = |source| GitError::read("the work tree", source);
        let mut index = self.inner.index().map_err(failed)?;
        if index.has_conflicts() {
            return Err(GitError::Conflicts);
        }
        index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).map_err(failed)?;
        index.update_all(["*"], None).map_err(failed)?;
        for (path, content) in more {
            index.add_frombuffer(&regular_file(path), content).map_err(failed)?;
        }
        let tree = index.write_tree().map_err(failed)?;
        // The handle's index is shared: what was added above must not linger in it.
        index.read(true).map_err(failed)?;
        Ok(object_id(tree))
    }

    /// The branch that is checked out, also where it has no commit yet; `None` when `HEAD` is detached.
    pub fn checked_out_branch(&self) -> Option<BranchName> {
        let head = self.inner.find_reference("HEAD").ok()?;
        let target = head.symbolic_target().ok()??;
        target.strip_prefix("refs/heads/").map(BranchName::new)
    }
}

/// An entry of the index that says nothing but its path and mode.
fn regular_file(path: &RepoPath) -> git2::IndexEntry {
    git2::IndexEntry {
        ctime: git2::IndexTime::new(0, 0),
        mtime: git2::IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode: 0o100_644,
        uid: 0,
        gid: 0,
        file_size: 0,
        id: git2::Oid::ZERO_SHA1,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}
