//! What is wrong with a file: all of it at once, in the order of its lines.

use std::cell::RefCell;
use std::fmt;

use crate::model::{ErrorKind, excerpt};

/// The most problems that are kept; the rest is counted.
const MAX_PROBLEMS: usize = 1000;

/// The most characters that a message or hint shows.
const MAX_CHARACTERS: usize = 400;

/// The longest text, in bytes, that a suggestion is looked for.
const LONGEST_TYPO: usize = 64;

/// The most names that a typo is compared with.
const MAX_CANDIDATES: usize = 10_000;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: String,
    /// From 1; 1 also where the whole file is meant.
    pub line: usize,
    pub message: String,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
}

/// `file:line: message; hint`
impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.file, self.line, self.message)?;
        match &self.hint {
            Some(hint) => write!(formatter, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a file, never nothing. Shown one problem a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ManifestErrors {
    /// Sorted by line.
    pub problems: Vec<Problem>,
    /// How many more there were than were kept.
    pub more: usize,
}

impl ManifestErrors {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Input
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        None
    }
}

impl fmt::Display for ManifestErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{problem}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(formatter, "\nand {more} more"),
        }
    }
}

/// Collects the problems of one file while it is read.
#[derive(Debug)]
pub(super) struct Problems<'f> {
    file: &'f str,
    text: &'f [u8],
    /// Where each line begins.
    line_starts: Vec<usize>,
    found: RefCell<Found>,
}

#[derive(Debug, Default)]
struct Found {
    kept: Vec<Problem>,
    more: usize,
}

impl<'f> Problems<'f> {
    pub(super) fn new(file: &'f str, text: &'f [u8]) -> Self {
        let after_newlines =
            text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(after_newlines).collect();
        Self { file, text, line_starts, found: RefCell::default() }
    }

    /// The line of a byte offset in the text, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// The column of a byte offset in characters, from 1.
    pub(super) fn column(&self, offset: usize) -> usize {
        let start = self.line_starts[self.line(offset) - 1];
        let before = &self.text[start..offset.min(self.text.len())];
        String::from_utf8_lossy(before).chars().count() + 1
    }

    pub(super) fn add(&self, offset: usize, message: impl fmt::Display, hint: Option<String>) {
        let mut found = self.found.borrow_mut();
        if found.kept.len() == MAX_PROBLEMS {
            found.more += 1;
            return;
        }
        found.kept.push(Problem {
            file: excerpt(self.file, MAX_CHARACTERS),
            line: self.line(offset),
            message: excerpt(&message.to_string(), MAX_CHARACTERS),
            hint: hint.map(|hint| excerpt(&hint, MAX_CHARACTERS)),
        });
    }

    /// `did you mean …?` for the candidate that differs from `text` by at most a third of its letters.
    pub(super) fn did_you_mean<'c>(
        &self,
        text: &str,
        candidates: impl IntoIterator<Item = &'c str>,
    ) -> Option<String> {
        let is_shown = self.found.borrow().kept.len() < MAX_PROBLEMS;
        if !is_shown || text.len() > LONGEST_TYPO {
            return None;
        }
        let most_edits = (text.chars().count() / 3).max(1);
        let near_in_length = |candidate: &&str| candidate.len().abs_diff(text.len()) <= 4 * most_edits;
        candidates
            .into_iter()
            .filter(near_in_length)
            .take(MAX_CANDIDATES)
            .map(|candidate| (strsim::osa_distance(text, candidate), candidate))
            .filter(|(edits, _)| *edits <= most_edits)
            .min()
            .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
    }

    /// The problems, or what was read where there are none.
    ///
    /// `read` is `None` only where a problem says why.
    pub(super) fn into_result<T>(self, read: Option<T>) -> Result<T, ManifestErrors> {
        let Found { mut kept, more } = self.found.into_inner();
        match read {
            Some(value) if kept.is_empty() => Ok(value),
            _ => {
                kept.sort_by_key(|problem| problem.line);
                Err(ManifestErrors { problems: kept, more })
            }
        }
    }
}
