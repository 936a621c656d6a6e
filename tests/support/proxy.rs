//! A proxy between the tool and a server: records what was asked, and breaks answers on demand.
//!
//! Lives on a port of its own until it is dropped. `Host` is passed on as it came, so that
//! addresses which the server makes of it lead through the proxy again.

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

use super::ecr_limits::{EcrLimits, Refusal};
use super::iam::{Iam, Verdict};

/// What happens to an answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The server is not asked.
    Status { code: u16, headers: Vec<(&'static str, String)>, body: String },
    /// The server is asked with one of these `Authorization`s only. Without any the answer is 401 that asks for
    /// Basic, with another one it is `otherwise`.
    Demand { authorizations: Vec<String>, otherwise: u16 },
    /// The server's answer ends after so many bytes of its body, though more were promised.
    Cut(usize),
    /// The server's answer with another body of the same length and the same headers.
    Alter,
    /// The server's answer without this header.
    Without(&'static str),
    /// The server is asked without the query.
    WithoutQuery,
    /// The server's answer as it is: for the first requests that a later rule would break.
    Pass,
    /// The server's answer, later.
    Delay(Duration),
    /// The server is asked within these limits.
    Limits(EcrLimits),
    /// The server is asked where policies allow it.
    Iam(Iam),
    /// The connection stays open, and nothing comes.
    Silence,
    /// The connection is closed without an answer.
    Refuse,
}

impl Fault {
    pub(crate) fn status(code: u16) -> Self {
        Self::Status { code, headers: Vec::new(), body: String::new() }
    }
}

/// Breaks the first `times` requests of `method`, any if it is empty, whose path and query, or whose
/// operation of AWS, contain `path`.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) times: usize,
    pub(crate) fault: Fault,
}

/// One request as it passed, and the status of its answer; 0 where it got none.
#[derive(Clone, Debug)]
pub(crate) struct Passed {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The operation of AWS, such as `CreateRepository`.
    pub(crate) operation: Option<String>,
    pub(crate) authorization: Option<String>,
    pub(crate) status: u16,
    pub(crate) at: Instant,
}

/// A running proxy.
#[derive(Debug)]
pub(crate) struct Proxy {
    host: String,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    upstream: String,
    client: reqwest::Client,
    rules: Mutex<Vec<Rule>>,
    record: Mutex<Vec<Passed>>,
}

type Body = BoxBody<Bytes, std::io::Error>;

impl Proxy {
    /// Starts in front of `upstream`, a `host:port` that speaks plain HTTP.
    pub(crate) async fn start(upstream: &str, rules: impl IntoIterator<Item = Rule>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            client: client.build().unwrap(),
            rules: Mutex::new(rules.into_iter().collect()),
            record: Mutex::default(),
        });
        let server = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Self { host, shared, server }
    }

    /// The proxy's own `host:port`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Everything that passed so far, in the order of its arrival.
    pub(crate) fn record(&self) -> Vec<Passed> {
        self.shared.record.lock().unwrap().clone()
    }

    /// The record as `METHOD path status` lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.record().iter().map(|each| format!("{} {} {}", each.method, each.path, each.status)).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(&shared, request));
            // A connection that a fault or the other side breaks is no failure of the proxy.
            let _ended = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(shared: &Shared, mut request: Request<Incoming>) -> Result<Response<Body>, std::io::Error> {
    let number = shared.note(&request);
    let fault = shared.fault_for(&request);
    let response = match fault {
        Some(Fault::Status { code, headers, body }) => {
            let mut response = Response::new(whole(body.into()));
            *response.status_mut() = StatusCode::from_u16(code).unwrap();
            for (name, value) in headers {
                response.headers_mut().insert(HeaderName::from_static(name), value.parse().unwrap());
            }
            response
        }
        Some(Fault::Demand { authorizations, otherwise }) => {
            let shown = header(&request, "authorization");
            match shown {
                Some(shown) if authorizations.contains(&shown) => shared.forward(request).await.map(whole),
                Some(_) => refusal(otherwise),
                None => refusal(401),
            }
        }
        Some(Fault::Refuse) => return Err(std::io::Error::other("refused on demand")),
        Some(Fault::Silence) => pending().await,
        Some(Fault::Delay(delay)) => {
            tokio::time::sleep(delay).await;
            shared.forward(request).await.map(whole)
        }
        Some(Fault::Cut(after)) => shared.forward(request).await.map(|body| cut(body.slice(..after))),
        Some(Fault::Alter) => {
            shared.forward(request).await.map(|body| whole(body.iter().map(|byte| byte ^ 1).collect()))
        }
        Some(Fault::Without(name)) => {
            let mut response = shared.forward(request).await.map(whole);
            response.headers_mut().remove(name);
            response
        }
        Some(Fault::WithoutQuery) => {
            let path = request.uri().path().parse().unwrap();
            *request.uri_mut() = path;
            shared.forward(request).await.map(whole)
        }
        Some(Fault::Limits(limits)) => {
            let (head, body) = read(request).await;
            match limits.refusal(&head, &body) {
                Some(Refusal(code, error, message)) => {
                    let body = json!({ "errors": [{ "code": error, "message": message }] }).to_string();
                    let mut response = Response::new(whole(body.into()));
                    *response.status_mut() = StatusCode::from_u16(code).unwrap();
                    response
                }
                None => shared.send(head, body).await.map(whole),
            }
        }
        Some(Fault::Iam(iam)) => {
            let (head, body) = read(request).await;
            match iam.check(head, &body) {
                Verdict::Answered(response) => response.map(whole),
                Verdict::Passed(allowed) => {
                    let (head, who) = allowed.parts();
                    iam.answered(who, shared.send(head, body).await).map(whole)
                }
            }
        }
        Some(Fault::Pass) | None => shared.forward(request).await.map(whole),
    };
    shared.record.lock().unwrap()[number].status = response.status().as_u16();
    Ok(response)
}

