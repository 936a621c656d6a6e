use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::formats::RepositoryFormat;
use crate::model::{ErrorKind, ObjectId, RepoPath};

/// A cause whose type belongs to a library that stays private.
pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What can go wrong when a repository is read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GitError {
    #[error("there is no folder `{folder}`")]
    NoFolder { folder: PathBuf },
    #[error("`{folder}` is not in a git repository")]
    NotARepository { folder: PathBuf },
    #[error("the repository at `{folder}` belongs to another user, so git refuses to read it")]
    OwnedByAnother { folder: PathBuf },
    #[error("`{variable}`, which configures git, {reason}")]
    Settings { variable: String, reason: &'static str },
    #[error("the repository `{git_dir}` has no commit yet")]
    Empty { git_dir: PathBuf },
    #[error("`{revision}` does not name a commit of this repository")]
    BadRevision {
        revision: String,
        #[source]
        source: Option<Cause>,
    },
    #[error("cannot open the repository `{folder}`")]
    Open {
        folder: PathBuf,
        #[source]
        source: Cause,
    },
    #[error("the repository `{folder}` keeps its references in `{storage}`, which is not supported")]
    UnknownReferences { folder: PathBuf, storage: String },
    #[error("the repository `{folder}` {format}: git {} or newer is needed, and this is {found}", .format.git())]
    GitTooOld {
        folder: PathBuf,
        format: RepositoryFormat,
        /// What git says that it is.
        found: String,
    },
    #[error("cannot read {what} from the repository")]
    Read {
        what: String,
        #[source]
        source: Cause,
    },
    #[error("the tree of `{folder}` is malformed: {reason}")]
    MalformedTree { folder: RepoPath, reason: &'static str },
    #[error("git could not fetch {what}")]
    Fetch {
        what: String,
        #[source]
        source: Cause,
    },
    #[error("cannot run `git`")]
    NoGit(#[source] std::io::Error),
    #[error("only `git` can tell what {what}, because {why}, and it can't be run")]
    NeedsGit {
        what: NeedsGit,
        why: String,
        #[source]
        source: std::io::Error,
    },
    #[error(
        "only the filter `{filter}` can tell whether `{file}` has uncommitted changes, and it is not run here"
    )]
    FilterNotRun { file: String, filter: String },
    #[error("a bare repository has no work tree")]
    Bare,
    #[error("the work tree has unresolved merge conflicts")]
    Conflicts,
}

impl GitError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoFolder { .. }
            | Self::NotARepository { .. }
            | Self::Empty { .. }
            | Self::Settings { .. }
            | Self::BadRevision { .. }
            | Self::UnknownReferences { .. }
            | Self::Bare
            | Self::Conflicts => ErrorKind::Input,
            Self::OwnedByAnother { .. }
            | Self::GitTooOld { .. }
            | Self::Open { .. }
            | Self::Read { .. }
            | Self::MalformedTree { .. }
            | Self::Fetch { .. }
            | Self::NoGit(_)
            | Self::NeedsGit { .. }
            | Self::FilterNotRun { .. } => ErrorKind::Environment,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotARepository { .. } => Some("run it in one, or name one with `-C`".to_owned()),
            Self::OwnedByAnother { folder } => Some(format!(
                "if you trust it: `git config --global --add safe.directory {}`",
                folder.display()
            )),
            Self::Empty { .. } => Some("commit something first".to_owned()),
            Self::BadRevision { revision, .. } if revision.starts_with('-') => {
                Some("a revision doesn't begin with `-`".to_owned())
            }
            Self::BadRevision { .. } => {
                Some("`git fetch` it if it is elsewhere; a shallow clone lacks older commits".to_owned())
            }
            Self::UnknownReferences { .. } => {
                Some("`git refs migrate --ref-format=files` keeps them in files".to_owned())
            }
            Self::GitTooOld { format, .. } => Some(format!("install git {} or newer", format.git())),
            Self::NeedsGit { what: NeedsGit::Uncommitted, .. } => {
                Some("install git, or look at a commit with `--head`".to_owned())
            }
            Self::NeedsGit { what: NeedsGit::References, .. } => {
                Some(format!("install git {} or newer", RepositoryFormat::Reftable.git()))
            }
            Self::FilterNotRun { .. } => Some(
                "the filter's program may be the repository's own: look at a commit with `--head`".to_owned(),
            ),
            Self::Conflicts => Some("resolve them, or build a commit with `--head`".to_owned()),
            Self::NoFolder { .. }
            | Self::Settings { .. }
            | Self::Open { .. }
            | Self::Read { .. }
            | Self::MalformedTree { .. }
            | Self::Fetch { .. }
            | Self::NoGit(_)
            | Self::Bare => None,
        }
    }
}

/// What only git can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeedsGit {
    Uncommitted,
    References,
}

impl fmt::Display for NeedsGit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Uncommitted => "is uncommitted",
            Self::References => "the references are",
        })
    }
}

/// What the library said, without its numbers of class and code.
pub(super) fn cause(error: &git2::Error) -> Cause {
    error.message().into()
}

impl GitError {
    pub(super) fn open(folder: &Path, source: git2::Error) -> Self {
        Self::Open { folder: folder.to_owned(), source: cause(&source) }
    }

    pub(super) fn read(what: &str, source: git2::Error) -> Self {
        Self::Read { what: what.to_owned(), source: cause(&source) }
    }

    /// The object of `path`.
    pub(super) fn object(id: ObjectId, path: &RepoPath, source: Cause) -> Self {
        Self::Read { what: format!("`{path}` ({id})"), source }
    }
}
