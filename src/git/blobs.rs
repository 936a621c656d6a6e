//! Blobs by their ids, without a tree around them.

use std::path::Path;

use super::objects::{Database, Objects};
use super::{GitError, Repository};
use crate::model::ObjectId;

/// The blobs of a repository: what each thread that reads some makes a [`BlobReader`] from.
#[derive(Clone)]
pub struct Blobs(Database);

/// Reads blobs by their ids, as [`Snapshot`](super::Snapshot) reads files; for one thread.
pub struct BlobReader(Objects);

impl std::fmt::Debug for Blobs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Blobs").field(&self.git_dir()).finish()
    }
}

impl std::fmt::Debug for BlobReader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("BlobReader").field(&self.0.git_dir()).finish()
    }
}

impl Repository {
    /// The repository's blobs, also those that are written later.
    pub fn blobs(&self) -> Blobs {
        Blobs(self.database.clone())
    }
}

impl Blobs {
    /// The `.git` folder, or the bare repository itself.
    pub fn git_dir(&self) -> &Path {
        self.0.git_dir()
    }

    /// Opens nothing before something is read.
    pub fn reader(&self) -> BlobReader {
        BlobReader(Objects::of(self.0.clone()))
    }
}

impl BlobReader {
    /// The content of a blob, whole.
    ///
    /// # Errors
    /// [`GitError::Read`] when it isn't there, or no blob.
    pub fn read(&self, id: ObjectId) -> Result<Vec<u8>, GitError> {
        self.0.blob(id).map_err(|source| unreadable(id, source))
    }

    /// The length of a blob in bytes, from its header alone where it is in the repository.
    ///
    /// # Errors
    /// As [`BlobReader::read`].
    pub fn size(&self, id: ObjectId) -> Result<u64, GitError> {
        self.0.blob_size(id).map_err(|source| unreadable(id, source))
    }
}

fn unreadable(id: ObjectId, source: super::error::Cause) -> GitError {
    GitError::Read { what: format!("blob {id}"), source }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn git(folder: &Path, arguments: &[&str]) -> String {
        let output = Command::new("git").args(arguments).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A repository with blobs of many sizes, similar ones, so that some are deltas once they are packed.
    fn repository() -> (tempfile::TempDir, Vec<(ObjectId, Vec<u8>)>) {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q"]);
        let text: Vec<u8> = (0..30_000_u32).flat_map(|line| format!("{line:x}\n").into_bytes()).collect();
        let sizes = [0, 1, 100, 4096, 4097, 60_000, text.len() - 7, text.len()];
        let contents = sizes.map(|size| text[..size].to_vec());
        let blobs = contents.map(|content| {
            std::fs::write(folder.path().join("f"), &content).unwrap();
            let id = git(folder.path(), &["hash-object", "-w", "f"]).parse().unwrap();
            (id, content)
        });
        (folder, blobs.into())
    }

    fn pack(folder: &Path, blobs: &[(ObjectId, Vec<u8>)]) {
        for (number, (id, _)) in blobs.iter().enumerate() {
            git(folder, &["update-index", "--add", "--cacheinfo", &format!("100644,{id},{number}")]);
        }
        let tree = git(folder, &["write-tree"]);
        git(folder, &["tag", "all", &tree]);
        git(folder, &["repack", "-qad", "--depth=50"]);
        git(folder, &["prune-packed"]);
    }

    #[test]
    fn a_blob_has_the_size_of_its_content_loose_and_packed() {
        let (folder, blobs) = repository();
        let repository = Repository::open(folder.path()).unwrap();

        for is_packed in [false, true] {
            if is_packed {
                pack(folder.path(), &blobs);
            }
            // The first reader that was opened before must find what was moved.
            for reader in
                [repository.blobs().reader(), Repository::open(folder.path()).unwrap().blobs().reader()]
            {
                for (id, content) in &blobs {
                    assert_eq!(reader.size(*id).unwrap(), content.len() as u64, "packed: {is_packed}");
                    assert_eq!(&reader.read(*id).unwrap(), content, "packed: {is_packed}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_blob_or_not_there_is_an_error_for_both() {
        let (folder, blobs) = repository();
        pack(folder.path(), &blobs);
        let tree: ObjectId = git(folder.path(), &["rev-parse", "all"]).parse().unwrap();
        let reader = Repository::open(folder.path()).unwrap().blobs().reader();

        for id in [tree, ObjectId::Sha1([7; 20])] {
            assert!(matches!(reader.size(id), Err(GitError::Read { .. })));
            assert!(matches!(reader.read(id), Err(GitError::Read { .. })));
        }
    }
}
