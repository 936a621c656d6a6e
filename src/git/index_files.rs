//! What became of the files of an index, by their metadata.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use git2::IndexEntry;

use super::GitError;
use super::ids::{empty_blob, object_id};

pub(super) const ATTRIBUTES: &str = ".gitattributes";

pub(super) const LINK: u32 = 0o120_000;
const SUBMODULE: u32 = 0o160_000;

// Flags of entries, as libgit2 keeps them.
const ASSUME_UNCHANGED: u16 = 0x8000;
pub(super) const STAGE: u16 = 0x3000;
const INTENT_TO_ADD: u16 = 1 << 13;
const SKIP_WORKTREE: u16 = 1 << 14;

/// What became of a file since it was added to the index.
pub(super) enum Fate {
    Unchanged,
    /// Unchanged, too. Git, which compares seconds, looks whether it would store the same bytes once more.
    Recent,
    Gone,
    /// Its metadata are others, or too new to tell.
    Touched(Metadata),
    OnlyGit(&'static str),
}

/// The files that entries of the index stand for.
pub(super) struct Files<'r> {
    root: &'r Path,
    /// When the index was written, in seconds and nanoseconds.
    written: Option<(i64, i64)>,
    /// Whether these are folders, and not links to some.
    folders: HashMap<Vec<u8>, bool>,
    /// Whether these or folders above have a file with attributes.
    with_attributes: HashMap<Vec<u8>, bool>,
}

impl<'r> Files<'r> {
    /// The files below `root` of an index that was written then.
    pub(super) fn new(root: &'r Path, written: Option<(i64, i64)>) -> Self {
        Self { root, written, folders: HashMap::new(), with_attributes: HashMap::new() }
    }

    pub(super) fn path(&self, entry: &IndexEntry) -> PathBuf {
        self.root.join(OsStr::from_bytes(&entry.path))
    }

    pub(super) fn fate(&mut self, entry: &IndexEntry) -> Result<Fate, GitError> {
        if entry.flags_extended & INTENT_TO_ADD != 0 {
            return Ok(Fate::OnlyGit("was added without its content"));
        }
        // Git never looks.
        if entry.flags & ASSUME_UNCHANGED != 0 {
            return Ok(Fate::Unchanged);
        }
        let path = self.path(entry);
        let is_in_folders = self.is_in_folders(&entry.path)?;
        if entry.flags_extended & SKIP_WORKTREE != 0 {
            // Git looks for it behind links too, where whatever it can't look at isn't there, and then finds that it is behind one.
            let is_there =
                if is_in_folders { metadata(&path)?.is_some() } else { path.symlink_metadata().is_ok() };
            return Ok(match is_there {
                true => Fate::OnlyGit("is there, although the sparse checkout leaves it out"),
                false => Fate::Unchanged,
            });
        }
        let now = if is_in_folders { metadata(&path)? } else { None };
        Ok(match now {
            Some(now)
                if entry.mode == SUBMODULE && now.is_dir() && metadata(&path.join(".git"))?.is_none() =>
            {
                Fate::Unchanged
            }
            _ if entry.mode == SUBMODULE => Fate::OnlyGit("is a submodule"),
            None => Fate::Gone,
            Some(now) if now.is_dir() && metadata(&path.join(".git"))?.is_none() => Fate::Gone,
            Some(now) if !now.is_file() && !now.is_symlink() => {
                Fate::OnlyGit("is neither a file nor a symbolic link")
            }
            Some(now) if !self.is_unchanged(entry, &now) => Fate::Touched(now),
            Some(now) if self.written.is_some_and(|(seconds, _)| now.mtime() < seconds) => Fate::Unchanged,
            Some(_) => Fate::Recent,
        })
    }

    /// Whether all folders of a path are folders: git does not look behind links.
    fn is_in_folders(&mut self, path: &[u8]) -> Result<bool, GitError> {
        let Some(end) = path.iter().rposition(|&byte| byte == b'/') else { return Ok(true) };
        let folder = &path[..end];
        if let Some(known) = self.folders.get(folder) {
            return Ok(*known);
        }
        let is_folder = self.is_in_folders(folder)?
            && metadata(&self.root.join(OsStr::from_bytes(folder)))?.is_some_and(|found| found.is_dir());
        self.folders.insert(folder.to_owned(), is_folder);
        Ok(is_folder)
    }

    /// Whether a folder of this path has a file with attributes, which git need not track.
    pub(super) fn has_attributes(&mut self, path: &[u8]) -> Result<bool, GitError> {
        let end = path.iter().rposition(|&byte| byte == b'/');
        let folder = end.map_or(&[][..], |end| &path[..end]);
        if let Some(known) = self.with_attributes.get(folder) {
            return Ok(*known);
        }
        let file = self.root.join(OsStr::from_bytes(folder)).join(ATTRIBUTES);
        let found = metadata(&file)?.is_some() || (end.is_some() && self.has_attributes(folder)?);
        self.with_attributes.insert(folder.to_owned(), found);
        Ok(found)
    }

    /// Whether the file has the metadata that the index has of it, all of them, and was written before the index: then
    /// git takes it for unchanged without looking into it.
    fn is_unchanged(&self, entry: &IndexEntry, now: &Metadata) -> bool {
        let time = |time: git2::IndexTime| (i64::from(time.seconds()), i64::from(time.nanoseconds()));
        // The index has the lower halves.
        let is = |kept: u32, now: u64| u64::from(kept) == now & u64::from(u32::MAX);
        let modified = (now.mtime(), now.mtime_nsec());
        mode_of(now) == entry.mode
            && time(entry.mtime) == modified
            && time(entry.ctime) == (now.ctime(), now.ctime_nsec())
            && is(entry.ino, now.ino())
            && (entry.uid, entry.gid) == (now.uid(), now.gid())
            && is(entry.file_size, now.size())
            && self.written.is_some_and(|written| modified < written)
            // Git notes no size where it found an entry too new to tell.
            && (entry.file_size > 0 || is_empty(entry))
    }
}

fn is_empty(entry: &IndexEntry) -> bool {
    let id = object_id(entry.id);
    id == empty_blob(id.format())
}

/// The mode that git gives a file or a link.
pub(super) fn mode_of(file: &Metadata) -> u32 {
    match (file.is_symlink(), file.mode() & 0o100 != 0) {
        (true, _) => LINK,
        (false, true) => 0o100_755,
        (false, false) => 0o100_644,
    }
}

/// When a file was written; `None` when it isn't there.
pub(super) fn modified(file: &Path) -> Result<Option<(i64, i64)>, GitError> {
    match file.metadata() {
        Ok(metadata) => Ok(Some((metadata.mtime(), metadata.mtime_nsec()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(file, error)),
    }
}

/// What is at a path; `None` when nothing is.
fn metadata(path: &Path) -> Result<Option<Metadata>, GitError> {
    match path.symlink_metadata() {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(unreadable(path, error)),
    }
}

pub(super) fn unreadable(path: &Path, source: io::Error) -> GitError {
    GitError::Read { what: format!("`{}`", path.display()), source: source.into() }
}
