//! The values of a project's secrets, for the one run that builds it.
//!
//! The manifest says where a secret comes from, and a manifest can come from anybody who may propose a change. So work that isn't
//! trusted gets none; the environment of the process can list which of its variables may be read; and a file is opened beneath the
//! work tree without following a link, must not be git's own, and must not be in the commit: what a commit
//! holds is no secret, and would reach the image past the input digest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, statat};
use rustix::io::Errno;
use thiserror::Error;

use crate::config::SecretSource;
use crate::git::{EntryKind, GitError, Snapshot};
use crate::model::{ErrorKind, ProjectName, RepoPath, Secret};

/// BuildKit takes no larger ones.
const MAX_BYTES: u64 = 500 * 1024;

/// Which secrets a run may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretAccess {
    /// None: whoever wrote what is built is not trusted. Steps that can do without them run.
    Denied,
    /// Files, and the variables of these names.
    Listed(BTreeSet<String>),
    /// Files, and every variable.
    All,
}

impl SecretAccess {
    /// `listed` has names with commas or spaces between them; `None` stands for every variable.
    pub fn new(is_trusted: bool, listed: Option<&str>) -> Self {
        let separates = |character: char| character == ',' || character.is_whitespace();
        let names =
            |text: &str| text.split(separates).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        match (is_trusted, listed) {
            (false, _) => Self::Denied,
            (true, Some(listed)) => Self::Listed(names(listed)),
            (true, None) => Self::All,
        }
    }

    fn allows(&self, variable: &str) -> bool {
        match self {
            Self::Denied => false,
            Self::Listed(names) => names.contains(variable),
            Self::All => true,
        }
    }
}

/// A secret that can't be used.
#[derive(Debug, Error)]
#[error("cannot use the secret `{id}` of `{project}`")]
pub struct SecretsError {
    pub project: ProjectName,
    pub id: String,
    pub source: SecretError,
}

/// Why a secret can't be used.
#[derive(Debug, Error)]
pub enum SecretError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("the variable `{variable}` is not set, or its value is not UTF-8")]
    NotSet { variable: String },
    #[error("`CHINAMPA_SECRETS` is set and does not list the variable `{variable}`")]
    NotListed { variable: String },
    #[error("`{path}` is a file of the work tree, and there is none")]
    NoWorkTree { path: RepoPath },
    #[error("there is no file `{path}`")]
    NotThere { path: RepoPath },
    #[error("git tracks `{path}`, so it is no secret, and no input digest would cover it")]
    Tracked { path: RepoPath },
    #[error("`{path}` is a file of git itself")]
    GitFolder { path: RepoPath },
    #[error("`{path}` is or lies behind a symbolic link, and those are not followed")]
    Link { path: RepoPath },
    #[error("`{path}` is not a regular file")]
    NotAFile { path: RepoPath },
    #[error("`{path}` has more than {MAX_BYTES} bytes, the most that a build step can be given")]
    TooLarge { path: RepoPath },
    #[error("`{path}` is not UTF-8")]
    NotUtf8 { path: RepoPath },
    #[error("cannot read `{path}`")]
    Read {
        path: RepoPath,
        #[source]
        source: io::Error,
    },
}

impl SecretsError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        self.source.kind()
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        self.source.hint()
    }
}

impl SecretError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Git(error) => error.kind(),
            Self::NotSet { .. }
            | Self::NotListed { .. }
            | Self::NoWorkTree { .. }
            | Self::NotThere { .. }
            | Self::Tracked { .. }
            | Self::GitFolder { .. }
            | Self::Link { .. }
            | Self::NotAFile { .. }
            | Self::TooLarge { .. }
            | Self::NotUtf8 { .. } => ErrorKind::Input,
            Self::Read { .. } => ErrorKind::Environment,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            Self::NotSet { .. } | Self::NotThere { .. } => {
                Some("set it, or take the secret out of the project's `secrets`".to_owned())
            }
            Self::NotListed { .. } => {
                Some("add it to `CHINAMPA_SECRETS` where the job is defined".to_owned())
            }
            Self::Tracked { .. } => Some(
                "take it out of the commit, and replace the secret: who can read the history has it"
                    .to_owned(),
            ),
            Self::NoWorkTree { .. }
            | Self::GitFolder { .. }
            | Self::Link { .. }
            | Self::NotAFile { .. }
            | Self::TooLarge { .. }
            | Self::NotUtf8 { .. }
            | Self::Read { .. } => None,
        }
    }
}

/// Reads secrets for what is built from a snapshot.
pub struct SecretReader<'s> {
    pub access: SecretAccess,
    /// The value of a variable of the environment; `None` when it is not set.
    pub variable: &'s dyn Fn(&str) -> Option<Secret>,
    pub snapshot: &'s Snapshot<'s>,
}

impl std::fmt::Debug for SecretReader<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SecretReader").field("access", &self.access).finish_non_exhaustive()
    }
}

