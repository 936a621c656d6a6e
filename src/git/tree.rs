//! Trees as git stores them: `<mode> <name>NUL<id>` for each entry, in git's order.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::rc::Rc;

use foldhash::fast::RandomState;

use super::objects::Objects;
use super::{GitError, Repository};
use crate::model::{Change, FileMode, ObjectId, RepoPath};

/// Deeper than any repository that people work in; a bound against hostile ones.
const MOST_FOLDERS_DEEP: usize = 2_000;

/// Raw trees by their paths; `None` where no folder is.
type KnownFolders = HashMap<RepoPath, Option<Rc<[u8]>>, RandomState>;

/// The files of one tree, read when they are asked for.
pub struct Snapshot<'r> {
    repository: &'r Repository,
    objects: Objects,
    root: ObjectId,
    /// Folders that [`Snapshot::entry`] has been through.
    folders: RefCell<KnownFolders>,
}

/// What a tree holds under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub kind: EntryKind,
    pub id: ObjectId,
}

/// A folder, or a file of some mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    Folder,
    File(FileMode),
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
        Self { repository, objects: Objects::open(repository), root, folders: RefCell::default() }
    }

    /// The id of the root tree.
    pub fn tree(&self) -> ObjectId {
        self.root
    }

    pub fn repository(&self) -> &'r Repository {
        self.repository
    }

    /// What is at `path`, or `None` when there is nothing.
    ///
    /// # Errors
    /// [`GitError::Read`] and [`GitError::MalformedTree`] when a tree on the way can't be read.
    pub fn entry(&self, path: &RepoPath) -> Result<Option<Entry>, GitError> {
        let Some(parent) = path.parent() else {
            return Ok(Some(Entry { kind: EntryKind::Folder, id: self.root }));
        };
        let Some(tree) = self.folder(&parent)? else {
            return Ok(None);
        };
        for entry in entries(&tree, &parent) {
            let entry = entry?;
            if entry.name == path.file_name() {
                return Ok(Some(Entry { kind: entry.kind, id: entry.id }));
            }
        }
        Ok(None)
    }

    /// What a folder holds itself, in git's order; nothing when it isn't there.
    ///
    /// # Errors
    /// As [`Snapshot::entry`].
    pub fn children(&self, folder: &RepoPath) -> Result<Vec<(RepoPath, EntryKind)>, GitError> {
        let tree = self.folder(folder)?.unwrap_or_default();
        entries(&tree, folder).map(|entry| entry.map(|entry| (entry.path_in(folder), entry.kind))).collect()
    }

    /// The content of the file at `path`, or `None` when no regular file is there.
    ///
    /// # Errors
    /// As [`Snapshot::entry`].
    pub fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, GitError> {
        match self.entry(path)? {
            Some(Entry { kind: EntryKind::File(FileMode::Regular | FileMode::Executable), id }) => {
                self.blob(id, path).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The content of a blob of this tree; `path` is for messages.
    ///
    /// # Errors
    /// [`GitError::Read`] when it isn't there.
    pub fn blob(&self, id: ObjectId, path: &RepoPath) -> Result<Vec<u8>, GitError> {
        self.objects.blob(id).map_err(|source| GitError::object(id, path, source))
    }

    /// Fetches those of these files that a partial clone lacks, all at once; what is no file is passed over.
    ///
    /// # Errors
    /// As [`Snapshot::entry`], and [`GitError::Fetch`] when the remote doesn't give them.
    pub fn fetch_promised(&self, paths: impl IntoIterator<Item = RepoPath>) -> Result<(), GitError> {
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
        self.repository.fetch_promised(ids)
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
        self.walk_folder(self.root, &RepoPath::default(), 0, enter, visit)
    }

    pub(super) fn walk_folder(
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
        for entry in entries(&raw, folder) {
            let entry = entry?;
            let path = entry.path_in(folder);
            match entry.kind {
                EntryKind::Folder => self.walk_folder(entry.id, &path, depth + 1, enter, visit)?,
                EntryKind::File(mode) => visit(WalkedFile { path: &path, mode, id: entry.id }),
            }
        }
        Ok(())
    }

    /// What changed on the way from this snapshot to `newer`, in path order.
    ///
    /// # Errors
    /// As [`Snapshot::entry`].
    pub fn changes_to(&self, newer: &Self) -> Result<Vec<Change>, GitError> {
        super::diff::changes(self, newer)
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
    if depth > MOST_FOLDERS_DEEP {
        let reason = "it lies more than 2,000 folders deep";
        return Err(GitError::MalformedTree { folder: folder.clone(), reason });
    }
    Ok(())
}

/// One entry of a raw tree.
#[derive(Clone, Copy, Debug)]
pub struct RawEntry<'t> {
    /// As it is written: git wrote modes in more than one way.
    pub mode: &'t [u8],
    /// One component of a path, checked.
    pub name: &'t [u8],
    pub kind: EntryKind,
    pub id: ObjectId,
}

impl RawEntry<'_> {
    pub(super) fn path_in(&self, folder: &RepoPath) -> RepoPath {
        folder.join_component(self.name)
    }

    /// Git's order of entries: a folder counts as if its name ended with `/`.
    pub fn git_order(&self, other: &Self) -> Ordering {
        let common = self.name.len().min(other.name.len());
        let end = |entry: &Self| {
            let folder_end = if entry.kind == EntryKind::Folder { b'/' } else { 0 };
            entry.name.get(common).copied().unwrap_or(folder_end)
        };
        self.name[..common]
            .cmp(&other.name[..common])
            .then_with(|| end(self).cmp(&end(other)))
            .then_with(|| self.name.len().cmp(&other.name.len()))
    }
}

/// Reads the entries of a raw tree, as they come; `folder` is for messages.
///
/// Nothing of a repository is asked: the bytes of a tree object, without its header, are enough. After an
/// error there are no more entries.
///
/// # Errors
/// [`GitError::MalformedTree`] for what is no entry, and for names that git itself would refuse.
pub fn entries<'t>(
    tree: &'t [u8],
    folder: &RepoPath,
) -> impl Iterator<Item = Result<RawEntry<'t>, GitError>> {
    let mut rest = tree;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (entry, after) = match split_entry(rest) {
            Ok(split) => split,
            Err(reason) => {
                rest = &[];
                return Some(Err(GitError::MalformedTree { folder: folder.clone(), reason }));
            }
        };
        rest = after;
        Some(Ok(entry))
    })
}

