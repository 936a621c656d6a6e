use clap::Args;

use super::opened::{Opened, Uncommitted, selection};
use super::{Call, registries, wait_for};
use crate::error::Error;
use crate::exit::Exit;
use crate::observe;
use crate::plan::{self, Force};
use crate::report::json::PlanJson;
use crate::report::text;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The projects and what they need; none named: all.
    projects: Vec<String>,
    /// Asks git alone: says what the changes affect, not what the cache has.
    #[arg(long)]
    offline: bool,
    /// Adds each project's input digest to an offline plan.
    #[arg(long, requires = "offline")]
    digests: bool,
}

pub(super) fn run(call: &Call, arguments: &Arguments) -> Result<Exit, Error> {
    let Call { options, environment, output } = call;
    let uncommitted = if arguments.offline { Uncommitted::LeftOut } else { Uncommitted::Included };
    let opened = Opened::new(options, environment, uncommitted)?;
    let snapshot = opened.snapshot();
    let workspace = Workspace::read(&snapshot, &opened.source)?;
    let selected = selection(&workspace, &arguments.projects)?;
    if arguments.offline {
        let base = opened.base_by_git(call, &workspace.settings)?;
        let request = opened.request(&snapshot, &workspace);
        let changes = observe::changes(request, base)?;
        let digests = if arguments.digests { Some(observe::digests(request, &selected)?) } else { None };
        let impact = plan::impact(&workspace.graph, &changes, &selected);
        if options.json {
            output.json(&PlanJson::of_impact(&impact, digests.as_ref()));
        } else {
            output.answer(&text::impact(&impact, digests.as_ref()));
        }
    } else {
        let zone = opened.zone(&snapshot, &workspace)?;
        let plan = wait_for(async {
            let cache = registries::registry(&workspace.cache, environment).await?;
            let observed = opened.observe(call, &snapshot, &workspace, zone, &selected, &*cache).await?;
            Ok(plan::make(&workspace.graph, &observed, workspace.settings.strategy, &Force::None))
        })?;
        if options.json {
            output.json(&PlanJson::of_plan(&plan));
        } else {
            output.answer(&text::plan(&plan));
        }
    }
    Ok(Exit::Done)
}
