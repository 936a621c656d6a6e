//! The object database, read without libgit2: its readers take turns at one lock, so that two threads are slower than one.

use std::path::Path;

use gix_object::{Find, Kind};

use super::GitError;
use super::error::Cause;
use crate::model::ObjectId;

/// Git knows it whether or not it was written (`git hash-object -t tree /dev/null`).
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// Reads objects by their ids, packed or loose, alternates included; for one thread.
pub(super) struct Objects {
    store: gix_odb::Handle,
}

impl Objects {
    /// Opens the database of the repository whose work trees share `common_dir`.
    pub(super) fn open(common_dir: &Path) -> Result<Self, GitError> {
        let store = gix_odb::at(common_dir.join("objects"), gix_hash::Kind::Sha1);
        let store = store
            .map_err(|source| GitError::Open { folder: common_dir.to_owned(), source: Box::new(source) })?;
        Ok(Self { store })
    }

    pub(super) fn tree(&self, id: ObjectId) -> Result<Vec<u8>, Cause> {
        if id.to_string() == EMPTY_TREE {
            return Ok(Vec::new());
        }
        self.read(id, Kind::Tree)
    }

    pub(super) fn blob(&self, id: ObjectId) -> Result<Vec<u8>, Cause> {
        self.read(id, Kind::Blob)
    }

    fn read(&self, id: ObjectId, kind: Kind) -> Result<Vec<u8>, Cause> {
        let mut content = Vec::new();
        let id = gix_hash::ObjectId::Sha1(*id.as_bytes());
        match self.store.try_find(&id, &mut content)?.map(|found| found.kind) {
            Some(found) if found == kind => Ok(content),
            Some(found) => Err(format!("it is a {found}, not a {kind}").into()),
            None => Err("the object is not there".into()),
        }
    }
}
