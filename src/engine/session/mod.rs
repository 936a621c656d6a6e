//! The session beside a build: what the engine asks us for while it works.
//!
//! A session is a connection that the engine talks back over: a POST to `/session` that is
//! upgraded, after which the engine is the client of gRPC services that are served here.

mod auth;
mod file_sync;
mod listing;
mod packet;
mod secrets;
mod ssh;

use std::future::Future;

use hyper::server::conn::http2;
use hyper_util::rt::TokioExecutor;
use hyper_util::service::TowerToHyperService;
use tokio::sync::mpsc;
use tonic::service::Routes;

use self::file_sync::FileSync;
use self::listing::Listing;
use super::logins::Offer;
use super::{BuildRequest, ContentError, EngineError};
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

/// Opens a session that serves exactly what is in `request`.
pub(super) async fn open(
    docker: &Docker,
    request: &BuildRequest,
) -> Result<Session<impl Future<Output = Result<(), hyper::Error>> + use<>>, EngineError> {
    let id = new_id();
    let listing = Listing::of(request).await?;
    let mut headers = vec![
        ("connection", "Upgrade"),
        ("upgrade", "h2c"),
        ("x-docker-expose-session-uuid", &id),
        ("x-docker-expose-session-name", "chinampa"),
        ("x-docker-expose-session-sharedkey", &listing.key),
    ];
    headers.extend(METHODS.map(|method| ("x-docker-expose-session-grpc-method", method)));
    let answer = docker.post("open a session", "/session", &headers).await.map_err(|error| match error {
        DockerError::Refused { status: 404, .. } => EngineError::NoBuildKit { source: error },
        other => EngineError::Docker(other),
    })?;
    let stream = hyper::upgrade::on(answer).await.map_err(|error| docker.broken(error))?;

    let (failed, failures) = mpsc::unbounded_channel();
    let files = FileSync::new(listing, failed);
    let (offered, offers) = mpsc::unbounded_channel();
    let services = Routes::new(files)
        .add_service(auth::service(request.logins.clone(), offered))
        .add_service(secrets::secrets(request.secrets.clone()))
        .add_service(ssh::service(request.ssh.clone()))
        .add_service(secrets::health());
    let served = server().serve_connection(stream, TowerToHyperService::new(services.prepare()));
    Ok(Session { id, served, failures, offers })
}

fn server() -> http2::Builder<TokioExecutor> {
    let mut server = http2::Builder::new(TokioExecutor::new());
    server.initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    server
}

/// 128 bits that no other session has.
fn new_id() -> String {
    format!("{:016x}{:016x}", random_bits(), random_bits())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicBool, Ordering};

    use bytes::Bytes;
    use futures_util::stream;
    use http_body_util::{BodyExt as _, Empty, StreamBody};
    use hyper::body::{Frame, Incoming};
    use hyper::service::service_fn;
    use hyper::{Request, Response};
    use hyper_util::rt::TokioIo;

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
