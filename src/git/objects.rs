//! The object database, read with `gix-odb`: libgit2's readers take turns at one lock.

use std::cell::{OnceCell, RefCell};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use gix_object::{Find as _, FindHeader as _, Kind};

use super::configuration::Configuration;
use super::error::Cause;
use super::handle::Handle;
use super::ids::{empty_tree, from_gix, gix_id, gix_kind};
use super::open::open;
use super::promisor::{self, PromisorReader};
use crate::model::{ObjectFormat, ObjectId};

/// The object database of a repository, for any thread: packs are mapped once.
#[derive(Clone)]
pub(super) struct Database(Arc<Shared>);

struct Shared {
    format: ObjectFormat,
    git_dir: PathBuf,
    objects: PathBuf,
    configuration: Arc<Configuration>,
    /// Opened when something is read.
    store: OnceLock<Arc<gix_odb::Store>>,
}

impl Database {
    pub(super) fn of(repository: &Handle, configuration: Arc<Configuration>) -> Self {
        let (git_dir, objects) = (repository.git_dir().to_owned(), repository.common_dir().join("objects"));
        let format = repository.object_format();
        Self(Arc::new(Shared { format, git_dir, objects, configuration, store: OnceLock::new() }))
    }

    pub(super) fn configuration(&self) -> &Arc<Configuration> {
        &self.0.configuration
    }

    pub(super) fn format(&self) -> ObjectFormat {
        self.0.format
    }

    pub(super) fn git_dir(&self) -> &Path {
        &self.0.git_dir
    }

    fn handle(&self) -> Result<gix_odb::HandleArc, Cause> {
        let Shared { format, objects, store, .. } = &*self.0;
        if let Some(store) = store.get() {
            return Ok(store.to_cache_arc());
        }
        let (kind, options) = (gix_kind(*format), gix_odb::store::init::Options::default());
        let opened = gix_odb::Store::at_opts(objects.clone(), kind, &mut std::iter::empty(), options)?;
        Ok(store.get_or_init(|| Arc::new(opened)).to_cache_arc())
    }
}

/// Reads objects by their ids, packed or loose, alternates included; for one thread.
pub(super) struct Objects {
    database: Database,
    handle: OnceCell<gix_odb::HandleArc>,
    /// What is asked for objects that aren't here, once there were such.
    promisor: RefCell<Option<PromisorReader>>,
}

impl Objects {
    pub(super) fn of(database: Database) -> Self {
        Self { database, handle: OnceCell::new(), promisor: RefCell::default() }
    }

    pub(super) fn git_dir(&self) -> &Path {
        self.database.git_dir()
    }

    pub(super) fn tree(&self, id: ObjectId) -> Result<Vec<u8>, Cause> {
        // Git knows it without having it.
        if id == empty_tree(self.database.format()) { Ok(Vec::new()) } else { self.read(id, Kind::Tree) }
    }

    pub(super) fn blob(&self, id: ObjectId) -> Result<Vec<u8>, Cause> {
        self.read(id, Kind::Blob)
    }

    /// How many bytes a blob has, from its header.
    pub(super) fn blob_size(&self, id: ObjectId) -> Result<u64, Cause> {
        let header = if self.can_have(id) { self.handle()?.try_header(&gix_id(id))? } else { None };
        match header {
            Some(header) if header.kind == Kind::Blob => Ok(header.size),
            // What else it is, or where else: who reads it finds out.
            Some(_) | None => Ok(self.blob(id)?.len() as u64),
        }
    }

    /// A commit, which a partial clone has as well.
    pub(super) fn commit(&self, id: ObjectId) -> Result<Vec<u8>, Cause> {
        of_kind(self.here(id)?, Kind::Commit)
    }

    /// The one commit or tag with an id that begins with these digits.
    ///
    /// # Errors
    /// When there are several, or the object database can't be read.
    pub(super) fn with_prefix(&self, digits: &str) -> Result<Option<ObjectId>, Cause> {
        // The library takes up to 40 digits for those of SHA-1.
        let id_digits = 2 * self.database.format().id_bytes();
        let first = format!("{digits:0<id_digits$}").parse().ok();
        let Some(first) = first.filter(|id| self.can_have(*id)) else { return Ok(None) };
        let (handle, mut found) = (self.handle()?, HashSet::new());
        handle.lookup_prefix(gix_hash::Prefix::new(&gix_id(first), digits.len())?, Some(&mut found))?;
        let mut commits = Vec::new();
        for id in found {
            // What is damaged may be one: who reads it is told.
            let kind = handle.try_header(&id).map(|header| header.map(|header| header.kind));
            if matches!(kind, Err(_) | Ok(Some(Kind::Commit | Kind::Tag))) {
                commits.push(from_gix(&id));
            }
        }
        if commits.len() > 1 {
            return Err("the ids of several commits and tags begin with it".into());
        }
        Ok(commits.pop())
    }

    /// An object that is here, whatever a partial clone's remote has.
    pub(super) fn here(&self, id: ObjectId) -> Result<Option<(Kind, Vec<u8>)>, Cause> {
        if !self.can_have(id) {
            return Ok(None);
        }
        let mut content = Vec::new();
        let found = self.handle()?.try_find(&gix_id(id), &mut content)?;
        Ok(found.map(|found| found.kind).map(|kind| (kind, content)))
    }

    /// Whether the id is of the repository's format: the library takes no others.
    fn can_have(&self, id: ObjectId) -> bool {
        id.format() == self.database.format()
    }

    fn read(&self, id: ObjectId, kind: Kind) -> Result<Vec<u8>, Cause> {
        let found = match self.here(id)? {
            None if self.can_have(id) => self.promisor(id)?,
            found => found,
        };
        of_kind(found, kind)
    }

    fn handle(&self) -> Result<&gix_odb::HandleArc, Cause> {
        match self.handle.get() {
            Some(handle) => Ok(handle),
            None => {
                let handle = self.database.handle()?;
                Ok(self.handle.get_or_init(|| handle))
            }
        }
    }

    /// An object that a partial clone left with its remote; `None` in a whole clone.
    fn promisor(&self, id: ObjectId) -> Result<Option<(Kind, Vec<u8>)>, Cause> {
        let mut promisor = self.promisor.borrow_mut();
        if promisor.is_none() {
            let repository = open(self.git_dir(), self.database.configuration())?;
            if promisor::remote(&repository).is_none() {
                return Ok(None);
            }
            *promisor = Some(PromisorReader::start(self.git_dir())?);
        }
        promisor.as_mut().map_or(Ok(None), |promisor| promisor.read(id))
    }
}

fn of_kind(found: Option<(Kind, Vec<u8>)>, kind: Kind) -> Result<Vec<u8>, Cause> {
    match found {
        Some((found, content)) if found == kind => Ok(content),
        Some((found, _)) => Err(format!("it is a {found}, not a {kind}").into()),
        None => Err("the object is not there".into()),
    }
}

#[cfg(test)]
mod tests;
