//! The table of a project in the clone: `.git/chinampa/contexts/<project>/`, with the files `table` and `seal`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::seal::{FileIdentity, seal};
use super::{Assignment, BuildFiles, Table};
use crate::model::random_bits;

/// Where a machine says which one it is. In some containers only the last one does.
const MACHINE_IDS: [&str; 3] = ["/etc/machine-id", "/var/lib/dbus/machine-id", "/proc/sys/kernel/hostname"];

/// Assigns a stamp to each file, under the lock of the project's table. What it returns is on disk.
///
/// Blocks while another process holds the lock.
///
/// # Errors
/// If the table can't be read, locked, or stored. No stamp has been assigned then.
pub(in super::super) fn assign(folder: &Path, files: &BuildFiles) -> io::Result<Assignment> {
    fs::create_dir_all(folder)?;
    let folder = &folder.canonicalize()?;
    // The file of the seal is the lock: it is never replaced.
    let mut seal =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(folder.join("seal"))?;
    flock(&seal, FlockOperation::LockExclusive)?;
    let (new, assignment) = Table::assign(read(folder, &mut seal)?, files, &mut random_bits);
    if let Some(table) = new {
        write(folder, &mut seal, &table.to_bytes())?;
    }
    Ok(assignment)
}

/// Makes the next build begin with a new table.
pub(in super::super) fn forget(folder: &Path) -> io::Result<()> {
    match fs::remove_file(folder.join("table")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// `None` if there is no table, or if it is not the one that was sealed.
fn read(folder: &Path, sealed: &mut File) -> io::Result<Option<Table>> {
    let mut table = match File::open(folder.join("table")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    table.read_to_end(&mut bytes)?;
    let mut expected = Vec::new();
    sealed.read_to_end(&mut expected)?;
    let actual = seal(&bytes, &identity(folder, &table)?).to_string();
    if actual.as_bytes() != expected {
        tracing::debug!(folder = %folder.display(), "the table of stamps was copied, restored or damaged");
        return Ok(None);
    }
    Ok(Table::parse(&bytes))
}

/// First the table, then its seal. Between the two, and after a crash, the seal doesn't fit.
fn write(folder: &Path, sealed: &mut File, bytes: &[u8]) -> io::Result<()> {
    let new = folder.join("table.new");
    let mut table = File::create(&new)?;
    table.write_all(bytes)?;
    table.sync_all()?;
    fs::rename(&new, folder.join("table"))?;
    let seal = seal(bytes, &identity(folder, &table)?).to_string();
    sealed.set_len(0)?;
    sealed.rewind()?;
    sealed.write_all(seal.as_bytes())?;
    sealed.sync_all()
}

fn identity(folder: &Path, table: &File) -> io::Result<FileIdentity> {
    let metadata = table.metadata()?;
    Ok(FileIdentity {
        machine: machine(),
        path: folder.join("table"),
        inode: metadata.ino(),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    })
}

/// Empty where no file says it: a copy from another machine differs in the other fields, too.
fn machine() -> String {
    let ids = MACHINE_IDS.iter().filter_map(|file| fs::read_to_string(file).ok());
    ids.map(|id| id.trim().to_owned()).find(|id| !id.is_empty()).unwrap_or_default()
}
