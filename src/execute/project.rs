//! Builds one project: its stages, its image, and then its tags.

use std::collections::BTreeMap;

use thiserror::Error;

use super::Executor;
use crate::engine::{BuildRequest, Built, Engine, EngineError};
use crate::model::{
    ErrorKind, ImageRef, ManifestDigest, Platform, ProjectName, RepositoryName, StageName, Tag,
};
use crate::plan::{Reason, Step};
use crate::registry::{Registry, RegistryError, Storage};
use crate::report::{Event, Outcome};
use crate::task::Task;

/// Why a project could not be built.
#[derive(Debug, Error)]
pub enum ExecuteError {
    #[error("cannot build the image")]
    Build(#[source] Box<EngineError>),
    #[error("cannot build the stage `{stage}`")]
    BuildStage {
        stage: StageName,
        #[source]
        source: Box<EngineError>,
    },
    #[error("cannot push `{image}`")]
    Push {
        image: ImageRef,
        #[source]
        source: Box<EngineError>,
    },
    #[error("cannot prepare the repository `{repository}`")]
    Repository {
        repository: RepositoryName,
        #[source]
        source: RegistryError,
    },
    #[error("cannot tag the image in `{repository}`")]
    Tag {
        repository: RepositoryName,
        #[source]
        source: RegistryError,
    },
    #[error("the plan builds a project that nothing is known of")]
    NotPlanned,
}

impl ExecuteError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Build(source) | Self::BuildStage { source, .. } | Self::Push { source, .. } => {
                source.kind()
            }
            Self::Repository { source, .. } | Self::Tag { source, .. } => source.kind(),
            Self::NotPlanned => ErrorKind::Failed,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Build(source) | Self::BuildStage { source, .. } | Self::Push { source, .. } => {
                source.hint()
            }
            Self::Repository { source, .. } | Self::Tag { source, .. } => source.hint(),
            Self::NotPlanned => None,
        }
    }
}

impl ExecuteError {
    /// The last lines that the failed step wrote, oldest first.
    pub fn log_tail(&self) -> &[String] {
        match self {
            Self::Build(source) | Self::BuildStage { source, .. } => source.log_tail(),
            _ => &[],
        }
    }
}

pub(super) async fn build(
    executor: &Executor<'_>,
    step: &Step,
    task: &Task,
    needs: &BTreeMap<ProjectName, ImageRef>,
) -> Result<Outcome, ExecuteError> {
    let in_repository = |source| ExecuteError::Repository { repository: task.repository.clone(), source };
    executor.registry.ensure_repository(&task.repository).await.map_err(in_repository)?;
    let engine = executor.engine.ok_or(ExecuteError::NotPlanned)?;
    let building = Building { executor, engine, step, task, request: request(task, needs) };
    let outcome = match executor.registry.storage() {
        Storage::Engine => building.keep_in_engine().await?,
        Storage::Remote => building.push_to_registry().await?,
    };
    if step.because.contains(&Reason::Tainted) {
        let untagged = executor.registry.untag(&task.repository, &Tag::tainted()).await;
        untagged.map_err(|source| building.tag_failed(source))?;
    }
    Ok(outcome)
}

/// The image by digest where that can be pulled, else by the tag of its inputs.
pub(super) fn pinned(
    registry: &dyn Registry,
    repository: &RepositoryName,
    tag: &Tag,
    digest: ManifestDigest,
) -> ImageRef {
    let image = registry.image(repository, tag);
    match registry.storage() {
        Storage::Engine => image,
        Storage::Remote => image.pinned(digest),
    }
}

/// The task's request, with every parent of ours pinned to its image of this very plan.
fn request(task: &Task, needs: &BTreeMap<ProjectName, ImageRef>) -> BuildRequest {
    let pin = |reference: &str| needs.get(task.parents.get(reference)?).cloned();
    let mut request = task.request.clone();
    request.dockerfile = task.dockerfile.with_parents(|parent| pin(&parent.reference));
    request
}

struct Building<'b, 'e> {
    executor: &'b Executor<'e>,
    engine: &'e dyn Engine,
    step: &'b Step,
    task: &'b Task,
    request: BuildRequest,
}

impl Building<'_, '_> {
    /// Builds and tags where the image already is. The engine's own cache primes the next build.
    async fn keep_in_engine(&self) -> Result<Outcome, ExecuteError> {
        let built = self.image(self.task.platforms.first()).await?;
        let tags: Vec<Tag> = self.branch_tag().into_iter().chain([self.cache_tag()]).collect();
        self.tag(&built.image, &tags).await?;
        Ok(self.built(built.image, &[built]))
    }

