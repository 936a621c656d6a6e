//! The connection to a Docker engine.
//!
//! One HTTP client opens streams to the engine. `bollard` speaks through it wherever it has the
//! call; what it has not (a build with a session, a push whose password survives) is sent here.

mod address;
mod address_error;
mod config;
mod container;
mod context;
mod host;
mod image;
mod info;
mod json_lines;
mod stream;

use std::error::Error as StdError;
use std::sync::Arc;

use bollard::ClientVersion;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use thiserror::Error;

use crate::model::ErrorKind;
pub use address::{EngineAddress, EngineSettings};
pub use address_error::AddressError;
pub use config::{DockerConfig, DockerConfigError};
pub(crate) use container::{ContainerFile, ContainerStream, NewContainer};
pub use host::{DockerHost, InvalidDockerHost};
pub(crate) use image::EngineImage;
pub use info::EngineInfo;
pub(crate) use json_lines::JsonLines;
pub(crate) use stream::{Connector, Duplex, piped};

/// The API of Docker 20.10, the oldest engine that this is tried with.
const OLDEST_API: ClientVersion = ClientVersion { major_version: 1, minor_version: 41 };

/// How long an engine may think before it begins to answer; what it streams after that may take longer.
const ANSWER_SECONDS: u64 = 120;

/// How much of an engine's refusal is read.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

type AnyError = Box<dyn StdError + Send + Sync>;
type Body = UnsyncBoxBody<Bytes, AnyError>;

/// Trouble between us and the engine.
#[derive(Debug, Error)]
pub enum DockerError {
    /// Nobody listens there, or nobody lets us in.
    #[error("cannot reach the Docker engine at {engine}")]
    Unreachable { engine: Arc<EngineAddress>, source: AnyError },
    /// Somebody listens there, and does not answer as an engine does.
    #[error("there is no answer of a Docker engine at {engine}")]
    NotAnEngine { engine: Arc<EngineAddress>, source: AnyError },
    /// The connection was there and broke.
    #[error("the connection to the Docker engine at {engine} broke")]
    Broken { engine: Arc<EngineAddress>, source: AnyError },
    #[error("the Docker engine at {engine} speaks API {api}, but API {OLDEST_API} (Docker 20.10) is needed")]
    TooOld { engine: Arc<EngineAddress>, api: String },
    /// The engine understood and said no.
    #[error("the Docker engine refused to {request} ({status}): {message}")]
    Refused { request: &'static str, status: u16, message: String },
    /// The engine answered what no engine should.
    #[error("cannot make sense of what the Docker engine says of {about}")]
    Unexpected { about: &'static str, source: AnyError },
}

impl DockerError {
    pub(crate) fn unexpected(about: &'static str, source: impl Into<AnyError>) -> Self {
        Self::Unexpected { about, source: source.into() }
    }

    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreachable { .. }
            | Self::NotAnEngine { .. }
            | Self::Broken { .. }
            | Self::TooOld { .. }
            | Self::Refused { .. }
            | Self::Unexpected { .. } => ErrorKind::Environment,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreachable { engine, .. } => Some(engine.hint()),
            Self::NotAnEngine { engine, .. } => Some(engine.hint_if_no_engine()),
            Self::TooOld { .. } => Some("install Docker 20.10 or newer".to_owned()),
            Self::Broken { .. } | Self::Refused { .. } | Self::Unexpected { .. } => None,
        }
    }
}

/// What an engine says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    /// Such as `20.10.24`; empty if it tells none.
    pub(crate) engine: String,
    /// Such as `linux/amd64`; without a part that it does not tell.
    pub(crate) platform: String,
}

/// A connection to an engine that answered, and that is new enough. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Docker {
    engine: Arc<EngineAddress>,
    client: Client<Connector, Body>,
    bollard: bollard::Docker,
}

impl Docker {
    /// Connects and asks the engine for its version.
    ///
    /// # Errors
    /// [`DockerError::Unreachable`] when nobody answers there, [`DockerError::NotAnEngine`] when something else does,
    /// [`DockerError::TooOld`] below API 1.41.
    pub async fn connect(engine: &EngineAddress) -> Result<Self, DockerError> {
        let docker = Self::new(engine)?;
        let engine = docker.engine;
        let bollard = docker
            .bollard
            .negotiate_version()
            .await
            .map_err(|error| no_version(&engine, from_bollard(&engine, "tell its version", error)))?;
        let api = bollard.client_version();
        if api < OLDEST_API {
            return Err(DockerError::TooOld { engine, api: api.to_string() });
        }
        tracing::info!("using the Docker engine at {engine}, API {api}");
        Ok(Self { engine, client: docker.client, bollard })
    }

    /// An engine that nobody has asked yet.
    fn new(engine: &EngineAddress) -> Result<Self, DockerError> {
        let engine = Arc::new(engine.clone());
        let connector = Connector::to(&engine);
        let client = Client::builder(TokioExecutor::new()).build::<_, Body>(connector);
        let transport = Arc::new(client.clone());
        let send = move |request: bollard::BollardRequest| {
            let client = Arc::clone(&transport);
            async move { Ok(client.request(request.map(BodyExt::boxed_unsync)).await?) }
        };
        let bollard = bollard::Docker::connect_with_custom_transport(
            send,
            Some(base_url(&engine)),
            ANSWER_SECONDS,
            bollard::API_DEFAULT_VERSION,
        )
        .map_err(|error| from_bollard(&engine, "connect", error))?;
        Ok(Self { engine, client, bollard })
    }

