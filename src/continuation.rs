//! Continues a pipeline of CircleCI, whose setup workflow has generated a configuration.
//!
//! <https://circleci.com/docs/reference/api/v2/#tag/Pipeline/operation/continuePipeline>. A key continues its pipeline once.

use std::time::Duration;

use reqwest::redirect::Policy;
use serde_json::{Value, json};
use thiserror::Error;

use crate::model::{ErrorKind, Host, Secret, excerpt};
use crate::tls;

/// How often a request is sent that the server could not take.
const TRIES: u32 = 3;

const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How much of an answer an error shows.
const MAX_CHARACTERS: usize = 2_000;

/// Why a pipeline was not continued.
#[derive(Debug, Error)]
pub enum ContinueError {
    #[error("`{0}` is not the URL of a server: one with `https` is expected, as in `https://circleci.com`")]
    NotAServer(String),
    #[error("{server} refused the configuration: {message}")]
    Refused { server: String, message: String },
    #[error("{server} refused the continuation key: {message}")]
    Denied { server: String, message: String },
    #[error("{server} answered with status {status}: {message}")]
    Unexpected { server: String, status: u16, message: String },
    #[error("cannot reach {server}")]
    Unreachable {
        server: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ContinueError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotAServer(_) | Self::Refused { .. } => ErrorKind::Input,
            Self::Denied { .. } | Self::Unexpected { .. } | Self::Unreachable { .. } => {
                ErrorKind::Environment
            }
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Denied { .. } => Some(
                "a key continues its pipeline once, within six hours; a setup workflow can't be run again, but a new \
                 pipeline can be started"
                    .to_owned(),
            ),
            Self::Refused { .. } => {
                Some("`circleci config validate` shows where it is wrong, if its format is the reason".to_owned())
            }
            Self::NotAServer(_) | Self::Unexpected { .. } | Self::Unreachable { .. } => None,
        }
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Unexpected { status, .. } => *status == 429 || *status >= 500,
            Self::Unreachable { .. } => true,
            Self::NotAServer(_) | Self::Refused { .. } | Self::Denied { .. } => false,
        }
    }
}

/// Sends the configuration to `server`, and the key, which goes nowhere else.
///
/// # Errors
/// [`ContinueError`] when the server is none, can't be reached, or does not continue the pipeline.
pub async fn send(server: &str, key: &Secret, configuration: &str) -> Result<(), ContinueError> {
    let server = server.trim_end_matches('/');
    if !is_server(server) {
        return Err(ContinueError::NotAServer(server.to_owned()));
    }
    let unreachable = |source: reqwest::Error| ContinueError::Unreachable {
        server: server.to_owned(),
        source: source.without_url().into(),
    };
    let client = tls::http_client().redirect(Policy::none()).timeout(TIMEOUT).build().map_err(unreachable)?;
    let body = json!({
        "continuation-key": key.reveal(),
        "configuration": configuration,
        "parameters": {},
    });
    let body = body.to_string();
    let mut pause = FIRST_PAUSE;
    let mut tries = 1;
    loop {
        let request = client
            .post(format!("{server}/api/v2/pipeline/continue"))
            .header("content-type", "application/json")
            .body(body.clone());
        let answered = match request.send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                response.text().await.map_err(unreachable).and_then(|text| answer(server, status, &text))
            }
            Err(error) => Err(unreachable(error)),
        };
        match answered {
            Err(error) if error.is_transient() && tries < TRIES => {
                tracing::warn!("{error}; it is tried once more");
                tokio::time::sleep(pause).await;
                pause *= 2;
                tries += 1;
            }
            answered => return answered,
        }
    }
}

fn answer(server: &str, status: u16, text: &str) -> Result<(), ContinueError> {
    let server = server.to_owned();
    match status {
        200..=299 => Ok(()),
        400 | 413 | 422 => Err(ContinueError::Refused { server, message: message(text) }),
        401 | 403 | 404 => Err(ContinueError::Denied { server, message: message(text) }),
        _ => Err(ContinueError::Unexpected { server, status, message: message(text) }),
    }
}

/// The server's own words.
fn message(text: &str) -> String {
    let document: Option<Value> = serde_json::from_str(text).ok();
    let said = document.as_ref().and_then(|document| document["message"].as_str()).unwrap_or(text).trim();
    if said.is_empty() { "it gave no reason".to_owned() } else { excerpt(said, MAX_CHARACTERS) }
}

/// A key must not be read on its way, so plain HTTP is for this machine only.
fn is_server(url: &str) -> bool {
    let host = |authority: &str| authority.parse::<Host>().ok();
    match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(authority), _) => host(authority).is_some(),
        (_, Some(authority)) => host(authority).is_some_and(|host| host.is_loopback()),
        (None, None) => false,
    }
}
