//! The lock of an environment: one deployment at a time changes it.
//!
//! Registries have no compare-and-swap, but a tag that was written is listed from then on. So each
//! deployment writes a claim under a tag of its own and then lists all claims to the environment.
//! A claim that is alone holds the lock. Of several that see each other, all but the oldest
//! withdraw and retry later, and the oldest waits until they are gone: whoever listed before
//! could have been alone. Two that hold the lock at once would each have listed before the other
//! had written, and both after they had written themselves, which can't be.
//!
//! A claim is a lease. A deployment that was killed leaves its claim, which counts as gone when it
//! wasn't renewed for its lease. So a holder renews its own, while it waits too, and stops before
//! its next step when it could not do so for half of the lease, or when somebody took the claim away.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::claim::{ClaimId, LockClaim};
use super::claims::LockClaims;
use super::clock::Clock;
use super::lock_error::LockError;
use crate::interruption::Interruption;
use crate::model::{CommitId, ManifestDigest, Tag, Timestamp};

/// How long a deployment that has to wait does so before it looks again, at most.
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// Who wants the lock, and how.
#[derive(Clone, Debug)]
pub struct LockRequest {
    pub commit: CommitId,
    /// Who deploys.
    pub by: String,
    pub id: ClaimId,
    /// How long the claim counts without being renewed.
    pub lease: Duration,
    /// How long another holder is waited for.
    pub wait: Duration,
}

/// The lock of an environment, until it is released or lost.
pub struct EnvironmentLock<'l> {
    claims: LockClaims<'l>,
    clock: &'l dyn Clock,
    tag: Tag,
    claim: LockClaim,
    /// In milliseconds, by the clock.
    renewed: AtomicU64,
    /// What the claim's tag stands for. `None` until it was written.
    document: Mutex<Option<ManifestDigest>>,
    is_taken_away: AtomicBool,
}

/// What came of a claim.
enum Claim {
    Holds {
        expired: Vec<Tag>,
    },
    /// Another one goes first.
    Waits {
        behind: LockClaim,
    },
}

/// What one look at the other claims showed.
enum Contest {
    /// What deployments that died have left doesn't count.
    Alone { expired: Vec<Tag> },
    /// An older one goes first.
    Behind(LockClaim),
    /// Younger ones will withdraw.
    Ahead(LockClaim),
}

impl std::fmt::Debug for EnvironmentLock<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("EnvironmentLock").field("tag", &self.tag).finish_non_exhaustive()
    }
}

impl<'l> EnvironmentLock<'l> {
    /// Waits for the lock, at most as long as the request says. However that ends, a claim that
    /// doesn't hold the lock is taken away. `on_wait` is told once who holds it.
    ///
    /// # Errors
    /// [`LockError::Held`] when another deployment still has it, [`LockError::Registry`] for
    /// trouble, [`LockError::Interrupted`].
    pub async fn acquire(
        claims: LockClaims<'l>,
        clock: &'l dyn Clock,
        request: &LockRequest,
        interruption: &Interruption,
        on_wait: &dyn Fn(&LockClaim),
    ) -> Result<Self, LockError> {
        let begun = clock.now();
        let mut is_told = false;
        loop {
            if interruption.is_requested() {
                return Err(LockError::Interrupted);
            }
            // Whoever gives up has looked since it has waited long enough: it may have been stopped for long.
            let is_last = clock.now().since(begun) >= request.wait;
            let lock = Self::announce(claims, clock, request, begun).await?;
            let holder = match lock.contend(request.wait, interruption).await {
                Ok(Claim::Holds { expired }) => {
                    lock.remove(&expired).await;
                    return Ok(lock);
                }
                Ok(Claim::Waits { behind }) => behind,
                Err(error) => {
                    lock.withdraw_after(&error).await;
                    return Err(error);
                }
            };
            lock.release().await?;
            if is_last {
                return Err(LockError::Held { environment: claims.environment.clone(), holder });
            }
            if !is_told {
                on_wait(&holder);
                is_told = true;
            }
            interruption.unless_requested(clock.sleep(pause(request.lease))).await;
        }
    }

    /// Writes a claim. Never dropped half-way: a claim that is on its way could not be removed.
    async fn announce(
        claims: LockClaims<'l>,
        clock: &'l dyn Clock,
        request: &LockRequest,
        begun: Timestamp,
    ) -> Result<Self, LockError> {
        let now = clock.now();
        let claim = LockClaim {
            commit: request.commit.to_string(),
            by: request.by.clone(),
            begun,
            renewed: now,
            lease: request.lease,
        };
        let lock = Self {
            tag: claims.tag(begun, &request.id),
            claims,
            clock,
            claim,
            renewed: AtomicU64::new(now.as_millis()),
            document: Mutex::new(None),
            is_taken_away: AtomicBool::new(false),
        };
        match claims.write(&lock.tag, &lock.claim).await {
            Ok(document) => {
                lock.replace_document(document);
                Ok(lock)
            }
            Err(error) => {
                // It may be there all the same.
                lock.withdraw_after(&error).await;
                Err(error)
            }
        }
    }

