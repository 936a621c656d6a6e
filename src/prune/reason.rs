//! Why something may be deleted.

use std::fmt;

use super::{Image, Record};
use crate::model::{ManifestDigest, Tag};

/// Why nothing needs an image or a record any more. That it is old is always a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It has tags of branches, and none of these branches is there any more.
    BranchGone { tags: Vec<Tag> },
    /// Of an image of the cache: no branch, no environment and no record that stays names it.
    Unneeded,
    /// Of a build record: its commit is old, and it is the newest of no branch.
    OldCommit,
    /// Of an image in a registry that environments pull from: no environment runs it, and none has run it.
    NeverRan,
    /// It is the image of a platform, and what lists it is deleted.
    OfPlatform { index: ManifestDigest },
}

impl Reason {
    pub(super) fn of_image(image: &Image) -> Self {
        Self::gone_branches(image.tags.iter()).unwrap_or(Self::Unneeded)
    }

    pub(super) fn of_record(record: &Record) -> Self {
        Self::gone_branches(record.tags.iter()).unwrap_or(Self::OldCommit)
    }

    fn gone_branches<'t>(tags: impl Iterator<Item = &'t Tag>) -> Option<Self> {
        let tags: Vec<Tag> = tags.filter(|tag| tag.is_of_any_branch()).cloned().collect();
        (!tags.is_empty()).then_some(Self::BranchGone { tags })
    }

    /// The name that documents have for it.
    pub fn label(&self) -> &'static str {
        match self {
            Self::BranchGone { .. } => "branch_gone",
            Self::Unneeded => "unneeded",
            Self::OldCommit => "old_commit",
            Self::NeverRan => "never_ran",
            Self::OfPlatform { .. } => "of_platform",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BranchGone { tags } => {
                let tags: Vec<&str> = tags.iter().map(Tag::as_str).collect();
                write!(formatter, "the branch is gone: {}", tags.join(", "))
            }
            Self::Unneeded => formatter.write_str("nothing that stays needs it"),
            Self::OldCommit => formatter.write_str("old commit, newest of no branch"),
            Self::NeverRan => formatter.write_str("no environment runs or ran it"),
            Self::OfPlatform { index } => write!(formatter, "goes with {}", index.short()),
        }
    }
}
