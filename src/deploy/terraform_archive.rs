//! The archive that Terraform is published in: the program in it, and whether a program is that one.

use std::fs::{File, Permissions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use reqwest::Url;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::install_error::InstallError;
use super::terraform_source::ArchiveSum;
use crate::model::printable;

/// The only file of the archive that is unpacked.
pub(super) const PROGRAM: &str = "terraform";

/// The archive's name where it is kept.
pub(super) const ARCHIVE: &str = "terraform.zip";

/// Programs have about 100 MB.
const MAX_PROGRAM_BYTES: u64 = 1 << 30;

/// Whether the program is the one in the archive, and the archive has this checksum. An error means that they can't be compared.
pub(super) fn is_of_archive(program: &Path, archive: &Path, sum: ArchiveSum) -> io::Result<bool> {
    let mut archive = File::open(archive)?;
    let mut hash = Sha256::new();
    let mut bytes = BufReader::with_capacity(1 << 16, &mut archive);
    while let chunk @ [_, ..] = bytes.fill_buf()? {
        hash.update(chunk);
        let length = chunk.len();
        bytes.consume(length);
    }
    if ArchiveSum::from_bytes(hash.finalize().into()) != sum {
        return Ok(false);
    }
    archive.rewind()?;
    let mut archive = zip::ZipArchive::new(archive)?;
    let packed = archive.by_name(PROGRAM)?;
    let mut packed = BufReader::new(packed.take(MAX_PROGRAM_BYTES));
    let mut program = BufReader::new(File::open(program)?);
    loop {
        let (one, other) = (packed.fill_buf()?, program.fill_buf()?);
        let length = one.len().min(other.len());
        if length == 0 {
            return Ok(one.is_empty() && other.is_empty());
        }
        if one[..length] != other[..length] {
            return Ok(false);
        }
        packed.consume(length);
        program.consume(length);
    }
}

/// Puts the one file that counts in its place, whole or not at all.
pub(super) fn unpack(archive: &mut File, url: &Url, program: &Path) -> Result<(), InstallError> {
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
