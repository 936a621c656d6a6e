//! Brings blobs from one registry to another, each as a stream: no more than a few chunks of it are in memory.

use std::future::pending;
use std::io;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::stream;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Url};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Endpoint;
use super::shared::SharedBlobs;
use crate::model::{ImageRef, ManifestDigest, RepositoryName};
use crate::registry::RegistryError;
use crate::registry::authorization::Scope;
use crate::registry::blobs::{Mount, check_uploaded, stated_size};
use crate::registry::distribution::compare;
use crate::registry::http::Reply;

/// Chunks that wait between the two sides. Each takes memory, times the blobs under way.
const CHUNKS_AHEAD: usize = 1;

/// How a blob came to be on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlobOutcome {
    Sent { bytes: u64 },
    Mounted,
    Skipped,
}

/// Between two repositories.
#[derive(Debug)]
pub(super) struct BlobCopier<'a> {
    pub(super) source: &'a Endpoint<'a>,
    pub(super) destination: &'a Endpoint<'a>,
    pub(super) shared: &'a SharedBlobs,
}

impl BlobCopier<'_> {
    /// Makes sure that a blob is at the destination. Trouble with either side is waited out, and new credentials are
    /// tried once.
    pub(super) async fn copy(
        &self,
        digest: ManifestDigest,
        size_bytes: u64,
    ) -> Result<BlobOutcome, RegistryError> {
        self.destination
            .transport
            .retrying(async || match self.copy_once(digest, size_bytes).await {
                Err(RegistryError::Renewed { .. }) => self.copy_once(digest, size_bytes).await,
                outcome => outcome,
            })
            .await
    }

    /// The first of all who copy this blob to the registry puts it there; the others mount it from there.
    async fn copy_once(&self, digest: ManifestDigest, size_bytes: u64) -> Result<BlobOutcome, RegistryError> {
        let repository = &self.destination.repository.repository;
        let mut outcome = None;
        let copied = self.shared.first_copy(digest, async || {
            outcome = Some(self.copy_first(digest, size_bytes).await?);
            Ok(repository.clone())
        });
        let place = copied.await?;
        match outcome {
            Some(outcome) => Ok(outcome),
            None if place == *repository => Ok(BlobOutcome::Skipped),
            None => self.mount_or_send(digest, size_bytes, Some(&place)).await,
        }
    }

    async fn copy_first(
        &self,
        digest: ManifestDigest,
        size_bytes: u64,
    ) -> Result<BlobOutcome, RegistryError> {
        let blob = self.destination.repository.pinned(digest);
        let transport = self.destination.transport;
        if transport.has_blob(&blob, &digest, size_bytes).await? {
            return Ok(BlobOutcome::Skipped);
        }
        let is_same = self.source.transport.is_same(transport);
        self.mount_or_send(digest, size_bytes, is_same.then_some(&self.source.repository.repository)).await
    }

    /// An upload that failed can't be taken up again: each try opens its own.
    async fn mount_or_send(
        &self,
        digest: ManifestDigest,
        size_bytes: u64,
        from: Option<&RepositoryName>,
    ) -> Result<BlobOutcome, RegistryError> {
        let blob = self.destination.repository.pinned(digest);
        let transport = self.destination.transport;
        let mounted = match from {
            Some(from) => Some((transport.mount(&blob, &digest, from).await?, from)),
            None => None,
        };
        let (location, scope) = match mounted {
            Some((Mount::Done, _)) => return Ok(BlobOutcome::Mounted),
            Some((Mount::Upload(location), from)) => (location, Scope::MountFrom(from.clone())),
            Some((Mount::Refused, _)) | None => (transport.open_upload(&blob).await?, Scope::Push),
        };
        let _permit = self.shared.may_send().await;
        let stream = BlobStream::open(self.source, digest, size_bytes).await?;
        self.upload(&blob, location, scope, stream).await?;
        Ok(BlobOutcome::Sent { bytes: size_bytes })
    }

    async fn upload(
        &self,
        blob: &ImageRef,
        mut location: Url,
        scope: Scope,
        stream: BlobStream,
    ) -> Result<(), RegistryError> {
        let (digest, idle) = (stream.digest, self.destination.transport.idle());
        location.query_pairs_mut().append_pair("digest", &digest.to_string());
        let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
        let request = self
            .destination
            .transport
            .uploader()
            .await?
            .put(location)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, stream.size_bytes)
            .body(body(receiver, stream.size_bytes));
        let answered = pin!(self.destination.transport.send(blob, scope, request));
        let passed = pin!(stream.forward(sender, blob, idle));
        let response = match select(passed, answered).await {
            Either::Left((passed, answered)) => {
                passed?;
                timeout(idle, answered).await.map_err(|_| stalled(blob, idle))??
            }
            // Refused before it has seen everything.
            Either::Right((response, _)) => response?,
        };
        check_uploaded(blob, response, digest).await
    }
}

