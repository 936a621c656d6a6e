use std::collections::BTreeSet;

use clap::Args;

use super::Call;
use super::environment::Environment;
use super::opened::{self, Opened, Uncommitted};
use super::options::Options;
use super::{registries, wait_for};
use crate::error::Error;
use crate::exit::Exit;
use crate::git::Snapshot;
use crate::inputs::{self, InputFiles};
use crate::model::ProjectName;
use crate::observe::{self, Records};
use crate::plan::{self, Force, Plan};
use crate::registry::Registry;
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
    let plan = if arguments.offline {
        offline(call, arguments, &opened, &snapshot, &workspace, &selected)?
    } else {
        wait_for(async {
            let cache = registries::registry(&workspace.cache, environment).await?;
            let planning = Planning {
                options,
                environment,
                opened: &opened,
                snapshot: &snapshot,
                workspace: &workspace,
            };
            Ok(planning.ask(&*cache, &selected, &Force::None).await?.0)
        })?
    };
    if options.json {
        output.json(&PlanJson::new(&plan));
    } else {
        output.answer(&text::plan(&plan));
    }
    // Freeing thousands of projects piece by piece takes longer than the end of the process.
    std::mem::forget((snapshot, workspace, plan));
    Ok(Exit::Done)
}

/// The named projects and what they need; all when none is named.
pub(super) fn selection(workspace: &Workspace, names: &[String]) -> Result<BTreeSet<ProjectName>, Error> {
    if names.is_empty() {
        return Ok(workspace.projects.keys().cloned().collect());
    }
    let named: Vec<ProjectName> =
        names.iter().map(|name| opened::project(workspace, name)).collect::<Result<_, _>>()?;
    Ok(workspace.graph.with_needs(&named).into_iter().cloned().collect())
}

fn offline(
    call: &Call,
    arguments: &Arguments,
    opened: &Opened,
    snapshot: &Snapshot<'_>,
    workspace: &Workspace,
    selected: &BTreeSet<ProjectName>,
) -> Result<Plan, Error> {
    let base = opened.base_by_git(call, &workspace.settings)?;
    let changes = opened.changes(snapshot, &base)?;
    let mut observed = opened.observe(workspace, base, &changes)?;
    if arguments.digests {
        let files = inputs::files(workspace, selected, snapshot, opened.repository.work_dir())?;
        observed.inputs = observe::inputs(&files, &inputs::digests(workspace, &files));
    }
    let strategy = workspace.settings.strategy;
    Ok(plan::make(&workspace.graph, &observed, selected, strategy, &Force::None))
}

/// What a plan that asks the cache is made from.
pub(super) struct Planning<'p> {
    pub(super) options: &'p Options,
    pub(super) environment: &'p Environment,
    pub(super) opened: &'p Opened,
    pub(super) snapshot: &'p Snapshot<'p>,
    pub(super) workspace: &'p Workspace,
}

impl Planning<'_> {
    /// Plans with what the cache has; the files of each project are found on the way.
    pub(super) async fn ask(
        &self,
        cache: &dyn Registry,
        selected: &BTreeSet<ProjectName>,
        force: &Force,
    ) -> Result<(Plan, InputFiles), Error> {
        let Self { opened, workspace, .. } = self;
        let files = inputs::files(workspace, selected, self.snapshot, opened.repository.work_dir())?;
        let digests = inputs::digests(workspace, &files);
        let images = observe::images(cache, workspace, &digests).await?;
        let records = match self.options.base {
            Some(_) => Records::NotAsked,
            None => opened.records(cache, workspace).await?,
        };
        let base = opened.base(self.options, self.environment, &workspace.settings, &records)?.base;
        let changes = opened.changes(self.snapshot, &base)?;
        let mut observed = opened.observe(workspace, base, &changes)?;
        observed.inputs = observe::inputs(&files, &digests);
        observed.images = Some(images);
        let strategy = workspace.settings.strategy;
        Ok((plan::make(&workspace.graph, &observed, selected, strategy, force), files))
    }
}
