//! Claims to the lock of an environment, as they are kept in the deploy registry.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::lock::LockError;
use crate::config::EnvironmentName;
use crate::model::{RepositoryName, Tag, Timestamp, printable};
use crate::registry::{Registry, RegistryError};

const ARTIFACT_TYPE: &str = "application/vnd.chinampa.deploying.v1+json";

/// How long a claim counts that isn't renewed, unless it says otherwise. Far longer than clocks of
/// CI machines differ.
pub const DEFAULT_LEASE: Duration = Duration::from_secs(15 * 60);

/// The shortest lease: renewals and clocks need some room.
pub const MIN_LEASE: Duration = Duration::from_secs(10);

/// A deployment's claim to the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockClaim {
    pub commit: String,
    /// Who deploys: a CI's job, or a user and a machine.
    pub by: String,
    pub begun: Timestamp,
    pub renewed: Timestamp,
    /// How long it counts without being renewed.
    pub lease: Duration,
}

#[derive(Serialize, Deserialize)]
struct ClaimJson {
    commit: String,
    #[serde(default)]
    by: String,
    begun: u64,
    renewed: u64,
    #[serde(default)]
    lease_millis: Option<u64>,
}

/// What tells the claims of two deployments apart that begin at the same moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimId(String);

impl ClaimId {
    /// 64 random bits.
    pub fn random() -> Self {
        use std::hash::{BuildHasher as _, Hasher as _, RandomState};
        // Each state has keys of its own, drawn from the operating system.
        let bits = RandomState::new().build_hasher().finish();
        Self::from_bits(bits)
    }

    pub fn from_bits(bits: u64) -> Self {
        Self(format!("{bits:016x}"))
    }
}

/// The claims to one environment's lock.
#[derive(Clone, Copy)]
pub struct LockClaims<'r> {
    pub registry: &'r dyn Registry,
    pub repository: &'r RepositoryName,
    pub environment: &'r EnvironmentName,
}

impl fmt::Debug for LockClaims<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LockClaims").field("environment", &self.environment).finish_non_exhaustive()
    }
}

/// Says whose claim it is.
impl fmt::Display for LockClaim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { commit, by, begun, renewed, .. } = self;
        write!(formatter, "commit {commit}")?;
        if !by.is_empty() {
            write!(formatter, " by {by}")?;
        }
        write!(formatter, ", since {begun}, last renewed {renewed}")
    }
}

impl LockClaim {
    /// Whether it was not renewed for its lease.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now.since(self.renewed) > self.lease
    }

    fn to_bytes(&self) -> Bytes {
        let json = ClaimJson {
            commit: self.commit.clone(),
            by: self.by.clone(),
            begun: self.begun.as_millis(),
            renewed: self.renewed.as_millis(),
            lease_millis: u64::try_from(self.lease.as_millis()).ok(),
        };
        serde_json::to_vec(&json).expect("a claim is plain JSON").into()
    }

    /// `None` for what is no claim, such as the document that a tag stands for while it is taken away.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let json: ClaimJson = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            commit: printable(&json.commit),
            by: printable(&json.by),
            begun: Timestamp::from_millis(json.begun),
            renewed: Timestamp::from_millis(json.renewed),
            lease: json.lease_millis.map_or(DEFAULT_LEASE, Duration::from_millis),
        })
    }
}

impl LockClaims<'_> {
    /// The tag of a claim. Older claims sort before younger ones.
    pub(super) fn tag(&self, begun: Timestamp, id: &ClaimId) -> Tag {
        let name = format!("{}{:013}-{}", self.prefix(), begun.as_millis(), id.0);
        name.parse().expect("an environment's name leaves room in a tag")
    }

    /// All claims with their tags, the oldest first, expired ones too.
    ///
    /// # Errors
    /// [`LockError::Registry`]
    pub async fn list(&self) -> Result<Vec<(Tag, LockClaim)>, LockError> {
        let mut tags = self.registry.tags(self.repository).await.map_err(|error| self.failed(error))?;
        tags.retain(|tag| self.is_claim(tag));
        tags.sort();
        let mut claims = Vec::new();
        for tag in tags {
            if let Some(claim) = self.read(&tag).await? {
                claims.push((tag, claim));
            }
        }
        Ok(claims)
    }

    /// Takes a claim away, whoever has it.
    ///
    /// # Errors
    /// [`LockError::Registry`]
    pub async fn remove(&self, tag: &Tag) -> Result<(), LockError> {
        self.registry.untag(self.repository, tag).await.map_err(|error| self.failed(error))
    }

    pub(super) async fn read(&self, tag: &Tag) -> Result<Option<LockClaim>, LockError> {
        let document = self.registry.artifact(self.repository, tag).await;
        let document = document.map_err(|error| self.failed(error))?;
        Ok(document.and_then(|document| LockClaim::from_bytes(&document)))
    }

    pub(super) async fn write(&self, tag: &Tag, claim: &LockClaim) -> Result<(), LockError> {
        let tags = std::slice::from_ref(tag);
        let written =
            self.registry.put_artifact(self.repository, ARTIFACT_TYPE, claim.to_bytes(), tags).await;
        written.map(|_| ()).map_err(|error| self.failed(error))
    }

    fn prefix(&self) -> String {
        format!("deploying-{}.", self.environment)
    }

    /// The names of environments may have dots too, and `deploying-a.` begins the claims to `a.b`.
    fn is_claim(&self, tag: &Tag) -> bool {
        tag.as_str().strip_prefix(&self.prefix()).is_some_and(|rest| !rest.contains('.'))
    }

    pub(super) fn failed(&self, source: RegistryError) -> LockError {
        LockError::Registry { environment: self.environment.clone(), source }
    }
}
