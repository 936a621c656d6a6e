//! Paths inside a repository: bytes, relative to its root, `/` between components.

use std::borrow::Borrow;
use std::fmt;

use thiserror::Error;

/// A path relative to the repository root, as git stores it: any bytes but NUL.
///
/// Never absolute, never with an empty, `.` or `..` component, so joining one to a
/// folder can't leave that folder. The empty path is the root itself.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoPath(Box<[u8]>);

/// A path that could leave the repository, or that git can't hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{path}` is not a path inside the repository: {reason}")]
pub struct InvalidPath {
    path: String,
    reason: &'static str,
}

impl RepoPath {
    /// Takes the bytes of a tree entry's path, or of one that a person wrote.
    ///
    /// A leading `./`, a trailing `/` and a lone `.` are accepted and dropped.
    ///
    /// # Errors
    /// [`InvalidPath`] for an absolute path, an empty, `.` or `..` component, or a NUL byte.
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self, InvalidPath> {
        let whole = bytes.as_ref();
        let invalid = |reason| InvalidPath { path: String::from_utf8_lossy(whole).into_owned(), reason };
        if whole.first() == Some(&b'/') {
            return Err(invalid("it is absolute"));
        }
        let bytes = whole.strip_prefix(b"./").unwrap_or(whole);
        let bytes = bytes.strip_suffix(b"/").unwrap_or(bytes);
        if bytes.is_empty() || bytes == b"." {
            return Ok(Self::default());
        }
        if bytes.contains(&0) {
            return Err(invalid("it has a NUL byte"));
        }
        for component in bytes.split(|&byte| byte == b'/') {
            match component {
                b"" => return Err(invalid("it has an empty component")),
                b"." => return Err(invalid("it has a `.` component")),
                b".." => return Err(invalid("it has a `..` component")),
                _ => {}
            }
        }
        Ok(Self(bytes.into()))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The components from the root down; none for the root itself.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|&byte| byte == b'/').filter(|component| !component.is_empty())
    }

    /// Puts `other` below this path.
    pub fn join(&self, other: &Self) -> Self {
        if self.is_root() {
            return other.clone();
        }
        if other.is_root() {
            return self.clone();
        }
        Self([&self.0, b"/".as_slice(), &other.0].concat().into())
    }

    /// Puts one entry of a tree below this path; the reader of trees has checked its name.
    pub(crate) fn join_component(&self, name: &[u8]) -> Self {
        debug_assert!(!matches!(name, b"" | b"." | b"..") && !name.contains(&b'/'), "{name:?}");
        if self.is_root() {
            return Self(name.into());
        }
        Self([&self.0, b"/".as_slice(), name].concat().into())
    }

    /// Whether this path is `folder` or lies below it.
    pub fn is_within(&self, folder: &Self) -> bool {
        self.relative_to(folder).is_some()
    }

    /// This path as seen from `folder`, or `None` when it lies elsewhere.
    pub fn relative_to(&self, folder: &Self) -> Option<Self> {
        if folder.is_root() {
            return Some(self.clone());
        }
        match self.0.strip_prefix(&*folder.0)? {
            b"" => Some(Self::default()),
            [b'/', rest @ ..] => Some(Self(rest.into())),
            _ => None,
        }
    }

    /// The folder that holds this path, or `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        Some(Self(self.parent_bytes().into()))
    }

    /// The bytes of the folder that holds this path; none for the root too.
    pub(crate) fn parent_bytes(&self) -> &[u8] {
        let cut = self.0.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        &self.0[..cut]
    }

    /// The last component; empty for the root.
    pub fn file_name(&self) -> &[u8] {
        let start = self.0.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        &self.0[start..]
    }

    /// The path for the operating system's calls, still relative.
    #[cfg(unix)]
    pub fn to_os_path(&self) -> std::path::PathBuf {
        use std::os::unix::ffi::OsStrExt;
        std::ffi::OsStr::from_bytes(&self.0).into()
    }
}

/// Two paths are equal, ordered and hashed as their bytes are.
impl Borrow<[u8]> for RepoPath {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// Lossy, and with what can't be seen escaped: a hostile name can't steer a terminal.
impl fmt::Display for RepoPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return formatter.write_str(".");
        }
        super::printable::write_printable(formatter, &String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RepoPath({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::new(text).unwrap()
    }

    #[test]
    fn a_path_that_could_leave_the_repository_is_refused() {
        for text in ["/etc", "..", "a/../b", "a//b", "a/./b", "a\0b", "../a"] {
            assert!(RepoPath::new(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_folder_is_within_itself_and_a_longer_name_is_not_within_a_shorter() {
        assert!(path("lib").is_within(&path("lib")));
        assert!(path("lib/a").is_within(&path("lib/")));
        assert!(!path("library").is_within(&path("lib")));
        assert!(path("lib").is_within(&path(".")));
    }

    #[test]
    fn joining_undoes_relative_to() {
        let folder = path("services/api");
        let file = path("services/api/src/a.rs");

        let relative = file.relative_to(&folder).unwrap();

        assert_eq!(relative, path("src/a.rs"));
        assert_eq!(folder.join(&relative), file);
    }

    #[test]
    fn control_characters_are_escaped_when_shown() {
        assert_eq!(path("a\nb\x1b[31m").to_string(), "a\\nb\\u{1b}[31m");
    }

    #[test]
    fn parents_end_at_the_root() {
        assert_eq!(path("a/b").parent(), Some(path("a")));
        assert_eq!(path("a").parent(), Some(path("")));
        assert_eq!(path("").parent(), None);
    }
}
