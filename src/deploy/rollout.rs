//! A deployment: images first, then their tags, then project after project until all run theirs.

use crate::config::{EnvironmentName, Service, WorkspaceName};
use crate::model::{
    CommitId, ErrorKind, ImageRef, InputDigest, ManifestDigest, ProjectName, RepositoryName, Tag,
};
use crate::record::{DeployedRecord, RecordedImage};
use crate::registry::{Registry, RegistryError};

use super::{
    Checkout, Deployment, ServiceError, ServiceEvent, Services, Terraform, TerraformError, TerraformEvent,
    TerraformFolder,
};

/// One project's part of a deployment.
#[derive(Clone, Debug)]
pub struct Part<'d> {
    pub project: &'d ProjectName,
    pub inputs: InputDigest,
    pub image: ManifestDigest,
    /// Without the deploy registry's prefix.
    pub repository: &'d RepositoryName,
    /// With it.
    pub destination: RepositoryName,
    /// Besides the commit's, the version's and the environment's.
    pub tags: &'d [Tag],
    pub terraform: Vec<TerraformFolder>,
    pub service: Option<&'d Service>,
    /// The image that the environment runs, as its record says.
    pub runs: Option<ManifestDigest>,
}

/// What came of a part.
#[derive(Debug)]
pub struct PartResult {
    pub project: ProjectName,
    /// The image that the environment runs now, with its digest; `None` when it never ran one.
    pub runs: Option<ImageRef>,
    pub outcome: PartOutcome,
}

#[derive(Debug)]
pub enum PartOutcome {
    /// It ran this image before.
    Unchanged,
    Deployed,
    /// Whether the image before is still all of what runs, only the failed step can tell.
    Failed(PartError),
    /// Something before it failed, or the deployment was stopped.
    NotReached,
}

/// Why a part could not be deployed.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    #[error(transparent)]
    Terraform(#[from] TerraformError),
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl PartError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Terraform(error) => error.kind(),
            Self::Service(error) => error.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Terraform(error) => error.hint(),
            Self::Service(error) => error.hint(),
        }
    }
}

/// Something that happened while a project was deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeployEvent {
    Terraform(TerraformEvent),
    Service(ServiceEvent),
}

/// Gets the events, each with its project.
pub type TellDeploy<'t> = dyn Fn(&ProjectName, DeployEvent) + Send + Sync + 't;

/// A deployment of one commit to one environment.
pub struct Rollout<'d> {
    pub workspace: &'d WorkspaceName,
    pub environment: &'d EnvironmentName,
    pub commit: CommitId,
    /// The git tags of the commit that can be tags of an image.
    pub versions: Vec<Tag>,
    /// In an order in which no project comes before one that it needs.
    pub parts: Vec<Part<'d>>,
    /// Where the images are promoted to.
    pub registry: &'d dyn Registry,
    /// The program, and the commit's files; `None` when no part has a folder for it.
    pub terraform: Option<(Terraform, Checkout)>,
    pub services: Services,
    pub tell: &'d TellDeploy<'d>,
}

impl std::fmt::Debug for Rollout<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Rollout").field("parts", &self.parts).finish_non_exhaustive()
    }
}

impl Part<'_> {
    pub fn is_unchanged(&self) -> bool {
        self.runs == Some(self.image)
    }
}

