//! Serves the context's files: `moby.filesync.v1.FileSync`.
//!
//! One transfer goes: we list every file; the engine asks for those that it hasn't, by their
//! place in the list; we send each; the engine says that it is done, and so do we. There are two
//! folders, and they know nothing of each other: `context`, and `dockerfile`, in which there is a
//! `Dockerfile` and nothing else.
//!
//! The engine asks for what a build needs (`followpaths`), which differs from stage to stage. It would drop what is not
//! listed, and request it again for the next stage, so everything is listed. Its `exclude-patterns` are those of a
//! `.dockerignore` that whoever made the context has applied.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use hyper::HeaderMap;
use tokio::sync::mpsc;
use tonic::codegen::http;
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower_service::Service;

use super::super::ContentError;
use super::super::content::Reader;
use super::super::context::Entry;
use super::listing::{Listed, Listing};
use super::packet::{Kind, Packet};

/// What the engine reads by itself before it asks for the context.
const DOCKERIGNORE: &str = ".dockerignore";

/// How many packets wait to be sent, each of at most 32 KiB.
const PACKETS_AHEAD: usize = 16;

#[derive(Clone)]
pub(super) struct FileSync {
    listing: Arc<Listing>,
    failed: mpsc::UnboundedSender<ContentError>,
}

impl FileSync {
    /// Sends to `failed` why a file could not be given.
    pub(super) fn new(listing: Listing, failed: mpsc::UnboundedSender<ContentError>) -> Self {
        Self { listing: Arc::new(listing), failed }
    }
}

// Written out because the generated server knows paths only as UTF-8.

impl NamedService for FileSync {
    const NAME: &'static str = "moby.filesync.v1.FileSync";
}

impl Service<http::Request<tonic::body::Body>> for FileSync {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            if request.uri().path() != "/moby.filesync.v1.FileSync/DiffCopy" {
                return Ok(Status::unimplemented("only `DiffCopy` is served").into_http());
            }
            Ok(Grpc::new(ProstCodec::default()).streaming(this, request).await)
        })
    }
}

impl StreamingService<Packet> for FileSync {
    type Response = Packet;
    type ResponseStream = BoxStream<'static, Result<Packet, Status>>;
    type Future = std::future::Ready<Result<Response<Self::ResponseStream>, Status>>;

    /// Begins one transfer. It ends with its streams.
    fn call(&mut self, request: Request<Streaming<Packet>>) -> Self::Future {
        let (metadata, _, mut incoming) = request.into_parts();
        let headers = metadata.into_headers();
        let name = headers.get("dir-name").map_or(b"".as_slice(), http::HeaderValue::as_bytes);
        let Some(folder) = self.listing.folder(name) else {
            let status = Status::failed_precondition("only `context` and `dockerfile` are there");
            return std::future::ready(Err(status));
        };
        let folder: Arc<[Arc<Listed>]> = wanted(folder, &headers).into();
        let (ask, asked) = mpsc::unbounded_channel();
        let (send, mut packets) = mpsc::channel(PACKETS_AHEAD);
        // Requests are taken in at once, whatever else happens: when many small messages wait
        // unread, HTTP/2 takes them for an attack and ends the connection.
        tokio::spawn(async move {
            while let Ok(Some(packet)) = incoming.message().await {
                if ask.send(packet).is_err() {
                    break;
                }
            }
        });
        let failed = self.failed.clone();
        let requested = folder.clone();
        tokio::task::spawn_blocking(move || {
            let status = match serve(&requested, asked, &send) {
                Ok(()) | Err(Stop::Gone) => return,
                Err(Stop::Refused(why)) => Status::failed_precondition(why),
                Err(Stop::Failed(error)) => {
                    let status = Status::aborted(error.to_string());
                    // When nobody listens any more, the build is over.
                    let _ = failed.send(error);
                    status
                }
            };
            let _ = send.blocking_send(Err(status));
        });
        // The whole list is at hand, so that many of its small messages go into one frame.
        let list =
            (0..folder.len()).map(move |id| Packet::listed(&folder[id])).chain([Packet::end_of_listing()]);
        let packets = stream::poll_fn(move |task| packets.poll_recv(task));
        std::future::ready(Ok(Response::new(stream::iter(list.map(Ok)).chain(packets).boxed())))
    }
}

type Packets = mpsc::Sender<Result<Packet, Status>>;

/// Why a transfer ends before its end.
enum Stop {
    /// The engine has gone.
    Gone,
    /// The engine asks for what isn't there.
    Refused(&'static str),
    Failed(ContentError),
}

impl From<ContentError> for Stop {
    fn from(error: ContentError) -> Self {
        Self::Failed(error)
    }
}

/// Sends the files that are requested, until the engine is done.
fn serve(
    folder: &[Arc<Listed>],
    mut asked: mpsc::UnboundedReceiver<Packet>,
    packets: &Packets,
) -> Result<(), Stop> {
    let send = |packet| packets.blocking_send(Ok(packet)).map_err(|_| Stop::Gone);
    let mut reader = Reader::default();
    let entry = |id: u32| folder.get(id as usize).map(|listed| &listed.file.entry);
    while let Some(packet) = asked.blocking_recv() {
        match packet.kind() {
            Kind::Request => {
                let id = packet.id;
                let Some(Entry::File { content, .. }) = entry(id) else {
                    return Err(Stop::Refused("only files that were listed have a content"));
                };
                reader.read(content, |chunk| send(Packet::data(id, chunk)))?;
                send(Packet::data(id, Bytes::new()))?;
            }
            Kind::Finish => return send(Packet::finish()),
            Kind::Stat | Kind::Data | Kind::Error => {
                return Err(Stop::Refused("only requests for files are expected"));
            }
        }
    }
    Err(Stop::Gone)
}

/// The whole folder, unless the engine wants to read `.dockerignore` alone: it keeps that apart from the context, and would
/// keep all files twice.
fn wanted(folder: &[Arc<Listed>], headers: &HeaderMap) -> Vec<Arc<Listed>> {
    let mut followed = headers.get_all("followpaths").iter().peekable();
    let is_for_dockerignore = followed.peek().is_some() && followed.all(|path| path == DOCKERIGNORE);
    let is_wanted = |listed: &&Arc<Listed>| {
        !is_for_dockerignore || listed.file.path.as_bytes() == DOCKERIGNORE.as_bytes()
    };
    folder.iter().filter(is_wanted).cloned().collect()
}
