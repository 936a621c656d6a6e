//! A registry in memory that keeps to the OCI distribution specification, records what it is asked, and misbehaves
//! on demand.
//!
//! It asks for tokens of its own token service. It has what the bed's registries lack: referrers, latency, trouble
//! with single kinds of requests.

pub(crate) mod content;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures_util::stream;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use self::content::Content;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Token,
    FindManifest,
    GetManifest,
    /// By its digest.
    PutManifest,
    PutTag,
    DeleteManifest,
    Tags,
    Referrers,
    FindBlob,
    GetBlob,
    Mount,
    OpenUpload,
    PatchBlob,
    PutBlob,
    Ping,
}

/// How a request is answered that would have been answered well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing is done.
    Status(u16),
    /// Nothing is done, because the digest is doubted.
    DigestInvalid,
    /// All tokens have run out.
    TokensExpired,
    /// The connection is closed without an answer, and nothing is done.
    Reset,
    /// It is done, and the connection is closed without an answer.
    LostAnswer,
    /// The answer ends before the length that it has announced.
    CutBody,
    /// Success is answered, and nothing is done.
    NothingDone,
    /// A byte comes now and then, and the answer never ends.
    Drip(Duration),
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) kind: Kind,
    /// Method, path and query.
    pub(crate) line: String,
    from: Instant,
    to: Instant,
}

/// Stops when it is dropped.
#[derive(Debug)]
pub(crate) struct MemoryRegistry {
    pub(crate) host: String,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

/// What such a registry is like.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Nature {
    /// Before each answer.
    pub(crate) latency: Duration,
    pub(crate) access: Access,
    pub(crate) lacks_referrers: bool,
}

/// What a registry wants to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Access {
    #[default]
    Anybody,
    /// Any.
    Password,
    /// One of its own token service, which gives them to anybody.
    Token,
}

#[derive(Debug)]
struct Shared {
    host: String,
    nature: Nature,
    content: Mutex<Content>,
    /// Each with how often it still happens.
    troubles: Mutex<Vec<(Kind, Trouble, usize)>>,
    tokens: Mutex<(usize, BTreeSet<String>)>,
    asked: Mutex<Vec<Asked>>,
    connections: AtomicUsize,
}

type Body = BoxBody<Bytes, io::Error>;

impl MemoryRegistry {
    pub(crate) async fn start(nature: Nature) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), nature, None).await
    }

    /// The same at another address of this machine; over TLS it speaks HTTP/2 alone.
    pub(crate) async fn start_at(address: IpAddr, nature: Nature, tls: Option<ServerConfig>) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            host: host.clone(),
            nature,
            content: Mutex::default(),
            troubles: Mutex::default(),
            tokens: Mutex::default(),
            asked: Mutex::default(),
            connections: AtomicUsize::new(0),
        });
        let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let server = tokio::spawn(serve(listener, tls, Arc::clone(&shared)));
        Self { host, shared, server }
    }

    /// Answers the next `times` requests of a kind badly.
    pub(crate) fn trouble(&self, kind: Kind, trouble: Trouble, times: usize) {
        self.shared.troubles.lock().unwrap().push((kind, trouble, times));
    }

    /// Whether all trouble that was asked for has happened.
    pub(crate) fn is_out_of_trouble(&self) -> bool {
        self.shared.troubles.lock().unwrap().iter().all(|(_, _, times)| *times == 0)
    }

    pub(crate) fn content(&self) -> MutexGuard<'_, Content> {
        self.shared.content.lock().unwrap()
    }

    /// All requests so far but those for tokens, in the order of their arrival.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let asked = self.shared.asked.lock().unwrap();
        asked.iter().filter(|asked| asked.kind != Kind::Token).cloned().collect()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    /// Forgets what it was asked.
    pub(crate) fn forget(&self) {
        self.shared.asked.lock().unwrap().clear();
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.asked().iter().filter(|asked| asked.kind == kind).count()
    }

    /// The longest chain of requests each of which came after the one before was answered.
    pub(crate) fn rounds(&self) -> usize {
        let mut asked = self.shared.asked.lock().unwrap().clone();
        asked.sort_by_key(|asked| asked.to);
        let (mut rounds, mut last): (usize, Option<Instant>) = (0, None);
        for asked in asked {
            if last.is_none_or(|last| asked.from >= last) {
                rounds += 1;
                last = Some(asked.to);
            }
        }
        rounds
    }
}

