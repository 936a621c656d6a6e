//! What a deployment does that is no single request to a registry: copies images, runs Terraform,
//! restarts services.

use async_trait::async_trait;

use super::plan::ProjectDeployment;
use super::{Deployment, ProjectError, ServiceError, ServiceState, TerraformError, TerraformRoot};
use crate::config::ServiceConfig;
use crate::interruption::Interruption;
use crate::registry::RegistryError;
use crate::registry::copy::Copied;

/// The part of a deployment that tests have a second implementation of.
#[async_trait(?Send)]
pub trait Operations {
    /// Asks a service what it runs.
    async fn service_state(
        &self,
        service: &ServiceConfig,
        deployment: &Deployment<'_>,
    ) -> Result<ServiceState, ServiceError>;

    /// Gets ready what the steps need that runs Terraform, so that no step fails for want of it.
    async fn prepare_terraform(&self) -> Result<(), TerraformError>;

    /// Lets the deploy registry have the image and all that it consists of. No tag is written.
    async fn promote(&self, project: &ProjectDeployment) -> Result<Copied, RegistryError>;

    /// Shows what an apply would change, and changes nothing.
    async fn plan_terraform(
        &self,
        project: &ProjectDeployment,
        root: &TerraformRoot,
    ) -> Result<(), TerraformError>;

    /// Applies the configuration of one folder. Asked to stop, Terraform is interrupted once and
    /// waited for.
    async fn apply_terraform(
        &self,
        project: &ProjectDeployment,
        root: &TerraformRoot,
        interruption: &Interruption,
    ) -> Result<(), TerraformError>;

    /// Lets a service run the image, and waits until it does.
    async fn restart(
        &self,
        project: &ProjectDeployment,
        service: &ServiceConfig,
        deployment: &Deployment<'_>,
    ) -> Result<(), ProjectError>;
}
