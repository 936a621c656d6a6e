use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use clap::Args;

use super::environment_records::EnvironmentRecords;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::{CommandContext, registries, wait_for};
use crate::config::RegistryConfig;
use crate::deploy::{self, DeployError};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{CommitId, ManifestDigest, RepositoryName, Timestamp};
use crate::observe::Zone;
use crate::prune::{self, DeployRules, Named, PruneError, Removals, Rules};
use crate::registry::Registry;
use crate::report::prune::{DeployRemovals, LocalRemovals, PruneJson, Pruned, text};
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Keep what is younger than this, such as `12h` or `8w`.
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = humantime::parse_duration)]
    older_than: Duration,
    /// Look at the registries that environments pull from, and not at the cache.
    #[arg(long)]
    deploy: bool,
    /// Look at what builds left in the engine, and not at the cache.
    #[arg(long)]
    local: bool,
    /// Delete it, and not only list it.
    #[arg(long)]
    delete: bool,
}

/// What is looked at, and what may go.
struct Pruning<'c> {
    command: &'c CommandContext,
    repo: &'c RepositoryContext,
    workspace: &'c Workspace,
    /// What was made at this time or later stays.
    before: SystemTime,
    delete: bool,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, .. } = command;
    if arguments.delete {
        environment.check_trust("delete images")?;
    }
    let repo = RepositoryContext::new(options, environment, Uncommitted::LeftOut)?;
    let workspace = Workspace::read(&repo.snapshot(), &repo.source)?;
    let before = SystemTime::now().checked_sub(arguments.older_than).unwrap_or(SystemTime::UNIX_EPOCH);
    let it = Pruning { command, repo: &repo, workspace: &workspace, before, delete: arguments.delete };
    let is_of_cache = !arguments.deploy && !arguments.local;
    wait_for(async {
        let pruned = Pruned {
            cache: if is_of_cache { Some(it.cache().await?) } else { None },
            deploy: if arguments.deploy { it.deploy_registries().await? } else { Vec::new() },
            local: if arguments.local { Some(it.engine().await?) } else { None },
        };
        command.print_summary(
            || PruneJson::new(&pruned, arguments.delete),
            |layout| text(&pruned, arguments.delete, SystemTime::now(), layout),
        );
        Ok(Exit::Done)
    })
}

impl Pruning<'_> {
    fn zones(&self) -> &'static [Zone] {
        match self.workspace.trust {
            Some(_) => &[Zone::Protected, Zone::Unprotected],
            None => &[Zone::Protected],
        }
    }

    /// Where the cache keeps images.
    fn repositories(&self) -> BTreeSet<RepositoryName> {
        let projects = || self.workspace.projects.keys();
        let zones = self.zones().iter();
        zones.flat_map(|zone| projects().map(|project| zone.repository(self.workspace, project))).collect()
    }

    /// Where the cache keeps build records.
    fn records(&self) -> BTreeSet<RepositoryName> {
        self.zones().iter().map(|zone| zone.records(self.workspace)).collect()
    }

    async fn cache(&self) -> Result<Removals, Error> {
        let branches = self.repo.repository.branches_now()?;
        // A commit that is not here has no time: its images say how old it is.
        let committed = |commit: CommitId| {
            let seconds = self.repo.repository.commit_time(commit).ok()?;
            SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
        };
        let deployed = deployed(self.command, self.workspace).await?;
        let rules = Rules { before: self.before, branches, deployed };
        let registry = registries::registry(&self.workspace.cache, &self.command.environment).await?;
        let (images, records) = (self.repositories(), self.records());
        let observed = prune::observe(&*registry, &images, &records, &committed).await?;
        let removals = prune::plan(&observed, &rules);
        self.delete(&*registry, &removals).await?;
        Ok(removals)
    }

    /// Every registry that an environment pulls from. What is named by the record of any environment stays in all of them.
    async fn deploy_registries(&self) -> Result<Vec<DeployRemovals>, Error> {
        let Workspace { environments, settings, projects, .. } = self.workspace;
        let mut targets: Vec<(&RegistryConfig, Vec<String>)> = Vec::new();
        for name in environments.keys() {
            let (target, _) = deploy::target(self.workspace, name)?;
            match targets.iter_mut().find(|(known, _)| *known == target) {
                Some((_, names)) => names.push(name.to_string()),
                None => targets.push((target, vec![name.to_string()])),
            }
        }
        let mut named = Named::default();
        let mut observed = Vec::new();
        for (target, names) in targets {
            let registry = registries::registry(target, &self.command.environment).await?;
            let records = settings.name.builds_repository().with_prefix(&target.prefix)?;
            prune::named_by_environments(&*registry, &records, &mut named).await?;
            let deployed = projects.values().filter(|project| project.config.is_deployed);
            let images = deployed.map(|project| project.config.repository.with_prefix(&target.prefix));
            let images = prune::observe_deployed(&*registry, &images.collect::<Result<_, _>>()?).await?;
            observed.push((registry, names, images));
        }
        let cache = registries::registry(&self.workspace.cache, &self.command.environment).await?;
        prune::named_by_builds(&*cache, &self.records(), &mut named).await?;
        if self.delete {
            self.check_not_deploying().await?;
        }
        let rules = DeployRules { before: self.before, named };
        let mut pruned = Vec::new();
        for (registry, environments, images) in observed {
            let removals = prune::plan_deployed(&images, &rules);
            self.delete(&*registry, &removals).await?;
            let host = registry.oci().map(|oci| oci.host().to_string()).unwrap_or_default();
            pruned.push(DeployRemovals { registry: host, environments, removals });
        }
        Ok(pruned)
    }

    /// A deployment that runs has copied images that no record names yet.
    async fn check_not_deploying(&self) -> Result<(), Error> {
        let now = Timestamp::now();
        for name in self.workspace.environments.keys() {
            let records = EnvironmentRecords::open(&self.command.environment, self.workspace, name).await?;
            let claims = records.claims().list().await.map_err(DeployError::from)?;
            if let Some((_, holder)) = claims.iter().find(|(_, claim)| !claim.has_expired(now)) {
                let (environment, holder) = (name.to_string(), holder.to_string());
                return Err(PruneError::Deploying { environment, holder }.into());
            }
        }
        Ok(())
    }

    /// Names in the engine that builds of this repository left there.
    async fn engine(&self) -> Result<LocalRemovals, Error> {
        let engine = registries::engine(&self.command.environment).await?;
        let found = engine.leftovers(&self.repositories()).await?;
        let mut removals = LocalRemovals::default();
        for leftover in found {
            let is_old = leftover.since < self.before;
            if is_old && (!self.delete || engine.remove_leftover(&leftover).await?) {
                if self.delete {
                    self.command.output.status(&format!("deleted {}", leftover.image));
                }
                removals.leftovers.push(leftover);
                continue;
            }
            if is_old {
                self.command.output.status(&format!("a container uses {}, which stays", leftover.image));
            }
            removals.kept += 1;
        }
        Ok(removals)
    }

    async fn delete(&self, registry: &dyn Registry, removals: &Removals) -> Result<(), Error> {
        if !self.delete {
            return Ok(());
        }
        let on_removed = |removal: &prune::Removal| {
            self.command.output.status(&format!("deleted {}@{}", removal.repository, removal.digest));
        };
        Ok(prune::delete(registry, removals, &on_removed).await?)
    }
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
