//! A folder with the files that a command may read, and no others.
//!
//! Folders and files first, links last, so that nothing is written through a link.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{MAX_JUNIT_BYTES, OnceError};
use crate::engine::ContentReader;
use crate::execute::{Contents, FoundContent, FoundFile};
use crate::git::{Fetching, Snapshot};
use crate::inputs::InputFile;
use crate::model::{FileMode, ProjectName, RepoPath};

/// The files. The folder is removed when this is dropped.
#[derive(Debug)]
pub struct Checkout {
    folder: TempDir,
    /// Where the command runs, from the root of the checkout.
    working: RepoPath,
}

impl Checkout {
    /// Writes these files of a tree into a new folder in `parent`, which only this user can enter; `working` is made, too.
    ///
    /// # Errors
    /// [`OnceError`] when a file can't be read or written.
    pub fn new(
        snapshot: &Snapshot<'_>,
        fetching: Fetching,
        project: &ProjectName,
        files: &[InputFile],
        working: &RepoPath,
        parent: &Path,
    ) -> Result<Self, OnceError> {
        let folder = TempDir::with_prefix_in("chinampa-", parent)
            .map_err(|source| OnceError::Write { path: RepoPath::default(), source })?;
        let checkout = Self { folder, working: working.clone() };
        let contents = Contents::new(snapshot, fetching)?;
        contents.fetch(files)?;
        let mut reader = ContentReader::default();
        let mut links: BTreeMap<RepoPath, Vec<u8>> = BTreeMap::new();
        for file in files {
            for FoundFile { path, mode, content } in contents.files(project, file, &|_| true)? {
                match content {
                    FoundContent::Link(target) => drop(links.insert(path, target)),
                    FoundContent::File(_) if mode == FileMode::Submodule => checkout.make_folder(&path)?,
                    FoundContent::File(content) => {
                        let failed = |source| OnceError::Write { path: path.clone(), source };
                        checkout.make_folder(&path.parent().unwrap_or_default())?;
                        let permissions = if mode == FileMode::Executable { 0o755 } else { 0o644 };
                        let place = checkout.place(&path);
                        let opened =
                            OpenOptions::new().write(true).create_new(true).mode(permissions).open(place);
                        let mut opened = opened.map_err(failed)?;
                        reader
                            .read::<OnceError>(&content, |chunk| opened.write_all(&chunk).map_err(failed))?;
                    }
                }
            }
        }
        checkout.make_folder(working)?;
        for (path, target) in links {
            checkout.make_folder(&path.parent().unwrap_or_default())?;
            let linked = symlink(OsStr::from_bytes(&target), checkout.place(&path));
            linked.map_err(|source| OnceError::Write { path: path.clone(), source })?;
        }
        Ok(checkout)
    }

    /// Where the command runs.
    pub fn working_folder(&self) -> PathBuf {
        self.place(&self.working)
    }

    /// A file that the command may have written, relative to where it ran; `None` if it is no file, or too large.
    ///
    /// # Errors
    /// When it is there and can't be read.
    pub fn written(&self, path: &RepoPath) -> io::Result<Option<Vec<u8>>> {
        let place = self.working_folder().join(path.to_os_path());
        match fs::symlink_metadata(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(found) if !found.is_file() || found.len() > MAX_JUNIT_BYTES as u64 => Ok(None),
            Ok(_) => fs::read(place).map(Some),
        }
    }

    fn make_folder(&self, path: &RepoPath) -> Result<(), OnceError> {
        let made = fs::create_dir_all(self.place(path));
        made.map_err(|source| OnceError::Write { path: path.clone(), source })
    }

    fn place(&self, path: &RepoPath) -> PathBuf {
        self.folder.path().join(path.to_os_path())
    }
}
