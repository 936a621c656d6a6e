//! Why something could not be said of an image.

use std::io;

use thiserror::Error;

use crate::model::{AttestationKind, ErrorKind, ImageRef};
use crate::program::ProgramError;
use crate::registry::RegistryError;

/// Why something could not be said of an image.
#[derive(Debug, Error)]
pub enum AttestError {
    #[error("the images are in the Docker engine's own store, where nothing can refer to an image")]
    NotARegistry,
    #[error("cannot see what refers to `{image}`")]
    Read {
        image: Box<ImageRef>,
        #[source]
        source: Box<RegistryError>,
    },
    #[error("cannot store the {} of `{image}`", .kind.noun())]
    Store {
        kind: AttestationKind,
        image: Box<ImageRef>,
        #[source]
        source: Box<RegistryError>,
    },
    #[error("cannot get the login that a program needs for the registry")]
    Login(#[source] Box<RegistryError>),
    #[error("cannot write the login that a program needs for the registry")]
    LoginFile(#[source] io::Error),
    #[error("cannot make the {} of `{image}`", .kind.noun())]
    Program {
        kind: AttestationKind,
        image: Box<ImageRef>,
        #[source]
        source: Box<ProgramError>,
    },
    #[error("cannot verify `{image}`")]
    Verify {
        image: Box<ImageRef>,
        #[source]
        source: Box<ProgramError>,
    },
    #[error("what `{program}` wrote to standard output is no SBOM: neither SPDX nor CycloneDX, in JSON")]
    NoSbom { program: String },
}

impl AttestError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotARegistry => ErrorKind::Input,
            Self::Read { source, .. } | Self::Store { source, .. } | Self::Login(source) => source.kind(),
            Self::LoginFile(_) => ErrorKind::Environment,
            Self::Verify { source, .. } => source.kind(),
            Self::Program { .. } | Self::NoSbom { .. } => ErrorKind::Failed,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotARegistry => Some("let `[cache]` be a registry".to_owned()),
            Self::Read { source, .. } | Self::Store { source, .. } | Self::Login(source) => source.hint(),
            Self::LoginFile(_) => None,
            Self::Program { kind: AttestationKind::Signature, .. } => {
                Some("`CHINAMPA_SIGN` names the program and its arguments".to_owned())
            }
            Self::Program { .. } => Some("`CHINAMPA_SBOM` names the program and its arguments".to_owned()),
            Self::Verify { .. } => {
                Some("`CHINAMPA_VERIFY` names the program and its arguments".to_owned())
            }
            Self::NoSbom { .. } => Some(
                "let it write SPDX or CycloneDX, as in `CHINAMPA_SBOM=\"syft scan --quiet --output spdx-json registry:{image}\"`"
                    .to_owned(),
            ),
        }
    }

    /// The last lines that a program wrote, oldest first.
    pub fn log_tail(&self) -> &[String] {
        match self {
            Self::Program { source, .. } | Self::Verify { source, .. } => source.log_tail(),
            Self::NotARegistry
            | Self::Read { .. }
            | Self::Store { .. }
            | Self::Login(_)
            | Self::LoginFile(_)
            | Self::NoSbom { .. } => &[],
        }
    }
}
