//! Uncommitted work, as a tree: what is staged, and tracked files as they are now.

use git2::Index;

use super::ids::{git2_format, object_id, oid};
use super::program::WorkTreeGit;
use super::uncommitted::{Uncommitted, WorkTree};
use super::{Filters, GitError, ObjectId, Repository};
use crate::model::{BranchName, CommitId, RepoPath};

impl Repository {
    /// Writes what a commit of all tracked files would hold, as `git stash create` does.
    ///
    /// Files that git does not track are not in it; files that were added but not committed are. Dirty is what
    /// `git status` calls so, and where only git itself can tell, it is asked. Nothing but objects is written: index,
    /// references and files stay as they are.
    ///
    /// # Errors
    /// [`GitError::Bare`] without a work tree, [`GitError::Conflicts`], [`GitError::Read`] when a file can't be read,
    /// [`GitError::NeedsGit`] where git is needed and isn't there, [`GitError::FilterNotRun`] where a filter is.
    pub fn snapshot_of_work_tree(&self, head: CommitId, filters: Filters) -> Result<WorkTree, GitError> {
        let root = self.work_dir().ok_or(GitError::Bare)?;
        let head_tree = self.find_commit(head)?.tree;
        match self.uncommitted_without_git(root, head_tree)? {
            Uncommitted::Known(work_tree) => Ok(work_tree),
            Uncommitted::OnlyGit(why) => self.uncommitted_of_git(root, head_tree, filters, &why),
        }
    }

    /// Writes what a commit of everything that git does not ignore would hold, and `more` files with it.
    ///
    /// There need not be a commit yet. Nothing but objects is written, as with
    /// [`Self::snapshot_of_work_tree`].
    ///
    /// # Errors
    /// [`GitError::Bare`] without a work tree, [`GitError::Read`] when a file can't be read.
    pub fn tree_of_all_files(&self, more: &[(RepoPath, Vec<u8>)]) -> Result<ObjectId, GitError> {
        let root = self.work_dir().ok_or(GitError::Bare)?;
        let by_git = match self.uncommitted_without_git(root, self.empty_tree())? {
            Uncommitted::Known(_) => None,
            Uncommitted::OnlyGit(why) => {
                match self.tree_by_git(&WorkTreeGit::new(self, root, &why), &["add", "--all"]) {
                    // What libgit2 makes of the files is near enough to see what could be built.
                    Err(GitError::NeedsGit { .. }) => None,
                    tree => Some(tree?),
                }
            }
        };
        let tree = by_git.map_or_else(|| self.tree_by_libgit2(), Ok)?;
        if more.is_empty() {
            return Ok(tree);
        }
        let failed = |source| GitError::read("the work tree", source);
        let mut index = Index::new_ext(git2_format(self.object_format())).map_err(failed)?;
        index.read_tree(&self.inner.find_tree(oid(tree)).map_err(failed)?).map_err(failed)?;
        for (path, content) in more {
            let id = self.inner.write_blob(content).map_err(failed)?;
            index.add(&regular_file(path, id)).map_err(failed)?;
        }
        Ok(object_id(self.inner.write_tree(&mut index).map_err(failed)?))
    }

    fn tree_by_libgit2(&self) -> Result<ObjectId, GitError> {
        let failed = |source| GitError::read("the work tree", source);
        let mut index = self.inner.index().map_err(failed)?;
        index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).map_err(failed)?;
        index.update_all(["*"], None).map_err(failed)?;
        let tree = index.write_tree().map_err(failed)?;
        // The handle's index is shared: what was added above must not linger in it.
        index.read(true).map_err(failed)?;
        Ok(object_id(tree))
    }

    /// The branch that is checked out, also where it has no commit yet; `None` when `HEAD` is detached.
    ///
    /// # Errors
    /// [`GitError::Read`] when `HEAD` can't be read.
    pub fn checked_out_branch(&self) -> Result<Option<BranchName>, GitError> {
        Ok(self.inner.references()?.head()?.branch.map(BranchName::new))
    }
}

/// An entry of the index that says nothing but its path, mode and content.
fn regular_file(path: &RepoPath, id: git2::Oid) -> git2::IndexEntry {
    git2::IndexEntry {
        ctime: git2::IndexTime::new(0, 0),
        mtime: git2::IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode: 0o100_644,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}
