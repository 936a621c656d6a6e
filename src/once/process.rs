//! A command on this machine, with nothing of this process's environment but what was declared.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;

use super::{Ended, OnceError};
use crate::interruption::Interruption;

/// How long it may take to end before it is killed.
const GRACE_PERIOD: Duration = Duration::from_secs(10);

/// A command that is to be run.
#[derive(Debug)]
pub struct Process<'p> {
    /// The program and its arguments; at least one word. There is no shell.
    pub command: &'p [String],
    pub folder: PathBuf,
    /// All of its environment.
    pub environment: Vec<(OsString, OsString)>,
    pub stdout: Stdio,
}

/// Runs the command to its end. It has no standard input, and a process group of its own, which is asked to end when
/// this process is.
///
/// # Errors
/// [`OnceError::Start`], [`OnceError::Wait`]
pub async fn run(process: Process<'_>, interruption: &Interruption) -> Result<Ended, OnceError> {
    let (program, arguments) = process.command.split_first().expect("a command has a word");
    let mut command = Command::new(program);
    command.args(arguments).current_dir(process.folder).env_clear().envs(process.environment);
    command.stdin(Stdio::null()).stdout(process.stdout).process_group(0);
    let started = command.spawn();
    let mut child = started.map_err(|source| OnceError::Start { program: program.clone(), source })?;
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(status) = interruption.unless_requested(child.wait()).await {
        let status = status.map_err(OnceError::Wait)?;
        return Ok(match (status.code(), status.signal()) {
            (Some(code), _) => Ended::Exited { code: code.into() },
            (None, signal) => Ended::Killed { signal: signal.unwrap_or_default() },
        });
    }
    signal(group, Signal::TERM);
    if tokio::time::timeout(GRACE_PERIOD, child.wait()).await.is_err() {
        signal(group, Signal::KILL);
        child.wait().await.map_err(OnceError::Wait)?;
    }
    Ok(Ended::Interrupted)
}

/// A group that has just ended gets none.
fn signal(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group
        && let Err(error) = kill_process_group(group, signal)
    {
        tracing::debug!(%error, "the command can't be signalled");
    }
}
