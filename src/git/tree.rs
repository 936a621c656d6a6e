//! The files of a tree, found by their paths or walked.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::entries::{EntryKind, entries, raw_entries};
use super::objects::Objects;
use super::{GitError, Repository};
use crate::model::{FileMode, ObjectFormat, ObjectId, RepoPath};

/// Deeper than any repository that people work in; a bound against hostile ones.
const MAX_FOLDERS_DEEP: usize = 2_000;

/// Raw trees by their paths; `None` where no folder is.
type KnownFolders = HashMap<RepoPath, Option<Rc<[u8]>>>;

/// The files of one tree, read when they are asked for.
pub struct Snapshot<'r> {
    repository: &'r Repository,
    objects: Objects,
    root: ObjectId,
    /// Folders that were looked into.
    folders: RefCell<KnownFolders>,
}

/// What a tree holds under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub kind: EntryKind,
    pub id: ObjectId,
}

/// A file that [`Snapshot::walk`] came by.
#[derive(Clone, Copy, Debug)]
pub struct WalkedFile<'a> {
    pub path: &'a RepoPath,
    pub mode: FileMode,
    pub id: ObjectId,
}

impl std::fmt::Debug for Snapshot<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Snapshot").field(&self.root).finish()
    }
}

impl<'r> Snapshot<'r> {
    pub(super) fn new(repository: &'r Repository, root: ObjectId) -> Self {
        Self { repository, objects: repository.objects(), root, folders: RefCell::default() }
    }

    /// The id of the root tree.
    pub fn tree(&self) -> ObjectId {
        self.root
    }

    pub(super) fn object_format(&self) -> ObjectFormat {
        self.repository.object_format()
    }

