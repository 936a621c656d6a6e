use clap::Args;

use super::CommandContext;
use super::deployment;
use super::environment_records::EnvironmentRecords;
use super::wait_for;
use crate::config::EnvironmentName;
use crate::deploy::DeployError;
use crate::error::Error;
use crate::exit::Exit;
use crate::report::environment::{self, UnlockJson};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Name of the environment in `projects.toml`.
    #[arg(short, long, value_name = "NAME")]
    environment: EnvironmentName,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    command.environment.check_trust("unlock")?;
    let workspace = deployment::workspace(command)?;
    let removed = wait_for(async {
        let records =
            EnvironmentRecords::open(&command.environment, &workspace, &arguments.environment).await?;
        let claims = records.claims();
        let mut removed = Vec::new();
        for (tag, claim) in claims.list().await.map_err(DeployError::from)? {
            claims.remove(&tag).await.map_err(DeployError::from)?;
            removed.push(claim);
        }
        Ok(removed)
    })?;
    if command.options.json {
        command.output.json(&UnlockJson::new(arguments.environment.as_str(), &removed));
    } else {
        command.output.stdout(&environment::unlocked(arguments.environment.as_str(), &removed));
    }
    Ok(Exit::Done)
}
