use clap::Args;

use super::CommandContext;
use super::environment::Environment;
use super::wait_for;
use crate::deploy::{
    ArchiveSum, Mirror, TERRAFORM_MIRROR, TERRAFORM_VERSION, TerraformInstall, TerraformProgram,
    TerraformVersion,
};
use crate::error::Error;
use crate::exit::Exit;
use crate::report::answers;

// The version is Terraform's here, and not this program's.
#[derive(Debug, Args)]
#[command(disable_version_flag = true)]
pub(super) struct Arguments {
    /// Version of Terraform.
    #[arg(long, value_name = "VERSION", default_value = TERRAFORM_VERSION)]
    version: TerraformVersion,
    /// Base URL of `<version>/terraform_<version>_<os>_<architecture>.zip` and the checksums
    /// [default: CHINAMPA_TERRAFORM_MIRROR, or HashiCorp's release server].
    #[arg(long, value_name = "URL")]
    mirror: Option<Mirror>,
    /// Expected SHA-256 of the archive, checked in addition to the mirror's checksums.
    #[arg(long, value_name = "HEX")]
    sha256: Option<ArchiveSum>,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, output } = command;
    environment.check_trust("install programs")?;
    let mirror = match &arguments.mirror {
        Some(mirror) => mirror.clone(),
        None => default_mirror(environment)?,
    };
    let install = TerraformInstall {
        version: arguments.version.clone(),
        mirror,
        sum: arguments.sha256,
        cache: environment.cache_folder().ok_or(Error::NoCacheFolder)?.join("terraform"),
    };
    let installed = install.installed();
    let was_there = installed.is_some();
    let program = match installed {
        Some(program) => program,
        None => {
            output.status(&format!("downloading Terraform {}", install.version));
            wait_for(async { Ok(install.download().await?) })?
        }
    };

    if options.json {
        output.json(&answers::ensure_terraform(install.version.as_str(), &program, !was_there));
    } else {
        output.stdout(&format!("{}\n", program.display()));
    }
    Ok(Exit::Done)
}

/// The Terraform that the machine has, else the one that this command downloads.
pub(super) fn program(environment: &Environment) -> Result<TerraformProgram, Error> {
    if let Some(program) = environment.terraform_program()? {
        return Ok(program);
    }
    Ok(TerraformProgram::Install(TerraformInstall {
        version: TERRAFORM_VERSION.parse().expect("the version that is taken by default is one"),
        mirror: default_mirror(environment)?,
        sum: None,
        cache: environment.cache_folder().ok_or(Error::NoCacheFolder)?.join("terraform"),
    }))
}

fn default_mirror(environment: &Environment) -> Result<Mirror, Error> {
    environment.terraform_mirror.as_deref().unwrap_or(TERRAFORM_MIRROR).parse().map_err(Error::Mirror)
}