    pub fn repository(&self) -> &'r Repository {
        self.repository
    }

    /// What is at `path`, or `None` when there is nothing.
    ///
    /// # Errors
    /// [`GitError::Read`] and [`GitError::MalformedTree`] when a tree on the way can't be read.
    pub fn entry(&self, path: &RepoPath) -> Result<Option<Entry>, GitError> {
        if path.is_root() {
            return Ok(Some(Entry { kind: EntryKind::Folder, id: self.root }));
        }
        let known = self.folders.borrow().get(path.parent_bytes()).cloned();
        let tree = match known {
            Some(tree) => tree,
            None => self.folder(&path.parent().unwrap_or_default())?,
        };
        let Some(tree) = tree else {
            return Ok(None);
        };
        let name = path.file_name();
        for entry in raw_entries(&tree, self.object_format()) {
            match entry {
                Ok(entry) if entry.name == name => {
                    return Ok(Some(Entry { kind: entry.kind, id: entry.id }));
                }
                Ok(_) => {}
                Err(reason) => {
                    let folder = path.parent().unwrap_or_default();
                    return Err(GitError::MalformedTree { folder, reason });
                }
            }
        }
        Ok(None)
    }

    /// Whether a folder is at `path`, which is looked into soon: its tree is read.
    ///
    /// # Errors
    /// As [`Snapshot::entry`].
    pub fn has_folder(&self, path: &RepoPath) -> Result<bool, GitError> {
        Ok(self.folder(path)?.is_some())
    }

    /// What a folder holds itself, in git's order; nothing when it isn't there.
    ///
    /// # Errors
    /// As [`Snapshot::entry`].
    pub fn children(&self, folder: &RepoPath) -> Result<Vec<(RepoPath, EntryKind)>, GitError> {
        check_depth(folder, folder.components().count())?;
        let tree = self.folder(folder)?.unwrap_or_default();
        entries(&tree, self.object_format(), folder)
            .map(|entry| entry.map(|entry| (entry.path_in(folder), entry.kind)))
            .collect()
    }

    /// The content of the file at `path`, or `None` when no regular file is there.
    ///
    /// # Errors
    /// As [`Snapshot::entry`].
    pub fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, GitError> {
        self.file(path)?.map(|id| self.blob(id, path)).transpose()
    }

    /// The blob of the regular file at `path`.
    pub(super) fn file(&self, path: &RepoPath) -> Result<Option<ObjectId>, GitError> {
        Ok(match self.entry(path)? {
            Some(Entry { kind: EntryKind::File(FileMode::Regular | FileMode::Executable), id }) => Some(id),
            _ => None,
        })
    }

    /// The content of a blob of this tree; `path` is for messages.
    ///
    /// # Errors
    /// [`GitError::Read`] when it isn't there.
    pub fn blob(&self, id: ObjectId, path: &RepoPath) -> Result<Vec<u8>, GitError> {
        self.objects.blob(id).map_err(|source| GitError::object(id, path, source))
    }

    /// How many bytes a blob of this tree has; `path` is for messages.
    ///
    /// # Errors
    /// As [`Snapshot::blob`].
    pub fn blob_bytes(&self, id: ObjectId, path: &RepoPath) -> Result<u64, GitError> {
        self.objects.blob_size(id).map_err(|source| GitError::object(id, path, source))
    }

    /// Fetches those of these files that a partial clone lacks, all at once; what is no file is passed over.
    ///
    /// # Errors
    /// As [`Snapshot::entry`], and [`GitError::Fetch`] when the remote doesn't give them.
    pub fn fetch_from_promisor(&self, paths: impl IntoIterator<Item = RepoPath>) -> Result<(), GitError> {
        if self.repository.promisor().is_none() {
            return Ok(());
        }
        let mut ids = Vec::new();
        for path in paths {
            if let Some(Entry { kind: EntryKind::File(mode), id }) = self.entry(&path)?
                && mode != FileMode::Submodule
            {
                ids.push(id);
            }
        }
        self.repository.fetch_from_promisor(ids)
    }

    /// Visits every file in path order, except in folders that `enter` refuses.
    ///
    /// # Errors
    /// As [`Snapshot::entry`].
    pub fn walk(
        &self,
        enter: &mut dyn FnMut(&RepoPath) -> bool,
        visit: &mut dyn FnMut(WalkedFile<'_>),
    ) -> Result<(), GitError> {
        self.walk_from(&RepoPath::default(), enter, visit)
    }

    /// As [`Snapshot::walk`], of the file or folder at `path` alone.
    ///
    /// # Errors
    /// As [`Snapshot::entry`].
    pub fn walk_from(
        &self,
        path: &RepoPath,
        enter: &mut dyn FnMut(&RepoPath) -> bool,
        visit: &mut dyn FnMut(WalkedFile<'_>),
    ) -> Result<(), GitError> {
        match self.entry(path)? {
            Some(Entry { kind: EntryKind::Folder, id }) => {
                self.walk_folder(id, path, path.components().count(), enter, visit)
            }
            Some(Entry { kind: EntryKind::File(mode), id }) => {
                visit(WalkedFile { path, mode, id });
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn walk_folder(
        &self,
        tree: ObjectId,
        folder: &RepoPath,
        depth: usize,
        enter: &mut dyn FnMut(&RepoPath) -> bool,
        visit: &mut dyn FnMut(WalkedFile<'_>),
    ) -> Result<(), GitError> {
        if !enter(folder) {
            return Ok(());
        }
        check_depth(folder, depth)?;
        let raw = self.raw_tree(tree, folder)?;
        for entry in entries(&raw, self.object_format(), folder) {
            let entry = entry?;
            let path = entry.path_in(folder);
            match entry.kind {
                EntryKind::Folder => self.walk_folder(entry.id, &path, depth + 1, enter, visit)?,
                EntryKind::File(mode) => visit(WalkedFile { path: &path, mode, id: entry.id }),
            }
        }
        Ok(())
    }

    /// The raw tree with this id; `path` is for messages.
    pub(super) fn raw_tree(&self, id: ObjectId, path: &RepoPath) -> Result<Vec<u8>, GitError> {
        self.objects.tree(id).map_err(|source| GitError::object(id, path, source))
    }

    /// The raw tree of a folder, or `None` when no folder is there.
    fn folder(&self, path: &RepoPath) -> Result<Option<Rc<[u8]>>, GitError> {
        if let Some(known) = self.folders.borrow().get(path) {
            return Ok(known.clone());
        }
        let tree = match self.entry(path)? {
            Some(Entry { kind: EntryKind::Folder, id }) => Some(Rc::from(self.raw_tree(id, path)?)),
            _ => None,
        };
        self.folders.borrow_mut().insert(path.clone(), tree.clone());
        Ok(tree)
    }
}

pub(super) fn check_depth(folder: &RepoPath, depth: usize) -> Result<(), GitError> {
    if depth > MAX_FOLDERS_DEEP {
        let reason = "it lies more than 2,000 folders deep";
        return Err(GitError::MalformedTree { folder: folder.clone(), reason });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::git::ids::empty_tree;

    #[test]
    fn an_empty_folder_is_there_though_git_keeps_no_object_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            command.args(arguments).current_dir(folder.path());
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
        };
        assert!(git(&["init", "-q"]).wait().unwrap().success());
        let mut made = git(&["mktree", "--missing"]);
        writeln!(made.stdin.take().unwrap(), "040000 tree {}\tempty", empty_tree(ObjectFormat::Sha1))
            .unwrap();
        let tree = String::from_utf8(made.wait_with_output().unwrap().stdout).unwrap();
        let repository = Repository::open(folder.path()).unwrap();
        let path = |text: &str| RepoPath::new(text).unwrap();

        let snapshot = repository.snapshot_of_tree(tree.trim().parse().unwrap());

        assert!(snapshot.has_folder(&path("empty")).unwrap());
        assert!(!snapshot.has_folder(&path("absent")).unwrap());
        for file in ["empty/f", "absent/f"] {
            assert_eq!(snapshot.read(&path(file)).unwrap(), None);
        }
    }
}
