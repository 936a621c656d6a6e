//! A server that answers as a test says, and keeps what it was asked.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Collected, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// What is answered to requests whose method, path and query, `X-Amz-Target` and `Authorization` contain `asked`.
///
/// Answers are given in their order, the last one again and again.
#[derive(Debug)]
pub(crate) struct Scripted {
    pub(crate) asked: String,
    pub(crate) answers: Vec<Scripting>,
}

#[derive(Clone, Debug)]
pub(crate) struct Scripting {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: Bytes,
}

impl Scripted {
    pub(crate) fn new<B: Into<Bytes>>(
        asked: impl Into<String>,
        answers: impl IntoIterator<Item = (u16, B)>,
    ) -> Self {
        Self::with_headers(asked, answers.into_iter().map(|(status, body)| (status, Vec::new(), body)))
    }

    pub(crate) fn with_headers<B: Into<Bytes>>(
        asked: impl Into<String>,
        answers: impl IntoIterator<Item = (u16, Vec<(&'static str, &'static str)>, B)>,
    ) -> Self {
        let scripting =
            |(status, headers, body): (u16, _, B)| Scripting { status, headers, body: body.into() };
        Self { asked: asked.into(), answers: answers.into_iter().map(scripting).collect() }
    }
}

/// A running server; it is stopped when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<(String, Bytes)>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(script: impl IntoIterator<Item = Scripted>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script: Arc<Mutex<Vec<Scripted>>> = Arc::new(Mutex::new(script.into_iter().collect()));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (script, record) = (Arc::clone(&script), Arc::clone(&record));
                tokio::spawn(async move {
                    let service = service_fn(|request| answer(&script, &record, request));
                    // A client that goes away is no failure of the server.
                    let _ended = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { url, asked, task }
    }

    /// The bodies of the requests that contained `asked`, in their order.
    pub(crate) fn bodies(&self, asked: &str) -> Vec<String> {
        let record = self.asked.lock().unwrap();
        let bodies = record.iter().filter(|(line, _)| line.contains(asked));
        bodies.map(|(_, body)| String::from_utf8_lossy(body).into_owned()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    script: &Mutex<Vec<Scripted>>,
    record: &Mutex<Vec<(String, Bytes)>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (target, authorization) = (header("x-amz-target"), header("authorization"));
    let line = format!("{} {} {target} {authorization}", request.method(), request.uri());
    let body = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
    record.lock().unwrap().push((line.clone(), body));
    let mut script = script.lock().unwrap();
    let matching = script.iter_mut().find(|scripted| line.contains(&scripted.asked));
    let Scripting { status, headers, body } = match matching {
        Some(Scripted { answers, .. }) if answers.len() > 1 => answers.remove(0),
        Some(Scripted { answers, .. }) => answers[0].clone(),
        None => {
            let body = Bytes::from_static(b"nothing is scripted for this");
            Scripting { status: 404, headers: Vec::new(), body }
        }
    };
    let response = Response::builder().status(status);
    let response = headers.into_iter().fold(response, |response, (name, value)| response.header(name, value));
    Ok(response.body(Full::new(body)).unwrap())
}
