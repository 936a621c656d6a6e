//! Trouble between us and a BuildKit daemon.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::model::{BuilderEndpoint, ErrorKind};
use crate::tls::TlsError;

pub(super) type AnyError = Box<dyn StdError + Send + Sync>;

/// Trouble between us and a BuildKit daemon.
#[derive(Debug, Error)]
pub enum BuildKitError {
    /// What is sent could be read on the way, secrets and logins too.
    #[error("the connection to the builder at {endpoint} is not encrypted")]
    NotEncrypted { endpoint: BuilderEndpoint },
    #[error("TLS is for TCP only, and the builder at {endpoint} is reached in another way")]
    TlsWithoutTcp { endpoint: BuilderEndpoint },
    #[error("cannot read `{}`", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot use the certificates of the builder at {endpoint}")]
    Tls { endpoint: BuilderEndpoint, source: Box<TlsError> },
    /// Nobody listens there, or nobody lets us in.
    #[error("cannot reach the builder at {endpoint}")]
    Unreachable { endpoint: BuilderEndpoint, source: AnyError },
    /// Somebody answers, and not as BuildKit does.
    #[error("there is no answer of BuildKit at {endpoint}: {message}")]
    NotBuildKit { endpoint: BuilderEndpoint, message: String },
    /// No answer came in time.
    #[error("the builder at {endpoint} did not answer within {} s", .seconds)]
    Silent { endpoint: BuilderEndpoint, seconds: u64 },
    /// The daemon answers what none should.
    #[error("cannot make sense of what the builder at {endpoint} says of {about}")]
    Unexpected { endpoint: BuilderEndpoint, about: &'static str, source: AnyError },
}

impl BuildKitError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotEncrypted { .. } | Self::TlsWithoutTcp { .. } | Self::Tls { .. } => ErrorKind::Input,
            // A file that a person named.
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => ErrorKind::Input,
            Self::Read { .. }
            | Self::Unreachable { .. }
            | Self::NotBuildKit { .. }
            | Self::Silent { .. }
            | Self::Unexpected { .. } => ErrorKind::Environment,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotEncrypted { .. } => Some(
                "give its certificates with `tls`, or say `insecure = true` where the network is trusted"
                    .to_owned(),
            ),
            Self::TlsWithoutTcp { .. } => Some("remove `tls`, or use a `tcp://` endpoint".to_owned()),
            Self::Unreachable { .. } | Self::Silent { .. } => {
                Some("`chinampa doctor` checks every builder".to_owned())
            }
            Self::NotBuildKit { .. } => {
                Some("let `buildkitd` listen there; a daemon that expects TLS needs `tls`".to_owned())
            }
            Self::Read { .. } | Self::Tls { .. } | Self::Unexpected { .. } => None,
        }
    }
}
