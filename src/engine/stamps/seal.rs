//! Whether a table is the one that was stored last.
//!
//! A table that was copied with its clone, or restored from a backup, is an earlier one: its key may have stamps that it
//! doesn't know. So a seal beside the table says which file it is, and since when. A copy is another file, or one that was
//! changed at another time.

use std::path::{Path, PathBuf};

use crate::model::{Fingerprint, Fingerprinter};

/// What a file is on its machine, besides its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    pub machine: String,
    pub path: PathBuf,
    pub inode: u64,
    /// When the file or its metadata was changed (`ctime`): no program can set it. In seconds and nanoseconds.
    pub changed: (i64, i64),
}

/// The seal of a table that is stored in this file.
pub fn seal(table: &[u8], file: &FileIdentity) -> Fingerprint {
    Fingerprinter::new("stamps-seal/1")
        .field(&file.machine)
        .field(bytes(&file.path))
        .field(file.inode.to_be_bytes())
        .field(file.changed.0.to_be_bytes())
        .field(file.changed.1.to_be_bytes())
        .field(table)
        .finish()
}

fn bytes(path: &Path) -> &[u8] {
    use std::os::unix::ffi::OsStrExt as _;
    path.as_os_str().as_bytes()
}
