//! Removes the oldest runs, so that those that are kept stay within bounds.

use std::fs;
use std::io;
use std::path::Path;

use super::folder::{lock_ended, numbers};

/// How many runs are kept, and how many bytes they have at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) runs: usize,
    pub(super) bytes: u64,
}

/// Removes the oldest runs before `own` until the rest is within bounds. A run that goes on is left alone.
pub(super) fn rotate(runs: &Path, own: u64, bounds: Bounds) -> io::Result<()> {
    let (mut count, mut total) = (0_usize, 0_u64);
    for number in numbers(runs)?.into_iter().rev() {
        let folder = runs.join(number.to_string());
        count += 1;
        total = total.saturating_add(bytes_in(&folder)?);
        let is_within = count <= bounds.runs && total <= bounds.bytes;
        if is_within || number >= own {
            continue;
        }
        match lock_ended(&folder) {
            // The lock is held until the folder is gone.
            Ok(Some(_lock)) => remove(&folder)?,
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Another run may be removing the same one.
fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn bytes_in(folder: &Path) -> io::Result<u64> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut total = 0_u64;
    for entry in entries {
        match entry?.metadata() {
            Ok(metadata) => total = total.saturating_add(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}
