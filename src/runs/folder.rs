//! A folder that a run is written to: its document, and a log for each project that is built.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::document::Run;

/// The name of the document in the folder of a run.
pub(super) const DOCUMENT: &str = "run.json";

/// How many bytes the logs of a run have at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) of_file: u64,
    pub(super) of_run: u64,
}

/// Who may read what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// The user alone.
    Private,
    /// As the user's umask says.
    Usual,
}

/// An open folder of a run that goes on.
#[derive(Debug)]
pub(super) struct RunFolder {
    path: PathBuf,
    access: Access,
    limits: Limits,
    logs: BTreeMap<String, OpenLog>,
    written: u64,
    /// Holds the lock until the run ends.
    _lock: Option<File>,
}

#[derive(Debug)]
struct OpenLog {
    file: File,
    written: u64,
    is_full: bool,
}

impl RunFolder {
    /// Makes the folder of a new run below `runs`, under the next free number, and locks it.
    pub(super) fn next(runs: &Path, limits: Limits) -> io::Result<(u64, Self)> {
        runs.parent().map_or(Ok(()), fs::create_dir_all)?;
        DirBuilder::new().recursive(true).mode(0o700).create(runs)?;
        let mut number = numbers(runs)?.last().map_or(1, |last| last + 1);
        loop {
            let path = runs.join(number.to_string());
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {
                    let lock = File::open(&path)?;
                    // Where a file system knows no locks, a run that goes on can be taken for one that was killed.
                    if let Err(error) = flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                        tracing::debug!(%error, folder = %path.display(), "cannot lock the folder of the run");
                    }
                    return Ok((number, Self::of(path, Access::Private, limits, Some(lock))));
                }
                // Another run has just made it.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// A folder that a person named; it is made if it isn't there.
    pub(super) fn named(path: &Path, limits: Limits) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self::of(path.to_owned(), Access::Usual, limits, None))
    }

    fn of(path: PathBuf, access: Access, limits: Limits, lock: Option<File>) -> Self {
        Self { path, access, limits, logs: BTreeMap::new(), written: 0, _lock: lock }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Starts the log of a project. It is locked until it is closed, so that whoever follows it knows when it is whole.
    pub(super) fn open_log(&mut self, project: &str) -> io::Result<()> {
        let file = self.create(&log_name(project))?;
        self.follow(project, file, 0);
        Ok(())
    }

    /// Goes on with the log of a project.
    pub(super) fn reopen_log(&mut self, project: &str) -> io::Result<()> {
        let file = OpenOptions::new().append(true).open(self.path.join(log_name(project)))?;
        let written = file.metadata()?.len();
        self.follow(project, file, written);
        Ok(())
    }

    fn follow(&mut self, project: &str, file: File, written: u64) {
        // Where a file system knows no locks, a log that grows can be taken for a whole one.
        if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            tracing::debug!(%error, project, "cannot lock the log of the project");
        }
        self.logs.insert(project.to_owned(), OpenLog { file, written, is_full: false });
    }

    /// Adds whole lines to the log of a project, as long as there is room for them.
    pub(super) fn append(&mut self, project: &str, lines: &str) -> io::Result<()> {
        let Some(log) = self.logs.get_mut(project).filter(|log| !log.is_full) else { return Ok(()) };
        let bytes = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let of_file = log.written.saturating_add(bytes);
        if of_file > self.limits.of_file || self.written.saturating_add(bytes) > self.limits.of_run {
            log.is_full = true;
            let whose = if of_file > self.limits.of_file { "log" } else { "run's logs" };
            return writeln!(log.file, "           this {whose} reached the limit: the rest is not kept");
        }
        log.written = of_file;
        self.written += bytes;
        log.file.write_all(lines.as_bytes())
    }

    pub(super) fn close_log(&mut self, project: &str) {
        self.logs.remove(project);
    }

    /// Writes the document. A reader finds the file as it was or as it is, whole.
    pub(super) fn write(&self, run: &Run) -> io::Result<()> {
        let new = format!("{DOCUMENT}.new");
        let mut file = self.create(&new)?;
        file.write_all(&serde_json::to_vec(run)?)?;
        fs::rename(self.path.join(new), self.path.join(DOCUMENT))
    }

    fn create(&self, name: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        if self.access == Access::Private {
            options.mode(0o600);
        }
        options.open(self.path.join(name))
    }
}

/// The name of a project's log in the folder of a run.
pub(super) fn log_name(project: &str) -> String {
    format!("{project}.log")
}

/// The numbers of the runs in a folder, oldest first; none when there is no such folder.
pub(super) fn numbers(runs: &Path) -> io::Result<Vec<u64>> {
    let entries = match fs::read_dir(runs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut numbers = Vec::new();
    for entry in entries {
        if let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Whether the build still goes on that this log is of.
///
/// # Errors
/// As opening the file.
pub fn is_growing(log: &Path) -> io::Result<bool> {
    let file = File::open(log)?;
    Ok(flock(&file, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::WOULDBLOCK))
}

/// Locks the folder of a run that is over; `None` while it goes on.
pub(super) fn lock_ended(folder: &Path) -> io::Result<Option<File>> {
    let file = File::open(folder)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        // A file system without locks.
        Err(_) => Ok(Some(file)),
    }
}
