//! Git itself, as a program: what it is called with, and what it answered.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::error::Cause;
use super::formats::{GitVersion, RepositoryFormat};
use super::{GitError, NeedsGit, Repository};
use crate::model::{ObjectFormat, printable_log};

/// Variables that name a part of some repository, as they are set in a hook: they are about another one.
/// (`git rev-parse --local-env-vars`, without those of its configuration.)
const OF_ANOTHER_REPOSITORY: [&str; 12] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Git for the repository with this git folder.
pub(super) fn git(git_dir: &Path) -> Command {
    let mut command = Command::new("git");
    OF_ANOTHER_REPOSITORY.iter().for_each(|name| {
        command.env_remove(name);
    });
    command.arg("--git-dir").arg(git_dir).stdin(Stdio::null());
    command
}

/// Git's work tree commands, which run no hook, take no lock that others could wait for, and change no file of the
/// repository but objects.
pub(super) struct WorkTreeGit<'r> {
    repository: &'r Repository,
    root: &'r Path,
    /// What git is needed for, should it not be there.
    why: &'r str,
    /// Settings in the place of those that are configured.
    settings: Vec<String>,
}

impl<'r> WorkTreeGit<'r> {
    pub(super) fn new(repository: &'r Repository, root: &'r Path, why: &'r str) -> Self {
        let fixed = ["core.hooksPath=/dev/null", "core.fsmonitor=false", "core.splitIndex=false"];
        Self { repository, root, why, settings: fixed.map(str::to_owned).into() }
    }

    pub(super) fn set(&mut self, setting: String) {
        self.settings.push(setting);
    }

    fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = git(self.repository.git_dir());
        command.arg("--work-tree").arg(self.root).arg("--no-optional-locks").current_dir(self.root);
        self.settings.iter().for_each(|setting| {
            command.args(["-c", setting]);
        });
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// What git writes, which must succeed.
    ///
    /// # Errors
    /// [`GitError::NeedsGit`] when the program isn't there, [`GitError::Read`] with its words when it fails.
    pub(super) fn answer(&self, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, GitError> {
        self.succeed(self.command(arguments), input)
    }

    /// The same with another index than the repository's.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub(super) fn answer_with_index(&self, index: &Path, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
        let mut command = self.command(arguments);
        command.env("GIT_INDEX_FILE", index);
        self.succeed(command, &[])
    }

    /// What a command writes that fails where it finds nothing.
    ///
    /// # Errors
    /// [`GitError::NeedsGit`] when the program isn't there.
    pub(super) fn found(&self, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
        Ok(self.run(self.command(arguments), &[])?.stdout)
    }

    fn succeed(&self, command: Command, input: &[u8]) -> Result<Vec<u8>, GitError> {
        let output = self.run(command, input)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        if self.repository.object_format() == ObjectFormat::Sha256 {
            check_version(self.repository.git_dir(), RepositoryFormat::Sha256)?;
        }
        Err(GitError::Read { what: "the work tree".to_owned(), source: words(&output) })
    }

    fn run(&self, command: Command, input: &[u8]) -> Result<Output, GitError> {
        tracing::debug!(?command, why = self.why, "git is asked about the work tree");
        run(command, input).map_err(|source| GitError::NeedsGit {
            what: NeedsGit::Uncommitted,
            why: self.why.to_owned(),
            source,
        })
    }
}

/// Runs git with an input that it may leave unread.
fn run(mut command: Command, input: &[u8]) -> io::Result<Output> {
    if input.is_empty() {
        return command.output();
    }
    let mut process = command.stdin(Stdio::piped()).spawn()?;
    let requests = process.stdin.take();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A git that ended before it read all of it says why in its answer.
            requests.and_then(|mut requests| requests.write_all(input).ok())
        });
        process.wait_with_output()
    })
}

/// Whether there is a program git.
pub fn is_there() -> bool {
    Command::new("git").arg("version").stdin(Stdio::null()).output().is_ok()
}

/// Whether a git that failed is one that reads repositories of this format.
///
/// # Errors
/// [`GitError::GitTooOld`].
pub(super) fn check_version(git_dir: &Path, format: RepositoryFormat) -> Result<(), GitError> {
    let output = Command::new("git").arg("version").stdin(Stdio::null()).output().map_err(GitError::NoGit)?;
    let said = String::from_utf8_lossy(&output.stdout);
    match GitVersion::parse(&said) {
        Some(version) if version < format.git() => {
            Err(GitError::GitTooOld { folder: git_dir.to_owned(), format, found: printable_log(said.trim()) })
        }
        Some(_) | None => Ok(()),
    }
}

/// Why git failed, in its own words.
pub(super) fn words(output: &Output) -> Cause {
    last_line(&String::from_utf8_lossy(&output.stderr)).into()
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