/// A blob as it comes from the source.
struct BlobStream {
    blob: ImageRef,
    digest: ManifestDigest,
    size_bytes: u64,
    response: Reply,
}

impl BlobStream {
    /// # Errors
    /// [`RegistryError::Malformed`] when the source announces another size than the manifest.
    async fn open(
        source: &Endpoint<'_>,
        digest: ManifestDigest,
        size_bytes: u64,
    ) -> Result<Self, RegistryError> {
        let blob = source.repository.pinned(digest);
        let response = source.transport.open_blob(&blob, &digest).await?;
        if stated_size(response.headers()).is_some_and(|stated| stated != size_bytes) {
            return Err(wrong_size(&blob));
        }
        Ok(Self { blob, digest, size_bytes, response })
    }

    /// Hands all chunks over, the last one only once the whole is what its digest says.
    ///
    /// Never ends when the receiver is gone: why that is, the answer to the upload tells.
    async fn forward(
        mut self,
        sender: mpsc::Sender<Bytes>,
        destination: &ImageRef,
        idle: Duration,
    ) -> Result<(), RegistryError> {
        let (mut hash, mut missing) = (Sha256::new(), self.size_bytes);
        while let Some(chunk) = self.next().await? {
            missing = missing.checked_sub(chunk.len() as u64).ok_or_else(|| wrong_size(&self.blob))?;
            hash.update(&chunk);
            if missing == 0 {
                compare(&self.blob, digest_of(hash), self.digest)?;
                return forward_last(chunk, &sender, destination, idle).await;
            }
            forward_last(chunk, &sender, destination, idle).await?;
        }
        match missing {
            0 => compare(&self.blob, digest_of(hash), self.digest),
            _ => Err(wrong_size(&self.blob)),
        }
    }

    /// `None` after the last chunk.
    async fn next(&mut self) -> Result<Option<Bytes>, RegistryError> {
        self.response.chunk(&self.blob).await
    }
}

/// Waits until the other side has taken enough of what it was handed before.
async fn forward_last(
    chunk: Bytes,
    sender: &mpsc::Sender<Bytes>,
    destination: &ImageRef,
    idle: Duration,
) -> Result<(), RegistryError> {
    match timeout(idle, sender.send(chunk)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => pending().await,
        Err(_) => Err(stalled(destination, idle)),
    }
}

/// A request's body of exactly so many bytes: one whose chunks end too soon is broken off, and never looks whole.
fn body(mut receiver: mpsc::Receiver<Bytes>, size_bytes: u64) -> Body {
    let mut missing = size_bytes;
    Body::wrap_stream(stream::poll_fn(move |context| {
        receiver.poll_recv(context).map(|chunk| match chunk {
            Some(chunk) => {
                missing = missing.saturating_sub(chunk.len() as u64);
                Some(Ok(chunk))
            }
            None if missing > 0 => Some(Err(io::Error::from(io::ErrorKind::UnexpectedEof))),
            None => None,
        })
    }))
}

fn digest_of(hash: Sha256) -> ManifestDigest {
    ManifestDigest::from_bytes(hash.finalize().into())
}

fn wrong_size(blob: &ImageRef) -> RegistryError {
    RegistryError::malformed(blob, "it is not of the size that its manifest says")
}

fn stalled(blob: &ImageRef, idle: Duration) -> RegistryError {
    let source = format!("nothing moved for {idle:?}").into();
    RegistryError::Unreachable { image: Box::new(blob.clone()), source }
}
