//! Validates the Terraform of projects before anything is built for it.
//!
//! What a commit holds decides about nothing here but its own configuration: Terraform gets a
//! cleared environment, no backend, and no program that the commit brings along.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::process::Command;

use super::terraform::run_step;
use super::{Checkout, TerraformError, TerraformProgram, TerraformStep, terraform_folders};
use crate::git::Snapshot;
use crate::model::{ErrorKind, ProjectName, RepoPath};
use crate::workspace::Workspace;

/// What Terraform takes providers from without being told to: what a commit has under these names in
/// the folder that Terraform is run in is never used.
const PROGRAM_FOLDERS: [&str; 2] = ["terraform.d", ".terraform"];

/// How Terraform is run to validate.
#[derive(Clone, Debug)]
pub struct Validation {
    pub program: TerraformProgram,
    /// All variables that Terraform gets.
    pub variables: Vec<(OsString, OsString)>,
    /// Where the commit's files are written to.
    pub temporary: PathBuf,
}

/// How a validation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validated {
    Valid,
    Interrupted,
}

/// Why the Terraform of a commit is not valid, or could not be validated.
#[derive(Debug, Error)]
pub enum ValidateError {
    #[error("the Terraform configuration of `{project}` is not valid, so nothing was built")]
    Invalid {
        project: ProjectName,
        #[source]
        source: TerraformError,
    },
    #[error(transparent)]
    Terraform(#[from] TerraformError),
    #[error("cannot take `{path}` out of the commit's files")]
    Remove {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl ValidateError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid { source, .. } | Self::Terraform(source) => source.kind(),
            Self::Remove { .. } => ErrorKind::Environment,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Invalid { source, .. } | Self::Terraform(source) => source.hint(),
            Self::Remove { .. } => None,
        }
    }

    /// The last lines that Terraform wrote, oldest first.
    pub fn log_tail(&self) -> &[String] {
        match self {
            Self::Invalid { source, .. } | Self::Terraform(source) => source.log_tail(),
            Self::Remove { .. } => &[],
        }
    }
}

/// Validates every Terraform folder of these projects and tells each that is valid.
///
/// When `interrupted` is ready, Terraform is ended and the commit's files are removed.
///
/// # Errors
/// [`ValidateError`]
pub async fn validate_terraform(
    validation: &Validation,
    snapshot: &Snapshot<'_>,
    workspace: &Workspace,
    projects: &BTreeSet<ProjectName>,
    interrupted: impl Future<Output = ()>,
    on_valid: &dyn Fn(&ProjectName, &RepoPath),
) -> Result<Validated, ValidateError> {
    let mut folders = terraform_folders(snapshot, workspace)?;
    folders.retain(|project, _| projects.contains(project));
    if folders.is_empty() {
        return Ok(Validated::Valid);
    }
    let work = async {
        let program = validation.program.path().await.map_err(TerraformError::from)?;
        let checkout = Checkout::new(snapshot, &validation.temporary).map_err(TerraformError::from)?;
        for (project, folder) in folders.iter().flat_map(|(it, all)| all.iter().map(move |one| (it, one))) {
            let place = checkout.path(&folder.path).map_err(TerraformError::from)?;
            remove_programs(&place)?;
            let validated = validation.validate(&program, &place, &folder.path).await;
            let invalid = |source| ValidateError::Invalid { project: project.clone(), source };
            validated.map_err(invalid)?;
            on_valid(project, &folder.path);
        }
        Ok(Validated::Valid)
    };
    tokio::select! {
        biased;
        validated = work => validated,
        () = interrupted => Ok(Validated::Interrupted),
    }
}

impl Validation {
    async fn validate(&self, program: &Path, place: &Path, folder: &RepoPath) -> Result<(), TerraformError> {
        let command = |arguments: &[&str]| {
            let mut command = Command::new(program);
            command
                .args(arguments)
                .current_dir(place)
                .env_clear()
                .envs(self.variables.iter().map(|(name, value)| (name, value)))
                .env("TF_IN_AUTOMATION", "1")
                .env("TF_INPUT", "0");
            command
        };
        // What it writes is shown where it fails.
        let silent = |_| {};
        let init = command(&["init", "-backend=false", "-input=false"]);
        run_step(init, folder, TerraformStep::Init, &silent).await?;
        run_step(command(&["validate"]), folder, TerraformStep::Validate, &silent).await
    }
}

fn remove_programs(folder: &Path) -> Result<(), ValidateError> {
    let entries = fs::read_dir(folder);
    let entries = entries.map_err(|source| ValidateError::Remove { path: folder.to_owned(), source })?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        // Some file systems don't tell upper from lower case.
        if !PROGRAM_FOLDERS.iter().any(|program| name.eq_ignore_ascii_case(program)) {
            continue;
        }
        let path = entry.path();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let removed = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(|source| ValidateError::Remove { path, source })?;
    }
    Ok(())
}
