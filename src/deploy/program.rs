//! Runs a program to its end: output line by line, the last lines kept, a polite stop.
//!
//! The program gets a process group of its own, so that Ctrl-C in a terminal reaches it once, from
//! here, and not twice: Terraform takes a second interrupt as the order to drop everything.

use std::collections::VecDeque;
use std::fmt;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rustix::process::{Pid, Signal, kill_process};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use crate::model::{ErrorKind, printable_log};

/// How many of the last lines an error has.
const TAIL_LINES: usize = 40;

/// A longer line is told in pieces.
const MOST_LINE_BYTES: usize = 16 << 10;

/// How long a program that was asked to stop may take before it is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// How long output is read after the program has ended: something that it left running may hold it open.
const AFTERGLOW: Duration = Duration::from_secs(2);

/// How a program is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Interrupt,
    Terminate,
}

/// A line that a program wrote, safe for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub stream: Stream,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

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
    #[error("`{program}` failed: {status}")]
    Failed {
        program: String,
        status: ExitStatus,
        /// The last lines of both streams, oldest first.
        log_tail: Vec<String>,
    },
}

impl ProgramError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Start { .. } | Self::Follow { .. } => ErrorKind::Environment,
            Self::Failed { .. } => ErrorKind::Failed,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Start { .. } | Self::Follow { .. } | Self::Failed { .. } => None,
        }
    }
}

/// Runs `command` and tells each line of its output.
///
/// When the future is dropped, the program is asked to stop, and waited for on this thread: 30
/// seconds at most, then it is killed.
///
/// # Errors
/// [`ProgramError`]; any exit status but 0 is one.
pub(super) async fn run(
    mut command: Command,
    stop: Stop,
    tell: &(dyn Fn(Line) + Send + Sync),
) -> Result<(), ProgramError> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let start = |source| ProgramError::Start { program: program.clone(), source };
    let mut child = command.spawn().map_err(start)?;
    let mut stdout = Lines::new(Stream::Stdout, child.stdout.take());
    let mut stderr = Lines::new(Stream::Stderr, child.stderr.take());
    let mut running = Running { child, stop };
    let mut tail = Tail::default();

    let mut tell = |line: Line| {
        tail.push(line.text.clone());
        tell(line);
    };
    let follow = |source| ProgramError::Follow { program: program.clone(), source };
    let status = loop {
        tokio::select! {
            read = stdout.next(), if !stdout.is_over => read.map_err(follow)?.into_iter().for_each(&mut tell),
            read = stderr.next(), if !stderr.is_over => read.map_err(follow)?.into_iter().for_each(&mut tell),
            status = running.child.wait() => break status.map_err(follow)?,
        }
    };
    let rest = async {
        while !stdout.is_over {
            stdout.next().await?.into_iter().for_each(&mut tell);
        }
        while !stderr.is_over {
            stderr.next().await?.into_iter().for_each(&mut tell);
        }
        Ok(())
    };
    tokio::time::timeout(AFTERGLOW, rest).await.unwrap_or(Ok(())).map_err(follow)?;
    if status.success() {
        return Ok(());
    }
    Err(ProgramError::Failed { program, status, log_tail: tail.0.into() })
}

