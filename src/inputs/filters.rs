//! Which inputs are stored with Git LFS, and which have other filters: what the `.gitattributes` of the tree say.

use std::collections::{BTreeMap, BTreeSet};

use super::{Found, InputContent, InputFile, found};
use crate::git::{Attributes, Filter, FilterLine, GitError, Snapshot, is_attributes_file};
use crate::model::{Change, ObjectId, ProjectName, RepoPath};
use crate::workspace::{Project, Workspace};

/// A file that an edit of `.gitattributes` made one of Git LFS, or no longer one, while its blob is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LfsChange {
    pub path: RepoPath,
    /// Whether it is one now.
    pub is_lfs: bool,
    /// The `.gitattributes` that says so now, or said otherwise before.
    pub attributes: RepoPath,
}

/// Tells the files apart that are stored with Git LFS.
pub(super) fn mark(files: &mut [Vec<InputFile>], attributes: &Attributes) {
    if attributes.is_empty() {
        return;
    }
    let lfs: BTreeSet<RepoPath> = {
        let mut lookup = attributes.lookup();
        regular(files).into_iter().filter(|path| lookup.is_lfs(path)).cloned().collect()
    };
    for file in files.iter_mut().flatten() {
        if let InputContent::Committed(id) = file.content
            && file.mode.is_regular()
            && lfs.contains(&file.path)
        {
            file.content = InputContent::Lfs(id);
        }
    }
}

/// The paths of all files that attributes are for, each once and in their order.
fn regular(files: &[Vec<InputFile>]) -> BTreeSet<&RepoPath> {
    let files = files.iter().flatten().filter(|file| file.mode.is_regular());
    files.map(|file| &file.path).collect()
}

/// The committed inputs of the `selected` projects that have another filter than Git LFS, with the lines that say so.
///
/// # Errors
/// [`GitError`] when a tree or a `.gitattributes` can't be read.
pub fn filtered(
    workspace: &Workspace,
    selected: &BTreeSet<ProjectName>,
    snapshot: &Snapshot<'_>,
) -> Result<BTreeMap<ProjectName, Vec<(RepoPath, FilterLine)>>, GitError> {
    let projects: Vec<(&ProjectName, &Project)> =
        workspace.projects.iter().filter(|(name, _)| selected.contains(*name)).collect();
    let Found { files, attributes, .. } = found(workspace, &projects, snapshot)?;
    let attributes = snapshot.attributes(&attributes)?;
    if attributes.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut lookup = attributes.lookup();
    let mut lines: BTreeMap<&RepoPath, FilterLine> = BTreeMap::new();
    for path in regular(&files) {
        let line = lookup.line(path);
        let line = line.filter(|line| matches!(line.filter, Some(Filter::Other(_))));
        lines.extend(line.map(|line| (path, line)));
    }
    let of_project = |files: &Vec<InputFile>| {
        let with_line =
            files.iter().filter_map(|file| Some((file.path.clone(), lines.get(&file.path)?.clone())));
        with_line.collect::<Vec<_>>()
    };
    let named = projects.iter().zip(&files).map(|((name, _), files)| ((*name).clone(), of_project(files)));
    Ok(named.filter(|(_, files)| !files.is_empty()).collect())
}

/// The files whose blob is the same in both trees, and that only one of the two stores with Git LFS; in path order.
///
/// `changes` are those from `base` to `head`.
///
/// # Errors
/// [`GitError`] when a tree or a `.gitattributes` can't be read.
pub fn lfs_changes(
    base: &Snapshot<'_>,
    head: &Snapshot<'_>,
    changes: &[Change],
) -> Result<Vec<LfsChange>, GitError> {
    let edited: Vec<&RepoPath> =
        changes.iter().map(|change| &change.path).filter(|path| is_attributes_file(path)).collect();
    if edited.is_empty() {
        return Ok(Vec::new());
    }
    let mut now: BTreeMap<RepoPath, ObjectId> = BTreeMap::new();
    let mut files: BTreeSet<RepoPath> = BTreeSet::new();
    let mut walked: Vec<RepoPath> = Vec::new();
    // The folders around others come first.
    let folders: BTreeSet<RepoPath> = edited.iter().filter_map(|path| path.parent()).collect();
    for folder in folders {
        if walked.iter().any(|above| folder.is_within(above)) {
            continue;
        }
        let mut above = folder.parent();
        while let Some(folder) = above {
            now.extend(head.attributes_file(&folder)?);
            above = folder.parent();
        }
        head.walk_from(&folder, &mut |_| true, &mut |file| {
            if file.mode.is_regular() {
                if is_attributes_file(file.path) {
                    now.insert(file.path.clone(), file.id);
                }
                files.insert(file.path.clone());
            }
        })?;
        walked.push(folder);
    }
    let mut before = now.clone();
    for path in edited {
        before.remove(path);
        before.extend(base.attributes_file(&path.parent().unwrap_or_default())?);
    }
    // What changed itself is told as such.
    for change in changes {
        files.remove(&change.path);
    }
    let (before, now) = (base.attributes(&before)?, head.attributes(&now)?);
    let (mut before, mut now) = (before.lookup(), now.lookup());
    let is_lfs =
        |line: &Option<FilterLine>| line.as_ref().is_some_and(|line| line.filter == Some(Filter::Lfs));
    let changed = files.into_iter().filter_map(|path| {
        let (before, now) = (before.line(&path), now.line(&path));
        let is_lfs_now = is_lfs(&now);
        let attributes = now.as_ref().or(before.as_ref()).map(|line| line.file.clone())?;
        (is_lfs(&before) != is_lfs_now).then_some(LfsChange { path, is_lfs: is_lfs_now, attributes })
    });
    Ok(changed.collect())
}
