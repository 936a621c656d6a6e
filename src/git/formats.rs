//! Formats of repositories that not every git reads, and the versions that do.

use std::fmt;

/// A kind of repository that not every git reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepositoryFormat {
    Sha256,
    Reftable,
}

impl RepositoryFormat {
    /// The first version of git that reads it.
    pub(super) fn git(self) -> GitVersion {
        match self {
            Self::Sha256 => GitVersion { major: 2, minor: 29 },
            Self::Reftable => GitVersion { major: 2, minor: 45 },
        }
    }
}

impl fmt::Display for RepositoryFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sha256 => "names its objects by SHA-256",
            Self::Reftable => "keeps its references in reftables",
        })
    }
}

/// A version of git, as far as formats depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct GitVersion {
    pub(super) major: u32,
    pub(super) minor: u32,
}

impl GitVersion {
    /// Reads what `git version` writes, such as `git version 2.39.5 (Apple Git-154)`.
    pub(super) fn parse(said: &str) -> Option<Self> {
        let mut numbers = said.strip_prefix("git version ")?.split('.').map(str::parse);
        Some(Self { major: numbers.next()?.ok()?, minor: numbers.next()?.ok()? })
    }
}

impl fmt::Display for GitVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_whatever_stands_behind_it() {
        let version = |major, minor| Some(GitVersion { major, minor });

        assert_eq!(GitVersion::parse("git version 2.39.5 (Apple Git-154)\n"), version(2, 39));
        assert_eq!(GitVersion::parse("git version 3.0.rc1"), version(3, 0));
        assert_eq!(GitVersion::parse("git version 2.28.0.windows.1"), version(2, 28));
        assert_eq!(GitVersion::parse("git version unknown"), None);
        assert_eq!(GitVersion::parse(""), None);
        assert!(version(2, 9) < version(2, 45) && version(2, 45) < version(3, 0));
    }
}
