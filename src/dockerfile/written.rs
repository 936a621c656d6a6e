//! Text that knows where in the file each of its bytes was written.
//!
//! Comments, continuations and quotes vanish while a Dockerfile is read. Because every byte
//! that stays keeps its place, a value can be replaced in the file without touching the rest.

use std::ops::Range;

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

#[derive(Clone, Debug, Default)]
pub(super) struct Written(Vec<Mark>);

impl Written {
    /// Text that stands in the file as it is, from `start` on.
    pub(super) fn extend_from(&mut self, bytes: &[u8], start: usize) {
        let start = u32::try_from(start).expect("a Dockerfile has at most a mebibyte");
        self.0.extend(bytes.iter().zip(start..).map(|(&byte, start)| Mark { byte, start, end: start + 1 }));
    }

    pub(super) fn push(&mut self, mark: Mark) {
        self.0.push(mark);
    }

    pub(super) fn marks(&self) -> &[Mark] {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text, with U+FFFD for what is not UTF-8.
    pub(super) fn text(&self) -> String {
        let bytes = self.0.iter().map(|mark| mark.byte).collect();
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.0.iter().map(|mark| mark.byte).eq(text.bytes())
    }

    /// Where the first byte stands; `None` for the empty text.
    pub(super) fn start(&self) -> Option<usize> {
        self.0.first().map(|mark| mark.start as usize)
    }

    /// From the first byte to the last, with everything that stands between.
    pub(super) fn whole(&self) -> Vec<Range<usize>> {
        match (self.0.first(), self.0.last()) {
            (Some(first), Some(last)) => std::iter::once(first.start as usize..last.end as usize).collect(),
            _ => Vec::new(),
        }
    }

    /// Exactly the bytes of the text, as few ranges as there can be.
    pub(super) fn pieces(&self) -> Vec<Range<usize>> {
        let mut pieces: Vec<Range<usize>> = Vec::new();
        for mark in &self.0 {
            match pieces.last_mut() {
                Some(piece) if piece.end == mark.start as usize => piece.end = mark.end as usize,
                _ => pieces.push(mark.start as usize..mark.end as usize),
            }
        }
        pieces
    }

    pub(super) fn trimmed(&self) -> Self {
        Self::trimmed_of(&self.0)
    }

    /// These marks without the spaces at both ends.
    pub(super) fn trimmed_of(marks: &[Mark]) -> Self {
        let start = marks.iter().position(|mark| !mark.is_space()).unwrap_or(marks.len());
        let end = marks.iter().rposition(|mark| !mark.is_space()).map_or(start, |last| last + 1);
        Self(marks[start..end].to_vec())
    }

    /// Whether a byte stands there twice in a row.
    pub(super) fn has_double(&self, byte: u8) -> bool {
        self.0.windows(2).any(|two| two[0].byte == byte && two[1].byte == byte)
    }

    /// The words between spaces; quotes mean nothing here.
    pub(super) fn words(&self) -> Vec<Self> {
        let words = self.0.split(|mark| mark.is_space()).filter(|word| !word.is_empty());
        words.map(|word| Self(word.to_vec())).collect()
    }

    /// What comes before and after the first byte that `is_separator` accepts.
    pub(super) fn split_once(&self, is_separator: impl Fn(u8) -> bool) -> Option<(Self, Self)> {
        let at = self.0.iter().position(|mark| is_separator(mark.byte))?;
        Some((Self(self.0[..at].to_vec()), Self(self.0[at + 1..].to_vec())))
    }
}

pub(super) fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'\x0b'
}
