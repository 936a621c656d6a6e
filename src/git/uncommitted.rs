//! Uncommitted work as far as it can be told without git: where the files' metadata are those in the index, and where
//! a file's bytes are what git would store of it.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use git2::{AttrCheckFlags, Index, IndexEntry, ObjectType, Oid};

use super::{EMPTY_BLOB, GitError, Repository, object_id, oid};
use crate::model::ObjectId;

/// Attributes that make git store something else than a file's bytes (gitattributes(5)).
const CONVERTING: [&str; 6] = ["text", "crlf", "eol", "ident", "filter", "working-tree-encoding"];

/// Settings by which git sees something else than what is there, and the values with which it doesn't.
const PLAIN_SETTINGS: [(&str, bool); 3] =
    [("core.autocrlf", false), ("core.filemode", true), ("core.symlinks", true)];

const ATTRIBUTES: &str = ".gitattributes";

const LINK: u32 = 0o120_000;
const SUBMODULE: u32 = 0o160_000;

// Flags of entries, as libgit2 keeps them.
const ASSUME_UNCHANGED: u16 = 0x8000;
const STAGE: u16 = 0x3000;
const INTENT_TO_ADD: u16 = 1 << 13;
const SKIP_WORKTREE: u16 = 1 << 14;

/// The work tree's tracked files, as a tree of the object database.
#[derive(Clone, Debug)]
pub struct WorkTree {
    pub tree: ObjectId,
    /// Whether `git status` lists changes of tracked files.
    pub is_dirty: bool,
}

/// What is uncommitted.
pub(super) enum Uncommitted {
    Known(WorkTree),
    /// Only git itself can tell, because of this.
    OnlyGit(String),
}

/// What became of a file since it was added to the index.
enum Fate {
    Unchanged,
    /// Unchanged, too. Git, which compares seconds, looks whether it would store the same bytes once more.
    Recent,
    Gone,
    /// Its metadata are others, or too new to tell.
    Touched(Metadata),
    OnlyGit(&'static str),
}

impl Repository {
    /// Compares the index with the head's tree and with the files below `root`.
    ///
    /// # Errors
    /// [`GitError::Conflicts`], and [`GitError::Read`] when a file can't be read.
    pub(super) fn uncommitted_without_git(
        &self,
        root: &Path,
        head_tree: ObjectId,
    ) -> Result<Uncommitted, GitError> {
        let failed = |source| GitError::read("the index", source);
        let file = self.git_dir().join("index");
        // Read before the index, which may be replaced meanwhile: a file that is older was not changed since.
        let written = modified(&file)?;
        let Ok(mut index) = Index::open(&file) else {
            return Ok(Uncommitted::OnlyGit("the index is split, sparse or of another kind".to_owned()));
        };
        let mut files = Files { root, written, folders: HashMap::new(), with_attributes: HashMap::new() };
        let (mut gone, mut touched, mut converted) = (Vec::new(), Vec::new(), None);
        let mut is_any_read = false;
        for entry in index.iter() {
            if entry.flags & STAGE != 0 {
                return Err(GitError::Conflicts);
            }
            if entry.path.rsplit(|&byte| byte == b'/').next() == Some(ATTRIBUTES.as_bytes()) {
                converted.get_or_insert_with(|| format!("`{ATTRIBUTES}` may convert files"));
            }
            let fate = files.fate(&entry)?;
            if matches!(fate, Fate::Recent | Fate::Touched(_)) {
                is_any_read = true;
                if files.has_attributes(&entry.path)? {
                    converted.get_or_insert_with(|| format!("`{ATTRIBUTES}` may convert files"));
                }
            }
            match fate {
                Fate::Unchanged | Fate::Recent => {}
                Fate::Gone => gone.push(entry),
                Fate::Touched(now) => touched.push((entry, now)),
                Fate::OnlyGit(why) => return Ok(only_git(&entry, why)),
            }
        }
        if is_any_read && let Some(why) = converted.or_else(|| self.converts_files()) {
            return Ok(Uncommitted::OnlyGit(why));
        }

        let staged = index.write_tree_to(&self.inner).map_err(failed)?;
        let mut is_dirty = object_id(staged) != head_tree || !gone.is_empty();
        for entry in gone {
            index.remove(Path::new(OsStr::from_bytes(&entry.path)), 0).map_err(failed)?;
        }
        for (entry, now) in touched {
            if self.has_attributes(&entry).map_err(failed)? {
                return Ok(only_git(&entry, "may be converted"));
            }
            if let Some(changed) = self.changed(&files.path(&entry), entry, &now)? {
                index.add(&changed).map_err(failed)?;
                is_dirty = true;
            }
        }
        let tree = index.write_tree_to(&self.inner).map_err(failed)?;
        Ok(Uncommitted::Known(WorkTree { tree: object_id(tree), is_dirty }))
    }

