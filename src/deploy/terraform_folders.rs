//! The folders that Terraform is run in, each with one owner.

use std::collections::BTreeMap;

use crate::config::TerraformSetting;
use crate::git::{EntryKind, GitError, Snapshot};
use crate::model::{ProjectName, RepoPath};
use crate::workspace::Workspace;

use super::TerraformError;

/// What makes a folder one that Terraform is run in.
const MAIN_FILE: &[u8] = b"main.tf";

/// The folder of a project whose manifest names none.
const DEFAULT_FOLDER: &[u8] = b"terraform";

/// A folder of the commit that Terraform is run in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TerraformFolder {
    pub path: RepoPath,
    /// Below the project's terraform folder; `None` for that folder itself.
    pub name: Option<String>,
}

impl TerraformFolder {
    /// Where the backend keeps the state: `<deploy tag>/<repository>`, and for a folder in the
    /// project's terraform folder its name behind that, so that no two share one state.
    pub fn backend_key(&self, deploy_tag: &str, repository: &str) -> String {
        match &self.name {
            None => format!("{deploy_tag}/{repository}"),
            Some(name) => format!("{deploy_tag}/{repository}/{name}"),
        }
    }
}

/// Finds the folders that Terraform is run in: of each project its terraform folder and each
/// directly in it, those of them that have a `main.tf`. In path order. Projects that have none are left out.
///
/// # Errors
/// [`TerraformError::NoFolder`] when the manifest names a folder and none is found in it,
/// [`TerraformError::SharedFolder`] when two projects would apply one folder.
pub fn terraform_folders(
    snapshot: &Snapshot<'_>,
    workspace: &Workspace,
) -> Result<BTreeMap<ProjectName, Vec<TerraformFolder>>, TerraformError> {
    let mut found: BTreeMap<ProjectName, Vec<TerraformFolder>> = BTreeMap::new();
    let mut owners: BTreeMap<RepoPath, &ProjectName> = BTreeMap::new();
    // Who names a folder has it; a default is for the others.
    let projects = || workspace.projects.iter();
    let is_named = |setting: &TerraformSetting| matches!(setting, TerraformSetting::Folder(_));
    let named = projects().filter(|(_, project)| is_named(&project.config.terraform));
    let others = projects().filter(|(_, project)| !is_named(&project.config.terraform));
    for (name, project) in named.chain(others) {
        let folders = match &project.config.terraform {
            TerraformSetting::Off => continue,
            TerraformSetting::Folder(folder) => {
                let folders = folders_of(snapshot, &folder.value)?;
                if folders.is_empty() {
                    return Err(TerraformError::NoFolder { folder: folder.value.clone() });
                }
                folders
            }
            TerraformSetting::Default => {
                let folder = project.config.path.value.join_component(DEFAULT_FOLDER);
                let owner = owners.get(&folder).map(|owner| &workspace.projects[*owner].config.terraform);
                if owner.is_some_and(is_named) {
                    continue;
                }
                folders_of(snapshot, &folder)?
            }
        };
        for folder in &folders {
            if let Some(first) = owners.insert(folder.path.clone(), name) {
                let at = |name: &ProjectName| {
                    let line = workspace.projects[name].config.line;
                    (name.clone(), workspace.manifest_line(line))
                };
                return Err(TerraformError::SharedFolder {
                    folder: folder.path.clone(),
                    owners: Box::new([at(first), at(name)]),
                });
            }
        }
        if !folders.is_empty() {
            found.insert(name.clone(), folders);
        }
    }
    Ok(found)
}

fn folders_of(snapshot: &Snapshot<'_>, top: &RepoPath) -> Result<Vec<TerraformFolder>, GitError> {
    if !snapshot.has_folder(top)? {
        return Ok(Vec::new());
    }
    let has_main_file = |folder: &RepoPath| {
        let entry = snapshot.entry(&folder.join_component(MAIN_FILE))?;
        Ok::<_, GitError>(entry.is_some_and(|entry| entry.kind != EntryKind::Folder))
    };
    let mut folders = Vec::new();
    if has_main_file(top)? {
        folders.push(TerraformFolder { path: top.clone(), name: None });
    }
    for (path, kind) in snapshot.children(top)? {
        if kind == EntryKind::Folder && has_main_file(&path)? {
            let name = Some(String::from_utf8_lossy(path.file_name()).into_owned());
            folders.push(TerraformFolder { path, name });
        }
    }
    folders.sort();
    Ok(folders)
}
