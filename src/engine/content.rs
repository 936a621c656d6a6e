//! Reads what a context's files hold, when it is asked for.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::{Content, ContextError};
use crate::git::{BlobReader, Blobs, GitError};
use crate::model::ErrorKind;

/// How much of a file is sent at once.
const CHUNK_BYTES: usize = 32 * 1024;

/// A file of the context that could not be read as it was when the build was planned.
#[derive(Debug, Error)]
pub enum ContentError {
    #[error("cannot read a file of the repository at `{}`", .git_dir.display())]
    Blob { git_dir: PathBuf, source: GitError },
    #[error("`{}` vanished after the build was planned", .path.display())]
    Vanished { path: PathBuf },
    #[error("`{}` changed after the build was planned", .path.display())]
    Changed { path: PathBuf },
    #[error("`{}` of git-lfs's store is damaged: it does not have the content that it is named by", .path.display())]
    Damaged { path: PathBuf },
    #[error("`{}` is not a regular file", .path.display())]
    NotAFile { path: PathBuf },
    #[error("cannot read `{}`", .path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the context can't be listed")]
    Context(#[from] ContextError),
}

impl ContentError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Blob { source, .. } => source.kind(),
            Self::Vanished { .. } | Self::Changed { .. } | Self::Damaged { .. } | Self::Unreadable { .. } => {
                ErrorKind::Environment
            }
            Self::NotAFile { .. } => ErrorKind::Input,
            Self::Context(error) => error.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Vanished { .. } | Self::Changed { .. } => {
                Some("run it again once nothing writes to the work tree".to_owned())
            }
            Self::Damaged { .. } => Some(
                "`git lfs fsck` takes it out of the store, and `git lfs pull` brings it again".to_owned(),
            ),
            Self::Context(error) => error.hint(),
            Self::Blob { source, .. } => source.hint(),
            Self::NotAFile { .. } | Self::Unreadable { .. } => None,
        }
    }
}

/// Opens each repository once. Not for use in async code: it blocks.
#[derive(Default)]
pub(crate) struct Reader {
    repositories: HashMap<PathBuf, BlobReader>,
}

impl Reader {
    /// The size in bytes.
    pub(super) fn size(&mut self, content: &Content) -> Result<u64, ContentError> {
        match content {
            Content::Blob { blobs, id } => {
                self.blobs(blobs).size(*id).map_err(|error| unreadable(blobs, error))
            }
            Content::File { path, .. } => Ok(open(path)?.1),
            Content::Object { size, .. } => Ok(*size),
            Content::Bytes(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// Hands the content to `send` in chunks, none of them empty, until it fails.
    ///
    /// # Errors
    /// A file outside of git that is not what was planned is found out after its last chunk at
    /// the latest: what was sent before is not to be used then.
    pub(crate) fn read<E: From<ContentError>>(
        &mut self,
        content: &Content,
        send: impl FnMut(Bytes) -> Result<(), E>,
    ) -> Result<(), E> {
        match content {
            Content::Blob { blobs, id } => {
                let content = self.blobs(blobs).read(*id).map_err(|error| unreadable(blobs, error))?;
                in_chunks(content.into(), send)
            }
            Content::File { path, sha256 } => {
                read_file(path, sha256, || ContentError::Changed { path: path.clone() }, send)
            }
            Content::Object { file, sha256, .. } => {
                read_file(file, sha256, || ContentError::Damaged { path: file.clone() }, send)
            }
            Content::Bytes(bytes) => in_chunks(bytes.clone(), send),
        }
    }

    /// The whole of a content that is small: where a symbolic link leads.
    pub(super) fn read_whole(&mut self, content: &Content) -> Result<Vec<u8>, ContentError> {
        let mut whole = Vec::new();
        self.read::<ContentError>(content, |chunk| {
            whole.extend_from_slice(&chunk);
            Ok(())
        })?;
        Ok(whole)
    }

    fn blobs(&mut self, blobs: &Blobs) -> &BlobReader {
        // Few builds have blobs of more than one repository.
        if !self.repositories.contains_key(blobs.git_dir()) {
            self.repositories.insert(blobs.git_dir().to_owned(), blobs.reader());
        }
        &self.repositories[blobs.git_dir()]
    }
}

fn unreadable(blobs: &Blobs, source: GitError) -> ContentError {
    ContentError::Blob { git_dir: blobs.git_dir().to_owned(), source }
}

/// Opens a regular file, never through a symbolic link of its name; returns its size too.
fn open(path: &Path) -> Result<(File, u64), ContentError> {
    let opened = OpenOptions::new()
        .read(true)
        // Without NONBLOCK, opening a pipe would wait for its writer.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path);
    let file = opened.map_err(|error| match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR) => ContentError::Vanished { path: path.to_owned() },
        Some(libc::ELOOP | libc::ENXIO) => ContentError::NotAFile { path: path.to_owned() },
        _ => ContentError::Unreadable { path: path.to_owned(), source: error },
    })?;
    let unreadable = |source| ContentError::Unreadable { path: path.to_owned(), source };
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(ContentError::NotAFile { path: path.to_owned() });
    }
    Ok((file, metadata.len()))
}

