//! The lock of an environment: one deployment at a time changes it.
//!
//! A deployment's claim that is alone holds the lock. Of several that see each other, all but the oldest
//! withdraw and retry later, and the oldest waits until they are gone: whoever listed before
//! could have been alone.
//!
//! A holder renews its claim, while it waits too, and stops before
//! its next step when it could not do so for half of the lease, or when somebody took the claim away.

use std::time::Duration;

use super::lock_error::LockError;
use crate::config::EnvironmentName;
use crate::interruption::Interruption;
use crate::lease::{Claim, ClaimId, Claims, Clock, Contest, Lapse, Lease, RenewalError, Terms};
use crate::model::{CommitId, RepositoryName, Tag, Timestamp};
use crate::registry::{Registry, RegistryError};

const ARTIFACT_TYPE: &str = "application/vnd.chinampa.deploying.v1+json";

/// How long a claim to the lock counts that isn't renewed, unless `CHINAMPA_LOCK_LEASE` says otherwise. Far longer than clocks of
/// CI machines differ.
pub const DEFAULT_LEASE: Duration = Duration::from_secs(15 * 60);

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

/// The claims to one environment's lock.
#[derive(Clone, Copy)]
pub struct LockClaims<'r> {
    pub registry: &'r dyn Registry,
    pub repository: &'r RepositoryName,
    pub environment: &'r EnvironmentName,
}

impl std::fmt::Debug for LockClaims<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LockClaims").field("environment", &self.environment).finish_non_exhaustive()
    }
}

impl<'r> LockClaims<'r> {
    /// All claims with their tags, the oldest first, expired ones too.
    ///
    /// # Errors
    /// [`LockError::Registry`]
    pub async fn list(&self) -> Result<Vec<(Tag, Claim)>, LockError> {
        self.claims().list().await.map_err(|error| self.failed(error))
    }

    /// Takes a claim away, whoever has it. One that is renewed meanwhile stays.
    ///
    /// # Errors
    /// [`LockError::Registry`]
    pub async fn remove(&self, tag: &Tag) -> Result<(), LockError> {
        self.claims().remove(tag).await.map_err(|error| self.failed(error))
    }

    /// The names of environments may have dots too, and `deploying-a.` begins the claims to `a.b`.
    fn claims(&self) -> Claims<'r> {
        let Self { registry, repository, environment } = *self;
        let prefix = format!("deploying-{environment}.");
        Claims { registry, repository, artifact_type: ARTIFACT_TYPE, prefix }
    }

    fn failed(&self, source: RegistryError) -> LockError {
        LockError::Registry { environment: self.environment.clone(), source }
    }
}

/// The lock of an environment, until it is released or lost.
#[derive(Debug)]
pub struct EnvironmentLock<'l> {
    environment: &'l EnvironmentName,
    lease: Lease<'l>,
}

/// What came of a claim.
enum Outcome {
    Holds {
        expired: Vec<Tag>,
    },
    /// Another one goes first.
    Waits {
        behind: Claim,
    },
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
        on_wait: &dyn Fn(&Claim),
    ) -> Result<Self, LockError> {
        let terms = Terms {
            commit: request.commit.to_string(),
            by: request.by.clone(),
            id: request.id.clone(),
            lease: request.lease,
            renewal: request.lease / 15,
            lapse: Lapse::Final,
        };
        let begun = clock.now();
        let mut is_told = false;
        loop {
            if interruption.is_requested() {
                return Err(LockError::Interrupted);
            }
            // Whoever gives up has looked since it has waited long enough: it may have been stopped for long.
            let is_last = clock.now().since(begun) >= request.wait;
            // Never dropped half-way: a claim that is on its way could not be removed.
            let announced = Lease::announce(claims.claims(), clock, &terms, begun).await;
            let lease = announced.map_err(|error| claims.failed(error))?;
            let lock = Self { environment: claims.environment, lease };
            let holder = match lock.contend(clock, begun, request, interruption).await {
                Ok(Outcome::Holds { expired }) => {
                    lock.lease.remove_expired(&expired).await;
                    return Ok(lock);
                }
                Ok(Outcome::Waits { behind }) => behind,
                Err(error) => {
                    lock.lease.withdraw_after(&error).await;
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

    async fn contend(
        &self,
        clock: &dyn Clock,
        begun: Timestamp,
        request: &LockRequest,
        interruption: &Interruption,
    ) -> Result<Outcome, LockError> {
        loop {
            let is_last = clock.now().since(begun) >= request.wait;
            let look = interruption.unless_requested(self.lease.look()).await;
            let look = look.ok_or(LockError::Interrupted)?;
            let rival = match look.map_err(|error| LockError::of(self.environment, error))? {
                Contest::Alone { expired } => return Ok(Outcome::Holds { expired }),
                Contest::Behind(behind) => return Ok(Outcome::Waits { behind }),
                Contest::Ahead(rival) => rival,
            };
            if is_last {
                return Ok(Outcome::Waits { behind: rival });
            }
            interruption.unless_requested(clock.sleep(pause(request.lease))).await;
            // A rival that was killed is waited for as long as its lease.
            self.lease.renew_if_due().await.map_err(|error| LockError::of(self.environment, error))?;
        }
    }

    /// Whether the lock is still held, as far as is known here: asked before each step.
    ///
    /// # Errors
    /// [`LockError::TakenAway`], and [`LockError::Expired`] when the claim was not renewed for half
    /// of its lease by the clock.
    pub fn ensure_held(&self) -> Result<(), LockError> {
        self.lease.ensure_held().map_err(|loss| LockError::of(self.environment, RenewalError::Lost(loss)))
    }

    /// Does the work and renews the claim meanwhile, as long as that can be done; the work asks
    /// [`EnvironmentLock::ensure_held`] before each of its steps. No renewal is under way at the end.
    pub async fn keep<T>(&self, work: impl Future<Output = T>) -> T {
        self.lease.keep(work).await
    }

    /// Gives the lock back.
    ///
    /// # Errors
    /// [`LockError::Registry`]: then others wait until the lease has run out.
    pub async fn release(self) -> Result<(), LockError> {
        self.lease.release().await.map_err(|error| LockError::of(self.environment, error))
    }
}

fn pause(lease: Duration) -> Duration {
    MAX_PAUSE.min(lease / 10)
}
