//! Where the content of inputs is read from when the engine asks for it.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::prepare_error::PrepareError;
use crate::engine::Content;
use crate::git::{
    Fetching, GitError, LfsError, LfsObject, LfsStore, Snapshot, SubmoduleContent, SubmoduleFile,
};
use crate::inputs::{InputContent, InputFile};
use crate::model::{CommitId, FileMode, ProjectName, RepoPath};

/// The contents of the inputs of one tree.
pub struct Contents<'p> {
    snapshot: &'p Snapshot<'p>,
    lfs: LfsStore<'p>,
    fetching: Fetching,
}

impl std::fmt::Debug for Contents<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Contents").field("fetching", &self.fetching).finish_non_exhaustive()
    }
}

/// A file that the context of a build may have.
#[derive(Debug)]
pub struct FoundFile {
    /// From the repository root.
    pub path: RepoPath,
    pub mode: FileMode,
    pub content: FoundContent,
}

/// Where a file's content is read from, or where a link leads.
#[derive(Debug)]
pub enum FoundContent {
    File(Content),
    Link(Vec<u8>),
}

impl<'p> Contents<'p> {
    pub fn new(snapshot: &'p Snapshot<'p>, fetching: Fetching) -> Result<Self, GitError> {
        Ok(Self { snapshot, lfs: snapshot.repository().lfs_store(fetching.lfs)?, fetching })
    }

    /// Fetches the blobs that a partial clone lacks, all at once.
    pub fn fetch(&self, files: &[InputFile]) -> Result<(), GitError> {
        let committed = files.iter().filter(|file| file.mode != FileMode::Submodule);
        self.snapshot.repository().fetch_from_promisor(committed.filter_map(|file| match file.content {
            InputContent::Committed(id) | InputContent::Lfs(id) => Some(id),
            InputContent::Extra(_) | InputContent::EmptyFolder => None,
        }))
    }

    /// What an input is in a context: itself, or the files of a submodule; those of them that `keep` wants.
    ///
    /// # Errors
    /// [`PrepareError`] for what isn't here.
    pub fn files(
        &self,
        project: &ProjectName,
        file: &InputFile,
        keep: &dyn Fn(&RepoPath) -> bool,
    ) -> Result<Vec<FoundFile>, PrepareError> {
        let project = || project.clone();
        if let (FileMode::Submodule, InputContent::Committed(id)) = (file.mode, file.content) {
            let files = self.snapshot.submodule_files(&file.path, CommitId(id), self.fetching, keep);
            let files = files.map_err(|source| PrepareError::Submodule { project: project(), source })?;
            let files: Vec<FoundFile> = files.into_iter().map(FoundFile::from).collect();
            if files.is_empty() && keep(&file.path) {
                // In a checkout, it is an empty folder.
                let content = FoundContent::File(Content::Bytes(Bytes::new()));
                return Ok(vec![FoundFile { path: file.path.clone(), mode: file.mode, content }]);
            }
            return Ok(files);
        }
        if !keep(&file.path) {
            return Ok(Vec::new());
        }
        let content =
            match file.mode {
                FileMode::Symlink => FoundContent::Link(self.link_target(file)?),
                FileMode::Regular | FileMode::Executable | FileMode::Submodule => {
                    let content = self.content(file);
                    FoundContent::File(content.map_err(|source| PrepareError::Lfs {
                        project: project(),
                        source: Box::new(source),
                    })?)
                }
            };
        Ok(vec![FoundFile { path: file.path.clone(), mode: file.mode, content }])
    }

    /// The content of a file that is no link.
    ///
    /// # Errors
    /// [`LfsError`] for a file that is stored with Git LFS, if its content isn't here.
    fn content(&self, file: &InputFile) -> Result<Content, LfsError> {
        let blob = |id| Content::Blob { blobs: self.snapshot.repository().blobs(), id };
        match file.content {
            InputContent::Committed(id) => Ok(blob(id)),
            InputContent::Lfs(id) => {
                let object = self.lfs.object(id, &file.path)?;
                Ok(object.map_or_else(|| blob(id), object_content))
            }
            InputContent::Extra(sha256) => Ok(Content::File { path: self.path(&file.path), sha256 }),
            InputContent::EmptyFolder => Ok(Content::Bytes(Bytes::new())),
        }
    }

    /// Where a link leads.
    fn link_target(&self, file: &InputFile) -> Result<Vec<u8>, PrepareError> {
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
            InputContent::EmptyFolder => Ok(Vec::new()),
        }
    }

    fn path(&self, path: &RepoPath) -> PathBuf {
        self.snapshot.repository().work_dir().unwrap_or(Path::new("")).join(path.to_os_path())
    }
}

fn object_content(LfsObject { file, size, oid }: LfsObject) -> Content {
    Content::Object { file, size, sha256: *oid.as_bytes() }
}

impl From<SubmoduleFile> for FoundFile {
    fn from(SubmoduleFile { path, mode, content }: SubmoduleFile) -> Self {
        let content = match content {
            SubmoduleContent::Blob { blobs, id } => FoundContent::File(Content::Blob { blobs, id }),
            SubmoduleContent::Lfs(object) => FoundContent::File(object_content(object)),
            SubmoduleContent::Link(target) => FoundContent::Link(target),
        };
        Self { path, mode, content }
    }
}
