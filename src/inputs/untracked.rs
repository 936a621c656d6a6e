//! Files of the work tree that would be inputs, if git tracked them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::Path;

use super::{InputIndex, TakenBy};
use crate::git::{GitError, Snapshot};
use crate::model::{ProjectName, RepoPath};
use crate::workspace::{Project, Workspace};

/// A file that no build gets because git does not track it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UntrackedInput {
    pub path: RepoPath,
    /// The first project that it would be an input of.
    pub project: ProjectName,
    /// The line that would take it, as written.
    pub line: String,
    /// Where that line stands: `file:line`.
    pub source: String,
}

/// Finds the files below `work_dir` that `snapshot`, the tree of the same files, lacks, that git does not ignore, and that would
/// be inputs of the selected projects. By path.
///
/// Only folders that may have inputs are read. Links are not followed, other repositories not entered, and a folder that can't
/// be read counts as empty.
///
/// # Errors
/// [`GitError`] when the tree, or what git ignores, can't be read.
pub fn untracked(
    workspace: &Workspace,
    selected: &BTreeSet<ProjectName>,
    snapshot: &Snapshot<'_>,
    work_dir: &Path,
) -> Result<Vec<UntrackedInput>, GitError> {
    let projects: Vec<(&ProjectName, &Project)> =
        workspace.projects.iter().filter(|(name, _)| selected.contains(*name)).collect();
    let index = InputIndex::new(&projects, &workspace.rebuild_all);
    let mut walk = index.walk();
    let mut found = Vec::new();
    // Each folder is entered after the one that it is in, and before its siblings.
    let mut waiting = vec![RepoPath::default()];
    while let Some(folder) = waiting.pop() {
        if !walk.enter(&folder) && !folder.is_root() {
            continue;
        }
        let tracked: HashSet<RepoPath> =
            snapshot.children(&folder)?.into_iter().map(|(path, _)| path).collect();
        let Ok(entries) = fs::read_dir(work_dir.join(folder.to_os_path())) else { continue };
        for entry in entries.flatten() {
            let path = folder.join_component(entry.file_name().as_encoded_bytes());
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                let is_other_repository = entry.path().join(".git").symlink_metadata().is_ok();
                if entry.file_name() != ".git"
                    && !is_other_repository
                    && (tracked.contains(&path) || !snapshot.repository().is_ignored(&path)?)
                {
                    waiting.push(path);
                }
                continue;
            }
            if tracked.contains(&path) {
                continue;
            }
            // By the number of each project that would take it; what `extra_inputs` take is built as it is.
            let mut lines: BTreeMap<usize, TakenBy<'_>> = BTreeMap::new();
            let mut built = BTreeSet::new();
            index.all_matches(&path, |number, by| match by {
                TakenBy::ExtraInput(_) => {
                    built.insert(number);
                }
                by => {
                    lines.entry(number).or_insert(by);
                }
            });
            lines.retain(|number, _| !built.contains(number));
            if let Some((number, by)) = lines.into_iter().next()
                && !snapshot.repository().is_ignored(&path)?
            {
                let (name, project) = projects[number];
                found.push(UntrackedInput {
                    line: by.line(&path),
                    source: by.source(project, &workspace.manifest_file),
                    project: name.clone(),
                    path,
                });
            }
        }
    }
    found.sort();
    Ok(found)
}
