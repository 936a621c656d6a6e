//! The files of a workspace, listed once and read when they are asked for.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::rc::Rc;

use super::NarrowError;
use crate::git::{GitError, Snapshot};
use crate::infer::CopiedPath;
use crate::init::evidence::resolve;
use crate::model::{FileMode, RepoPath};
use crate::patterns::Pattern;

/// A workspace with more files than this stays whole.
const MAX_FILES: usize = 300_000;

/// One with more manifests, too.
const MAX_MANIFESTS: usize = 5_000;

/// Larger files than this are no manifests.
const MAX_BYTES: u64 = 1 << 20;

/// Folders of packages that come from elsewhere.
const FOREIGN: &[&[u8]] = &[b"node_modules", b".git"];

/// The files below the root of a workspace.
pub(super) struct Files<'s> {
    pub(super) root: RepoPath,
    snapshot: &'s Snapshot<'s>,
    modes: BTreeMap<RepoPath, FileMode>,
    /// What was read: the images of one workspace have the same manifests.
    texts: RefCell<HashMap<RepoPath, Option<Rc<str>>>>,
}

impl<'s> Files<'s> {
    pub(super) fn below(snapshot: &'s Snapshot<'s>, root: &RepoPath) -> Result<Self, NarrowError> {
        let mut modes = BTreeMap::new();
        snapshot.walk_from(root, &mut |_| true, &mut |file| {
            if modes.len() <= MAX_FILES {
                modes.insert(file.path.clone(), file.mode);
            }
        })?;
        if modes.len() > MAX_FILES {
            return Err(NarrowError::uncertain(format!("it has more than {MAX_FILES} files")));
        }
        Ok(Self { root: root.clone(), snapshot, modes, texts: RefCell::default() })
    }

    /// Whether a regular file is there.
    pub(super) fn has(&self, path: &RepoPath) -> bool {
        matches!(self.modes.get(path), Some(FileMode::Regular | FileMode::Executable))
    }

    pub(super) fn has_folder(&self, path: &RepoPath) -> bool {
        *path == self.root || self.in_folder(path).next().is_some()
    }

    /// The file or the folder that `path` is.
    pub(super) fn at(&self, path: &RepoPath) -> Option<CopiedPath> {
        if self.modes.contains_key(path) {
            return Some(CopiedPath::File(path.clone()));
        }
        self.has_folder(path).then(|| CopiedPath::Folder(path.clone()))
    }

    /// All files, in path order.
    pub(super) fn paths(&self) -> impl Iterator<Item = &RepoPath> {
        self.modes.keys()
    }

    /// The files below a folder, in path order.
    pub(super) fn in_folder(&self, folder: &RepoPath) -> impl Iterator<Item = &RepoPath> {
        let start = if folder.is_root() { Vec::new() } else { [folder.as_bytes(), b"/"].concat() };
        let all = self.modes.range::<[u8], _>((Bound::Included(start.as_slice()), Bound::Unbounded));
        all.map(|(path, _)| path).take_while(move |path| path.as_bytes().starts_with(&start))
    }

    /// The files that a folder holds itself.
    pub(super) fn directly_in(&self, folder: &RepoPath) -> impl Iterator<Item = &RepoPath> {
        let start = if folder.is_root() { 0 } else { folder.as_bytes().len() + 1 };
        self.in_folder(folder).filter(move |path| !path.as_bytes()[start..].contains(&b'/'))
    }

    /// The regular files whose names `is_wanted` accepts, without those of packages from elsewhere.
    ///
    /// # Errors
    /// [`NarrowError::Uncertain`] for more than a workspace of packages has.
    pub(super) fn named(&self, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<RepoPath>, NarrowError> {
        let is_own = |path: &RepoPath| !path.components().any(|part| FOREIGN.contains(&part));
        let name = |path: &RepoPath| std::str::from_utf8(path.file_name()).is_ok_and(&is_wanted);
        let named = self.paths().filter(|path| name(path) && is_own(path) && self.has(path));
        let named: Vec<RepoPath> = named.take(MAX_MANIFESTS + 1).cloned().collect();
        if named.len() > MAX_MANIFESTS {
            return Err(NarrowError::uncertain(format!("it has more than {MAX_MANIFESTS} manifests")));
        }
        Ok(named)
    }

    /// Whether a submodule is at a path that `is_wanted` accepts.
    pub(super) fn has_submodule(&self, is_wanted: impl Fn(&RepoPath) -> bool) -> bool {
        self.modes.iter().any(|(path, mode)| *mode == FileMode::Submodule && is_wanted(path))
    }

    /// Fetches at once what will be read and a partial clone lacks.
    pub(super) fn fetch<'p>(&self, paths: impl IntoIterator<Item = &'p RepoPath>) -> Result<(), GitError> {
        self.snapshot.fetch_from_promisor(paths.into_iter().cloned())
    }

    /// The text of a regular file; `None` where there is none, or it is not a text that people write.
    pub(super) fn read(&self, path: &RepoPath) -> Result<Option<Rc<str>>, GitError> {
        if let Some(known) = self.texts.borrow().get(path) {
            return Ok(known.clone());
        }
        let text = self.text(path)?;
        self.texts.borrow_mut().insert(path.clone(), text.clone());
        Ok(text)
    }

    fn text(&self, path: &RepoPath) -> Result<Option<Rc<str>>, GitError> {
        if !self.has(path) {
            return Ok(None);
        }
        let Some(entry) = self.snapshot.entry(path)? else { return Ok(None) };
        if self.snapshot.blob_bytes(entry.id, path)? > MAX_BYTES {
            return Ok(None);
        }
        let text = String::from_utf8(self.snapshot.blob(entry.id, path)?).ok();
        Ok(text.map(|text| text.trim_start_matches('\u{feff}').into()))
    }

    /// The text of a manifest, which has to be there.
    pub(super) fn manifest(&self, path: &RepoPath) -> Result<Rc<str>, NarrowError> {
        self.read(path)?.ok_or_else(|| NarrowError::uncertain(format!("`{path}` can't be read")))
    }

    /// What the symbolic links that `is_taken` accepts lead to within the workspace.
    pub(super) fn links(&self, is_taken: impl Fn(&RepoPath) -> bool) -> Result<Vec<CopiedPath>, GitError> {
        let mut targets = Vec::new();
        for (path, mode) in &self.modes {
            if *mode != FileMode::Symlink || !is_taken(path) {
                continue;
            }
            let Some(entry) = self.snapshot.entry(path)? else { continue };
            let text = self.snapshot.blob(entry.id, path)?;
            let folder = path.parent().unwrap_or_default();
            let target = std::str::from_utf8(&text).ok().and_then(|text| resolve(&folder, text));
            targets.extend(target.filter(|target| target.is_within(&self.root)).and_then(|to| self.at(&to)));
        }
        Ok(targets)
    }

    /// The files that `taken` names, in path order.
    pub(super) fn matching(&self, taken: &CopiedPath) -> Vec<&RepoPath> {
        match taken {
            CopiedPath::File(path) => {
                self.modes.get_key_value(path).map(|(path, _)| path).into_iter().collect()
            }
            CopiedPath::Folder(folder) => self.in_folder(folder).collect(),
            CopiedPath::Glob { folder, glob } => match Pattern::of_glob(folder, glob) {
                Ok(pattern) => self.in_folder(folder).filter(|path| pattern.matches(path)).collect(),
                Err(_) => Vec::new(),
            },
        }
    }
}
