//! Files that options name, for other programs to read.

use std::fs;
use std::path::Path;

use crate::error::Error;

/// Writes a file.
///
/// # Errors
/// [`Error::Write`]
pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    fs::write(path, content).map_err(|source| Error::Write { path: path.to_owned(), source })
}
