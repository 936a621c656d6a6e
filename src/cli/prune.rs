use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use clap::Args;

use super::environment_records::EnvironmentRecords;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::{CommandContext, registries, wait_for};
use crate::deploy::DeployError;
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{CommitId, ManifestDigest};
use crate::observe::Zone;
use crate::prune::{self, Rules};
use crate::report::prune::{PruneJson, text};
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Keep what is younger than this, such as `12h` or `8w`.
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = humantime::parse_duration)]
    older_than: Duration,
    /// Delete it, and not only list it.
    #[arg(long)]
    delete: bool,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, output } = command;
    if arguments.delete {
        environment.check_trust("delete from the cache")?;
    }
    let repo = RepositoryContext::new(options, environment, Uncommitted::LeftOut)?;
    let workspace = Workspace::read(&repo.snapshot(), &repo.source)?;
    let zones: &[Zone] = match workspace.trust {
        Some(_) => &[Zone::Protected, Zone::Unprotected],
        None => &[Zone::Protected],
    };
    let images = zones
        .iter()
        .flat_map(|zone| workspace.projects.keys().map(|project| zone.repository(&workspace, project)))
        .collect();
    let records = zones.iter().map(|zone| zone.records(&workspace)).collect();
    let branches = repo.repository.branches_now()?;
    // A commit that is not here has no time: its images say how old it is.
    let committed = |commit: CommitId| {
        let seconds = repo.repository.commit_time(commit).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
    };
    wait_for(async {
        let rules = Rules {
            before: SystemTime::now().checked_sub(arguments.older_than).unwrap_or(SystemTime::UNIX_EPOCH),
            branches,
            deployed: deployed(command, &workspace).await?,
        };
        let registry = registries::registry(&workspace.cache, environment).await?;
        let observed = prune::observe(&*registry, &images, &records, &committed).await?;
        let removals = prune::plan(&observed, &rules);
        if arguments.delete {
            let on_removed = |removal: &prune::Removal| {
                output.status(&format!("deleted {}@{}", removal.repository, removal.digest));
            };
            prune::delete(&*registry, &removals, &on_removed).await?;
        }
        command.print(|| PruneJson::new(&removals, arguments.delete), || text(&removals, arguments.delete));
        Ok(Exit::Done)
    })
}

/// The images that environments run, and ran before their last deployment failed half-way.
async fn deployed(
    command: &CommandContext,
    workspace: &Workspace,
) -> Result<BTreeSet<ManifestDigest>, Error> {
    let mut deployed = BTreeSet::new();
    for name in workspace.environments.keys() {
        let records = EnvironmentRecords::open(&command.environment, workspace, name).await?;
        match records.read().await {
            Ok(stored) => {
                deployed.extend(stored.record.projects.values().map(|project| project.image.image));
            }
            Err(Error::Deploy(DeployError::NothingDeployed { .. })) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(deployed)
}
