//! Fetching what a clone lacks: done by git itself, with the credentials and the settings of whoever runs this.

use std::fmt;
use std::process::{Command, Stdio};

use super::{GitError, Repository};
use crate::model::{BranchName, CommitId, printable_log};

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
        Err(GitError::Fetch { what, source: last_line(&String::from_utf8_lossy(&output.stderr)).into() })
    }

    /// Git itself, for this repository.
    pub(super) fn git(&self) -> Command {
        let mut command = Command::new("git");
        command.arg("--git-dir").arg(self.git_dir()).stdin(Stdio::null());
        command
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

/// The last of what git said, safe for a terminal.
pub(super) fn last_line(said: &str) -> String {
    let line = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("git said nothing");
    printable_log(&without_passwords(line))
}

/// Git's words, whose addresses may have credentials in them.
fn without_passwords(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            match word.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?))) {
                Some((scheme, (_, host))) => {
                    let start = scheme.trim_start_matches(|char: char| !char.is_ascii_alphabetic());
                    format!("{}{start}://{host}", &scheme[..scheme.len() - start.len()])
                }
                None => word.to_owned(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::without_passwords;

    #[test]
    fn what_git_says_is_told_without_passwords() {
        let said =
            "fatal: unable to access 'https://user:p@ss@git.example/a/b/': refused (see https://x.example)";

        let message = without_passwords(said);

        let expected = "fatal: unable to access 'https://git.example/a/b/': refused (see https://x.example)";
        assert_eq!(message, expected);
    }
}
