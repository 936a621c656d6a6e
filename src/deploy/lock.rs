//! The right to change one environment, held by one deployment at a time.
//!
//! Registries have no compare-and-swap, but a tag that was written is listed from then on. So each
//! deployment writes an intent under a tag of its own and then lists all intents for the
//! environment. Who is alone has the right. Of several that see each other, all but the one with
//! the least tag withdraw and try again later, and that one waits until they are gone: whoever
//! listed before could have been alone. Two that hold the right at once would each have listed before
//! the other had written, and both after they had written themselves, which can't be.
//!
//! A deployment that was killed leaves its intent. It counts as gone when it wasn't renewed for
//! [`LEASE`], so a holder renews its own, and stops when it can't.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::{CommitId, ErrorKind, RepositoryName, Tag};
use crate::registry::{Registry, RegistryError};

/// How long an intent counts that isn't renewed. Far longer than clocks of CI machines differ.
pub const LEASE: Duration = Duration::from_secs(15 * 60);

/// How often a holder renews its intent.
const RENEWAL: Duration = Duration::from_secs(60);

/// How long one that has to wait does so before it looks again.
const PAUSE: Duration = Duration::from_secs(2);

const ARTIFACT_TYPE: &str = "application/vnd.chinampa.deploying.v1+json";

/// Why the right could not be had.
#[derive(Debug, Error)]
pub enum LockError {
    #[error("cannot agree with other deployments to `{environment}` who goes first")]
    Registry {
        environment: String,
        #[source]
        source: RegistryError,
    },
    #[error("commit {commit} is being deployed to `{environment}`, and has been for {minutes} minutes")]
    Held { environment: String, commit: String, minutes: u64 },
}

impl LockError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Registry { source, .. } => source.kind(),
            Self::Held { .. } => ErrorKind::Environment,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Registry { source, .. } => source.hint(),
            Self::Held { .. } => None,
        }
    }
}

/// Where the intents of one environment are.
#[derive(Clone, Copy)]
pub struct Intents<'r> {
    pub registry: &'r dyn Registry,
    pub repository: &'r RepositoryName,
    pub environment: &'r str,
}

/// The right to change an environment, until it is released or its holder is gone.
pub struct Lock<'r> {
    intents: Intents<'r>,
    tag: Tag,
    intent: Intent,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Intent {
    commit: String,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    begun: u64,
    renewed: u64,
}

/// What one look at the others showed.
enum Seen {
    Alone,
    /// One of them comes first.
    Behind(Intent),
    /// They will withdraw.
    Ahead,
}

impl std::fmt::Debug for Intents<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Intents").field("environment", &self.environment).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Lock<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Lock").field("tag", &self.tag).finish_non_exhaustive()
    }
}

impl<'r> Intents<'r> {
    /// Waits for the right at most `patience`.
    ///
    /// # Errors
    /// [`LockError::Held`] when another deployment still has it, [`LockError::Registry`] for trouble.
    pub async fn lock(self, commit: CommitId, patience: Duration) -> Result<Lock<'r>, LockError> {
        let begun = now();
        loop {
            let lock = self.announce(commit, begun).await?;
            let other = loop {
                match lock.look().await? {
                    Seen::Alone => return Ok(lock),
                    Seen::Behind(other) => break other,
                    Seen::Ahead => tokio::time::sleep(PAUSE).await,
                }
            };
            lock.release().await?;
            if now().saturating_sub(begun) > milliseconds(patience) {
                return Err(LockError::Held {
                    environment: self.environment.to_owned(),
                    commit: crate::model::printable(&other.commit),
                    minutes: now().saturating_sub(other.begun) / 60_000,
                });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn announce(self, commit: CommitId, begun: u64) -> Result<Lock<'r>, LockError> {
        // The process's number tells two apart that begin within one millisecond on one machine;
        // on two machines the commit or the moment of writing does.
        let name = format!("{}{begun:013}-{}-{}", self.prefix(), std::process::id(), commit.short());
        let tag: Tag = name.parse().expect("an environment's name leaves room in a tag");
        let lock =
            Lock { intents: self, tag, intent: Intent { commit: commit.to_string(), begun, renewed: now() } };
        lock.write().await?;
        Ok(lock)
    }

    fn prefix(&self) -> String {
        format!("deploying-{}.", self.environment)
    }

    fn failed(&self, source: RegistryError) -> LockError {
        LockError::Registry { environment: self.environment.to_owned(), source }
    }
}

impl Lock<'_> {
    /// Gives the right back.
    ///
    /// # Errors
    /// [`LockError::Registry`]: then others wait until the lease has run out.
    pub async fn release(self) -> Result<(), LockError> {
        let Intents { registry, repository, .. } = self.intents;
        registry.untag(repository, &self.tag).await.map_err(|source| self.intents.failed(source))
    }

    /// Renews the intent for as long as it is polled; ready only when that fails.
    pub async fn keep(&self) -> LockError {
        loop {
            tokio::time::sleep(RENEWAL).await;
            if let Err(error) = self.write().await {
                return error;
            }
        }
    }

    async fn write(&self) -> Result<(), LockError> {
        let Intents { registry, repository, .. } = self.intents;
        let intent = Intent { renewed: now(), ..self.intent.clone() };
        let content = Bytes::from(serde_json::to_vec(&intent).expect("an intent is plain JSON"));
        let written =
            registry.put_artifact(repository, ARTIFACT_TYPE, content, std::slice::from_ref(&self.tag));
        written.await.map(|_| ()).map_err(|source| self.intents.failed(source))
    }

    async fn look(&self) -> Result<Seen, LockError> {
        let Intents { registry, repository, .. } = self.intents;
        let failed = |source| self.intents.failed(source);
        let mut tags = registry.tags(repository).await.map_err(failed)?;
        tags.retain(|tag| tag.as_str().starts_with(&self.intents.prefix()) && *tag != self.tag);
        tags.sort();
        let mut seen = Seen::Alone;
        for tag in tags {
            let document = registry.artifact(repository, &tag).await.map_err(failed)?;
            let Some(intent) = document.and_then(|document| serde_json::from_slice::<Intent>(&document).ok())
            else {
                continue;
            };
            if now().saturating_sub(intent.renewed) > milliseconds(LEASE) {
                continue;
            }
            if tag < self.tag {
                return Ok(Seen::Behind(intent));
            }
            seen = Seen::Ahead;
        }
        Ok(seen)
    }
}

fn now() -> u64 {
    milliseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
