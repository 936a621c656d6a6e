use clap::{Args, ValueEnum};

use super::CommandContext;
use super::environment_records::EnvironmentRecords;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::{registries, wait_for};
use crate::ci::Trust;
use crate::config::EnvironmentName;
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{CommitId, ImageRef, ProjectName, Tag};
use crate::observe::Zone;
use crate::record::{BuildRecord, DeployedProject, RecordError, RecordedImage};
use crate::registry::Registry;
use crate::report::images::{self, Images};
use crate::workspace::{Project, Workspace};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Commit whose images are printed [default: HEAD].
    #[arg(long, value_name = "REV", conflicts_with = "head")]
    commit: Option<String>,
    #[arg(long, value_enum, default_value_t = Format::Text, conflicts_with = "json")]
    format: Format,
    /// Print what an environment runs, by its deployed record, instead of the images of a commit.
    #[arg(short, long, value_name = "NAME", conflicts_with_all = ["commit", "head"])]
    environment: Option<EnvironmentName>,
    /// Print the names that `build --local` and `watch` give to images in the engine; asks neither engine nor cache.
    #[arg(long, conflicts_with_all = ["commit", "environment"])]
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

/// Images, and the commit that they are of as a whole.
struct Found {
    /// `None` for an environment that no deployment has come to its end of.
    commit: Option<CommitId>,
    /// `None` for a commit without a build record.
    images: Option<Images>,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, output } = command;
    let repo = RepositoryContext::new(options, environment, Uncommitted::LeftOut)?;
    let Found { commit, images: found } = match &arguments.environment {
        Some(name) => deployed(command, &repo, name)?,
        None => of_commit(command, &repo, arguments)?,
    };

    let format = if options.json { Format::Json } else { arguments.format };
    let exit = if found.is_some() { Exit::Done } else { Exit::No };
    match (&found, format) {
        (found, Format::Json) => {
            let environment = arguments.environment.as_ref().map(EnvironmentName::as_str);
            output.json(&images::json(environment, commit, found.as_ref()));
        }
        (None, _) => {
            let commit = commit.map(|commit| commit.to_string()).unwrap_or_default();
            output.status(&format!(
                "there is no build record for {commit}: nothing says that all of its images were built"
            ));
        }
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

fn of_commit(
    command: &CommandContext,
    repo: &RepositoryContext,
    arguments: &Arguments,
) -> Result<Found, Error> {
    let commit = match &arguments.commit {
        Some(revision) => repo.repository.commit(revision)?,
        None => repo.head.commit,
    };
    let snapshot = repo.repository.snapshot(commit)?;
    let workspace = Workspace::read(&snapshot, &repo.source)?;
    if arguments.local {
        if let Trust::Untrusted { why } = &repo.trust {
            return Err(Error::NoLocalNames { why: why.clone() });
        }
        return Ok(Found { commit: Some(commit), images: Some(local(&workspace)) });
    }
    let zone = repo.zone(&snapshot, &workspace)?;
    let images = wait_for(async {
        let registry = registries::registry(&workspace.cache, &command.environment).await?;
        let record = record(&*registry, &workspace, zone, commit).await?;
        Ok(record.map(|record| images(&*registry, &record)).transpose()?)
    })?;
    Ok(Found { commit: Some(commit), images })
}

/// What the environment's record names. A project that a deployment left half-way is named with its last known image.
fn deployed(
    command: &CommandContext,
    repo: &RepositoryContext,
    name: &EnvironmentName,
) -> Result<Found, Error> {
    let workspace = Workspace::read(&repo.snapshot(), &repo.source)?;
    let (record, images) = wait_for(async {
        let records = EnvironmentRecords::open(&command.environment, &workspace, name).await?;
        let record = records.read().await?.record;
        let image = |(project, deployed): (&ProjectName, &DeployedProject)| {
            Ok((project.clone(), (records.image(deployed)?, Some(deployed.image.image))))
        };
        let images = record.current().map(image).collect::<Result<Images, Error>>()?;
        Ok((record, images))
    })?;
    for (project, _) in record.current().filter(|(project, _)| record.known(project).is_none()) {
        command.output.status(&format!(
            "`{project}` may run another image: its last deployment to `{name}` did not come to its end"
        ));
    }
    Ok(Found { commit: record.commit, images: Some(images) })
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
