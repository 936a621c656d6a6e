//! Which files of the context the engine wants to see this time.
//!
//! Its `exclude-patterns` come from a `.dockerignore` that whoever made the context has applied.

use hyper::HeaderMap;

use super::super::ContextFile;
use crate::model::{FileMode, RepoPath};

/// What the engine says about one transfer, in the headers of its request.
#[derive(Debug)]
pub(super) struct Wanted {
    /// `None`: everything.
    follow: Option<Vec<RepoPath>>,
}

impl Wanted {
    pub(super) fn new(headers: &HeaderMap) -> Self {
        let follow: Option<Vec<RepoPath>> =
            values(headers, "followpaths").into_iter().map(|path| plain_path(&path)).collect();
        Self { follow: follow.filter(|paths| !paths.is_empty()) }
    }

    /// The files to list, in their order.
    ///
    /// With symbolic links in the context, a path that is followed can lead to another place
    /// that nobody named: then all files are listed.
    pub(super) fn of<'a>(&self, files: &'a [ContextFile]) -> impl Iterator<Item = &'a ContextFile> {
        let has_links = files.iter().any(|file| file.mode == FileMode::Symlink);
        let follow = self.follow.as_ref().filter(|_| !has_links);
        files
            .iter()
            .filter(move |file| follow.is_none_or(|paths| paths.iter().any(|path| file.path.is_within(path))))
    }
}

/// A path without wildcards that stays in the context, or `None`.
fn plain_path(path: &[u8]) -> Option<RepoPath> {
    if path.iter().any(|byte| b"*?[\\".contains(byte)) {
        return None;
    }
    RepoPath::new(path.strip_prefix(b"/").unwrap_or(path)).ok()
}

/// All values of a header. Newer engines put them through URL encoding and say so.
fn values(headers: &HeaderMap, name: &str) -> Vec<Vec<u8>> {
    let is_encoded = headers.get(format!("{name}-encoded")).is_some_and(|value| value == "1");
    headers
        .get_all(name)
        .iter()
        .map(|value| match is_encoded {
            false => value.as_bytes().to_vec(),
            true => decode(value.as_bytes()),
        })
        .collect()
}

/// Undoes Go's `url.QueryEscape`; what is not an escape stays as it is.
fn decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        match escaped {
            Some(byte) => {
                decoded.push(byte);
                rest = &rest[3..];
            }
            None => {
                decoded.push(if *first == b'+' { b' ' } else { *first });
                rest = tail;
            }
        }
    }
    decoded
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::super::Content;
    use super::*;

    fn listed(headers: &[(&'static str, &'static str)], files: &[(&str, FileMode)]) -> Vec<String> {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let files: Vec<ContextFile> = files
            .iter()
            .map(|(path, mode)| ContextFile {
                path: RepoPath::new(path).unwrap(),
                mode: *mode,
                content: Content::File { path: PathBuf::new(), sha256: [0; 32] },
            })
            .collect();
        Wanted::new(&headers).of(&files).map(|file| file.path.to_string()).collect()
    }

    const FILES: [(&str, FileMode); 3] =
        [("a/b", FileMode::Regular), ("a/c é", FileMode::Regular), ("ab", FileMode::Regular)];

    #[test]
    fn only_what_is_followed_is_listed() {
        assert_eq!(listed(&[("followpaths", "a")], &FILES), ["a/b", "a/c é"]);
        assert_eq!(listed(&[("followpaths", "/a/b"), ("followpaths", "none")], &FILES), ["a/b"]);
        assert_eq!(
            listed(&[("followpaths", "a%2Fc+%C3%A9"), ("followpaths-encoded", "1")], &FILES),
            ["a/c é"]
        );
    }

    #[test]
    fn where_a_path_could_lead_elsewhere_everything_is_listed() {
        assert_eq!(listed(&[], &FILES).len(), 3);
        assert_eq!(listed(&[("followpaths", "a/*")], &FILES).len(), 3);
        assert_eq!(listed(&[("followpaths", "a"), ("followpaths", "../x")], &FILES).len(), 3);
        let with_link = [FILES[0], ("link", FileMode::Symlink)];
        assert_eq!(listed(&[("followpaths", "link")], &with_link).len(), 2);
    }
}
