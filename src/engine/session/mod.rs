//! The session beside a build: what the engine asks us for while it works.
//!
//! A session is a connection that the engine talks back over, as the client of gRPC services that are served here: a POST
//! to a Docker engine's `/session` that is upgraded, or the messages of a stream of BuildKit's own API.

mod auth;
mod file_sync;
mod listing;
mod packet;
mod secrets;
mod ssh;

use std::future::Future;

use bollard_buildkit_proto::moby::buildkit::v1::BytesMessage;
use futures_util::stream::{self, StreamExt as _};
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::service::Routes;
use tonic::{Request, Streaming};

use self::file_sync::FileSync;
use self::listing::Listing;
use super::logins::Offer;
use super::{BuildRequest, ContentError, EngineError};
use crate::buildkit::BuildKit;
use crate::docker::{Docker, DockerError};
use crate::model::random_bits;

/// The engine asks for each file by a frame of a few bytes, for thousands at once. `h2` ends a connection with "too many data
/// frames" when those that wait add up to half of its window, each counted as 256 bytes. A stream has a window of its own, so this
/// lets no more content wait.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 30;

/// What the services here can be asked, as the engine wants to be reported beforehand.
const METHODS: [&str; 6] = [
    "/moby.filesync.v1.FileSync/DiffCopy",
    "/moby.filesync.v1.Auth/Credentials",
    "/moby.buildkit.secrets.v1.Secrets/GetSecret",
    "/moby.sshforward.v1.SSH/CheckAgent",
    "/moby.sshforward.v1.SSH/ForwardAgent",
    "/grpc.health.v1.Health/Check",
];

/// A session that the engine has accepted.
pub(super) struct Session<S> {
    /// What the build names it by.
    pub(super) id: String,
    /// Must be polled while the build runs. Ends when the engine closes the session; dropping it closes it.
    pub(super) served: S,
    /// Why a file could not be given to the engine. The first one is what made the build fail.
    pub(super) failures: mpsc::UnboundedReceiver<ContentError>,
    /// Each login that the engine asked for and was given, or why it can't be told.
    pub(super) offers: mpsc::UnboundedReceiver<Result<Offer, EngineError>>,
}

/// What a session serves, before there is a connection.
struct Services {
    id: String,
    /// The key under which the engine keeps the files.
    key: String,
    routes: Routes,
    failures: mpsc::UnboundedReceiver<ContentError>,
    offers: mpsc::UnboundedReceiver<Result<Offer, EngineError>>,
}

impl Services {
    /// Exactly what is in `request`.
    async fn of(request: &BuildRequest) -> Result<Self, EngineError> {
        let listing = Listing::of(request).await?;
        let key = listing.key.clone();
        let (failed, failures) = mpsc::unbounded_channel();
        let files = FileSync::new(listing, failed);
        let (offered, offers) = mpsc::unbounded_channel();
        let routes = Routes::new(files)
            .add_service(auth::service(request.logins.clone(), offered))
            .add_service(secrets::secrets(request.secrets.clone()))
            .add_service(ssh::service(request.ssh.clone()))
            .add_service(secrets::health());
        Ok(Self { id: new_id(), key, routes, failures, offers })
    }

    /// How the engine is told of the session: names and values of headers.
    fn headers(&self) -> Vec<(&'static str, &str)> {
        let mut headers = vec![
            ("x-docker-expose-session-uuid", self.id.as_str()),
            ("x-docker-expose-session-name", "chinampa"),
            ("x-docker-expose-session-sharedkey", self.key.as_str()),
        ];
        headers.extend(METHODS.map(|method| ("x-docker-expose-session-grpc-method", method)));
        headers
    }
}

/// Opens a session of a Docker engine.
pub(super) async fn open(
    docker: &Docker,
    request: &BuildRequest,
) -> Result<Session<impl Future<Output = Result<(), hyper::Error>> + use<>>, EngineError> {
    let services = Services::of(request).await?;
    let mut headers = vec![("connection", "Upgrade"), ("upgrade", "h2c")];
    headers.extend(services.headers());
    let answer = docker.post("open a session", "/session", &headers).await.map_err(|error| match error {
        DockerError::Refused { status: 404, .. } => EngineError::NoBuildKit { source: error },
        other => EngineError::Docker(other),
    })?;
    let stream = hyper::upgrade::on(answer).await.map_err(|error| docker.broken(error))?;

    let Services { id, routes, failures, offers, .. } = services;
    let served = server().serve_connection(stream, TowerToHyperService::new(routes.prepare()));
    Ok(Session { id, served, failures, offers })
}

