//! Why it can't be told which Docker engine is meant, or how it is spoken to.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::{DockerConfigError, InvalidDockerHost};
use crate::model::ErrorKind;
use crate::tls::TlsError;

/// The engine that is chosen can't be used.
#[derive(Debug, Error)]
pub enum AddressError {
    #[error("cannot use the engine that {chosen_by} names")]
    Host { chosen_by: String, source: InvalidDockerHost },
    #[error("there is no Docker context `{name}`, which {by} names; there {}", listed(.known))]
    UnknownContext { name: String, by: String, known: Vec<String> },
    #[error("the Docker context `{name}` has no Docker engine")]
    NoEndpoint { name: String },
    #[error("`{}` is not the description of a Docker context", path.display())]
    NotAContext { path: PathBuf, source: serde_json::Error },
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot use the certificates in `{}`", folder.display())]
    Tls { folder: PathBuf, source: TlsError },
    #[error(
        "there are no certificates for TLS: neither `DOCKER_CERT_PATH`, `DOCKER_CONFIG` nor `HOME` is set"
    )]
    NoCertificates,
    #[error(transparent)]
    Config(#[from] DockerConfigError),
}

fn listed(known: &[String]) -> String {
    let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    format!("{} {}", if names.len() == 1 { "is" } else { "are" }, names.join(", "))
}

impl AddressError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Host { .. }
            | Self::UnknownContext { .. }
            | Self::NoEndpoint { .. }
            | Self::NotAContext { .. }
            | Self::Tls { .. }
            | Self::NoCertificates => ErrorKind::Input,
            // A folder that a person named.
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => ErrorKind::Input,
            Self::Read { .. } => ErrorKind::Environment,
            Self::Config(error) => error.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownContext { .. } => Some("`docker context ls` lists all contexts".to_owned()),
            Self::NoCertificates => {
                Some("set `DOCKER_CERT_PATH` to a folder with `ca.pem`, `cert.pem` and `key.pem`".to_owned())
            }
            Self::Host { .. }
            | Self::NoEndpoint { .. }
            | Self::NotAContext { .. }
            | Self::Read { .. }
            | Self::Tls { .. }
            | Self::Config(_) => None,
        }
    }
}
