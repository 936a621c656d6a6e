//! Copies what cosign stores under tags that are made from an image's digest: signatures, attestations and SBOMs, as its
//! versions do that don't use `subject`.

use futures_util::future::try_join_all;

use super::{Copied, Copies, Endpoint};
use crate::model::{ManifestDigest, Tag};
use crate::registry::RegistryError;
use crate::registry::attestations::COSIGN_SUFFIXES;

impl Copies {
    /// Copies them and lets the tags stand for them at the destination. One there that has what the source lacks stays.
    pub(super) async fn copy_cosign_tags(
        &self,
        source: &Endpoint<'_>,
        destination: &Endpoint<'_>,
        subject: &ManifestDigest,
        copied: &mut Copied,
    ) -> Result<(), RegistryError> {
        let tags = COSIGN_SUFFIXES.map(|suffix| Tag::cosign(subject, suffix));
        let found = tags.map(|tag| async {
            let found = source.transport.find_manifest(&source.repository.tagged(tag.clone())).await?;
            Ok::<_, RegistryError>(found.map(|digest| (tag, digest)))
        });
        for (tag, digest) in try_join_all(found).await?.into_iter().flatten() {
            if may_replace(source, destination, &tag, &digest).await? {
                self.copy_contents(source, destination, &digest, copied).await?;
                copy_tag(source, destination, tag, &digest).await?;
            }
        }
        Ok(())
    }
}

/// Whether the destination lacks what the source has, and has nothing under that tag that the source lacks.
async fn may_replace(
    source: &Endpoint<'_>,
    destination: &Endpoint<'_>,
    tag: &Tag,
    digest: &ManifestDigest,
) -> Result<bool, RegistryError> {
    let there = destination.repository.tagged(tag.clone());
    let Some(there_digest) = destination.transport.find_manifest(&there).await? else { return Ok(true) };
    if there_digest == *digest {
        return Ok(false);
    }
    let at_destination =
        destination.transport.known_manifest(&destination.repository, &there_digest).await?.layers();
    let at_source = source.transport.known_manifest(&source.repository, digest).await?.layers();
    let is_contained = at_destination.iter().all(|layer| at_source.contains(layer));
    if !is_contained {
        tracing::warn!(image = %there, "it stays as it is: it has what the source lacks");
    }
    Ok(is_contained)
}

async fn copy_tag(
    source: &Endpoint<'_>,
    destination: &Endpoint<'_>,
    tag: Tag,
    digest: &ManifestDigest,
) -> Result<(), RegistryError> {
    let manifest = source.transport.known_manifest(&source.repository, digest).await?;
    let image = destination.repository.tagged(tag);
    match destination.transport.tag_manifest(&image, &manifest).await {
        Err(RegistryError::ImmutableTag { image, .. }) => {
            tracing::warn!(%image, "it stays as it is: the tags of its repository can't be moved");
            Ok(())
        }
        written => written,
    }
}