fn in_chunks<E>(mut rest: Bytes, mut send: impl FnMut(Bytes) -> Result<(), E>) -> Result<(), E> {
    while !rest.is_empty() {
        send(rest.split_to(rest.len().min(CHUNK_BYTES)))?;
    }
    Ok(())
}

fn read_file<E: From<ContentError>>(
    path: &Path,
    sha256: &[u8; 32],
    is_another: impl FnOnce() -> ContentError,
    mut send: impl FnMut(Bytes) -> Result<(), E>,
) -> Result<(), E> {
    let (mut file, _) = open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => &buffer[..read],
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(ContentError::Unreadable { path: path.to_owned(), source }.into()),
        };
        hash.update(read);
        send(Bytes::copy_from_slice(read))?;
    }
    if hash.finalize()[..] != sha256[..] {
        return Err(is_another().into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Repository;
    use crate::model::ObjectId;

    fn read(path: &Path, planned: &[u8]) -> Result<Vec<u8>, ContentError> {
        let content = Content::File { path: path.to_owned(), sha256: Sha256::digest(planned).into() };
        Reader::default().read_whole(&content)
    }

    #[test]
    fn a_file_outside_of_git_is_read_if_it_is_what_was_planned() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"planned").unwrap();

        assert_eq!(read(&path, b"planned").unwrap(), b"planned");
        assert!(matches!(read(&path, b"another"), Err(ContentError::Changed { .. })));
    }

    #[test]
    fn a_blob_is_read_in_chunks_from_the_repository_that_has_it() {
        let content = |byte: u8| vec![byte; 2 * CHUNK_BYTES + 1];
        let repositories = [1, 2].map(|byte| {
            let folder = tempfile::tempdir().unwrap();
            let id = git2::Repository::init_bare(folder.path()).unwrap().blob(&content(byte)).unwrap();
            let id = ObjectId::from_slice(id.as_bytes()).unwrap();
            (Repository::open(folder.path()).unwrap().blobs(), id, content(byte), folder)
        });
        let mut reader = Reader::default();

        for (blobs, id, expected, _) in &repositories {
            let content = Content::Blob { blobs: blobs.clone(), id: *id };
            let mut sizes = Vec::new();
            let mut all = Vec::new();
            let read: Result<(), ContentError> = reader.read(&content, |chunk| {
                sizes.push(chunk.len());
                all.extend_from_slice(&chunk);
                Ok(())
            });

            read.unwrap();
            assert_eq!(reader.size(&content).unwrap(), expected.len() as u64);
            assert_eq!((&all, &sizes[..]), (expected, &[CHUNK_BYTES, CHUNK_BYTES, 1][..]));
        }
        let [(blobs, ..), (_, id, ..)] = &repositories;
        let elsewhere = Content::Blob { blobs: blobs.clone(), id: *id };
        assert!(matches!(reader.read_whole(&elsewhere), Err(ContentError::Blob { .. })));
    }

    #[test]
    fn what_is_not_a_regular_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), b"planned").unwrap();
        std::os::unix::fs::symlink("file", path("link")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();

        assert!(matches!(read(&path("link"), b"planned"), Err(ContentError::NotAFile { .. })));
        assert!(matches!(read(&path("socket"), b""), Err(ContentError::NotAFile { .. })));
        assert!(matches!(read(folder.path(), b""), Err(ContentError::NotAFile { .. })));
        assert!(matches!(read(&path("none"), b""), Err(ContentError::Vanished { .. })));
    }
}
