//! An engine behind TLS that asks for a client certificate, named by variables or by a context of the docker CLI.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsAcceptor;

use crate::engine::bridge::Bridge;
use crate::support::shop::{Project, Shop};
use crate::support::world::Answer;

const ONE: &[Project] = &[("api", "FROM chinampa/base:1\nRUN echo built\n", "")];

/// Makes an authority, and certificates of a server at `localhost` and of a client, as Docker's documentation does.
fn make_certificates(folder: &Path) {
    const SCRIPT: &str = "set -e
        new() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1 -out $2 -subj /CN=$3 $4; }
        sign() { openssl x509 -req -in $1 -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -out $2 -extfile $3; }
        new ca-key.pem ca.pem authority -x509
        echo subjectAltName=DNS:localhost,IP:127.0.0.1 >server.ext
        echo extendedKeyUsage=clientAuth >client.ext
        new server-key.pem server.csr localhost
        new key.pem client.csr client
        sign server.csr server-cert.pem server.ext
        sign client.csr cert.pem client.ext";
    let output = Command::new("sh").args(["-c", SCRIPT]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Leads TLS connections to the machine's own engine, until it is dropped.
struct TlsBridge {
    certificates: tempfile::TempDir,
    port: u16,
    _bridge: Bridge,
}

impl TlsBridge {
    async fn new() -> Self {
        let certificates = tempfile::tempdir().unwrap();
        make_certificates(certificates.path());
        let acceptor = TlsAcceptor::from(Arc::new(server_config(certificates.path())));
        let bridge = Bridge::new(move |stream| acceptor.accept(stream)).await;
        Self { certificates, port: bridge.port, _bridge: bridge }
    }

    fn path(&self) -> String {
        self.certificates.path().display().to_string()
    }

    /// Runs the binary while the bridge goes on working.
    async fn run<const N: usize>(&self, shop: &Shop, arguments: [&str; N]) -> Answer {
        let mut command = shop.world.command(arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap().into()).await.unwrap()
    }

    /// An error with placeholders for what differs from run to run.
    fn mask(&self, answer: &Answer) -> String {
        answer.stderr.replace(&self.port.to_string(), "<port>").replace(&self.path(), "<certificates>")
    }
}

fn server_config(folder: &Path) -> ServerConfig {
    let certificates = |name: &str| -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_file_iter(folder.join(name)).unwrap().map(Result::unwrap).collect()
    };
    let mut authorities = RootCertStore::empty();
    authorities.add(certificates("ca.pem").remove(0)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), Arc::clone(&provider));
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(
            certificates("server-cert.pem"),
            PrivateKeyDer::from_pem_file(folder.join("server-key.pem")).unwrap(),
        )
        .unwrap()
}

#[tokio::test]
async fn an_engine_is_reached_over_tls_by_address_and_by_name() {
    let bridge = TlsBridge::new().await;
    for host in ["127.0.0.1", "localhost"] {
        let mut shop = Shop::new().projects(ONE);
        let address = format!("tcp://{host}:{}", bridge.port);
        shop.world.set("DOCKER_HOST", &address).set("DOCKER_TLS_VERIFY", "1");
        shop.world.set("DOCKER_CERT_PATH", &bridge.path());

        let answer = bridge.run(&shop, ["build", "-v"]).await;

        assert_eq!(answer.exit, 0, "{answer}");
        let chosen = format!("using the Docker engine at `{address}` (from `DOCKER_HOST`)");
        assert!(answer.stderr.contains(&chosen), "{answer}");
    }
}

#[tokio::test]
async fn an_engine_is_reached_over_a_context_with_certificates() {
    let bridge = TlsBridge::new().await;
    let mut shop = Shop::new().projects(ONE);
    let id: String = Sha256::digest("remote").iter().map(|byte| format!("{byte:02x}")).collect();
    let contexts = shop.config_file().parent().unwrap().join("contexts");
    let (meta, tls) = (contexts.join("meta").join(&id), contexts.join("tls").join(&id).join("docker"));
    std::fs::create_dir_all(&meta).unwrap();
    std::fs::create_dir_all(&tls).unwrap();
    let host = format!("tcp://localhost:{}", bridge.port);
    let content =
        format!(r#"{{"Name":"remote","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}"}}}}}}"#);
    std::fs::write(meta.join("meta.json"), content).unwrap();
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        std::fs::copy(bridge.certificates.path().join(name), tls.join(name)).unwrap();
    }
    std::fs::write(shop.config_file(), r#"{"currentContext": "remote"}"#).unwrap();
    shop.world.set("DOCKER_HOST", "");

    let current = bridge.run(&shop, ["build", "-v"]).await;
    shop.world.set("DOCKER_CONTEXT", "remoto");
    let unknown = bridge.run(&shop, ["build"]).await;

    assert_eq!(current.exit, 0, "{current}");
    let chosen = format!("using the Docker engine at `{host}` (context `remote`, from `currentContext` in ");
    assert!(current.stderr.contains(&chosen), "{current}");
    assert_eq!(unknown.exit, 2, "{unknown}");
    let listed =
        "there is no Docker context `remoto`, which `DOCKER_CONTEXT` names; there are `default`, `remote`";
    assert!(unknown.stderr.contains(listed), "{unknown}");
}

#[tokio::test]
async fn an_engine_that_cannot_be_trusted_or_expects_tls_is_refused_with_a_hint() {
    let bridge = TlsBridge::new().await;
    let mut shop = Shop::new().projects(ONE);
    shop.world.set("DOCKER_HOST", &format!("tcp://localhost:{}", bridge.port));

    let plain = bridge.run(&shop, ["plan"]).await;
    shop.world.set("DOCKER_TLS_VERIFY", "1").set("DOCKER_CERT_PATH", &bridge.path());
    let other = TlsBridge::new().await;
    std::fs::copy(other.certificates.path().join("ca.pem"), bridge.certificates.path().join("ca.pem"))
        .unwrap();
    let untrusted = bridge.run(&shop, ["plan"]).await;
    std::fs::remove_file(bridge.certificates.path().join("key.pem")).unwrap();
    let no_key = bridge.run(&shop, ["plan"]).await;

    insta::assert_snapshot!(bridge.mask(&plain), @"
    error: there is no answer of a Docker engine at `tcp://localhost:<port>` (from `DOCKER_HOST`)
      because: client error (SendRequest)
      because: invalid HTTP version parsed
      hint: if the engine expects TLS, set `DOCKER_TLS_VERIFY=1` and `DOCKER_CERT_PATH`, or use a context with certificates; buildkitd is not supported
    ");
    insta::assert_snapshot!(bridge.mask(&untrusted), @"
    error: cannot reach the Docker engine at `tcp://localhost:<port>` (from `DOCKER_HOST`)
      because: invalid peer certificate: BadSignature
      hint: see whether `DOCKER_HOST` is right, the engine is running and expects TLS there, and the certificates are the right ones
    ");
    insta::assert_snapshot!(bridge.mask(&no_key), @"
    error: cannot read `<certificates>/key.pem`
      because: No such file or directory (os error 2)
    ");
    assert_eq!((plain.exit, untrusted.exit, no_key.exit), (3, 3, 2));
}
