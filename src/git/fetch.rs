//! Fetching what a clone lacks: done by git itself, with the credentials and the settings of whoever runs this.

use std::collections::BTreeSet;
use std::fmt;
use std::process::Command;

use super::{GitError, Repository, program};
use crate::model::{BranchName, CommitId};

/// What is fetched.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'w> {
    Commit(CommitId),
    /// Kept as its remote-tracking branch.
    Branch(&'w BranchName),
}

/// How much history is fetched with it. A clone that has the whole history always gets the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    One,
    /// Maximum number of commits besides those that are here.
    More(u32),
    All,
}

const REMOTE: &str = "origin";

impl Repository {
    /// Fetches from `origin`.
    ///
    /// # Errors
    /// [`GitError::Fetch`] with what git wrote: no such remote, no such object, no connection, denied;
    /// [`GitError::NoGit`] when the program isn't there.
    pub fn fetch(&self, wanted: &[Wanted<'_>], depth: Depth) -> Result<(), GitError> {
        let what: Vec<String> = wanted.iter().map(|wanted| format!("`{wanted}`")).collect();
        let what = what.join(" and ");
        let references: Result<Vec<String>, GitError> = wanted.iter().map(Wanted::reference).collect();
        let references = references?;
        let mut command = self.git();
        command.args(["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-auto-maintenance"]);
        if self.is_shallow() {
            command.arg(match depth {
                Depth::One => "--depth=1".to_owned(),
                Depth::More(commits) => format!("--deepen={commits}"),
                Depth::All => "--unshallow".to_owned(),
            });
        }
        tracing::info!(what, ?depth, "git fetches");
        let output = command.args(["--", REMOTE]).args(references).output().map_err(GitError::NoGit)?;
        if output.status.success() {
            return Ok(());
        }
        Err(GitError::Fetch { what, source: program::words(&output) })
    }

    /// The branches that `origin` has now, whatever the clone has of them; those of the clone where it has no `origin`.
    ///
    /// # Errors
    /// [`GitError::Fetch`] with what git wrote, and [`GitError::NoGit`] when the program isn't there.
    pub fn branches_now(&self) -> Result<BTreeSet<BranchName>, GitError> {
        if self.inner.remote_url(REMOTE).is_none() {
            return Ok(self.branches()?.into_keys().collect());
        }
        let output = self.git().args(["ls-remote", "--heads", "--", REMOTE]).output();
        let output = output.map_err(GitError::NoGit)?;
        if !output.status.success() {
            let what = "the names of all branches".to_owned();
            return Err(GitError::Fetch { what, source: program::words(&output) });
        }
        let listed = String::from_utf8_lossy(&output.stdout).into_owned();
        let names = listed.lines().filter_map(|line| line.split_once("\trefs/heads/"));
        Ok(names.map(|(_, name)| BranchName::new(name)).collect())
    }

    /// Git itself, for this repository.
    pub(super) fn git(&self) -> Command {
        let mut git = program::git(self.git_dir());
        let names_work_tree =
            || self.inner.config().is_ok_and(|config| config.get_string("core.worktree").is_ok());
        if self.work_dir().is_none() && names_work_tree() {
            // A submodule that is not checked out: git would go to where it was.
            git.arg("--work-tree").arg(self.git_dir());
        }
        git
    }
}

impl Wanted<'_> {
    /// # Errors
    /// [`GitError::Fetch`] for what can be no branch: git would take it for something else.
    fn reference(&self) -> Result<String, GitError> {
        match self {
            Self::Commit(commit) => Ok(commit.to_string()),
            Self::Branch(branch) if git2::Reference::is_valid_name(&format!("refs/heads/{branch}")) => {
                Ok(format!("+refs/heads/{branch}:refs/remotes/{REMOTE}/{branch}"))
            }
            Self::Branch(branch) => {
                let source = "that is no name for a branch".into();
                Err(GitError::Fetch { what: format!("`{branch}`"), source })
            }
        }
    }
}

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Commit(commit) => commit.fmt(formatter),
            Self::Branch(branch) => branch.fmt(formatter),
        }
    }
}
