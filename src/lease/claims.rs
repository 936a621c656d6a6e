//! All claims to one thing, as a registry keeps them.

use std::fmt;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::claim::{Claim, ClaimId};
use crate::model::{ManifestDigest, RepositoryName, Tag, Timestamp};
use crate::registry::{Registry, RegistryError};

/// How often a claim is read whose document is deleted between its two parts, as its holder renews it.
const MAX_READS: usize = 3;

/// How many claims are read at once.
const AT_ONCE: usize = 16;

/// The claims to one thing.
#[derive(Clone)]
pub struct Claims<'r> {
    pub registry: &'r dyn Registry,
    pub repository: &'r RepositoryName,
    /// The type of the documents.
    pub artifact_type: &'static str,
    /// What begins the tags of these claims; no dot follows in them. At most 98 bytes.
    pub prefix: String,
}

impl fmt::Debug for Claims<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Claims").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Claims<'_> {
    /// The tag of a claim. Older claims sort before younger ones.
    pub(super) fn tag(&self, begun: Timestamp, id: &ClaimId) -> Tag {
        let name = format!("{}{:013}-{}", self.prefix, begun.as_millis(), id);
        name.parse().expect("the prefix leaves room in a tag")
    }

    /// All claims with their tags, the oldest first, expired ones too.
    ///
    /// # Errors
    /// [`RegistryError`] when the registry can't be asked.
    pub async fn list(&self) -> Result<Vec<(Tag, Claim)>, RegistryError> {
        self.among(&self.registry.tags(self.repository).await?, None).await
    }

    /// Those among all tags of the repository, without the claim under `own`.
    pub(super) async fn among(
        &self,
        all: &[Tag],
        own: Option<&Tag>,
    ) -> Result<Vec<(Tag, Claim)>, RegistryError> {
        let mut tags: Vec<&Tag> = all.iter().filter(|tag| self.has(tag) && own != Some(tag)).collect();
        tags.sort();
        let read = tags.into_iter().map(async |tag| {
            // Where nothing is deleted, these are nearly all.
            if self.registry.is_untagged(self.repository, tag).await? {
                return Ok(None);
            }
            Ok::<_, RegistryError>(self.read(tag).await?.map(|claim| (tag.clone(), claim)))
        });
        let claims: Vec<Option<_>> = stream::iter(read).buffered(AT_ONCE).try_collect().await?;
        Ok(claims.into_iter().flatten().collect())
    }

    /// Whether a tag is that of one of these claims.
    pub fn has(&self, tag: &Tag) -> bool {
        tag.as_str().strip_prefix(&self.prefix).is_some_and(|rest| !rest.contains('.'))
    }

    /// Takes a claim away, whoever has it, with its document. One that is renewed meanwhile stays, except where the registry deletes
    /// nothing.
    ///
    /// # Errors
    /// [`RegistryError`] when the registry can't be asked.
    pub async fn remove(&self, tag: &Tag) -> Result<(), RegistryError> {
        let Some(document) = self.registry.find(self.repository, tag).await? else { return Ok(()) };
        match self.delete(&document).await {
            Err(RegistryError::NoDeletion { .. }) => self.registry.untag(self.repository, tag).await,
            deleted => deleted,
        }
    }

    /// Deletes the document of a claim. No two claims have the same one.
    pub(super) async fn delete(&self, document: &ManifestDigest) -> Result<(), RegistryError> {
        self.registry.delete(self.repository, document).await
    }

    /// Reads the claim under a tag; `None` when it is gone.
    ///
    /// # Errors
    /// [`RegistryError`] when the registry can't be asked.
    pub async fn read(&self, tag: &Tag) -> Result<Option<Claim>, RegistryError> {
        for _ in 1..MAX_READS {
            match self.read_once(tag).await {
                Err(RegistryError::Missing { .. }) => {}
                read => return read,
            }
        }
        self.read_once(tag).await
    }

    async fn read_once(&self, tag: &Tag) -> Result<Option<Claim>, RegistryError> {
        let document = self.registry.artifact(self.repository, tag).await?;
        Ok(document.and_then(|document| Claim::from_bytes(&document)))
    }

    /// Returns the document.
    pub(super) async fn write(&self, tag: &Tag, claim: &Claim) -> Result<ManifestDigest, RegistryError> {
        let (content, tags) = (claim.to_bytes(tag), std::slice::from_ref(tag));
        self.registry.put_artifact(self.repository, self.artifact_type, content, tags).await
    }
}
