//! Gets Terraform from a mirror into a cache folder. Nothing is put in its place before its
//! checksum is right.
//!
//! The checksums come from the same mirror, so they show damage, not malice; a checksum that is
//! known beforehand shows both.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest::{Client, StatusCode, Url};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use thiserror::Error;

use super::terraform_source::{ArchiveSum, Mirror, TerraformVersion};
use crate::model::{ErrorKind, printable};
use crate::tls::http_client;

/// The only file of the archive that is unpacked.
const PROGRAM: &str = "terraform";

const MAX_SUMS_BYTES: u64 = 1 << 20;
/// Archives have about 30 MB, the programs in them about 100 MB.
const MAX_ARCHIVE_BYTES: u64 = 256 << 20;
const MAX_PROGRAM_BYTES: u64 = 1 << 30;

/// Why Terraform could not be installed.
#[derive(Debug, Error)]
pub enum InstallError {
    #[error("Terraform is not published for {os} on {architecture}")]
    Platform { os: &'static str, architecture: &'static str },
    #[error("cannot download `{url}`")]
    Download {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("`{url}` was answered with the status {status}")]
    Status { url: String, status: StatusCode },
    #[error("`{url}` has more than {most} bytes")]
    TooLong { url: String, most: u64 },
    #[error("`{url}` has no checksum of `{archive}`")]
    NoSum { url: String, archive: String },
    #[error("`{url}` has the SHA-256 {found}, and not {expected}")]
    WrongSum { url: String, found: String, expected: String },
    #[error("cannot unpack `{url}`: {reason}")]
    Unpack { url: String, reason: String },
    #[error("cannot write `{path}`")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl InstallError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Platform { .. }
            | Self::Download { .. }
            | Self::Status { .. }
            | Self::TooLong { .. }
            | Self::NoSum { .. }
            | Self::WrongSum { .. }
            | Self::Unpack { .. }
            | Self::Write { .. } => ErrorKind::Environment,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Platform { .. } => Some("install Terraform; one in the `PATH` is used".to_owned()),
            Self::Download { .. }
            | Self::Status { .. }
            | Self::TooLong { .. }
            | Self::NoSum { .. }
            | Self::WrongSum { .. }
            | Self::Unpack { .. }
            | Self::Write { .. } => None,
        }
    }
}

/// Where Terraform is, or comes from.
#[derive(Clone, Debug)]
pub enum TerraformProgram {
    At(PathBuf),
    /// Downloaded when it is needed first.
    Install(TerraformInstall),
}

impl TerraformProgram {
    /// The program, which is downloaded if need be.
    ///
    /// # Errors
    /// [`InstallError`]
    pub async fn path(&self) -> Result<PathBuf, InstallError> {
        match self {
            Self::At(path) => Ok(path.clone()),
            Self::Install(install) => install.ensure().await,
        }
    }
}

/// What a program says of its version in its first line; `None` if it can't be run or fails.
pub fn terraform_version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("version").stdin(Stdio::null()).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned();
    output.status.success().then_some(said)
}

/// A version of Terraform, where it comes from and where it is kept.
#[derive(Clone, Debug)]
pub struct TerraformInstall {
    pub version: TerraformVersion,
    pub mirror: Mirror,
    /// What the archive must have besides the checksum that the mirror tells.
    pub sum: Option<ArchiveSum>,
    /// The folder that the versions' folders are in.
    pub cache: PathBuf,
}

impl TerraformInstall {
    /// Where the program is, once it is installed.
    pub fn program(&self) -> PathBuf {
        self.cache.join(self.version.as_str()).join(PROGRAM)
    }

    /// Downloads the program, unless it is there, and returns where it is.
    ///
    /// # Errors
    /// [`InstallError`]; then nothing is there that wasn't before.
    pub async fn ensure(&self) -> Result<PathBuf, InstallError> {
        let program = self.program();
        if program.is_file() {
            return Ok(program);
        }
        let version = self.version.as_str();
        let archive = format!("terraform_{version}_{}.zip", platform()?);
        let sums = self.mirror.file(version, &format!("terraform_{version}_SHA256SUMS"));
        let url = self.mirror.file(version, &archive);
        let client = client(&url)?;

        let mut list = Vec::new();
        download(&client, &sums, MAX_SUMS_BYTES, &mut list).await?;
        let expected =
            sum_of(&list, &archive).ok_or(InstallError::NoSum { url: sums.to_string(), archive })?;

        let folder = self.cache.join(version);
        let failed = |source| InstallError::Write { path: folder.clone(), source };
        fs::create_dir_all(&folder).map_err(failed)?;
        let mut archive = tempfile::tempfile_in(&folder).map_err(failed)?;
        let found = download(&client, &url, MAX_ARCHIVE_BYTES, &mut archive).await?;
        for expected in [Some(expected), self.sum].into_iter().flatten() {
            if found != expected {
                let (found, expected) = (found.to_string(), expected.to_string());
                return Err(InstallError::WrongSum { url: url.into(), found, expected });
            }
        }
        unpack(archive, &url, &program)?;
        Ok(program)
    }
}

