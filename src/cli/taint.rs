use std::collections::BTreeMap;

use bytes::Bytes;
use clap::Args;

use super::CommandContext;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::selection;
use super::{registries, wait_for};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{Tag, random_bits};
use crate::observe;
use crate::workspace::Workspace;

/// What stands under the tag; the tag alone counts.
const ARTIFACT_TYPE: &str = "application/vnd.chinampa.taint.v1+json";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[arg(required = true)]
    projects: Vec<String>,
}

/// What is done with the tag that forces a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taint {
    Set,
    TakeAway,
}

fn random_id() -> u32 {
    u32::try_from(random_bits() >> 32).expect("these are 32 bits")
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments, taint: Taint) -> Result<Exit, Error> {
    let CommandContext { options, environment, output } = command;
    environment.check_trust("write to the cache")?;
    let repo = RepositoryContext::new(options, environment, Uncommitted::LeftOut)?;
    let workspace = Workspace::read(&repo.snapshot(), &repo.source)?;
    let projects = arguments.projects.iter().map(|name| selection::project(&repo, &workspace, name));
    let projects = projects.collect::<Result<Vec<_>, _>>()?;
    wait_for(async {
        let registry = registries::registry(&workspace.cache, environment).await?;
        let repository = &workspace.taints;
        let there = match taint {
            Taint::Set => {
                registry.ensure_repository(repository).await?;
                BTreeMap::new()
            }
            Taint::TakeAway => observe::taints(&*registry, &workspace).await?,
        };
        for name in &projects {
            match taint {
                Taint::Set => {
                    let tag = Tag::taint(name, random_id());
                    // A document of its own: to take it away leaves all others.
                    let content = Bytes::from(format!(r#"{{"taint":"{tag}"}}"#));
                    registry.put_artifact(repository, ARTIFACT_TYPE, content, &[tag]).await?;
                    output.status(&format!("`{name}` is tainted: the next build builds it"));
                }
                Taint::TakeAway => {
                    let taints = there.get(name);
                    for tag in taints.into_iter().flatten() {
                        registry.untag(repository, tag).await?;
                    }
                    let state = if taints.is_none() { "was not" } else { "is no longer" };
                    output.status(&format!("`{name}` {state} tainted"));
                }
            }
        }
        Ok(Exit::Done)
    })
}
