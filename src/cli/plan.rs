use std::collections::BTreeSet;

use clap::Args;

use super::external_registries::ExternalRegistries;
use super::observations::CacheToRead;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::selection;
use super::{CommandContext, ignore_changes, registries, untracked, wait_for};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::ProjectName;
use crate::observe;
use crate::pins::{self, TagState};
use crate::plan;
use crate::report::json::PlanJson;
use crate::report::lock::{self, LockedJson};
use crate::report::text;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Projects to plan, with their dependencies [default: all].
    projects: Vec<String>,
    /// Ask git only: show what the changes affect, not what the cache has.
    #[arg(long)]
    offline: bool,
    /// Include each project's input digest in an offline plan.
    #[arg(long, requires = "offline")]
    digests: bool,
    /// Check whether locked external images are behind their tags; exit code 1 if any is.
    #[arg(long, conflicts_with = "offline")]
    check_locked: bool,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, .. } = command;
    let repo = RepositoryContext::new(options, environment, Uncommitted::Included)?;
    let snapshot = repo.snapshot();
    let workspace = Workspace::read(&snapshot, &repo.source)?;
    let selected = selection::selected(&repo, &workspace, &arguments.projects)?;
    if arguments.check_locked {
        return check_locked(command, &repo, &workspace, &selected);
    }
    workspace.check_platforms(&selected)?;
    untracked::say(command, &untracked::find(command, &repo, &snapshot, &workspace, &selected)?);
    if arguments.offline {
        let base = repo.base_by_git(command, &workspace.settings, &workspace.cache)?;
        let request = repo.request(&snapshot, &workspace);
        let changes = observe::changes(request, base)?;
        let digests = if arguments.digests { Some(observe::digests(request, &selected)?) } else { None };
        let impact = plan::impact(&workspace.graph, &changes, &selected);
        let digests = digests.as_ref();
        command.print_summary(
            || PlanJson::of_impact(&impact, digests),
            |layout| text::impact(&impact, digests, layout),
        );
    } else {
        let zone = repo.zone(&snapshot, &workspace)?;
        let forced = selection::forced(&repo, &workspace, None, &repo.directives(&workspace)?)?;
        let plan = wait_for(async {
            let cache = registries::registry(&workspace.cache, environment).await?;
            let cache = CacheToRead { registry: &*cache, zone, local: None };
            let observed = repo.observe(command, &snapshot, &workspace, &selected, cache).await?;
            Ok(plan::make(&workspace.graph, &observed, workspace.settings.strategy, &forced))
        })?;
        ignore_changes::say(command, &repo, &snapshot, &plan)?;
        command.print_summary(
            || PlanJson::of_plan(&plan, &workspace),
            |layout| text::plan(&plan, &workspace, layout),
        );
    }
    Ok(Exit::Done)
}

/// Asks the registries of locked images what their tags stand for now.
fn check_locked(
    command: &CommandContext,
    repo: &RepositoryContext,
    workspace: &Workspace,
    selected: &BTreeSet<ProjectName>,
) -> Result<Exit, Error> {
    let registries = ExternalRegistries::new(&command.environment, workspace, &repo.trust);
    let connect = async |host: &_| registries.connect(host).await;
    let states = wait_for(pins::tag_states(workspace, selected, connect))?;
    command.print(|| LockedJson::new(&states), || lock::tag_states(&states));
    let is_behind = states.iter().any(TagState::is_behind);
    Ok(if is_behind { Exit::No } else { Exit::Done })
}
