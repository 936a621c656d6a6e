//! Brings blobs from one registry to another, each as a stream: no more than a few chunks of it are in memory.

use std::future::pending;
use std::io;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::stream;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Client, Response, StatusCode, Url};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Endpoint;
use crate::model::{ImageRef, ManifestDigest};
use crate::registry::RegistryError;
use crate::registry::auth::Scope;
use crate::registry::blobs::stated_size;
use crate::registry::distribution::{check_stored, compare};
use crate::registry::http::{refuse, unreachable};

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
    source: &'a Endpoint<'a>,
    destination: &'a Endpoint<'a>,
    uploader: Client,
}

impl<'a> BlobCopier<'a> {
    pub(super) fn new(
        source: &'a Endpoint<'_>,
        destination: &'a Endpoint<'_>,
    ) -> Result<Self, RegistryError> {
        let uploader = destination.transport.uploader(destination.host)?;
        Ok(Self { source, destination, uploader })
    }

    /// Makes sure that a blob is at the destination. Trouble with either side is waited out.
    pub(super) async fn copy(
        &self,
        digest: ManifestDigest,
        size_bytes: u64,
    ) -> Result<BlobOutcome, RegistryError> {
        self.destination.transport.retrying(|| self.copy_once(digest, size_bytes)).await
    }

    /// An upload that failed can't be taken up again: each try opens its own.
    async fn copy_once(&self, digest: ManifestDigest, size_bytes: u64) -> Result<BlobOutcome, RegistryError> {
        let blob = self.destination.repository.pinned(digest);
        let transport = self.destination.transport;
        if transport.has_blob(&blob, &digest, size_bytes).await? {
            return Ok(BlobOutcome::Skipped);
        }
        let (location, scope) = if self.source.transport.is_same(transport) {
            let from = &self.source.repository.repository;
            match transport.mount(&blob, &digest, from).await? {
                None => return Ok(BlobOutcome::Mounted),
                Some(location) => (location, Scope::MountFrom(from.clone())),
            }
        } else {
            (transport.open_upload(&blob).await?, Scope::Push)
        };
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
            .uploader
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
        match response.status() {
            StatusCode::CREATED => check_stored(blob, response.headers(), digest),
            _ => Err(refuse(blob, response).await?),
        }
    }
}

/// A blob as it comes from the source.
struct BlobStream {
    blob: ImageRef,
    digest: ManifestDigest,
    size_bytes: u64,
    response: Response,
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
        self.response.chunk().await.map_err(|error| unreachable(&self.blob, error))
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
