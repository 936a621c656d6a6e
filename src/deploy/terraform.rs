//! Runs Terraform in the folders of a commit: plans and applies.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::process::Command;

use super::checkout::{Checkout, CheckoutError};
use super::interruption::Interruption;
use super::program::{self, Line, ProgramError, Stop};
use super::terraform_install::InstallError;
use super::terraform_root::TerraformRoot;
use crate::git::GitError;
use crate::model::{ErrorKind, ProjectName, RepoPath};

/// What Terraform is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerraformStep {
    Init,
    Validate,
    Plan,
    Apply,
}

/// Something that happened while Terraform ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerraformEvent {
    Started { folder: RepoPath, step: TerraformStep },
    Line { folder: RepoPath, step: TerraformStep, line: Line },
}

/// Gets the events.
pub type OnTerraformEvent<'t> = dyn Fn(TerraformEvent) + Send + Sync + 't;

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
    #[error("`terraform {step}` failed in `{folder}`")]
    Step {
        folder: RepoPath,
        step: TerraformStep,
        #[source]
        source: ProgramError,
    },
}

/// A Terraform binary to plan and apply with.
#[derive(Clone, Debug)]
pub struct Terraform {
    program: PathBuf,
    variables: Vec<(&'static str, String)>,
    output_folder: PathBuf,
}

impl Terraform {
    /// It gets this process's environment and `variables`, and writes to files without a name in
    /// `output_folder`.
    pub fn new(program: PathBuf, variables: Vec<(&'static str, String)>, output_folder: PathBuf) -> Self {
        Self { program, variables, output_folder }
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
        let place = checkout.path(folder)?;
        self.init(&place, root, on_event).await?;
        // Nobody's apply has to wait for it.
        let plan = self.command(&place, &["plan", "-input=false", "-lock=false"]);
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
        let place = checkout.path(folder)?;
        self.init(&place, root, on_event).await?;
        let step = TerraformStep::Apply;
        let command = self.command(&place, &["apply", "-input=false", "-auto-approve", "-lock-timeout=10m"]);
        on_event(TerraformEvent::Started { folder: folder.clone(), step });
        let line = |line| on_event(TerraformEvent::Line { folder: folder.clone(), step, line });
        program::run_to_its_end(command, &self.output_folder, interruption, &line)
            .await
            .map_err(|source| TerraformError::Step { folder: folder.clone(), step, source })
    }

    async fn init(
        &self,
        place: &Path,
        root: &TerraformRoot,
        on_event: &OnTerraformEvent<'_>,
    ) -> Result<(), TerraformError> {
        let backend = root.backend.arguments();
        let mut init = vec!["init", "-input=false"];
        init.extend(backend.iter().map(String::as_str));
        run_step(self.command(place, &init), &root.folder.path, TerraformStep::Init, on_event).await
    }

    fn command(&self, place: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(place)
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_INPUT", "0")
            // Two folders with one data folder would take each other's backend for their own.
            .env_remove("TF_DATA_DIR")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
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
    let ended = program::run(command, Stop::Interrupt, &line).await;
    ended.map_err(|source| TerraformError::Step { folder: folder.clone(), step, source })
}

impl TerraformError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoFolder { .. } | Self::SharedFolder { .. } | Self::NoBackend { .. } => ErrorKind::Input,
            Self::Git(_) | Self::Checkout(_) | Self::Install(_) => ErrorKind::Environment,
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
            Self::Git(_) | Self::Checkout(_) | Self::Install(_) | Self::NoFolder { .. } => None,
        }
    }

    /// The last lines that Terraform wrote, oldest first.
    pub fn log_tail(&self) -> &[String] {
        match self {
            Self::Step { source, .. } => source.log_tail(),
            Self::Git(_)
            | Self::Checkout(_)
            | Self::Install(_)
            | Self::NoFolder { .. }
            | Self::SharedFolder { .. }
            | Self::NoBackend { .. } => &[],
        }
    }
}

impl fmt::Display for TerraformStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Init => "init",
            Self::Validate => "validate",
            Self::Plan => "plan",
            Self::Apply => "apply",
        })
    }
}
