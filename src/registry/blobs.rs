//! The requests of the OCI distribution specification for blobs.

use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{StatusCode, Url};

use super::answer::Answer;
use super::authorization::Scope;
use super::credentials::UsedLogin;
use super::distribution::{check_stored, verify};
use super::error::RegistryError;
use super::http::{Reply, read_answer, read_body, refusal, refuse};
use super::transport::Transport;
use crate::model::{ImageRef, ManifestDigest, RepositoryName};

impl Transport {
    /// A whole blob of at most `limit_bytes` from the repository of `image`.
    ///
    /// # Errors
    /// [`RegistryError::Missing`], [`RegistryError::TooLarge`], [`RegistryError::DigestMismatch`], and any trouble.
    pub(super) async fn blob(
        &self,
        image: &ImageRef,
        digest: ManifestDigest,
        limit_bytes: usize,
    ) -> Result<Bytes, RegistryError> {
        let blob = image.pinned(digest);
        self.retrying(async || {
            let response = self.open_blob(&blob, &digest).await?;
            let content = read_body(&blob, response, limit_bytes).await?;
            verify(&blob, &content, digest)?;
            Ok(content)
        })
        .await
    }

    /// The answer whose body is a blob, asked for once.
    pub(super) async fn open_blob(
        &self,
        blob: &ImageRef,
        digest: &ManifestDigest,
    ) -> Result<Reply, RegistryError> {
        let request = self.client().get(self.blob_url(blob, digest));
        let response = self.send(blob, Scope::Pull, request).await?;
        match response.status() {
            StatusCode::OK => Ok(response),
            StatusCode::NOT_FOUND => Err(RegistryError::missing(blob)),
            _ => Err(refuse(blob, response).await?),
        }
    }

    /// Stores a blob in the repository of `image`, unless it is there.
    pub(super) async fn put_blob(
        &self,
        image: &ImageRef,
        content: &Bytes,
    ) -> Result<ManifestDigest, RegistryError> {
        let digest = ManifestDigest::of(content);
        let blob = image.pinned(digest);
        let has_blob = self.retrying(|| self.has_blob(&blob, &digest, content.len() as u64));
        if has_blob.await? { Ok(digest) } else { self.send_blob(image, content).await }
    }

    /// Stores a blob in the repository of `image`, whether it is there or not.
    pub(super) async fn send_blob(
        &self,
        image: &ImageRef,
        content: &Bytes,
    ) -> Result<ManifestDigest, RegistryError> {
        let digest = ManifestDigest::of(content);
        let blob = image.pinned(digest);
        // An upload that failed can't be taken up again: each try opens its own.
        self.retrying(async || {
            let mut location = self.open_upload(&blob).await?;
            location.query_pairs_mut().append_pair("digest", &digest.to_string());
            let request = self
                .client()
                .put(location)
                .header(CONTENT_TYPE, "application/octet-stream")
                .body(content.clone());
            let response = self.send(&blob, Scope::Push, request).await?;
            check_uploaded(&blob, response, digest).await?;
            Ok(digest)
        })
        .await
    }

    /// Whether a blob of that size is there. A 404 that isn't the registry's own does no harm here: the upload
    /// then fails.
    pub(super) async fn has_blob(
        &self,
        blob: &ImageRef,
        digest: &ManifestDigest,
        size_bytes: u64,
    ) -> Result<bool, RegistryError> {
        let found = match self.ask_for_push(blob, self.client().head(self.blob_url(blob, digest))).await {
            Err(RegistryError::Denied { image, answer, .. }) if answer.says_nothing() => {
                return Err(self.why_denied(blob, digest, image, answer).await);
            }
            found => found?,
        };
        Ok(found.is_some_and(|headers| stated_size(&headers).is_none_or(|stated| stated == size_bytes)))
    }

    /// The answer to HEAD has no body, so GET is asked what is denied. Where that is not, it is the question itself.
    async fn why_denied(
        &self,
        blob: &ImageRef,
        digest: &ManifestDigest,
        image: Box<ImageRef>,
        answer: Answer,
    ) -> RegistryError {
        match self.open_blob(blob, digest).await {
            Err(denied @ RegistryError::Denied { .. }) => denied,
            Ok(_) | Err(_) => {
                let message = "it may not be asked whether the layer is there; in ECR, that is not authorized to perform: \
                               ecr:BatchCheckLayerAvailability";
                let answer = Answer { message: message.to_owned(), ..answer };
                RegistryError::Denied { image, answer, login: Box::new(UsedLogin::Other) }
            }
        }
    }

