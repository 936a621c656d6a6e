//! Builds one project for a registry: its stages and images by a builder, and then its tags.

use futures_util::future::try_join_all;

use super::Executor;
use super::build::ProjectBuild;
use super::builder::{Builder, Publication, PublishEvent};
use super::error::ExecuteError;
use super::folders::{FolderImages, FolderStore};
use super::job::{Backend, Tags, Task, TaskVariant};
use super::push::EngineBuilder;
use super::report::{Event, Outcome};
use super::seat::Seat;
use super::steps::{StepCount, Steps};
use crate::engine::{BuildRequest, Step};
use crate::model::{ImageRef, ManifestDigest, Platform, StageName, Tag};
use crate::record::Builders;

/// What is in the registry of one platform.
struct PublishedVariant<'b> {
    variant: &'b TaskVariant,
    image: ManifestDigest,
    stages: Vec<(&'b StageName, ManifestDigest)>,
    count: StepCount,
}

/// Images of one target, one for each platform that has it.
type Images<'b> = Vec<(&'b TaskVariant, ManifestDigest)>;

impl<'b> ProjectBuild<'b, '_> {
    /// Builds and pushes stages and images of all platforms, then writes the tags.
    pub(super) async fn push_to_registry(
        &self,
        named: &Tags,
        seats: Vec<Seat<'_>>,
    ) -> Result<Outcome, ExecuteError> {
        let (of_variants, builders) = self.publish_variants(seats).await?;
        let (mut stages, mut images) = (Vec::<(&StageName, Images<'_>)>::new(), Vec::new());
        let mut counts = Vec::new();
        for PublishedVariant { variant, image, stages: of_variant, count } in of_variants {
            for (stage, digest) in of_variant {
                match stages.iter_mut().find(|(name, _)| *name == stage) {
                    Some((_, images)) => images.push((variant, digest)),
                    None => stages.push((stage, vec![(variant, digest)])),
                }
            }
            images.push((variant, image));
            counts.push(count);
        }
        for (stage, images) in stages {
            let digest = self.index(images).await?;
            let tag = named.branch.as_ref().map(|branch| Tag::branch_stage(branch, stage));
            self.tag(&digest, tag.as_slice()).await?;
        }
        let digest = self.index(images).await?;
        self.attest(digest).await?;
        let commit = named.commit.as_ref().map(Tag::commit);
        let tags: Vec<Tag> = commit
            .into_iter()
            .chain(named.branch.as_ref().map(Tag::branch))
            .chain([self.cache_tag()])
            .collect();
        self.tag(&digest, &tags).await?;
        Ok(self.built(digest, counts.into_iter().sum(), builders))
    }

    /// Builds and pushes the images of all platforms, and gives them no name.
    pub(super) async fn push_without_a_tag(&self, seats: Vec<Seat<'_>>) -> Result<Outcome, ExecuteError> {
        let (of_variants, builders) = self.publish_variants(seats).await?;
        let counts = of_variants.iter().map(|published| published.count).sum();
        let images = of_variants.into_iter().map(|published| (published.variant, published.image));
        let digest = self.index(images.collect()).await?;
        Ok(self.built(digest, counts, builders))
    }

    /// Builds and pushes stages and images of all platforms; tells which builders made them.
    async fn publish_variants(
        &self,
        seats: Vec<Seat<'_>>,
    ) -> Result<(Vec<PublishedVariant<'b>>, Builders), ExecuteError> {
        match &self.task.backend {
            Backend::Engine(engine) => {
                let builder = EngineBuilder { engine: &**engine };
                let mut of_variants = Vec::new();
                for variant in &self.task.variants {
                    let store = FolderStore::Engine(&**engine);
                    of_variants.push(self.publish_variant(&builder, store, variant).await?);
                }
                Ok((of_variants, Builders::new()))
            }
            Backend::Builders(_) => {
                let registry = self.executor.registry;
                let publish = async |(seat, variant): (Seat<'_>, &'b TaskVariant)| {
                    let store = FolderStore::Registry { builder: &seat, registry };
                    let published = self.publish_variant(&seat, store, variant).await?;
                    Ok::<_, ExecuteError>((published, seat.made_by()))
                };
                let all = try_join_all(seats.into_iter().zip(&self.task.variants).map(publish)).await?;
                let (published, made_by): (Vec<_>, Vec<_>) = all.into_iter().unzip();
                Ok((published, made_by.into_iter().flatten().collect()))
            }
        }
    }

    /// Builds and pushes the stages and the image of one platform.
    async fn publish_variant(
        &self,
        builder: &dyn Builder,
        store: FolderStore<'_>,
        variant: &'b TaskVariant,
    ) -> Result<PublishedVariant<'b>, ExecuteError> {
        let (mut stages, mut steps) = (Vec::new(), Steps::default());
        let build = async |folders: &FolderImages<'_>| {
            for stage in &variant.stages {
                let digest = self.publish_stage(builder, variant, folders, stage, &mut steps).await?;
                stages.push((stage, digest));
            }
            self.publish_image(builder, variant, folders, &mut steps).await
        };
        let image = FolderImages::with(self.task, variant, store, build).await?;
        Ok(PublishedVariant { variant, image, stages, count: steps.count() })
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

    /// Builds and pushes the image of one platform.
    async fn publish_image(
        &self,
        builder: &dyn Builder,
        variant: &TaskVariant,
        folders: &FolderImages<'_>,
        steps: &mut Steps,
    ) -> Result<ManifestDigest, ExecuteError> {
        let request = self.request(variant, folders);
        let check = |steps: &[Step]| self.check_triggers(variant, steps);
        let cache_to = variant.layers.to.as_ref();
        let published = self.publish(builder, &request, cache_to, steps, &check).await;
        published.map_err(|error| self.explain(variant, error, ExecuteError::Build))
    }

    /// The same for a named stage, from which later builds are primed.
    async fn publish_stage(
        &self,
        builder: &dyn Builder,
        variant: &TaskVariant,
        folders: &FolderImages<'_>,
        stage: &StageName,
        steps: &mut Steps,
    ) -> Result<ManifestDigest, ExecuteError> {
        let request = BuildRequest { target: Some(stage.clone()), ..self.request(variant, folders) };
        let published = self.publish(builder, &request, None, steps, &|_| Ok(())).await;
        let of_stage = |source| ExecuteError::BuildStage { stage: stage.clone(), source };
        published.map_err(|error| self.explain(variant, error, of_stage))
    }

    async fn publish(
        &self,
        builder: &dyn Builder,
        request: &BuildRequest,
        cache_to: Option<&ImageRef>,
        steps: &mut Steps,
        check: &(dyn Fn(&[Step]) -> Result<(), ExecuteError> + Send + Sync),
    ) -> Result<ManifestDigest, ExecuteError> {
        let target = request.target.as_ref();
        let reported = &*steps;
        let on_event = |event| match event {
            PublishEvent::Build(progress) => self.on_progress(reported, target, progress),
            PublishEvent::Pushing { image } => {
                (self.executor.on_event)(Event::Pushing { project: self.project.clone(), image });
            }
            PublishEvent::RetryingPush { image, error, delay } => {
                let project = self.project.clone();
                (self.executor.on_event)(Event::RetryingPush { project, image, error, delay });
            }
        };
        let Self {
            executor: Executor { registry, .. }, task: Task { repository, commit_seconds, .. }, ..
        } = self;
        let publication = Publication {
            registry: *registry,
            repository,
            check,
            created_seconds: *commit_seconds,
            cache_to,
        };
        let published = builder.publish(request, &publication, &on_event).await?;
        steps.add(target, &published.steps);
        Ok(published.digest)
    }
}
