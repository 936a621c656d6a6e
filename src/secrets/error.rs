//! Why a secret can't be used.

use std::io;

use thiserror::Error;

use super::MAX_BYTES;
use crate::aws::AwsError;
use crate::config::AwsSecret;
use crate::git::GitError;
use crate::model::{ErrorKind, ProjectName, RepoPath};

/// A secret that can't be used.
#[derive(Debug, Error)]
#[error("cannot use the secret `{id}` of `{project}`")]
pub struct SecretsError {
    pub project: ProjectName,
    pub id: String,
    pub source: Box<SecretError>,
}

/// Why a secret can't be used.
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "some are of programs with AWS alone, and one is of those without")
)]
#[derive(Debug, Error)]
pub enum SecretError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("the variable `{variable}` is not set, or its value is not UTF-8")]
    NotSet { variable: String },
    #[error("`CHINAMPA_SECRETS` is set and does not list the variable `{variable}`")]
    NotListed { variable: String },
    #[error("`CHINAMPA_SECRETS` is set and does not list `{}`", .secret.listed())]
    AwsNotListed { secret: AwsSecret },
    #[error("nothing says in which region {secret} is")]
    NoRegion { secret: AwsSecret },
    #[error("there is no {secret}")]
    NotInAws { secret: AwsSecret },
    #[error("{secret} is not UTF-8")]
    NotText { secret: AwsSecret },
    #[error("cannot read {secret}")]
    Aws { secret: AwsSecret, source: AwsError },
    #[error("this program is built without AWS, so it cannot read {secret}")]
    NotBuiltIn { secret: AwsSecret },
    #[error("`{path}` is a file of the work tree, and there is none")]
    NoWorkTree { path: RepoPath },
    #[error("there is no file `{path}`")]
    NotThere { path: RepoPath },
    #[error("git tracks `{path}`, so it is no secret, and no input digest would cover it")]
    Tracked { path: RepoPath },
    #[error("`{path}` is a file of git itself")]
    GitFolder { path: RepoPath },
    #[error("`{path}` is or lies behind a symbolic link, and those are not followed")]
    Link { path: RepoPath },
    #[error("`{path}` is not a regular file")]
    NotAFile { path: RepoPath },
    #[error("`{path}` has more than {MAX_BYTES} bytes, the most that a build step can be given")]
    TooLarge { path: RepoPath },
    #[error("`{path}` is not UTF-8")]
    NotUtf8 { path: RepoPath },
    #[error("cannot read `{path}`")]
    Read {
        path: RepoPath,
        #[source]
        source: io::Error,
    },
}

impl SecretsError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        self.source.kind()
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        self.source.hint()
    }
}

impl SecretError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Git(error) => error.kind(),
            Self::Aws { source, .. } => source.kind(),
            Self::NotSet { .. }
            | Self::NotListed { .. }
            | Self::AwsNotListed { .. }
            | Self::NoRegion { .. }
            | Self::NotInAws { .. }
            | Self::NotText { .. }
            | Self::NotBuiltIn { .. }
            | Self::NoWorkTree { .. }
            | Self::NotThere { .. }
            | Self::Tracked { .. }
            | Self::GitFolder { .. }
            | Self::Link { .. }
            | Self::NotAFile { .. }
            | Self::TooLarge { .. }
            | Self::NotUtf8 { .. } => ErrorKind::Input,
            Self::Read { .. } => ErrorKind::Environment,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            Self::NotSet { .. } | Self::NotThere { .. } => {
                Some("set it, or take the secret out of the project's `secrets`".to_owned())
            }
            Self::Aws { source, .. } => source.hint(),
            Self::NoRegion { .. } => Some("write its ARN, or set `AWS_REGION`".to_owned()),
            Self::NotBuiltIn { .. } => Some("build it with the feature `ecr` or `deploy`".to_owned()),
            Self::NotListed { .. } | Self::AwsNotListed { .. } => {
                Some("add it to `CHINAMPA_SECRETS` where the job is defined".to_owned())
            }
            Self::Tracked { .. } => Some(
                "take it out of the commit, and replace the secret: who can read the history has it"
                    .to_owned(),
            ),
            Self::NotInAws { .. }
            | Self::NotText { .. }
            | Self::NoWorkTree { .. }
            | Self::GitFolder { .. }
            | Self::Link { .. }
            | Self::NotAFile { .. }
            | Self::TooLarge { .. }
            | Self::NotUtf8 { .. }
            | Self::Read { .. } => None,
        }
    }
}
