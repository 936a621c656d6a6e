//! The files of a build, and what the engine is reported of them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::path::PathBuf;

use bytes::Bytes;
use thiserror::Error;

use crate::git::Blobs;
use crate::model::{ErrorKind, FileMode, Fingerprint, Fingerprinter, ObjectId, RepoPath, printable};

/// The files that `COPY` and `ADD` can see: nothing else exists for the build.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Paths from the context's root, without folders; sorted by path, each once.
    pub files: Vec<ContextFile>,
}

impl Context {
    /// Adds folders that are there even if no file is in them, sorted by path.
    pub fn add_folders(&mut self, folders: impl IntoIterator<Item = RepoPath>) {
        let empty = |path| ContextFile {
            path,
            // As one that is not initialised, it is an empty folder.
            mode: FileMode::Submodule,
            content: Content::Bytes(Bytes::new()),
        };
        self.files.extend(folders.into_iter().map(empty));
        self.files.sort_by(|one, other| one.path.cmp(&other.path));
        self.files.dedup_by(|one, other| one.path == other.path);
    }
}

#[derive(Clone, Debug)]
pub struct ContextFile {
    pub path: RepoPath,
    pub mode: FileMode,
    pub content: Content,
}

/// Where a file's bytes are read from when the engine asks for them.
#[derive(Clone, Debug)]
pub enum Content {
    /// A blob of a repository.
    Blob { blobs: Blobs, id: ObjectId },
    /// A file outside of git, which must still have this SHA-256 when it is sent.
    File { path: PathBuf, sha256: [u8; 32] },
    /// A file of git-lfs's store, which is named by its SHA-256.
    Object { file: PathBuf, size: u64, sha256: [u8; 32] },
    /// Bytes that are at hand.
    Bytes(Bytes),
}

/// A set of files that can't be a context.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ContextError {
    #[error("`{link}` is a symbolic link to `{target}`, which is absolute")]
    AbsoluteLink { link: RepoPath, target: String },
    #[error("`{link}` is a symbolic link to `{target}`, which is outside of the repository")]
    LinkLeaves { link: RepoPath, target: String },
    #[error("`{path}` is in the context twice: as a file and as a folder, or as two files")]
    Twice { path: RepoPath },
}

impl ContextError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::AbsoluteLink { .. } | Self::LinkLeaves { .. } | Self::Twice { .. } => ErrorKind::Input,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::AbsoluteLink { .. } | Self::LinkLeaves { .. } => {
                Some("let the link lead to a file of the repository, by a relative path".to_owned())
            }
            Self::Twice { .. } => None,
        }
    }
}

/// Checks where a symbolic link leads; `path` is the link's own, from the repository root.
///
/// The target is read as text: `..` removes the component before it, links on the way are
/// not followed.
///
/// # Errors
/// [`ContextError::AbsoluteLink`] and [`ContextError::LinkLeaves`]: what such a link shows is
/// not in the commit, so no digest could cover it.
pub fn check_link(path: &RepoPath, target: &[u8]) -> Result<(), ContextError> {
    let shown = || printable(&String::from_utf8_lossy(target));
    if target.starts_with(b"/") {
        return Err(ContextError::AbsoluteLink { link: path.clone(), target: shown() });
    }
    let mut depth = path.components().count().saturating_sub(1);
    for component in target.split(|&byte| byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                depth = depth
                    .checked_sub(1)
                    .ok_or_else(|| ContextError::LinkLeaves { link: path.clone(), target: shown() })?;
            }
            _ => depth += 1,
        }
    }
    Ok(())
}

/// One line of a folder's listing, as the engine wants to know it.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Folder,
    File { executable: bool, content: Content },
    Link { content: Content },
}

impl Entry {
    /// Differs between two entries if the engine could see a difference.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let (kind, content) = match self {
            Self::Folder => return Fingerprinter::new("folder").finish(),
            Self::File { executable: false, content } => ("file", content),
            Self::File { executable: true, content } => ("executable", content),
            Self::Link { content } => ("link", content),
        };
        let fingerprint = Fingerprinter::new(kind);
        match content {
            Content::Blob { id, .. } => fingerprint.field("blob").field(id.as_bytes()),
            Content::File { sha256, .. } | Content::Object { sha256, .. } => {
                fingerprint.field("sha256").field(sha256)
            }
            Content::Bytes(bytes) => fingerprint.field("bytes").field(bytes),
        }
        .finish()
    }
}

