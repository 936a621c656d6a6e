//! Takes tags and documents away, and tags also where the registry deletes nothing (OCI distribution specification, § Content
//! Management: a registry may refuse deletion).
//!
//! There, a tag stays for ever. One that was taken away stands for a document that says so.

use bytes::Bytes;
use reqwest::StatusCode;

use super::authorization::Scope;
use super::error::RegistryError;
use super::http::refuse;
use super::manifest::Manifest;
use super::transport::Transport;
use crate::model::{ImageRef, ManifestDigest, RepositoryName, Tag};

/// What a tag stands for while it is taken away, and afterwards where nothing is deleted.
pub(super) const UNTAGGED_TYPE: &str = "application/vnd.chinampa.untagged.v1+text";

impl Transport {
    /// Deletes a manifest by its digest, with every tag that it has. Nothing happens if it isn't there.
    ///
    /// # Errors
    /// [`RegistryError::NoDeletion`] when the registry deletes nothing: it is asked once.
    pub(super) async fn delete_manifest(&self, image: &ImageRef) -> Result<(), RegistryError> {
        if let Some(answer) = self.deletion_refused.get() {
            return Err(RegistryError::NoDeletion { image: Box::new(image.clone()), answer: answer.clone() });
        }
        self.retrying(async || {
            let request = self.client().delete(self.manifest_url(image));
            let response = self.send(image, Scope::Delete, request).await?;
            if let StatusCode::ACCEPTED | StatusCode::NOT_FOUND = response.status() {
                return Ok(());
            }
            Err(match refuse(image, response).await? {
                RegistryError::Unexpected { image, answer } if answer.is_unsupported() => {
                    let answer = self.deletion_refused.get_or_init(|| answer).clone();
                    RegistryError::NoDeletion { image, answer }
                }
                refused => refused,
            })
        })
        .await
    }
}

/// The document of a tag that was taken away, by its digest, and its content. No two tags have the same one.
pub(super) fn untagged(repository: &RepositoryName, tag: &Tag) -> (ManifestDigest, Bytes) {
    let content = Bytes::from(format!("{repository}:{tag} was taken away"));
    (Manifest::artifact(UNTAGGED_TYPE, &content).digest(), content)
}
