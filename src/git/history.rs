//! Which commit came before which, and the names that commits go by.

use std::collections::{BTreeMap, BTreeSet};

use super::{GitError, Repository};
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
        let (grafts, mut commits) = (self.grafts(), Vec::new());
        let mut next = Some(newest);
        while let Some(commit) = next.filter(|_| commits.len() <= most) {
            let parents = match grafts.get(&commit) {
                Some(parents) => parents.clone(),
                None => self.find_commit(commit)?.parents,
            };
            next = parents.first().copied();
            commits.push((commit, next));
            // What is behind one that is left out is left out as well. To look at few is enough.
            if commits.len().is_power_of_two() && self.is_behind(since, commit)? {
                break;
            }
        }
        let (mut first, mut end) = (0, commits.len());
        while first < end {
            let middle = usize::midpoint(first, end);
            if self.is_behind(since, commits[middle].0)? { end = middle } else { first = middle + 1 }
        }
        let has_more = first > most;
        commits.truncate(first.min(most));
        commits.reverse();
        let is_cut = |commit: &CommitId| self.shallow_commits().contains(commit);
        let cut = commits.first().map(|(commit, _)| *commit).filter(is_cut);
        Ok(FirstParents { commits, has_more, cut })
    }

    fn is_behind(&self, since: Option<CommitId>, commit: CommitId) -> Result<bool, GitError> {
        since.map_or(Ok(false), |since| self.is_ancestor(commit, since))
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
        Ok(self.find_commit(commit)?.parents)
    }

    /// The references with this prefix that lead to a commit, by the rest of their names.
    fn commits_below(&self, prefix: &str) -> Result<Vec<(String, CommitId)>, GitError> {
        let mut commits = Vec::new();
        for (name, target) in self.inner.references()?.below(prefix)? {
            // A tag may stand for a tree or a blob.
            if let Some(commit) = self.peel(target)? {
                commits.push((name, commit));
            }
        }
        Ok(commits)
    }
}
