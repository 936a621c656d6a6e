//! Builds one project: its stages, its image, and then its tags.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use thiserror::Error;

use super::Executor;
use super::job::{Destination, Tags, Task, TaskVariant};
use super::report::{Event, Failure, Needed, Outcome};
use super::steps::{StepCount, Steps};
use super::untrusted::{self, UntrustedRun};
use crate::engine::{BuildRequest, Built, EngineError};
use crate::model::{
    ErrorKind, ImageRef, ManifestDigest, Platform, ProjectName, RepositoryName, StageName, Tag,
};
use crate::registry::{Registry, RegistryError, Storage};

/// How often an image is built that other builds remove before it is pushed.
const MAX_BUILDS: usize = 3;

/// How often an image is pushed, the first attempt included.
const MAX_PUSHES: usize = 5;

/// Before the second push; each further delay is twice as long, and up to as much again is added at random.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(500);

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
    #[error("cannot give the image the name `{image}`")]
    Name {
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
    #[error("cannot remove the taint `{taint}`")]
    Taint {
        taint: Tag,
        #[source]
        source: RegistryError,
    },
    #[error("cannot see whether the registry has what was pushed to `{repository}`")]
    Verify {
        repository: RepositoryName,
        #[source]
        source: RegistryError,
    },
}

impl ExecuteError {
    /// Whether the environment failed: a build that failed is no such error.
    pub fn kind(&self) -> ErrorKind {
        let is_lost = self.engine_error().is_some_and(EngineError::is_lost);
        if is_lost { ErrorKind::Environment } else { ErrorKind::Failed }
    }

    /// What reports say of it.
    pub(super) fn failure(&self) -> Failure {
        let mut causes = vec![self.to_string()];
        let mut source = self.source();
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        let engine = self.engine_error();
        Failure {
            causes,
            step: engine.and_then(EngineError::step).map(str::to_owned),
            exit_code: engine.and_then(EngineError::exit_code),
            log_tail: engine.map(EngineError::log_tail).unwrap_or_default().to_vec(),
            hint: engine.and_then(EngineError::hint),
            kind: self.kind(),
        }
    }

    /// The error of the engine, if that is what failed.
    pub fn engine_error(&self) -> Option<&EngineError> {
        match self {
            Self::Build(source)
            | Self::BuildStage { source, .. }
            | Self::Push { source, .. }
            | Self::Name { source, .. } => Some(source),
            Self::Repository { .. } | Self::Tag { .. } | Self::Taint { .. } | Self::Verify { .. } => None,
        }
    }
}

