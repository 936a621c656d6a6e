//! Pushes what was built, under a name that stays in no engine.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};

use super::Executor;
use super::error::{ExecuteError, MAX_BUILDS};
use super::job::Task;
use super::report::Event;
use crate::engine::{Built, EngineError};
use crate::model::{ImageRef, Login, ManifestDigest, ProjectName, Tag};
use crate::registry::{OciRegistry, Throttling};

/// How often an image is pushed, the first attempt included.
const MAX_PUSHES: usize = 5;

/// Before the second push; each further delay is twice as long, and up to as much again is added at random.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(500);

/// Pushes of one project's images.
pub(super) struct Push<'b, 'e> {
    pub(super) executor: &'b Executor<'e>,
    pub(super) project: &'b ProjectName,
    pub(super) task: &'b Task,
}

impl Push<'_, '_> {
    /// Builds and pushes. Where an equal build has removed its image between the two, it is built again, from the layer cache.
    pub(super) async fn publish(
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

    /// Pushes what was built, under a name that no other image can have, when it is its turn: what moves between the engine and the registry
    /// is known by its id, and checked to have it when it is there.
    async fn push_as(&self, image: &ImageRef, built: &Built) -> Result<ManifestDigest, ExecuteError> {
        let Task { engine, repository, .. } = self.task;
        let registry = self.executor.registry;
        let failed = |source| ExecuteError::Push { image: image.clone(), source: Box::new(source) };
        // Asked only now: what was known before the build may have expired since.
        let login = registry
            .login()
            .await
            .map_err(|source| ExecuteError::Repository { repository: repository.clone(), source })?;
        engine.tag(&built.image, image).await.map_err(failed)?;
        (self.executor.on_event)(Event::Pushing { project: self.project.clone(), image: image.clone() });
        let pushed = match registry.oci().map(OciRegistry::put_limiter) {
            None => self.push_with_retries(image, login.as_ref()).await,
            Some(limiter) => {
                let throttling = |error: &EngineError| error.is_throttled().then(Throttling::default);
                limiter.put(throttling, || self.push_with_retries(image, login.as_ref())).await
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
    ) -> Result<ManifestDigest, EngineError> {
        let delays = ExponentialBuilder::new()
            .with_min_delay(FIRST_RETRY_DELAY)
            .with_max_times(MAX_PUSHES - 1)
            .with_jitter();
        (|| self.task.engine.push(image, login))
            .retry(delays)
            .when(|error| error.is_temporary() && !error.is_throttled())
            .notify(|error, delay| {
                let (project, image) = (self.project.clone(), image.clone());
                let error = error.to_string();
                (self.executor.on_event)(Event::RetryingPush { project, image, error, delay });
            })
            .await
    }
}
