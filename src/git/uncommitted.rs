//! Uncommitted work as far as it can be told without git: where the files' metadata are those in the index, and where
//! a file's bytes are what git would store of it.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use git2::{Config, Index, IndexEntry, ObjectType, Oid};

use super::ids::{git2_format, object_id};
use super::index_files::{ATTRIBUTES, Fate, Files, LINK, STAGE, mode_of, modified, unreadable};
use super::{GitError, Repository};
use crate::model::ObjectId;

/// Attributes that make git store something else than a file's bytes (gitattributes(5)).
const CONVERTING: [&str; 6] = ["text", "crlf", "eol", "ident", "filter", "working-tree-encoding"];

/// Settings that make git convert files or ignore their modes, with the values that do neither.
const PLAIN_SETTINGS: [(&str, bool); 3] =
    [("core.autocrlf", false), ("core.filemode", true), ("core.symlinks", true)];

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
        let Ok(mut index) = Index::open_ext(&file, git2_format(self.object_format())) else {
            return Ok(Uncommitted::OnlyGit("the index is split, sparse or of another kind".to_owned()));
        };
        let mut files = Files::new(root, written);
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

        let staged = self.inner.write_tree(&mut index).map_err(failed)?;
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
        let tree = self.inner.write_tree(&mut index).map_err(failed)?;
        Ok(Uncommitted::Known(WorkTree { tree: object_id(tree), is_dirty }))
    }

    /// Why files of any name may be stored as something else than what they are.
    fn converts_files(&self) -> Option<String> {
        let Ok(config) = self.inner.config() else {
            return Some("its configuration can't be read".to_owned());
        };
        if self.database.configuration().has_settings() {
            return Some("the environment has settings for git".to_owned());
        }
        if self.inner.references().is_ok_and(|references| references.hide_the_branch())
            && has_settings_of_a_branch(&config)
        {
            return Some("some settings are for one branch".to_owned());
        }
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
            if self.inner.has_attribute(path, name)? {
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
            let format = git2_format(self.object_format());
            let is_same = Oid::hash_file_ext(ObjectType::Blob, file, format).map_err(failed)? == entry.id;
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

/// Whether settings are included for some branch.
fn has_settings_of_a_branch(config: &Config) -> bool {
    let mut is_any = false;
    let all = config.entries(None).and_then(|entries| {
        entries.for_each(|entry| is_any |= entry.name_bytes().starts_with(b"includeif.onbranch:"))
    });
    is_any || all.is_err()
}

fn only_git(entry: &IndexEntry, why: &str) -> Uncommitted {
    Uncommitted::OnlyGit(format!("`{}` {why}", String::from_utf8_lossy(&entry.path)))
}