pub(super) async fn build(
    executor: &Executor<'_>,
    project: &ProjectName,
    task: &Task,
    needs: &BTreeMap<ProjectName, Needed>,
) -> Result<Outcome, ExecuteError> {
    let build = ProjectBuild { executor, project, task, needs };
    let tags = match &task.destination {
        Destination::Shared(tags) => tags,
        Destination::Untrusted(run) => return build.keep_apart(run).await,
    };
    let in_repository = |source| ExecuteError::Repository { repository: task.repository.clone(), source };
    executor.registry.ensure_repository(&task.repository).await.map_err(in_repository)?;
    let outcome = match executor.registry.storage() {
        Storage::Engine => build.keep_in_engine(tags).await?,
        Storage::Remote => build.push_to_registry(tags).await?,
    };
    for taint in &task.taints {
        let removed = executor.registry.untag(&task.taints_repository, taint).await;
        removed.map_err(|source| ExecuteError::Taint { taint: taint.clone(), source })?;
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

struct ProjectBuild<'b, 'e> {
    executor: &'b Executor<'e>,
    project: &'b ProjectName,
    task: &'b Task,
    needs: &'b BTreeMap<ProjectName, Needed>,
}

/// Images of one target, one for each platform that has it.
type Images<'b> = Vec<(&'b TaskVariant, ManifestDigest)>;

impl<'b> ProjectBuild<'b, '_> {
    /// Builds and tags where the image already is. The engine's own cache primes the next build.
    async fn keep_in_engine(&self, tags: &Tags) -> Result<Outcome, ExecuteError> {
        let variant = self.task.variants.first().expect("a task has a variant");
        let mut steps = Steps::default();
        let built = self.image(variant, &mut steps).await?;
        let tags: Vec<Tag> = branch_tag(tags).into_iter().chain([self.cache_tag()]).collect();
        self.tag(&built.image, &tags).await?;
        Ok(self.built(built.image, steps.count()))
    }

    /// Builds each platform by itself and names it in the engine, for this run alone. Nothing is written anywhere else.
    async fn keep_apart(&self, run: &UntrustedRun) -> Result<Outcome, ExecuteError> {
        let mut of_platforms = BTreeMap::new();
        let mut builds = Vec::new();
        for variant in &self.task.variants {
            let mut steps = Steps::default();
            let built = self.image(variant, &mut steps).await?;
            let name = run.image(&self.task.repository, variant.platform.as_ref());
            let named = self.task.engine.tag(&built.image, &name).await;
            named.map_err(|source| ExecuteError::Name { image: name.clone(), source: Box::new(source) })?;
            of_platforms.extend(variant.platform.clone().map(|platform| (platform, name.clone())));
            builds.push((name, built.image, steps.count()));
        }
        let (image, digest, _) = builds.first().expect("a task has a variant").clone();
        let StepCount { all, cached } = builds.iter().map(|(_, _, count)| *count).sum();
        Ok(Outcome::Built { image, of_platforms, digest, steps: all, cached_steps: cached })
    }

    /// Builds and pushes stages and images of all platforms, then writes the tags.
    async fn push_to_registry(&self, named: &Tags) -> Result<Outcome, ExecuteError> {
        let (mut stages, mut images, mut counts) =
            (Vec::<(&StageName, Images<'_>)>::new(), Vec::new(), Vec::new());
        for variant in &self.task.variants {
            let mut steps = Steps::default();
            for stage in &variant.stages {
                let digest = self.publish(async || self.stage(variant, stage, &mut steps).await).await?;
                match stages.iter_mut().find(|(name, _)| *name == stage) {
                    Some((_, images)) => images.push((variant, digest)),
                    None => stages.push((stage, vec![(variant, digest)])),
                }
            }
            let digest = self.publish(async || self.image(variant, &mut steps).await).await?;
            images.push((variant, digest));
            counts.push(steps.count());
        }
        for (stage, images) in stages {
            let digest = self.index(images).await?;
            let branch = named.branch.as_ref().map(|branch| Tag::branch_stage(branch, stage));
            let tags: Vec<Tag> =
                [Tag::cache_stage(&self.task.digest, stage)].into_iter().chain(branch).collect();
            self.tag(&digest, &tags).await?;
        }
        let digest = self.index(images).await?;
        let commit = named.commit.as_ref().map(Tag::commit);
        let tags: Vec<Tag> = commit.into_iter().chain(branch_tag(named)).chain([self.cache_tag()]).collect();
        self.tag(&digest, &tags).await?;
        Ok(self.built(digest, counts.into_iter().sum()))
    }

    /// One image as it is, several as an index of them.
    async fn index(&self, images: Images<'b>) -> Result<ManifestDigest, ExecuteError> {
        if let [(_, digest)] = images[..] {
            return Ok(digest);
        }
        let of_platforms =
            images.into_iter().filter_map(|(variant, digest)| Some((variant.platform.clone()?, digest)));
        let of_platforms: Vec<(Platform, ManifestDigest)> = of_platforms.collect();
        let index = self.executor.registry.put_index(&self.task.repository, &of_platforms).await;
        index.map_err(|source| self.tag_failed(source))
    }

    async fn image(&self, variant: &TaskVariant, steps: &mut Steps) -> Result<Built, ExecuteError> {
        let request = self.request(variant);
        self.run(&request, steps).await.map_err(|source| ExecuteError::Build(Box::new(source)))
    }

    async fn stage(
        &self,
        variant: &TaskVariant,
        stage: &StageName,
        steps: &mut Steps,
    ) -> Result<Built, ExecuteError> {
        let request = BuildRequest { target: Some(stage.clone()), ..self.request(variant) };
        let failed = |source| ExecuteError::BuildStage { stage: stage.clone(), source: Box::new(source) };
        self.run(&request, steps).await.map_err(failed)
    }

    /// The task's request for one platform, with every parent of ours pinned to its image of this very plan.
    fn request(&self, variant: &TaskVariant) -> BuildRequest {
        let platform = variant.platform.as_ref();
        let pin =
            |reference: &str| Some(self.needs.get(variant.parents.get(reference)?)?.on(platform).clone());
        let dockerfile = variant.dockerfile.with_parents(|parent| pin(&parent.reference));
        BuildRequest {
            dockerfile: match self.task.destination {
                Destination::Shared(_) => dockerfile,
                Destination::Untrusted(_) => {
                    untrusted::with_steps_of_its_own(&variant.dockerfile, dockerfile)
                }
            },
            platform: variant.platform.clone(),
            ..self.task.request.clone()
        }
    }

    async fn run(&self, request: &BuildRequest, steps: &mut Steps) -> Result<Built, EngineError> {
        let target = request.target.as_ref();
        let on_progress = |progress| {
            if steps.is_news(target, &progress) {
                (self.executor.on_event)(Event::Progress { project: self.project.clone(), progress });
            }
        };
        let built = self.task.engine.build(request, &on_progress).await?;
        steps.add(target, &built);
        Ok(built)
    }

    /// Builds and pushes. Where an equal build has removed its image between the two, it is built again, from the layer cache.
    async fn publish(
        &self,
        mut build: impl AsyncFnMut() -> Result<Built, ExecuteError>,
    ) -> Result<ManifestDigest, ExecuteError> {
        for _ in 1..MAX_BUILDS {
            match self.push(&build().await?).await {
                Err(error) if error.engine_error().is_some_and(EngineError::is_image_missing) => {
                    tracing::debug!(%error, "the image is not in the engine any more");
                }
                pushed => return pushed,
            }
        }
        self.push(&build().await?).await
    }

    /// Pushes what was built and leaves no name of it in the engine, unless the run is interrupted.
    async fn push(&self, built: &Built) -> Result<ManifestDigest, ExecuteError> {
        let image = self.executor.registry.image(&self.task.repository, &Tag::pushed(&built.image));
        let pushed = self.push_as(&image, built).await;
        // An image that a container uses, for example, can't be removed. It is pushed all the same.
        if let Err(error) = self.task.engine.untag(&image).await {
            tracing::warn!(%image, "the image stays in the engine: {error}");
        }
        pushed
    }

    /// Pushes what was built, under a name that no other image can have: what moves between the engine and the registry
    /// is known by its id, and checked to have it when it is there.
    async fn push_as(&self, image: &ImageRef, built: &Built) -> Result<ManifestDigest, ExecuteError> {
        let Task { engine, repository, .. } = self.task;
        let registry = self.executor.registry;
        let failed = |source| ExecuteError::Push { image: image.clone(), source: Box::new(source) };
        // Asked only now: what was known before the build may have expired since.
        let credentials = registry.credentials().await;
        let credentials = credentials
            .map_err(|source| ExecuteError::Repository { repository: repository.clone(), source })?;
        engine.tag(&built.image, image).await.map_err(failed)?;
        (self.executor.on_event)(Event::Pushing { project: self.project.clone(), image: image.clone() });
        let delays = ExponentialBuilder::new()
            .with_min_delay(FIRST_RETRY_DELAY)
            .with_max_times(MAX_PUSHES - 1)
            .with_jitter();
        let digest = (|| engine.push(image, credentials.as_ref()))
            .retry(delays)
            .when(EngineError::is_temporary)
            .notify(|error, delay| {
                let (project, image) = (self.project.clone(), image.clone());
                let error = error.to_string();
                (self.executor.on_event)(Event::RetryingPush { project, image, error, delay });
            })
            .await
            .map_err(failed)?;
        let verified = registry.verify(repository, &digest, &built.image).await;
        verified.map_err(|source| ExecuteError::Verify { repository: repository.clone(), source })?;
        Ok(digest)
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

    fn built(&self, digest: ManifestDigest, count: StepCount) -> Outcome {
        let image = pinned(self.executor.registry, &self.task.repository, &self.cache_tag(), digest);
        let StepCount { all, cached } = count;
        Outcome::Built { image, of_platforms: BTreeMap::new(), digest, steps: all, cached_steps: cached }
    }
}

fn branch_tag(tags: &Tags) -> Option<Tag> {
    tags.branch.as_ref().map(Tag::branch)
}
