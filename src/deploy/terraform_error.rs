//! Why Terraform could not do what it was told.

use thiserror::Error;

use super::checkout::CheckoutError;
use super::install_error::InstallError;
use super::terraform_event::TerraformStep;
use crate::aws::AwsError;
use crate::git::GitError;
use crate::model::{ErrorKind, ProjectName, RepoPath};
use crate::program::ProgramError;

/// Why Terraform could not do what it was told.
#[derive(Debug, Error)]
pub enum TerraformError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Checkout(#[from] CheckoutError),
    #[error(transparent)]
    Install(#[from] InstallError),
    #[error("there is no `main.tf` in `{folder}`, nor in a folder directly in it")]
    NoFolder { folder: RepoPath },
    #[error(
        "`{folder}` is the Terraform of two projects, which would each make its resources: {}",
        owners.each_ref().map(|(name, line)| format!("`{name}` ({line})")).join(" and ")
    )]
    SharedFolder { folder: RepoPath, owners: Box<[(ProjectName, String); 2]> },
    #[error(
        "the Terraform configuration in `{folder}` {}: its state would be gone with this run, and the next one would \
         make all of its resources again",
        match kind {
            Some(kind) => format!("keeps its state with the backend `{kind}`"),
            None => "names no backend".to_owned(),
        }
    )]
    NoBackend {
        folder: RepoPath,
        /// The kind of the backend that it names.
        kind: Option<String>,
    },
    #[error("there are no credentials for Terraform")]
    Credentials(#[source] AwsError),
    #[error("the deployment was stopped before Terraform was applied in `{folder}`")]
    Interrupted { folder: RepoPath },
    #[error("`terraform {step}` failed in `{folder}`")]
    Step {
        folder: RepoPath,
        step: TerraformStep,
        #[source]
        source: ProgramError,
    },
}

impl TerraformError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoFolder { .. } | Self::SharedFolder { .. } | Self::NoBackend { .. } => ErrorKind::Input,
            Self::Interrupted { .. } => ErrorKind::Interrupted,
            Self::Git(error) => error.kind(),
            Self::Checkout(error) => error.kind(),
            Self::Install(error) => error.kind(),
            Self::Credentials(error) => error.kind(),
            Self::Step { source, .. } => source.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::SharedFolder { .. } => {
                Some("`terraform = false` for the project whose it isn't, or a folder of its own".to_owned())
            }
            Self::NoBackend { .. } => Some(
                "add a backend that keeps it, such as `backend \"s3\"`, or `cloud`; chinampa sets the key"
                    .to_owned(),
            ),
            Self::Step { source, .. } => source.hint(),
            Self::Git(error) => error.hint(),
            Self::Checkout(error) => error.hint(),
            Self::Install(error) => error.hint(),
            Self::Credentials(error) => error.hint(),
            Self::NoFolder { .. } | Self::Interrupted { .. } => None,
        }
    }

    /// The last lines that Terraform wrote, oldest first.
    pub fn log_tail(&self) -> &[String] {
        match self {
            Self::Step { source, .. } => source.log_tail(),
            Self::Git(_)
            | Self::Checkout(_)
            | Self::Install(_)
            | Self::Credentials(_)
            | Self::NoFolder { .. }
            | Self::SharedFolder { .. }
            | Self::NoBackend { .. }
            | Self::Interrupted { .. } => &[],
        }
    }
}