    /// Builds and pushes stages and image, then writes the tags.
    async fn push_to_registry(&self) -> Result<Outcome, ExecuteError> {
        let mut stages = Vec::new();
        for stage in &self.task.stages {
            stages.push((stage, self.stage(stage).await?));
        }
        let mut builds = Vec::new();
        let digest = match &self.task.platforms[..] {
            [] | [_] => {
                let built = self.image(self.task.platforms.first()).await?;
                builds.push(built);
                self.push(&builds[0].image, &self.pushed_tag()).await?
            }
            platforms => {
                let mut children = Vec::new();
                for platform in platforms {
                    let built = self.image(Some(platform)).await?;
                    let tag = self.pushed_tag().with_platform(platform);
                    children.push((platform.clone(), self.push(&built.image, &tag).await?));
                    builds.push(built);
                }
                let tags = [self.pushed_tag()];
                let index = self.executor.registry.put_index(&self.task.repository, &children, &tags);
                index.await.map_err(|source| self.tag_failed(source))?
            }
        };
        if let Some(branch) = &self.task.tags.branch {
            for (stage, digest) in &stages {
                self.tag(digest, &[Tag::branch_stage(branch, stage)]).await?;
            }
        }
        let tags: Vec<Tag> = self.branch_tag().into_iter().chain([self.cache_tag()]).collect();
        self.tag(&digest, &tags).await?;
        Ok(self.built(digest, &builds))
    }

    async fn image(&self, platform: Option<&Platform>) -> Result<Built, ExecuteError> {
        let request = BuildRequest { platform: platform.cloned(), ..self.request.clone() };
        self.run(&request).await.map_err(|source| ExecuteError::Build(Box::new(source)))
    }

    async fn stage(&self, stage: &StageName) -> Result<ManifestDigest, ExecuteError> {
        let request = BuildRequest {
            target: Some(stage.clone()),
            platform: self.task.platforms.first().cloned(),
            ..self.request.clone()
        };
        let built = self
            .run(&request)
            .await
            .map_err(|source| ExecuteError::BuildStage { stage: stage.clone(), source: Box::new(source) })?;
        self.push(&built.image, &Tag::cache_stage(&self.task.digest, stage)).await
    }

    async fn run(&self, request: &BuildRequest) -> Result<Built, EngineError> {
        let tell = |progress| {
            (self.executor.tell)(Event::Progress { project: self.step.project.clone(), progress });
        };
        self.engine.build(request, &tell).await
    }

    async fn push(&self, id: &ManifestDigest, tag: &Tag) -> Result<ManifestDigest, ExecuteError> {
        let image = self.executor.registry.image(&self.task.repository, tag);
        let failed = |source| ExecuteError::Push { image: image.clone(), source: Box::new(source) };
        // Asked only now: what was known before the build may have expired since.
        let credentials = self.executor.registry.credentials().await.map_err(|source| {
            ExecuteError::Repository { repository: self.task.repository.clone(), source }
        })?;
        self.engine.tag(id, &image).await.map_err(failed)?;
        (self.executor.tell)(Event::Pushing { project: self.step.project.clone(), image: image.clone() });
        self.engine.push(&image, credentials.as_ref()).await.map_err(failed)
    }

    async fn tag(&self, digest: &ManifestDigest, tags: &[Tag]) -> Result<(), ExecuteError> {
        let tagged = self.executor.registry.tag(&self.task.repository, digest, tags).await;
        tagged.map_err(|source| self.tag_failed(source))
    }

    fn tag_failed(&self, source: RegistryError) -> ExecuteError {
        ExecuteError::Tag { repository: self.task.repository.clone(), source }
    }

    fn cache_tag(&self) -> Tag {
        Tag::cache(&self.task.digest)
    }

    fn branch_tag(&self) -> Option<Tag> {
        self.task.tags.branch.as_ref().map(Tag::branch)
    }

    /// The tag that the engine pushes under: a push needs one, and the cache tag comes last.
    fn pushed_tag(&self) -> Tag {
        self.task.tags.commit.as_ref().map_or_else(|| self.cache_tag(), Tag::commit)
    }

    fn built(&self, digest: ManifestDigest, builds: &[Built]) -> Outcome {
        Outcome::Built {
            image: pinned(self.executor.registry, &self.task.repository, &self.cache_tag(), digest),
            digest,
            steps: builds.iter().map(|built| built.steps).sum(),
            cached_steps: builds.iter().map(|built| built.cached_steps).sum(),
        }
    }
}