/// Lists files together with the folders that they are in, in the engine's order.
///
/// That order goes by components: `a/b` comes before `a-b`. A submodule is a folder
/// without files: those that it has are listed themselves.
///
/// # Errors
/// [`ContextError::Twice`] when a path is listed twice, or is a file and has something below it.
pub(super) fn list(files: &[ContextFile]) -> Result<Vec<(RepoPath, Entry)>, ContextError> {
    let mut entries: BTreeMap<Vec<&[u8]>, (RepoPath, Entry)> = BTreeMap::new();
    for file in files {
        let components: Vec<&[u8]> = file.path.components().collect();
        let mut parent = file.path.parent();
        while let Some(folder) = parent.filter(|folder| !folder.is_root()) {
            let depth = folder.components().count();
            match entries.entry(components[..depth].to_vec()) {
                Slot::Vacant(slot) => slot.insert((folder.clone(), Entry::Folder)),
                Slot::Occupied(slot) if matches!(slot.get().1, Entry::Folder) => break,
                Slot::Occupied(_) => return Err(ContextError::Twice { path: folder }),
            };
            parent = folder.parent();
        }
        let content = file.content.clone();
        let entry = match file.mode {
            FileMode::Regular => Entry::File { executable: false, content },
            FileMode::Executable => Entry::File { executable: true, content },
            FileMode::Symlink => Entry::Link { content },
            FileMode::Submodule => Entry::Folder,
        };
        match entries.entry(components) {
            Slot::Vacant(slot) => {
                slot.insert((file.path.clone(), entry));
            }
            Slot::Occupied(slot)
                if matches!(entry, Entry::Folder) && matches!(slot.get().1, Entry::Folder) => {}
            Slot::Occupied(_) => return Err(ContextError::Twice { path: file.path.clone() }),
        }
    }
    Ok(entries.into_values().collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::new(text).unwrap()
    }

    fn file(text: &str) -> ContextFile {
        let content = Content::File { path: PathBuf::from("/x"), sha256: [0; 32] };
        ContextFile { path: path(text), mode: FileMode::Regular, content }
    }

    #[test]
    fn a_link_that_stays_in_the_repository_is_taken() {
        for (link, target) in [("a", "b"), ("a/b/c", "../../d"), ("a/b", "./c/../../d"), ("a", "x/..")] {
            assert_eq!(check_link(&path(link), target.as_bytes()), Ok(()), "{link} -> {target}");
        }
    }

    #[test]
    fn a_link_that_is_absolute_or_climbs_out_is_refused() {
        for (link, target) in [("a", "/etc/passwd"), ("a", ".."), ("a/b", "../../c"), ("a/b", "x/../../../c")]
        {
            assert!(check_link(&path(link), target.as_bytes()).is_err(), "{link} -> {target}");
        }
    }

    #[test]
    fn folders_are_listed_before_their_files_and_by_components() {
        let files = [file("a-b"), file("a/b/c"), file("a/b-c"), file("a.b")];

        let listed = list(&files).unwrap();

        let paths: Vec<String> = listed.iter().map(|(path, _)| path.to_string()).collect();
        assert_eq!(paths, ["a", "a/b", "a/b/c", "a/b-c", "a-b", "a.b"]);
    }

    #[test]
    fn a_folder_is_there_with_and_without_files_in_it() {
        let mut context = Context { files: vec![file("a/b"), file("d")] };

        context.add_folders(["a", "c/d", "c/d"].map(path));

        let listed = list(&context.files).unwrap();
        let paths: Vec<String> = listed.iter().map(|(path, _)| path.to_string()).collect();
        assert_eq!(paths, ["a", "a/b", "c", "c/d", "d"]);
        assert!(matches!(listed[3].1, Entry::Folder));
    }

    #[test]
    fn a_path_is_not_both_a_file_and_a_folder() {
        for files in [[file("a"), file("a/b")], [file("a/b"), file("a")], [file("a"), file("a")]] {
            assert!(list(&files).is_err());
        }
    }

    #[test]
    fn entries_that_look_different_have_different_fingerprints() {
        let contents = [
            Content::File { path: PathBuf::from("/x"), sha256: [0; 32] },
            Content::File { path: PathBuf::from("/x"), sha256: [1; 32] },
            Content::Bytes(Bytes::from_static(b"a")),
            Content::Bytes(Bytes::from_static(b"b")),
        ];
        let of_content = |content: &Content| {
            let content = || content.clone();
            let file = |executable| Entry::File { executable, content: content() };
            [file(false), file(true), Entry::Link { content: content() }]
        };
        let entries = contents.iter().flat_map(of_content).chain([Entry::Folder]);

        let fingerprints: BTreeSet<_> = entries.map(|entry| entry.fingerprint()).collect();

        assert_eq!(fingerprints.len(), 13);
    }
}