fn client(url: &Url) -> Result<Client, InstallError> {
    http_client()
        .user_agent(concat!("chinampa/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_secs(30))
        .build()
        .map_err(|source| InstallError::Download { url: url.to_string(), source })
}

/// Writes what is at `url` to `target` and returns its SHA-256.
async fn download(
    client: &Client,
    url: &Url,
    most: u64,
    target: &mut impl io::Write,
) -> Result<ArchiveSum, InstallError> {
    let failed = |source: reqwest::Error| InstallError::Download {
        url: url.to_string(),
        source: source.without_url(),
    };
    let mut answer = client.get(url.clone()).send().await.map_err(failed)?;
    if answer.status() != StatusCode::OK {
        return Err(InstallError::Status { url: url.to_string(), status: answer.status() });
    }
    let mut hash = Sha256::new();
    let mut length = 0;
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        length += chunk.len() as u64;
        if length > most {
            return Err(InstallError::TooLong { url: url.to_string(), most });
        }
        hash.update(&chunk);
        let write = |source| InstallError::Write { path: PathBuf::from("a temporary file"), source };
        target.write_all(&chunk).map_err(write)?;
    }
    Ok(ArchiveSum::from_bytes(hash.finalize().into()))
}

/// The checksum of a file in a list as `sha256sum` writes it.
fn sum_of(list: &[u8], file: &str) -> Option<ArchiveSum> {
    let list = String::from_utf8_lossy(list);
    list.lines().find_map(|line| {
        let (sum, name) = line.split_once(char::is_whitespace)?;
        let name = name.trim_start().trim_start_matches('*');
        if name == file { sum.parse().ok() } else { None }
    })
}

/// Puts the one file that counts in its place, whole or not at all.
fn unpack(mut archive: File, url: &Url, program: &Path) -> Result<(), InstallError> {
    let broken = |reason: &dyn std::fmt::Display| InstallError::Unpack {
        url: url.to_string(),
        reason: printable(&reason.to_string()),
    };
    let failed = |source| InstallError::Write { path: program.to_owned(), source };
    archive.rewind().map_err(failed)?;
    let mut archive = zip::ZipArchive::new(archive).map_err(|error| broken(&error))?;
    let packed = archive.by_name(PROGRAM).map_err(|error| broken(&error))?;
    if !packed.is_file() {
        return Err(broken(&"`terraform` is no file in it"));
    }
    let too_long = format_args!("`terraform` in it has more than {MAX_PROGRAM_BYTES} bytes");
    if packed.size() > MAX_PROGRAM_BYTES {
        return Err(broken(&too_long));
    }
    let folder = program.parent().unwrap_or(program);
    let mut unpacked = NamedTempFile::new_in(folder).map_err(failed)?;
    // The size that the archive tells may be wrong, so the bound is on what comes out, too.
    let mut packed = packed.take(MAX_PROGRAM_BYTES + 1);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = packed.read(&mut buffer).map_err(|error| broken(&error))?;
        if read == 0 {
            break;
        }
        unpacked.write_all(&buffer[..read]).map_err(failed)?;
    }
    if packed.limit() == 0 {
        return Err(broken(&too_long));
    }
    unpacked.as_file().set_permissions(Permissions::from_mode(0o755)).map_err(failed)?;
    unpacked.as_file().sync_all().map_err(failed)?;
    unpacked.persist(program).map_err(|error| failed(error.error))?;
    Ok(())
}

/// As Terraform's archives name it, such as `linux_amd64`.
fn platform() -> Result<String, InstallError> {
    let (os, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    let names = match (os, architecture) {
        ("linux", "x86_64") => "linux_amd64",
        ("linux", "aarch64") => "linux_arm64",
        ("macos", "x86_64") => "darwin_amd64",
        ("macos", "aarch64") => "darwin_arm64",
        _ => return Err(InstallError::Platform { os, architecture }),
    };
    Ok(names.to_owned())
}
