//! The requests of the OCI distribution specification that are needed, each tried until it is
//! answered: manifests by tag or digest (`blobs` has those for the rest).

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder, StatusCode, Url};

use super::answer::Answer;
use super::authorization::Scope;
use super::error::RegistryError;
use super::http::{Reply, read_answer, read_body, refusal, refuse};
use super::manifest::{DOCKER_IMAGE, DOCKER_LIST, Manifest, OCI_IMAGE, OCI_INDEX};
use super::transport::Transport;
use crate::model::{ImageRef, ManifestDigest};

/// The specification asks registries to accept manifests of this size, and few accept more.
const MAX_MANIFEST_BYTES: usize = 4 << 20;

const MANIFEST_TYPES: [&str; 4] = [OCI_IMAGE, OCI_INDEX, DOCKER_IMAGE, DOCKER_LIST];

impl Transport {
    /// The digest of the manifest that `image` names, or `None` when the registry says it isn't there.
    pub(super) async fn find_manifest(
        &self,
        image: &ImageRef,
    ) -> Result<Option<ManifestDigest>, RegistryError> {
        self.retrying(async || {
            let response = self.ask_manifest(Method::HEAD, image).await?;
            let named = stated_digest(response.headers());
            match response.status() {
                StatusCode::OK if named.is_some() => Ok(named),
                StatusCode::NOT_FOUND if is_registry(response.headers()) => Ok(None),
                // The answer to HEAD has no body: only GET can tell a registry's answer from a proxy's.
                StatusCode::OK | StatusCode::NOT_FOUND => {
                    Ok(self.manifest_once(image).await?.map(|manifest| manifest.digest()))
                }
                _ => {
                    let refused = refuse(image, response).await?;
                    Err(self.with_reason(image, refused).await)
                }
            }
        })
        .await
    }

    /// The reason of a refusal: the answer to HEAD has no words, and that to GET has. Whatever else GET says, it stays refused.
    async fn with_reason(&self, image: &ImageRef, refused: RegistryError) -> RegistryError {
        match &refused {
            RegistryError::Denied { answer, .. } if answer.says_nothing() => {}
            _ => return refused,
        }
        match self.manifest_once(image).await {
            Err(denied @ RegistryError::Denied { .. }) => denied,
            Ok(_) | Err(_) => refused,
        }
    }

    /// The manifest that `image` names, or `None` when the registry says it isn't there.
    ///
    /// # Errors
    /// [`RegistryError::DigestMismatch`] when it isn't what its digest says.
    pub(super) async fn manifest(&self, image: &ImageRef) -> Result<Option<Manifest>, RegistryError> {
        self.retrying(|| self.manifest_once(image)).await
    }

    /// The manifest of an image that was just pushed: some registries do not have it at once for everybody.
    ///
    /// # Errors
    /// [`RegistryError::NotStored`] when it is still not there.
    pub(super) async fn pushed_manifest(&self, image: &ImageRef) -> Result<Manifest, RegistryError> {
        self.retrying(async || {
            let manifest = self.manifest_once(image).await?;
            manifest.ok_or_else(|| RegistryError::NotStored { image: Box::new(image.clone()) })
        })
        .await
    }

    /// The manifest with this digest, which is asked for where it isn't known.
    ///
    /// # Errors
    /// [`RegistryError::Missing`] when the registry says that it isn't there.
    pub(super) async fn known_manifest(
        &self,
        repository: &ImageRef,
        digest: &ManifestDigest,
    ) -> Result<Manifest, RegistryError> {
        if let Some(manifest) = self.known().find(&repository.repository, digest) {
            return Ok(manifest);
        }
        let image = repository.pinned(*digest);
        self.manifest(&image).await?.ok_or_else(|| RegistryError::missing(&image))
    }

