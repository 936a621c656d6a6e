//! Which commit came before which, and the names that commits go by.

use std::collections::{BTreeMap, BTreeSet};

use super::{GitError, Repository, commit_id, oid};
use crate::model::{BranchName, CommitId};

impl Repository {
    /// Whether `ancestor` is in the history of `commit`, or is `commit` itself.
    ///
    /// `false` can also mean that history was cut off: see [`Repository::is_shallow`].
    ///
    /// # Errors
    /// [`GitError::Read`] when the object database fails, or either commit isn't there.
    pub fn is_ancestor(&self, ancestor: CommitId, commit: CommitId) -> Result<bool, GitError> {
        if ancestor == commit {
            return Ok(true);
        }
        self.inner
            .graph_descendant_of(oid(commit.0), oid(ancestor.0))
            .map_err(|source| GitError::read(&format!("the history of {commit}"), source))
    }

    /// Whether the history here is cut off, as in the clones that most CIs make.
    pub fn is_shallow(&self) -> bool {
        self.inner.is_shallow()
    }

    /// The branches that are known here, local ones and those of `origin`, with the commits that
    /// they stand on.
    ///
    /// # Errors
    /// [`GitError::Read`] when the references can't be read.
    pub fn branches(&self) -> Result<BTreeMap<BranchName, BTreeSet<CommitId>>, GitError> {
        let mut branches: BTreeMap<BranchName, BTreeSet<CommitId>> = BTreeMap::new();
        for prefix in ["refs/heads/", "refs/remotes/origin/"] {
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
