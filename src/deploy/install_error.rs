use std::io;
use std::path::PathBuf;

use reqwest::StatusCode;
use thiserror::Error;

use crate::model::ErrorKind;

/// Why Terraform could not be installed.
#[derive(Debug, Error)]
pub enum InstallError {
    #[error("`CHINAMPA_TERRAFORM` names `{}`, which is in no folder of `PATH`", .name.display())]
    NotFound { name: PathBuf },
    #[error("Terraform is not published for {os} on {architecture}")]
    Platform { os: &'static str, architecture: &'static str },
    #[error("cannot download `{url}`")]
    Download {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("`{url}` was answered with the status {status}")]
    Status { url: String, status: StatusCode },
    #[error("`{url}` has more than {most} bytes")]
    TooLong { url: String, most: u64 },
    #[error("`{url}` has no checksum of `{archive}`")]
    NoSum { url: String, archive: String },
    #[error("`{url}` has the SHA-256 {found}, and not {expected}")]
    WrongSum { url: String, found: String, expected: String },
    #[error("cannot unpack `{url}`: {reason}")]
    Unpack { url: String, reason: String },
    #[error("cannot write `{path}`")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl InstallError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } => ErrorKind::Input,
            Self::Platform { .. }
            | Self::Download { .. }
            | Self::Status { .. }
            | Self::TooLong { .. }
            | Self::NoSum { .. }
            | Self::WrongSum { .. }
            | Self::Unpack { .. }
            | Self::Write { .. } => ErrorKind::Environment,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Platform { .. } => Some("install Terraform; one in the `PATH` is used".to_owned()),
            Self::NotFound { .. }
            | Self::Download { .. }
            | Self::Status { .. }
            | Self::TooLong { .. }
            | Self::NoSum { .. }
            | Self::WrongSum { .. }
            | Self::Unpack { .. }
            | Self::Write { .. } => None,
        }
    }
}
