use std::path::PathBuf;

use thiserror::Error;

use crate::model::ErrorKind;

/// Why files can't be watched.
#[derive(Debug, Error)]
pub enum WatchError {
    #[error("a commit does not change: `watch` builds the work tree, not `{revision}`")]
    Commit { revision: String },
    #[error("a bare repository has no work tree that could be watched")]
    Bare,
    #[error("cannot watch the files in {}", .folder.display())]
    Watch {
        folder: PathBuf,
        #[source]
        source: notify::Error,
    },
    #[error("cannot start `{program}`")]
    Start {
        program: String,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot end the program")]
    End(#[source] std::io::Error),
}

impl WatchError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Commit { .. } | Self::Bare => ErrorKind::Input,
            Self::Start { source, .. } if source.kind() == std::io::ErrorKind::NotFound => ErrorKind::Input,
            Self::Watch { .. } | Self::Start { .. } | Self::End(_) => ErrorKind::Environment,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Commit { .. } => Some("leave out `--head`".to_owned()),
            Self::Watch { source, .. } if matches!(source.kind, notify::ErrorKind::MaxFilesWatch) => Some(
                "the limit of watched folders is reached: `sudo sysctl fs.inotify.max_user_watches=1048576` raises it"
                    .to_owned(),
            ),
            Self::Start { .. } => {
                Some("what follows `--` is a program and its arguments; for more, name a shell: `-- sh -c '…'`".to_owned())
            }
            Self::Bare | Self::Watch { .. } | Self::End(_) => None,
        }
    }
}
