//! Why projects differ from the base by themselves: the law is that whatever makes another digest is a reason.
//!
//! A file that changed is a reason exactly if it is an input in the base or now, and a folder without inputs if only one of
//! the two trees has it. Whatever else the digest covers is
//! compared by [`inputs::differences`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Reason;
use crate::git::{GitError, Snapshot};
use crate::inputs::{self, Difference, InputIndex, LfsChange, TakenBy};
use crate::model::{Change, ChangeKind, ChangedEntry, ProjectName, RepoPath};
use crate::patterns::PathSet;
use crate::workspace::{Base, BaseProject, ManifestSource, Project, UnreadableBase, Workspace};

/// The reasons of each project that differs from the base: files in path order, then what else is defined otherwise.
///
/// # Errors
/// [`GitError`] when the base can't be read.
pub fn direct_changes(
    workspace: &Workspace,
    source: &ManifestSource,
    base: &Snapshot<'_>,
    head: &Snapshot<'_>,
    changes: &[Change],
) -> Result<BTreeMap<ProjectName, Vec<Reason>>, GitError> {
    let compared = Base::read(workspace, source, base, changes)?;
    let lfs = inputs::lfs_changes(base, head, changes)?;
    let mut reasons = files(workspace, compared.as_ref().ok(), Trees { base, head }, changes, &lfs)?;
    match &compared {
        Err(UnreadableBase(why)) => {
            for name in workspace.projects.keys() {
                let reason = Reason::UnreadableBase { why: why.clone() };
                reasons.entry(name.clone()).or_default().push(reason);
            }
        }
        Ok(compared) => {
            for (name, differences) in inputs::differences(workspace, compared) {
                let differences = differences.into_iter().map(|difference| reason(name, difference));
                reasons.entry(name.clone()).or_default().extend(differences);
            }
        }
    }
    Ok(reasons)
}

fn reason(name: &ProjectName, difference: Difference) -> Reason {
    let project = name.clone();
    match difference {
        Difference::New => Reason::New { project },
        Difference::Unreadable { why } => Reason::UnreadableInBase { why, project },
        Difference::DefaultPlatform { now } => Reason::DefaultPlatform { now, project },
        Difference::Keys(keys) => Reason::Entry { keys, project },
        Difference::Parents(changes) => Reason::Parents { changes, project },
        Difference::Locked(changes) => Reason::Locked { changes, project },
    }
}

/// What is compared.
#[derive(Clone, Copy)]
struct Trees<'t> {
    base: &'t Snapshot<'t>,
    head: &'t Snapshot<'t>,
}

