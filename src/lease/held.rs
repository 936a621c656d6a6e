//! A claim of this process, from when it is announced until it is released or lost.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;

use super::claim::{Claim, ClaimId};
use super::claims::Claims;
use super::clock::Clock;
use crate::model::{ManifestDigest, Tag, Timestamp};
use crate::registry::RegistryError;

/// What a claim says, and how it is kept.
#[derive(Clone, Debug)]
pub struct Terms {
    pub commit: String,
    /// Whose claim it is.
    pub by: String,
    pub id: ClaimId,
    /// How long the claim counts without being renewed.
    pub lease: Duration,
    /// How long after the last renewal the next one is due; at most half of the lease.
    pub renewal: Duration,
    pub lapse: Lapse,
}

/// What it means that a claim was not renewed for half of its lease, as far as its holder is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lapse {
    /// It is lost: somebody else may believe that it is.
    Final,
    /// It is renewed late, if it is still there.
    Renewable,
}

/// Why a claim is held no longer, as far as is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Somebody else has removed it.
    TakenAway,
    /// It was not renewed for so long, which is more than half of its lease.
    Expired { silence: Duration },
}

impl std::fmt::Display for Loss {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TakenAway => formatter.write_str("somebody took the claim away"),
            Self::Expired { silence } => {
                write!(formatter, "it was not renewed for {}", humantime::format_duration(*silence))
            }
        }
    }
}

/// Why a claim could not be renewed.
#[derive(Debug, Error)]
pub enum RenewalError {
    #[error("{0}")]
    Lost(Loss),
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// What one look at the other claims showed. What processes that died have left doesn't count.
#[derive(Clone, Debug)]
pub enum Contest {
    Alone {
        expired: Vec<Tag>,
    },
    /// An older one goes first.
    Behind(Claim),
    /// Younger ones will withdraw.
    Ahead(Claim),
}

/// A claim of this process.
pub struct Lease<'l> {
    claims: Claims<'l>,
    clock: &'l dyn Clock,
    tag: Tag,
    claim: Claim,
    renewal: Duration,
    lapse: Lapse,
    /// In milliseconds, by the clock.
    renewed: AtomicU64,
    /// What the claim's tag stands for. `None` until it was written.
    document: Mutex<Option<ManifestDigest>>,
    is_taken_away: AtomicBool,
}

impl std::fmt::Debug for Lease<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Lease").field("tag", &self.tag).finish_non_exhaustive()
    }
}

impl<'l> Lease<'l> {
    /// Writes a claim that began at `begun`. Dropped half-way, it may be there all the same.
    ///
    /// # Errors
    /// [`RegistryError`] when it can't be written; then it is taken away as far as that can be done.
    pub async fn announce(
        claims: Claims<'l>,
        clock: &'l dyn Clock,
        terms: &Terms,
        begun: Timestamp,
    ) -> Result<Self, RegistryError> {
        let now = clock.now();
        let claim = Claim {
            commit: terms.commit.clone(),
            by: terms.by.clone(),
            begun,
            renewed: now,
            lease: terms.lease,
        };
        let lease = Self {
            tag: claims.tag(begun, &terms.id),
            claims,
            clock,
            claim,
            renewal: terms.renewal,
            lapse: terms.lapse,
            renewed: AtomicU64::new(now.as_millis()),
            document: Mutex::new(None),
            is_taken_away: AtomicBool::new(false),
        };
        match lease.claims.write(&lease.tag, &lease.claim).await {
            Ok(document) => {
                lease.replace_document(document);
                Ok(lease)
            }
            Err(error) => {
                // It may be there all the same.
                lease.withdraw_after(&error).await;
                Err(error)
            }
        }
    }

    /// Looks at the claims of others.
    ///
    /// # Errors
    /// [`RegistryError`] when the registry can't be asked.
    pub async fn look(&self) -> Result<Contest, RegistryError> {
        let tags = self.claims.registry.tags(self.claims.repository).await?;
        self.look_among(&tags).await
    }

    /// The same, with all tags of the repository, which were listed after the claim was announced.
    ///
    /// # Errors
    /// [`RegistryError`] when the registry can't be asked.
    pub async fn look_among(&self, tags: &[Tag]) -> Result<Contest, RegistryError> {
        let (mut expired, mut ahead) = (Vec::new(), None);
        for (tag, claim) in self.claims.among(tags, Some(&self.tag)).await? {
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

    /// Whether the claim is still held, as far as is known here.
    ///
    /// # Errors
    /// [`Loss`] when somebody took it away, and when it was not renewed for half of its lease by the clock.
    pub fn ensure_held(&self) -> Result<(), Loss> {
        if self.is_taken_away.load(Ordering::Relaxed) {
            return Err(Loss::TakenAway);
        }
        let silence = self.silence();
        if silence > self.claim.lease / 2 {
            return Err(Loss::Expired { silence });
        }
        Ok(())
    }

    /// Whether it makes sense to renew the claim.
    fn ensure_renewable(&self) -> Result<(), Loss> {
        match (self.ensure_held(), self.lapse) {
            (Err(Loss::Expired { .. }), Lapse::Renewable) => Ok(()),
            (held, _) => held,
        }
    }

    /// Does the work and renews the claim meanwhile, as long as that can be done; work that depends on the claim asks
    /// [`Lease::ensure_held`] before each of its steps. No renewal is under way at the end.
    pub async fn keep<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                value = &mut work => return value,
                () = self.clock.sleep(self.renewal) => {}
            }
            if self.ensure_renewable().is_err() {
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

    /// Takes the claim away.
    ///
    /// # Errors
    /// [`RegistryError`]: then others wait until the lease has run out.
    pub async fn release(self) -> Result<(), RegistryError> {
        self.claims.remove(&self.tag).await
    }

    /// Takes away what processes that died have left. It counts for nothing, so nothing depends on it.
    pub async fn remove_expired(&self, expired: &[Tag]) {
        for tag in expired {
            if let Err(error) = self.claims.remove(tag).await {
                tracing::info!(%error, %tag, "an expired claim could not be taken away");
            }
        }
    }

    /// Renews the claim if that is due.
    ///
    /// # Errors
    /// [`RenewalError`]
    pub async fn renew_if_due(&self) -> Result<(), RenewalError> {
        if self.silence() >= self.renewal { self.renew().await } else { Ok(()) }
    }

    async fn renew(&self) -> Result<(), RenewalError> {
        self.ensure_renewable().map_err(RenewalError::Lost)?;
        if self.claims.read(&self.tag).await?.is_none() {
            self.is_taken_away.store(true, Ordering::Relaxed);
            return Err(RenewalError::Lost(Loss::TakenAway));
        }
        let now = self.clock.now();
        let claim = Claim { renewed: now, ..self.claim.clone() };
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
    pub async fn withdraw_after(&self, error: &(dyn std::error::Error + Sync)) {
        if let Err(failure) = self.claims.remove(&self.tag).await {
            tracing::info!(%error, %failure, tag = %self.tag, "a claim could not be taken away");
        }
    }

    fn silence(&self) -> Duration {
        self.clock.now().since(Timestamp::from_millis(self.renewed.load(Ordering::Relaxed)))
    }
}

fn log(renewed: &Result<(), RenewalError>) {
    if let Err(error) = renewed {
        tracing::warn!(%error, "a claim could not be renewed");
    }
}
