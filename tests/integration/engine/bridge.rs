//! A way to an engine over TCP.

use chinampa::internals::docker::DockerHost;
use tokio::net::{TcpListener, UnixStream};
use tokio::task::JoinSet;

use crate::support::engines::BedEngine;

/// Leads TCP connections to an engine, until it is dropped.
pub(crate) struct Bridge {
    pub(crate) port: u16,
    _connections: JoinSet<()>,
}

impl Bridge {
    pub(crate) async fn new(engine: BedEngine) -> Self {
        let socket = engine.socket().strip_prefix("unix://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let socket = socket.clone();
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