/// Opens a session of a BuildKit daemon: a stream of messages, which carry the bytes of the connection.
pub(super) async fn open_stream(
    buildkit: &BuildKit,
    request: &BuildRequest,
) -> Result<Session<impl Future<Output = Result<(), hyper::Error>> + use<>>, EngineError> {
    let services = Services::of(request).await?;
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    let (from_session, to_session) = tokio::io::split(far);
    let mut opened = Request::new(messages(from_session));
    append(opened.metadata_mut(), &services.headers());
    let mut control = buildkit.control();

    let Services { id, routes, failures, offers, .. } = services;
    let serve = server().serve_connection(TokioIo::new(near), TowerToHyperService::new(routes.prepare()));
    let served = async move {
        let receive = async move {
            match control.session(opened).await {
                Ok(answer) => receive(answer.into_inner(), to_session).await,
                Err(error) => tracing::debug!(%error, "the daemon accepted no session"),
            }
        };
        tokio::pin!(serve);
        tokio::select! {
            served = &mut serve => served,
            () = receive => serve.await,
        }
    };
    Ok(Session { id, served, failures, offers })
}

/// How much of a session waits to be sent.
const PIPE_BYTES: usize = 1 << 20;

/// How much of a session is sent in one message.
const MESSAGE_BYTES: usize = 32 * 1024;

/// The bytes that a session sends, as messages.
fn messages(
    source: impl AsyncRead + Unpin + Send + 'static,
) -> impl stream::Stream<Item = BytesMessage> + Send + 'static {
    let read = |mut source| async move {
        let mut data = vec![0; MESSAGE_BYTES];
        match AsyncReadExt::read(&mut source, &mut data).await {
            Ok(0) | Err(_) => None,
            Ok(length) => {
                data.truncate(length);
                Some((BytesMessage { data }, source))
            }
        }
    };
    stream::unfold(source, read)
}

/// Hands on what the daemon sends, to its end. The session ends with it.
async fn receive(mut messages: Streaming<BytesMessage>, mut session: impl tokio::io::AsyncWrite + Unpin) {
    while let Some(message) = messages.next().await {
        let written = match message {
            Ok(message) => session.write_all(&message.data).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.message().to_owned()),
        };
        if let Err(error) = written {
            tracing::debug!(error, "the session ended");
            break;
        }
    }
    // What failed here has ended the session anyway.
    let _ended = session.shutdown().await;
}

fn append(metadata: &mut MetadataMap, headers: &[(&'static str, &str)]) {
    for (name, value) in headers {
        let value = AsciiMetadataValue::try_from(*value).expect("ids and names of methods are ASCII");
        metadata.append(*name, value);
    }
}

fn server() -> http2::Builder<TokioExecutor> {
    let mut server = http2::Builder::new(TokioExecutor::new());
    server.initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    server
}

/// 128 bits that no other session has.
pub(super) fn new_id() -> String {
    format!("{:016x}{:016x}", random_bits(), random_bits())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicBool, Ordering};

    use bytes::Bytes;
    use http_body_util::{BodyExt as _, Empty, StreamBody};
    use hyper::body::{Frame, Incoming};
    use hyper::service::service_fn;
    use hyper::{Request, Response};

    use super::*;

    /// Less than the window of a stream, more than `h2` lets wait in the usual window of a connection.
    const REQUESTS: usize = 4_000;

    #[tokio::test]
    async fn thousands_of_requests_that_wait_do_not_end_the_session() {
        static ALL_SENT: AtomicBool = AtomicBool::new(false);
        let (engine, session) = tokio::io::duplex(1 << 20);
        let frames = (0..=REQUESTS).filter_map(|number| {
            ALL_SENT.store(number == REQUESTS, Ordering::Relaxed);
            let frame = Frame::data(Bytes::from_static(b"a file!!"));
            (number < REQUESTS).then_some(Ok::<_, Infallible>(frame))
        });
        let body = StreamBody::new(stream::iter(frames));
        let engine = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(engine));
        let (mut requests, connection) = engine.await.unwrap();
        tokio::spawn(connection);
        let answer = tokio::spawn(requests.send_request(Request::post("http://a/").body(body).unwrap()));
        while !ALL_SENT.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }

        let count = |request: Request<Incoming>| async move {
            let received = request.into_body().collect().await?.to_bytes().len();
            assert_eq!(received, 8 * REQUESTS);
            Ok::<_, hyper::Error>(Response::new(Empty::<Bytes>::new()))
        };
        tokio::spawn(server().serve_connection(TokioIo::new(session), service_fn(count)));

        assert!(answer.await.unwrap().unwrap().status().is_success());
    }
}
