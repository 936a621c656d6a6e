//! Which artifacts refer to a manifest (OCI distribution specification, § Listing Referrers).
//!
//! A registry that keeps no such list leaves it to its clients, as an index under a tag that is made from the digest
//! (§ Referrers Tag Schema).

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde_json::{Value, json};

use super::authorization::Scope;
use super::error::RegistryError;
use super::http::{read_body, refuse};
use super::manifest::{Manifest, OCI_IMAGE, OCI_INDEX};
use super::tags::next_page;
use super::transport::Transport;
use crate::model::{ImageRef, ManifestDigest, Tag};

/// The specification asks registries for lists of at most 4 MiB.
const MAX_LIST_BYTES: usize = 4 << 20;
const MAX_PAGES: usize = 64;

/// An artifact that refers to a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Referrer {
    pub(super) digest: ManifestDigest,
    /// Its entry in the list, as it was found.
    descriptor: Value,
}

impl Referrer {
    /// The entry of an artifact in a list, with its annotations.
    pub(super) fn of(
        manifest: &Manifest,
        artifact_type: &str,
        annotations: &BTreeMap<String, String>,
    ) -> Self {
        let digest = manifest.digest();
        let descriptor = json!({
            "mediaType": manifest.media_type,
            "digest": digest,
            "size": manifest.bytes.len(),
            "artifactType": artifact_type,
            "annotations": annotations,
        });
        Self { digest, descriptor }
    }
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Value>,
}

impl Transport {
    /// What refers to `subject` in a repository, as far as it is of a type that is copied.
    ///
    /// # Errors
    /// [`RegistryError::Malformed`] for what is no list, and any trouble.
    pub(super) async fn referrers(
        &self,
        repository: &ImageRef,
        subject: &ManifestDigest,
    ) -> Result<Vec<Referrer>, RegistryError> {
        if !self.lacks_referrers.load(Ordering::Relaxed) {
            if let Some(listed) = self.listed_referrers(repository, subject).await? {
                return Ok(listed);
            }
            self.lacks_referrers.store(true, Ordering::Relaxed);
        }
        let image = repository.tagged(Tag::referrers(subject));
        match self.manifest(&image).await? {
            Some(manifest) if manifest.media_type == OCI_INDEX => read(&image, &manifest.bytes),
            Some(_) | None => Ok(Vec::new()),
        }
    }

    /// Sees that `new` are listed behind `there`, which is the list so far. Registries that keep the list do so
    /// by themselves. Returns whether it was for us to do.
    pub(super) async fn list_referrers(
        &self,
        repository: &ImageRef,
        subject: &ManifestDigest,
        there: &[Referrer],
        new: &[Referrer],
    ) -> Result<bool, RegistryError> {
        if !self.lacks_referrers.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let entries: Vec<_> = there.iter().chain(new).map(|referrer| &referrer.descriptor).collect();
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
        let index = Manifest { bytes: index.to_string().into(), media_type: OCI_INDEX.to_owned() };
        self.tag_manifest(&repository.tagged(Tag::referrers(subject)), &index).await?;
        Ok(true)
    }

    /// The registry's own list, or `None` when it keeps none.
    async fn listed_referrers(
        &self,
        repository: &ImageRef,
        subject: &ManifestDigest,
    ) -> Result<Option<Vec<Referrer>>, RegistryError> {
        let image = repository.pinned(*subject);
        let mut url = self.url(&format!("/v2/{}/referrers/{subject}", repository.repository));
        let mut referrers = Vec::new();
        for _ in 0..MAX_PAGES {
            let page = self.retrying(async || self.referrers_page(&image, &url).await).await?;
            let Some((page, next)) = page else { return Ok(None) };
            referrers.extend(page);
            match next {
                Some(next) => url = next,
                None => return Ok(Some(referrers)),
            }
        }
        Err(RegistryError::malformed(&image, "its list of referrers does not end"))
    }

    async fn referrers_page(
        &self,
        image: &ImageRef,
        url: &Url,
    ) -> Result<Option<(Vec<Referrer>, Option<Url>)>, RegistryError> {
        let response = self.send(image, Scope::Pull, self.client().get(url.clone())).await?;
        match response.status() {
            StatusCode::OK => {
                let next = next_page(image, url, response.headers())?;
                let body = read_body(image, response, MAX_LIST_BYTES).await?;
                Ok(Some((read(image, &body)?, next)))
            }
            StatusCode::NOT_FOUND => Ok(None),
            // The question is younger than most registries, and they refuse it in many ways.
            status if [400, 401, 403, 405, 501].contains(&status.as_u16()) => {
                let status = status.as_u16();
                tracing::warn!(%image, status, "referrers can't be listed: those with a tag are copied");
                Ok(None)
            }
            _ => Err(refuse(image, response).await?),
        }
    }
}

/// Reads a list. What is of another type than an image or an index can't be copied.
fn read(image: &ImageRef, list: &[u8]) -> Result<Vec<Referrer>, RegistryError> {
    let malformed = || RegistryError::malformed(image, "its list of referrers is none");
    let index: Index = serde_json::from_slice(list).map_err(|_| malformed())?;
    let mut referrers = Vec::new();
    for descriptor in index.manifests {
        let digest = descriptor["digest"].as_str().and_then(|digest| digest.parse().ok());
        let digest = digest.ok_or_else(malformed)?;
        let media_type = descriptor["mediaType"].as_str().unwrap_or_default();
        if [OCI_IMAGE, OCI_INDEX].contains(&media_type) {
            referrers.push(Referrer { digest, descriptor });
        } else {
            tracing::warn!(%image, %digest, media_type, "a referrer of this type is not copied");
        }
    }
    Ok(referrers)
}
