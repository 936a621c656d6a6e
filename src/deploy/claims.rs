//! All claims to the lock of an environment, as they are kept in the deploy registry.

use std::fmt;

use super::claim::{ClaimId, LockClaim};
use super::lock_error::LockError;
use crate::config::EnvironmentName;
use crate::model::{ManifestDigest, RepositoryName, Tag, Timestamp};
use crate::registry::{Registry, RegistryError};

const ARTIFACT_TYPE: &str = "application/vnd.chinampa.deploying.v1+json";

/// How often a claim is read whose document is deleted between its two parts, as its holder renews it.
const MAX_READS: usize = 3;

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

impl LockClaims<'_> {
    /// The tag of a claim. Older claims sort before younger ones.
    pub(super) fn tag(&self, begun: Timestamp, id: &ClaimId) -> Tag {
        let name = format!("{}{:013}-{}", self.prefix(), begun.as_millis(), id);
        name.parse().expect("an environment's name leaves room in a tag")
    }

    /// All claims with their tags, the oldest first, expired ones too.
    ///
    /// # Errors
    /// [`LockError::Registry`]
    pub async fn list(&self) -> Result<Vec<(Tag, LockClaim)>, LockError> {
        self.list_but(None).await
    }

    /// The same without the claim under `own`.
    pub(super) async fn list_but(&self, own: Option<&Tag>) -> Result<Vec<(Tag, LockClaim)>, LockError> {
        let mut tags = self.registry.tags(self.repository).await.map_err(|error| self.failed(error))?;
        tags.retain(|tag| self.is_claim(tag) && own != Some(tag));
        tags.sort();
        let mut claims = Vec::new();
        for tag in tags {
            if let Some(claim) = self.read(&tag).await? {
                claims.push((tag, claim));
            }
        }
        Ok(claims)
    }

    /// Takes a claim away, whoever has it, with its document. One that is renewed meanwhile stays.
    ///
    /// # Errors
    /// [`LockError::Registry`]
    pub async fn remove(&self, tag: &Tag) -> Result<(), LockError> {
        let document = self.registry.find(self.repository, tag).await.map_err(|error| self.failed(error))?;
        match document {
            Some(document) => self.delete(&document).await,
            None => Ok(()),
        }
    }

    /// Deletes the document of a claim. No two claims have the same one.
    pub(super) async fn delete(&self, document: &ManifestDigest) -> Result<(), LockError> {
        self.registry.delete(self.repository, document).await.map_err(|error| self.failed(error))
    }

    pub(super) async fn read(&self, tag: &Tag) -> Result<Option<LockClaim>, LockError> {
        for _ in 1..MAX_READS {
            match self.read_once(tag).await {
                Err(LockError::Registry { source: RegistryError::Missing { .. }, .. }) => {}
                read => return read,
            }
        }
        self.read_once(tag).await
    }

    async fn read_once(&self, tag: &Tag) -> Result<Option<LockClaim>, LockError> {
        let document = self.registry.artifact(self.repository, tag).await;
        let document = document.map_err(|error| self.failed(error))?;
        Ok(document.and_then(|document| LockClaim::from_bytes(&document)))
    }

    /// Returns the document.
    pub(super) async fn write(&self, tag: &Tag, claim: &LockClaim) -> Result<ManifestDigest, LockError> {
        let (content, tags) = (claim.to_bytes(tag), std::slice::from_ref(tag));
        let written = self.registry.put_artifact(self.repository, ARTIFACT_TYPE, content, tags).await;
        written.map_err(|error| self.failed(error))
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
