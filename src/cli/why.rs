use clap::Args;

use super::Call;
use super::opened::{self, Opened, Uncommitted};
use crate::error::Error;
use crate::exit::Exit;
use crate::report::why::Story;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    project: String,
}

pub(super) fn run(call: &Call, arguments: &Arguments) -> Result<Exit, Error> {
    let Call { options, environment, output } = call;
    let opened = Opened::new(options, environment, Uncommitted::LeftOut)?;
    let offline = opened::plan_offline(&opened, call)?;
    let project = opened::project(&offline.workspace, &arguments.project)?;

    let story = Story::new(&offline.workspace.graph, &offline.observed, &offline.plan, &project);
    if options.json {
        output.json(&story);
    } else {
        output.answer(&story.to_string());
    }
    Ok(Exit::Done)
}
