use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use clap::{Args, ValueEnum};

use super::context::{Builds, CiInputs};
use crate::ci::Trust;
use crate::cli::CommandContext;
use crate::error::Error;
use crate::exit::Exit;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// CI whose committed pipeline it is.
    #[arg(value_enum)]
    system: System,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum System {
    #[value(name = "github")]
    GitHub,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let Arguments { system: System::GitHub } = arguments;
    let CommandContext { environment, output, .. } = command;
    let inputs = CiInputs::read(command)?;
    let workflow = inputs.workflow()?;
    let (builds, deployments) = match &inputs.repo.trust {
        Trust::Trusted => (inputs.to_build(command)?, inputs.deployments()),
        Trust::Untrusted { why } => {
            output.status(&format!("this run is not trusted: {why}. Only the gate's job builds"));
            (Builds::default(), Vec::new())
        }
    };
    let environments: Vec<_> = deployments.into_iter().map(|deployment| deployment.environment).collect();
    let outputs = workflow.outputs(&builds.projects, &environments);
    let all = inputs.workspace.projects.len();
    output.status(&format!("{} of {all} projects have to be built", builds.projects.len()));
    match environment.github_output() {
        Some(file) => append(&file, &outputs).map_err(|source| Error::Write { path: file, source })?,
        None => output.script(&outputs),
    }
    Ok(Exit::Done)
}

fn append(file: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().create(true).append(true).open(file)?.write_all(text.as_bytes())
}
