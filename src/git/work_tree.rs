//! Uncommitted work, as a tree: what is staged, and tracked files as they are now.

use super::{GitError, ObjectId, Repository, object_id};
use crate::model::{CommitId, RepoPath};

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

    /// Where a path of the repository is in the file system.
    pub fn path_in_work_tree(&self, path: &RepoPath) -> Option<std::path::PathBuf> {
        Some(self.work_dir()?.join(path.to_os_path()))
    }
}