    /// Waits until the registry knows a repository that was just created and that the engine will push to: parts of ECR may not, for a moment.
    /// Any other trouble is for the request that needs the repository.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] when it still doesn't know it.
    #[cfg(feature = "ecr")]
    pub(super) async fn until_known(&self, repository: &ImageRef) -> Result<(), RegistryError> {
        self.retrying(async || {
            let Ok(reply) = self.ask_manifest(Method::GET, repository).await else { return Ok(()) };
            if reply.status() != StatusCode::NOT_FOUND {
                return Ok(());
            }
            match read_answer(repository, reply).await {
                Ok(answer) if answer.code.as_deref() == Some("NAME_UNKNOWN") => {
                    let image = Box::new(repository.clone());
                    Err(RegistryError::Unavailable { image, answer, retry_after: None })
                }
                _ => Ok(()),
            }
        })
        .await
    }

    async fn manifest_once(&self, image: &ImageRef) -> Result<Option<Manifest>, RegistryError> {
        let response = self.ask_manifest(Method::GET, image).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        match status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => {
                let answer = read_answer(image, response).await?;
                return if is_absent(&headers, &answer) {
                    Ok(None)
                } else {
                    Err(refusal(image, status, &headers, answer))
                };
            }
            _ => return Err(refuse(image, response).await?),
        }
        let media_type = media_type(&headers);
        if !MANIFEST_TYPES.contains(&media_type.as_str()) {
            return Err(RegistryError::malformed(image, "the answer is not a manifest of a known type"));
        }
        let bytes = read_body(image, response, MAX_MANIFEST_BYTES).await?;
        for expected in [image.digest, stated_digest(&headers)].into_iter().flatten() {
            verify(image, &bytes, expected)?;
        }
        let manifest = Manifest { bytes, media_type };
        self.known().add(image, &manifest);
        Ok(Some(manifest))
    }

    async fn ask_manifest(&self, method: Method, image: &ImageRef) -> Result<Reply, RegistryError> {
        let request = self.client().request(method, self.manifest_url(image));
        let request = request.header(ACCEPT, MANIFEST_TYPES.join(", "));
        self.send(image, Scope::Pull, request).await
    }

    /// Stores a manifest under the tag of `image`, or under its digest where that has none, and sees that it is there.
    ///
    /// # Errors
    /// [`RegistryError::NotStored`] when the registry only says that it has stored it.
    pub(super) async fn store_manifest(
        &self,
        image: &ImageRef,
        manifest: &Manifest,
    ) -> Result<ManifestDigest, RegistryError> {
        let digest = manifest.digest();
        let pinned = image.pinned(digest);
        let name = if image.tag.is_some() { image } else { &pinned };
        self.retrying(async || {
            self.put_manifest_once(name, manifest).await?;
            match self.has_manifest_once(&pinned, digest).await? {
                true => {
                    self.known().add_stored(&pinned, manifest);
                    Ok(digest)
                }
                false => Err(RegistryError::NotStored { image: Box::new(name.clone()) }),
            }
        })
        .await
    }

    /// Lets a tag stand for a manifest that is there. One that does already is not written again: that counts
    /// towards quotas, and is refused where tags can't be moved. No tag can stand for what was just stored.
    pub(super) async fn tag_manifest(
        &self,
        image: &ImageRef,
        manifest: &Manifest,
    ) -> Result<(), RegistryError> {
        let digest = manifest.digest();
        let is_new = self.known().was_stored(&image.repository, &digest);
        self.retrying(async || {
            if !is_new && self.has_manifest_once(image, digest).await? {
                return Ok(());
            }
            match self.put_manifest_once(image, manifest).await {
                // The answer to an earlier attempt may have been lost.
                Err(RegistryError::ImmutableTag { .. }) if self.has_manifest_once(image, digest).await? => {
                    Ok(())
                }
                written => written,
            }
        })
        .await
    }

    /// Waits for a turn and writes a manifest. Throttling is waited out.
    async fn put_manifest_once(&self, image: &ImageRef, manifest: &Manifest) -> Result<(), RegistryError> {
        let put = async || {
            let request = self
                .client()
                .put(self.manifest_url(image))
                .header(CONTENT_TYPE, &manifest.media_type)
                .body(manifest.bytes.clone());
            let response = self.send(image, Scope::Push, request).await?;
            match response.status() {
                StatusCode::CREATED => check_stored(image, response.headers(), manifest.digest()),
                StatusCode::BAD_REQUEST => Err(bad_manifest(image, read_answer(image, response).await?)),
                _ => Err(refuse(image, response).await?),
            }
        };
        self.put_limiter().put(|error| self.throttling(error), put).await
    }

    /// Whether a manifest that is about to be stored is there already. A wrong 404 does no harm: it is then
    /// stored again.
    pub(super) async fn has_manifest(
        &self,
        image: &ImageRef,
        digest: ManifestDigest,
    ) -> Result<bool, RegistryError> {
        self.retrying(|| self.has_manifest_once(image, digest)).await
    }

    async fn has_manifest_once(
        &self,
        image: &ImageRef,
        digest: ManifestDigest,
    ) -> Result<bool, RegistryError> {
        let request = self.client().head(self.manifest_url(image));
        let request = request.header(ACCEPT, MANIFEST_TYPES.join(", "));
        let found = match self.ask_for_push(image, request).await {
            Ok(found) => found,
            Err(refused) => return Err(self.with_reason(image, refused).await),
        };
        let Some(headers) = found else { return Ok(false) };
        match stated_digest(&headers) {
            Some(stated) => Ok(stated == digest),
            // Only the content can tell then.
            None => Ok(self.manifest_once(image).await?.is_some_and(|there| there.digest() == digest)),
        }
    }

    /// What HEAD answers to those who may push; `None` for 404.
    pub(super) async fn ask_for_push(
        &self,
        image: &ImageRef,
        request: RequestBuilder,
    ) -> Result<Option<HeaderMap>, RegistryError> {
        let response = self.send(image, Scope::Push, request).await?;
        match response.status() {
            StatusCode::OK => Ok(Some(response.headers().clone())),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(refuse(image, response).await?),
        }
    }

    pub(super) fn manifest_url(&self, image: &ImageRef) -> Url {
        let reference = match (&image.digest, &image.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.to_string(),
            (None, None) => "latest".to_owned(),
        };
        self.url(&format!("/v2/{}/manifests/{reference}", image.repository))
    }
}

