//! The user's ssh agent, which steps with `RUN --mount=type=ssh` may ask for signatures.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::model::ErrorKind;

/// An ssh agent that accepts connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshAgent {
    socket: PathBuf,
}

/// Why there is no agent to forward.
#[derive(Debug, Error)]
pub enum SshAgentError {
    #[error("`SSH_AUTH_SOCK` is not set, so there is no ssh agent")]
    NotSet,
    #[error("no ssh agent answers at `{}`, which `SSH_AUTH_SOCK` names", .socket.display())]
    Unreachable { socket: PathBuf, source: io::Error },
}

impl SshAgent {
    /// The agent at the socket that `SSH_AUTH_SOCK` names.
    ///
    /// # Errors
    /// [`SshAgentError::NotSet`] without a socket, [`SshAgentError::Unreachable`] when nothing accepts a connection there.
    pub fn find(socket: Option<PathBuf>) -> Result<Self, SshAgentError> {
        let socket = socket.ok_or(SshAgentError::NotSet)?;
        match UnixStream::connect(&socket) {
            Ok(_) => Ok(Self { socket }),
            Err(source) => Err(SshAgentError::Unreachable { socket, source }),
        }
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }
}

impl SshAgentError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotSet | Self::Unreachable { .. } => ErrorKind::Environment,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotSet | Self::Unreachable { .. } => {
                Some("start one and add a key: `eval \"$(ssh-agent)\"`, then `ssh-add`".to_owned())
            }
        }
    }
}
