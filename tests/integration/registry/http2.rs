//! A registry that speaks HTTP/2 gets all questions in one connection.

use std::fs;
use std::net::{IpAddr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::memory_registry::{MemoryRegistry, Nature};
use crate::support::world::{Answer, World};

/// An address of this machine that is not loopback, where TLS is spoken.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: the system only chooses the address that it would send from.
    socket.connect("192.0.2.1:9").expect("the machine has a network");
    socket.local_addr().unwrap().ip()
}

fn server_config(folder: &Path, address: IpAddr) -> ServerConfig {
    let script = format!(
        "set -e
        new() {{ openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1 -out $2 -subj /CN=$3 $4; }}
        new ca-key.pem ca.pem authority -x509
        new key.pem server.csr registry
        echo subjectAltName=IP:{address} >server.ext
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -out cert.pem \
            -extfile server.ext"
    );
    let output = Command::new("sh").args(["-c", &script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let certificate = CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

// issue 18: R5
#[tokio::test]
async fn all_questions_go_through_one_connection() {
    let (mut world, address) = (World::new(), own_address());
    let config = server_config(world.path(), address);
    let registry = MemoryRegistry::start_at(address, Nature::default(), Some(config)).await;
    let mut manifest =
        format!("[workspace]\nname = \"shop\"\n[cache]\nkind = \"oci\"\nhost = \"{}\"\n", registry.host);
    for number in 0..20 {
        manifest += &format!("[projects.image-{number}]\npath = \"image-{number}\"\n");
        world.write(&format!("image-{number}/Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n");
    }
    world.write("projects.toml", manifest).commit();
    fs::create_dir(world.file("docker")).unwrap();
    let [certificate, docker] = ["ca.pem", "docker"].map(|file| world.file(file).display().to_string());
    world.set("SSL_CERT_FILE", &certificate).set("DOCKER_CONFIG", &docker);

    let mut command = world.command(["plan"]);
    let answer: Answer = tokio::task::spawn_blocking(move || command.output().unwrap().into()).await.unwrap();

    assert_eq!(answer.exit, 0, "{answer}");
    assert!(registry.asked().len() > 20, "{:?}", registry.lines());
    assert_eq!(registry.connections(), 1);
}
