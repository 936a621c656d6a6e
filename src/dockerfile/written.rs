//! Text that knows where in the file each of its bytes was written.
//!
//! Comments, continuations and quotes vanish while a Dockerfile is read. Because every byte
//! that stays keeps its place, a value can be replaced in the file without touching the rest.

use std::ops::Range;
use std::rc::Rc;

/// One byte of text, and the bytes of the file that say it: more than one after an escape.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) byte: u8,
    start: u32,
    end: u32,
}

impl Mark {
    pub(super) fn is_space(self) -> bool {
        is_space(self.byte)
    }

    /// The same byte when `escape`, just before it, is part of how it is written.
    pub(super) fn escaped_by(self, escape: Self) -> Self {
        Self { start: escape.start, ..self }
    }
}

/// Text, or a part of it; parts share what they are parts of.
#[derive(Clone, Debug)]
pub(super) struct Written {
    all: Rc<[Mark]>,
    part: Range<usize>,
}

impl From<&[Mark]> for Written {
    fn from(marks: &[Mark]) -> Self {
        Self { all: marks.into(), part: 0..marks.len() }
    }
}

/// Text that stands in the file as it is, from `start` on.
pub(super) fn marks(bytes: &[u8], start: usize) -> impl Iterator<Item = Mark> {
    let start = u32::try_from(start).expect("a Dockerfile has at most a mebibyte");
    bytes.iter().zip(start..).map(|(&byte, start)| Mark { byte, start, end: start + 1 })
}

impl Written {
    pub(super) fn marks(&self) -> &[Mark] {
        &self.all[self.part.clone()]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.part.is_empty()
    }

    /// The text, with U+FFFD for what is not UTF-8.
    pub(super) fn text(&self) -> String {
        let bytes = self.marks().iter().map(|mark| mark.byte).collect();
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.marks().iter().map(|mark| mark.byte).eq(text.bytes())
    }

    pub(super) fn is_ignoring_case(&self, upper_case: &str) -> bool {
        let marks = self.marks();
        marks.len() == upper_case.len()
            && marks.iter().map(|mark| mark.byte.to_ascii_uppercase()).eq(upper_case.bytes())
    }

    /// Where the first byte stands; `None` for the empty text.
    pub(super) fn start(&self) -> Option<usize> {
        self.marks().first().map(|mark| mark.start as usize)
    }

    /// From the first byte to the last, with everything that stands between.
    pub(super) fn whole(&self) -> Vec<Range<usize>> {
        match (self.marks().first(), self.marks().last()) {
            (Some(first), Some(last)) => std::iter::once(first.start as usize..last.end as usize).collect(),
            _ => Vec::new(),
        }
    }

    /// Exactly the bytes of the text, as few ranges as there can be.
    pub(super) fn pieces(&self) -> Vec<Range<usize>> {
        let mut pieces: Vec<Range<usize>> = Vec::new();
        for mark in self.marks() {
            match pieces.last_mut() {
                Some(piece) if piece.end == mark.start as usize => piece.end = mark.end as usize,
                _ => pieces.push(mark.start as usize..mark.end as usize),
            }
        }
        pieces
    }

    /// The part of these bytes of the text.
    pub(super) fn part(&self, bytes: Range<usize>) -> Self {
        assert!(bytes.start <= bytes.end && bytes.end <= self.part.len(), "a part lies within its text");
        let start = self.part.start;
        Self { all: Rc::clone(&self.all), part: start + bytes.start..start + bytes.end }
    }

    /// Without the spaces at both ends.
    pub(super) fn trimmed(&self) -> Self {
        let marks = self.marks();
        let start = marks.iter().position(|mark| !mark.is_space()).unwrap_or(marks.len());
        let end = marks.iter().rposition(|mark| !mark.is_space()).map_or(start, |last| last + 1);
        self.part(start..end)
    }

    /// Whether a byte stands there twice in a row.
    pub(super) fn has_double(&self, byte: u8) -> bool {
        self.marks().windows(2).any(|two| two[0].byte == byte && two[1].byte == byte)
    }

    /// The words between spaces; quotes mean nothing here.
    pub(super) fn words(&self) -> Vec<Self> {
        let mut words = Vec::new();
        let mut end = 0;
        for run in self.marks().chunk_by(|one, next| one.is_space() == next.is_space()) {
            let start = end;
            end += run.len();
            if !run[0].is_space() {
                words.push(self.part(start..end));
            }
        }
        words
    }

    /// What comes before and after the first byte that `is_separator` accepts.
    pub(super) fn split_once(&self, is_separator: impl Fn(u8) -> bool) -> Option<(Self, Self)> {
        let at = self.marks().iter().position(|mark| is_separator(mark.byte))?;
        Some((self.part(0..at), self.part(at + 1..self.part.len())))
    }
}

pub(super) fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'\x0b'
}
