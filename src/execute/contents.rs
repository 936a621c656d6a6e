//! Where the content of inputs is read from when the engine asks for it.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::prepare_error::PrepareError;
use crate::engine::Content;
use crate::git::{Download, GitError, LfsError, LfsObject, LfsStore, Snapshot};
use crate::inputs::{InputContent, InputFile};
use crate::model::{FileMode, RepoPath};

/// The contents of the inputs of one tree.
pub(super) struct Contents<'p> {
    snapshot: &'p Snapshot<'p>,
    lfs: LfsStore<'p>,
}

impl<'p> Contents<'p> {
    pub(super) fn new(snapshot: &'p Snapshot<'p>, download: Download) -> Result<Self, GitError> {
        Ok(Self { snapshot, lfs: snapshot.repository().lfs_store(download)? })
    }

    /// Fetches the blobs that a partial clone lacks, all at once.
    pub(super) fn fetch(&self, files: &[InputFile]) -> Result<(), GitError> {
        let committed = files.iter().filter(|file| file.mode != FileMode::Submodule);
        self.snapshot.repository().fetch_from_promisor(committed.filter_map(|file| match file.content {
            InputContent::Committed(id) | InputContent::Lfs(id) => Some(id),
            InputContent::Extra(_) => None,
        }))
    }

    /// The content of a file that is no link.
    ///
    /// # Errors
    /// [`LfsError`] for a file that is stored with Git LFS, if its content isn't here.
    pub(super) fn of(&self, file: &InputFile) -> Result<Content, LfsError> {
        let blob = |id| Content::Blob { blobs: self.snapshot.repository().blobs(), id };
        match file.content {
            InputContent::Committed(id) => Ok(blob(id)),
            InputContent::Lfs(id) => Ok(match self.lfs.object(id, &file.path)? {
                Some(LfsObject { file, size, oid }) => {
                    Content::Object { file, size, sha256: *oid.as_bytes() }
                }
                None => blob(id),
            }),
            InputContent::Extra(sha256) => Ok(Content::File { path: self.path(&file.path), sha256 }),
        }
    }

    /// Where a link leads.
    pub(super) fn link_target(&self, file: &InputFile) -> Result<Vec<u8>, PrepareError> {
        use std::os::unix::ffi::OsStringExt as _;
        match file.content {
            InputContent::Committed(id) | InputContent::Lfs(id) => Ok(self.snapshot.blob(id, &file.path)?),
            InputContent::Extra(sha256) => {
                let path = self.path(&file.path);
                let target = match std::fs::read_link(&path) {
                    Ok(target) => target.into_os_string().into_vec(),
                    Err(source) => return Err(PrepareError::Link { path, source }),
                };
                if Sha256::digest(&target)[..] != sha256 {
                    return Err(PrepareError::LinkChanged { path });
                }
                Ok(target)
            }
        }
    }

    fn path(&self, path: &RepoPath) -> PathBuf {
        self.snapshot.repository().work_dir().unwrap_or(Path::new("")).join(path.to_os_path())
    }
}