/// Changed files that are inputs in the base or now, those of them that are no longer or only now stored with Git LFS, and changed
/// pattern files. Without a base that can be read, those
/// that are inputs now.
fn files(
    workspace: &Workspace,
    base: Option<&Base<'_>>,
    trees: Trees<'_>,
    changes: &[Change],
    lfs: &[LfsChange],
) -> Result<BTreeMap<ProjectName, Vec<Reason>>, GitError> {
    let changed = changes.iter().map(|change| &change.path);
    let paths = PathSet::new(changed.chain(lfs.iter().map(|change| &change.path)));
    let now: Vec<(&ProjectName, &Project)> = workspace.projects.iter().collect();
    let now_index = InputIndex::for_paths(&now, &workspace.rebuild_all, &paths);
    let before: Vec<(&ProjectName, &Project)> = base
        .iter()
        .flat_map(|base| &base.redefined)
        .filter_map(|(name, project)| match project {
            BaseProject::Read(project) => Some((*name, &**project)),
            BaseProject::New | BaseProject::Unreadable(_) => None,
        })
        .collect();
    let before_index = base.map(|base| InputIndex::for_paths(&before, &base.rebuild_all, &paths));
    let is_defined_as_now = |name| base.is_some_and(|base| !base.redefined.contains_key(name));

    let mut reasons: BTreeMap<ProjectName, Vec<Reason>> = BTreeMap::new();
    let mut folders: BTreeMap<(&ProjectName, RepoPath), Reason> = BTreeMap::new();
    for (number, change) in changes.iter().enumerate() {
        // What changed inside of a submodule stands behind it, and is a part of its change.
        let inside =
            changes[number + 1..].iter().take_while(|inner| inner.entry == ChangedEntry::InSubmodule);
        let inside = || match change.entry {
            ChangedEntry::Submodule => inside.clone().map(|inner| inner.path.clone()).collect(),
            ChangedEntry::File | ChangedEntry::InSubmodule => Vec::new(),
        };
        let mut taken: BTreeMap<&ProjectName, Reason> = BTreeMap::new();
        matches(&now_index, change, &mut |number, by| {
            let (name, project) = now[number];
            if change.kind != ChangeKind::Deleted || is_defined_as_now(name) {
                taken.insert(name, file(workspace, change, inside(), name, project, by));
            }
        });
        if let Some(index) = before_index.as_ref().filter(|_| change.kind != ChangeKind::Added) {
            matches(index, change, &mut |number, by| {
                let (name, project) = before[number];
                taken.entry(name).or_insert_with(|| file(workspace, change, inside(), name, project, by));
            });
        }
        for (name, reason) in taken {
            reasons.entry(name.clone()).or_default().push(reason);
        }
        let other_tree = match change.kind {
            ChangeKind::Added => trees.base,
            ChangeKind::Deleted => trees.head,
            ChangeKind::Modified => continue,
        };
        let mut kept = Vec::new();
        now_index.ignored_matches(&change.path, |number, by| {
            if change.kind == ChangeKind::Added || is_defined_as_now(now[number].0) {
                kept.push((now[number], by));
            }
        });
        if let Some(index) = before_index.as_ref().filter(|_| change.kind == ChangeKind::Deleted) {
            index.ignored_matches(&change.path, |number, by| kept.push((before[number], by)));
        }
        for ((name, project), by) in kept {
            let above = std::iter::successors(change.path.parent(), RepoPath::parent);
            for path in above.filter(|folder| by.keeps_folder(project, folder)) {
                if !other_tree.has_folder(&path)? {
                    let reason = folder(workspace, change.kind, &path, name, project, by);
                    folders.entry((name, path)).or_insert(reason);
                }
            }
        }
    }
    for ((name, _), reason) in folders {
        reasons.entry(name.clone()).or_default().push(reason);
    }
    for change in lfs {
        let mut taken: BTreeMap<&ProjectName, Reason> = BTreeMap::new();
        now_index.matches(&change.path, |number, by| {
            let (name, project) = now[number];
            taken.insert(name, lfs_file(workspace, change, name, project, by));
        });
        if let Some(index) = &before_index {
            index.matches(&change.path, |number, by| {
                let (name, project) = before[number];
                taken.entry(name).or_insert_with(|| lfs_file(workspace, change, name, project, by));
            });
        }
        for (name, reason) in taken {
            reasons.entry(name.clone()).or_default().push(reason);
        }
    }
    let by_path: HashMap<&RepoPath, ChangeKind> =
        changes.iter().map(|change| (&change.path, change.kind)).collect();
    for (name, project) in now {
        let before = base.and_then(|base| base.redefined.get(name)).and_then(|before| match before {
            BaseProject::Read(before) => before.inputs.pattern_file(),
            BaseProject::New | BaseProject::Unreadable(_) => None,
        });
        let files: BTreeSet<&RepoPath> = project.inputs.pattern_file().into_iter().chain(before).collect();
        for (path, change) in files.into_iter().filter_map(|path| Some((path, *by_path.get(path)?))) {
            let reason = Reason::Patterns { path: path.clone(), change, project: name.clone() };
            reasons.entry(name.clone()).or_default().push(reason);
        }
    }
    Ok(reasons)
}

/// Whose input a changed path is: a submodule is one as a whole.
fn matches<'w>(index: &InputIndex<'w>, change: &Change, found: &mut dyn FnMut(usize, TakenBy<'w>)) {
    match change.entry {
        ChangedEntry::File => index.matches(&change.path, found),
        ChangedEntry::Submodule => index.matches_submodule(&change.path, found),
        ChangedEntry::InSubmodule => {}
    }
}

fn file(
    workspace: &Workspace,
    change: &Change,
    inside: Vec<RepoPath>,
    name: &ProjectName,
    project: &Project,
    by: TakenBy<'_>,
) -> Reason {
    Reason::File {
        path: change.path.clone(),
        change: change.kind,
        inside,
        pattern: by.line(&change.path),
        source: by.source(project, &workspace.manifest_file),
        project: name.clone(),
    }
}

fn folder(
    workspace: &Workspace,
    change: ChangeKind,
    path: &RepoPath,
    name: &ProjectName,
    project: &Project,
    by: TakenBy<'_>,
) -> Reason {
    Reason::Folder {
        path: path.clone(),
        change,
        pattern: by.line(path),
        source: by.source(project, &workspace.manifest_file),
        project: name.clone(),
    }
}

fn lfs_file(
    workspace: &Workspace,
    change: &LfsChange,
    name: &ProjectName,
    project: &Project,
    by: TakenBy<'_>,
) -> Reason {
    Reason::Lfs {
        path: change.path.clone(),
        is_lfs: change.is_lfs,
        attributes: change.attributes.clone(),
        pattern: by.line(&change.path),
        source: by.source(project, &workspace.manifest_file),
        project: name.clone(),
    }
}
