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
use crate::model::{ErrorKind, ObjectId};

/// How much of a file is sent at once.
const CHUNK_BYTES: usize = 32 * 1024;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// A file of the context that could not be read as it was when the build was planned.
#[derive(Debug, Error)]
pub enum ContentError {
    #[error("cannot open the repository at `{}`", .git_dir.display())]
    Repository { git_dir: PathBuf, source: AnyError },
    #[error("cannot read blob {id} of the repository at `{}`", .git_dir.display())]
    Blob { git_dir: PathBuf, id: ObjectId, source: AnyError },
    #[error("`{}` vanished after the build was planned", .path.display())]
    Vanished { path: PathBuf },
    #[error("`{}` changed after the build was planned", .path.display())]
    Changed { path: PathBuf },
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
            Self::Repository { .. }
            | Self::Blob { .. }
            | Self::Vanished { .. }
            | Self::Changed { .. }
            | Self::Unreadable { .. } => ErrorKind::Environment,
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
            Self::Context(error) => error.hint(),
            Self::Repository { .. } | Self::Blob { .. } | Self::NotAFile { .. } | Self::Unreadable { .. } => {
                None
            }
        }
    }
}

/// Opens each repository once. Not for use in async code: it blocks.
#[derive(Default)]
pub(super) struct Reader {
    repositories: HashMap<PathBuf, git2::Repository>,
}

impl Reader {
    /// The size in bytes.
    pub(super) fn size(&mut self, content: &Content) -> Result<u64, ContentError> {
        match content {
            Content::Blob { git_dir, id } => {
                let read = self.odb(git_dir)?.read_header(oid(*id));
                let (size, kind) = read.map_err(|error| blob_error(git_dir, *id, error.into()))?;
                only_blob(kind, git_dir, *id)?;
                Ok(size as u64)
            }
            Content::File { path, .. } => Ok(open(path)?.1),
            Content::Bytes(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// Hands the content to `send` in chunks, none of them empty, until it fails.
    ///
    /// # Errors
    /// A file outside of git that is not what was planned is found out after its last chunk at
    /// the latest: what was sent before is not to be used then.
    pub(super) fn read<E: From<ContentError>>(
        &mut self,
        content: &Content,
        send: impl FnMut(Bytes) -> Result<(), E>,
    ) -> Result<(), E> {
        match content {
            Content::Blob { git_dir, id } => in_chunks(self.blob(git_dir, *id)?.into(), send),
            Content::File { path, sha256 } => read_file(path, sha256, send),
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

    fn blob(&mut self, git_dir: &Path, id: ObjectId) -> Result<Vec<u8>, ContentError> {
        let odb = self.odb(git_dir)?;
        let object = odb.read(oid(id)).map_err(|error| blob_error(git_dir, id, error.into()))?;
        only_blob(object.kind(), git_dir, id)?;
        Ok(object.data().to_vec())
    }

    fn odb(&mut self, git_dir: &Path) -> Result<git2::Odb<'_>, ContentError> {
        let failed = |source: git2::Error| ContentError::Repository {
            git_dir: git_dir.to_owned(),
            source: source.into(),
        };
        if !self.repositories.contains_key(git_dir) {
            let repository = git2::Repository::open(git_dir).map_err(failed)?;
            self.repositories.insert(git_dir.to_owned(), repository);
        }
        self.repositories[git_dir].odb().map_err(failed)
    }
}

fn oid(id: ObjectId) -> git2::Oid {
    git2::Oid::from_bytes(id.as_bytes()).expect("an object id has the 20 bytes that libgit2 wants")
}

fn blob_error(git_dir: &Path, id: ObjectId, source: AnyError) -> ContentError {
    ContentError::Blob { git_dir: git_dir.to_owned(), id, source }
}

fn only_blob(kind: git2::ObjectType, git_dir: &Path, id: ObjectId) -> Result<(), ContentError> {
    if kind == git2::ObjectType::Blob {
        return Ok(());
    }
    Err(blob_error(git_dir, id, format!("it is a {kind}").into()))
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
        return Err(ContentError::Changed { path: path.to_owned() }.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
