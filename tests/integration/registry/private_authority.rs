//! A registry with a certificate of an authority that the system does not know.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::cli::failures::until;
use crate::support::world::World;

#[test]
fn a_registry_of_a_private_authority_is_trusted_by_way_of_ssl_cert_file() {
    let registry = TlsRegistry::start();
    let mut world = World::new();
    let manifest =
        format!("[workspace]\nname = \"shop\"\n[cache]\nkind = \"oci\"\nhost = \"{}\"\n", registry.host);
    world.write("projects.toml", manifest).commit();

    let unknown = world.run(["image_exists", "api", "v1"]);
    world.set("SSL_CERT_FILE", &registry.folder.path().join("ca.pem").display().to_string());
    let known = world.run(["image_exists", "api", "v1"]);

    assert_eq!(unknown.exit, 3, "{unknown}");
    assert!(unknown.stderr.contains("because: invalid peer certificate: UnknownIssuer"), "{unknown}");
    assert_eq!(known.exit, 1, "{known}");
}

/// Under the name of this machine: a name of the loopback interface is spoken to without TLS.
struct TlsRegistry {
    host: String,
    folder: tempfile::TempDir,
    server: Child,
}

impl TlsRegistry {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = String::from_utf8(Command::new("uname").arg("-n").output().unwrap().stdout).unwrap();
        let name = name.trim();
        make_certificates(folder.path(), name);
        let port = std::net::TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
        let path = folder.path().display();
        let tls = format!("{{ certificate: \"{path}/cert.pem\", key: \"{path}/key.pem\" }}");
        let config = format!(
            "version: 0.1\nstorage: {{ filesystem: {{ rootdirectory: \"{path}/data\" }} }}\n\
             http: {{ addr: \"0.0.0.0:{port}\", tls: {tls} }}\n"
        );
        let file = folder.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        let mut server = Command::new("docker-registry");
        server.arg("serve").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let server = server.spawn().unwrap();
        until(|| std::net::TcpStream::connect((name, port)).is_ok());
        Self { host: format!("{name}:{port}"), folder, server }
    }
}

impl Drop for TlsRegistry {
    fn drop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

/// Makes an authority, and a certificate of it for this name.
fn make_certificates(folder: &Path, name: &str) {
    let script = format!(
        "set -e
        new() {{ openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \"$@\"; }}
        new -subj /CN=authority -keyout ca-key.pem -out ca.pem
        new -subj /CN=registry -CA ca.pem -CAkey ca-key.pem -addext subjectAltName=DNS:{name} \
            -addext basicConstraints=critical,CA:FALSE -keyout key.pem -out cert.pem"
    );
    let output = Command::new("sh").args(["-c", &script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
