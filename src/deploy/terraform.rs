//! Runs Terraform in the folders of a commit: plans and applies.

use std::path::PathBuf;

use tokio::process::Command;

use super::AwsScope;
use super::checkout::Checkout;
use super::terraform_error::TerraformError;
use super::terraform_event::{OnTerraformEvent, TerraformEvent, TerraformStep};
use super::terraform_root::TerraformRoot;
use crate::aws::{AwsError, CredentialProviders, CredentialVariables};
use crate::interruption::Interruption;
use crate::model::{AwsIdentity, RepoPath};
use crate::program::{self, Stop};

/// A Terraform binary to plan and apply with.
#[derive(Clone, Debug)]
pub struct Terraform {
    program: PathBuf,
    variables: Vec<(&'static str, String)>,
    credentials: Option<TerraformCredentials>,
    output_folder: PathBuf,
}

/// Whose credentials for AWS Terraform gets.
#[derive(Clone, Debug)]
pub struct TerraformCredentials {
    pub scope: AwsScope,
    pub providers: CredentialProviders,
}

/// Where a step is run, and as whom.
struct Work {
    folder: PathBuf,
    credentials: CredentialVariables,
}

impl TerraformCredentials {
    /// New for each step: they are in its environment, where it can't get others when they expire.
    async fn variables(&self) -> Result<CredentialVariables, TerraformError> {
        let AwsScope { region, identity } = &self.scope;
        let variables = match region {
            _ if *identity == AwsIdentity::default() => Ok(Vec::new()),
            Some(region) => self.providers.variables(region, identity).await,
            None => Err(AwsError::NoRegion),
        };
        variables.map_err(TerraformError::Credentials)
    }
}

impl Terraform {
    /// It gets this process's environment and `variables`, and writes to files without a name in
    /// `output_folder`.
    pub fn new(program: PathBuf, variables: Vec<(&'static str, String)>, output_folder: PathBuf) -> Self {
        Self { program, variables, credentials: None, output_folder }
    }

    /// With these credentials, whatever this process's environment has.
    #[must_use]
    pub fn with_credentials(self, credentials: TerraformCredentials) -> Self {
        Self { credentials: Some(credentials), ..self }
    }

    /// Shows what an apply would change, and changes nothing.
    ///
    /// # Errors
    /// [`TerraformError`]
    pub async fn plan(
        &self,
        checkout: &Checkout,
        root: &TerraformRoot,
        on_event: &OnTerraformEvent<'_>,
    ) -> Result<(), TerraformError> {
        let folder = &root.folder.path;
        let work = Work { folder: checkout.path(folder)?, credentials: self.credentials().await? };
        self.init(&work, root, on_event).await?;
        // Nobody's apply has to wait for it.
        let plan = self.command(&work, &["plan", "-input=false", "-lock=false"]);
        run_step(plan, folder, TerraformStep::Plan, on_event).await
    }

    /// Makes the infrastructure what the configuration says. Another one that does so is waited for.
    ///
    /// Asked to stop, Terraform is interrupted once and waited for: it must be able to write its
    /// state and release its lock. It goes on when this process is killed.
    ///
    /// # Errors
    /// [`TerraformError`]
    pub async fn apply(
        &self,
        checkout: &Checkout,
        root: &TerraformRoot,
        interruption: &Interruption,
        on_event: &OnTerraformEvent<'_>,
    ) -> Result<(), TerraformError> {
        let folder = &root.folder.path;
        let ready = async {
            let work = Work { folder: checkout.path(folder)?, credentials: self.credentials().await? };
            self.init(&work, root, on_event).await?;
            Ok::<_, TerraformError>(work)
        };
        // Nothing is changed by it, so it may be dropped.
        let ready = interruption.unless_requested(ready).await;
        let work = ready.ok_or_else(|| TerraformError::Interrupted { folder: folder.clone() })??;
        let step = TerraformStep::Apply;
        let command = self.command(&work, &["apply", "-input=false", "-auto-approve", "-lock-timeout=10m"]);
        on_event(TerraformEvent::Started { folder: folder.clone(), step });
        let line = |line| on_event(TerraformEvent::Line { folder: folder.clone(), step, line });
        program::run_to_its_end(command, &self.output_folder, interruption, &line)
            .await
            .map_err(|source| TerraformError::Step { folder: folder.clone(), step, source })
    }

    async fn credentials(&self) -> Result<CredentialVariables, TerraformError> {
        match &self.credentials {
            Some(credentials) => credentials.variables().await,
            None => Ok(Vec::new()),
        }
    }

    async fn init(
        &self,
        work: &Work,
        root: &TerraformRoot,
        on_event: &OnTerraformEvent<'_>,
    ) -> Result<(), TerraformError> {
        let backend = root.backend.arguments();
        let mut init = vec!["init", "-input=false"];
        init.extend(backend.iter().map(String::as_str));
        run_step(self.command(work, &init), &root.folder.path, TerraformStep::Init, on_event).await
    }

    fn command(&self, work: &Work, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(&work.folder)
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_INPUT", "0")
            // Two folders with one data folder would take each other's backend for their own.
            .env_remove("TF_DATA_DIR")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        for (name, value) in &work.credentials {
            match value {
                Some(value) => command.env(name, value.reveal()),
                None => command.env_remove(name),
            };
        }
        command
    }
}

/// Runs a step that may be stopped: when the future is dropped, Terraform is interrupted, and killed
/// after 30 seconds.
pub(super) async fn run_step(
    command: Command,
    folder: &RepoPath,
    step: TerraformStep,
    on_event: &OnTerraformEvent<'_>,
) -> Result<(), TerraformError> {
    on_event(TerraformEvent::Started { folder: folder.clone(), step });
    let line = |line| on_event(TerraformEvent::Line { folder: folder.clone(), step, line });
    let ended = program::run(command, Stop::Interrupt, None, &line).await;
    ended.map_err(|source| TerraformError::Step { folder: folder.clone(), step, source })
}