    /// An engine that isn't there.
    #[cfg(test)]
    pub(crate) fn nowhere() -> Self {
        let host = DockerHost::Tcp { host: "127.0.0.1".to_owned(), port: 1 };
        Self::new(&EngineAddress { host, tls: None, chosen_by: address::ChosenBy::Default })
            .expect("an address is all that is looked at")
    }

    /// The version of the API that is spoken.
    pub(crate) fn api(&self) -> (usize, usize) {
        let api = self.bollard.client_version();
        (api.major_version, api.minor_version)
    }

    /// Asks for the engine's version and platform.
    ///
    /// # Errors
    /// [`DockerError`] when the engine does not answer.
    pub(crate) async fn version(&self) -> Result<Version, DockerError> {
        let version = self.bollard.version().await;
        let version = version.map_err(|error| self.error("tell its version", error))?;
        let platform = format!("{}/{}", version.os.unwrap_or_default(), version.arch.unwrap_or_default());
        Ok(Version { engine: version.version.unwrap_or_default(), platform })
    }

    /// The library for everything that it does well.
    pub(crate) fn bollard(&self) -> &bollard::Docker {
        &self.bollard
    }

    /// Puts an error of the library into ours; `request` completes "refused to …".
    pub(crate) fn error(&self, request: &'static str, error: bollard::errors::Error) -> DockerError {
        from_bollard(&self.engine, request, error)
    }

    /// The connection broke while an answer was read.
    pub(crate) fn broken(&self, source: impl Into<AnyError>) -> DockerError {
        DockerError::Broken { engine: Arc::clone(&self.engine), source: source.into() }
    }

    /// Posts to `path_and_query`, which begins with `/`, and returns the answer if it is a yes.
    pub(crate) async fn post(
        &self,
        request: &'static str,
        path_and_query: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response<Incoming>, DockerError> {
        self.send(Method::POST, request, path_and_query, headers).await
    }

    /// As [`Docker::post`], to read something.
    async fn get(&self, request: &'static str, path: &str) -> Result<Response<Incoming>, DockerError> {
        self.send(Method::GET, request, path, &[]).await
    }

    async fn send(
        &self,
        method: Method,
        request: &'static str,
        path_and_query: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response<Incoming>, DockerError> {
        let uri = format!("{}/v{}{path_and_query}", base_url(&self.engine), self.bollard.client_version());
        let mut builder = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let body = Full::default().map_err(|never| match never {}).boxed_unsync();
        let message = builder.body(body).map_err(|error| DockerError::unexpected(request, error))?;
        let answer = self.client.request(message).await.map_err(|error| from_client(&self.engine, error))?;
        let status = answer.status();
        if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(answer);
        }
        let text = Limited::new(answer.into_body(), MAX_REFUSAL_BYTES)
            .collect()
            .await
            .map_err(|error| self.broken(error))?
            .to_bytes();
        Err(DockerError::Refused { request, status: status.as_u16(), message: refusal(&text) })
    }
}

/// What stands before a path; the engine on a socket doesn't care for the name. TLS is the connector's business.
fn base_url(engine: &EngineAddress) -> String {
    match &engine.host {
        DockerHost::Tcp { host, port } => format!("http://{host}:{port}"),
        DockerHost::Unix(_) | DockerHost::Ssh { .. } => "http://docker".to_owned(),
    }
}

/// What it means that an engine doesn't tell its version.
fn no_version(engine: &Arc<EngineAddress>, error: DockerError) -> DockerError {
    let engine = Arc::clone(engine);
    match error {
        // `ssh` is a connection even when the login is refused, and TLS when the client's certificate is.
        DockerError::Broken { source, .. } if engine.tls.is_some() || engine.is_ssh() => {
            DockerError::Unreachable { engine, source }
        }
        DockerError::Broken { source, .. } | DockerError::Unexpected { source, .. } => {
            DockerError::NotAnEngine { engine, source }
        }
        // No engine refuses this question so; one that expects TLS answers 400 without it.
        DockerError::Refused { status: 400..=499, message, .. } => {
            DockerError::NotAnEngine { engine, source: message.trim().into() }
        }
        other => other,
    }
}

fn from_client(engine: &Arc<EngineAddress>, error: hyper_util::client::legacy::Error) -> DockerError {
    let (engine, is_connect) = (Arc::clone(engine), error.is_connect());
    // The client's own message says no more than "client error (Connect)".
    let source = match StdError::source(&error) {
        Some(cause) if is_connect => cause.to_string().into(),
        _ => Box::new(error) as AnyError,
    };
    if is_connect {
        DockerError::Unreachable { engine, source }
    } else {
        DockerError::Broken { engine, source }
    }
}

fn from_bollard(
    engine: &Arc<EngineAddress>,
    request: &'static str,
    error: bollard::errors::Error,
) -> DockerError {
    use bollard::errors::Error;
    match error {
        Error::HyperLegacyError { err } => from_client(engine, err),
        Error::DockerResponseServerError { status_code: status, message } => {
            DockerError::Refused { request, status, message }
        }
        other @ (Error::JsonDataError { .. }
        | Error::JsonSerdeError { .. }
        | Error::APIVersionParseError {}) => DockerError::unexpected(request, other),
        other => DockerError::Broken { engine: Arc::clone(engine), source: Box::new(other) },
    }
}

/// The message of `{"message": "…"}`, or the text itself.
fn refusal(text: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Refusal {
        message: String,
    }
    match serde_json::from_slice::<Refusal>(text) {
        Ok(refusal) => refusal.message,
        Err(_) => String::from_utf8_lossy(text).trim().to_owned(),
    }
}
