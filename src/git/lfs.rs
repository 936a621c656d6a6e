//! Git LFS: pointers, and git-lfs's store of what they point to.
//!
//! A pointer is a blob of a few lines in place of a file's content (`docs/spec.md` of git-lfs):
//!
//! ```text
//! version https://git-lfs.github.com/spec/v1
//! oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
//! size 12345
//! ```

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use thiserror::Error;

use super::error::Cause;
use super::program::last_line;
use super::{BlobReader, GitError, Repository};
use crate::model::{ContentDigest, ErrorKind, ObjectId, RepoPath};

/// A pointer has fewer bytes.
const MAX_POINTER_BYTES: u64 = 1024;

/// What the first line of a pointer names: the specification, under the names that it has had.
const VERSIONS: [&str; 3] =
    ["https://git-lfs.github.com/spec/v1", "https://hawser.github.com/spec/v1", "http://git-media.io/v/2"];

/// What a pointer says about a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pointer {
    oid: ContentDigest,
    /// In bytes.
    size: u64,
    /// Whether programs that only the configuration of a machine names have changed the content before it was stored.
    has_extensions: bool,
}

/// A file of git-lfs's store that has the size of the content. Who reads it checks that it has its SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LfsObject {
    pub file: PathBuf,
    /// In bytes.
    pub size: u64,
    pub oid: ContentDigest,
}

/// Whether content that is missing may be downloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Download {
    Allowed,
    /// What is downloaded stays in a clone that others may use.
    Untrusted,
}

/// The content that pointers of a repository point to.
pub struct LfsStore<'r> {
    repository: &'r Repository,
    blobs: BlobReader,
    objects: PathBuf,
    download: Download,
}

impl std::fmt::Debug for LfsStore<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("LfsStore").field(&self.objects).finish()
    }
}

/// Why there is no content for a pointer.
#[derive(Debug, Error)]
pub enum LfsError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("`{path}` is stored with Git LFS, and its content is not here: {size} bytes, sha256:{oid}")]
    Missing {
        path: RepoPath,
        oid: ContentDigest,
        size: u64,
        /// Brings the content.
        command: String,
        #[source]
        source: Cause,
    },
    #[error("`{path}` is stored with extensions of Git LFS, which are not supported")]
    Extensions { path: RepoPath },
    #[error("cannot look up `{}`", .file.display())]
    Store { file: PathBuf, source: io::Error },
}

impl LfsError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Git(error) => error.kind(),
            Self::Missing { .. } | Self::Store { .. } => ErrorKind::Environment,
            Self::Extensions { .. } => ErrorKind::Input,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            Self::Missing { command, .. } => Some(format!("`{command}` brings it")),
            Self::Extensions { .. } | Self::Store { .. } => None,
        }
    }
}

impl Pointer {
    /// `None` for what git-lfs takes for content.
    fn parse(blob: &[u8]) -> Option<Self> {
        if blob.len() as u64 > MAX_POINTER_BYTES {
            return None;
        }
        let mut lines = str::from_utf8(blob).ok()?.trim().lines().map(|line| line.split_once(' '));
        let mut next = || lines.next().flatten();
        VERSIONS.contains(&next().filter(|(key, _)| *key == "version")?.1).then_some(())?;
        let mut line = next()?;
        let mut has_extensions = false;
        while is_extension(line.0) {
            has_extensions = true;
            line = next()?;
        }
        let oid = Some(line).filter(|(key, _)| *key == "oid")?.1.strip_prefix("sha256:")?;
        let oid = oid.parse().ok()?;
        let size = next().filter(|(key, _)| *key == "size")?.1.parse().ok()?;
        lines.next().is_none().then_some(Self { oid, size, has_extensions })
    }
}

/// Such as `ext-0-name`.
fn is_extension(key: &str) -> bool {
    let number = key.strip_prefix("ext-").and_then(|rest| rest.split_once('-')).map(|(number, _)| number);
    number.is_some_and(|number| number.len() == 1 && number.as_bytes()[0].is_ascii_digit())
}

impl Repository {
    /// The store of this repository: `lfs.storage`, else `lfs` in the git folder that all work trees share.
    ///
    /// # Errors
    /// [`GitError::Read`] when the configuration can't be read.
    pub fn lfs_store(&self, download: Download) -> Result<LfsStore<'_>, GitError> {
        let config = self.inner.config().map_err(|source| GitError::read("the configuration", source))?;
        let storage = match config.get_path("lfs.storage") {
            Ok(storage) => storage,
            Err(error) if error.code() == git2::ErrorCode::NotFound => PathBuf::from("lfs"),
            Err(source) => return Err(GitError::read("`lfs.storage`", source)),
        };
        let objects = self.common_dir().join(storage).join("objects");
        Ok(LfsStore { repository: self, blobs: self.blobs().reader(), objects, download })
    }
}

