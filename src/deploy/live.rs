//! The operations of a deployment as they are: registries, Terraform, services.

use std::path::PathBuf;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::operations::Operations;
use super::plan::ProjectDeployment;
use super::result::{DeployEvent, OnDeployEvent};
use super::{
    Checkout, DeployRequest, Deployment, ProjectError, ServiceError, ServiceState, Services, Terraform,
    TerraformCredentials, TerraformError, TerraformEvent, TerraformProgram, TerraformRoot,
};
use crate::config::ServiceConfig;
use crate::git::Snapshot;
use crate::interruption::Interruption;
use crate::registry::copy::{Copied, Copies, Endpoint};
use crate::registry::{Registry, RegistryError};

/// Does what a deployment is made of.
pub struct LiveOperations<'o> {
    pub cache: &'o dyn Registry,
    pub target: &'o dyn Registry,
    /// To the target.
    pub copies: Copies,
    pub services: Services,
    pub terraform: TerraformRunner<'o>,
    pub on_event: &'o OnDeployEvent<'o>,
}

/// Runs Terraform on the files of a commit. Both are got ready when they are needed first.
pub struct TerraformRunner<'o> {
    program: TerraformProgram,
    snapshot: &'o Snapshot<'o>,
    /// Where the commit's files are written to.
    temporary: PathBuf,
    variables: Vec<(&'static str, String)>,
    credentials: TerraformCredentials,
    ready: OnceCell<(Terraform, Checkout)>,
}

impl std::fmt::Debug for LiveOperations<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LiveOperations").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for TerraformRunner<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TerraformRunner").field("program", &self.program).finish_non_exhaustive()
    }
}

impl<'o> TerraformRunner<'o> {
    /// Configurations can use `var.DEPLOY_TAG` and `var.COMMIT_HASH`.
    pub fn new(
        program: TerraformProgram,
        snapshot: &'o Snapshot<'o>,
        temporary: PathBuf,
        request: &DeployRequest,
        credentials: TerraformCredentials,
    ) -> Self {
        let variables = vec![
            ("TF_VAR_DEPLOY_TAG", request.deploy_tag()),
            ("TF_VAR_COMMIT_HASH", request.commit().to_string()),
        ];
        Self { program, snapshot, temporary, variables, credentials, ready: OnceCell::new() }
    }

    async fn ready(&self) -> Result<&(Terraform, Checkout), TerraformError> {
        let make = async || {
            let program = self.program.path().await?;
            let checkout = Checkout::new(self.snapshot, &self.temporary)?;
            let terraform = Terraform::new(program, self.variables.clone(), self.temporary.clone());
            Ok((terraform.with_credentials(self.credentials.clone()), checkout))
        };
        self.ready.get_or_try_init(make).await
    }
}

impl LiveOperations<'_> {
    fn on_terraform(&self, project: &ProjectDeployment) -> impl Fn(TerraformEvent) + Send + Sync {
        |event| (self.on_event)(DeployEvent::Terraform { project: project.name.clone(), event })
    }
}

#[async_trait(?Send)]
impl Operations for LiveOperations<'_> {
    async fn service_state(
        &self,
        service: &ServiceConfig,
        deployment: &Deployment<'_>,
    ) -> Result<ServiceState, ServiceError> {
        self.services.state(service, deployment).await
    }

    async fn prepare_terraform(&self) -> Result<(), TerraformError> {
        self.terraform.ready().await.map(|_| ())
    }

    async fn promote(&self, project: &ProjectDeployment) -> Result<Copied, RegistryError> {
        let from = Endpoint::new(self.cache, &project.source)?;
        let to = Endpoint::new(self.target, &project.destination)?;
        self.copies.copy(&from, &to, &project.image.new).await
    }

    async fn plan_terraform(
        &self,
        project: &ProjectDeployment,
        root: &TerraformRoot,
    ) -> Result<(), TerraformError> {
        let (terraform, checkout) = self.terraform.ready().await?;
        terraform.plan(checkout, root, &self.on_terraform(project)).await
    }

    async fn apply_terraform(
        &self,
        project: &ProjectDeployment,
        root: &TerraformRoot,
        interruption: &Interruption,
    ) -> Result<(), TerraformError> {
        let (terraform, checkout) = self.terraform.ready().await?;
        terraform.apply(checkout, root, interruption, &self.on_terraform(project)).await
    }

    async fn restart(
        &self,
        project: &ProjectDeployment,
        service: &ServiceConfig,
        deployment: &Deployment<'_>,
    ) -> Result<(), ProjectError> {
        let on_event = |event| (self.on_event)(DeployEvent::Service { project: project.name.clone(), event });
        Ok(self.services.restart(service, deployment, &on_event).await?)
    }
}