impl Shared {
    fn note(&self, request: &Request<Incoming>) -> usize {
        let mut record = self.record.lock().unwrap();
        record.push(Passed {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            operation: operation(request),
            authorization: header(request, "authorization"),
            status: 0,
            at: Instant::now(),
        });
        record.len() - 1
    }

    fn fault_for(&self, request: &Request<Incoming>) -> Option<Fault> {
        let mut rules = self.rules.lock().unwrap();
        let path = request.uri().path_and_query()?.as_str();
        let operation = operation(request).unwrap_or_default();
        let rule = rules.iter_mut().find(|rule| {
            rule.times > 0
                && (rule.method.is_empty() || rule.method == request.method().as_str())
                && (path.contains(rule.path) || operation == rule.path)
        })?;
        rule.times -= 1;
        Some(rule.fault.clone())
    }

    async fn forward(&self, request: Request<Incoming>) -> Response<Bytes> {
        let (head, body) = read(request).await;
        self.send(head, body).await
    }

    async fn send(&self, head: Parts, body: Bytes) -> Response<Bytes> {
        let url = format!("http://{}{}", self.upstream, head.uri.path_and_query().unwrap());
        let answer =
            self.client.request(head.method, url).headers(head.headers).body(body).send().await.unwrap();
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        *response.body_mut() = answer.bytes().await.unwrap();
        // The answer to HEAD tells the length of a body that it hasn't got; others are whole here.
        if !response.body().is_empty() {
            let length = HeaderValue::from(response.body().len());
            response.headers_mut().remove("transfer-encoding");
            response.headers_mut().insert(CONTENT_LENGTH, length);
        }
        response
    }
}

async fn read(request: Request<Incoming>) -> (Parts, Bytes) {
    let (head, body) = request.into_parts();
    (head, body.collect().await.unwrap().to_bytes())
}

fn header(request: &Request<Incoming>, name: &str) -> Option<String> {
    request.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
}

/// `<service>.<operation>` is how services of AWS that speak JSON are told what to do.
fn operation(request: &Request<Incoming>) -> Option<String> {
    Some(header(request, "x-amz-target")?.rsplit('.').next()?.to_owned())
}

/// As ECR refuses.
fn refusal(code: u16) -> Response<Body> {
    let body = r#"{"errors":[{"code":"DENIED","message":"Your authorization token has expired."}]}"#;
    let mut response = Response::new(whole(body.into()));
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    if code == 401 {
        let challenge = HeaderValue::from_static("Basic realm=\"ecr\",service=\"ecr.amazonaws.com\"");
        response.headers_mut().insert("www-authenticate", challenge);
    }
    response
}

fn whole(body: Bytes) -> Body {
    Full::new(body).map_err(|never: Infallible| match never {}).boxed()
}

fn cut(start: Bytes) -> Body {
    let frames = [Ok(Frame::data(start)), Err(std::io::Error::other("cut on demand"))];
    StreamBody::new(futures_util::stream::iter(frames)).boxed()
}
