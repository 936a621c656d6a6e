//! The object database, read without libgit2: its readers take turns at one lock, so that two threads are slower than one.

use std::cell::{OnceCell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gix_object::{Find as _, FindHeader as _, Kind};

use super::error::Cause;
use super::packs::{Packs, Scratch};
use super::promised::Promised;
use super::{EMPTY_TREE, Repository};
use crate::model::ObjectId;

/// Where the objects of a repository are, for any thread.
#[derive(Clone)]
pub(super) struct Location {
    packs: Arc<Packs>,
    folders: Arc<Folders>,
}

struct Folders {
    git_dir: PathBuf,
    common_dir: PathBuf,
}

impl Location {
    pub(super) fn of(repository: &Repository) -> Self {
        let folders = Folders {
            git_dir: repository.git_dir().to_owned(),
            common_dir: repository.common_dir().to_owned(),
        };
        Self { packs: repository.packs(), folders: Arc::new(folders) }
    }

    pub(super) fn git_dir(&self) -> &Path {
        &self.folders.git_dir
    }
}

/// Reads objects by their ids, packed or loose, alternates included; for one thread.
pub(super) struct Objects {
    location: Location,
    trees: RefCell<Scratch>,
    blobs: RefCell<Scratch>,
    /// What has the objects that the packs don't, once there was one.
    store: OnceCell<gix_odb::Handle>,
    /// What is asked for objects that aren't here, once there were such.
    promised: RefCell<Option<Promised>>,
}

impl Objects {
    pub(super) fn at(location: Location) -> Self {
        Self {
            location,
            trees: Scratch::for_trees().into(),
            blobs: Scratch::for_blobs().into(),
            store: OnceCell::new(),
            promised: RefCell::default(),
        }
    }

    pub(super) fn git_dir(&self) -> &Path {
        self.location.git_dir()
    }

    pub(super) fn tree(&self, id: ObjectId) -> Result<Vec<u8>, Cause> {
        self.read(id, Kind::Tree)
    }

    pub(super) fn blob(&self, id: ObjectId) -> Result<Vec<u8>, Cause> {
        self.read(id, Kind::Blob)
    }

    /// How many bytes a blob has, from its header.
    pub(super) fn blob_size(&self, id: ObjectId) -> Result<u64, Cause> {
        let header = self.store()?.try_header(&gix_hash::ObjectId::Sha1(*id.as_bytes()))?;
        match header {
            Some(header) if header.kind == Kind::Blob => Ok(header.size),
            // What else it is, or where else: who reads it finds out.
            Some(_) | None => Ok(self.blob(id)?.len() as u64),
        }
    }

    /// The same for several objects, in less time than for one after the other. Each is read when it is asked for.
    pub(super) fn trees(&self, ids: Vec<ObjectId>) -> impl Iterator<Item = Result<Vec<u8>, Cause>> {
        self.read_all(ids, Kind::Tree)
    }

    pub(super) fn blobs(&self, ids: Vec<ObjectId>) -> impl Iterator<Item = Result<Vec<u8>, Cause>> {
        self.read_all(ids, Kind::Blob)
    }

    fn read_all(&self, ids: Vec<ObjectId>, kind: Kind) -> impl Iterator<Item = Result<Vec<u8>, Cause>> {
        let places = self.location.packs.places(&ids);
        ids.into_iter().zip(places).map(move |(id, place)| {
            let read = |place| self.location.packs.read_at(place, &mut self.scratch(kind).borrow_mut());
            self.packed_or_else(place.and_then(read), id, kind)
        })
    }

    fn read(&self, id: ObjectId, kind: Kind) -> Result<Vec<u8>, Cause> {
        let packed = self.location.packs.read(id, &mut self.scratch(kind).borrow_mut());
        self.packed_or_else(packed, id, kind)
    }

    fn scratch(&self, kind: Kind) -> &RefCell<Scratch> {
        if kind == Kind::Tree { &self.trees } else { &self.blobs }
    }

    /// What was found in a pack, if it is what it should be; else what the library says, or the remote.
    fn packed_or_else(
        &self,
        packed: Option<(Kind, Vec<u8>)>,
        id: ObjectId,
        kind: Kind,
    ) -> Result<Vec<u8>, Cause> {
        // Git knows it without having it.
        if id == EMPTY_TREE && kind == Kind::Tree {
            return Ok(Vec::new());
        }
        if let Some((_, content)) = packed.filter(|(found, _)| *found == kind) {
            return Ok(content);
        }
        let mut content = Vec::new();
        let found = self.store()?.try_find(&gix_hash::ObjectId::Sha1(*id.as_bytes()), &mut content)?;
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

    fn store(&self) -> Result<&gix_odb::Handle, Cause> {
        match self.store.get() {
            Some(store) => Ok(store),
            None => {
                let store =
                    gix_odb::at(self.location.folders.common_dir.join("objects"), gix_hash::Kind::Sha1)?;
                Ok(self.store.get_or_init(|| store))
            }
        }
    }

    /// An object that a partial clone left with its remote; `None` in a whole clone.
    fn promised(&self, id: ObjectId) -> Result<Option<(Kind, Vec<u8>)>, Cause> {
        let mut promised = self.promised.borrow_mut();
        if promised.is_none() {
            if Repository::open(self.git_dir())?.promisor().is_none() {
                return Ok(None);
            }
            *promised = Some(Promised::start(self.git_dir())?);
        }
        promised.as_mut().map_or(Ok(None), |promised| promised.read(id))
    }
}
