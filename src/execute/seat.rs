//! The place of one platform of a project among builders.

use std::time::Duration;

use async_trait::async_trait;

use super::builder::{Builder, Publication, PublishEvent, Published};
use super::error::ExecuteError;
use super::pool::{Assigned, BuilderPool, PoolMember, Request, key};
use crate::engine::{BuildRequest, EngineError, Progress};

/// Builds one platform of a project, on one builder as long as that is not lost.
#[derive(Debug)]
pub(super) struct Seat<'p> {
    pool: &'p BuilderPool,
    number: u64,
}

impl<'p> Seat<'p> {
    /// A seat for each request, in this order.
    pub(super) fn all(pool: &'p BuilderPool, requests: &[Request]) -> Vec<Self> {
        pool.seats(requests).map(|number| Self { pool, number }).collect()
    }

    /// The platform, as records name it, and the builder that it was built on.
    pub(super) fn made_by(&self) -> Option<(String, String)> {
        match self.pool.assigned(self.number) {
            Assigned::To { builder, .. } => {
                Some((key(self.pool.platform_of(self.number).as_ref()), builder.name.clone()))
            }
            Assigned::NotYet(_) | Assigned::Never => None,
        }
    }

    /// Waits for a slot; `None` when no builder is left for the platform.
    async fn slot(&self) -> Option<(usize, &'p PoolMember, bool)> {
        loop {
            let mut changed = std::pin::pin!(self.pool.changed());
            // From here on, no change is missed.
            changed.as_mut().enable();
            match self.pool.assigned(self.number) {
                Assigned::To { member, builder, is_native } => return Some((member, builder, is_native)),
                Assigned::Never => return None,
                Assigned::NotYet(None) => changed.await,
                Assigned::NotYet(Some(left)) => {
                    // Either of the two is a reason to look again.
                    tokio::time::timeout(left.max(Duration::from_millis(1)), changed).await.ok();
                }
            }
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.pool.leave(self.number);
    }
}

#[async_trait]
impl Builder for Seat<'_> {
    async fn publish(
        &self,
        request: &BuildRequest,
        publication: &Publication<'_>,
        on_event: &(dyn Fn(PublishEvent) + Send + Sync),
    ) -> Result<Published, ExecuteError> {
        let platform = self.pool.platform_of(self.number);
        let request = BuildRequest { platform: platform.clone(), ..request.clone() };
        let warn = |text| on_event(PublishEvent::Build(Progress::Warning { text, url: None }));
        loop {
            let slot = self.slot().await.ok_or_else(|| self.pool.nobody_left(platform.as_ref()))?;
            let (member, PoolMember { name, builder, .. }, is_native) = slot;
            if let (false, Some(platform)) = (is_native, &platform) {
                warn(format!("{platform} is emulated by the builder at {name}: no builder has it natively"));
            }
            tracing::info!(builder = name, platform = key(platform.as_ref()), repository = %publication.repository, "builds");
            match builder.publish(&request, publication, on_event).await {
                Err(error) if error.engine_error().is_some_and(EngineError::is_builder_lost) => {
                    let reason = error.engine_error().map(|error| causes(error)).unwrap_or_default();
                    warn(format!("the builder is not used any more: {reason}"));
                    self.pool.lose(self.number, member, reason);
                }
                published => return published,
            }
        }
    }
}

/// An error and what led to it.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut causes = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    causes.join(": ")
}
