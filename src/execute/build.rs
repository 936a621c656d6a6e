//! Builds one project: its stages, its image, and then its tags.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::Executor;
use super::error::{ExecuteError, MAX_BUILDS};
use super::folders::{FolderImages, FolderStore};
use super::job::{Destination, Tags, Task, TaskVariant};
use super::local;
use super::report::{Event, Needed, Outcome};
use super::seat::Seat;
use super::steps::{StepCount, Steps};
use super::triggers::{self, UnreadCopy};
use super::untrusted::{self, UntrustedRun};
use crate::dockerfile::{FRONTEND_ARGUMENT, Parent};
use crate::engine::{BuildRequest, Built, EngineError, Progress, Step};
use crate::model::{ImageRef, ManifestDigest, ProjectName, RepositoryName, StageName, Tag};
use crate::record::Builders;
use crate::registry::{Registry, RegistryError, Storage};

pub(super) async fn build(
    executor: &Executor<'_>,
    project: &ProjectName,
    task: &Task,
    needs: &BTreeMap<ProjectName, Needed>,
    seats: Vec<Seat<'_>>,
) -> Result<Outcome, ExecuteError> {
    let build = ProjectBuild { executor, project, task, needs, started: SystemTime::now() };
    let tags = match &task.destination {
        Destination::Shared(tags) => tags,
        Destination::Local(_) => return build.keep_local().await,
        Destination::Untrusted(run) => return build.keep_apart(run).await,
    };
    let in_repository = |source| ExecuteError::Repository { repository: task.repository.clone(), source };
    for change in executor.registry.ensure_repository(&task.repository).await.map_err(in_repository)? {
        if change.replaces_something() {
            tracing::warn!("`{}`: {change}", task.repository);
        }
    }
    let outcome = match executor.registry.storage() {
        Storage::Engine => build.keep_in_engine(tags).await?,
        Storage::Remote => build.push_to_registry(tags, seats).await?,
    };
    for taint in &task.taints {
        let removed = executor.registry.untag(&task.taints_repository, taint).await;
        removed.map_err(|source| ExecuteError::Taint { taint: taint.clone(), source })?;
    }
    Ok(outcome)
}

