//! One claim: who does something, and how long it counts.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::model::{Tag, Timestamp, printable, random_bits};

/// How long a claim counts that isn't renewed and doesn't say.
const DEFAULT_LEASE: Duration = Duration::from_secs(15 * 60);

/// The shortest lease: renewals and clocks need some room.
pub const MIN_LEASE: Duration = Duration::from_secs(10);

/// A claim to do something that one process at a time does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub commit: String,
    /// Whose it is: a CI's job, or a user and a machine.
    pub by: String,
    pub begun: Timestamp,
    pub renewed: Timestamp,
    /// How long it counts without being renewed.
    pub lease: Duration,
}

#[derive(Serialize, Deserialize)]
struct ClaimJson {
    /// The claim's tag, so that no two claims are one document.
    #[serde(default)]
    tag: String,
    commit: String,
    #[serde(default)]
    by: String,
    begun: u64,
    renewed: u64,
    #[serde(default)]
    lease_millis: Option<u64>,
}

/// What tells the claims of two processes apart that begin at the same moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimId(String);

impl fmt::Display for ClaimId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl ClaimId {
    /// 64 random bits.
    pub fn random() -> Self {
        Self::from_bits(random_bits())
    }

    pub fn from_bits(bits: u64) -> Self {
        Self(format!("{bits:016x}"))
    }
}

/// Says whose claim it is.
impl fmt::Display for Claim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { commit, by, begun, renewed, .. } = self;
        write!(formatter, "commit {commit}")?;
        if !by.is_empty() {
            write!(formatter, " by {by}")?;
        }
        write!(formatter, ", since {begun}, last renewed {renewed}")
    }
}

impl Claim {
    /// Whether it was not renewed for its lease.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now.since(self.renewed) > self.lease
    }

    /// When it counts no more, unless it is renewed.
    pub fn expires(&self) -> Timestamp {
        self.renewed.after(self.lease)
    }

    pub(super) fn to_bytes(&self, tag: &Tag) -> Bytes {
        let json = ClaimJson {
            tag: tag.to_string(),
            commit: self.commit.clone(),
            by: self.by.clone(),
            begun: self.begun.as_millis(),
            renewed: self.renewed.as_millis(),
            lease_millis: u64::try_from(self.lease.as_millis()).ok(),
        };
        serde_json::to_vec(&json).expect("a claim is plain JSON").into()
    }

    /// `None` for what is no claim, such as the document that a tag stands for while it is taken away.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
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
