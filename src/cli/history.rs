use clap::Args;

use super::environment_records::EnvironmentRecords;
use super::{CommandContext, deployment, wait_for};
use crate::config::EnvironmentName;
use crate::error::Error;
use crate::exit::Exit;
use crate::report::environment::{self, HistoryJson};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Name of the environment in `projects.toml`.
    #[arg(short, long, value_name = "NAME")]
    environment: EnvironmentName,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
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
