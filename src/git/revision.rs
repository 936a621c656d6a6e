//! What revisions name (gitrevisions(7)): names, ids and the steps from there. Git itself is asked for what a reflog, an
//! upstream branch or a search tells.

use super::{GitError, Repository, program};
use crate::model::{CommitId, ObjectId};

/// Fewer digits of an id are taken for a name, as with git.
const MIN_DIGITS: usize = 4;

/// What is in revisions that git is asked about: reflogs, upstream branches, searches, and `HEAD` of another work tree.
const OF_GIT: [&str; 5] = ["@{", ":", "^{/", "worktrees/", "main-worktree/"];

impl Repository {
    /// Finds the commit that a revision such as `v1.2`, `HEAD~3` or an object id names.
    ///
    /// # Errors
    /// [`GitError::BadRevision`] when it names none, or begins with `-`; [`GitError::Read`] when a commit on the way is
    /// damaged.
    pub fn commit(&self, revision: &str) -> Result<CommitId, GitError> {
        let bad = || GitError::BadRevision { revision: revision.to_owned(), source: None };
        if revision.starts_with('-') || revision.trim().is_empty() {
            return Err(bad());
        }
        if OF_GIT.iter().any(|special| revision.contains(special)) {
            return self.commit_of_git(revision)?.ok_or_else(bad);
        }
        let end = revision.find(['~', '^']).unwrap_or(revision.len());
        let (name, mut steps) = revision.split_at(end);
        let start = self.named(name)?.ok_or_else(bad)?;
        let mut commit = self.peel(start)?.ok_or_else(bad)?;
        while let Some(step) = steps.chars().next() {
            let rest = &steps[step.len_utf8()..];
            if let Some((kind, after)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
                if step != '^' || !["", "commit"].contains(&kind) {
                    return Err(bad());
                }
                steps = after;
                continue;
            }
            let digits = rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len());
            let (number, after) = rest.split_at(digits);
            let number = if number.is_empty() { 1 } else { number.parse().map_err(|_| bad())? };
            commit = self.step(commit, step, number)?.ok_or_else(bad)?;
            steps = after;
        }
        Ok(commit)
    }

    /// Goes so many generations back by `~`, or to that parent by `^`.
    fn step(&self, mut commit: CommitId, step: char, number: usize) -> Result<Option<CommitId>, GitError> {
        let grafts = self.grafts();
        let parents = |commit: CommitId| match grafts.get(&commit) {
            Some(parents) => Ok(parents.clone()),
            None => Ok(self.find_commit(commit)?.parents),
        };
        match (step, number) {
            ('^', 0) => Ok(Some(commit)),
            ('^', _) => Ok(parents(commit)?.get(number - 1).copied()),
            ('~', _) => {
                for _ in 0..number {
                    let Some(&parent) = parents(commit)?.first() else { return Ok(None) };
                    commit = parent;
                }
                Ok(Some(commit))
            }
            _ => Ok(None),
        }
    }

    /// The object with this id, of this reference, or with an id that begins so.
    fn named(&self, name: &str) -> Result<Option<ObjectId>, GitError> {
        // In a repository of the other format it may be the beginning of an id.
        let id = name.parse().ok().filter(|id: &ObjectId| id.format() == self.object_format());
        if id.is_some() {
            return Ok(id);
        }
        // To libgit2, no name is `HEAD` as well.
        let name = match name {
            "" => return Ok(None),
            "@" => "HEAD",
            name => name,
        };
        if let Some(target) = self.inner.references()?.target_of_short_name(name)? {
            return Ok(Some(target));
        }
        // `git describe` puts the id behind a name and a number.
        let digits = name.rsplit_once("-g").map_or(name, |(_, digits)| digits);
        if digits.len() < MIN_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(None);
        }
        self.objects
            .with_prefix(digits)
            .map_err(|source| GitError::BadRevision { revision: name.to_owned(), source: Some(source) })
    }

    fn commit_of_git(&self, revision: &str) -> Result<Option<CommitId>, GitError> {
        let mut git = program::git(self.git_dir());
        git.args(["rev-parse", "--verify", "--quiet"]).arg(format!("{revision}^{{commit}}"));
        let output = git.output().map_err(GitError::NoGit)?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().parse().ok().filter(|_| output.status.success()))
    }
}
