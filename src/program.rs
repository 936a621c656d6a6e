//! Runs a program to its end: output line by line, the last lines kept, a polite stop.
//!
//! The program gets a process group of its own, so that Ctrl-C in a terminal reaches it once, from
//! here, and not twice: Terraform takes a second interrupt as the order to drop everything.
//!
//! A program that must never be cut off writes to files, not to pipes: it outlives this process,
//! and a pipe that nobody reads would end it at its next line.

mod output;
mod running;

use std::future::pending;
use std::io::{Read as _, Seek as _};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use thiserror::Error;
use tokio::process::Command;

use self::output::{FileLines, Lines, Tail};
pub use self::output::{Line, Stream};
pub use self::running::Stop;
use self::running::{GRACE_PERIOD, Running};
use crate::interruption::Interruption;
use crate::model::ErrorKind;

/// How long output is read after the program has ended: something that it left running may hold it open.
const AFTERGLOW: Duration = Duration::from_secs(2);

/// How often the files that a program writes to are looked at.
const FILE_PAUSE: Duration = Duration::from_millis(100);

/// Why a program did not do what it was run for.
#[derive(Debug, Error)]
pub enum ProgramError {
    #[error("cannot start `{program}`")]
    Start {
        program: String,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot follow `{program}`")]
    Follow {
        program: String,
        #[source]
        source: std::io::Error,
    },
    #[error("`{program}` wrote more than {} MiB", .limit_bytes >> 20)]
    TooMuch { program: String, limit_bytes: u64 },
    #[error("`{program}` failed: {status}")]
    Failed {
        program: String,
        status: ExitStatus,
        /// The last lines of both streams, oldest first.
        log_tail: Vec<String>,
    },
    #[error("`{program}` did not end within {} and was stopped", humantime::format_duration(*.timeout))]
    TimedOut {
        program: String,
        timeout: Duration,
        /// The last lines of both streams, oldest first.
        log_tail: Vec<String>,
    },
}

/// Runs `command` and tells each line of its output.
///
/// After `timeout`, the program is asked to stop, and killed 30 seconds later. So it is when the future is dropped, and then it is waited for
/// on this thread.
///
/// # Errors
/// [`ProgramError`]; any exit status but 0 is one.
pub async fn run(
    command: Command,
    stop: Stop,
    timeout: Option<Duration>,
    on_line: &(dyn Fn(Line) + Send + Sync),
) -> Result<(), ProgramError> {
    run_writing_to(command, Stdio::piped(), stop, timeout, on_line).await
}

/// Runs `command` and returns what it writes to standard output; an error has the last lines of standard error.
///
/// When the future is dropped, and after `timeout`, the program is asked to stop, as by [`run`].
///
/// # Errors
/// [`ProgramError`]; any exit status but 0 is one, and so is output of more than `limit_bytes`.
pub async fn output(
    command: Command,
    stop: Stop,
    timeout: Option<Duration>,
    limit_bytes: u64,
) -> Result<Vec<u8>, ProgramError> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let follow = |source| ProgramError::Follow { program: program.clone(), source };
    let mut file = tempfile::tempfile().map_err(follow)?;
    let stdout = file.try_clone().map_err(follow)?;
    run_writing_to(command, stdout.into(), stop, timeout, &|_| {}).await?;
    let mut output = Vec::new();
    file.rewind().and_then(|()| (&file).take(limit_bytes + 1).read_to_end(&mut output)).map_err(follow)?;
    match output.len() as u64 > limit_bytes {
        true => Err(ProgramError::TooMuch { program, limit_bytes }),
        false => Ok(output),
    }
}

