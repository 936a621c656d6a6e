use clap::{Args, ValueEnum};

use super::CommandContext;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::{registries, wait_for};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{CommitId, ImageRef, ProjectName, Tag};
use crate::observe::Zone;
use crate::record::{BuildRecord, RecordError, RecordedImage};
use crate::registry::Registry;
use crate::report::images::{self, Images};
use crate::workspace::{Project, Workspace};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Commit whose images are printed [default: HEAD].
    #[arg(long, value_name = "REV", conflicts_with = "head")]
    commit: Option<String>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Print the names that `build --local` and `watch` give to images in the engine; asks neither engine nor cache.
    #[arg(long, conflicts_with = "commit")]
    local: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line per project: its name and its image.
    Text,
    Json,
    /// Variables such as `API_IMAGE`.
    Env,
    /// A Compose file that overrides the images of services.
    Compose,
    /// A component of Kustomize.
    Kustomize,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, output } = command;
    let repo = RepositoryContext::new(options, environment, Uncommitted::LeftOut)?;
    let commit = match &arguments.commit {
        Some(revision) => repo.repository.commit(revision)?,
        None => repo.head.commit,
    };
    let snapshot = repo.repository.snapshot(commit)?;
    let workspace = Workspace::read(&snapshot, &repo.source)?;
    let found = match arguments.local {
        true => Some(local(&workspace)),
        false => {
            let zone = repo.zone(&snapshot, &workspace)?;
            wait_for(async {
                let registry = registries::registry(&workspace.cache, environment).await?;
                let record = record(&*registry, &workspace, zone, commit).await?;
                Ok(record.map(|record| images(&*registry, &record)).transpose()?)
            })?
        }
    };

    let format = if options.json { Format::Json } else { arguments.format };
    let exit = if found.is_some() { Exit::Done } else { Exit::No };
    match (&found, format) {
        (found, Format::Json) => output.json(&images::json(commit, found.as_ref())),
        (None, _) => output.status(&format!(
            "there is no build record for {commit}: nothing says that all of its images were built"
        )),
        (Some(images), Format::Text) => output.stdout(&images::text(images)),
        (Some(images), Format::Env) => {
            let text = images::env(images)
                .map_err(|same| Error::SameVariable { variable: same.variable, projects: same.projects })?;
            output.stdout(&text);
        }
        (Some(images), Format::Compose) => output.stdout(&images::compose(images)),
        (Some(images), Format::Kustomize) => output.stdout(&images::kustomize(images)),
    }
    Ok(exit)
}

/// The names of local builds.
fn local(workspace: &Workspace) -> Images {
    let image = |(name, project): (&ProjectName, &Project)| {
        (name.clone(), (ImageRef::local(&project.repository), None))
    };
    workspace.projects.iter().map(image).collect()
}

/// The commit's build record, from where this run reads them.
async fn record(
    registry: &dyn Registry,
    workspace: &Workspace,
    zone: Zone,
    commit: CommitId,
) -> Result<Option<BuildRecord>, Error> {
    for zone in zone.readable() {
        let document = registry.artifact(&zone.records(workspace), &Tag::commit(&commit)).await?;
        if let Some(document) = document {
            let record = BuildRecord::from_bytes(&document)?;
            record.check_is_of(commit)?;
            return Ok(Some(record));
        }
    }
    Ok(None)
}

fn images(registry: &dyn Registry, record: &BuildRecord) -> Result<Images, RecordError> {
    let image = |(project, recorded): (&ProjectName, &RecordedImage)| {
        let image = registry.image(&recorded.repository()?, &Tag::commit(&record.commit));
        Ok((project.clone(), (image, Some(recorded.image))))
    };
    record.projects.iter().map(image).collect()
}
