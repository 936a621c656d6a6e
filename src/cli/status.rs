use clap::Args;

use super::CommandContext;
use super::deployment;
use super::environment_records::EnvironmentRecords;
use super::wait_for;
use crate::config::EnvironmentName;
use crate::error::Error;
use crate::exit::Exit;
use crate::model::Timestamp;
use crate::report::environment::{self, HistoryJson, StatusJson};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Name of the environment in `projects.toml`.
    #[arg(short, long, value_name = "NAME")]
    environment: EnvironmentName,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let workspace = deployment::workspace(command)?;
    let (stored, claims) = wait_for(async {
        let records =
            EnvironmentRecords::open(&command.environment, &workspace, &arguments.environment).await?;
        let claims = records.claims().list().await.map_err(crate::deploy::DeployError::from)?;
        Ok((records.read().await?, claims))
    })?;
    let now = Timestamp::now();
    let claims: Vec<_> =
        claims.into_iter().map(|(_, claim)| claim).filter(|claim| !claim.has_expired(now)).collect();
    if command.options.json {
        command.output.json(&StatusJson::new(&stored.record, &claims));
    } else {
        command.output.stdout(&environment::status(&stored.record, &claims));
    }
    Ok(Exit::Done)
}

pub(super) fn history(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let workspace = deployment::workspace(command)?;
    let stored = wait_for(async {
        EnvironmentRecords::open(&command.environment, &workspace, &arguments.environment).await?.read().await
    })?;
    if command.options.json {
        command.output.json(&HistoryJson::new(&stored.record));
    } else {
        command.output.stdout(&environment::history(&stored.record));
    }
    Ok(Exit::Done)
}