/// Whether a registry speaks, and not something in front of it.
fn is_registry(headers: &HeaderMap) -> bool {
    let version = headers.get("docker-distribution-api-version");
    version.is_some_and(|version| version.as_bytes().starts_with(b"registry/2"))
}

/// Whether a 404 is a registry's own.
pub(super) fn is_absent(headers: &HeaderMap, answer: &Answer) -> bool {
    let says_so = matches!(answer.code.as_deref(), Some("MANIFEST_UNKNOWN" | "NAME_UNKNOWN" | "NOT_FOUND"));
    is_registry(headers) || says_so
}

fn stated_digest(headers: &HeaderMap) -> Option<ManifestDigest> {
    headers.get("docker-content-digest")?.to_str().ok()?.parse().ok()
}

/// The content's type, in lower case and without parameters.
fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Compares what the registry says that it stored, if it does.
pub(super) fn check_stored(
    image: &ImageRef,
    headers: &HeaderMap,
    expected: ManifestDigest,
) -> Result<(), RegistryError> {
    stated_digest(headers).map_or(Ok(()), |stored| compare(image, stored, expected))
}

pub(super) fn verify(
    image: &ImageRef,
    content: &[u8],
    expected: ManifestDigest,
) -> Result<(), RegistryError> {
    compare(image, ManifestDigest::of(content), expected)
}

pub(super) fn compare(
    image: &ImageRef,
    actual: ManifestDigest,
    expected: ManifestDigest,
) -> Result<(), RegistryError> {
    if actual == expected {
        return Ok(());
    }
    Err(RegistryError::DigestMismatch { image: Box::new(image.clone()), expected, actual })
}

/// What a 400 to a manifest means. Its digest is right: docker-registry doubts it while another upload writes the link of
/// a blob that both have.
fn bad_manifest(image: &ImageRef, answer: Answer) -> RegistryError {
    let image = Box::new(image.clone());
    match answer.code.as_deref() {
        Some("DIGEST_INVALID") => RegistryError::Unavailable { image, answer, retry_after: None },
        _ if answer.is_about_immutable_tag() => RegistryError::ImmutableTag { image, answer },
        _ => RegistryError::Unexpected { image, answer },
    }
}
