//! How an engine limits its build cache, as BuildKit's own API says it.
//!
//! A Docker engine has that API behind `POST /grpc`, a connection that is upgraded to HTTP/2.

use std::error::Error as StdError;
use std::task::{Context, Poll};
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use bollard_buildkit_proto::moby::buildkit::v1::types::GcPolicy;
use bollard_buildkit_proto::moby::buildkit::v1::{ListWorkersRequest, ListWorkersResponse};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioExecutor;
use tower_service::Service;

use super::EngineError;
use crate::docker::{Docker, DockerError};

/// What errors are about.
const ABOUT: &str = "its garbage collection";

/// An engine that has the API answers at once.
const ANSWER: Duration = Duration::from_secs(10);

/// Whether an engine removes build cache by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GarbageCollection {
    /// The build cache grows until somebody removes it.
    Off,
    On {
        /// What the build cache may grow to; `None` if no rule limits it.
        max_bytes: Option<u64>,
    },
}

impl GarbageCollection {
    /// Asks BuildKit in an engine.
    ///
    /// # Errors
    /// [`EngineError::Docker`] for an engine without that API.
    pub async fn of(docker: &Docker) -> Result<Self, EngineError> {
        let asked = tokio::time::timeout(ANSWER, workers(docker)).await;
        let workers = asked.map_err(|error| DockerError::unexpected(ABOUT, error))??;
        Ok(Self::of_rules(workers.record.iter().flat_map(|worker| &worker.gc_policy)))
    }

    fn of_rules<'r>(rules: impl IntoIterator<Item = &'r GcPolicy>) -> Self {
        let mut rules = rules.into_iter().peekable();
        if rules.peek().is_none() {
            return Self::Off;
        }
        // What is the reserved space now was the most that is kept before BuildKit 0.17.
        let limit = |rule: &GcPolicy| match rule.max_used_space {
            0 => rule.reserved_space,
            limit => limit,
        };
        let of_whole_cache = rules.filter(|rule| rule.filters.is_empty() && rule.keep_duration == 0);
        let limits = of_whole_cache.filter_map(|rule| u64::try_from(limit(rule)).ok());
        Self::On { max_bytes: limits.filter(|bytes| *bytes > 0).min() }
    }
}

async fn workers(docker: &Docker) -> Result<ListWorkersResponse, EngineError> {
    let headers = [("connection", "Upgrade"), ("upgrade", "h2c")];
    let answer = docker.post("open the API of BuildKit", "/grpc", &headers).await?;
    let stream = hyper::upgrade::on(answer).await.map_err(|error| docker.broken(error))?;
    let handshake = http2::handshake(TokioExecutor::new(), stream).await;
    let (requests, connection) = handshake.map_err(|error| docker.broken(error))?;
    let mut client = ControlClient::with_origin(Channel(requests), Uri::from_static("http://docker"));
    tokio::select! {
        biased;
        answer = client.list_workers(ListWorkersRequest { filter: Vec::new() }) => match answer {
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) => Err(DockerError::unexpected(ABOUT, status).into()),
        },
        ended = connection => {
            let source: Box<dyn StdError + Send + Sync> = match ended {
                Ok(()) => "the engine closed it".into(),
                Err(error) => error.into(),
            };
            Err(docker.broken(source).into())
        }
    }
}

/// Sends the requests of a gRPC client over one connection.
struct Channel(SendRequest<tonic::body::Body>);

impl Service<Request<tonic::body::Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = BoxFuture<'static, Result<Self::Response, hyper::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        self.0.send_request(request).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(reserved_space: i64, max_used_space: i64) -> GcPolicy {
        GcPolicy { reserved_space, max_used_space, ..GcPolicy::default() }
    }

    fn filtered(reserved_space: i64) -> GcPolicy {
        GcPolicy { filters: vec!["unused-for=48h".to_owned()], ..rule(reserved_space, 0) }
    }

    #[test]
    fn without_rules_nothing_is_removed() {
        assert_eq!(GarbageCollection::of_rules(&[]), GarbageCollection::Off);
    }

    #[test]
    fn the_limit_is_that_of_rules_about_the_whole_cache() {
        let limit = |rules: &[GcPolicy]| GarbageCollection::of_rules(rules);

        assert_eq!(limit(&[filtered(5), rule(20, 0)]), GarbageCollection::On { max_bytes: Some(20) });
        assert_eq!(limit(&[rule(10, 70)]), GarbageCollection::On { max_bytes: Some(70) });
        assert_eq!(limit(&[filtered(5)]), GarbageCollection::On { max_bytes: None });
        assert_eq!(limit(&[rule(0, 0)]), GarbageCollection::On { max_bytes: None });
    }
}
