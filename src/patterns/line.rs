//! One line: what of it is ignored, what kind of pattern it is, and whether a path matches it.

use super::glob::Glob;
use super::regex::PathRegex;
use super::syntax::{self, GlobError, SPECIAL};
use super::{MAX_LINE_BYTES, Pattern, PatternsError};
use crate::model::{RepoPath, printable};

#[derive(Clone, Debug)]
pub(super) enum Matcher {
    /// One for each alternative of the braces; any one of them.
    Globs(Box<[Glob]>),
    Regex(Box<PathRegex>),
}

impl Matcher {
    /// Everything below `folder`.
    pub(super) fn below(folder: &RepoPath) -> Self {
        Self::Globs([Glob::Descendants(folder.as_bytes().into())].into())
    }

    pub(super) fn matches(&self, path: &[u8]) -> bool {
        match self {
            Self::Globs(globs) => globs.iter().any(|glob| glob.matches(path)),
            Self::Regex(regex) => regex.matches(path),
        }
    }
}

impl Matcher {
    /// Whether it is this path and what would be below it.
    pub(super) fn is_path(&self, path: &[u8]) -> bool {
        let is_path = |glob: &Glob| matches!(glob, Glob::Path(this) if **this == *path);
        match self {
            Self::Globs(globs) => globs.iter().any(is_path),
            Self::Regex(_) => false,
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
        Some(relative) if !folder.is_root() => ([folder.as_bytes(), b"/"].concat(), relative),
        Some(relative) => (Vec::new(), relative),
        None => (Vec::new(), body),
    };
    // Folders at the beginning are checked once, and do not count for how many alternatives there may be.
    let special = body.iter().position(|byte| SPECIAL.contains(byte)).unwrap_or(body.len());
    let folders = body[..special].iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    let (folders, rest) = body.split_at(folders);
    check_folders(folders)?;
    let prefix = [&above, folders].concat();
    let globs: Result<_, GlobError> =
        syntax::parse(rest)?.iter().map(|tokens| Glob::new(&prefix, tokens)).collect();
    globs.map(Matcher::Globs)
}

/// Checks folders without patterns, each with a `/` at its end.
fn check_folders(folders: &[u8]) -> Result<(), GlobError> {
    if folders.starts_with(b"/") {
        return Err(GlobError::Absolute);
    }
    let mut names =
        folders.strip_suffix(b"/").into_iter().flat_map(|names| names.split(|&byte| byte == b'/'));
    names.try_for_each(|name| match name {
        b"" => Err(GlobError::EmptyComponent),
        b"." => Err(GlobError::DotComponent),
        b".." => Err(GlobError::ParentComponent),
        _ => Ok(()),
    })
}
