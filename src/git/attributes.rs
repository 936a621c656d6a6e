//! Which `filter` the `.gitattributes` files of a tree give to its files.
//!
//! Only the tree is asked, never `info/attributes` or the configuration of a machine: the answer must be the same
//! everywhere.

use std::collections::BTreeMap;
use std::path::Path;

use gix_attributes::glob::pattern::Case;
use gix_attributes::{Search, StateRef, search};

use super::GitError;
use super::entries::EntryKind;
use super::tree::Snapshot;
use crate::model::{ObjectId, RepoPath};

/// The name of a file of attributes.
pub const ATTRIBUTES_FILE: &str = ".gitattributes";

/// The attribute that names a driver for content.
const FILTER: &str = "filter";

/// The `.gitattributes` files of one tree that can decide on filters, by their folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    files: BTreeMap<RepoPath, Vec<u8>>,
}

/// What changes a file's content between the repository and a checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Git LFS: the blob is a pointer to the content.
    Lfs,
    /// A driver of this name, which only the configuration of a machine describes.
    Other(String),
}

/// A line of a `.gitattributes` file that decides on the filter of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterLine {
    /// `None` where the line says that there is none.
    pub filter: Option<Filter>,
    pub file: RepoPath,
    /// From 1.
    pub line: usize,
}

/// Answers for one path after another; soonest for paths in their order.
pub struct FilterLookup<'a> {
    attributes: &'a Attributes,
    search: Search,
    collection: search::MetadataCollection,
    outcome: search::Outcome,
    /// The folder of the last path, and those of the pattern lists in `search`, each within the one before.
    folder: Option<RepoPath>,
    entered: Vec<&'a RepoPath>,
}

impl std::fmt::Debug for FilterLookup<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FilterLookup").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Whether a path is that of a file of attributes.
pub fn is_attributes_file(path: &RepoPath) -> bool {
    path.file_name() == ATTRIBUTES_FILE.as_bytes()
}

impl Snapshot<'_> {
    /// Reads files of attributes of this tree by their blobs.
    ///
    /// # Errors
    /// [`GitError::Read`] when one can't be read, [`GitError::Fetch`] when a partial clone's remote doesn't give it.
    pub fn attributes(&self, files: &BTreeMap<RepoPath, ObjectId>) -> Result<Attributes, GitError> {
        self.repository().fetch_from_promisor(files.values().copied())?;
        let mut read = BTreeMap::new();
        for (path, id) in files {
            read.insert(path.parent().unwrap_or_default(), self.blob(*id, path)?);
        }
        // A macro, which only the root can define, gives the filter under another name.
        let has_macros = read.get(&RepoPath::default()).is_some_and(|text| contains(text, b"[attr]"));
        if !read.values().any(|text| contains(text, FILTER.as_bytes())) {
            read.clear();
        } else if !has_macros {
            read.retain(|_, text| contains(text, FILTER.as_bytes()));
        }
        Ok(Attributes { files: read })
    }

    /// The blob of the file of attributes in a folder. As for git, a symbolic link is none.
    ///
    /// # Errors
    /// As [`Snapshot::entry`].
    pub fn attributes_file(&self, folder: &RepoPath) -> Result<Option<(RepoPath, ObjectId)>, GitError> {
        let path = folder.join_component(ATTRIBUTES_FILE.as_bytes());
        let entry = self.entry(&path)?;
        let file = entry.filter(|entry| matches!(entry.kind, EntryKind::File(mode) if mode.is_regular()));
        Ok(file.map(|file| (path, file.id)))
    }
}

impl Attributes {
    /// Whether no file has a filter.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    pub fn lookup(&self) -> FilterLookup<'_> {
        FilterLookup {
            attributes: self,
            search: Search::default(),
            collection: search::MetadataCollection::default(),
            outcome: search::Outcome::default(),
            folder: None,
            entered: Vec::new(),
        }
    }
}

impl<'a> FilterLookup<'a> {
    /// The line that decides on the filter of a file; `None` where no line says anything.
    pub fn line(&mut self, path: &RepoPath) -> Option<FilterLine> {
        if self.folder.as_ref().is_none_or(|folder| folder.as_bytes() != path.parent_bytes()) {
            self.enter(path.parent().unwrap_or_default());
        }
        if self.entered.is_empty() {
            return None;
        }
        self.outcome.reset();
        // Whatever the file systems of machines do: the answer must be the same on all of them.
        let (path, case) = (path.as_bytes().into(), Case::Sensitive);
        self.search.pattern_matching_relative_path(path, case, Some(false), &mut self.outcome);
        let found = self.outcome.iter_selected().next()?;
        let file = RepoPath::new(found.location.source?.as_os_str().as_encoded_bytes()).ok()?;
        let filter = match found.assignment.state {
            StateRef::Value(name) if name.as_bstr() == "lfs" => Some(Filter::Lfs),
            StateRef::Value(name) => Some(Filter::Other(name.as_bstr().to_string())),
            StateRef::Set | StateRef::Unset | StateRef::Unspecified => None,
        };
        Some(FilterLine { filter, file, line: found.location.sequence_number })
    }

    /// Whether a file is stored with Git LFS.
    pub fn is_lfs(&mut self, path: &RepoPath) -> bool {
        self.line(path).is_some_and(|line| line.filter == Some(Filter::Lfs))
    }

    /// Makes the lists of patterns those of `folder` and of the folders around it.
    fn enter(&mut self, folder: RepoPath) {
        while let Some(last) = self.entered.last()
            && !folder.is_within(last)
        {
            self.entered.pop();
            self.search.pop_pattern_list();
        }
        let mut missing = Vec::new();
        let mut next = Some(folder.clone());
        while let Some(folder) = next {
            if self.entered.last().is_some_and(|last| **last == folder) {
                break;
            }
            missing.extend(self.attributes.files.get_key_value(&folder));
            next = folder.parent();
        }
        for (folder, text) in missing.into_iter().rev() {
            let file = folder.join_component(ATTRIBUTES_FILE.as_bytes());
            let may_have_macros = folder.is_root();
            let added = self.search.add_patterns_buffer(
                text,
                file.to_os_path(),
                Some(Path::new("")),
                &mut self.collection,
                may_have_macros,
            );
            added.expect("a relative path has a parent, and its bytes are git's");
            self.entered.push(folder);
        }
        self.outcome = search::Outcome::default();
        self.outcome.initialize_with_selection(&self.collection, [FILTER]);
        self.folder = Some(folder);
    }
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}
