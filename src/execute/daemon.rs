//! A BuildKit daemon as a builder: it builds and pushes at once.

use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable as _};

use super::builder::{Builder, Publication, PublishEvent, Published};
use super::error::ExecuteError;
use crate::engine::{BuildRequest, Daemon, EngineError, Export};
use crate::model::{ImageRef, Tag};
use crate::registry::OciRegistry;

/// How often an image is built and pushed, the first attempt included. The steps of the others are cached.
const MAX_PUSHES: usize = 5;

/// Before the second attempt; each further delay is twice as long, and up to as much again is added at random.
const FIRST_RETRY_DELAY: Duration = Duration::from_secs(1);

#[async_trait]
impl Builder for Daemon {
    async fn publish(
        &self,
        request: &BuildRequest,
        publication: &Publication<'_>,
        on_event: &(dyn Fn(PublishEvent) + Send + Sync),
    ) -> Result<Published, ExecuteError> {
        let Publication { registry, repository, check, created_seconds, cache_to } = *publication;
        let image = ImageRef { tag: None, ..registry.image(repository, &Tag::latest()) };
        let export = Export {
            repository: image.clone(),
            insecure: registry.oci().is_some_and(OciRegistry::is_plain_http),
            created_seconds,
            cache_to: cache_to.cloned(),
        };
        let on_progress = |progress| on_event(PublishEvent::Build(progress));
        let delays = ExponentialBuilder::new()
            .with_min_delay(FIRST_RETRY_DELAY)
            .with_max_times(MAX_PUSHES - 1)
            .with_jitter();
        let exported = (|| Self::publish(self, request, &export, &on_progress))
            .retry(delays)
            .when(EngineError::is_temporary)
            .notify(|error, delay| {
                let error = error.to_string();
                on_event(PublishEvent::RetryingPush { image: image.clone(), error, delay });
            })
            .await;
        let exported = exported.map_err(|source| match source {
            EngineError::PushFailed { .. } => {
                ExecuteError::Push { image: image.clone(), source: Box::new(source) }
            }
            source => ExecuteError::Build(Box::new(source)),
        })?;
        check(&exported.steps)?;
        let id = exported.config.unwrap_or(exported.digest);
        let verified = registry.verify(repository, &exported.digest, &id).await;
        verified.map_err(|source| ExecuteError::Verify { repository: repository.clone(), source })?;
        Ok(Published { digest: exported.digest, steps: exported.steps })
    }
}
