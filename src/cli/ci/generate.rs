use clap::Args;

use super::context::CiInputs;
use super::system::System;
use crate::ci::Trust;
use crate::cli::CommandContext;
use crate::error::Error;
use crate::exit::Exit;
use crate::model::RepoPath;
use crate::pipeline::github::WORKFLOW;
use crate::pipeline::{Generated, Rendered};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// CI that the pipeline is for.
    #[arg(value_enum)]
    system: System,
    /// Generate a job for every project, without asking the cache which images are missing.
    #[arg(long)]
    all: bool,
    /// Check that the committed workflow is the generated one; for `github` only.
    #[arg(long)]
    check: bool,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let system = match arguments.system {
        System::GitHub => return github(command, arguments.check),
        _ if arguments.check => return Err(Error::NothingToCheck),
        System::CircleCi => Generated::CircleCi,
        System::GitLab => Generated::GitLab,
        System::Buildkite => Generated::Buildkite,
        System::CodeBuild => Generated::CodeBuild,
    };
    let inputs = CiInputs::read(command)?;
    let pipeline = match &inputs.repo.trust {
        Trust::Untrusted { why } => {
            let sentence =
                format!("this run is not trusted: {why}. One job builds everything and writes nothing");
            command.output.status(&sentence);
            inputs.untrusted()
        }
        Trust::Trusted => {
            let builds = if arguments.all { inputs.all() } else { inputs.to_build(command)? };
            inputs.trusted(&builds, &inputs.deployments())
        }
    };
    print(command, &pipeline.render(system)?);
    Ok(Exit::Done)
}

/// The workflow is a file in the repository, so it doesn't depend on the cache, nor on who runs this.
fn github(command: &CommandContext, is_check: bool) -> Result<Exit, Error> {
    let inputs = CiInputs::read(command)?;
    let rendered = inputs.workflow()?.rendered;
    if !is_check {
        print(command, &rendered);
        return Ok(Exit::Done);
    }
    let path = RepoPath::new(WORKFLOW).expect("the workflow's name is a path");
    let committed = inputs.repo.snapshot().read(&path)?;
    let committed = committed.as_deref().map(String::from_utf8_lossy);
    let fix = format!("`{} > {WORKFLOW}` writes it", inputs.setup().command("ci generate github"));
    let answer = match committed {
        Some(committed) if committed == rendered.text => return Ok(Exit::Done),
        Some(committed) => {
            let lines = committed.lines().zip(rendered.text.lines());
            let same = lines.take_while(|(committed, generated)| committed == generated).count();
            format!("`{WORKFLOW}` is not what `projects.toml` says, from line {} on; {fix}", same + 1)
        }
        None => format!("there is no `{WORKFLOW}`; {fix}"),
    };
    command.output.status(&answer);
    Ok(Exit::No)
}

/// What a CI reads is ASCII, and stays as it is.
fn print(command: &CommandContext, rendered: &Rendered) {
    for note in &rendered.notes {
        command.output.status(note);
    }
    command.output.script(&rendered.text);
}
