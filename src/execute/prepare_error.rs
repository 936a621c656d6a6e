//! Why a project's build could not be prepared.

use std::path::PathBuf;

use thiserror::Error;

use crate::dockerfile::DockerfileError;
use crate::dockerignore::DockerIgnoreError;
use crate::engine::ContextError;
use crate::git::{GitError, LfsError, SubmoduleError};
use crate::model::{ErrorKind, Platform, ProjectName, RepoPath};
use crate::registry::RegistryError;

/// Why a project's build could not be prepared.
#[derive(Debug, Error)]
pub enum PrepareError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("the context of `{project}` can't be made")]
    Context {
        project: ProjectName,
        #[source]
        source: ContextError,
    },
    #[error("the context of `{project}` can't be made")]
    Lfs {
        project: ProjectName,
        #[source]
        source: Box<LfsError>,
    },
    #[error("the context of `{project}` can't be made")]
    Submodule {
        project: ProjectName,
        #[source]
        source: SubmoduleError,
    },
    #[error("cannot use `{file}`")]
    DockerIgnore {
        file: RepoPath,
        #[source]
        source: DockerIgnoreError,
    },
    #[error("cannot use `{file}`")]
    Dockerfile {
        file: RepoPath,
        #[source]
        source: DockerfileError,
    },
    #[error("cannot read the link `{path}`")]
    Link {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the link `{path}` changed after the build was planned")]
    LinkChanged { path: PathBuf },
    #[error(
        "`{project}` is built by the Dockerfile frontend `{frontend}`, a program that an untrusted run doesn't start"
    )]
    Frontend { project: ProjectName, frontend: String },
    #[error(
        "a local build makes the image of `{project}` for {platform}, and that of `{need}`, which it is built from, for {of_need}"
    )]
    LocalPlatform { project: ProjectName, platform: Box<Platform>, need: ProjectName, of_need: Box<Platform> },
    #[error("cannot get credentials for the cache")]
    Credentials(#[source] RegistryError),
}

impl PrepareError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Git(error) => error.kind(),
            Self::Context { source, .. } => source.kind(),
            Self::Lfs { source, .. } => source.kind(),
            Self::Submodule { source, .. } => source.kind(),
            Self::DockerIgnore { .. }
            | Self::Dockerfile { .. }
            | Self::Frontend { .. }
            | Self::LocalPlatform { .. } => ErrorKind::Input,
            Self::Link { .. } | Self::LinkChanged { .. } => ErrorKind::Environment,
            Self::Credentials(error) => error.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            Self::Context { source, .. } => source.hint(),
            Self::Lfs { source, .. } => source.hint(),
            Self::Submodule { source, .. } => source.hint(),
            Self::DockerIgnore { .. } | Self::Dockerfile { .. } | Self::Link { .. } => None,
            Self::Frontend { .. } => Some("untrusted runs take `# syntax=docker/dockerfile` only".to_owned()),
            Self::LocalPlatform { need, platform, .. } => Some(format!(
                "let the two have a platform of the engine in common, or build for {platform} without `--local`; `{need}` has one local image"
            )),
            Self::LinkChanged { .. } => Some("run it again once nothing writes to the work tree".to_owned()),
            Self::Credentials(error) => error.hint(),
        }
    }
}