impl Drop for MemoryRegistry {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        shared.connections.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(serve_connection(stream, tls.clone(), Arc::clone(&shared)));
    }
}

/// A connection that trouble or the other side breaks is no failure of the server.
async fn serve_connection(stream: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { shared.answer(request).await }
    });
    match tls {
        None => {
            let connection = hyper::server::conn::http1::Builder::new();
            let _ended = connection.serve_connection(TokioIo::new(stream), service).await;
        }
        Some(tls) => {
            let Ok(stream) = tls.accept(stream).await else { return };
            let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _ended = connection.serve_connection(TokioIo::new(stream), service).await;
        }
    }
}

/// The parts of a request that decide about its answer.
struct Parts {
    kind: Kind,
    repository: String,
    /// What stands last in the path: a tag, a digest, an upload.
    reference: String,
    path: String,
    query: Vec<(String, String)>,
    media_type: String,
    authorization: Option<String>,
}

impl Parts {
    fn read(request: &Request<Incoming>) -> Self {
        let header = |name| request.headers().get(name).map(|it| it.to_str().unwrap().to_owned());
        let path = request.uri().path().to_owned();
        let query = request.uri().query().unwrap_or_default();
        let query: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let method = request.method();
        let (folder, reference) = path.rsplit_once('/').unwrap();
        let (kind, marker) = if path == "/token" {
            (Kind::Token, "")
        } else if path == "/v2/" {
            (Kind::Ping, "")
        } else if path.ends_with("/tags/list") {
            (Kind::Tags, "/tags")
        } else if folder.ends_with("/referrers") {
            (Kind::Referrers, "/referrers")
        } else if folder.ends_with("/manifests") {
            let kind = match (method, reference.contains(':')) {
                (&Method::HEAD, _) => Kind::FindManifest,
                (&Method::GET, _) => Kind::GetManifest,
                (&Method::PUT, true) => Kind::PutManifest,
                (&Method::PUT, false) => Kind::PutTag,
                _ => Kind::DeleteManifest,
            };
            (kind, "/manifests")
        } else if folder.ends_with("/blobs/uploads") {
            let kind = match *method {
                Method::PUT => Kind::PutBlob,
                Method::PATCH => Kind::PatchBlob,
                _ if query.iter().any(|(key, _)| key == "mount") => Kind::Mount,
                _ => Kind::OpenUpload,
            };
            (kind, "/blobs/uploads")
        } else {
            (if method == Method::HEAD { Kind::FindBlob } else { Kind::GetBlob }, "/blobs")
        };
        let repository = folder.trim_start_matches("/v2/").trim_end_matches(marker).to_owned();
        Self {
            kind,
            repository,
            reference: reference.to_owned(),
            query,
            media_type: header("content-type").unwrap_or_default(),
            authorization: header("authorization"),
            path,
        }
    }

    fn parameter(&self, name: &str) -> &str {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, io::Error> {
        let from = Instant::now();
        let parts = Parts::read(&request);
        let path = request.uri().path_and_query().unwrap();
        let line = format!("{} {path}", request.method());
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(Asked { kind: parts.kind, line, from, to: from });
            asked.len()
        };
        let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        tokio::time::sleep(self.nature.latency).await;
        let answered = self.answer_to(&parts, body);
        // Forgotten in between, it is not missed.
        if let Some(asked) = self.asked.lock().unwrap().get_mut(number - 1) {
            asked.to = Instant::now();
        }
        answered
    }

