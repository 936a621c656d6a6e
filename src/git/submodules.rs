//! What changed inside of submodules, where they are checked out.

use std::path::Path;

use super::entries::EntryKind;
use super::tree::{Entry, Snapshot};
use super::{GitError, Repository};
use crate::model::{Change, ChangeKind, ChangedEntry, CommitId, FileMode, RepoPath};

/// Deeper than people nest submodules; a bound against hostile ones.
pub(super) const MAX_SUBMODULES_DEEP: usize = 16;

/// The file that names submodules.
pub(super) const GITMODULES: &str = ".gitmodules";

impl Snapshot<'_> {
    /// The changes on the way to `newer`, and after each change of a submodule what changed inside of it, in path order.
    ///
    /// A submodule that isn't checked out, or lacks one of the two commits, has its own change alone.
    ///
    /// # Errors
    /// As [`Snapshot::entry`], in a submodule as well.
    pub fn changes_with_submodules_to(&self, newer: &Self) -> Result<Vec<Change>, GitError> {
        let work_dir = newer.repository().work_dir().map(Path::to_owned);
        with_submodules(self, newer, work_dir.as_deref(), 0)
    }

    fn submodule(&self, path: &RepoPath) -> Result<Option<CommitId>, GitError> {
        Ok(match self.entry(path)? {
            Some(Entry { kind: EntryKind::File(FileMode::Submodule), id }) => Some(CommitId(id)),
            _ => None,
        })
    }
}

fn with_submodules(
    older: &Snapshot<'_>,
    newer: &Snapshot<'_>,
    work_dir: Option<&Path>,
    depth: usize,
) -> Result<Vec<Change>, GitError> {
    let changes = older.changes_to(newer)?;
    let Some(work_dir) = work_dir.filter(|_| depth < MAX_SUBMODULES_DEEP) else { return Ok(changes) };
    // Without the file that names them there are none, and most repositories have none.
    let gitmodules = RepoPath::new(GITMODULES).expect("the name of a file is a path");
    if newer.entry(&gitmodules)?.is_none() && older.entry(&gitmodules)?.is_none() {
        return Ok(changes);
    }
    let mut all = Vec::with_capacity(changes.len());
    for change in changes {
        let path = change.path.clone();
        // A folder that became a submodule has its own files deleted besides.
        let old = if change.kind == ChangeKind::Added { None } else { older.submodule(&path)? };
        let new = if change.kind == ChangeKind::Deleted { None } else { newer.submodule(&path)? };
        all.push(change);
        if old.is_some() || new.is_some() {
            all.extend(inside(newer.repository(), &path, old, new, work_dir, depth)?);
        }
    }
    Ok(all)
}

/// The changes of one submodule's files, with paths of the outer repository.
fn inside(
    outer: &Repository,
    path: &RepoPath,
    old: Option<CommitId>,
    new: Option<CommitId>,
    work_dir: &Path,
    depth: usize,
) -> Result<Vec<Change>, GitError> {
    let folder = work_dir.join(path.to_os_path());
    // Without this, the outer repository would be found.
    if !folder.join(".git").exists() {
        return Ok(Vec::new());
    }
    let repository = outer.open_another(&folder)?;
    if [old, new].into_iter().flatten().any(|commit| !repository.has(commit)) {
        return Ok(Vec::new());
    }
    let snapshot = |commit: Option<CommitId>| match commit {
        Some(commit) => repository.snapshot(commit),
        None => Ok(repository.snapshot_of_tree(repository.empty_tree())),
    };
    let changes = with_submodules(&snapshot(old)?, &snapshot(new)?, Some(&folder), depth + 1)?;
    Ok(changes
        .into_iter()
        .map(|Change { path: inner, kind, .. }| Change {
            path: path.join(&inner),
            kind,
            entry: ChangedEntry::InSubmodule,
        })
        .collect())
}
