//! The object database, read without libgit2: its readers take turns at one lock, so that two threads are slower than one.

use std::cell::RefCell;
use std::path::PathBuf;

use gix_object::{Find as _, Kind};

use super::error::Cause;
use super::promised::Promised;
use super::{GitError, Repository};
use crate::model::ObjectId;

/// Git knows it whether or not it was written (`git hash-object -t tree /dev/null`).
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// Reads objects by their ids, packed or loose, alternates included; for one thread.
pub(super) struct Objects {
    store: gix_odb::Handle,
    git_dir: PathBuf,
    /// What is asked for objects that aren't here, once there were such.
    promised: RefCell<Option<Promised>>,
}

impl Objects {
    /// Opens the database of a repository.
    pub(super) fn open(repository: &Repository) -> Result<Self, GitError> {
        let common_dir = repository.common_dir();
        let store = gix_odb::at(common_dir.join("objects"), gix_hash::Kind::Sha1);
        let store = store
            .map_err(|source| GitError::Open { folder: common_dir.to_owned(), source: Box::new(source) })?;
        Ok(Self { store, git_dir: repository.git_dir().to_owned(), promised: RefCell::default() })
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
        let found = self.store.try_find(&gix_hash::ObjectId::Sha1(*id.as_bytes()), &mut content)?;
        let found = match found.map(|found| found.kind) {
            Some(found) => Some((found, content)),
            None => self.promised(id)?,
        };
        match found {
            Some((found, content)) if found == kind => Ok(content),
            Some((found, _)) => Err(format!("it is a {found}, not a {kind}").into()),
            None => Err("the object is not there".into()),
        }
    }

    /// An object that a partial clone left with its remote; `None` in a whole clone.
    fn promised(&self, id: ObjectId) -> Result<Option<(Kind, Vec<u8>)>, Cause> {
        let mut promised = self.promised.borrow_mut();
        if promised.is_none() {
            if Repository::open(&self.git_dir)?.promisor().is_none() {
                return Ok(None);
            }
            *promised = Some(Promised::start(&self.git_dir)?);
        }
        promised.as_mut().map_or(Ok(None), |promised| promised.read(id))
    }
}
