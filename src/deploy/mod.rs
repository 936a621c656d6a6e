//! Deploys a commit that was built completely: images to the registry that production pulls from,
//! Terraform, and the services that run them.
//!
//! A deployment is a line: take the lock of the environment, [`observe`](observe()), [`plan`](plan()), run. A dry
//! run is a prefix of it.

mod ancestry;
mod checkout;
mod error;
pub mod gate;
mod install_error;
mod line;
mod links;
mod live;
mod lock;
mod lock_error;
mod not_attested;
mod observe;
mod observed;
mod operations;
mod plan;
mod reason;
mod request;
mod requirements;
mod result;
mod run;
mod service_fingerprint;
mod services;
mod terraform;
mod terraform_archive;
mod terraform_config;
mod terraform_error;
mod terraform_event;
mod terraform_folders;
mod terraform_install;
mod terraform_owner;
mod terraform_root;
mod terraform_source;
mod terraform_state;
mod validate;

pub use ancestry::{History, candidate, relation};
pub use checkout::{Checkout, CheckoutError};
pub use error::{DeployError, ProjectError};
pub use install_error::InstallError;
pub use line::{deploy, dry_run, preview};
pub use live::{LiveOperations, TerraformRunner};
pub use lock::{DEFAULT_LEASE, EnvironmentLock, LockClaims, LockRequest};
pub use lock_error::LockError;
pub use observe::{Endpoints, read_record};
pub use observed::StoredRecord;
pub use operations::Operations;
#[cfg(test)]
pub use plan::ImageChange;
pub use plan::{DeployPlan, ProjectDeployment, ServiceWork, TerraformWork};
#[cfg(test)]
pub use reason::{ApplyReason, RestartReason};
pub use request::{Apply, BuiltProject, DeployChoice, DeployRequest, ProjectRequest, deploy_tag, target};
pub use result::{DeployEvent, DeployReport, DryRun, OnDeployEvent, ProjectOutcome, ProjectResult};
#[cfg(test)]
pub use services::Rejection;
pub use services::{
    AwsScope, Deployment, ServiceError, ServiceEvent, ServiceState, ServiceTimeouts, Services,
};
pub use terraform::{Terraform, TerraformCredentials};
pub use terraform_error::TerraformError;
pub use terraform_event::{TerraformEvent, TerraformStep};
pub use terraform_folders::{TerraformFolder, terraform_folders};
pub use terraform_install::{TerraformInstall, TerraformProgram, terraform_version};
pub use terraform_owner::OwnedAttribute;
pub use terraform_root::{Backend, Creates, TerraformRoot, owned_attributes, s3_state};
pub use terraform_source::{
    ArchiveSum, InvalidMirror, Mirror, TERRAFORM_MIRROR, TERRAFORM_VERSION, TerraformVersion,
};
pub use terraform_state::S3State;
pub use validate::{ValidateError, Validated, Validation, validate_terraform};
