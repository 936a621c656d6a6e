//! A way to the machine's own engine over TCP.

use std::io;

use chinampa::internals::docker::DockerHost;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinSet;

use crate::support::bed;

/// Leads TCP connections to the machine's own engine, until it is dropped.
pub(crate) struct Bridge {
    pub(crate) port: u16,
    _connections: JoinSet<()>,
}

impl Bridge {
    /// Without TLS.
    pub(crate) async fn plain() -> Self {
        Self::new(|stream| std::future::ready(Ok(stream))).await
    }

    /// `accept` makes of a connection what the engine's bytes go through.
    pub(crate) async fn new<S, F>(accept: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
        F: Future<Output = io::Result<S>> + Send + 'static,
    {
        let socket = bed::setting("DOCKER_HOST_1").strip_prefix("unix://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let (near, socket) = (accept(near), socket.clone());
                connections.spawn(async move {
                    let mut near = near.await?;
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
