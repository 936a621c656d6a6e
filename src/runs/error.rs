//! Why a kept run can't be read.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::model::ErrorKind;

/// Why a kept run can't be read, or a folder for logs can't be written.
#[derive(Debug, Error)]
pub enum RunsError {
    #[error("there is no run {number}")]
    NoSuchRun {
        number: u64,
        /// The oldest and the newest run that are kept; `None` when there is none.
        kept: Option<(u64, u64)>,
    },
    #[error("cannot read `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write to `{path}`")]
    Write { path: PathBuf, source: io::Error },
    #[error("`{path}` is not the document of a run that this version can read")]
    Content { path: PathBuf, source: serde_json::Error },
}

impl RunsError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSuchRun { .. } => ErrorKind::Input,
            Self::Read { .. } | Self::Write { .. } | Self::Content { .. } => ErrorKind::Environment,
        }
    }

    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoSuchRun { kept: Some((oldest, newest)), .. } if oldest == newest => {
                Some(format!("run {newest} is the only one that is kept"))
            }
            Self::NoSuchRun { kept: Some((oldest, newest)), .. } => {
                Some(format!("runs {oldest} to {newest} are kept; `chinampa logs` lists them"))
            }
            Self::NoSuchRun { kept: None, .. } => {
                Some("no run is kept in this clone: `chinampa build` keeps each of its runs".to_owned())
            }
            Self::Content { path, .. } => {
                Some(format!("the logs beside `{}` can be read as they are", path.display()))
            }
            Self::Read { .. } | Self::Write { .. } => None,
        }
    }
}
