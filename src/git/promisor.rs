//! Objects that a partial clone left with its remote: asked of git itself, which fetches them when they are read,
//! with the credentials and the settings of whoever runs this.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use gix_object::Kind;

use super::error::Cause;
use super::handle::Handle;
use super::program;
use crate::model::ObjectId;

/// The remote that a partial clone left objects with, or `None` when everything is here.
pub(super) fn remote(repository: &Handle) -> Option<String> {
    let config = repository.config().ok()?;
    // All of them: to make a regular expression takes longer than to pass over those that it would leave out.
    let mut entries = config.entries(None).ok()?;
    while let Some(Ok(entry)) = entries.next() {
        let name = entry.name().ok().and_then(|name| name.strip_prefix("remote.")?.strip_suffix(".promisor"));
        if let Some(name) =
            name.filter(|_| config.get_bool(entry.name().unwrap_or_default()).unwrap_or(false))
        {
            return Some(name.to_owned());
        }
    }
    config.get_string("extensions.partialclone").ok()
}

/// One process that answers for all objects, one after another.
pub(super) struct PromisorReader {
    process: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl PromisorReader {
    /// # Errors
    /// When git can't be run.
    pub(super) fn start(git_dir: &Path) -> Result<Self, Cause> {
        let mut command = program::git(git_dir);
        command.args(["cat-file", "--batch"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().map_err(|error| format!("cannot run `git`: {error}"))?;
        let (Some(requests), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err("git was started without pipes".into());
        };
        Ok(Self { process, requests: Some(requests), answers: BufReader::new(answers) })
    }

    /// An object's kind and content; `None` where git says that it isn't there.
    ///
    /// # Errors
    /// With git's words when the remote doesn't give it.
    pub(super) fn read(&mut self, id: ObjectId) -> Result<Option<(Kind, Vec<u8>)>, Cause> {
        tracing::info!(%id, "git is asked for an object that the partial clone lacks");
        match self.ask(id) {
            Ok(Some(answer)) => self.content(&answer),
            // What went wrong is on the other stream; an answer that breaks off is no answer.
            Ok(None) | Err(_) => Err(self.last_words().into()),
        }
    }

    /// `<id> SP <kind> SP <bytes>`, or `<id> SP missing`; `None` when git ended instead.
    fn ask(&mut self, id: ObjectId) -> std::io::Result<Option<String>> {
        if let Some(requests) = &mut self.requests {
            requests.write_all(format!("{id}\n").as_bytes())?;
            requests.flush()?;
        }
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(Some(line).filter(|line| line.ends_with('\n')))
    }

    fn content(&mut self, answer: &str) -> Result<Option<(Kind, Vec<u8>)>, Cause> {
        let words: Vec<&str> = answer.split_whitespace().collect();
        let &[_, kind, bytes] = words.as_slice() else { return Ok(None) };
        let mut content = vec![0; bytes.parse()?];
        self.answers.read_exact(&mut content)?;
        self.answers.read_exact(&mut [0])?;
        Ok(Some((Kind::from_bytes(kind.as_bytes())?, content)))
    }

    fn last_words(&mut self) -> String {
        self.requests = None;
        let mut said = String::new();
        if let Some(mut errors) = self.process.stderr.take() {
            // What can't be read of it is missing in the message, and nothing else.
            let _ = errors.read_to_string(&mut said);
        }
        program::last_line(&said)
    }
}

impl Drop for PromisorReader {
    fn drop(&mut self) {
        // Without requests it ends.
        self.requests = None;
        let ended = self.process.wait();
        tracing::debug!(?ended, "git has answered");
    }
}

/// Fetches many objects at once, as git itself fetches what a partial clone lacks.
///
/// # Errors
/// With git's words when the remote doesn't give them.
pub(super) fn fetch_all(mut git: Command, remote: &str, ids: &[ObjectId]) -> Result<(), Cause> {
    tracing::info!(objects = ids.len(), remote, "git fetches objects that the partial clone lacks");
    git.args([
        "-c",
        "fetch.negotiationAlgorithm=noop",
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-write-fetch-head",
    ]);
    git.args(["--recurse-submodules=no", "--filter=blob:none", "--stdin", "--", remote]);
    git.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut process = git.spawn().map_err(|error| format!("cannot run `git`: {error}"))?;
    let mut list = String::new();
    for id in ids {
        writeln!(list, "{id}")?;
    }
    if let Some(mut requests) = process.stdin.take() {
        // A git that ended before it read them says why below.
        let _ = requests.write_all(list.as_bytes());
    }
    let output = process.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(program::words(&output))
}
