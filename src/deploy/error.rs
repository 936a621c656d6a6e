//! What ends a deployment before its report, or with it.

use thiserror::Error;

use super::gate::GateError;
use super::{LockError, ServiceError, TerraformError};
use crate::attest::AttestError;
use crate::config::{EnvironmentName, InvalidEnvironmentName};
use crate::git::GitError;
use crate::model::{ErrorKind, InvalidImageRef, ProjectName};
use crate::record::RecordError;
use crate::registry::RegistryError;

/// Why a deployment did not come to its report.
#[derive(Debug, Error)]
pub enum DeployError {
    #[error("`projects.toml` has no `[deploy]`: nothing says where images are promoted to")]
    NoDeployRegistry,
    #[error("there is no environment `{name}`")]
    UnknownEnvironment { name: EnvironmentName, known: Vec<EnvironmentName> },
    #[error(transparent)]
    EnvironmentName(InvalidEnvironmentName),
    #[error("`{project}` has `deploy = false`: its image is never deployed")]
    NeverDeployed { project: ProjectName },
    #[error("nothing was deployed to `{environment}` yet")]
    NothingDeployed { environment: EnvironmentName },
    #[error(transparent)]
    Gate(#[from] GateError),
    #[error(transparent)]
    Attest(#[from] AttestError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Name(#[from] InvalidImageRef),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Terraform(#[from] TerraformError),
    #[error("cannot plan the deployment of `{project}`")]
    Plan {
        project: ProjectName,
        #[source]
        source: ProjectError,
    },
    #[error("the record of what `{environment}` runs was changed by somebody else meanwhile")]
    RecordChanged { environment: EnvironmentName },
    #[error("what `{environment}` runs could not be recorded")]
    WriteRecord {
        environment: EnvironmentName,
        #[source]
        source: RegistryError,
    },
}

/// Why a project could not be deployed.
#[derive(Debug, Error)]
pub enum ProjectError {
    #[error(transparent)]
    Terraform(#[from] TerraformError),
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl DeployError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoDeployRegistry
            | Self::UnknownEnvironment { .. }
            | Self::EnvironmentName(_)
            | Self::NeverDeployed { .. }
            | Self::NothingDeployed { .. }
            | Self::Name(_) => ErrorKind::Input,
            Self::Gate(error) => error.kind(),
            Self::Attest(error) => error.kind(),
            Self::Lock(error) => error.kind(),
            Self::Terraform(error) => error.kind(),
            Self::Plan { source, .. } => source.kind(),
            Self::Git(error) => error.kind(),
            Self::Registry(error) | Self::WriteRecord { source: error, .. } => error.kind(),
            Self::Record(error) => error.kind(),
            Self::RecordChanged { .. } => ErrorKind::Environment,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoDeployRegistry => Some(
                "add a table `[deploy]`: `kind = \"ecr\"` and a `region`, or `kind = \"oci\"` and a `host`"
                    .to_owned(),
            ),
            Self::UnknownEnvironment { known, .. } if known.is_empty() => {
                Some("`projects.toml` has no `[environments.<name>]`".to_owned())
            }
            Self::UnknownEnvironment { known, .. } => {
                let known: Vec<&str> = known.iter().map(EnvironmentName::as_str).collect();
                Some(format!("there are: {}", known.join(", ")))
            }
            Self::Gate(error) => error.hint(),
            Self::Attest(error) => error.hint(),
            Self::Lock(error) => error.hint(),
            Self::Git(error) => error.hint(),
            Self::Registry(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::Terraform(error) => error.hint(),
            Self::Plan { source, .. } => source.hint(),
            Self::RecordChanged { .. } | Self::WriteRecord { .. } => {
                Some("deploy the same commit again: what runs already is left as it is".to_owned())
            }
            Self::NeverDeployed { .. }
            | Self::EnvironmentName(_)
            | Self::NothingDeployed { .. }
            | Self::Name(_) => None,
        }
    }

    /// The last lines that a program wrote, oldest first.
    pub fn log_tail(&self) -> &[String] {
        match self {
            Self::Attest(error) => error.log_tail(),
            Self::Terraform(error) => error.log_tail(),
            Self::Plan { source, .. } => source.log_tail(),
            Self::NoDeployRegistry
            | Self::UnknownEnvironment { .. }
            | Self::EnvironmentName(_)
            | Self::NeverDeployed { .. }
            | Self::NothingDeployed { .. }
            | Self::Gate(_)
            | Self::Lock(_)
            | Self::Git(_)
            | Self::Name(_)
            | Self::Registry(_)
            | Self::Record(_)
            | Self::RecordChanged { .. }
            | Self::WriteRecord { .. } => &[],
        }
    }
}

impl ProjectError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Terraform(error) => error.kind(),
            Self::Service(error) => error.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Terraform(error) => error.hint(),
            Self::Service(error) => error.hint(),
        }
    }

    /// The last lines that a program wrote, oldest first.
    pub fn log_tail(&self) -> &[String] {
        match self {
            Self::Terraform(error) => error.log_tail(),
            Self::Service(error) => error.log_tail(),
        }
    }
}
