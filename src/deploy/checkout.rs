//! A commit's files in a folder of their own: uncommitted files can't matter.
//!
//! The whole tree is written, because modules, templates and scripts may be anywhere in it
//! (`source = "../../modules/service"`). Folders and files first, links last, and no name twice, so that nothing is
//! ever written through a link.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use thiserror::Error;

use super::links::Links;
use crate::engine::ContextError;
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
    #[error("`{path}` is in the commit twice, which no commit made by git has")]
    Twice { path: RepoPath },
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
            Self::GitFolder { .. } | Self::Twice { .. } => ErrorKind::Input,
            Self::Link { source, .. } => source.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            Self::Link { source, .. } => source.hint(),
            Self::Write { .. } | Self::GitFolder { .. } | Self::Twice { .. } => None,
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
        let mut files: BTreeMap<RepoPath, (FileMode, ObjectId)> = BTreeMap::new();
        // Each after the one that it is in.
        let mut folders = BTreeSet::new();
        let (mut file_twice, mut folder_twice) = (None, None);
        snapshot.walk(
            &mut |folder| {
                if !folders.insert(folder.clone()) {
                    folder_twice.get_or_insert_with(|| folder.clone());
                }
                true
            },
            &mut |file| {
                if files.insert(file.path.clone(), (file.mode, file.id)).is_some() {
                    file_twice.get_or_insert_with(|| file.path.clone());
                }
            },
        )?;
        let is_both = |path: &&RepoPath| folders.contains(*path);
        if let Some(path) = file_twice.or(folder_twice).or_else(|| files.keys().find(is_both).cloned()) {
            return Err(CheckoutError::Twice { path });
        }
        let is_git = |name: &[u8]| name.eq_ignore_ascii_case(b".git");
        if let Some(path) = files.keys().chain(&folders).find(|path| path.components().any(is_git)) {
            return Err(CheckoutError::GitFolder { path: path.clone() });
        }
        let mut checkout = Self { folder, left_out: Vec::new() };
        for folder in folders.iter().filter(|folder| !folder.is_root()) {
            checkout.make_folder(folder)?;
        }
        let mut links = Links::default();
        for (path, (mode, id)) in files {
            if mode == FileMode::Symlink {
                let target = snapshot.blob(id, &path)?;
                links.insert(path, target);
            } else {
                checkout.write(snapshot, &path, mode, id)?;
            }
        }
        checkout.link(&links)?;
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

    fn make_folder(&self, path: &RepoPath) -> Result<(), CheckoutError> {
        fs::create_dir(self.place(path)).map_err(|source| CheckoutError::Write { path: path.clone(), source })
    }

    fn write(
        &self,
        snapshot: &Snapshot<'_>,
        path: &RepoPath,
        mode: FileMode,
        id: ObjectId,
    ) -> Result<(), CheckoutError> {
        if mode == FileMode::Submodule {
            return self.make_folder(path);
        }
        let permissions = if mode == FileMode::Executable { 0o755 } else { 0o644 };
        let content = snapshot.blob(id, path)?;
        let place = self.place(path);
        let file = OpenOptions::new().write(true).create_new(true).mode(permissions).open(place);
        let written = file.and_then(|mut file| file.write_all(&content));
        written.map_err(|source| CheckoutError::Write { path: path.clone(), source })
    }

    /// Makes the links that stay inside.
    fn link(&mut self, links: &Links) -> Result<(), CheckoutError> {
        for (path, target) in links.iter() {
            match links.check(path, target) {
                Ok(()) => symlink(OsStr::from_bytes(target), self.place(path))
                    .map_err(|source| CheckoutError::Write { path: path.clone(), source })?,
                Err(error) => {
                    tracing::info!(%path, %error, "a link is left out");
                    self.left_out.push((path.clone(), error));
                }
            }
        }
        Ok(())
    }

    fn place(&self, path: &RepoPath) -> PathBuf {
        self.folder.path().join(path.to_os_path())
    }
}
