//! What follows a whole build: may it be deployed, Terraform, and the services that run it.

mod checkout;
pub mod gate;
mod links;
mod lock;
mod program;
mod rollout;
mod services;
mod standing;
mod terraform;
mod terraform_install;
mod terraform_source;

pub use checkout::{Checkout, CheckoutError};
pub use lock::{Intents, LEASE, Lock, LockError};
pub use program::{Line, ProgramError, Stream};
pub use rollout::{DeployEvent, Part, PartError, PartOutcome, PartResult, Rollout, TellDeploy};
pub use services::{
    AwsPlace, Deployment, ServiceError, ServiceEvent, ServicePatience, Services, TellService,
};
pub use standing::{candidate, course};
pub use terraform::{
    TellTerraform, Terraform, TerraformError, TerraformEvent, TerraformFolder, TerraformStep,
    terraform_folders,
};
pub use terraform_install::{InstallError, TerraformInstall};
pub use terraform_source::{
    ArchiveSum, InvalidArchiveSum, InvalidMirror, InvalidTerraformVersion, Mirror, TERRAFORM_MIRROR,
    TERRAFORM_VERSION, TerraformVersion,
};
