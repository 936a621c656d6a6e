//! Text that knows where in the file each of its bytes was written.
//!
//! Comments, continuations and quotes vanish while a Dockerfile is read. Because every byte
//! that stays keeps its place, a value can be replaced in the file without touching the rest.

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

/// Text, or a part of it; parts share what they are parts of.
#[derive(Clone, Debug)]
pub(super) struct SourceText<'t> {
    all: Origin<'t>,
    part: Range<usize>,
}

#[derive(Clone, Debug)]
enum Origin<'t> {
    /// It stands in the file as it is, from `start` on.
    AsIs {
        bytes: &'t [u8],
        start: usize,
    },
    Mapped(Rc<SourceMap>),
}

/// Text that was put together from what stands in several spans.
#[derive(Debug, Default)]
pub(super) struct SourceMap {
    bytes: Vec<u8>,
    /// Of each byte.
    spans: Vec<Span>,
}

/// The bytes of the file that say one byte of text: more than one after an escape.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn of_byte(at: usize) -> Self {
        let start = u32::try_from(at).expect("a Dockerfile has at most a mebibyte");
        Self { start, end: start + 1 }
    }

    /// The same when `escape`, just before it, is part of how it is written.
    pub(super) fn escaped_by(self, escape: Self) -> Self {
        Self { start: escape.start, ..self }
    }

    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl SourceMap {
    pub(super) fn push(&mut self, byte: u8, place: Span) {
        self.bytes.push(byte);
        self.spans.push(place);
    }

    /// Adds what stands in the file as it is, from `start` on.
    pub(super) fn add(&mut self, bytes: &[u8], start: usize) {
        self.bytes.extend_from_slice(bytes);
        self.spans.extend((start..start + bytes.len()).map(Span::of_byte));
    }
}

impl From<SourceMap> for SourceText<'_> {
    fn from(joined: SourceMap) -> Self {
        let part = 0..joined.bytes.len();
        Self { all: Origin::Mapped(joined.into()), part }
    }
}

impl<'t> SourceText<'t> {
    /// What stands in the file as it is, from `start` on.
    pub(super) fn as_is(bytes: &'t [u8], start: usize) -> Self {
        Self { all: Origin::AsIs { bytes, start }, part: 0..bytes.len() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        let all = match &self.all {
            Origin::AsIs { bytes, .. } => bytes,
            Origin::Mapped(joined) => &joined.bytes[..],
        };
        &all[self.part.clone()]
    }

    /// Where one of the bytes stands.
    pub(super) fn place(&self, at: usize) -> Span {
        let at = self.part.start + at;
        match &self.all {
            Origin::AsIs { start, .. } => Span::of_byte(start + at),
            Origin::Mapped(joined) => joined.spans[at],
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.part.is_empty()
    }

    /// The text, with U+FFFD for what is not UTF-8.
    pub(super) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.bytes())
    }

    /// Where the first byte stands; `None` for the empty text.
    pub(super) fn start(&self) -> Option<usize> {
        (!self.is_empty()).then(|| self.place(0).range().start)
    }

    /// From the first byte to the last, with everything that stands between.
    pub(super) fn whole(&self) -> Option<Range<usize>> {
        let last = self.part.len().checked_sub(1)?;
        Some(self.place(0).range().start..self.place(last).range().end)
    }

    /// Exactly the bytes of the text, as few ranges as there can be.
    pub(super) fn spans(&self) -> Vec<Range<usize>> {
        let mut spans: Vec<Range<usize>> = Vec::new();
        for place in (0..self.part.len()).map(|at| self.place(at).range()) {
            match spans.last_mut() {
                Some(span) if span.end == place.start => span.end = place.end,
                _ => spans.push(place),
            }
        }
        spans
    }

    /// The part of these bytes of the text.
    pub(super) fn part(&self, bytes: Range<usize>) -> Self {
        assert!(bytes.start <= bytes.end && bytes.end <= self.part.len(), "a part lies within its text");
        let start = self.part.start;
        Self { all: self.all.clone(), part: start + bytes.start..start + bytes.end }
    }

    /// Without the spaces at both ends.
    pub(super) fn trimmed(&self) -> Self {
        let bytes = self.bytes();
        let start = bytes.iter().position(|&byte| !is_space(byte)).unwrap_or(bytes.len());
        let end = bytes.iter().rposition(|&byte| !is_space(byte)).map_or(start, |last| last + 1);
        self.part(start..end)
    }

    /// Whether a byte stands there twice in a row.
    pub(super) fn has_double(&self, byte: u8) -> bool {
        self.bytes().windows(2).any(|two| two == [byte; 2])
    }

    /// The words between spaces; quotes mean nothing here.
    pub(super) fn words(&self) -> impl Iterator<Item = Self> {
        let bytes = self.bytes();
        let mut end = 0;
        std::iter::from_fn(move || {
            let start = end + bytes[end..].iter().position(|&byte| !is_space(byte))?;
            let length = bytes[start..].iter().position(|&byte| is_space(byte));
            end = length.map_or(bytes.len(), |length| start + length);
            Some(self.part(start..end))
        })
    }

    /// What comes before and after the first byte that `is_separator` accepts.
    pub(super) fn split_once(&self, is_separator: impl Fn(u8) -> bool) -> Option<(Self, Self)> {
        let at = self.bytes().iter().position(|&byte| is_separator(byte))?;
        Some((self.part(0..at), self.part(at + 1..self.part.len())))
    }
}

pub(super) fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'\x0b'
}
