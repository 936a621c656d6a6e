//! `build --local`: what a local build reads, and what it says that no other build has to say.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::time::Duration;

use super::build_context::BuildContext;
use super::registries;
use crate::config::RegistryKind;
use crate::docker::Docker;
use crate::error::Error;
use crate::execute::Job;
use crate::model::{Platform, ProjectName};
use crate::observe::{LocalRequest, Observations};
use crate::registry::{EngineStore, Registry, RetryPolicy};

/// A local build can do without the cache, so it does not wait for one that is out of reach. Nor does whoever asks whether it is.
pub(super) fn retry_policy() -> RetryPolicy {
    RetryPolicy {
        connect: Duration::from_secs(5),
        idle: Duration::from_secs(15),
        tries: 2,
        longest_retry_after: Duration::from_secs(15),
        ..RetryPolicy::default()
    }
}

impl BuildContext<'_> {
    /// Asks git, the engine and the cache. If the cache can't be read, the engine's own store stands in for it.
    pub(super) async fn observe_locally(
        &self,
        selected: &BTreeSet<ProjectName>,
    ) -> Result<(Box<dyn Registry>, Observations), Error> {
        let docker = Docker::connect(&self.command.environment.engine()?).await?;
        let engine = EngineStore::new(&docker);
        let observe = async |cache: Box<dyn Registry>, is_cache_unread| {
            let local = LocalRequest { engine: &engine, is_cache_unread };
            let observed = self.observe(selected, &*cache, Some(local)).await?;
            Ok((cache, observed))
        };
        let config = &self.workspace.cache;
        let read = match registries::registry_with(config, &self.command.environment, retry_policy()).await {
            Ok(cache) => observe(cache, false).await,
            Err(error) => Err(error),
        };
        match read {
            Err(error) if config.kind != RegistryKind::Engine && error.is_about_cache() => {
                let causes = causes(&error).join(": ");
                self.command.output.status(&format!(
                    "the cache cannot be read, so the images that the engine does not have are built: {causes}"
                ));
                observe(Box::new(engine.clone()), true).await
            }
            read => read,
        }
    }

    /// Says which platform was chosen where a project has several.
    pub(super) fn say_platforms(&self, jobs: &[Job]) {
        let mut projects: BTreeMap<&Platform, Vec<String>> = BTreeMap::new();
        for job in jobs.iter().filter(|job| self.workspace.projects[&job.project].variants.len() > 1) {
            if let Some(platform) = job.platform() {
                projects.entry(platform).or_default().push(format!("`{}`", job.project));
            }
        }
        for (platform, projects) in projects {
            let projects = projects.join(", ");
            self.command.output.status(&format!("for {platform} only, of several platforms: {projects}"));
        }
    }
}

/// The error and what led to it.
fn causes(error: &Error) -> Vec<String> {
    let mut causes = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    causes
}
