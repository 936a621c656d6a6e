//! What differs between two trees: a merge-walk over both that skips equal subtrees.
//!
//! libgit2's own diff visits every file; this visits only the folders that differ.
//! There is no rename detection: a file that moved is deleted here and added there.

use std::cmp::Ordering;

use super::GitError;
use super::entries::{EntryKind, RawEntry, entries};
use super::tree::{Snapshot, check_depth};
use crate::model::{Change, ChangeKind, ChangedEntry, FileMode, ObjectId, RepoPath};

impl Snapshot<'_> {
    /// What changed on the way from this snapshot to `newer`, in path order.
    ///
    /// # Errors
    /// As [`Snapshot::entry`].
    pub fn changes_to(&self, newer: &Self) -> Result<Vec<Change>, GitError> {
        let mut walk = Walk { older: self, newer, changes: Vec::new() };
        if self.tree() != newer.tree() {
            walk.folder(Some(self.tree()), Some(newer.tree()), &RepoPath::default(), 0)?;
        }
        Ok(walk.changes)
    }
}

struct Walk<'s, 'r> {
    older: &'s Snapshot<'r>,
    newer: &'s Snapshot<'r>,
    changes: Vec<Change>,
}

impl Walk<'_, '_> {
    /// Compares a folder of both sides; `None` is a side that does not have it.
    fn folder(
        &mut self,
        older: Option<ObjectId>,
        newer: Option<ObjectId>,
        folder: &RepoPath,
        depth: usize,
    ) -> Result<(), GitError> {
        check_depth(folder, depth)?;
        let (old_snapshot, new_snapshot) = (self.older, self.newer);
        let older = older.map(|id| old_snapshot.raw_tree(id, folder)).transpose()?;
        let newer = newer.map(|id| new_snapshot.raw_tree(id, folder)).transpose()?;
        let (old_format, new_format) = (old_snapshot.object_format(), new_snapshot.object_format());
        let mut older = entries(older.as_deref().unwrap_or_default(), old_format, folder).peekable();
        let mut newer = entries(newer.as_deref().unwrap_or_default(), new_format, folder).peekable();
        loop {
            let order = match (older.peek(), newer.peek()) {
                (None, None) => return Ok(()),
                (Some(Ok(old)), Some(Ok(new))) => old.git_order(new),
                (Some(_), None) | (Some(Err(_)), _) => Ordering::Less,
                (None, Some(_)) | (_, Some(Err(_))) => Ordering::Greater,
            };
            let old = if order.is_le() { older.next().transpose()? } else { None };
            let new = if order.is_ge() { newer.next().transpose()? } else { None };
            self.entry(old, new, folder, depth)?;
        }
    }

    /// Compares one entry of both sides, which are both folders or both files where both are there.
    fn entry(
        &mut self,
        old: Option<RawEntry<'_>>,
        new: Option<RawEntry<'_>>,
        folder: &RepoPath,
        depth: usize,
    ) -> Result<(), GitError> {
        let (entry, kind) = match (old, new) {
            (Some(old), Some(new)) if old.id == new.id && old.kind == new.kind => return Ok(()),
            (Some(_), Some(new)) => (new, ChangeKind::Modified),
            (Some(old), None) => (old, ChangeKind::Deleted),
            (None, Some(new)) => (new, ChangeKind::Added),
            (None, None) => return Ok(()),
        };
        let path = entry.path_in(folder);
        if entry.kind == EntryKind::Folder {
            return self.folder(old.map(|old| old.id), new.map(|new| new.id), &path, depth + 1);
        }
        let is_submodule = |entry: RawEntry<'_>| entry.kind == EntryKind::File(FileMode::Submodule);
        let is_submodule = [old, new].into_iter().flatten().any(is_submodule);
        let entry = if is_submodule { ChangedEntry::Submodule } else { ChangedEntry::File };
        self.changes.push(Change { path, kind, entry });
        Ok(())
    }
}
