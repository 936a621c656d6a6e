//! What git says of a commit that is to be deployed.

use std::collections::BTreeSet;

use super::gate::{Candidate, Course};
use crate::ci::CommitContext;
use crate::config::EnvironmentRule;
use crate::git::{GitError, Repository};
use crate::model::CommitId;

/// The names that a commit goes by, as far as an environment's rule asks for them.
///
/// Of the branches, the one that the commit is on counts, and each that matches the rule and has the commit in its
/// history. In a CI, git's own references count only where they are those of the repository that the CI names.
///
/// # Errors
/// [`GitError::Read`] when the repository can't be read.
pub fn candidate(
    repository: &Repository,
    context: &CommitContext,
    rule: &EnvironmentRule,
) -> Result<Candidate, GitError> {
    let commit = context.commit();
    let mut branches: BTreeSet<_> = context.branch_name().cloned().into_iter().collect();
    let mut tags: BTreeSet<_> = context.tag().map(str::to_owned).into_iter().collect();
    let refs = context.git_refs();
    if !refs.include_origin(repository.origin_url().as_deref()) {
        return Ok(Candidate { commit, branches, tags });
    }
    tags.extend(repository.tags_of(commit)?);
    let known =
        if refs.include_local() { repository.branches()? } else { repository.branches_of_origin()? };
    for (branch, tips) in known {
        if !rule.branch.as_ref().is_some_and(|pattern| pattern.matches(branch.as_str())) {
            continue;
        }
        for tip in tips {
            if repository.is_ancestor(commit, tip)? {
                branches.insert(branch.clone());
            }
        }
    }
    Ok(Candidate { commit, branches, tags })
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
