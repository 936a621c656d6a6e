//! Runs Terraform in a project's folders: validates when building, plans and applies when deploying.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::process::Command;

use super::checkout::{Checkout, CheckoutError};
use super::program::{self, Line, ProgramError, Stop};
use crate::config::ProjectConfig;
use crate::git::{GitError, Snapshot};
use crate::model::{CommitId, ErrorKind, RepoPath};

/// What makes a folder one that Terraform is run in.
const MAIN_FILE: &[u8] = b"main.tf";

/// The folder of a project whose manifest names none.
const DEFAULT_FOLDER: &[u8] = b"terraform";

/// A folder of the commit that Terraform is run in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerraformFolder {
    pub path: RepoPath,
    /// Below the project's terraform folder; `None` for that folder itself.
    pub name: Option<String>,
}

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
pub type TellTerraform<'t> = dyn Fn(TerraformEvent) + Send + Sync + 't;

/// Why Terraform could not do what it was told.
#[derive(Debug, Error)]
pub enum TerraformError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Checkout(#[from] CheckoutError),
    #[error("there is no `main.tf` in `{folder}`, nor in a folder directly in it")]
    NoFolder { folder: RepoPath },
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
            Self::Git(error) => error.kind(),
            Self::Checkout(error) => error.kind(),
            Self::NoFolder { .. } => ErrorKind::Input,
            Self::Step { source, .. } => source.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            Self::Checkout(error) => error.hint(),
            Self::NoFolder { .. } => None,
            Self::Step { source, .. } => source.hint(),
        }
    }
}

/// A Terraform binary, and what it is told of the deployment.
#[derive(Clone, Debug)]
pub struct Terraform {
    program: PathBuf,
    variables: Vec<(&'static str, String)>,
}

/// Finds the folders that Terraform is run in: the project's terraform folder and each directly in
/// it, those of them that have a `main.tf`. In path order.
///
/// # Errors
/// [`TerraformError::NoFolder`] when the manifest names a folder and none is found in it.
pub fn terraform_folders(
    snapshot: &Snapshot<'_>,
    project: &ProjectConfig,
) -> Result<Vec<TerraformFolder>, TerraformError> {
    let named = project.terraform.as_ref().map(|located| located.value.clone());
    let top = named.clone().unwrap_or_else(|| project.path.value.join_component(DEFAULT_FOLDER));
    let mut folders = Vec::new();
    let is_near = |folder: &RepoPath| folder == &top || folder.parent().as_ref() == Some(&top);
    snapshot.walk(&mut |folder| top.is_within(folder) || is_near(folder), &mut |file| {
        let Some(folder) = file.path.parent().filter(is_near) else { return };
        if file.path.file_name() == MAIN_FILE {
            let name = (folder != top).then(|| String::from_utf8_lossy(folder.file_name()).into_owned());
            folders.push(TerraformFolder { path: folder, name });
        }
    })?;
    folders.sort_by(|one, other| one.path.cmp(&other.path));
    match named {
        Some(folder) if folders.is_empty() => Err(TerraformError::NoFolder { folder }),
        _ => Ok(folders),
    }
}

impl TerraformFolder {
    /// Where the backend keeps the state: `<deploy tag>/<repository>`, and for a folder in the
    /// project's terraform folder its name behind that, so that no two share one state.
    pub fn backend_key(&self, deploy_tag: &str, repository: &str) -> String {
        match &self.name {
            None => format!("{deploy_tag}/{repository}"),
            Some(name) => format!("{deploy_tag}/{repository}/{name}"),
        }
    }
}

impl Terraform {
    /// To validate with: nothing is deployed.
    pub fn new(program: PathBuf) -> Self {
        Self { program, variables: Vec::new() }
    }

    /// To plan and apply with: configurations can use `var.DEPLOY_TAG` and `var.COMMIT_HASH`.
    pub fn for_deployment(program: PathBuf, deploy_tag: &str, commit: CommitId) -> Self {
        let variables =
            vec![("TF_VAR_DEPLOY_TAG", deploy_tag.to_owned()), ("TF_VAR_COMMIT_HASH", commit.to_string())];
        Self { program, variables }
    }

    /// Checks a configuration. Its backend is asked for a key that nobody uses.
    ///
    /// # Errors
    /// [`TerraformError`]
    pub async fn validate(
        &self,
        checkout: &Checkout,
        folder: &TerraformFolder,
        tell: &TellTerraform<'_>,
    ) -> Result<(), TerraformError> {
        let place = checkout.path(&folder.path)?;
        self.init(&place, folder, "dummy", tell).await?;
        self.step(&place, folder, TerraformStep::Validate, &["validate"], tell).await
    }

    /// Shows what an apply would change, and changes nothing.
    ///
    /// # Errors
    /// [`TerraformError`]
    pub async fn plan(
        &self,
        checkout: &Checkout,
        folder: &TerraformFolder,
        backend_key: &str,
        tell: &TellTerraform<'_>,
    ) -> Result<(), TerraformError> {
        let place = checkout.path(&folder.path)?;
        self.init(&place, folder, backend_key, tell).await?;
        self.step(&place, folder, TerraformStep::Plan, &["plan", "-input=false"], tell).await
    }

    /// Makes the infrastructure what the configuration says.
    ///
    /// When the future is dropped, Terraform is interrupted and waited for, 30 seconds at most: it
    /// must be able to write its state and release its lock.
    ///
    /// # Errors
    /// [`TerraformError`]
    pub async fn apply(
        &self,
        checkout: &Checkout,
        folder: &TerraformFolder,
        backend_key: &str,
        tell: &TellTerraform<'_>,
    ) -> Result<(), TerraformError> {
        let place = checkout.path(&folder.path)?;
        self.init(&place, folder, backend_key, tell).await?;
        let arguments = ["apply", "-input=false", "-auto-approve"];
        self.step(&place, folder, TerraformStep::Apply, &arguments, tell).await
    }

    async fn init(
        &self,
        place: &Path,
        folder: &TerraformFolder,
        backend_key: &str,
        tell: &TellTerraform<'_>,
    ) -> Result<(), TerraformError> {
        let key = format!("-backend-config=key={backend_key}");
        self.step(place, folder, TerraformStep::Init, &["init", "-input=false", &key], tell).await
    }

    async fn step(
        &self,
        place: &Path,
        folder: &TerraformFolder,
        step: TerraformStep,
        arguments: &[&str],
        tell: &TellTerraform<'_>,
    ) -> Result<(), TerraformError> {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(place)
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_INPUT", "0")
            // Two folders with one data folder would take each other's backend for their own.
            .env_remove("TF_DATA_DIR")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        let folder = &folder.path;
        tell(TerraformEvent::Started { folder: folder.clone(), step });
        let line = |line| tell(TerraformEvent::Line { folder: folder.clone(), step, line });
        program::run(command, Stop::Interrupt, &line).await.map_err(|source| TerraformError::Step {
            folder: folder.clone(),
            step,
            source,
        })
    }
}

impl TerraformError {
    /// The last lines that Terraform wrote, oldest first.
    pub fn log_tail(&self) -> &[String] {
        match self {
            Self::Step { source, .. } => source.log_tail(),
            Self::Git(_) | Self::Checkout(_) | Self::NoFolder { .. } => &[],
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
