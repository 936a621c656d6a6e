//! Which builders a run uses, and the connections to them.
//!
//! A builder gets the files, secrets and registry logins of what it builds, so only the environment and the default branch
//! decide which there are: no other branch can have them sent elsewhere.

use std::error::Error as StdError;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::CommandContext;
use super::repository_context::RepositoryContext;
use crate::buildkit::{BuildKit, BuildKitAddress, BuildKitError, BuildKitInfo};
use crate::config::BuilderConfig;
use crate::engine::Daemon;
use crate::error::Error;
use crate::execute::{BuilderPool, LostBuilder, PoolMember};
use crate::model::{Platform, TlsFiles};
use crate::workspace::{self, ManifestSource, Workspace};

/// The builders that a trusted run uses; none where an engine builds.
///
/// # Errors
/// [`Error::Builders`] when `CHINAMPA_BUILDERS` is no list of builders, and when the default branch can't be read.
pub(super) fn configured(
    command: &CommandContext,
    repo: &RepositoryContext,
    workspace: &Workspace,
) -> Result<Vec<BuilderConfig>, Error> {
    if let Some(text) = command.environment.builders() {
        return BuilderConfig::list(&text).map_err(Error::Builders);
    }
    let own = &workspace.builders;
    // A file that a person names, and a repository that has only one person's branches, are as trusted as the command.
    let is_named = matches!(repo.source, ManifestSource::File { .. });
    if own.is_empty() || is_named || repo.repository.origin_url().is_none() {
        return Ok(own.clone());
    }
    let unknown = || {
        command.output.status(
            "`[[builders]]` is not used: only the default branch may name builders, and this clone does not know which it is; \
             `git remote set-head origin --auto` asks, and `CHINAMPA_BUILDERS` names builders in a CI",
        );
    };
    let Some(branch) = repo.repository.default_branch_of_origin()? else {
        unknown();
        return Ok(Vec::new());
    };
    let Some(commit) = repo.repository.branch(&branch)? else {
        unknown();
        return Ok(Vec::new());
    };
    let snapshot = repo.repository.snapshot(commit)?;
    let (manifest, _) = workspace::manifest(&snapshot, &ManifestSource::Tree)?;
    if manifest.builders != *own {
        command.output.status(&format!(
            "the builders are those that `projects.toml` of `{branch}` names: this branch names others, which are not used"
        ));
    }
    Ok(manifest.builders)
}

/// Connects to all builders at once.
///
/// # Errors
/// [`Error::BuildKit`] when one is configured wrongly, [`Error::NoBuilder`] when none of them answers.
pub(super) async fn connect(
    configs: &[BuilderConfig],
    folder: Option<&Path>,
    stall_timeout: Duration,
    jobs: Option<NonZeroUsize>,
) -> Result<Arc<BuilderPool>, Error> {
    let addresses = configs.iter().map(|config| address(config, folder));
    let addresses: Vec<BuildKitAddress> = addresses.collect::<Result<_, _>>()?;
    let described = join_all(addresses.iter().map(describe)).await;
    let (mut members, mut lost) = (Vec::new(), Vec::new());
    for (config, described) in configs.iter().zip(described) {
        let name = config.endpoint.to_string();
        match described {
            Ok((buildkit, info)) => {
                let (native, emulated) = platforms(config, &info);
                let builder = Box::new(Daemon { buildkit, stall_timeout });
                members.push(PoolMember { name, builder, native, emulated, slots: config.slots });
            }
            Err(error) => {
                let reason = in_one_line(&error);
                lost.push(LostBuilder { name, reason });
            }
        }
    }
    if members.is_empty() {
        return Err(Error::NoBuilder { reasons: lost.into_iter().map(|builder| builder.reason).collect() });
    }
    Ok(Arc::new(BuilderPool::new(members, lost, jobs)))
}

/// An error and what led to it.
fn in_one_line(error: &BuildKitError) -> String {
    let causes = std::iter::successors(Some(error as &dyn StdError), |error| StdError::source(*error));
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The address of a builder; relative files are in `folder`, the work tree.
pub(super) fn address(
    config: &BuilderConfig,
    folder: Option<&Path>,
) -> Result<BuildKitAddress, BuildKitError> {
    let in_folder = |path: &Path| folder.map_or_else(|| path.to_owned(), |folder| folder.join(path));
    let tls = config.tls.as_ref().map(|files| TlsFiles {
        ca: files.ca.as_deref().map(in_folder),
        identity: files.identity.as_ref().map(|(certificate, key)| (in_folder(certificate), in_folder(key))),
    });
    BuildKitAddress::new(config.endpoint.clone(), tls.as_ref(), config.insecure)
}

async fn describe(address: &BuildKitAddress) -> Result<(BuildKit, BuildKitInfo), BuildKitError> {
    let buildkit = BuildKit::connect(address).await?;
    let info = buildkit.describe().await?;
    Ok((buildkit, info))
}

/// The platforms that a builder has natively, and those that it emulates.
pub(super) fn platforms(config: &BuilderConfig, info: &BuildKitInfo) -> (Vec<Platform>, Vec<Platform>) {
    // A daemon lists its own platform first, and variants of it that its processor has, too.
    let is_own = |platform: &Platform| {
        info.platforms.first().is_some_and(|first| {
            (first.os(), first.architecture()) == (platform.os(), platform.architecture())
        })
    };
    if config.platforms.is_empty() {
        return info.platforms.iter().cloned().partition(is_own);
    }
    let is_configured = |platform: &Platform| config.platforms.iter().any(|one| one.is_same_as(platform));
    let emulated = info.platforms.iter().filter(|platform| !is_configured(platform)).cloned();
    (config.platforms.clone(), emulated.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(platforms: &[Platform]) -> String {
        platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_configured_is_native_and_else_the_daemons_first_architecture() {
        let listed = ["linux/amd64", "linux/amd64/v2", "linux/arm64", "linux/riscv64"];
        let all = listed.iter().map(|platform| platform.parse().unwrap()).collect();
        let info = BuildKitInfo { platforms: all, ..BuildKitInfo::default() };
        let config = |text: &str| text.parse::<BuilderConfig>().unwrap();

        let (native, emulated) = platforms(&config("unix:///a"), &info);
        let (of_config, others) = platforms(&config("unix:///a;platforms=linux/arm64"), &info);

        assert_eq!(shown(&native), "linux/amd64 linux/amd64/v2");
        assert_eq!(shown(&emulated), "linux/arm64 linux/riscv64");
        assert_eq!(shown(&of_config), "linux/arm64");
        assert_eq!(shown(&others), "linux/amd64 linux/amd64/v2 linux/riscv64");
    }
}
