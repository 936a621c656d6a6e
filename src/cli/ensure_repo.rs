use clap::Args;

use super::environment::Environment;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::{CommandContext, registries, wait_for};
use crate::config::{RegistryConfig, RegistryKind};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{Region, RepositoryName, Tag};
use crate::registry::RepositoryChange;
use crate::report::answers;
use crate::workspace;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Name of the repository, without the prefix in `projects.toml`.
    repository: String,
    /// AWS region of `[cache]`, `[deploy]` or an environment, whose kind must be `ecr`.
    region: Region,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, output } = command;
    environment.check_trust("change a repository")?;
    let repo = RepositoryContext::new(options, environment, Uncommitted::LeftOut)?;
    let (manifest, _) = workspace::manifest(&repo.snapshot(), &repo.source)?;
    let mut sides: Vec<&RegistryConfig> = Vec::new();
    for side in manifest.registries() {
        let is_there = matches!(&side.kind, RegistryKind::Ecr(ecr) if ecr.region == arguments.region);
        if is_there && !sides.contains(&side) {
            sides.push(side);
        }
    }
    if sides.is_empty() {
        return Err(Error::NoSuchRegion(arguments.region.clone()));
    }

    let ensured = wait_for(async {
        let mut ensured = Vec::new();
        for side in sides {
            let repository = format!("{}{}", side.prefix, arguments.repository).parse()?;
            ensured.push(ensure(side, &repository, environment).await?);
        }
        Ok(ensured)
    })?;

    if options.json {
        output.json(&answers::ensure_repo(&ensured));
    } else {
        for (repository, changes) in &ensured {
            if changes.is_empty() {
                output.status(&format!("{repository} is as it should be"));
            }
            for change in changes {
                output.stdout(&format!("{repository}: {change}\n"));
            }
        }
    }
    Ok(Exit::Done)
}

/// The repository with its host, and what had to be changed there.
async fn ensure(
    side: &RegistryConfig,
    repository: &RepositoryName,
    environment: &Environment,
) -> Result<(String, Vec<RepositoryChange>), Error> {
    let registry = registries::registry(side, environment).await?;
    // Who may change a repository may still be denied access to the registry.
    registry.login().await?;
    let changes = registry.ensure_repository(repository).await?;
    Ok((registry.image(repository, &Tag::latest()).name(), changes))
}
