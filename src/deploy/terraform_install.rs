//! Gets Terraform from a mirror into a cache folder. Nothing is put in its place before its
//! checksum is right.
//!
//! The checksums come from the same mirror, so they show damage, not malice; a checksum that is
//! known beforehand shows both. Then the archive is kept beside the program: the folder may be one that a CI
//! restored, so a program that is there counts only if it is the one of an archive with that checksum.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest::{Client, StatusCode, Url};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::install_error::InstallError;
use super::terraform_archive::{self, ARCHIVE, PROGRAM};
use super::terraform_source::{ArchiveSum, Mirror, TerraformVersion};
use crate::tls::http_client;

const MAX_SUMS_BYTES: u64 = 1 << 20;
/// Archives have about 30 MB.
const MAX_ARCHIVE_BYTES: u64 = 256 << 20;

/// Where Terraform is, or comes from.
#[derive(Clone, Debug)]
pub enum TerraformProgram {
    /// A whole path: it is started in folders of the commit.
    At(PathBuf),
    /// A name that is in no folder of `PATH`. That matters once Terraform is needed.
    NotFound { name: PathBuf },
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
            Self::NotFound { name } => Err(InstallError::NotFound { name: name.clone() }),
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

    /// The archive that a program with a known checksum is from.
    fn archive(&self) -> PathBuf {
        self.cache.join(self.version.as_str()).join(ARCHIVE)
    }

    /// The program that is there; `None` if it has to be downloaded, or may not be what its archive must have.
    pub fn installed(&self) -> Option<PathBuf> {
        let program = self.program();
        let is_right = match self.sum {
            None => program.is_file(),
            Some(sum) => terraform_archive::is_of_archive(&program, &self.archive(), sum)
                .inspect_err(|error| tracing::info!(%error, "the program that is there can't be compared"))
                .unwrap_or(false),
        };
        is_right.then_some(program)
    }

    /// Downloads the program, unless it is there, and returns where it is.
    ///
    /// # Errors
    /// [`InstallError`]; then nothing is there that wasn't before.
    pub async fn ensure(&self) -> Result<PathBuf, InstallError> {
        match self.installed() {
            Some(program) => Ok(program),
            None => self.download().await,
        }
    }

    /// Downloads the program, in place of one that is there, and returns where it is.
    ///
    /// # Errors
    /// [`InstallError`]; then all is as it was.
    pub async fn download(&self) -> Result<PathBuf, InstallError> {
        let program = self.program();
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
        let mut archive = NamedTempFile::new_in(&folder).map_err(failed)?;
        let found = download(&client, &url, MAX_ARCHIVE_BYTES, &mut archive).await?;
        for expected in [Some(expected), self.sum].into_iter().flatten() {
            if found != expected {
                let (found, expected) = (found.to_string(), expected.to_string());
                return Err(InstallError::WrongSum { url: url.into(), found, expected });
            }
        }
        terraform_archive::unpack(archive.as_file_mut(), &url, &program)?;
        if self.sum.is_some() {
            // Whoever may run the program may compare it.
            archive.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(failed)?;
            archive.persist(self.archive()).map_err(|error| failed(error.error))?;
        }
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
