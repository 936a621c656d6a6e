//! Runs a program to its end: output line by line, the last lines kept, a polite stop.
//!
//! The program gets a process group of its own, so that Ctrl-C in a terminal reaches it once, from
//! here, and not twice: Terraform takes a second interrupt as the order to drop everything.
//!
//! A program that must never be cut off writes to files, not to pipes: it outlives this process,
//! and a pipe that nobody reads would end it at its next line.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::future::pending;
use std::io::{Read as _, Seek as _};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use crate::interruption::Interruption;
use crate::model::{ErrorKind, printable_log};

/// How many of the last lines an error has.
const TAIL_LINES: usize = 40;

/// A longer line is told in pieces.
const MAX_LINE_BYTES: usize = 16 << 10;

/// How long a program that was asked to stop may take before it is killed.
const GRACE_PERIOD: Duration = Duration::from_secs(30);

/// How long output is read after the program has ended: something that it left running may hold it open.
const AFTERGLOW: Duration = Duration::from_secs(2);

/// How often it is looked whether what was stopped has ended.
const STOP_PAUSE: Duration = Duration::from_millis(20);

/// How often the files that a program writes to are looked at.
const FILE_PAUSE: Duration = Duration::from_millis(100);

/// How a program is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// SIGINT for the program alone: Terraform ends its providers itself.
    Interrupt,
    /// SIGTERM for the program and what it has started, such as that of a script.
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

/// A program that runs, and is stopped when nobody waits for it any more.
struct Running {
    child: Child,
    /// Its id, and that of its group.
    id: Option<Pid>,
    stop: Stop,
    /// How long it may take to stop before it is killed; `None`: as long as it wants.
    grace_period: Option<Duration>,
    is_over: bool,
}

impl Running {
    fn new(child: Child, stop: Stop, grace_period: Option<Duration>) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self { child, id, stop, grace_period, is_over: false }
    }

    /// Waits for the program, and for what it has started if that is stopped with it.
    async fn ended(&mut self, is_stopped: bool) -> std::io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        while is_stopped && self.has_left_something() {
            tokio::time::sleep(STOP_PAUSE).await;
        }
        self.is_over = true;
        Ok(status)
    }

    fn send_stop(&self) {
        let Some(id) = self.id else { return };
        let sent = match self.stop {
            Stop::Interrupt => kill_process(id, Signal::INT),
            Stop::Terminate => kill_process_group(id, Signal::TERM),
        };
        tracing::info!(?id, stop = ?self.stop, ?sent, "a program is asked to stop");
    }

    fn kill(&mut self) {
        let killed = self.id.map(|id| kill_process_group(id, Signal::KILL));
        self.is_over = true;
        tracing::info!(?killed, "a program that did not stop is killed");
    }

    /// Whether something that it has started and that is stopped with it still runs.
    fn has_left_something(&self) -> bool {
        self.stop == Stop::Terminate && self.id.is_some_and(is_group_alive)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        self.send_stop();
        let deadline = self.grace_period.map(|grace_period| Instant::now() + grace_period);
        while matches!(self.child.try_wait(), Ok(None)) || self.has_left_something() {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                self.kill();
                return;
            }
            std::thread::sleep(STOP_PAUSE);
        }
    }
}

/// Whether a process of this group runs. One that has ended and that nobody waits for does not: in a container, that may be so for ever.
fn is_group_alive(group: Pid) -> bool {
    if test_kill_process_group(group).is_err() {
        return false;
    }
    let Ok(processes) = std::fs::read_dir("/proc") else { return true };
    let stats =
        processes.filter_map(|process| std::fs::read_to_string(process.ok()?.path().join("stat")).ok());
    // The name of the program, which is in parentheses, may have anything in it ("/proc/pid/stat", proc_pid_stat(5)).
    { stats }.any(|stat| {
        let mut fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
        let (state, _parent, of) = (fields.next(), fields.next(), fields.next());
        of == Some(&group.as_raw_nonzero().to_string()) && !matches!(state, Some("Z" | "X"))
    })
}

/// Bytes of one stream that are not a whole line yet.
struct LineBuffer {
    stream: Stream,
    bytes: BytesMut,
}

impl LineBuffer {
    fn new(stream: Stream) -> Self {
        Self { stream, bytes: BytesMut::new() }
    }

    /// The lines that are whole; when the stream is over, the rest too.
    fn lines(&mut self, is_over: bool) -> Vec<Line> {
        let mut lines = Vec::new();
        while let Some(end) = self.end_of_line(is_over) {
            let line = self.bytes.split_to(end);
            let text = printable_log(&String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line)));
            lines.push(Line { stream: self.stream, text });
        }
        lines
    }

    fn end_of_line(&self, is_over: bool) -> Option<usize> {
        let end = self.bytes.iter().take(MAX_LINE_BYTES).position(|&byte| byte == b'\n');
        match end {
            Some(newline) => Some(newline + 1),
            None if self.bytes.len() >= MAX_LINE_BYTES => Some(MAX_LINE_BYTES),
            None if is_over && !self.bytes.is_empty() => Some(self.bytes.len()),
            None => None,
        }
    }
}

/// One stream of a program, in lines.
struct Lines<R> {
    source: Option<R>,
    buffer: LineBuffer,
    is_over: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    fn new(stream: Stream, source: Option<R>) -> Self {
        Self { is_over: source.is_none(), source, buffer: LineBuffer::new(stream) }
    }

    /// The lines that the next bytes complete. Nothing is lost when the future is dropped.
    async fn next(&mut self) -> std::io::Result<Vec<Line>> {
        let Some(source) = &mut self.source else { return Ok(Vec::new()) };
        self.is_over = source.read_buf(&mut self.buffer.bytes).await? == 0;
        Ok(self.buffer.lines(self.is_over))
    }
}

/// One stream of a program that writes to a file, in lines.
struct FileLines {
    file: File,
    buffer: LineBuffer,
}

impl FileLines {
    /// Also returns what the program writes to. The file has no name: it is gone with its last user.
    fn new(stream: Stream, folder: &Path) -> std::io::Result<(Self, File)> {
        let named = tempfile::NamedTempFile::new_in(folder)?;
        let file = named.reopen()?;
        Ok((Self { file, buffer: LineBuffer::new(stream) }, named.into_file()))
    }

    fn read(&mut self, is_over: bool) -> std::io::Result<Vec<Line>> {
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes)?;
        self.buffer.bytes.extend_from_slice(&bytes);
        Ok(self.buffer.lines(is_over))
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