/// A program that runs, and is stopped when nobody waits for it any more.
struct Running {
    child: Child,
    stop: Stop,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Without an id it was waited for.
        let Some(id) = self.child.id() else { return };
        let signal = match self.stop {
            Stop::Interrupt => Signal::INT,
            Stop::Terminate => Signal::TERM,
        };
        let sent = i32::try_from(id).ok().and_then(Pid::from_raw).map(|id| kill_process(id, signal));
        tracing::info!(id, ?signal, ?sent, "a program is asked to stop");
        let deadline = Instant::now() + STOP_PATIENCE;
        while let Ok(None) = self.child.try_wait() {
            if Instant::now() >= deadline {
                let killed = self.child.start_kill();
                tracing::info!(id, ?killed, "a program that did not stop is killed");
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// One stream of a program, in lines.
struct Lines<R> {
    stream: Stream,
    source: Option<R>,
    buffer: BytesMut,
    is_over: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    fn new(stream: Stream, source: Option<R>) -> Self {
        Self { stream, is_over: source.is_none(), source, buffer: BytesMut::new() }
    }

    /// The lines that the next bytes complete. Nothing is lost when the future is dropped.
    async fn next(&mut self) -> std::io::Result<Vec<Line>> {
        let Some(source) = &mut self.source else { return Ok(Vec::new()) };
        self.is_over = source.read_buf(&mut self.buffer).await? == 0;
        let mut lines = Vec::new();
        while let Some(end) = self.end_of_line() {
            let line = self.buffer.split_to(end);
            let text = printable_log(&String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line)));
            lines.push(Line { stream: self.stream, text });
        }
        Ok(lines)
    }

    fn end_of_line(&self) -> Option<usize> {
        let end = self.buffer.iter().take(MOST_LINE_BYTES).position(|&byte| byte == b'\n');
        match end {
            Some(newline) => Some(newline + 1),
            None if self.buffer.len() >= MOST_LINE_BYTES => Some(MOST_LINE_BYTES),
            None if self.is_over && !self.buffer.is_empty() => Some(self.buffer.len()),
            None => None,
        }
    }
}

/// The last lines.
#[derive(Default)]
struct Tail(VecDeque<String>);

impl Tail {
    fn push(&mut self, line: String) {
        if self.0.len() == TAIL_LINES {
            self.0.pop_front();
        }
        self.0.push_back(line);
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl ProgramError {
    /// The last lines that the program wrote, oldest first.
    pub fn log_tail(&self) -> &[String] {
        match self {
            Self::Failed { log_tail, .. } => log_tail,
            Self::Start { .. } | Self::Follow { .. } => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    async fn shell(script: &str) -> (Result<(), ProgramError>, Vec<Line>) {
        let lines = Mutex::new(Vec::new());
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let result = run(command, Stop::Interrupt, &|line| lines.lock().unwrap().push(line)).await;
        (result, lines.into_inner().unwrap())
    }

    #[tokio::test]
    async fn lines_come_from_both_streams_and_need_no_newline_at_the_end() {
        let (result, lines) = shell("echo one; printf two; echo three >&2").await;

        assert!(result.is_ok());
        let texts = |stream| -> Vec<&str> {
            let of_stream = lines.iter().filter(|line| line.stream == stream);
            of_stream.map(|line| line.text.as_str()).collect()
        };
        assert_eq!(texts(Stream::Stdout), ["one", "two"]);
        assert_eq!(texts(Stream::Stderr), ["three"]);
    }

    #[tokio::test]
    async fn a_failure_has_the_last_lines_and_no_more() {
        let (result, _) = shell("seq 100 >&2; exit 3").await;

        let error = result.unwrap_err();
        assert_eq!(error.to_string(), "`sh` failed: exit status: 3");
        assert_eq!(error.log_tail().len(), TAIL_LINES);
        assert_eq!(error.log_tail().last().unwrap(), "100");
    }

    #[tokio::test]
    async fn an_endless_line_is_told_in_pieces() {
        let (result, lines) = shell("head -c 40000 /dev/zero | tr '\\0' x").await;

        assert!(result.is_ok());
        let lengths: Vec<usize> = lines.iter().map(|line| line.text.len()).collect();
        assert_eq!(lengths, [MOST_LINE_BYTES, MOST_LINE_BYTES, 40_000 - 2 * MOST_LINE_BYTES]);
    }

    #[tokio::test]
    async fn something_left_running_does_not_hold_up_the_end() {
        let (result, lines) = shell("sleep 600 & echo $!").await;

        assert!(result.is_ok());
        let id = lines[0].text.parse().ok().and_then(Pid::from_raw).unwrap();
        kill_process(id, Signal::KILL).unwrap();
    }

    #[tokio::test]
    async fn a_program_that_nobody_waits_for_is_interrupted_and_may_clean_up() {
        let folder = tempfile::tempdir().unwrap();
        let cleaned = folder.path().join("cleaned");
        let (ready, started) = tokio::sync::oneshot::channel();
        let ready = Mutex::new(Some(ready));
        let mut command = Command::new("sh");
        let script = format!(
            "trap 'sleep 0.3; echo stopping; touch {}; exit 1' INT; echo ready; while :; do sleep 0.05; done",
            cleaned.display()
        );
        command.args(["-c", &script]);
        let tell = |_| {
            if let Some(ready) = ready.lock().unwrap().take() {
                ready.send(()).unwrap();
            }
        };

        tokio::select! {
            _ = run(command, Stop::Interrupt, &tell) => panic!("it ended by itself"),
            _ = started => {}
        }

        assert!(cleaned.exists());
    }
}
