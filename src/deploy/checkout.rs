//! A commit's files in a folder of their own: uncommitted files can't matter.
//!
//! The whole tree is written, because modules, templates and scripts may be anywhere in it
//! (`source = "../../modules/service"`). Files first, links last, so that nothing is ever
//! written through a link.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use thiserror::Error;

use crate::engine::{ContextError, check_link};
use crate::git::{GitError, Snapshot};
use crate::model::{ErrorKind, FileMode, ObjectId, RepoPath};

/// A commit's files. The folder is removed when this is dropped.
#[derive(Debug)]
pub struct Checkout {
    folder: TempDir,
    /// Links that lead out of the repository were left out.
    left_out: Vec<(RepoPath, ContextError)>,
}

/// Why a commit's files can't be had.
#[derive(Debug, Error)]
pub enum CheckoutError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("cannot write `{path}` of the commit to a folder of its own")]
    Write {
        path: RepoPath,
        #[source]
        source: io::Error,
    },
    #[error("`{path}` is part of a `.git` folder, which no commit may hold")]
    GitFolder { path: RepoPath },
    #[error("`{folder}` can't be used")]
    Link {
        folder: RepoPath,
        #[source]
        source: ContextError,
    },
}

impl CheckoutError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Git(error) => error.kind(),
            Self::Write { .. } => ErrorKind::Environment,
            Self::GitFolder { .. } => ErrorKind::Input,
            Self::Link { source, .. } => source.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            Self::Link { source, .. } => source.hint(),
            Self::Write { .. } | Self::GitFolder { .. } => None,
        }
    }
}

impl Checkout {
    /// Writes all files of a commit into a new folder in `parent`, which only this user can enter.
    ///
    /// Submodules are empty folders; what filters such as Git LFS make of a file is not made.
    ///
    /// # Errors
    /// [`CheckoutError`], but not for links that lead out: those are left out.
    pub fn new(snapshot: &Snapshot<'_>, parent: &Path) -> Result<Self, CheckoutError> {
        let root = RepoPath::default();
        let folder = TempDir::with_prefix_in("chinampa-", parent)
            .map_err(|source| CheckoutError::Write { path: root, source })?;
        let mut files: Vec<(RepoPath, FileMode, ObjectId)> = Vec::new();
        snapshot.walk(&mut |_| true, &mut |file| files.push((file.path.clone(), file.mode, file.id)))?;
        // Stable, so that only links move, behind everything else.
        files.sort_by_key(|(_, mode, _)| *mode == FileMode::Symlink);
        let mut checkout = Self { folder, left_out: Vec::new() };
        for (path, mode, id) in files {
            checkout.write(snapshot, path, mode, id)?;
        }
        Ok(checkout)
    }

    /// Where a folder of the commit is.
    ///
    /// # Errors
    /// [`CheckoutError::Link`] when a link in it was left out.
    pub fn path(&self, folder: &RepoPath) -> Result<PathBuf, CheckoutError> {
        match self.left_out.iter().find(|(link, _)| link.is_within(folder)) {
            Some((_, source)) => Err(CheckoutError::Link { folder: folder.clone(), source: source.clone() }),
            None => Ok(self.folder.path().join(folder.to_os_path())),
        }
    }

    fn write(
        &mut self,
        snapshot: &Snapshot<'_>,
        path: RepoPath,
        mode: FileMode,
        id: ObjectId,
    ) -> Result<(), CheckoutError> {
        if path.components().any(|component| component.eq_ignore_ascii_case(b".git")) {
            return Err(CheckoutError::GitFolder { path });
        }
        let place = self.folder.path().join(path.to_os_path());
        let failed = |source| CheckoutError::Write { path: path.clone(), source };
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        match mode {
            FileMode::Submodule => fs::create_dir(&place).map_err(failed),
            FileMode::Symlink => {
                let target = snapshot.blob(id, &path)?;
                if let Err(error) = check_link(&path, &target) {
                    tracing::info!(%path, %error, "a link is left out");
                    self.left_out.push((path, error));
                    return Ok(());
                }
                symlink(OsStr::from_bytes(&target), &place).map_err(failed)
            }
            FileMode::Regular | FileMode::Executable => {
                let permissions = if mode == FileMode::Executable { 0o755 } else { 0o644 };
                let content = snapshot.blob(id, &path)?;
                let file = OpenOptions::new().write(true).create_new(true).mode(permissions).open(&place);
                file.and_then(|mut file| file.write_all(&content)).map_err(failed)
            }
        }
    }
}
