//! Copies what refers to an image: signatures, lists of materials, attestations (OCI image specification, `subject`).

use super::{Copied, Copies, Endpoint};
use crate::model::ManifestDigest;
use crate::registry::RegistryError;
use crate::registry::referrers::Referrer;

/// A signature of a list of materials is one level below the list's own.
const MAX_LEVELS: usize = 3;
/// Of one image.
const MAX_REFERRERS: usize = 256;

impl Copies {
    /// Copies all artifacts that refer to a manifest, and those that refer to them, with what cosign stores of each under tags if
    /// that is wanted.
    pub(super) async fn copy_referrers(
        &self,
        source: &Endpoint<'_>,
        destination: &Endpoint<'_>,
        subject: &ManifestDigest,
        cosign_tags: bool,
        copied: &mut Copied,
    ) -> Result<(), RegistryError> {
        let (mut level, mut count) = (vec![*subject], 0);
        for _ in 0..MAX_LEVELS {
            let mut next = Vec::new();
            for subject in level {
                if cosign_tags {
                    self.copy_cosign_tags(source, destination, &subject, copied).await?;
                }
                next.extend(self.copy_direct_referrers(source, destination, &subject, copied).await?);
            }
            count += next.len();
            if count > MAX_REFERRERS {
                let image = source.repository.pinned(*subject);
                return Err(RegistryError::malformed(&image, "more artifacts refer to it than are copied"));
            }
            level = next;
        }
        Ok(())
    }

    async fn copy_direct_referrers(
        &self,
        source: &Endpoint<'_>,
        destination: &Endpoint<'_>,
        subject: &ManifestDigest,
        copied: &mut Copied,
    ) -> Result<Vec<ManifestDigest>, RegistryError> {
        let found = source.transport.referrers(&source.repository, subject).await?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let there = destination.transport.referrers(&destination.repository, subject).await?;
        let mut new = Vec::new();
        for referrer in &found {
            if there.iter().all(|it| it.digest != referrer.digest)
                && self.copy_referrer(source, destination, referrer, copied).await?
            {
                new.push(referrer.clone());
            }
        }
        if !new.is_empty() {
            destination.transport.list_referrers(&destination.repository, subject, &there, &new).await?;
        }
        Ok(found.into_iter().map(|referrer| referrer.digest).collect())
    }

    /// Whether it is there now. The list where a registry keeps none itself may name what has been deleted.
    async fn copy_referrer(
        &self,
        source: &Endpoint<'_>,
        destination: &Endpoint<'_>,
        referrer: &Referrer,
        copied: &mut Copied,
    ) -> Result<bool, RegistryError> {
        match self.copy_contents(source, destination, &referrer.digest, copied).await {
            Ok(()) => Ok(true),
            Err(RegistryError::Missing { image }) if image.digest == Some(referrer.digest) => {
                tracing::warn!(%image, "it is listed as a referrer, and not there");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}
