//! A tree in parts, for walks on several threads.

use super::entries::{EntryKind, entries};
use super::tree::{Snapshot, WalkedFile};
use super::{GitError, ObjectId};
use crate::model::RepoPath;

/// How deep a tree is taken apart.
const MAX_FOLDERS_SPLIT: usize = 3;

/// A part of a tree, of [`Snapshot::parts`].
#[derive(Clone, Debug)]
pub struct Part {
    folder: RepoPath,
    tree: ObjectId,
    extent: Extent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// Everything below the folder.
    Whole,
    /// The files that lie directly in it.
    OwnFiles,
}

impl Snapshot<'_> {
    /// The whole tree in parts that can be walked apart from each other, on other threads too: `least` or more where
    /// there are so many folders no more than three deep.
    ///
    /// # Errors
    /// As [`Snapshot::entry`].
    pub fn parts(&self, least: usize) -> Result<Vec<Part>, GitError> {
        let mut parts = vec![Part { folder: RepoPath::default(), tree: self.tree(), extent: Extent::Whole }];
        for _ in 0..MAX_FOLDERS_SPLIT {
            if parts.len() >= least {
                break;
            }
            let mut finer = Vec::new();
            for part in parts {
                if part.extent == Extent::Whole {
                    let raw = self.raw_tree(part.tree, &part.folder)?;
                    for entry in entries(&raw, &part.folder) {
                        let entry = entry?;
                        if entry.kind == EntryKind::Folder {
                            let folder = entry.path_in(&part.folder);
                            finer.push(Part { folder, tree: entry.id, extent: Extent::Whole });
                        }
                    }
                }
                finer.push(Part { extent: Extent::OwnFiles, ..part });
            }
            parts = finer;
        }
        Ok(parts)
    }

    /// As [`Snapshot::walk`], of one part.
    ///
    /// # Errors
    /// As [`Snapshot::entry`].
    pub fn walk_part(
        &self,
        part: &Part,
        enter: &mut dyn FnMut(&RepoPath) -> bool,
        visit: &mut dyn FnMut(WalkedFile<'_>),
    ) -> Result<(), GitError> {
        let depth = part.folder.components().count();
        match part.extent {
            Extent::Whole => self.walk_folder(part.tree, &part.folder, depth, enter, visit),
            Extent::OwnFiles => {
                let mut enter = |folder: &RepoPath| *folder == part.folder && enter(folder);
                self.walk_folder(part.tree, &part.folder, depth, &mut enter, visit)
            }
        }
    }
}
