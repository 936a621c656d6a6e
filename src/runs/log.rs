//! The log of one project: a file with a line for all that its build said, each with its time.
//!
//! ```text
//!      0.012 #1 [1/2] FROM docker.io/library/alpine
//!      0.013 #1 CACHED
//!      0.020 #2 [2/2] RUN make
//!      0.400 #2 | gcc -o api main.c
//!      3.120 #2 DONE 3.1 s
//! ```
//!
//! Times are seconds since the project's build started, and steps are numbered as they start. What a step printed stands
//! after `|`, as it was printed: whoever shows it makes it safe for a terminal or a page.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

/// A line of output that is longer goes on in the next one.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// What happened in a build, as a line of its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogLine<'l> {
    StepStarted {
        step: &'l str,
    },
    StepCached {
        step: &'l str,
    },
    StepDone {
        step: &'l str,
        took: Duration,
    },
    StepFailed {
        step: &'l str,
    },
    /// Something that is of no step.
    Note {
        text: &'l str,
    },
}

/// Makes the lines of a log from what happens.
#[derive(Debug)]
pub(super) struct LogLines {
    steps: Vec<OpenStep>,
}

#[derive(Debug)]
struct OpenStep {
    name: String,
    is_open: bool,
    /// What was printed since the last line break.
    partial: String,
    /// Whether the last line ended with a carriage return: a line feed after it ends no other.
    after_return: bool,
}

impl LogLines {
    pub(super) fn new() -> Self {
        Self { steps: Vec::new() }
    }

    /// The lines for something that happened, with their line breaks.
    pub(super) fn line(&mut self, at: Duration, line: &LogLine<'_>) -> String {
        let mut text = String::new();
        match line {
            LogLine::StepStarted { step } => {
                let number = self.start(step);
                push_line(&mut text, at, Some(number), step);
            }
            LogLine::StepCached { step } => self.end(&mut text, at, step, "CACHED"),
            LogLine::StepDone { step, took } => {
                let done = format!("DONE {:.1} s", took.as_secs_f64());
                self.end(&mut text, at, step, &done);
            }
            LogLine::StepFailed { step } => self.end(&mut text, at, step, "FAILED"),
            LogLine::Note { text: note } => {
                self.flush(&mut text, at);
                note.lines().for_each(|line| push_line(&mut text, at, None, line));
            }
        }
        text
    }

    /// The lines that are complete with this piece of a step's output.
    pub(super) fn output(&mut self, at: Duration, step: &str, output: &str) -> String {
        let mut text = String::new();
        let number = self.number(&mut text, at, step);
        let open = &mut self.steps[number - 1];
        for piece in output.split_inclusive(['\n', '\r']) {
            let (body, end) = match piece.strip_suffix(['\n', '\r']) {
                Some(body) => (body, piece.chars().next_back()),
                None => (piece, None),
            };
            // Progress that a program overwrites ends with a carriage return alone.
            let goes_on =
                body.is_empty() && open.partial.is_empty() && (open.after_return || end == Some('\r'));
            open.after_return = end == Some('\r');
            open.partial.push_str(body);
            if (end.is_some() && !goes_on) || open.partial.len() > MAX_LINE_BYTES {
                push_line(&mut text, at, Some(number), &format!("| {}", open.partial));
                open.partial.clear();
            }
        }
        text
    }

    /// Ends a step, after what it printed last.
    fn end(&mut self, text: &mut String, at: Duration, step: &str, how: &str) {
        let number = self.number(text, at, step);
        let open = &mut self.steps[number - 1];
        open.is_open = false;
        if !open.partial.is_empty() {
            push_line(text, at, Some(number), &format!("| {}", open.partial));
            open.partial.clear();
        }
        push_line(text, at, Some(number), how);
    }

    /// Writes what steps printed without a line break.
    fn flush(&mut self, text: &mut String, at: Duration) {
        for (number, step) in (1..).zip(&mut self.steps) {
            if !step.partial.is_empty() {
                push_line(text, at, Some(number), &format!("| {}", step.partial));
                step.partial.clear();
            }
        }
    }

    /// The number of a step: of the one of this name that still runs, else of a new one.
    fn number(&mut self, text: &mut String, at: Duration, step: &str) -> usize {
        if let Some(found) = self.steps.iter().rposition(|open| open.is_open && open.name == step) {
            return found + 1;
        }
        let number = self.start(step);
        push_line(text, at, Some(number), step);
        number
    }

    fn start(&mut self, step: &str) -> usize {
        let name = step.to_owned();
        self.steps.push(OpenStep { name, is_open: true, partial: String::new(), after_return: false });
        self.steps.len()
    }
}

fn push_line(text: &mut String, at: Duration, step: Option<usize>, line: &str) {
    let line = line.replace(['\n', '\r'], " ");
    let seconds = at.as_secs_f64();
    match step {
        Some(number) => writeln!(text, "{seconds:>10.3} #{number} {line}"),
        None => writeln!(text, "{seconds:>10.3} {line}"),
    }
    .expect("a string takes any text");
}

/// The last lines of a log, at most so many bytes of them, and whether lines before them were left out.
///
/// # Errors
/// As reading the file.
pub fn read_tail(path: &Path, max_bytes: u64) -> io::Result<(String, bool)> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let from = length.saturating_sub(max_bytes);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(max_bytes).read_to_end(&mut bytes)?;
    let is_cut = from > 0;
    if is_cut {
        // The first line may begin before.
        let end = bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |end| end + 1);
        bytes.drain(..end);
    }
    Ok((String::from_utf8_lossy(&bytes).into_owned(), is_cut))
}