impl LfsStore<'_> {
    /// What the blob of a file that is stored with Git LFS points to; `None` for a blob that is no pointer, which is then the content
    /// itself.
    ///
    /// What is missing is downloaded by `git lfs smudge`, if that is allowed.
    ///
    /// # Errors
    /// [`LfsError::Missing`] when the content is not here and can't be downloaded.
    pub fn object(&self, id: ObjectId, path: &RepoPath) -> Result<Option<LfsObject>, LfsError> {
        if self.blobs.size(id)? > MAX_POINTER_BYTES {
            return Ok(None);
        }
        let blob = self.blobs.read(id)?;
        let Some(pointer) = Pointer::parse(&blob) else { return Ok(None) };
        if pointer.has_extensions {
            return Err(LfsError::Extensions { path: path.clone() });
        }
        let Pointer { oid, size, .. } = pointer;
        let name = oid.to_string();
        let file = self.objects.join(&name[..2]).join(&name[2..4]).join(&name);
        let has_object =
            || has_size(&file, size).map_err(|source| LfsError::Store { file: file.clone(), source });
        let mut is_here = has_object()?;
        let mut trouble: Option<Cause> = None;
        if !is_here {
            trouble = self.download(&blob, path).err();
            is_here = has_object()?;
        }
        if is_here {
            return Ok(Some(LfsObject { file, size, oid }));
        }
        Err(LfsError::Missing {
            path: path.clone(),
            oid,
            size,
            command: self.command(path),
            source: trouble.unwrap_or_else(|| "git-lfs has not downloaded it".into()),
        })
    }

    /// Lets git-lfs download what a pointer points to. It writes its store, and its output, which is the content, is not needed.
    fn download(&self, pointer: &[u8], path: &RepoPath) -> Result<(), Cause> {
        if self.download == Download::Untrusted {
            return Err("a run that is not trusted downloads nothing".into());
        }
        let version = self.git_lfs(&["version"]).output().map_err(GitError::NoGit)?;
        if !version.status.success() {
            return Err("git-lfs, which would download it, is not installed".into());
        }
        tracing::info!(%path, "git-lfs downloads a file's content");
        let mut command = self.git_lfs(&["smudge", "--"]);
        command.arg(path.to_os_path()).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().map_err(GitError::NoGit)?;
        if let Some(mut input) = process.stdin.take() {
            // A git-lfs that ended before it read it says why below.
            let _ = input.write_all(pointer);
        }
        let output = process.wait_with_output()?;
        if output.status.success() {
            return Ok(());
        }
        // Behind what went wrong, it says where its log is.
        let said = String::from_utf8_lossy(&output.stderr);
        let trouble = said.lines().find(|line| line.starts_with("Error")).unwrap_or(&said);
        Err(last_line(trouble).into())
    }

    /// Git-lfs with the settings and the credentials of whoever runs this, but for those that leave out downloads.
    fn git_lfs(&self, arguments: &[&str]) -> Command {
        let mut command = self.repository.git();
        command.env_remove("GIT_LFS_SKIP_SMUDGE").env("GIT_TERMINAL_PROMPT", "0");
        command.current_dir(self.repository.work_dir().unwrap_or(self.repository.git_dir()));
        command.args(["-c", "lfs.fetchinclude=", "-c", "lfs.fetchexclude=", "lfs"]).args(arguments);
        command.stdout(Stdio::null());
        command
    }

    /// What a person runs to have the content.
    fn command(&self, path: &RepoPath) -> String {
        let path = path.to_string();
        let is_plain = |char: char| char.is_ascii_alphanumeric() || "/._-+@".contains(char);
        if self.repository.work_dir().is_some() && path.chars().all(is_plain) {
            format!("git lfs pull --include={path}")
        } else {
            "git lfs fetch".to_owned()
        }
    }
}

/// Whether a file is there and has this size.
fn has_size(file: &Path, size: u64) -> io::Result<bool> {
    match file.symlink_metadata() {
        Ok(metadata) => Ok(metadata.is_file() && metadata.len() == size),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OID: &str = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";

    fn pointer(lines: &[&str]) -> Option<Pointer> {
        Pointer::parse(lines.join("\n").as_bytes())
    }

    #[test]
    fn a_pointer_is_read_as_git_lfs_reads_it() {
        let oid = &format!("oid sha256:{OID}");
        let read = |has_extensions| {
            let oid = OID.parse().unwrap();
            Some(Pointer { oid, size: 12345, has_extensions })
        };

        for version in VERSIONS {
            let version = &format!("version {version}");
            assert_eq!(pointer(&[version, oid, "size 12345", ""]), read(false));
            assert_eq!(
                pointer(&[&format!("{version}\r"), &format!("{oid}\r"), "size 12345\r", ""]),
                read(false)
            );
            assert_eq!(pointer(&[version, "ext-0-case sha256:aa", oid, "size 12345"]), read(true));
        }
    }

    #[test]
    fn what_only_looks_like_a_pointer_is_content() {
        let (version, oid) = (&format!("version {}", VERSIONS[0]), &format!("oid sha256:{OID}"));
        for lines in [
            &[] as &[&str],
            &[version],
            &[version, oid],
            &[oid, "size 1"],
            &["version 1", oid, "size 1"],
            &[version, "size 1", oid],
            &[version, oid, "size -1"],
            &[version, oid, "size 1", "more 1"],
            &[version, &oid[..70], "size 1"],
            &[version, &format!("oid md5:{OID}"), "size 1"],
            &[version, "extra 1", oid, "size 1"],
        ] {
            assert_eq!(pointer(lines), None, "{lines:?}");
        }
        let whole = [version, oid, "size 1", &" ".repeat(1024)];
        assert_eq!(pointer(&whole), None);
        assert_eq!(Pointer::parse(b"version \xff"), None);
    }
}
