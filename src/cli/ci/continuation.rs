use std::fs;
use std::path::PathBuf;

use clap::Args;

use crate::cli::{CommandContext, wait_for};
use crate::continuation;
use crate::error::Error;
use crate::exit::Exit;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// File with the configuration.
    file: PathBuf,
    /// URL of a CircleCI server.
    #[arg(long, value_name = "URL", default_value = "https://circleci.com")]
    server: String,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let Arguments { file, server } = arguments;
    let path = || file.clone();
    let configuration = fs::read_to_string(file).map_err(|source| Error::Read { path: path(), source })?;
    let key = command.environment.continuation_key().ok_or(Error::NoContinuationKey)?;
    wait_for(async { Ok(continuation::send(server, &key, &configuration).await?) })?;
    command.output.status("the pipeline is continued");
    Ok(Exit::Done)
}
