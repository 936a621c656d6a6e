//! Pipelines for CIs.

mod context;
mod continuation;
mod generate;
mod init;
mod plan;
mod system;

use clap::{Args, Subcommand};

use super::CommandContext;
use crate::error::Error;
use crate::exit::Exit;

#[derive(Debug, Args)]
#[command(subcommand_required = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a pipeline: a job for each image to build, a gate, and deployments.
    Generate(generate::Arguments),
    /// Write the files that a CI begins with.
    Init(init::Arguments),
    /// Write which jobs of a committed pipeline run to the CI's file of outputs.
    Plan(plan::Arguments),
    /// Continue a pipeline of CircleCI with a generated configuration.
    Continue(continuation::Arguments),
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    match &arguments.command {
        Command::Generate(arguments) => generate::run(command, arguments),
        Command::Init(arguments) => init::run(command, arguments),
        Command::Plan(arguments) => plan::run(command, arguments),
        Command::Continue(arguments) => continuation::run(command, arguments),
    }
}