async fn run_writing_to(
    mut command: Command,
    stdout: Stdio,
    stop: Stop,
    timeout: Option<Duration>,
    on_line: &(dyn Fn(Line) + Send + Sync),
) -> Result<(), ProgramError> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped()).process_group(0);
    let start = |source| ProgramError::Start { program: program.clone(), source };
    let mut child = command.spawn().map_err(start)?;
    let mut stdout = Lines::new(Stream::Stdout, child.stdout.take());
    let mut stderr = Lines::new(Stream::Stderr, child.stderr.take());
    let mut running = Running::new(child, stop, Some(GRACE_PERIOD));
    let mut tail = Tail::default();

    let mut on_line = |line: Line| {
        tail.push(line.text.clone());
        on_line(line);
    };
    let follow = |source| ProgramError::Follow { program: program.clone(), source };
    let mut deadline = timeout.map(|timeout| tokio::time::Instant::now() + timeout);
    let mut is_stopped = false;
    let status = loop {
        tokio::select! {
            read = stdout.next(), if !stdout.is_over => read.map_err(follow)?.into_iter().for_each(&mut on_line),
            read = stderr.next(), if !stderr.is_over => read.map_err(follow)?.into_iter().for_each(&mut on_line),
            status = running.ended(is_stopped) => break Some(status.map_err(follow)?),
            () = until(deadline) => {
                if is_stopped {
                    running.kill();
                    break None;
                }
                is_stopped = true;
                deadline = Some(tokio::time::Instant::now() + GRACE_PERIOD);
                running.send_stop();
            }
        }
    };
    let rest = async {
        while !stdout.is_over {
            stdout.next().await?.into_iter().for_each(&mut on_line);
        }
        while !stderr.is_over {
            stderr.next().await?.into_iter().for_each(&mut on_line);
        }
        Ok(())
    };
    tokio::time::timeout(AFTERGLOW, rest).await.unwrap_or(Ok(())).map_err(follow)?;
    let log_tail = || tail.0.into();
    match (status, timeout) {
        (_, Some(timeout)) if is_stopped => {
            Err(ProgramError::TimedOut { program, timeout, log_tail: log_tail() })
        }
        (Some(status), _) if !status.success() => {
            Err(ProgramError::Failed { program, status, log_tail: log_tail() })
        }
        _ => Ok(()),
    }
}

/// Comes at `deadline`, or never.
async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => pending().await,
    }
}

/// Runs a program that must come to its own end: asked to stop, it gets one SIGINT and is waited
/// for, however long it takes. It goes on when this process is killed.
///
/// # Errors
/// [`ProgramError`]; any exit status but 0 is one.
pub async fn run_to_its_end(
    mut command: Command,
    output_folder: &Path,
    interruption: &Interruption,
    on_line: &(dyn Fn(Line) + Send + Sync),
) -> Result<(), ProgramError> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let start = |source| ProgramError::Start { program: program.clone(), source };
    let follow = |source| ProgramError::Follow { program: program.clone(), source };
    let (stdout, stdout_file) = FileLines::new(Stream::Stdout, output_folder).map_err(start)?;
    let (stderr, stderr_file) = FileLines::new(Stream::Stderr, output_folder).map_err(start)?;
    command.stdin(Stdio::null()).stdout(stdout_file).stderr(stderr_file).process_group(0);
    let mut running = Running::new(command.spawn().map_err(start)?, Stop::Interrupt, None);
    let mut streams = [stdout, stderr];
    let mut tail = Tail::default();

    let mut read = |is_over: bool| {
        for stream in &mut streams {
            for line in stream.read(is_over)? {
                tail.push(line.text.clone());
                on_line(line);
            }
        }
        Ok::<_, std::io::Error>(())
    };
    let mut is_interrupted = false;
    let status = loop {
        tokio::select! {
            status = running.ended(false) => break status.map_err(follow)?,
            () = interruption.requested(), if !is_interrupted => {
                is_interrupted = true;
                running.send_stop();
            }
            () = tokio::time::sleep(FILE_PAUSE) => {}
        }
        read(false).map_err(follow)?;
    };
    read(true).map_err(follow)?;
    if status.success() {
        return Ok(());
    }
    Err(ProgramError::Failed { program, status, log_tail: tail.0.into() })
}

impl ProgramError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Start { .. } | Self::Follow { .. } => ErrorKind::Environment,
            Self::TooMuch { .. } | Self::Failed { .. } | Self::TimedOut { .. } => ErrorKind::Failed,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Start { .. }
            | Self::Follow { .. }
            | Self::TooMuch { .. }
            | Self::Failed { .. }
            | Self::TimedOut { .. } => None,
        }
    }

    /// The last lines that the program wrote, oldest first.
    pub fn log_tail(&self) -> &[String] {
        match self {
            Self::Failed { log_tail, .. } | Self::TimedOut { log_tail, .. } => log_tail,
            Self::Start { .. } | Self::Follow { .. } | Self::TooMuch { .. } => &[],
        }
    }
}

#[cfg(test)]
mod tests;
