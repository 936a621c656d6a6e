//! Byte streams to an engine.

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::Command;
use tower_service::Service;

use super::{DockerHost, EngineAddress};

/// Bytes both ways, whatever carries them.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Connection for Box<dyn Duplex> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// Opens a stream for each connection that the HTTP client wants.
#[derive(Clone)]
pub(crate) struct Connector {
    open: Arc<dyn Fn() -> Opening + Send + Sync>,
}

/// A stream that is being opened.
pub(crate) type Opening = BoxFuture<'static, io::Result<Box<dyn Duplex>>>;

impl Connector {
    /// One that opens streams so.
    pub(crate) fn new(open: impl Fn() -> Opening + Send + Sync + 'static) -> Self {
        Self { open: Arc::new(open) }
    }

    /// One that opens streams to an engine.
    pub(super) fn to(engine: &Arc<EngineAddress>) -> Self {
        let engine = Arc::clone(engine);
        Self::new(move || {
            let engine = Arc::clone(&engine);
            Box::pin(async move { open(&engine).await })
        })
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Duplex>>;
    type Error = io::Error;
    type Future = BoxFuture<'static, Result<Self::Response, io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    /// The request's own address is not looked at: there is one server.
    fn call(&mut self, _: Uri) -> Self::Future {
        let stream = (self.open)();
        Box::pin(async move { stream.await.map(TokioIo::new) })
    }
}

async fn open(engine: &EngineAddress) -> io::Result<Box<dyn Duplex>> {
    match &engine.host {
        DockerHost::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        DockerHost::Tcp { host, port } => {
            let name = host.trim_start_matches('[').trim_end_matches(']');
            let stream = TcpStream::connect((name, *port)).await?;
            stream.set_nodelay(true)?;
            match &engine.tls {
                None => Ok(Box::new(stream)),
                Some(tls) => Ok(Box::new(tls.connect(name, stream)?.await?)),
            }
        }
        DockerHost::Ssh { destination, port } => dial_over_ssh(destination, *port),
    }
}

/// Joins the standard streams of `ssh … docker system dial-stdio`.
///
/// What `ssh` has to say (a host key, a refused login) goes to standard error, past us.
/// It ends when its input does, which is when the stream is dropped.
fn dial_over_ssh(destination: &str, port: Option<u16>) -> io::Result<Box<dyn Duplex>> {
    let mut command = Command::new("ssh");
    if let Some(port) = port {
        command.arg("-p").arg(port.to_string());
    }
    command.args(["-T", "--", destination, "docker", "system", "dial-stdio"]);
    join(command)
}

/// Joins the standard streams of a program, which ends with the stream. What it has to say goes to standard error, past us.
///
/// # Errors
/// When the program can't be started.
pub(crate) fn piped(program: &str, arguments: &[&str]) -> io::Result<Box<dyn Duplex>> {
    let mut command = Command::new(program);
    command.args(arguments);
    join(command).map_err(|error| io::Error::new(error.kind(), format!("cannot run `{program}`: {error}")))
}

fn join(mut command: Command) -> io::Result<Box<dyn Duplex>> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let input = child.stdin.take().expect("standard input was asked for");
    let output = child.stdout.take().expect("standard output was asked for");
    Ok(Box::new(Piped { _child: child, streams: Box::pin(tokio::io::join(output, input)) }))
}

/// A program's standard streams; the program is ended with them.
struct Piped {
    _child: tokio::process::Child,
    streams: Pin<Box<tokio::io::Join<tokio::process::ChildStdout, tokio::process::ChildStdin>>>,
}

impl AsyncRead for Piped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.streams.as_mut().poll_read(context, buffer)
    }
}

impl AsyncWrite for Piped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.streams.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.streams.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.streams.as_mut().poll_shutdown(context)
    }
}