impl SecretReader<'_> {
    /// The values of a project's secrets, by their ids; none at all where access is denied.
    ///
    /// # Errors
    /// [`SecretsError`] for the first that can't be used.
    pub fn read(
        &self,
        project: &ProjectName,
        sources: &BTreeMap<String, SecretSource>,
    ) -> Result<BTreeMap<String, Secret>, SecretsError> {
        if self.access == SecretAccess::Denied {
            return Ok(BTreeMap::new());
        }
        let value = |(id, source): (&String, &SecretSource)| match self.value(source) {
            Ok(value) => Ok((id.clone(), value)),
            Err(source) => Err(SecretsError { project: project.clone(), id: id.clone(), source }),
        };
        sources.iter().map(value).collect()
    }

    fn value(&self, source: &SecretSource) -> Result<Secret, SecretError> {
        match source {
            SecretSource::Env(variable) if !self.access.allows(variable) => {
                Err(SecretError::NotListed { variable: variable.clone() })
            }
            SecretSource::Env(variable) => {
                (self.variable)(variable).ok_or_else(|| SecretError::NotSet { variable: variable.clone() })
            }
            SecretSource::File(path) => self.file(path),
        }
    }

    fn file(&self, path: &RepoPath) -> Result<Secret, SecretError> {
        if path.components().any(|name| name.eq_ignore_ascii_case(b".git")) {
            return Err(SecretError::GitFolder { path: path.clone() });
        }
        if self.is_tracked(path)? {
            return Err(SecretError::Tracked { path: path.clone() });
        }
        let Some(work_tree) = self.snapshot.repository().work_dir() else {
            return Err(SecretError::NoWorkTree { path: path.clone() });
        };
        let read = |source| SecretError::Read { path: path.clone(), source };
        let opened = open_beneath(File::open(work_tree).map_err(read)?.as_fd(), path);
        let file = match opened {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Err(SecretError::NotThere { path: path.clone() }),
            Err(Errno::LOOP | Errno::XDEV) => return Err(SecretError::Link { path: path.clone() }),
            Err(Errno::NOTDIR | Errno::NXIO) => return Err(SecretError::NotAFile { path: path.clone() }),
            Err(error) => return Err(read(error.into())),
        };
        if !file.metadata().map_err(read)?.is_file() {
            return Err(SecretError::NotAFile { path: path.clone() });
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(read)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(SecretError::TooLarge { path: path.clone() });
        }
        let text = String::from_utf8(bytes).map_err(|_| SecretError::NotUtf8 { path: path.clone() })?;
        Ok(Secret::new(text))
    }

    /// Whether the path, or one that it is below, is a file, a link or a submodule of the snapshot.
    fn is_tracked(&self, path: &RepoPath) -> Result<bool, GitError> {
        let mut path = Some(path.clone());
        while let Some(here) = path.filter(|path| !path.is_root()) {
            match self.snapshot.entry(&here)?.map(|entry| entry.kind) {
                Some(EntryKind::File(_)) => return Ok(true),
                Some(EntryKind::Folder) => return Ok(false),
                None => path = here.parent(),
            }
        }
        Ok(false)
    }
}

const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Opens a file beneath a folder. No component of the path may be a symbolic link: [`Errno::LOOP`].
#[cfg(target_os = "linux")]
fn open_beneath(folder: BorrowedFd<'_>, path: &RepoPath) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match openat2(folder, path.as_bytes(), READ, Mode::empty(), resolve) {
        // A kernel before 5.6, and the filters of some containers.
        Err(Errno::NOSYS | Errno::PERM) => open_each(folder, path),
        opened => opened,
    }
}

#[cfg(not(target_os = "linux"))]
fn open_beneath(folder: BorrowedFd<'_>, path: &RepoPath) -> Result<OwnedFd, Errno> {
    open_each(folder, path)
}

/// The same by one step for each component.
fn open_each(folder: BorrowedFd<'_>, path: &RepoPath) -> Result<OwnedFd, Errno> {
    let open = |folder: BorrowedFd<'_>, name: &[u8], flags: OFlags| {
        openat(folder, name, READ | OFlags::NOFOLLOW | flags, Mode::empty()).map_err(|error| {
            // Where a folder is wanted, a link is said to be none.
            let is_link = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
            if is_link { Errno::LOOP } else { error }
        })
    };
    let components: Vec<&[u8]> = path.components().collect();
    let Some((name, folders)) = components.split_last() else { return Err(Errno::ISDIR) };
    let mut here: Option<OwnedFd> = None;
    for component in folders {
        let folder = here.as_ref().map_or(folder, AsFd::as_fd);
        here = Some(open(folder, component, OFlags::DIRECTORY)?);
    }
    open(here.as_ref().map_or(folder, AsFd::as_fd), name, OFlags::empty())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::new(text).unwrap()
    }

    #[test]
    fn only_trusted_work_reads_variables_and_only_those_that_are_listed() {
        let allows =
            |is_trusted, listed, variable: &str| SecretAccess::new(is_trusted, listed).allows(variable);

        assert!(allows(true, None, "NPMRC"));
        assert!(allows(true, Some("A, NPMRC\tB"), "NPMRC"));
        assert!(!allows(true, Some("A,NPMRC_"), "NPMRC"));
        assert!(!allows(true, Some(""), "NPMRC"));
        assert!(!allows(false, None, "NPMRC"));
        assert!(!allows(false, Some("NPMRC"), "NPMRC"));
    }

    // issue 12: S2
    #[test]
    fn a_file_is_opened_beneath_the_folder_and_no_link_is_followed() {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(outside.path().join("secret"), "").unwrap();
        fs::write(root.join("a/b/file"), "").unwrap();
        symlink("../../secret", root.join("a/out")).unwrap();
        symlink("b/file", root.join("a/in")).unwrap();
        symlink("b", root.join("a/folder")).unwrap();
        symlink("/proc/self/environ", root.join("a/absolute")).unwrap();
        let folder = File::open(&root).unwrap();
        for open in [open_beneath, open_each] {
            let open = |text| open(folder.as_fd(), &path(text)).map(drop);

            assert_eq!(open("a/b/file"), Ok(()));
            for link in ["a/out", "a/in", "a/folder/file", "a/absolute"] {
                assert_eq!(open(link), Err(Errno::LOOP), "{link}");
            }
            assert_eq!(open("a/none"), Err(Errno::NOENT));
            assert_eq!(open("a/b/file/x"), Err(Errno::NOTDIR));
        }
    }
}
