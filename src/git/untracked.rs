//! Files of the work tree that git does not track.

use std::fs;

use git2::Index;

use super::ids::git2_format;
use super::{GitError, Repository};
use crate::model::RepoPath;

impl Repository {
    /// Whether git is told to ignore `path` of the work tree, or a folder that it is in.
    ///
    /// # Errors
    /// [`GitError::Read`] when the files that say so can't be read.
    pub fn is_ignored(&self, path: &RepoPath) -> Result<bool, GitError> {
        let failed = |source| GitError::read(&format!("what git ignores, for `{path}`,"), source);
        self.inner.is_path_ignored(&path.to_os_path()).map_err(failed)
    }

    /// Whether the work tree has a file at `path`, or a folder with something in it, of which git neither tracks nor
    /// ignores anything.
    ///
    /// Meant for hints: what can't be told counts as tracked.
    pub fn is_untracked(&self, path: &RepoPath) -> bool {
        let Some(file) = self.work_dir().map(|root| root.join(path.to_os_path())) else { return false };
        let is_there = file.symlink_metadata().is_ok_and(|found| {
            !found.is_dir() || fs::read_dir(&file).is_ok_and(|mut entries| entries.next().is_some())
        });
        is_there
            && !path.is_root()
            && self.is_in_index(path) == Some(false)
            && self.is_ignored(path).is_ok_and(|it| !it)
    }

    /// Whether the index has the file, or one below it; `None` if it can't be read.
    fn is_in_index(&self, path: &RepoPath) -> Option<bool> {
        let index = Index::open_ext(&self.git_dir().join("index"), git2_format(self.object_format())).ok()?;
        let below = [path.as_bytes(), b"/"].concat();
        let is_of_path =
            |entry: git2::IndexEntry| entry.path == path.as_bytes() || entry.path.starts_with(&below);
        Some(index.iter().any(is_of_path))
    }
}
