//! Files that options name, for other programs to read.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::error::Error;

/// Removes what an earlier run wrote, so that nobody takes it for what this one has to say. A link, and a file that can't
/// be removed, are emptied; what is no file, such as a terminal, keeps nothing.
///
/// # Errors
/// [`Error::Write`] when the file stays as it is.
pub(super) fn remove_earlier(path: &Path) -> Result<(), Error> {
    let is_file = |found: std::io::Result<fs::Metadata>| found.is_ok_and(|found| found.is_file());
    if !is_file(fs::metadata(path)) {
        return Ok(());
    }
    if is_file(fs::symlink_metadata(path)) && fs::remove_file(path).is_ok() {
        return Ok(());
    }
    let emptied = File::options().write(true).truncate(true).open(path);
    emptied.map(drop).map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// Writes a file.
///
/// # Errors
/// [`Error::Write`]
pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    fs::write(path, content).map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// Writes a file, and its folder. A reader finds the file as it was or as it is, whole.
///
/// # Errors
/// [`Error::Write`]
pub(super) fn write_whole(path: &Path, content: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // The mode of any new file: the user's mask takes away what others may not.
    builder.permissions(Permissions::from_mode(0o666));
    let written =
        fs::create_dir_all(folder).and_then(|()| builder.tempfile_in(folder)).and_then(|mut file| {
            file.write_all(content).and_then(|()| file.persist(path).map_err(|error| error.error))
        });
    written.map(drop).map_err(|source| Error::Write { path: path.to_owned(), source })
}
