//! The lines of a file: where instructions begin, and which lines belong to one.

use std::ops::Range;

use super::error::DockerfileError;
use super::source_text::is_space;

pub(super) struct Lines<'a> {
    text: &'a [u8],
    /// Where the next line starts.
    start: usize,
    /// Of the line that was read last, from 1.
    pub(super) number: usize,
}

/// One line without its end.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) bytes: &'a [u8],
    /// Where it stands in the file.
    pub(super) start: usize,
    pub(super) number: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, start: 0, number: 0 }
    }

    pub(super) fn next(&mut self) -> Option<Line<'a>> {
        let rest = &self.text[self.start..];
        if rest.is_empty() {
            return None;
        }
        let length = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |end| end + 1);
        let mut line = Line { bytes: &rest[..length], start: self.start, number: self.number + 1 };
        self.start += length;
        self.number += 1;
        if let (1, Some(bytes)) = (line.number, line.bytes.strip_prefix(b"\xef\xbb\xbf")) {
            line = Line { bytes, start: 3, ..line };
        }
        while let [bytes @ .., b'\r' | b'\n'] = line.bytes {
            line.bytes = bytes;
        }
        Some(line)
    }

    /// Goes on behind the line that `is_end` accepts; stays where it is when there is none.
    pub(super) fn skip_to(&mut self, is_end: impl Fn(&[u8]) -> bool) -> bool {
        let (start, number) = (self.start, self.number);
        while let Some(line) = self.next() {
            if is_end(line.bytes) {
                return true;
            }
        }
        (self.start, self.number) = (start, number);
        false
    }
}

impl Line<'_> {
    pub(super) fn without_indent(self) -> Self {
        let indent = self.bytes.iter().take_while(|&&byte| is_space(byte)).count();
        Self { bytes: &self.bytes[indent..], start: self.start + indent, ..self }
    }

    /// Where the value of a directive stands in the file.
    fn span_of(self, value: &[u8]) -> Option<Range<usize>> {
        let after_name = self.bytes.iter().position(|&byte| byte == b'=')? + 1;
        let at = self.bytes[after_name..].windows(value.len()).position(|bytes| bytes == value)?;
        let start = self.start + after_name + at;
        Some(start..start + value.len())
    }

    pub(super) fn is_comment_or_blank(self) -> bool {
        matches!(self.bytes, [] | [b'#', ..])
    }
}

/// What `# syntax=` names.
pub(super) struct Frontend {
    pub(super) line: usize,
    pub(super) image: String,
    /// The bytes of the file that are the image; `None` where they are not UTF-8.
    pub(super) span: Option<Range<usize>>,
}

/// The image that `# syntax=` names.
pub(super) fn frontend(text: &[u8]) -> Option<Frontend> {
    let (mut lines, mut directives) = (Lines::new(text), Directives::default());
    while let Some(line) = lines.next().filter(|_| !directives.are_over) {
        directives.read(&line.without_indent()).ok()?;
    }
    directives.frontend
}

/// `# escape=` and its kind, which count only before everything else.
pub(super) struct Directives {
    pub(super) escape: u8,
    seen: Vec<String>,
    frontend: Option<Frontend>,
    are_over: bool,
}

impl Default for Directives {
    fn default() -> Self {
        Self { escape: b'\\', seen: Vec::new(), frontend: None, are_over: false }
    }
}

impl Directives {
    pub(super) fn read(&mut self, line: &Line<'_>) -> Result<(), DockerfileError> {
        if self.are_over {
            return Ok(());
        }
        let text = String::from_utf8_lossy(line.bytes);
        let directive = text.strip_prefix('#').and_then(|rest| rest.split_once('='));
        let (name, value) = match directive {
            Some((name, value)) => (name.trim().to_ascii_lowercase(), value.trim()),
            None => (String::new(), ""),
        };
        if !matches!(name.as_str(), "syntax" | "escape" | "check") || value.is_empty() {
            self.are_over = true;
            return Ok(());
        }
        if self.seen.contains(&name) {
            return Err(DockerfileError::RepeatedDirective { line: line.number, name });
        }
        match (name.as_str(), value) {
            ("escape", "\\" | "`") => self.escape = value.as_bytes()[0],
            ("syntax", _) => {
                let image = value.split_whitespace().next().unwrap_or_default().to_owned();
                let span = line.span_of(image.as_bytes());
                self.frontend = Some(Frontend { line: line.number, image, span });
            }
            ("escape", _) => {
                return Err(DockerfileError::BadEscape { line: line.number, value: value.to_owned() });
            }
            _ => {}
        }
        self.seen.push(name);
        Ok(())
    }

    /// What a line adds to an instruction, and whether the next one belongs to it too.
    pub(super) fn content<'t>(&self, line: &Line<'t>) -> (&'t [u8], bool) {
        let spaces = line.bytes.iter().rev().take_while(|&&byte| byte == b' ' || byte == b'\t').count();
        match &line.bytes[..line.bytes.len() - spaces] {
            [before @ .., last] if *last == self.escape && before.last() != Some(last) => (before, true),
            _ => (line.bytes, false),
        }
    }
}
