//! One line: what of it is ignored, what kind of pattern it is, and whether a path matches it.

use std::borrow::Cow;

use super::glob::Glob;
use super::lazy::{self, LazyGlobs, has_only_stars};
use super::regex::PathRegex;
use super::syntax::{GlobError, SPECIAL};
use super::{MAX_LINE_BYTES, Pattern, PatternsError};
use crate::model::{RepoPath, printable};

#[derive(Clone, Debug)]
pub(super) enum Matcher {
    /// Most lines that are not left for later have no braces.
    Glob(Glob),
    /// What the braces stand for; any one of these.
    Globs(Box<[Glob]>),
    Lazy(LazyGlobs),
    Regex(Box<PathRegex>),
}

impl Matcher {
    /// Everything below `folder`.
    pub(super) fn below(folder: &RepoPath) -> Self {
        Self::Glob(Glob::Below(folder.as_bytes().into()))
    }

    pub(super) fn matches(&self, path: &[u8]) -> bool {
        match self {
            Self::Glob(glob) => glob.matches(path),
            Self::Globs(globs) => globs.iter().any(|glob| glob.matches(path)),
            Self::Lazy(globs) => globs.matches(path),
            Self::Regex(regex) => regex.matches(path),
        }
    }
}

impl Matcher {
    /// Whether it is this path and what would be below it.
    pub(super) fn is_path(&self, path: &[u8]) -> bool {
        let is_path = |glob: &Glob| matches!(glob, Glob::Path(this) if **this == *path);
        match self {
            Self::Glob(glob) => is_path(glob),
            Self::Globs(globs) => globs.iter().any(is_path),
            Self::Lazy(_) | Self::Regex(_) => false,
        }
    }
}

/// Reads line number `line`; `None` for a blank one and a comment.
pub(super) fn parse(
    written: &[u8],
    line: usize,
    folder: &RepoPath,
) -> Result<Option<Pattern>, PatternsError> {
    if written.len() > MAX_LINE_BYTES {
        return Err(PatternsError::LineTooLong { line });
    }
    let text = trim_end(written);
    if text.is_empty() || text.starts_with(b"#") {
        return Ok(None);
    }
    let shown = String::from_utf8_lossy(text);
    let negated = text.starts_with(b"!");
    let body = text.strip_prefix(b"!").unwrap_or(text);
    let matcher = if body.starts_with(b"^") {
        let regex = PathRegex::new(body);
        Matcher::Regex(
            regex.map_err(|source| PatternsError::BadRegex { line, text: printable(&shown), source })?.into(),
        )
    } else {
        let matcher = globs(body, folder);
        matcher.map_err(|source| PatternsError::BadGlob { line, text: printable(&shown), source })?
    };
    Ok(Some(Pattern { text: shown.into(), line: Some(line), negated, matcher }))
}

/// Drops the carriage return, and spaces and tabs unless a backslash stands before them.
fn trim_end(line: &[u8]) -> &[u8] {
    let mut line = line.strip_suffix(b"\r").unwrap_or(line);
    while let [before @ .., b' ' | b'\t'] = line {
        let backslashes = before.iter().rev().take_while(|&&byte| byte == b'\\').count();
        if backslashes % 2 == 1 {
            break;
        }
        line = before;
    }
    line
}

fn globs(body: &[u8], folder: &RepoPath) -> Result<Matcher, GlobError> {
    if body.is_empty() {
        return Err(GlobError::EmptyNegation);
    }
    if body == b"." || body == b"./" {
        return Ok(Matcher::below(folder));
    }
    let (above, body) = match body.strip_prefix(b"./") {
        Some(relative) => (folder.as_bytes(), relative),
        None => (&b""[..], body),
    };
    // Most lines begin with folders that are no patterns: only what follows has to be parsed.
    let special = body.iter().position(|byte| SPECIAL.contains(byte)).unwrap_or(body.len());
    let folders = body[..special].iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    let (folders, rest) = body.split_at(folders);
    let folders = checked(folders)?;
    let prefix = match above {
        b"" => Cow::Borrowed(folders),
        above => [above, b"/", folders].concat().into(),
    };
    match LazyGlobs::new(&prefix, rest) {
        Some(globs) => Ok(Matcher::Lazy(globs)),
        None if has_only_stars(rest) => Glob::of_stars(&prefix, rest).map(Matcher::Glob),
        None => lazy::read(&prefix, rest).map(Matcher::Globs),
    }
}

/// Passes on folders without patterns, each with a `/` at its end.
fn checked(folders: &[u8]) -> Result<&[u8], GlobError> {
    if folders.starts_with(b"/") {
        return Err(GlobError::Absolute);
    }
    let mut names =
        folders.strip_suffix(b"/").into_iter().flat_map(|names| names.split(|&byte| byte == b'/'));
    match names.find(|name| matches!(*name, b"" | b"." | b"..")) {
        None => Ok(folders),
        Some(b"") => Err(GlobError::EmptyComponent),
        Some(b".") => Err(GlobError::DotComponent),
        Some(_) => Err(GlobError::ParentComponent),
    }
}
