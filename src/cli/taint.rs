use bytes::Bytes;
use clap::Args;

use super::CommandContext;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::selection;
use super::{registries, wait_for};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::Tag;
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

pub(super) fn run(command: &CommandContext, arguments: &Arguments, taint: Taint) -> Result<Exit, Error> {
    let CommandContext { options, environment, output } = command;
    environment.check_trust("write to the cache")?;
    let repo = RepositoryContext::new(options, environment, Uncommitted::LeftOut)?;
    let workspace = Workspace::read(&repo.snapshot(), &repo.source)?;
    let projects = arguments.projects.iter().map(|name| selection::project(&workspace, name));
    let projects = projects.collect::<Result<Vec<_>, _>>()?;
    wait_for(async {
        let registry = registries::registry(&workspace.cache, environment).await?;
        for name in &projects {
            let repository = &workspace.projects[name].repository;
            match taint {
                Taint::Set => {
                    registry.ensure_repository(repository).await?;
                    let content = Bytes::from_static(b"{}");
                    registry.put_artifact(repository, ARTIFACT_TYPE, content, &[Tag::tainted()]).await?;
                    output.status(&format!("`{name}` is tainted: the next build builds it"));
                }
                Taint::TakeAway => {
                    registry.untag(repository, &Tag::tainted()).await?;
                    output.status(&format!("`{name}` is not tainted"));
                }
            }
        }
        Ok(Exit::Done)
    })
}