fn split_entry(tree: &[u8]) -> Result<(RawEntry<'_>, &[u8]), &'static str> {
    let space = tree.iter().position(|&byte| byte == b' ').ok_or("an entry has no mode")?;
    let (mode, rest) = (&tree[..space], &tree[space + 1..]);
    let end = rest.iter().position(|&byte| byte == 0).ok_or("a name does not end")?;
    let (name, rest) = (&rest[..end], &rest[end + 1..]);
    let (id, rest) = rest.split_first_chunk::<20>().ok_or("an object id is cut off")?;
    if matches!(name, b"" | b"." | b"..") || name.contains(&b'/') {
        return Err("an entry has a name that could leave its folder");
    }
    Ok((RawEntry { mode, name, kind: entry_kind(mode)?, id: ObjectId::from_bytes(*id) }, rest))
}

fn entry_kind(mode: &[u8]) -> Result<EntryKind, &'static str> {
    match mode {
        b"40000" | b"040000" => Ok(EntryKind::Folder),
        b"120000" => Ok(EntryKind::File(FileMode::Symlink)),
        b"160000" => Ok(EntryKind::File(FileMode::Submodule)),
        [b'1', b'0', b'0', permissions @ ..] if permissions.len() == 3 => {
            let owner_executes = matches!(permissions[0], b'1' | b'3' | b'5' | b'7');
            Ok(EntryKind::File(if owner_executes { FileMode::Executable } else { FileMode::Regular }))
        }
        _ => Err("an entry has a mode that git does not know"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut tree = Vec::new();
        for (mode, name) in entries {
            tree.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            tree.extend_from_slice(&[7; 20]);
        }
        tree
    }

    fn read(tree: &[u8]) -> Result<Vec<EntryKind>, GitError> {
        entries(tree, &RepoPath::default()).map(|entry| entry.map(|entry| entry.kind)).collect()
    }

    #[test]
    fn every_mode_is_read_and_an_unknown_one_is_an_error() {
        let tree = raw(&[
            ("100644", "a"),
            ("100755", "b"),
            ("100664", "c"),
            ("120000", "d"),
            ("160000", "e"),
            ("40000", "f"),
        ]);

        let kinds = read(&tree).unwrap();

        use FileMode::{Executable, Regular, Submodule, Symlink};
        let files = [Regular, Executable, Regular, Symlink, Submodule].map(EntryKind::File);
        assert_eq!(kinds[..5], files);
        assert_eq!(kinds[5], EntryKind::Folder);
        assert!(read(&raw(&[("777", "a")])).is_err());
    }

    #[test]
    fn a_hostile_tree_is_an_error_and_never_a_panic() {
        for name in ["", ".", "..", "a/b"] {
            assert!(read(&raw(&[("100644", name)])).is_err(), "{name:?} was accepted");
        }
        let whole = raw(&[("100644", "a"), ("40000", "b")]);
        for cut in 1..whole.len() {
            let _ = read(&whole[..cut]);
        }
    }

    #[test]
    fn a_folder_sorts_as_if_its_name_ended_with_a_slash() {
        let entry = |name, kind| RawEntry { mode: b"", name, kind, id: ObjectId::from_bytes([0; 20]) };
        let file = EntryKind::File(FileMode::Regular);

        assert_eq!(entry(b"a", EntryKind::Folder).git_order(&entry(b"a.b", file)), Ordering::Greater);
        assert_eq!(entry(b"a", file).git_order(&entry(b"a.b", file)), Ordering::Less);
        assert_eq!(entry(b"a", file).git_order(&entry(b"a", EntryKind::Folder)), Ordering::Less);
    }
}
