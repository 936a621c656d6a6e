//! The lines at the bottom of the terminal that are drawn again and again, and everything that is written above them.
//!
//! Whoever writes to standard error does it here, so that nothing is written into those lines and none of them stays behind.

use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::report::styled::{StyledLine, StyledText};

/// What is drawn at the bottom of the terminal of this process.
static REGION: Mutex<Region> = Mutex::new(Region { lines: Vec::new() });

/// How large a terminal is taken for that doesn't tell.
const USUAL_SIZE: Size = Size { columns: 80, lines: 24 };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) lines: usize,
}

impl Size {
    /// `None` for what is no terminal, or doesn't tell.
    pub(super) fn of(stream: impl AsFd) -> Option<Self> {
        let size = rustix::termios::tcgetwinsize(stream).ok()?;
        let size = Self { columns: size.ws_col.into(), lines: size.ws_row.into() };
        (size.columns > 0 && size.lines > 0).then_some(size)
    }

    /// Of the terminal that standard error is.
    pub(super) fn of_stderr() -> Self {
        Self::of(io::stderr()).unwrap_or(USUAL_SIZE)
    }
}

/// Whether what is drawn has styles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Styles {
    Shown,
    Left,
}

/// Lines that are on the terminal, with how many columns they take. The cursor is at the beginning of the line below them.
struct Region {
    lines: Vec<(String, usize)>,
}

impl Region {
    fn lock() -> MutexGuard<'static, Self> {
        REGION.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What moves the cursor to the beginning of the first line. A line that was drawn when the terminal was wider takes several now.
    fn to_beginning(&self, columns: usize) -> String {
        let rows: usize = self.lines.iter().map(|(_, width)| width.div_ceil(columns.max(1)).max(1)).sum();
        if rows == 0 { "\r".to_owned() } else { format!("\r\u{1b}[{rows}A") }
    }

    /// What draws the lines, and takes away whatever is there.
    fn drawn(&self) -> String {
        let lines: String = self.lines.iter().map(|(line, _)| format!("{line}\u{1b}[K\n")).collect();
        lines + "\u{1b}[J"
    }
}

/// Whether what is drawn is out of date, and when it was drawn.
#[derive(Debug, Default)]
pub(super) struct Drawn {
    /// In seconds, and for which terminal; `None` where nothing is drawn, or where it shows what was before.
    last: Option<(u64, Size)>,
}

impl Drawn {
    /// Notes that there is something new to be shown.
    pub(super) fn outdate(&mut self) {
        self.last = None;
    }

    /// Draws what `frame` makes for this many columns and lines, if there is something new, another second, or another terminal.
    pub(super) fn redraw(
        &mut self,
        now: Duration,
        styles: Styles,
        frame: impl FnOnce(usize, usize) -> StyledText,
    ) {
        let size = Size::of_stderr();
        let state = Some((now.as_secs(), size));
        if self.last != state {
            // In the last column, some terminals take "erase to the end of the line" for the character before.
            draw(&frame(size.columns.saturating_sub(1), size.lines), styles, size);
            self.last = state;
        }
    }
}

/// Draws lines in place of those that were drawn before. They must not be wider than the terminal.
fn draw(text: &StyledText, styles: Styles, size: Size) {
    let mut region = Region::lock();
    let begin = region.to_beginning(size.columns);
    region.lines = text.lines().iter().map(|line| (shown(line, styles), line.columns())).collect();
    write(&(begin + &region.drawn()));
}

fn shown(line: &StyledLine, styles: Styles) -> String {
    match styles {
        Styles::Shown => line.ansi(),
        Styles::Left => line.unstyled(),
    }
}

/// Takes away what is drawn.
pub(super) fn clear() {
    let mut region = Region::lock();
    if !region.lines.is_empty() {
        let begin = region.to_beginning(Size::of_stderr().columns);
        region.lines.clear();
        write(&(begin + &region.drawn()));
    }
}

/// Writes whole lines to standard error, above what is drawn.
pub(super) fn write_above(text: &str) {
    let region = Region::lock();
    if region.lines.is_empty() {
        write(text);
    } else {
        let begin = region.to_beginning(Size::of_stderr().columns);
        write(&format!("{begin}\u{1b}[J{text}{}", region.drawn()));
    }
}

/// Writes a line to standard error, above what is drawn.
pub(super) fn write_line_above(line: &StyledLine, styles: Styles) {
    write_above(&(shown(line, styles) + "\n"));
}

fn write(text: &str) {
    let mut stderr = io::stderr().lock();
    // There is nowhere left to report a closed standard error to.
    let _ = stderr.write_all(text.as_bytes());
}
