use clap::Args;

use super::CommandContext;
use super::deployment;
use super::environment_records::EnvironmentRecords;
use super::wait_for;
use crate::config::EnvironmentName;
use crate::deploy::{DeployError, LockError};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::Timestamp;
use crate::report::environment::{self, UnlockJson};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Name of the environment in `projects.toml`.
    #[arg(short, long, value_name = "NAME")]
    environment: EnvironmentName,
    /// Remove the lock of a deployment that may still be running: it stops before its next step.
    #[arg(long)]
    force: bool,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    command.environment.check_trust("unlock")?;
    let workspace = deployment::workspace(command)?;
    let removed = wait_for(async {
        let records =
            EnvironmentRecords::open(&command.environment, &workspace, &arguments.environment).await?;
        let claims = records.claims();
        let listed = claims.list().await.map_err(DeployError::from)?;
        let now = Timestamp::now();
        let running = listed.iter().map(|(_, claim)| claim).find(|claim| !claim.has_expired(now));
        if let Some(holder) = running.filter(|_| !arguments.force) {
            let (environment, holder) = (arguments.environment.clone(), holder.clone());
            return Err(DeployError::from(LockError::InUse { environment, holder }).into());
        }
        let mut removed = Vec::new();
        for (tag, claim) in listed {
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
