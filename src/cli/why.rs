use clap::Args;

use super::environment::Environment;
use super::opened::{self, Opened, Uncommitted};
use super::options::Options;
use super::output::Output;
use crate::error::Error;
use crate::exit::Exit;
use crate::report::why::Story;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    project: String,
}

pub(super) fn run(
    options: &Options,
    arguments: &Arguments,
    environment: &Environment,
    output: &Output,
) -> Result<Exit, Error> {
    let opened = Opened::new(options, environment, Uncommitted::LeftOut)?;
    let offline = opened::plan_offline(&opened, options, environment, output)?;
    let project = opened::project(&offline.workspace, &arguments.project)?;

    let story = Story::new(&offline.workspace.graph, &offline.observed, &offline.plan, &project);
    if options.json {
        output.json(&story);
    } else {
        output.answer(&story.to_string());
    }
    Ok(Exit::Done)
}
