//! Output: answers to standard output, status messages to standard error.

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::uptime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::options::{Color, Options, ProgressKind};
use super::terminal::{self, Size, Styles};
use crate::error::{Error, Reasons};
use crate::exit::Exit;
use crate::model::{printable, printable_json, printable_lines, printable_log};
use crate::report::styled::StyledText;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const LABEL: Style = Style::new().bold();

pub(super) struct Output {
    choice: ColorChoice,
    is_quiet: bool,
    pub(super) progress: ProgressKind,
    /// Why an answer could not be written.
    failure: Mutex<Option<io::Error>>,
}

impl Output {
    pub(super) fn new(options: &Options) -> Self {
        let choice = match options.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        let progress = match options.progress {
            _ if options.quiet => ProgressKind::None,
            ProgressKind::Auto if io::stderr().is_terminal() => ProgressKind::Tty,
            ProgressKind::Auto => ProgressKind::Plain,
            chosen => chosen,
        };
        Self { choice, is_quiet: options.quiet, progress, failure: Mutex::default() }
    }

    /// Writes an answer, which has no colours. A reader that has gone away wants no more of it.
    pub(super) fn stdout(&self, text: &str) {
        self.write_stdout(&printable_lines(text));
    }

    /// Writes an answer with styles, where its reader shows them.
    pub(super) fn styled(&self, text: &StyledText) {
        let choice = match self.choice {
            ColorChoice::Auto => AutoStream::choice(&io::stdout()),
            chosen => chosen,
        };
        let text = if choice == ColorChoice::Never { text.unstyled() } else { text.ansi() };
        self.write_stdout(&text);
    }

    /// How many columns standard output has; `None` if it is no terminal.
    pub(super) fn stdout_columns(&self) -> Option<usize> {
        Size::of(io::stdout()).map(|size| size.columns)
    }

    /// Writes an answer that a shell reads, and nobody else: it stays as it is.
    pub(super) fn script(&self, text: &str) {
        self.write_stdout(text);
    }

    /// Writes what a command that a person named has written to its standard output, as it is.
    pub(super) fn raw_stdout(&self, bytes: &[u8]) {
        self.written(write_stdout(bytes));
    }

    /// Writes what such a command has written to its standard error, as it is.
    pub(super) fn raw_stderr(&self, bytes: &[u8]) {
        self.written(io::stderr().write_all(bytes));
    }

    fn write_stdout(&self, text: &str) {
        self.written(write_stdout(text.as_bytes()));
    }

    fn written(&self, written: io::Result<()>) {
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                tracing::debug!(%error, "an output is closed");
            }
            Err(error) => drop(self.failed().get_or_insert(error)),
            Ok(()) => {}
        }
    }

    /// Takes why an answer could not be written; `None` when all were, or their reader has gone away.
    pub(super) fn take_failure(&self) -> Option<Error> {
        self.failed().take().map(Error::Answer)
    }

    fn failed(&self) -> MutexGuard<'_, Option<io::Error>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes an answer as one JSON document.
    pub(super) fn json(&self, document: &impl Serialize) {
        let text = serde_json::to_string_pretty(document).expect("reports hold nothing that JSON can't");
        self.write_stdout(&format!("{}\n", printable_json(&text)));
    }

    /// Writes a status message, unless `--quiet` is given. Programs that read events know it by how it begins.
    pub(super) fn status(&self, sentence: &str) {
        if !self.is_quiet {
            self.write_error(&format!("{}\n", printable_lines(sentence)));
        }
    }

    /// Writes an event as one line.
    pub(super) fn event(&self, event: &impl Serialize) {
        if !self.is_quiet {
            let sentence = serde_json::to_string(event).expect("events hold nothing that JSON can't");
            self.write_error(&format!("{}\n", printable_json(&sentence)));
        }
    }

    /// Writes what went wrong, why, the last lines of the program that failed, and what to do.
    pub(super) fn error(&self, error: &Error) {
        let labelled = |indent: &str, label: &str, style: Style, text: &str| {
            format!("{indent}{style}{label}:{style:#} {}\n", printable_lines(&printable(text)))
        };
        let mut text = labelled("", "error", ERROR, &error.to_string());
        match error.reasons() {
            Reasons::Problems(problems) => {
                text.extend(problems.iter().map(|problem| format!("  {}\n", printable_lines(problem))));
            }
            Reasons::Causes(causes) => {
                text.extend(causes.iter().map(|cause| labelled("  ", "because", LABEL, cause)));
            }
        }
        let tail = error.log_tail().iter().map(|line| format!("  | {}\n", printable_log(line)));
        text.extend(tail.map(|line| printable_lines(&line)));
        if let Some(hint) = error.hint() {
            text.push_str(&labelled("  ", "hint", LABEL, &hint));
        }
        self.write_error(&text);
    }

    /// Writes a line that the CI which runs this obeys.
    pub(super) fn ci_command(&self, line: &str) {
        if !self.is_quiet {
            terminal::write_above(&format!("{line}\n"));
        }
    }

    /// Whether standard error shows styles.
    pub(super) fn stderr_styles(&self) -> Styles {
        let choice = match self.choice {
            ColorChoice::Auto => AutoStream::choice(&io::stderr()),
            chosen => chosen,
        };
        if choice == ColorChoice::Never { Styles::Left } else { Styles::Shown }
    }

    /// Writes text that is printable, but for colours of our own.
    fn write_error(&self, text: &str) {
        match self.stderr_styles() {
            Styles::Shown => terminal::write_above(text),
            Styles::Left => terminal::write_above(&strip_str(text).to_string()),
        }
    }
}

/// The library's own handle takes what can't be written at all for written.
fn write_stdout(bytes: &[u8]) -> io::Result<()> {
    File::from(io::stdout().as_fd().try_clone_to_owned()?).write_all(bytes)
}

/// Writes help, the version, or what is wrong with the arguments.
pub(super) fn usage(error: &clap::Error) -> Exit {
    let plain = error.to_string();
    let printable = printable_lines(&plain);
    let written = match printable == plain {
        true => error.print(),
        // It names an argument that is not fit to be shown.
        false => io::stderr().write_all(printable.as_bytes()),
    };
    match written {
        // There is nowhere left to report a closed standard error to.
        _ if error.use_stderr() => Exit::BadInput,
        Err(failure) if failure.kind() != io::ErrorKind::BrokenPipe => Exit::Environment,
        _ => Exit::Done,
    }
}

/// Shows warnings unless `--quiet`, and with `-v` and `-vv` what this program does, the latter with the time since its start.
/// Libraries stay silent, they might show secrets.
pub(super) fn start_tracing(options: &Options) {
    let lines = tracing_subscriber::fmt().with_writer(|| Traced);
    match options.verbose {
        0 if options.quiet => {}
        0 => lines.with_env_filter("chinampa=warn").event_format(Warning).init(),
        1 => lines.with_env_filter("chinampa=info").without_time().init(),
        _ => lines.with_env_filter("chinampa=trace").with_timer(uptime()).init(),
    }
}

/// A warning as one sentence, without what only developers need.
struct Warning;

impl<S, N> FormatEvent<S, N> for Warning
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writer.write_str("warning: ")?;
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// Gets whole lines from the library, and makes them printable.
struct Traced;

impl Write for Traced {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        terminal::write_above(&printable_lines(&String::from_utf8_lossy(lines)));
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
