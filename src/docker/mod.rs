//! The connection to a Docker engine.
//!
//! One HTTP client opens streams to the engine. `bollard` speaks through it wherever it has the
//! call; what it has not (a build with a session, a push whose password survives) is sent here.

mod config;
mod host;
mod json_lines;
mod stream;

use std::error::Error as StdError;
use std::sync::Arc;

use bollard::ClientVersion;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use thiserror::Error;

use self::stream::Connector;

use crate::model::ErrorKind;
pub(crate) use config::Login;
pub use config::{DockerConfig, DockerConfigError};
pub use host::{DockerHost, InvalidDockerHost};
pub(crate) use json_lines::JsonLines;

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
    #[error("cannot reach the Docker engine at `{host}`")]
    Unreachable { host: DockerHost, source: AnyError },
    /// The connection was there and broke.
    #[error("the connection to the Docker engine at `{host}` broke")]
    Broken { host: DockerHost, source: AnyError },
    #[error("the Docker engine at `{host}` speaks API {api}, but API {OLDEST_API} (Docker 20.10) is needed")]
    TooOld { host: DockerHost, api: String },
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
            | Self::Broken { .. }
            | Self::TooOld { .. }
            | Self::Refused { .. }
            | Self::Unexpected { .. } => ErrorKind::Environment,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreachable { host: DockerHost::Unix(_), .. } => {
                Some("start it (`systemctl start docker`), or let your user use its socket".to_owned())
            }
            Self::Unreachable { host: DockerHost::Tcp { .. } | DockerHost::Ssh { .. }, .. } => {
                Some("see whether `DOCKER_HOST` is right and the engine is running".to_owned())
            }
            Self::TooOld { .. } => Some("install Docker 20.10 or newer".to_owned()),
            Self::Broken { .. } | Self::Refused { .. } | Self::Unexpected { .. } => None,
        }
    }
}

/// A connection to an engine that answered, and that is new enough. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Docker {
    host: DockerHost,
    client: Client<Connector, Body>,
    bollard: bollard::Docker,
}

impl Docker {
    /// Connects and asks the engine for its version.
    ///
    /// # Errors
    /// [`DockerError::Unreachable`] when nobody answers there, [`DockerError::TooOld`] below API 1.41.
    pub async fn connect(host: &DockerHost) -> Result<Self, DockerError> {
        let client = Client::builder(TokioExecutor::new()).build::<_, Body>(Connector { host: host.clone() });
        let transport = Arc::new(client.clone());
        let send = move |request: bollard::BollardRequest| {
            let client = Arc::clone(&transport);
            async move { Ok(client.request(request.map(BodyExt::boxed_unsync)).await?) }
        };
        let bollard = bollard::Docker::connect_with_custom_transport(
            send,
            Some(base_url(host)),
            ANSWER_SECONDS,
            bollard::API_DEFAULT_VERSION,
        )
        .map_err(|error| from_bollard(host, "connect", error))?
        .negotiate_version()
        .await
        .map_err(|error| match from_bollard(host, "tell its version", error) {
            // `ssh` is a connection even when the login is refused.
            DockerError::Broken { host, source } => DockerError::Unreachable { host, source },
            other => other,
        })?;
        let api = bollard.client_version();
        if api < OLDEST_API {
            return Err(DockerError::TooOld { host: host.clone(), api: api.to_string() });
        }
        Ok(Self { host: host.clone(), client, bollard })
    }

    /// The library for everything that it does well.
    pub(crate) fn bollard(&self) -> &bollard::Docker {
        &self.bollard
    }

    /// Puts an error of the library into ours; `request` completes "refused to …".
    pub(crate) fn error(&self, request: &'static str, error: bollard::errors::Error) -> DockerError {
        from_bollard(&self.host, request, error)
    }

    /// The connection broke while an answer was read.
    pub(crate) fn broken(&self, source: impl Into<AnyError>) -> DockerError {
        DockerError::Broken { host: self.host.clone(), source: source.into() }
    }

    /// Posts to `path_and_query`, which begins with `/`, and returns the answer if it is a yes.
    pub(crate) async fn post(
        &self,
        request: &'static str,
        path_and_query: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response<Incoming>, DockerError> {
        let uri = format!("{}/v{}{path_and_query}", base_url(&self.host), self.bollard.client_version());
        let mut builder = Request::post(uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let body = Full::default().map_err(|never| match never {}).boxed_unsync();
        let message = builder.body(body).map_err(|error| DockerError::unexpected(request, error))?;
        let answer = self.client.request(message).await.map_err(|error| from_client(&self.host, error))?;
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

/// What stands before a path; the engine on a socket doesn't care for the name.
fn base_url(host: &DockerHost) -> String {
    match host {
        DockerHost::Tcp { host, port } => format!("http://{host}:{port}"),
        DockerHost::Unix(_) | DockerHost::Ssh { .. } => "http://docker".to_owned(),
    }
}

fn from_client(host: &DockerHost, error: hyper_util::client::legacy::Error) -> DockerError {
    let (host, is_connect) = (host.clone(), error.is_connect());
    // The client's own message says no more than "client error (Connect)".
    let source = match StdError::source(&error) {
        Some(cause) if is_connect => cause.to_string().into(),
        _ => Box::new(error) as AnyError,
    };
    if is_connect { DockerError::Unreachable { host, source } } else { DockerError::Broken { host, source } }
}

fn from_bollard(host: &DockerHost, request: &'static str, error: bollard::errors::Error) -> DockerError {
    use bollard::errors::Error;
    match error {
        Error::HyperLegacyError { err } => from_client(host, err),
        Error::DockerResponseServerError { status_code: status, message } => {
            DockerError::Refused { request, status, message }
        }
        other @ (Error::JsonDataError { .. }
        | Error::JsonSerdeError { .. }
        | Error::APIVersionParseError {}) => DockerError::unexpected(request, other),
        other => DockerError::Broken { host: host.clone(), source: Box::new(other) },
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
