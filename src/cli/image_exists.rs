use clap::Args;

use super::CommandContext;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::{registries, wait_for};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::RepositoryName;
use crate::report::answers;
use crate::workspace;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Name of the repository, without the prefix in `projects.toml`.
    repository: String,
    tag: String,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, output } = command;
    let repo = RepositoryContext::new(options, environment, Uncommitted::LeftOut)?;
    let (manifest, _) = workspace::manifest(&repo.snapshot(), &repo.source)?;
    let repository = arguments.repository.parse::<RepositoryName>()?.with_prefix(&manifest.cache.prefix)?;
    let tag = arguments.tag.parse()?;

    let (image, found) = wait_for(async {
        let registry = registries::registry(&manifest.cache, environment).await?;
        Ok((registry.image(&repository, &tag), registry.find(&repository, &tag).await?))
    })?;

    if options.json {
        output.json(&answers::image_exists(&image, found.as_ref()));
    } else {
        match found {
            Some(digest) => output.stdout(&format!("{image} is {digest}\n")),
            None => output.status(&format!("{image} is not there")),
        }
    }
    Ok(if found.is_some() { Exit::Done } else { Exit::No })
}