/// Builds and pushes an image that gets no tag. The repository is there already.
///
/// # Panics
/// Where images stay in the engine.
pub(super) async fn build_again(
    executor: &Executor<'_>,
    project: &ProjectName,
    task: &Task,
    needs: &BTreeMap<ProjectName, Needed>,
    seats: Vec<Seat<'_>>,
) -> Result<Outcome, ExecuteError> {
    assert_eq!(executor.registry.storage(), Storage::Remote, "images are compared in a registry");
    ProjectBuild { executor, project, task, needs, started: SystemTime::now() }
        .push_without_a_tag(seats)
        .await
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

pub(super) struct ProjectBuild<'b, 'e> {
    pub(super) executor: &'b Executor<'e>,
    pub(super) project: &'b ProjectName,
    pub(super) task: &'b Task,
    pub(super) needs: &'b BTreeMap<ProjectName, Needed>,
    pub(super) started: SystemTime,
}

impl ProjectBuild<'_, '_> {
    /// Builds and tags where the image already is. The engine's own cache primes the next build.
    async fn keep_in_engine(&self, tags: &Tags) -> Result<Outcome, ExecuteError> {
        let variant = self.task.variants.first().expect("a task has a variant");
        let mut steps = Steps::default();
        let build = async |folders: &FolderImages<'_>| self.image(variant, folders, &mut steps).await;
        let built =
            FolderImages::with(self.task, variant, FolderStore::Engine(self.task.engine()), build).await?;
        let tags: Vec<Tag> = branch_tag(tags).into_iter().chain([self.cache_tag()]).collect();
        self.tag(&built.image, &tags).await?;
        Ok(self.built(built.image, steps.count(), Builders::new()))
    }

    /// Builds and gives the image its local name. Nothing is written anywhere else.
    async fn keep_local(&self) -> Result<Outcome, ExecuteError> {
        let variant = self.task.variants.first().expect("a task has a variant");
        for (name, id) in local::parents(self.task, self.needs) {
            self.name(&id, &name).await?;
        }
        let name = ImageRef::local(&self.task.repository);
        let mut steps = Steps::default();
        let build = async |folders: &FolderImages<'_>| {
            for _ in 1..MAX_BUILDS {
                let built = self.image(variant, folders, &mut steps).await?;
                match self.name(&built.image, &name).await {
                    Err(error) if error.engine_error().is_some_and(EngineError::is_image_missing) => {
                        tracing::debug!(%error, "the image is not in the engine any more");
                    }
                    named => return named.map(|()| built),
                }
            }
            let built = self.image(variant, folders, &mut steps).await?;
            self.name(&built.image, &name).await.map(|()| built)
        };
        let built =
            FolderImages::with(self.task, variant, FolderStore::Engine(self.task.engine()), build).await?;
        let StepCount { all, cached } = steps.count();
        let (digest, of_platforms) = (built.image, BTreeMap::new());
        let builders = Builders::new();
        Ok(Outcome::Built { image: name, of_platforms, digest, steps: all, cached_steps: cached, builders })
    }

    async fn name(&self, id: &ManifestDigest, name: &ImageRef) -> Result<(), ExecuteError> {
        let named = self.task.engine().tag(id, name).await;
        named.map_err(|source| ExecuteError::Name { image: name.clone(), source: Box::new(source) })
    }

    /// Builds each platform by itself and names it in the engine, for this run alone. Nothing is written anywhere else.
    async fn keep_apart(&self, run: &UntrustedRun) -> Result<Outcome, ExecuteError> {
        let mut of_platforms = BTreeMap::new();
        let mut builds = Vec::new();
        for variant in &self.task.variants {
            let mut steps = Steps::default();
            let build = async |folders: &FolderImages<'_>| self.image(variant, folders, &mut steps).await;
            let built =
                FolderImages::with(self.task, variant, FolderStore::Engine(self.task.engine()), build)
                    .await?;
            let name = run.image(&self.task.repository, variant.platform.as_ref());
            self.name(&built.image, &name).await?;
            of_platforms.extend(variant.platform.clone().map(|platform| (platform, name.clone())));
            builds.push((name, built.image, steps.count()));
        }
        let (image, digest, _) = builds.first().expect("a task has a variant").clone();
        let StepCount { all, cached } = builds.iter().map(|(_, _, count)| *count).sum();
        let builders = Builders::new();
        Ok(Outcome::Built { image, of_platforms, digest, steps: all, cached_steps: cached, builders })
    }

    /// Builds an image that stays in the engine.
    async fn image(
        &self,
        variant: &TaskVariant,
        folders: &FolderImages<'_>,
        steps: &mut Steps,
    ) -> Result<Built, ExecuteError> {
        let request = self.request(variant, folders);
        let target = request.target.as_ref();
        let on_progress = |progress| self.on_progress(steps, target, progress);
        let built = self.task.engine().build(&request, &on_progress).await;
        let built = built.map_err(|source| self.failed(variant, Box::new(source), ExecuteError::Build))?;
        steps.add(target, &built.steps);
        self.check_triggers(variant, &built.steps)?;
        Ok(built)
    }

    /// Refuses an image in which files may be missing that a base image's triggers copy.
    pub(super) fn check_triggers(&self, variant: &TaskVariant, steps: &[Step]) -> Result<(), ExecuteError> {
        match triggers::unread_copy(self.task, variant, steps) {
            None => Ok(()),
            Some(UnreadCopy { step, line }) => {
                Err(ExecuteError::UnreadCopy { step, file: self.task.dockerfile.clone(), line })
            }
        }
    }

    /// The error of a builder, in terms of what was built.
    pub(super) fn explain(
        &self,
        variant: &TaskVariant,
        error: ExecuteError,
        in_dockerfile: impl FnOnce(Box<EngineError>) -> ExecuteError,
    ) -> ExecuteError {
        match error {
            ExecuteError::Build(source) => self.failed(variant, source, in_dockerfile),
            other => other,
        }
    }

    /// What a failed build is about: the frontend of the Dockerfile, or something in it.
    fn failed(
        &self,
        variant: &TaskVariant,
        source: Box<EngineError>,
        in_dockerfile: impl FnOnce(Box<EngineError>) -> ExecuteError,
    ) -> ExecuteError {
        match variant.dockerfile.frontend() {
            Some((line, frontend)) if source.is_about_frontend(&frontend) => {
                ExecuteError::Frontend { file: self.task.dockerfile.clone(), line, frontend, source }
            }
            _ => in_dockerfile(source),
        }
    }

    /// The task's request for one platform, with every parent of ours pinned to its image of this very plan, and every folder to its.
    pub(super) fn request(&self, variant: &TaskVariant, folders: &FolderImages<'_>) -> BuildRequest {
        let platform = variant.platform.as_ref();
        let pin = |reference: &str| match variant.folders.get(reference) {
            Some(folder) => folders.get(folder).cloned(),
            None => {
                let need = self.needs.get(variant.parents.get(reference)?)?;
                Some(match &self.task.destination {
                    Destination::Local(run) => run.parent(&need.image),
                    Destination::Shared(_) | Destination::Untrusted(_) => need.on(platform).clone(),
                })
            }
        };
        let pins = &variant.pins;
        let external = |parent: &Parent| {
            let pins = if parent.in_trigger { &pins.triggers } else { &pins.parents };
            pins.get(&parent.reference).cloned()
        };
        let frontend = variant.dockerfile.frontend().and_then(|(_, frontend)| pins.frontends.get(&frontend));
        let pin = |parent: &Parent| pin(&parent.reference).or_else(|| external(parent));
        let dockerfile = variant.dockerfile.with_images(pin, frontend);
        let mut build_args = self.task.request.build_args.clone();
        if let Some(frontend) = build_args.get_mut(FRONTEND_ARGUMENT)
            && let Some(pinned) = pins.frontends.get(frontend)
        {
            *frontend = pinned.to_string();
        }
        BuildRequest {
            build_args,
            dockerfile: match self.task.destination {
                Destination::Shared(_) | Destination::Local(_) => dockerfile,
                Destination::Untrusted(_) => {
                    untrusted::with_steps_of_its_own(&variant.dockerfile, dockerfile)
                }
            },
            platform: variant.platform.clone(),
            cache_from: variant.layers.from.iter().chain(&self.task.request.cache_from).cloned().collect(),
            ..self.task.request.clone()
        }
    }

    pub(super) fn on_progress(&self, steps: &Steps, target: Option<&StageName>, progress: Progress) {
        if steps.is_news(target, &progress) {
            (self.executor.on_event)(Event::Progress { project: self.project.clone(), progress });
        }
    }

    pub(super) async fn tag(&self, digest: &ManifestDigest, tags: &[Tag]) -> Result<(), ExecuteError> {
        let tagged = self.executor.registry.tag(&self.task.repository, digest, tags).await;
        tagged.map_err(|source| self.tag_failed(source))
    }

    pub(super) fn tag_failed(&self, source: RegistryError) -> ExecuteError {
        ExecuteError::Tag { repository: self.task.repository.clone(), source }
    }

    pub(super) fn cache_tag(&self) -> Tag {
        Tag::cache(&self.task.digest)
    }

    pub(super) fn built(&self, digest: ManifestDigest, count: StepCount, builders: Builders) -> Outcome {
        let image = pinned(self.executor.registry, &self.task.repository, &self.cache_tag(), digest);
        let StepCount { all, cached } = count;
        let of_platforms = BTreeMap::new();
        Outcome::Built { image, of_platforms, digest, steps: all, cached_steps: cached, builders }
    }
}

fn branch_tag(tags: &Tags) -> Option<Tag> {
    tags.branch.as_ref().map(Tag::branch)
}