    pub(super) async fn open_upload(&self, blob: &ImageRef) -> Result<Url, RegistryError> {
        let url = self.uploads_url(blob);
        let response = self.send(blob, Scope::Push, self.client().post(url.clone()).body("")).await?;
        match response.status() {
            StatusCode::ACCEPTED => upload_location(blob, &url, response.headers()),
            StatusCode::NOT_FOUND => Err(not_found(blob, response).await?),
            _ => Err(refuse(blob, response).await?),
        }
    }

    /// Opens an upload and cancels it. Registries that don't know how to cancel forget it after a while.
    ///
    /// # Errors
    /// [`RegistryError::Missing`] when there is no such repository, and any trouble.
    pub(super) async fn probe_upload(&self, image: &ImageRef) -> Result<(), RegistryError> {
        let url = self.uploads_url(image);
        self.retrying(async || {
            let request = self.client().post(url.clone()).body("");
            let opened = self.send(image, Scope::Push, request).await?;
            let location = match opened.status() {
                StatusCode::ACCEPTED => upload_location(image, &url, opened.headers())?,
                StatusCode::NOT_FOUND => return Err(RegistryError::missing(image)),
                _ => return Err(refuse(image, opened).await?),
            };
            let cancelled = self.send(image, Scope::Push, self.client().delete(location)).await?;
            tracing::debug!(status = %cancelled.status(), "an upload is cancelled");
            Ok(())
        })
        .await
    }

    /// Takes a blob over from another repository of the same registry. No registry has to do that, and those that
    /// don't say so in many ways.
    pub(super) async fn mount(
        &self,
        blob: &ImageRef,
        digest: &ManifestDigest,
        from: &RepositoryName,
    ) -> Result<Mount, RegistryError> {
        let mut url = self.uploads_url(blob);
        url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", from.as_str());
        let request = self.client().post(url.clone()).body("");
        let response = match self.send(blob, Scope::MountFrom(from.clone()), request).await {
            // The token service lets nobody read the other repository.
            Err(RegistryError::Denied { .. }) => return Ok(Mount::Refused),
            response => response?,
        };
        match response.status().as_u16() {
            201 => Ok(Mount::Done),
            202 => match upload_location(blob, &url, response.headers()) {
                Ok(location) => Ok(Mount::Upload(location)),
                Err(_) => Ok(Mount::Refused),
            },
            400 | 401 | 403 | 404 | 405 => Ok(Mount::Refused),
            _ => Err(refuse(blob, response).await?),
        }
    }

    pub(super) fn uploads_url(&self, blob: &ImageRef) -> Url {
        self.url(&format!("/v2/{}/blobs/uploads/", blob.repository))
    }

    fn blob_url(&self, blob: &ImageRef, digest: &ManifestDigest) -> Url {
        self.url(&format!("/v2/{}/blobs/{digest}", blob.repository))
    }
}

/// What a registry answers to a mount.
#[derive(Debug)]
pub(super) enum Mount {
    Done,
    /// It would rather have the blob, there.
    Upload(Url),
    Refused,
}

/// Reads the answer to an upload's last request.
///
/// # Errors
/// [`RegistryError::UploadLost`] when the registry doesn't know the upload (`BLOB_UPLOAD_UNKNOWN`): another one may
/// be opened.
pub(super) async fn check_uploaded(
    blob: &ImageRef,
    response: Reply,
    digest: ManifestDigest,
) -> Result<(), RegistryError> {
    match response.status() {
        StatusCode::CREATED => check_stored(blob, response.headers(), digest),
        StatusCode::NOT_FOUND => {
            let answer = read_answer(blob, response).await?;
            Err(RegistryError::UploadLost { image: Box::new(blob.clone()), answer })
        }
        _ => Err(refuse(blob, response).await?),
    }
}

/// What a 404 to the first write to a repository means: parts of ECR may not know yet that it was created.
///
/// # Errors
/// [`RegistryError::Unreachable`] when even that answer doesn't come whole.
async fn not_found(blob: &ImageRef, reply: Reply) -> Result<RegistryError, RegistryError> {
    let (status, headers) = (reply.status(), reply.headers().clone());
    let answer = read_answer(blob, reply).await?;
    Ok(match answer.code.as_deref() {
        Some("NAME_UNKNOWN") => RegistryError::UnknownRepository { image: Box::new(blob.clone()), answer },
        _ => refusal(blob, status, &headers, answer),
    })
}

pub(super) fn upload_location(
    blob: &ImageRef,
    asked: &Url,
    headers: &HeaderMap,
) -> Result<Url, RegistryError> {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    location
        .and_then(|location| asked.join(location).ok())
        .ok_or_else(|| RegistryError::malformed(blob, "the registry names no place for the upload"))
}

pub(super) fn stated_size(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