    /// Why files of any name may be stored as something else than what they are.
    fn converts_files(&self) -> Option<String> {
        let Ok(config) = self.inner.config() else {
            return Some("its configuration can't be read".to_owned());
        };
        if self.common_dir().join("info/attributes").exists() {
            return Some("`info/attributes` may convert files".to_owned());
        }
        let is_plain = |(name, plain): &(&str, bool)| match config.get_bool(name) {
            Ok(value) => value == *plain,
            Err(error) => error.code() == git2::ErrorCode::NotFound,
        };
        let setting = PLAIN_SETTINGS.iter().find(|setting| !is_plain(setting)).map(|(name, _)| *name);
        let setting = setting.or_else(|| config.get_string("attr.tree").ok().map(|_| "attr.tree"));
        setting.map(|name| format!("`{name}` is set"))
    }

    /// Whether the user's or the system's files give an entry attributes that may convert it.
    fn has_attributes(&self, entry: &IndexEntry) -> Result<bool, git2::Error> {
        let path = Path::new(OsStr::from_bytes(&entry.path));
        for name in CONVERTING {
            if self.inner.get_attr_bytes(path, name, AttrCheckFlags::FILE_THEN_INDEX)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The entry as it is to be, its content stored, where its file is another than the one in the index.
    fn changed(
        &self,
        file: &Path,
        entry: IndexEntry,
        now: &Metadata,
    ) -> Result<Option<IndexEntry>, GitError> {
        let mode = mode_of(now);
        let failed = |source| GitError::read(&format!("`{}`", file.display()), source);
        let objects = self.inner.odb().map_err(failed)?;
        let unreadable = |source| unreadable(file, source);
        let id = if mode == LINK {
            let target = fs::read_link(file).map_err(unreadable)?;
            objects.write(ObjectType::Blob, target.as_os_str().as_bytes()).map_err(failed)?
        } else {
            let is_same = Oid::hash_file(ObjectType::Blob, file).map_err(failed)? == entry.id;
            if is_same { entry.id } else { self.store(file)? }
        };
        let is_changed = id != entry.id || mode != entry.mode;
        Ok(is_changed.then_some(IndexEntry { id, mode, ..entry }))
    }

    fn store(&self, file: &Path) -> Result<Oid, GitError> {
        let failed = |source| GitError::read(&format!("`{}`", file.display()), source);
        let unreadable = |source| unreadable(file, source);
        let mut content = File::open(file).map_err(unreadable)?;
        let bytes = content.metadata().map_err(unreadable)?.len();
        let bytes = usize::try_from(bytes).map_err(|source| unreadable(io::Error::other(source)))?;
        let objects = self.inner.odb().map_err(failed)?;
        let mut writer = objects.writer(bytes, ObjectType::Blob).map_err(failed)?;
        io::copy(&mut content, &mut writer).map_err(unreadable)?;
        writer.finalize().map_err(failed)
    }
}

/// The files that entries of the index stand for.
struct Files<'r> {
    root: &'r Path,
    /// When the index was written, in seconds and nanoseconds.
    written: Option<(i64, i64)>,
    /// Whether these are folders, and not links to some.
    folders: HashMap<Vec<u8>, bool>,
    /// Whether these or folders above have a file with attributes.
    with_attributes: HashMap<Vec<u8>, bool>,
}

impl Files<'_> {
    fn path(&self, entry: &IndexEntry) -> PathBuf {
        self.root.join(OsStr::from_bytes(&entry.path))
    }

    fn fate(&mut self, entry: &IndexEntry) -> Result<Fate, GitError> {
        if entry.flags_extended & INTENT_TO_ADD != 0 {
            return Ok(Fate::OnlyGit("was added without its content"));
        }
        // Git never looks.
        if entry.flags & ASSUME_UNCHANGED != 0 {
            return Ok(Fate::Unchanged);
        }
        let path = self.path(entry);
        let now = if self.is_in_folders(&entry.path)? { metadata(&path)? } else { None };
        let is_skipped = entry.flags_extended & SKIP_WORKTREE != 0;
        Ok(match now {
            None if is_skipped => Fate::Unchanged,
            Some(_) if is_skipped => Fate::OnlyGit("is there, although the sparse checkout leaves it out"),
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
    fn has_attributes(&mut self, path: &[u8]) -> Result<bool, GitError> {
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
            && (entry.file_size > 0 || entry.id == oid(EMPTY_BLOB))
    }
}

/// The mode that git gives a file or a link.
fn mode_of(file: &Metadata) -> u32 {
    match (file.is_symlink(), file.mode() & 0o100 != 0) {
        (true, _) => LINK,
        (false, true) => 0o100_755,
        (false, false) => 0o100_644,
    }
}

fn only_git(entry: &IndexEntry, why: &str) -> Uncommitted {
    Uncommitted::OnlyGit(format!("`{}` {why}", String::from_utf8_lossy(&entry.path)))
}

fn modified(file: &Path) -> Result<Option<(i64, i64)>, GitError> {
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

fn unreadable(path: &Path, source: io::Error) -> GitError {
    GitError::Read { what: format!("`{}`", path.display()), source: source.into() }
}
