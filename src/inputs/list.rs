//! Each input of one project, with the line that takes it.

use std::collections::BTreeSet;
use std::path::Path;

use super::{InputContent, InputFile, InputIndex, InputsError, TakenBy, files};
use crate::git::Snapshot;
use crate::model::{FileMode, ProjectName, RepoPath};
use crate::workspace::{Project, Workspace};

/// One file that a project is made from, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedInput {
    pub path: RepoPath,
    /// Whether git has it; what it has not is one of `extra_inputs`.
    pub is_committed: bool,
    /// Whether it is a folder in which every file is ignored.
    pub is_folder: bool,
    /// The line that takes it, as written.
    pub pattern: String,
    /// Where that line stands: `file:line`.
    pub source: String,
}

/// The inputs of a project, by path.
///
/// # Errors
/// As [`files`].
pub fn list(
    workspace: &Workspace,
    name: &ProjectName,
    snapshot: &Snapshot<'_>,
    work_dir: Option<&Path>,
) -> Result<Vec<ListedInput>, InputsError> {
    let files = files(workspace, &BTreeSet::from([name.clone()]), snapshot, work_dir)?;
    let projects: Vec<(&ProjectName, &Project)> =
        workspace.projects.iter().filter(|(other, _)| *other == name).collect();
    let index = InputIndex::new(&projects, &workspace.rebuild_all);
    let listed = |file: &InputFile| {
        let is_committed = !matches!(file.content, InputContent::Extra(_));
        let mut taken = None;
        let found = |number: usize, by| {
            // A line for committed files takes no other.
            if taken.is_none() && (is_committed || matches!(by, TakenBy::ExtraInput(_))) {
                taken = Some((projects[number].1, by));
            }
        };
        let is_folder = file.content == InputContent::EmptyFolder;
        if file.mode == FileMode::Submodule && !is_folder {
            index.matches_submodule(&file.path, found);
        } else {
            index.all_matches(&file.path, found);
        }
        let (project, by) = taken?;
        Some(ListedInput {
            path: file.path.clone(),
            is_committed,
            is_folder,
            pattern: by.line(&file.path),
            source: by.source(project, &workspace.manifest_file),
        })
    };
    Ok(files.values().flatten().filter_map(listed).collect())
}
