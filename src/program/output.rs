//! What a program writes, line by line, from pipes and from files.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::model::printable_log;

/// How many of the last lines an error has.
pub(super) const TAIL_LINES: usize = 40;

/// A longer line is told in pieces.
pub(super) const MAX_LINE_BYTES: usize = 16 << 10;

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

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
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
pub(super) struct Lines<R> {
    source: Option<R>,
    buffer: LineBuffer,
    pub(super) is_over: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(stream: Stream, source: Option<R>) -> Self {
        Self { is_over: source.is_none(), source, buffer: LineBuffer::new(stream) }
    }

    /// The lines that the next bytes complete. Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> std::io::Result<Vec<Line>> {
        let Some(source) = &mut self.source else { return Ok(Vec::new()) };
        self.is_over = source.read_buf(&mut self.buffer.bytes).await? == 0;
        Ok(self.buffer.lines(self.is_over))
    }
}

/// One stream of a program that writes to a file, in lines.
pub(super) struct FileLines {
    file: File,
    buffer: LineBuffer,
}

impl FileLines {
    /// Also returns what the program writes to. The file has no name: it is gone with its last user.
    pub(super) fn new(stream: Stream, folder: &Path) -> std::io::Result<(Self, File)> {
        let named = tempfile::NamedTempFile::new_in(folder)?;
        let file = named.reopen()?;
        Ok((Self { file, buffer: LineBuffer::new(stream) }, named.into_file()))
    }

    pub(super) fn read(&mut self, is_over: bool) -> std::io::Result<Vec<Line>> {
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes)?;
        self.buffer.bytes.extend_from_slice(&bytes);
        Ok(self.buffer.lines(is_over))
    }
}

/// The last lines.
#[derive(Default)]
pub(super) struct Tail(pub(super) VecDeque<String>);

impl Tail {
    pub(super) fn push(&mut self, line: String) {
        if self.0.len() == TAIL_LINES {
            self.0.pop_front();
        }
        self.0.push_back(line);
    }
}