impl Rollout<'_> {
    /// `<workspace>-<environment>`
    pub fn deploy_tag(&self) -> String {
        format!("{}-{}", self.workspace, self.environment)
    }

    /// The image of a part in the deploy registry.
    pub fn image(&self, part: &Part<'_>) -> ImageRef {
        self.pinned(part, part.image)
    }

    /// Every tag that the part's image gets: the environment's last, as what follows it looks at.
    pub fn tags(&self, part: &Part<'_>) -> Vec<Tag> {
        let environment = self.deploy_tag().parse().expect("both names leave room in a tag");
        let commit = self.commit.to_string().parse().expect("a commit id is a tag");
        let mut tags = vec![commit];
        tags.extend(self.versions.iter().chain(part.tags).cloned());
        tags.push(environment);
        tags
    }

    /// Lets all tags stand for images that are all there.
    ///
    /// # Errors
    /// [`RegistryError`] of the first that could not be written: running it again writes the rest.
    pub async fn tag(&self) -> Result<(), RegistryError> {
        for part in &self.parts {
            self.registry.tag(&part.destination, &part.image, &self.tags(part)).await?;
        }
        Ok(())
    }

    /// Shows what Terraform would change for the parts that are new, and changes nothing.
    ///
    /// # Errors
    /// The first [`PartError`], with its project.
    pub async fn plan(&self) -> Result<(), (ProjectName, PartError)> {
        for part in self.parts.iter().filter(|part| !part.is_unchanged()) {
            self.terraform(part, false).await.map_err(|error| (part.project.clone(), error.into()))?;
        }
        Ok(())
    }

    /// What there is to say when nothing is done.
    pub fn foreseen(&self) -> Vec<PartResult> {
        let result = |part: &Part<'_>| PartResult {
            project: part.project.clone(),
            runs: part.runs.map(|digest| self.pinned(part, digest)),
            outcome: if part.is_unchanged() { PartOutcome::Unchanged } else { PartOutcome::NotReached },
        };
        self.parts.iter().map(result).collect()
    }

    /// Deploys part after part and stops at the first that fails.
    ///
    /// `results` has every part's result at any time, so that who drops this knows what runs where.
    pub async fn run(&self, results: &mut Vec<PartResult>) {
        *results = self.foreseen();
        for (part, result) in self.parts.iter().zip(results) {
            if part.is_unchanged() {
                continue;
            }
            if let Err(error) = self.deploy(part).await {
                result.outcome = PartOutcome::Failed(error);
                return;
            }
            result.runs = Some(self.image(part));
            result.outcome = PartOutcome::Deployed;
        }
    }

    /// What the environment runs after `results`; of projects that had no part, what it ran before.
    pub fn record(&self, before: Option<&DeployedRecord>, results: &[PartResult]) -> DeployedRecord {
        let mut projects = before.map(|record| record.projects.clone()).unwrap_or_default();
        for (part, result) in self.parts.iter().zip(results) {
            if matches!(result.outcome, PartOutcome::Deployed | PartOutcome::Unchanged) {
                let repository = part.destination.to_string();
                let image = RecordedImage { repository, inputs: part.inputs, image: part.image };
                projects.insert(part.project.clone(), image);
            }
        }
        DeployedRecord { environment: self.environment.clone(), commit: self.commit, projects }
    }

    async fn deploy(&self, part: &Part<'_>) -> Result<(), PartError> {
        self.terraform(part, true).await?;
        let Some(service) = part.service else { return Ok(()) };
        let deployment = Deployment {
            workspace: self.workspace,
            environment: self.environment,
            project: part.project,
            repository: part.repository,
            commit: self.commit,
            image: &self.image(part),
        };
        let tell = |event| (self.tell)(part.project, DeployEvent::Service(event));
        Ok(self.services.restart(service, &deployment, &tell).await?)
    }

    async fn terraform(&self, part: &Part<'_>, apply: bool) -> Result<(), TerraformError> {
        let Some((terraform, checkout)) = &self.terraform else { return Ok(()) };
        let tell = |event| (self.tell)(part.project, DeployEvent::Terraform(event));
        for folder in &part.terraform {
            let key = folder.backend_key(&self.deploy_tag(), part.repository.as_str());
            if apply {
                terraform.apply(checkout, folder, &key, &tell).await?;
            } else {
                terraform.plan(checkout, folder, &key, &tell).await?;
            }
        }
        Ok(())
    }

    fn pinned(&self, part: &Part<'_>, digest: ManifestDigest) -> ImageRef {
        let image = self.registry.image(&part.destination, &Tag::commit(&self.commit));
        ImageRef { tag: None, digest: Some(digest), ..image }
    }
}

impl PartError {
    /// The last lines that the program wrote, oldest first.
    pub fn log_tail(&self) -> &[String] {
        match self {
            Self::Terraform(error) => error.log_tail(),
            Self::Service(error) => error.log_tail(),
        }
    }
}
