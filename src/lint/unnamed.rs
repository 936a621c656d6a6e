//! Dockerfiles that no project names.

use std::collections::{BTreeMap, BTreeSet};

use super::{Code, Finding};
use crate::dockerfile::{self, Dockerfile, DockerfileError, file_names};
use crate::git::{GitError, Snapshot};
use crate::model::{ObjectId, RepoPath};
use crate::workspace::Workspace;

/// A finding for each Dockerfile that `init` would take and no project names. What is no image of this repository is none: code from
/// elsewhere, data of tests, templates, images for Windows, and what no engine can build.
///
/// # Errors
/// [`GitError`] when a tree or a Dockerfile can't be read.
pub(super) fn check(
    workspace: &Workspace,
    snapshot: &Snapshot<'_>,
    findings: &mut Vec<Finding>,
) -> Result<(), GitError> {
    let named: BTreeSet<&RepoPath> =
        workspace.projects.values().map(|project| &project.config.dockerfile.value).collect();
    let mut unnamed: BTreeMap<RepoPath, ObjectId> = BTreeMap::new();
    let mut enter = |folder: &RepoPath| {
        file_names::left_out_folder(&String::from_utf8_lossy(folder.as_bytes())).is_none()
    };
    snapshot.walk(&mut enter, &mut |file| {
        let has_name = std::str::from_utf8(file.path.file_name()).is_ok_and(file_names::is_dockerfile);
        if has_name
            && file.mode.is_regular()
            && !named.contains(file.path)
            && file_names::left_out(file.path).is_none()
        {
            unnamed.insert(file.path.clone(), file.id);
        }
    })?;
    snapshot.fetch_from_promisor(unnamed.keys().cloned())?;
    for (path, id) in unnamed {
        if snapshot.blob_bytes(id, &path)? > dockerfile::MAX_BYTES as u64 {
            continue;
        }
        let text = snapshot.blob(id, &path)?;
        if !file_names::is_for_windows(&text) && is_buildable(&text) {
            findings.push(Finding {
                project: None,
                file: path.to_string(),
                line: 1,
                code: Code::DockerfileWithoutProject,
                message:
                    "no project names this Dockerfile, so its image is not built: `chinampa init --update` adds a project for it"
                        .to_owned(),
                suggestion: None,
            });
        }
    }
    Ok(())
}

/// Whether a build can succeed, if need be with build arguments.
fn is_buildable(text: &[u8]) -> bool {
    match Dockerfile::parse(text, &BTreeMap::new(), None) {
        Ok(_) => true,
        Err(
            DockerfileError::UnknownVariable { .. }
            | DockerfileError::UnsetVariable { .. }
            | DockerfileError::BlankImage { .. },
        ) => true,
        Err(_) => false,
    }
}