    async fn contend(&self, wait: Duration, interruption: &Interruption) -> Result<Claim, LockError> {
        loop {
            let is_last = self.clock.now().since(self.claim.begun) >= wait;
            let look = interruption.unless_requested(self.look()).await;
            let rival = match look.ok_or(LockError::Interrupted)?? {
                Contest::Alone { expired } => return Ok(Claim::Holds { expired }),
                Contest::Behind(behind) => return Ok(Claim::Waits { behind }),
                Contest::Ahead(rival) => rival,
            };
            if is_last {
                return Ok(Claim::Waits { behind: rival });
            }
            interruption.unless_requested(self.clock.sleep(pause(self.claim.lease))).await;
            // A rival that was killed is waited for as long as its lease.
            if self.silence() >= self.renewal() {
                self.renew().await?;
            }
        }
    }

    async fn look(&self) -> Result<Contest, LockError> {
        let (mut expired, mut ahead) = (Vec::new(), None);
        for (tag, claim) in self.claims.list_but(Some(&self.tag)).await? {
            if claim.has_expired(self.clock.now()) {
                expired.push(tag);
            } else if tag < self.tag {
                return Ok(Contest::Behind(claim));
            } else {
                ahead = Some(claim);
            }
        }
        Ok(ahead.map_or(Contest::Alone { expired }, Contest::Ahead))
    }

    /// Whether the lock is still held, as far as is known here: asked before each step.
    ///
    /// # Errors
    /// [`LockError::TakenAway`], and [`LockError::Expired`] when the claim was not renewed for half
    /// of its lease by the clock.
    pub fn ensure_held(&self) -> Result<(), LockError> {
        let environment = self.claims.environment.clone();
        if self.is_taken_away.load(Ordering::Relaxed) {
            return Err(LockError::TakenAway { environment });
        }
        let silence = self.silence();
        if silence > self.claim.lease / 2 {
            return Err(LockError::Expired { environment, silence });
        }
        Ok(())
    }

    /// Does the work and renews the claim meanwhile, as long as that can be done; the work asks
    /// [`EnvironmentLock::ensure_held`] before each of its steps. No renewal is under way at the end.
    pub async fn keep<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                value = &mut work => return value,
                () = self.clock.sleep(self.renewal()) => {}
            }
            if self.ensure_held().is_err() {
                return work.await;
            }
            let mut renewal = std::pin::pin!(self.renew());
            let renewed = tokio::select! {
                biased;
                value = &mut work => {
                    log(&renewal.await);
                    return value;
                }
                renewed = &mut renewal => renewed,
            };
            // What a registry can't do now it may do next time, before half of the lease is over.
            log(&renewed);
        }
    }

    /// Gives the lock back.
    ///
    /// # Errors
    /// [`LockError::Registry`]: then others wait until the lease has run out.
    pub async fn release(self) -> Result<(), LockError> {
        self.claims.remove(&self.tag).await
    }

    /// Takes away what deployments that died have left. It counts for nothing, so nothing depends on it.
    async fn remove(&self, expired: &[Tag]) {
        for tag in expired {
            if let Err(error) = self.claims.remove(tag).await {
                tracing::info!(%error, %tag, "an expired claim could not be taken away");
            }
        }
    }

    async fn renew(&self) -> Result<(), LockError> {
        self.ensure_held()?;
        if self.claims.read(&self.tag).await?.is_none() {
            self.is_taken_away.store(true, Ordering::Relaxed);
            return Err(LockError::TakenAway { environment: self.claims.environment.clone() });
        }
        let now = self.clock.now();
        let claim = LockClaim { renewed: now, ..self.claim.clone() };
        let document = self.claims.write(&self.tag, &claim).await?;
        self.renewed.store(now.as_millis(), Ordering::Relaxed);
        // What the tag stood for is no use any more, and nothing else deletes it.
        if let Some(former) = self.replace_document(document).filter(|former| *former != document)
            && let Err(error) = self.claims.delete(&former).await
        {
            tracing::info!(%error, %former, "a former claim could not be deleted");
        }
        Ok(())
    }

    /// Returns the one before.
    fn replace_document(&self, document: ManifestDigest) -> Option<ManifestDigest> {
        self.document.lock().unwrap_or_else(PoisonError::into_inner).replace(document)
    }

    /// Takes the claim away after something else went wrong, which says more than that this can't be done.
    async fn withdraw_after(&self, error: &LockError) {
        if let Err(failure) = self.claims.remove(&self.tag).await {
            tracing::info!(%error, %failure, tag = %self.tag, "a claim could not be taken away");
        }
    }

    fn silence(&self) -> Duration {
        self.clock.now().since(Timestamp::from_millis(self.renewed.load(Ordering::Relaxed)))
    }

    fn renewal(&self) -> Duration {
        self.claim.lease / 15
    }
}

fn pause(lease: Duration) -> Duration {
    MAX_PAUSE.min(lease / 10)
}

fn log(renewed: &Result<(), LockError>) {
    if let Err(error) = renewed {
        tracing::warn!(%error, "the lock could not be renewed");
    }
}
