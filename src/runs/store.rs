//! Finds and reads the runs that are kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::document::{Run, RunState};
use super::error::RunsError;
use super::folder::{DOCUMENT, lock_ended, log_name, numbers};
use crate::model::ProjectName;

/// The runs that are kept in one clone.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

/// A run that is kept, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub number: u64,
    pub folder: PathBuf,
    pub run: Run,
}

impl Store {
    /// The runs of the repository whose work trees share this git folder.
    pub fn of(common_git_folder: &Path) -> Self {
        Self { folder: common_git_folder.join("chinampa/runs") }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The numbers of the runs that are kept, oldest first.
    ///
    /// # Errors
    /// [`RunsError::Read`] when the folder can't be read.
    pub fn numbers(&self) -> Result<Vec<u64>, RunsError> {
        numbers(&self.folder).map_err(|source| RunsError::Read { path: self.folder.clone(), source })
    }

    /// Reads one run.
    ///
    /// # Errors
    /// [`RunsError::NoSuchRun`] when it is not kept, [`RunsError::Content`] when another version wrote it, and
    /// [`RunsError::Read`].
    pub fn read(&self, number: u64) -> Result<Kept, RunsError> {
        match self.find(number)? {
            Some(kept) => Ok(kept),
            None => {
                let numbers = self.numbers()?;
                let kept = numbers.first().copied().zip(numbers.last().copied());
                Err(RunsError::NoSuchRun { number, kept })
            }
        }
    }

    /// The newest run that fits, before the run `before` where that is given. A run that can't be read is passed over, with a warning.
    ///
    /// # Errors
    /// [`RunsError::Read`] when the folder can't be read.
    pub fn newest(
        &self,
        before: Option<u64>,
        fits: impl Fn(&Kept) -> bool,
    ) -> Result<Option<Kept>, RunsError> {
        let numbers = self.numbers()?;
        let numbers = numbers.into_iter().rev().filter(|number| before.is_none_or(|before| *number < before));
        Ok(self.readable(numbers).find(fits))
    }

    /// All runs that can be read, newest first. One that can't is passed over, with a warning.
    ///
    /// # Errors
    /// [`RunsError::Read`] when the folder can't be read.
    pub fn all(&self) -> Result<Vec<Kept>, RunsError> {
        Ok(self.readable(self.numbers()?.into_iter().rev()).collect())
    }

    fn readable(&self, numbers: impl Iterator<Item = u64>) -> impl Iterator<Item = Kept> {
        numbers.filter_map(|number| {
            self.find(number).unwrap_or_else(|error| {
                tracing::warn!("run {number} is passed over: {error}");
                None
            })
        })
    }

    /// `None` when there is no such run, or it has only just begun or is being removed.
    fn find(&self, number: u64) -> Result<Option<Kept>, RunsError> {
        let folder = self.folder.join(number.to_string());
        let Some(mut run) = read(&folder)? else { return Ok(None) };
        if run.state == RunState::Running {
            let lock =
                lock_ended(&folder).map_err(|source| RunsError::Read { path: folder.clone(), source })?;
            if lock.is_some() {
                // It may have ended since.
                let Some(ended) = read(&folder)? else { return Ok(None) };
                run = ended;
                if run.state == RunState::Running {
                    run.state = RunState::Killed;
                }
            }
        }
        Ok(Some(Kept { number, folder, run }))
    }
}

/// Removes what an earlier run wrote to a folder that a person named: its document, and the logs of its projects.
///
/// # Errors
/// [`RunsError::Read`] and [`RunsError::Write`]; a document that another version wrote is left, with a warning.
pub fn remove_earlier(folder: &Path) -> Result<(), RunsError> {
    let run = match read(folder) {
        Ok(Some(run)) => run,
        Ok(None) => return Ok(()),
        Err(error @ RunsError::Content { .. }) => {
            tracing::warn!("the logs of an earlier run stay in `{}`: {error}", folder.display());
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    // The document might name a file elsewhere.
    let projects = run.projects.iter().filter(|project| project.name.parse::<ProjectName>().is_ok());
    for name in projects.map(|project| log_name(&project.name)).chain([DOCUMENT.to_owned()]) {
        let path = folder.join(name);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(RunsError::Write { path, source }),
        }
    }
    Ok(())
}

/// Reads the document in the folder of a run; `None` when there is none.
fn read(folder: &Path) -> Result<Option<Run>, RunsError> {
    let path = folder.join(DOCUMENT);
    match fs::read(&path) {
        Ok(text) => match serde_json::from_slice(&text) {
            Ok(run) => Ok(Some(run)),
            Err(source) => Err(RunsError::Content { path, source }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(RunsError::Read { path, source }),
    }
}

impl Kept {
    /// The file with the log of a project; `None` where nothing was built, or the file is gone.
    pub fn log(&self, project: &str) -> Option<PathBuf> {
        let name = log_name(&self.run.project(project)?.name);
        // The document might name a file elsewhere.
        let is_plain = Path::new(&name).file_name().is_some_and(|file| *file == *name);
        Some(self.folder.join(name)).filter(|path| is_plain && path.is_file())
    }
}
