//! Which commit the changes are counted from: the first that resolves, with its reason.
//!
//! `--base`, then `CHINAMPA_BASE`, then the build record of the branch and of the default branch,
//! then the merge-base with the default branch. Whatever doesn't resolve is passed over, except
//! what a person asked for; when nothing does, the base is unknown and everything counts as changed.

use super::ObserveError;
use crate::git::{GitError, Head, Repository};
use crate::model::{BranchName, CommitId, Tag};
use crate::plan::Base;
use crate::record::BuildRecord;
use crate::registry::Registry;
use crate::workspace::Workspace;

/// The commits of the last whole builds, of the branch first.
pub type Records = Vec<(BranchName, CommitId)>;

/// What was said about the base.
#[derive(Clone, Copy, Debug)]
pub struct BaseRequest<'r> {
    /// A revision that a person named: it must resolve.
    pub named: Option<&'r str>,
    /// A revision from the environment; empty, zeros, `null` and the like count as absent.
    pub from_environment: Option<&'r str>,
    pub default_branch: &'r BranchName,
    /// Empty when nobody was asked.
    pub records: &'r Records,
}

/// Finds the base.
///
/// # Errors
/// [`GitError::BadRevision`] when the named revision doesn't resolve.
pub fn resolve(repository: &Repository, head: &Head, request: BaseRequest<'_>) -> Result<Base, GitError> {
    if let Some(revision) = request.named {
        return Ok(Base::Known { commit: repository.commit(revision)?, from: "--base".to_owned() });
    }
    let from_environment = request.from_environment.filter(|revision| !is_nothing(revision));
    if let Some(commit) = from_environment.and_then(|revision| repository.commit(revision).ok()) {
        return Ok(Base::Known { commit, from: "CHINAMPA_BASE".to_owned() });
    }
    for (branch, commit) in request.records {
        if repository.has(*commit) {
            let from = format!("the last whole build of `{branch}`");
            return Ok(Base::Known { commit: *commit, from });
        }
    }
    merge_base(repository, head, request.default_branch)
}

/// Asks the cache for the last whole builds of a branch and of the default branch.
///
/// # Errors
/// [`ObserveError::Record`] when it can't be asked.
pub async fn records(
    registry: &dyn Registry,
    workspace: &Workspace,
    branch: Option<&BranchName>,
) -> Result<Records, ObserveError> {
    let default_branch = &workspace.settings.default_branch;
    let other_branch = branch.filter(|branch| *branch != default_branch);
    let mut records = Vec::new();
    for branch in other_branch.into_iter().chain([default_branch]) {
        let asked = registry.artifact(&workspace.records, &Tag::branch(branch)).await;
        let Some(document) = asked.map_err(ObserveError::Record)? else { continue };
        match BuildRecord::from_bytes(&document) {
            Ok(record) => records.push((branch.clone(), record.commit)),
            // The base only explains, so a record of another version is as good as none.
            Err(error) => tracing::info!(%branch, %error, "a build record can't be read"),
        }
    }
    Ok(records)
}

fn merge_base(repository: &Repository, head: &Head, default: &BranchName) -> Result<Base, GitError> {
    let Some(tip) = repository.branch(default) else {
        return Ok(Base::Unknown { why: format!("there is no branch `{default}` here to compare with") });
    };
    Ok(match repository.merge_base(head.commit, tip)? {
        Some(commit) if commit == head.commit => Base::Unknown {
            why: format!("this commit is on `{default}` itself, and nothing says what was built before"),
        },
        Some(commit) => Base::Known { commit, from: format!("the merge-base with `{default}`") },
        None => Base::Unknown { why: format!("the history here has no merge-base with `{default}`") },
    })
}

/// What CI systems put where there is no commit.
fn is_nothing(revision: &str) -> bool {
    let revision = revision.trim();
    matches!(revision, "" | "null" | "<nil>") || revision.bytes().all(|byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use super::is_nothing;

    #[test]
    fn what_stands_for_no_commit_counts_as_absent() {
        for nothing in ["", " ", "null", "<nil>", "0000000000000000000000000000000000000000"] {
            assert!(is_nothing(nothing), "{nothing:?}");
        }
        assert!(!is_nothing("0a"));
    }
}
