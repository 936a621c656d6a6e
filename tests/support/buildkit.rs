//! BuildKit behind TCP: the one in a Docker engine with containerd's image store, as if it were a daemon of its own.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::bed::setting;
use super::engines::BedEngine;

/// What a bridge does with bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Forward {
        /// How often all connections were ended.
        cuts: u32,
    },
    /// Connections stay, and nothing goes through them any more.
    Hang,
    Closed,
}

/// Leads TCP connections to the BuildKit of an engine, until it is dropped.
#[derive(Debug)]
pub(crate) struct BuildKitBridge {
    port: u16,
    mode: watch::Sender<Mode>,
    received: Arc<AtomicU64>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl BuildKitBridge {
    pub(crate) fn new(engine: BedEngine) -> Self {
        Self::with(&engine.socket(), None)
    }

    /// To the engine that listens there, as `DOCKER_HOST` says it.
    pub(crate) fn to(host: &str) -> Self {
        Self::with(host, None)
    }

    /// The same behind TLS that asks for a client certificate of the bed's authority.
    pub(crate) fn with_tls(engine: BedEngine) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let file = |name: &str| PathBuf::from(setting("DOCKER_CERT_PATH_TLS")).join(name);
        let certificates = |name: &str| -> Vec<CertificateDer<'static>> {
            CertificateDer::pem_file_iter(file(name)).unwrap().map(Result::unwrap).collect()
        };
        let mut roots = RootCertStore::empty();
        certificates("ca.pem").into_iter().for_each(|certificate| roots.add(certificate).unwrap());
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        let key = PrivateKeyDer::from_pem_file(file("server-key.pem")).unwrap();
        let mut config = ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates("server-cert.pem"), key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Self::with(&engine.socket(), Some(TlsAcceptor::from(Arc::new(config))))
    }

    /// What a client of the TLS needs, as settings of a builder.
    pub(crate) fn client_files() -> String {
        let folder = setting("DOCKER_CERT_PATH_TLS");
        format!("ca={folder}/ca.pem;cert={folder}/cert.pem;key={folder}/key.pem")
    }

    fn with(host: &str, tls: Option<TlsAcceptor>) -> Self {
        let socket = host.strip_prefix("unix://").unwrap().to_owned();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        // In a thread of its own: the test may be in a runtime, which can't wait.
        let bind = || runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let listener = std::thread::scope(|scope| scope.spawn(bind).join().unwrap());
        let port = listener.local_addr().unwrap().port();
        let (mode, modes) = watch::channel(Mode::Forward { cuts: 0 });
        let received = Arc::new(AtomicU64::new(0));
        let counted = received.clone();
        runtime.spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (socket, tls, modes, counted) =
                    (socket.clone(), tls.clone(), modes.clone(), counted.clone());
                tokio::spawn(async move {
                    if *modes.borrow() == Mode::Closed {
                        return Ok(());
                    }
                    let far = dial(&socket).await?;
                    match tls {
                        None => join(near, far, modes, counted).await,
                        Some(tls) => join(tls.accept(near).await?, far, modes, counted).await,
                    }
                    Ok::<(), io::Error>(())
                });
            }
        });
        Self { port, mode, received, runtime: Some(runtime) }
    }

    /// As `CHINAMPA_BUILDERS` says it.
    pub(crate) fn endpoint(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.port)
    }

    /// How many bytes clients have sent.
    pub(crate) fn received_bytes(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Ends all connections, and accepts none.
    pub(crate) fn close(&self) {
        self.mode.send_replace(Mode::Closed);
    }

    /// Ends all connections, and accepts others.
    pub(crate) fn cut(&self) {
        self.mode.send_modify(|mode| {
            let Mode::Forward { cuts } = mode else { panic!("nothing is forwarded: {mode:?}") };
            *cuts += 1;
        });
    }

    /// Keeps all connections, and lets nothing through.
    pub(crate) fn hang(&self) {
        self.mode.send_replace(Mode::Hang);
    }
}

impl Drop for BuildKitBridge {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Asks the engine for its BuildKit: an upgrade to HTTP/2.
async fn dial(socket: &str) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(socket).await?;
    let request = b"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    stream.write_all(request).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    if head.starts_with("HTTP/1.1 101 ") { Ok(stream) } else { Err(io::Error::other(head)) }
}

async fn join(
    near: impl AsyncRead + AsyncWrite,
    far: UnixStream,
    modes: watch::Receiver<Mode>,
    counted: Arc<AtomicU64>,
) {
    let (near_read, near_write) = tokio::io::split(near);
    let (far_read, far_write) = far.into_split();
    let nothing = Arc::new(AtomicU64::new(0));
    tokio::select! {
        () = copy(near_read, far_write, modes.clone(), counted) => {}
        () = copy(far_read, near_write, modes.clone(), nothing) => {}
        () = closed(modes) => {}
    }
}

async fn closed(mut modes: watch::Receiver<Mode>) {
    let cuts_before = match *modes.borrow() {
        Mode::Forward { cuts } => Some(cuts),
        Mode::Hang | Mode::Closed => None,
    };
    let is_end = |mode: &Mode| match *mode {
        Mode::Forward { cuts } => cuts_before.is_some_and(|before| cuts > before),
        Mode::Hang => false,
        Mode::Closed => true,
    };
    let _dropped = modes.wait_for(is_end).await;
}

async fn copy(
    from: impl AsyncRead,
    to: impl AsyncWrite,
    mut modes: watch::Receiver<Mode>,
    counted: Arc<AtomicU64>,
) {
    let (mut from, mut to) = (std::pin::pin!(from), std::pin::pin!(to));
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(length) = from.read(&mut buffer).await else { return };
        if length == 0 || modes.wait_for(|mode| *mode != Mode::Hang).await.is_err() {
            return;
        }
        counted.fetch_add(length as u64, Ordering::Relaxed);
        if to.write_all(&buffer[..length]).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
}
