//! A way to an engine over TCP.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use chinampa::internals::docker::DockerHost;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinSet;

use crate::support::engines::BedEngine;

/// Leads TCP connections to an engine, until it is dropped.
pub(crate) struct Bridge {
    pub(crate) port: u16,
    _connections: JoinSet<()>,
}

impl Bridge {
    pub(crate) async fn new(engine: BedEngine) -> Self {
        Self::through(engine, |stream| stream).await
    }

    /// Also returns what the clients send, of all connections.
    pub(crate) async fn recording(engine: BedEngine) -> (Self, Sent) {
        let sent = Sent::default();
        let recorded = sent.clone();
        let record = move |stream| Recorded { stream, sent: recorded.clone() };
        (Self::through(engine, record).await, sent)
    }

    /// `wrap` makes of a connection what the engine's bytes go through.
    async fn through<S>(engine: BedEngine, wrap: impl Fn(TcpStream) -> S + Send + Sync + 'static) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let socket = engine.socket().strip_prefix("unix://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let (mut near, socket) = (wrap(near), socket.clone());
                connections.spawn(async move {
                    let mut far = UnixStream::connect(&socket).await?;
                    tokio::io::copy_bidirectional(&mut near, &mut far).await
                });
            }
        });
        Self { port, _connections: accepting }
    }

    pub(crate) fn host(&self) -> DockerHost {
        DockerHost::Tcp { host: "127.0.0.1".to_owned(), port: self.port }
    }
}

/// What clients have sent.
#[derive(Clone, Default)]
pub(crate) struct Sent(Arc<Mutex<Vec<u8>>>);

impl Sent {
    /// What was sent since this was asked last.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Whether the bytes contain a text.
pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// The keys of the sessions.
pub(crate) fn keys(bytes: &[u8]) -> Vec<String> {
    let header = regex::bytes::Regex::new(r"(?i)x-docker-expose-session-sharedkey: *([0-9a-f]+)").unwrap();
    header.captures_iter(bytes).map(|key| String::from_utf8(key[1].to_vec()).unwrap()).collect()
}

struct Recorded {
    stream: TcpStream,
    sent: Sent,
}

impl AsyncRead for Recorded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(task, buffer);
        self.sent.0.lock().unwrap().extend_from_slice(&buffer.filled()[before..]);
        polled
    }
}

impl AsyncWrite for Recorded {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(task, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }
}
