//! What follows a whole build: may it be deployed, Terraform, and the services that run it.

mod checkout;
pub mod gate;
mod program;
mod services;
mod standing;
mod terraform;

pub use checkout::{Checkout, CheckoutError};
pub use program::{Line, ProgramError, Stream};
pub use services::{
    AwsError, AwsPlace, Deployment, ServiceError, ServiceEvent, ServicePatience, Services, TellService,
};
pub use standing::{candidate, course};
pub use terraform::{
    TellTerraform, Terraform, TerraformError, TerraformEvent, TerraformFolder, TerraformStep,
    terraform_folders,
};
