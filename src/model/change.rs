//! What differs between two trees.

use std::fmt;

use serde::Serialize;

use super::RepoPath;

/// One path that differs between two trees. A rename is a deletion and an addition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    pub path: RepoPath,
    pub kind: ChangeKind,
    pub entry: ChangedEntry,
}

/// What a changed path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangedEntry {
    /// A file or a link, in both trees.
    File,
    /// A submodule, in either tree.
    Submodule,
    /// A file inside of a submodule, which is a change itself.
    InSubmodule,
}

/// How a path differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    Added,
    Deleted,
    /// The content, the mode or the kind of entry.
    Modified,
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Added => "added",
            Self::Deleted => "deleted",
            Self::Modified => "modified",
        })
    }
}
