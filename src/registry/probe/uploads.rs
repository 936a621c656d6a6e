//! The ways by which a layer gets into a registry (OCI distribution specification, § Pushing Blobs).

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE};

use super::super::authorization::Scope;
use super::super::blobs::{Mount, upload_location};
use super::Prober;
use super::finding::{Capability, Finding, Outcome, outcome};
use crate::model::ManifestDigest;

const BYTES: &str = "application/octet-stream";

impl Prober<'_> {
    /// Opens an upload, and sends everything with the request that ends it.
    pub(super) async fn upload(&self, content: &Bytes) -> Finding {
        let digest = ManifestDigest::of(content);
        let mut location = match self.transport.open_upload(&self.repository).await {
            Ok(location) => location,
            Err(error) => return Finding::of_error(&error),
        };
        location.query_pairs_mut().append_pair("digest", &digest.to_string());
        let request = self.transport.client().put(location).header(CONTENT_TYPE, BYTES).body(content.clone());
        let answered = self.transport.send(&self.repository, Scope::Push, request).await;
        let finding = outcome(&self.repository, answered).await.finding(&[StatusCode::CREATED]);
        self.if_it_is_there(finding, content).await
    }

    /// Sends everything with the request that opens the upload.
    pub(super) async fn single_request(&self) -> Finding {
        let content = self.content("a layer in one request");
        let mut url = self.transport.uploads_url(&self.repository);
        url.query_pairs_mut().append_pair("digest", &ManifestDigest::of(&content).to_string());
        let request =
            self.transport.client().post(url.clone()).header(CONTENT_TYPE, BYTES).body(content.clone());
        let answered = self.transport.send(&self.repository, Scope::Push, request).await;
        let answered = outcome(&self.repository, answered).await;
        if let Outcome::Answered { status: StatusCode::ACCEPTED, headers, .. } = &answered {
            self.cancel(&url, headers).await;
            return Finding::No { why: "it opens an upload instead".to_owned() };
        }
        self.if_it_is_there(answered.finding(&[StatusCode::CREATED]), &content).await
    }

    /// Sends the two halves in requests of their own, and nothing with the one that ends the upload.
    pub(super) async fn chunks(&self) -> Finding {
        let content = self.content("a layer in two chunks");
        let mut location = match self.transport.open_upload(&self.repository).await {
            Ok(location) => location,
            Err(error) => return Finding::of_error(&error),
        };
        let middle = content.len() / 2;
        for (start, end) in [(0, middle), (middle, content.len())] {
            let request = self
                .transport
                .client()
                .patch(location.clone())
                .header(CONTENT_TYPE, BYTES)
                .header(CONTENT_RANGE, format!("{start}-{}", end - 1))
                .body(content.slice(start..end));
            let answered = self.transport.send(&self.repository, Scope::Push, request).await;
            let answered = outcome(&self.repository, answered).await;
            let Outcome::Answered { status: StatusCode::ACCEPTED | StatusCode::NO_CONTENT, headers, .. } =
                &answered
            else {
                return answered.finding(&[]);
            };
            match upload_location(&self.repository, &location, headers) {
                Ok(next) => location = next,
                Err(error) => return Finding::of_error(&error),
            }
        }
        location.query_pairs_mut().append_pair("digest", &ManifestDigest::of(&content).to_string());
        let request = self.transport.client().put(location).body("");
        let answered = self.transport.send(&self.repository, Scope::Push, request).await;
        let finding = outcome(&self.repository, answered).await.finding(&[StatusCode::CREATED]);
        self.if_it_is_there(finding, &content).await
    }

    /// Takes a layer of the first repository over into the second.
    pub(super) async fn mount(&self, layer: &Bytes) -> Finding {
        let digest = ManifestDigest::of(layer);
        let blob = self.repository.pinned(digest);
        match self.transport.has_blob(&blob, &digest, layer.len() as u64).await {
            Ok(true) => {}
            Ok(false) => return Finding::needs(Capability::Upload),
            Err(error) => return Finding::of_error(&error),
        }
        let target = self.other.pinned(digest);
        match self.transport.mount(&target, &digest, &self.repository.repository).await {
            Ok(Mount::Done) => Finding::Yes,
            Ok(Mount::Upload(location)) => {
                let request = self.transport.client().delete(location);
                let cancelled = self.transport.send(&target, Scope::Push, request).await;
                tracing::debug!(ok = cancelled.is_ok(), "an upload is cancelled");
                Finding::No { why: "it opens an upload instead".to_owned() }
            }
            Ok(Mount::Refused) => Finding::Unknown {
                why: format!(
                    "it was refused: perhaps `{}` is not there, or the login may not push to it",
                    self.other.repository
                ),
            },
            Err(error) => Finding::of_error(&error),
        }
    }

    /// A yes counts only if the registry has the layer.
    async fn if_it_is_there(&self, finding: Finding, content: &Bytes) -> Finding {
        if !finding.is_yes() {
            return finding;
        }
        let digest = ManifestDigest::of(content);
        let blob = self.repository.pinned(digest);
        match self.transport.has_blob(&blob, &digest, content.len() as u64).await {
            Ok(true) => Finding::Yes,
            Ok(false) => {
                Finding::No { why: "it answers that the layer is stored, and does not have it".to_owned() }
            }
            Err(error) => Finding::of_error(&error),
        }
    }

    async fn cancel(&self, url: &reqwest::Url, headers: &reqwest::header::HeaderMap) {
        if let Ok(location) = upload_location(&self.repository, url, headers) {
            let request = self.transport.client().delete(location);
            let cancelled = self.transport.send(&self.repository, Scope::Push, request).await;
            tracing::debug!(ok = cancelled.is_ok(), "an upload is cancelled");
        }
    }
}
