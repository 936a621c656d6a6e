//! `.rebuild_patterns`: which paths of the repository are a project's inputs.
//!
//! ```text
//! # the service, without its documents
//! ./
//! !**/*.md
//! # what it shares
//! shared/proto/**/*.{proto,json}
//! # as in the files of older scripts
//! ^lib/.*\.(c|h)$
//! ```
//!
//! The last line that matches a path decides. Paths and patterns are bytes, relative to the root of
//! the repository; everything read here may be hostile, so time and memory are bounded by the length
//! of a line. `docs/patterns.md` explains each kind of line.

mod glob;
mod index;
mod line;
mod prefix_index;
mod regex;
mod submodule;
mod syntax;
mod walk;

use std::fmt;

use thiserror::Error;

pub use self::index::{FolderCandidates, Index, PathSet};
pub use self::regex::RegexError;
pub use self::syntax::GlobError;
pub use self::walk::IndexWalk;

use self::glob::Glob;
use self::line::Matcher;
use self::syntax::Token;
use crate::model::{RepoPath, printable};

/// Longer lines are an error.
pub const MAX_LINE_BYTES: usize = 4096;

/// One project's patterns, in the order of their lines. None at all take no path.
#[derive(Clone, Debug, Default)]
pub struct Patterns(Box<[Pattern]>);

/// One line.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: Box<str>,
    line: Option<usize>,
    negated: bool,
    matcher: Matcher,
}

/// Why patterns can't be used.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum PatternsError {
    #[error("line {line}: bad pattern `{text}`")]
    BadGlob {
        line: usize,
        text: String,
        #[source]
        source: GlobError,
    },
    #[error("line {line}: bad regular expression `{text}`")]
    BadRegex {
        line: usize,
        text: String,
        #[source]
        source: RegexError,
    },
    #[error("line {line}: longer than {MAX_LINE_BYTES} bytes")]
    LineTooLong { line: usize },
    #[error("no pattern takes anything: a project that nothing can change would never be rebuilt")]
    Empty,
}

impl PatternsError {
    /// The line that can't be used, from 1; `None` when it is all of them together.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::BadGlob { line, .. } | Self::BadRegex { line, .. } | Self::LineTooLong { line } => {
                Some(*line)
            }
            Self::Empty => None,
        }
    }
}

impl Patterns {
    /// Reads a file in which `./` stands for `folder`.
    ///
    /// # Errors
    /// One [`PatternsError`] for each bad line, in their order; [`PatternsError::Empty`] when there
    /// is no line that takes anything.
    pub fn parse(text: &[u8], folder: &RepoPath) -> Result<Self, Vec<PatternsError>> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let lines = || text.split(|&byte| byte == b'\n');
        let patterns = lines().filter(|line| !matches!(line.trim_ascii(), [] | [b'#', ..])).count();
        Self::collect(lines().zip(1..), patterns, folder)
    }

    /// Takes patterns that stand in `projects.toml`, each with its line; `./` stands for the root.
    ///
    /// An empty list is no error.
    ///
    /// # Errors
    /// As with [`parse`](Self::parse).
    pub fn from_list(
        patterns: impl IntoIterator<Item = (String, usize)>,
    ) -> Result<Self, Vec<PatternsError>> {
        let patterns: Vec<_> = patterns.into_iter().collect();
        if patterns.is_empty() {
            return Ok(Self::default());
        }
        let lines = patterns.iter().map(|(text, line)| (text.as_bytes(), *line));
        Self::collect(lines, patterns.len(), &RepoPath::default())
    }

    /// Reads lines, of which about so many are patterns.
    fn collect<'t>(
        lines: impl Iterator<Item = (&'t [u8], usize)>,
        about: usize,
        folder: &RepoPath,
    ) -> Result<Self, Vec<PatternsError>> {
        let (mut patterns, mut errors) = (Vec::with_capacity(about), Vec::new());
        for (text, line) in lines {
            match line::parse(text, line, folder) {
                Ok(pattern) => patterns.extend(pattern),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() && patterns.iter().all(Pattern::is_negated) {
            errors.push(PatternsError::Empty);
        }
        if errors.is_empty() { Ok(Self(patterns.into())) } else { Err(errors) }
    }

    /// The line that takes `path`: the last that matches, if that is not a negated one.
    pub fn decide(&self, path: &RepoPath) -> Option<&Pattern> {
        self.last_match(path).filter(|last| !last.negated)
    }

    /// The last line that matches, whether it includes or excludes `path`.
    pub fn last_match(&self, path: &RepoPath) -> Option<&Pattern> {
        self.0.iter().rev().find(|pattern| pattern.matcher.matches(path.as_bytes()))
    }

    pub fn lines(&self) -> &[Pattern] {
        &self.0
    }
}

impl FromIterator<Pattern> for Patterns {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        Self(patterns.into_iter().collect())
    }
}

/// Those that nobody wrote.
impl Pattern {
    /// A path, and everything below it.
    pub fn of_path(path: &RepoPath) -> Self {
        Self::unwritten(path.to_string(), [Glob::Path(path.as_bytes().into())].into())
    }

    /// Everything below a folder.
    pub fn of_folder(folder: &RepoPath) -> Self {
        Self::unwritten(format!("{folder}/"), [Glob::Descendants(folder.as_bytes().into())].into())
    }

    /// What a glob matches below a folder. Here `?`, and brackets that begin with `!`, stand for a whole character, as they do in
    /// a Dockerfile.
    ///
    /// # Errors
    /// [`GlobError`] where it is none.
    pub fn of_glob(folder: &RepoPath, glob: &str) -> Result<Self, GlobError> {
        let above = if folder.is_root() { Vec::new() } else { [folder.as_bytes(), b"/"].concat() };
        let alternatives = syntax::parse(glob.as_bytes())?.into_iter();
        let globs = alternatives.map(|tokens| {
            let tokens: Vec<Token> = tokens.into_iter().map(Token::of_characters).collect();
            Glob::new(&above, &tokens)
        });
        Ok(Self::unwritten(format!("{folder}/{glob}"), globs.collect::<Result<_, GlobError>>()?))
    }

    fn unwritten(text: String, globs: Box<[Glob]>) -> Self {
        Self { text: text.into(), line: None, negated: false, matcher: Matcher::Globs(globs) }
    }
}

impl Pattern {
    /// As it was written, without what is ignored at the end of a line; lossy.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Counted from 1; `None` when nobody wrote it.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// Whether it takes paths back.
    pub fn is_negated(&self) -> bool {
        self.negated
    }

    /// Whether it is a line about this path, to include or exclude it.
    pub fn matches(&self, path: &RepoPath) -> bool {
        self.matcher.matches(path.as_bytes())
    }

    /// Whether it names this path exactly, without a wildcard and not as a folder above it.
    pub fn is_path(&self, path: &RepoPath) -> bool {
        self.matcher.is_path(path.as_bytes())
    }

    /// A set of this line alone, which takes all that the line matches, also if the line excludes it.
    pub fn alone(&self) -> Patterns {
        Patterns([Self { negated: false, ..self.clone() }].into())
    }
}

/// With control characters escaped: a hostile line can't steer a terminal.
impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&printable(&self.text))
    }
}

#[cfg(test)]
mod tests;
