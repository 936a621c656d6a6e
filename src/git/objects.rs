//! The object database, read with `gix-odb`: libgit2's readers take turns at one lock.

use std::cell::{OnceCell, RefCell};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use gix_object::{Find as _, FindHeader as _, Kind};

use super::EMPTY_TREE;
use super::configuration::Configuration;
use super::error::Cause;
use super::handle::Handle;
use super::open::open;
use super::promisor::{self, PromisorReader};
use crate::model::ObjectId;

/// The object database of a repository, for any thread: packs are mapped once.
#[derive(Clone)]
pub(super) struct Database(Arc<Shared>);

struct Shared {
    git_dir: PathBuf,
    objects: PathBuf,
    configuration: Arc<Configuration>,
    /// Opened when something is read.
    store: OnceLock<Arc<gix_odb::Store>>,
}

impl Database {
    pub(super) fn of(repository: &Handle, configuration: Arc<Configuration>) -> Self {
        let (git_dir, objects) = (repository.git_dir().to_owned(), repository.common_dir().join("objects"));
        Self(Arc::new(Shared { git_dir, objects, configuration, store: OnceLock::new() }))
    }

    pub(super) fn configuration(&self) -> &Arc<Configuration> {
        &self.0.configuration
    }

    pub(super) fn git_dir(&self) -> &Path {
        &self.0.git_dir
    }

    fn handle(&self) -> Result<gix_odb::HandleArc, Cause> {
        let Shared { objects, store, .. } = &*self.0;
        if let Some(store) = store.get() {
            return Ok(store.to_cache_arc());
        }
        let (sha1, options) = (gix_hash::Kind::Sha1, gix_odb::store::init::Options::default());
        let opened = gix_odb::Store::at_opts(objects.clone(), sha1, &mut std::iter::empty(), options)?;
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
        if id == EMPTY_TREE { Ok(Vec::new()) } else { self.read(id, Kind::Tree) }
    }

    pub(super) fn blob(&self, id: ObjectId) -> Result<Vec<u8>, Cause> {
        self.read(id, Kind::Blob)
    }

    /// How many bytes a blob has, from its header.
    pub(super) fn blob_size(&self, id: ObjectId) -> Result<u64, Cause> {
        match self.handle()?.try_header(&gix_hash::ObjectId::Sha1(*id.as_bytes()))? {
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
        let (handle, mut found) = (self.handle()?, HashSet::new());
        handle.lookup_prefix(gix_hash::Prefix::from_hex(digits)?, Some(&mut found))?;
        let mut commits = Vec::new();
        for id in found {
            // What is damaged may be one: who reads it is told.
            let kind = handle.try_header(&id).map(|header| header.map(|header| header.kind));
            if matches!(kind, Err(_) | Ok(Some(Kind::Commit | Kind::Tag))) {
                commits.push(ObjectId::from_bytes(id.as_bytes().try_into()?));
            }
        }
        if commits.len() > 1 {
            return Err("the ids of several commits and tags begin with it".into());
        }
        Ok(commits.pop())
    }

    /// An object that is here, whatever a partial clone's remote has.
    pub(super) fn here(&self, id: ObjectId) -> Result<Option<(Kind, Vec<u8>)>, Cause> {
        let mut content = Vec::new();
        let found = self.handle()?.try_find(&gix_hash::ObjectId::Sha1(*id.as_bytes()), &mut content)?;
        Ok(found.map(|found| found.kind).map(|kind| (kind, content)))
    }

    fn read(&self, id: ObjectId, kind: Kind) -> Result<Vec<u8>, Cause> {
        let found = match self.here(id)? {
            None => self.promisor(id)?,
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
mod tests {
    use std::process::Command;

    use super::*;
    use crate::git::Repository;

    fn git(folder: &Path, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
            .args(arguments)
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// A repository with one pack of trees and blobs, most of them deltas of others.
    fn repository() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q"]);
        let mut text: Vec<u8> =
            (0..4000_u32).flat_map(|number| format!("{number:x} line\n").into_bytes()).collect();
        for version in 0..30_usize {
            text.splice(version * 50..version * 50 + 3, format!("<{version}>").into_bytes());
            for file in ["a/f", "a/g", "b/f"] {
                let file = folder.path().join(file);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(&file, &text).unwrap();
                text.rotate_left(70_000 / (version + 1) % 1000);
            }
            git(folder.path(), &["add", "-A"]);
            git(folder.path(), &["commit", "-q", "-m", "c"]);
        }
        git(folder.path(), &["repack", "-adfq", "--depth=50", "--window=50"]);
        folder
    }

    fn ids(folder: &Path) -> Vec<(ObjectId, Kind)> {
        let all = git(folder, &["cat-file", "--batch-check", "--batch-all-objects"]);
        let line = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            (words[0].parse().unwrap(), Kind::from_bytes(words[1].as_bytes()).unwrap())
        };
        String::from_utf8(all).unwrap().lines().map(line).collect()
    }

    /// The file of the one pack that ends so.
    fn file_of_pack(folder: &Path, end: &str) -> PathBuf {
        let files = std::fs::read_dir(folder.join(".git/objects/pack")).unwrap().flatten();
        files.map(|file| file.path()).find(|file| file.extension().unwrap() == end).unwrap()
    }

    fn objects(folder: &Path) -> Objects {
        Repository::open(folder).unwrap().objects()
    }

    #[test]
    fn every_packed_tree_and_blob_is_what_git_says() {
        let folder = repository();
        let folder = folder.path();
        let bases = git(folder, &["cat-file", "--batch-check=%(deltabase)", "--batch-all-objects"]);
        let deltas = String::from_utf8(bases).unwrap();
        assert!(deltas.lines().filter(|base| !base.starts_with("0000")).count() > 50, "no deltas");

        for version in ["2", "1"] {
            let pack = file_of_pack(folder, "pack");
            std::fs::remove_file(file_of_pack(folder, "idx")).unwrap();
            git(folder, &["index-pack", &format!("--index-version={version}"), pack.to_str().unwrap()]);
            let objects = objects(folder);

            for (id, kind) in ids(folder).into_iter().filter(|(_, kind)| *kind != Kind::Commit) {
                let content = objects.read(id, kind).unwrap();
                assert_eq!(content, git(folder, &["cat-file", &kind.to_string(), &id.to_string()]));
            }
        }
    }

    #[test]
    fn a_damaged_pack_is_an_error_and_never_a_panic() {
        let folder = repository();
        let folder = folder.path();
        let ids = ids(folder);
        // Behind what would not be opened at all.
        for (end, from) in [("pack", 12), ("idx", 8 + 256 * 4)] {
            let file = file_of_pack(folder, end);
            let whole = std::fs::read(&file).unwrap();
            std::fs::remove_file(&file).unwrap();
            let mut errors = 0;

            for round in 0..40_usize {
                let mut damaged = whole.clone();
                for place in (from + round * 7..damaged.len()).step_by(97 + round) {
                    damaged[place] ^= 1 << (round % 8);
                }
                if round % 2 == 0 {
                    damaged.truncate(damaged.len() - round * whole.len() / 50);
                }
                std::fs::write(&file, &damaged).unwrap();
                let objects = objects(folder);

                errors += ids.iter().filter(|(id, kind)| objects.read(*id, *kind).is_err()).count();
            }
            assert!(errors > 0, "{end}");
            std::fs::write(&file, whole).unwrap();
        }
    }
}
