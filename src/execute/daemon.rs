//! A BuildKit daemon as a builder: it builds and pushes at once.

use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable as _};

use super::builder::{Builder, Publication, PublishEvent, Published};
use super::error::ExecuteError;
use crate::engine::{BuildRequest, Daemon, EngineError, Export, Exported, Progress};
use crate::model::{ImageRef, Tag};
use crate::registry::{OciRegistry, Throttling};

/// How often an image is built and pushed, the first attempt included. The steps of the others are cached.
const MAX_PUSHES: usize = 5;

/// Before the second attempt; each further delay is twice as long, and up to as much again is added at random.
const FIRST_RETRY_DELAY: Duration = Duration::from_secs(1);

/// How often the layers of all stages are exported, the first attempt included.
const MAX_CACHE_EXPORTS: u32 = 3;

type OnEvent<'e> = &'e (dyn Fn(PublishEvent) + Send + Sync);

#[async_trait]
impl Builder for Daemon {
    async fn publish(
        &self,
        request: &BuildRequest,
        publication: &Publication<'_>,
        on_event: OnEvent<'_>,
    ) -> Result<Published, ExecuteError> {
        let Publication { registry, repository, check, created_seconds, cache_to } = *publication;
        let image = ImageRef { tag: None, ..registry.image(repository, &Tag::latest()) };
        let export = Export {
            repository: image.clone(),
            insecure: registry.oci().is_some_and(OciRegistry::is_plain_http),
            created_seconds,
            cache_to: cache_to.cloned(),
        };
        let build = || export_with_retries(self, request, &export, on_event);
        // The daemon writes the manifest, and its turn is one as any other. It is taken before the build, which nobody can stop before the push.
        let exported = match registry.oci().map(OciRegistry::put_limiter) {
            None => build().await,
            Some(limiter) => {
                let throttling = |error: &EngineError| error.is_throttled().then(Throttling::default);
                limiter.put(throttling, build).await
            }
        };
        let exported = exported.map_err(|source| match source {
            EngineError::PushFailed { .. } => {
                ExecuteError::Push { image: image.clone(), source: Box::new(source) }
            }
            source => ExecuteError::Build(Box::new(source)),
        })?;
        if let Some(message) = keep_layers(self, request, &export, &exported).await {
            let text = format!("the layers were not kept in the registry for other builders: {message}");
            on_event(PublishEvent::Build(Progress::Warning { text, url: None }));
        }
        check(&exported.steps)?;
        let id = exported.config.unwrap_or(exported.digest);
        let verified = registry.verify(repository, &exported.digest, &id).await;
        verified.map_err(|source| ExecuteError::Verify { repository: repository.clone(), source })?;
        Ok(Published { digest: exported.digest, steps: exported.steps })
    }
}

/// Builds and pushes, again after transient trouble. What is throttled has to wait for its turn.
async fn export_with_retries(
    daemon: &Daemon,
    request: &BuildRequest,
    export: &Export,
    on_event: OnEvent<'_>,
) -> Result<Exported, EngineError> {
    let on_progress = |progress| on_event(PublishEvent::Build(progress));
    let delays = ExponentialBuilder::new()
        .with_min_delay(FIRST_RETRY_DELAY)
        .with_max_times(MAX_PUSHES - 1)
        .with_jitter();
    (|| daemon.publish(request, export, &on_progress))
        .retry(delays)
        .when(|error| error.is_temporary() && !error.is_throttled())
        .notify(|error, delay| {
            let (image, error) = (export.repository.clone(), error.to_string());
            on_event(PublishEvent::RetryingPush { image, error, delay });
        })
        .await
}

/// Retries to keep the layers in the registry where that failed and may work later; returns why they are not kept. All
/// steps are cached, so that little else is done.
async fn keep_layers(
    daemon: &Daemon,
    request: &BuildRequest,
    export: &Export,
    exported: &Exported,
) -> Option<String> {
    let mut failed = exported.failed_cache_export.clone()?;
    for attempt in 1..MAX_CACHE_EXPORTS {
        // Without the layer cache, all steps would run once more.
        if !failed.is_temporary || request.no_cache {
            break;
        }
        tracing::info!(attempt, message = failed.message, "the layers are exported again");
        tokio::time::sleep(FIRST_RETRY_DELAY * 2_u32.pow(attempt)).await;
        match daemon.publish(request, export, &|_| ()).await {
            Ok(again) => failed = again.failed_cache_export?,
            Err(error) => return Some(error.to_string()),
        }
    }
    Some(failed.message)
}