    fn answer_to(&self, parts: &Parts, body: Bytes) -> Result<Response<Body>, io::Error> {
        if parts.kind != Kind::Token && !self.lets_in(parts) {
            return Ok(self.challenge(parts));
        }
        match self.trouble_for(parts.kind) {
            None => Ok(self.well(parts, body).map(whole)),
            Some(Trouble::Status(status)) => Ok(refusal(status, "UNKNOWN").map(whole)),
            Some(Trouble::DigestInvalid) => Ok(refusal(400, "DIGEST_INVALID").map(whole)),
            Some(Trouble::TokensExpired) => {
                self.tokens.lock().unwrap().1.clear();
                Ok(self.challenge(parts))
            }
            Some(Trouble::Reset) => Err(io::Error::other("reset on demand")),
            Some(Trouble::LostAnswer) => {
                self.well(parts, body);
                Err(io::Error::other("lost on demand"))
            }
            Some(Trouble::CutBody) => {
                let response = self.well(parts, body);
                let length = response.body().len().max(9).to_string();
                let mut response = response.map(cut);
                response.headers_mut().insert("content-length", length.parse().unwrap());
                Ok(response)
            }
            Some(Trouble::NothingDone) => Ok(status(201).map(whole)),
            Some(Trouble::Drip(pause)) => Ok(self.well(parts, body).map(|body| drip(body, pause))),
        }
    }

    fn trouble_for(&self, kind: Kind) -> Option<Trouble> {
        let mut troubles = self.troubles.lock().unwrap();
        let (_, trouble, times) = troubles.iter_mut().find(|(of, _, times)| *of == kind && *times > 0)?;
        *times -= 1;
        Some(*trouble)
    }

    fn lets_in(&self, parts: &Parts) -> bool {
        let shown = parts.authorization.as_deref().and_then(|it| it.split_once(' '));
        match (self.nature.access, shown) {
            (Access::Anybody, _) | (Access::Password, Some(("Basic", _))) => true,
            (Access::Token, Some(("Bearer", token))) => self.tokens.lock().unwrap().1.contains(token),
            (Access::Password | Access::Token, _) => false,
        }
    }

