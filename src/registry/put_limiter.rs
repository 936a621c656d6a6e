//! Spreads the manifests that a process writes to one registry, so that its quota is not exceeded for long.
//!
//! ECR takes 10 manifests a second from all who write to an account in a region, unless AWS was asked for more, and answers
//! 429 to the others. Nobody here knows that number, so it is learned: manifests are written as they come until the
//! first 429. From then on each waits for its turn. The rate is cut at a 429 and grows with each manifest that is
//! accepted, as TCP does, so that several processes share a quota.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::put_rate::Rate;
use crate::model::Host;

/// All limiters of the process: registries that are one host share its quota, whichever table of the manifest names them.
static OF_HOSTS: Mutex<BTreeMap<String, Arc<PutLimiter>>> = Mutex::new(BTreeMap::new());

/// Gives turns to those who write manifests to one registry.
pub struct PutLimiter {
    host: String,
    /// How long may nothing be accepted before a 429 is an error.
    max_silence: Duration,
    /// Whoever has the permit is the next.
    queue: Semaphore,
    rate: Mutex<Rate>,
}

impl fmt::Debug for PutLimiter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PutLimiter").field("host", &self.host).finish_non_exhaustive()
    }
}

/// A refusal because too much was written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Throttling {
    /// How long the registry wants nothing more.
    pub retry_after: Option<Duration>,
}

impl PutLimiter {
    /// The one of this host. The first who asks decides how long may nothing be accepted.
    pub(super) fn of(host: &Host, max_silence: Duration) -> Arc<Self> {
        let mut limiters = OF_HOSTS.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let (queue, rate) = (Semaphore::new(1), Mutex::default());
            Arc::new(Self { host: host.to_string(), max_silence, queue, rate })
        };
        Arc::clone(limiters.entry(host.to_string()).or_insert_with(new))
    }

    /// Waits for a turn and writes. What is throttled gets further turns.
    ///
    /// # Errors
    /// What `put` fails with; a throttling only if the registry has accepted nothing of this process for that long.
    pub async fn put<T, E, Putting>(
        &self,
        throttling: impl Fn(&E) -> Option<Throttling>,
        mut put: impl FnMut() -> Putting,
    ) -> Result<T, E>
    where
        Putting: Future<Output = Result<T, E>>,
    {
        loop {
            let sent = self.turn().await;
            let result = put().await;
            let throttling = match &result {
                Ok(_) => {
                    self.rate().accepted(Instant::now());
                    None
                }
                Err(error) => throttling(error),
            };
            let Some(throttling) = throttling else { return result };
            if self.throttled(sent, throttling) >= self.max_silence {
                return result;
            }
        }
    }

    /// Waits for a turn, in the order of those who ask. A 429 that comes meanwhile postpones it.
    async fn turn(&self) -> Instant {
        let _next = self.queue.acquire().await.expect("it is never closed");
        loop {
            let now = Instant::now();
            let taken = self.rate().take(now);
            match taken {
                Ok(()) => return now,
                Err(next) => tokio::time::sleep_until(next.into()).await,
            }
        }
    }

    /// Notes a 429 to what was sent at that time; returns how long nothing was accepted.
    fn throttled(&self, sent: Instant, throttling: Throttling) -> Duration {
        let mut rate = self.rate();
        if !rate.is_learned() {
            let host = &self.host;
            tracing::warn!(
                "`{host}` limits how many images are written a second: they take turns from now on"
            );
        }
        rate.throttled(sent, Instant::now(), throttling.retry_after.unwrap_or_default())
    }

    fn rate(&self) -> MutexGuard<'_, Rate> {
        self.rate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
