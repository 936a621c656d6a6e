//! A Docker engine as a builder: it builds, then pushes under a name that stays in no engine.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable as _};

use super::builder::{Builder, Publication, PublishEvent, Published};
use super::error::{ExecuteError, MAX_BUILDS};
use crate::engine::{BuildRequest, Built, Engine, EngineError, Step};
use crate::model::{ImageRef, Login, ManifestDigest, Tag};
use crate::registry::{OciRegistry, Throttling};

/// How often an image is pushed, the first attempt included.
const MAX_PUSHES: usize = 5;

/// Before the second push; each further delay is twice as long, and up to as much again is added at random.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(500);

type OnEvent<'e> = &'e (dyn Fn(PublishEvent) + Send + Sync);

/// Builds and pushes with a Docker engine.
pub(super) struct EngineBuilder<'e> {
    pub(super) engine: &'e dyn Engine,
}

#[async_trait]
impl Builder for EngineBuilder<'_> {
    /// Where an equal build has removed the image before it was pushed, it is built again, from the layer cache.
    async fn publish(
        &self,
        request: &BuildRequest,
        publication: &Publication<'_>,
        on_event: OnEvent<'_>,
    ) -> Result<Published, ExecuteError> {
        let mut steps = Steps::default();
        for _ in 1..MAX_BUILDS {
            match self.publish_once(request, publication, on_event, &mut steps).await {
                Err(error) if error.engine_error().is_some_and(EngineError::is_image_missing) => {
                    tracing::debug!(%error, "the image is not in the engine any more");
                }
                published => return Ok(Published { digest: published?, steps: steps.into() }),
            }
        }
        let digest = self.publish_once(request, publication, on_event, &mut steps).await?;
        Ok(Published { digest, steps: steps.into() })
    }
}

impl EngineBuilder<'_> {
    async fn publish_once(
        &self,
        request: &BuildRequest,
        publication: &Publication<'_>,
        on_event: OnEvent<'_>,
        steps: &mut Steps,
    ) -> Result<ManifestDigest, ExecuteError> {
        let on_progress = |progress| on_event(PublishEvent::Build(progress));
        let built = self.engine.build(request, &on_progress).await;
        let built = built.map_err(|source| ExecuteError::Build(Box::new(source)))?;
        steps.add(&built);
        (publication.check)(&built.steps)?;
        self.push(&built, publication, on_event).await
    }

    /// Pushes what was built and leaves no name of it in the engine, unless the run is interrupted.
    async fn push(
        &self,
        built: &Built,
        publication: &Publication<'_>,
        on_event: OnEvent<'_>,
    ) -> Result<ManifestDigest, ExecuteError> {
        let image = publication.registry.image(publication.repository, &Tag::pushed(&built.image));
        let pushed = self.push_as(&image, built, publication, on_event).await;
        // An image that a container uses, for example, can't be removed. It is pushed all the same.
        if let Err(error) = self.engine.untag(&image).await {
            tracing::warn!(%image, "the image stays in the engine: {error}");
        }
        pushed
    }

    /// Pushes what was built, under a name that no other image can have, when it is its turn: what moves between the engine and the registry
    /// is known by its id, and checked to have it when it is there.
    async fn push_as(
        &self,
        image: &ImageRef,
        built: &Built,
        publication: &Publication<'_>,
        on_event: OnEvent<'_>,
    ) -> Result<ManifestDigest, ExecuteError> {
        let Publication { registry, repository, .. } = *publication;
        let failed = |source| ExecuteError::Push { image: image.clone(), source: Box::new(source) };
        // Asked only now: what was known before the build may have expired since.
        let login = registry
            .login()
            .await
            .map_err(|source| ExecuteError::Repository { repository: repository.clone(), source })?;
        self.engine.tag(&built.image, image).await.map_err(failed)?;
        on_event(PublishEvent::Pushing { image: image.clone() });
        let pushed = match registry.oci().map(OciRegistry::put_limiter) {
            None => self.push_with_retries(image, login.as_ref(), on_event).await,
            Some(limiter) => {
                let throttling = |error: &EngineError| error.is_throttled().then(Throttling::default);
                limiter.put(throttling, || self.push_with_retries(image, login.as_ref(), on_event)).await
            }
        };
        let digest = pushed.map_err(failed)?;
        let verified = registry.verify(repository, &digest, &built.image).await;
        verified.map_err(|source| ExecuteError::Verify { repository: repository.clone(), source })?;
        Ok(digest)
    }

    /// Pushes again after transient trouble. What is throttled has to wait for its turn.
    async fn push_with_retries(
        &self,
        image: &ImageRef,
        login: Option<&Login>,
        on_event: OnEvent<'_>,
    ) -> Result<ManifestDigest, EngineError> {
        let delays = ExponentialBuilder::new()
            .with_min_delay(FIRST_RETRY_DELAY)
            .with_max_times(MAX_PUSHES - 1)
            .with_jitter();
        (|| self.engine.push(image, login))
            .retry(delays)
            .when(|error| error.is_temporary() && !error.is_throttled())
            .notify(|error, delay| {
                on_event(PublishEvent::RetryingPush {
                    image: image.clone(),
                    error: error.to_string(),
                    delay,
                });
            })
            .await
    }
}

/// The steps of several builds of one image: a step is cached only if no build had to run it.
#[derive(Default)]
struct Steps(BTreeMap<String, bool>);

impl Steps {
    fn add(&mut self, built: &Built) {
        for step in &built.steps {
            *self.0.entry(step.name.clone()).or_insert(true) &= step.cached;
        }
    }
}

impl From<Steps> for Vec<Step> {
    fn from(steps: Steps) -> Self {
        steps.0.into_iter().map(|(name, cached)| Step { name, cached }).collect()
    }
}
