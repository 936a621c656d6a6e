//! Blobs by their ids, without a tree around them.

use std::path::{Path, PathBuf};

use super::{GitError, oid};
use crate::model::ObjectId;

/// Reads blobs by their ids, for threads that can't share a [`Repository`](super::Repository).
pub struct Blobs {
    repository: git2::Repository,
    git_dir: PathBuf,
}

impl std::fmt::Debug for Blobs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Blobs").field(&self.git_dir).finish()
    }
}

impl Blobs {
    /// # Errors
    /// [`GitError::Open`] when the object database can't be opened.
    pub fn open(git_dir: &Path) -> Result<Self, GitError> {
        let repository = git2::Repository::open(git_dir).map_err(|source| GitError::open(git_dir, source))?;
        Ok(Self { repository, git_dir: git_dir.to_owned() })
    }

    /// The content of a blob.
    ///
    /// # Errors
    /// [`GitError::Read`] when it isn't there.
    pub fn read(&self, id: ObjectId) -> Result<Vec<u8>, GitError> {
        let blob = self
            .repository
            .find_blob(oid(id))
            .map_err(|source| GitError::read(&format!("blob {id}"), source))?;
        Ok(blob.content().to_vec())
    }

    /// The length of a blob in bytes, from its header alone where it can be had.
    ///
    /// # Errors
    /// [`GitError::Read`] when it isn't there.
    pub fn size(&self, id: ObjectId) -> Result<u64, GitError> {
        let header = self.repository.odb().and_then(|odb| odb.read_header(oid(id)));
        let (bytes, _) = header.map_err(|source| GitError::read(&format!("blob {id}"), source))?;
        Ok(bytes as u64)
    }
}
