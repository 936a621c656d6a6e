//! What git says of a commit that is to be deployed: its names, and how it is related to what runs.

use std::collections::BTreeSet;

use super::gate::{Candidate, Relation};
use crate::ci::CommitContext;
use crate::config::EnvironmentRule;
use crate::git::{Depth, GitError, Repository, Wanted};
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

/// Whether git may fetch the history that a shallow clone lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    AsItIs,
    Fetched,
}

/// How far history is deepened at a time, in commits, before all of it is fetched.
const DEEPENINGS: [Depth; 3] = [Depth::More(100), Depth::More(1000), Depth::All];

/// How `commit` is related to the one that is deployed.
///
/// # Errors
/// [`GitError::Read`] when the repository can't be read, [`GitError::Fetch`] when history can't be fetched.
pub fn relation(
    repository: &Repository,
    deployed: CommitId,
    commit: CommitId,
    history: History,
) -> Result<Relation, GitError> {
    let mut found = relation_here(repository, deployed, commit)?;
    if history == History::AsItIs {
        return Ok(found);
    }
    if found == Relation::Unknown && !repository.has(deployed) {
        repository.fetch(&[Wanted::Commit(deployed)], Depth::One)?;
    }
    for depth in DEEPENINGS {
        // Where history ends is read when a repository is opened.
        let fetched = repository.open_again()?;
        found = relation_here(&fetched, deployed, commit)?;
        if found != Relation::Unknown || !fetched.is_shallow() {
            break;
        }
        fetched.fetch(&[Wanted::Commit(deployed), Wanted::Commit(commit)], depth)?;
    }
    if found == Relation::Unknown {
        found = relation_here(&repository.open_again()?, deployed, commit)?;
    }
    Ok(found)
}

fn relation_here(
    repository: &Repository,
    deployed: CommitId,
    commit: CommitId,
) -> Result<Relation, GitError> {
    if deployed == commit {
        return Ok(Relation::Same);
    }
    if !repository.has(deployed) {
        return Ok(Relation::Unknown);
    }
    if repository.is_ancestor(deployed, commit)? {
        return Ok(Relation::FastForward);
    }
    if repository.is_ancestor(commit, deployed)? {
        return Ok(Relation::Behind);
    }
    Ok(if repository.is_shallow() { Relation::Unknown } else { Relation::Diverged })
}
