//! A repository as libgit2 has it open: its folders, configuration, objects and index.
//!
//! Its references are missing here on purpose. libgit2 knows only those in files, and would take a repository that keeps
//! them elsewhere for an empty one: [`Handle::references`] is the only way to them.

use std::path::Path;

use git2::{AttrCheckFlags, Config, Error, Index, Odb, Oid, Tree};

use super::GitError;
use super::references::References;
use crate::model::ObjectFormat;

/// Whoever owns the repository, and whatever keeps its references.
pub(super) struct Handle(git2::Repository);

impl Handle {
    pub(super) fn of(repository: git2::Repository) -> Self {
        Self(repository)
    }

    /// # Errors
    /// [`GitError::UnknownReferences`] when no known format keeps them.
    pub(super) fn references(&self) -> Result<References<'_>, GitError> {
        References::of(&self.0)
    }

    /// By what the repository names its objects.
    pub(super) fn object_format(&self) -> ObjectFormat {
        match self.0.object_format() {
            git2::ObjectFormat::Sha1 => ObjectFormat::Sha1,
            git2::ObjectFormat::Sha256 => ObjectFormat::Sha256,
        }
    }

    /// The `.git` folder, or the bare repository itself.
    pub(super) fn git_dir(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn common_dir(&self) -> &Path {
        self.0.commondir()
    }

    pub(super) fn work_dir(&self) -> Option<&Path> {
        self.0.workdir()
    }

    pub(super) fn config(&self) -> Result<Config, Error> {
        self.0.config()
    }

    /// Where the URL of a remote points, if it is configured.
    pub(super) fn remote_url(&self, name: &str) -> Option<String> {
        self.0.find_remote(name).ok()?.url().ok().map(str::to_owned)
    }

    pub(super) fn odb(&self) -> Result<Odb<'_>, Error> {
        self.0.odb()
    }

    pub(super) fn find_tree(&self, id: Oid) -> Result<Tree<'_>, Error> {
        self.0.find_tree(id)
    }

    pub(super) fn write_blob(&self, content: &[u8]) -> Result<Oid, Error> {
        self.0.blob(content)
    }

    /// The handle's own index, which all that ask for it share.
    pub(super) fn index(&self) -> Result<Index, Error> {
        self.0.index()
    }

    pub(super) fn write_tree(&self, index: &mut Index) -> Result<Oid, Error> {
        index.write_tree_to(&self.0)
    }

    /// Whether a file is ignored, by the files of the work tree, the repository and the user.
    pub(super) fn is_path_ignored(&self, path: &Path) -> Result<bool, Error> {
        self.0.is_path_ignored(path)
    }

    /// Whether a file has an attribute, by the files of the work tree, the user and the system.
    pub(super) fn has_attribute(&self, path: &Path, name: &str) -> Result<bool, Error> {
        Ok(self.0.get_attr_bytes(path, name, AttrCheckFlags::FILE_THEN_INDEX)?.is_some())
    }
}
