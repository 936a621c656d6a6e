//! Which commit came before which, and the names that commits go by.

use std::collections::{BTreeMap, BTreeSet};

use super::{GitError, Repository, commit_id, oid};
use crate::model::{BranchName, CommitId};

/// A part of the history that first parents make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstParents {
    /// Oldest first, each with its first parent; a first commit has none.
    pub commits: Vec<(CommitId, Option<CommitId>)>,
    /// Whether older ones were left out because there are too many.
    pub has_more: bool,
    /// The oldest, if its parents are missing because the clone is shallow.
    pub cut: Option<CommitId>,
}

impl Repository {
    /// Whether the history here is cut off, as in the clones that most CIs make.
    pub fn is_shallow(&self) -> bool {
        !self.shallow_commits().is_empty()
    }

    /// Asks libgit2, which knows where a history is cut off by the git folder that it opened alone: not in a work tree that
    /// was added to a shallow clone.
    pub(super) fn ask_history<T>(
        &self,
        ask: impl FnOnce(&git2::Repository) -> Result<T, git2::Error>,
    ) -> Result<T, git2::Error> {
        if self.git_dir() == self.common_dir() || !self.is_shallow() {
            return ask(&self.inner);
        }
        ask(&git2::Repository::open(self.common_dir())?)
    }

    /// The commits that first parents lead to from `newest`, oldest first, without those that `since` has in
    /// its history. If there are more than `most`, the newest of them.
    ///
    /// # Errors
    /// [`GitError::Read`] when a commit isn't there.
    pub fn first_parents(
        &self,
        newest: CommitId,
        since: Option<CommitId>,
        most: usize,
    ) -> Result<FirstParents, GitError> {
        let failed = |source| GitError::read(&format!("the history of {newest}"), source);
        let walk = |repository: &git2::Repository| first_parents(repository, newest, since, most);
        let mut found = self.ask_history(walk).map_err(failed)?;
        let is_cut = |commit: &CommitId| self.shallow_commits().contains(commit);
        found.cut = found.commits.first().map(|(commit, _)| *commit).filter(is_cut);
        Ok(found)
    }

    /// Where a shallow clone ends: parents of these are not here.
    fn shallow_commits(&self) -> BTreeSet<CommitId> {
        let list = std::fs::read_to_string(self.common_dir().join("shallow")).unwrap_or_default();
        list.lines().filter_map(|line| line.trim().parse().ok()).collect()
    }

    /// The branches that are known here, local ones and those of `origin`, with the commits that
    /// they stand on.
    ///
    /// # Errors
    /// [`GitError::Read`] when the references can't be read.
    pub fn branches(&self) -> Result<BTreeMap<BranchName, BTreeSet<CommitId>>, GitError> {
        self.branches_below(&["refs/heads/", "refs/remotes/origin/"])
    }

    /// The same of the branches of `origin` alone.
    ///
    /// # Errors
    /// [`GitError::Read`] when the references can't be read.
    pub fn branches_of_origin(&self) -> Result<BTreeMap<BranchName, BTreeSet<CommitId>>, GitError> {
        self.branches_below(&["refs/remotes/origin/"])
    }

    fn branches_below(
        &self,
        prefixes: &[&str],
    ) -> Result<BTreeMap<BranchName, BTreeSet<CommitId>>, GitError> {
        let mut branches: BTreeMap<BranchName, BTreeSet<CommitId>> = BTreeMap::new();
        for prefix in prefixes {
            for (name, commit) in self.commits_below(prefix)? {
                if name != "HEAD" {
                    branches.entry(BranchName::new(name)).or_default().insert(commit);
                }
            }
        }
        Ok(branches)
    }

    /// The names of the tags, annotated or not, that stand for a commit.
    ///
    /// # Errors
    /// [`GitError::Read`] when the references can't be read.
    pub fn tags_of(&self, commit: CommitId) -> Result<BTreeSet<String>, GitError> {
        let tags = self.commits_below("refs/tags/")?.into_iter();
        Ok(tags.filter(|(_, tagged)| *tagged == commit).map(|(name, _)| name).collect())
    }

    /// A commit's parents, first parent first, as they are written in the commit: a shallow clone may lack them.
    ///
    /// # Errors
    /// [`GitError::Read`] when the commit isn't there.
    pub fn parents(&self, commit: CommitId) -> Result<Vec<CommitId>, GitError> {
        let failed = |source| GitError::read(&format!("commit {commit}"), source);
        // A commit that libgit2 has parsed has no parents where the clone is cut off.
        let objects = self.inner.odb().map_err(failed)?;
        let object = objects.read(oid(commit.0)).map_err(failed)?;
        let text = String::from_utf8_lossy(object.data());
        let header = text.lines().take_while(|line| !line.is_empty());
        Ok(header.filter_map(|line| line.strip_prefix("parent ")?.parse().ok()).collect())
    }

    /// The references with this prefix that lead to a commit, by the rest of their names.
    fn commits_below(&self, prefix: &str) -> Result<Vec<(String, CommitId)>, GitError> {
        let failed = |source| GitError::read("the references", source);
        let mut commits = Vec::new();
        for reference in self.inner.references_glob(&format!("{prefix}*")).map_err(failed)? {
            let reference = reference.map_err(failed)?;
            // A name that isn't UTF-8 matches no rule; a tag may stand for a tree or a blob.
            let Ok(name) = reference.name() else { continue };
            let Ok(commit) = reference.peel_to_commit() else { continue };
            commits.push((name.strip_prefix(prefix).unwrap_or(name).to_owned(), commit_id(commit.id())));
        }
        Ok(commits)
    }
}

/// As [`Repository::first_parents`], without whether they are cut off.
fn first_parents(
    repository: &git2::Repository,
    newest: CommitId,
    since: Option<CommitId>,
    most: usize,
) -> Result<FirstParents, git2::Error> {
    let mut walk = repository.revwalk()?;
    walk.simplify_first_parent()?;
    walk.push(oid(newest.0))?;
    if let Some(since) = since {
        walk.hide(oid(since.0))?;
    }
    let mut commits = Vec::new();
    let mut has_more = false;
    for id in walk {
        let id = id?;
        has_more = commits.len() == most;
        if has_more {
            break;
        }
        let parent = repository.find_commit(id)?.parent_id(0).ok();
        commits.push((commit_id(id), parent.map(commit_id)));
    }
    commits.reverse();
    Ok(FirstParents { commits, has_more, cut: None })
}
