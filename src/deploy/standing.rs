//! What git says of a commit that is to be deployed.

use super::gate::{Candidate, Course};
use crate::config::EnvironmentRule;
use crate::git::{GitError, Head, Repository};
use crate::model::CommitId;

/// The names that a commit goes by, as far as an environment's rule asks for them.
///
/// Of the branches, the one that is checked out, or that the CI names, counts, and each
/// that matches the rule and has the commit in its history.
///
/// # Errors
/// [`GitError::Read`] when the repository can't be read.
pub fn candidate(
    repository: &Repository,
    head: &Head,
    rule: &EnvironmentRule,
) -> Result<Candidate, GitError> {
    let mut branches: std::collections::BTreeSet<_> = head.branch.iter().cloned().collect();
    for (branch, tips) in repository.branches()? {
        if !rule.branch.as_ref().is_some_and(|pattern| pattern.matches(branch.as_str())) {
            continue;
        }
        for tip in tips {
            if repository.is_ancestor(head.commit, tip)? {
                branches.insert(branch.clone());
            }
        }
    }
    Ok(Candidate { commit: head.commit, branches, tags: repository.tags_of(head.commit)? })
}

/// Where `commit` stands, seen from the one that is deployed.
///
/// # Errors
/// [`GitError::Read`] when the repository can't be read.
pub fn course(
    repository: &Repository,
    deployed: Option<CommitId>,
    commit: CommitId,
) -> Result<Course, GitError> {
    let Some(deployed) = deployed else { return Ok(Course::First) };
    if deployed == commit {
        return Ok(Course::Same);
    }
    if !repository.has(deployed) {
        return Ok(Course::Unknown);
    }
    if repository.is_ancestor(deployed, commit)? {
        return Ok(Course::Forward);
    }
    if repository.is_ancestor(commit, deployed)? {
        return Ok(Course::Backward);
    }
    Ok(if repository.is_shallow() { Course::Unknown } else { Course::Sideways })
}