    fn challenge(&self, parts: &Parts) -> Response<Body> {
        let Parts { repository, .. } = parts;
        let host = &self.host;
        let challenge = match self.nature.access {
            Access::Token => {
                let scope = format!("repository:{repository}:pull");
                format!(r#"Bearer realm="http://{host}/token",service="it",scope="{scope}""#)
            }
            Access::Password | Access::Anybody => r#"Basic realm="it""#.to_owned(),
        };
        let mut response = refusal(401, "UNAUTHORIZED").map(whole);
        response.headers_mut().insert("www-authenticate", challenge.parse().unwrap());
        response
    }

    /// The answer of a registry that is well.
    fn well(&self, parts: &Parts, body: Bytes) -> Response<Bytes> {
        let Parts { kind, repository, reference, path, .. } = parts;
        let mut content = self.content.lock().unwrap();
        match kind {
            Kind::Token => {
                let mut tokens = self.tokens.lock().unwrap();
                tokens.0 += 1;
                let token = format!("t{}", tokens.0);
                tokens.1.insert(token.clone());
                document("application/json", json!({ "token": token }).to_string().into())
            }
            Kind::FindManifest | Kind::GetManifest => match content.manifest(repository, reference) {
                Some((media_type, digest, bytes)) => {
                    let mut response = document(&media_type, bytes);
                    response.headers_mut().insert("docker-content-digest", digest.parse().unwrap());
                    response
                }
                None => refusal(404, "MANIFEST_UNKNOWN"),
            },
            Kind::PutManifest | Kind::PutTag => {
                match content.put_manifest(repository, reference, &parts.media_type, body) {
                    Some(digest) => {
                        let mut response = status(201);
                        response.headers_mut().insert("docker-content-digest", digest.parse().unwrap());
                        if !self.nature.lacks_referrers {
                            response.headers_mut().insert("oci-subject", digest.parse().unwrap());
                        }
                        response
                    }
                    None => refusal(400, "MANIFEST_BLOB_UNKNOWN"),
                }
            }
            Kind::DeleteManifest => match content.delete_manifest(repository, reference) {
                true => status(202),
                false => refusal(404, "MANIFEST_UNKNOWN"),
            },
            Kind::Tags => match content.tags(repository) {
                Some(tags) => {
                    let tags: Vec<_> = tags.into_keys().collect();
                    let list = json!({ "name": repository, "tags": tags });
                    document("application/json", list.to_string().into())
                }
                None => refusal(404, "NAME_UNKNOWN"),
            },
            Kind::Referrers if self.nature.lacks_referrers => refusal(404, "UNKNOWN"),
            Kind::Referrers => {
                let index = content.referrers(repository, reference);
                document("application/vnd.oci.image.index.v1+json", index)
            }
            Kind::FindBlob | Kind::GetBlob => match content.blob(repository, reference) {
                Some(blob) => document("application/octet-stream", blob),
                None => refusal(404, "BLOB_UNKNOWN"),
            },
            Kind::Mount if content.mount(repository, parts.parameter("mount"), parts.parameter("from")) => {
                status(201)
            }
            Kind::Mount | Kind::OpenUpload => {
                let mut response = status(202);
                let location = content.open_upload(repository);
                response.headers_mut().insert("location", location.parse().unwrap());
                response
            }
            Kind::PatchBlob => match content.append(path, &body) {
                Some(length) => {
                    let mut response = status(202);
                    response.headers_mut().insert("location", path.parse().unwrap());
                    let range = format!("0-{}", length.saturating_sub(1));
                    response.headers_mut().insert("range", range.parse().unwrap());
                    response
                }
                None => refusal(404, "BLOB_UPLOAD_UNKNOWN"),
            },
            Kind::PutBlob => match content.close_upload(path) {
                None => refusal(404, "BLOB_UPLOAD_UNKNOWN"),
                Some(mut blob) => {
                    blob.extend_from_slice(&body);
                    if content::digest_of(&blob) != parts.parameter("digest") {
                        return refusal(400, "DIGEST_INVALID");
                    }
                    content.put_blob(repository, blob.into());
                    status(201)
                }
            },
            Kind::Ping => status(200),
        }
    }
}

fn status(code: u16) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = code.try_into().unwrap();
    response.headers_mut().insert("docker-distribution-api-version", "registry/2.0".parse().unwrap());
    response
}

/// An answer with content; to HEAD the server sends its length alone.
fn document(media_type: &str, content: Bytes) -> Response<Bytes> {
    let mut response = status(200).map(|_| content);
    let length = response.body().len().into();
    response.headers_mut().insert("content-length", length);
    response.headers_mut().insert("content-type", media_type.parse().unwrap());
    response
}

fn refusal(code: u16, error: &str) -> Response<Bytes> {
    status(code).map(|_| json!({ "errors": [{ "code": error, "message": "" }] }).to_string().into())
}

fn whole(body: Bytes) -> Body {
    Full::new(body).map_err(|never: Infallible| match never {}).boxed()
}

fn cut(body: Bytes) -> Body {
    let frames = [Ok(Frame::data(body.slice(..body.len() / 2))), Err(io::Error::other("cut on demand"))];
    StreamBody::new(stream::iter(frames)).boxed()
}

fn drip(body: Bytes, pause: Duration) -> Body {
    let bytes = stream::unfold(0, move |sent| {
        let byte = body.slice(sent..(sent + 1).min(body.len()));
        async move {
            tokio::time::sleep(pause).await;
            (!byte.is_empty()).then(|| (Ok(Frame::data(byte)), sent + 1))
        }
    });
    StreamBody::new(bytes).boxed()
}
