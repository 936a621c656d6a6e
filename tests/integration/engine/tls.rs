//! An engine behind TLS that asks for a client certificate, named by variables or by a context of the docker CLI.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::engines::BedEngine;
use crate::support::shop::{Project, Shop};

const ONE: &[Project] = &[("api", "FROM chinampa/base:1\nRUN echo built\n", "")];

fn shop() -> Shop {
    Shop::new().on(BedEngine::Tls).projects(ONE)
}

fn port() -> String {
    BedEngine::Tls.host().rsplit_once(':').unwrap().1.to_owned()
}

fn copy_certificates(folder: &Path) {
    let certificates = BedEngine::Tls.certificates().unwrap();
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        std::fs::copy(Path::new(&certificates).join(name), folder.join(name)).unwrap();
    }
}

/// Makes an authority that nothing is signed by, and keeps only its certificate.
fn make_other_authority(file: &Path) {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    openssl.args(["-subj", "/CN=authority", "-keyout", "/dev/null", "-out"]).arg(file);
    let output = openssl.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_engine_is_reached_over_tls_by_address_and_by_name() {
    for host in ["127.0.0.1", "localhost"] {
        let mut shop = shop();
        let address = format!("tcp://{host}:{}", port());
        shop.world.set("DOCKER_HOST", &address);

        let answer = shop.world.run(["build", "-v"]);

        assert_eq!(answer.exit, 0, "{answer}");
        let chosen = format!("using the Docker engine at `{address}` (from `DOCKER_HOST`)");
        assert!(answer.stderr.contains(&chosen), "{answer}");
    }
}

#[test]
fn an_engine_is_reached_over_a_context_with_certificates() {
    let mut shop = shop();
    let host = BedEngine::Tls.host();
    shop.use_context("remote");

    let current = shop.world.run(["build", "-v"]);
    shop.world.set("DOCKER_CONTEXT", "remoto");
    let unknown = shop.world.run(["build"]);

    assert_eq!(current.exit, 0, "{current}");
    let chosen = format!("using the Docker engine at `{host}` (context `remote`, from `currentContext` in ");
    assert!(current.stderr.contains(&chosen), "{current}");
    assert_eq!(unknown.exit, 2, "{unknown}");
    let listed =
        "there is no Docker context `remoto`, which `DOCKER_CONTEXT` names; there are `default`, `remote`";
    assert!(unknown.stderr.contains(listed), "{unknown}");
}

#[test]
fn the_engine_of_a_context_without_an_authority_is_trusted_by_way_of_ssl_cert_file() {
    let mut shop = shop();
    shop.use_context("remote");
    std::fs::remove_file(authority_of_the_context(&shop)).unwrap();

    let unknown = shop.world.run(["plan"]);
    let authority = Path::new(&BedEngine::Tls.certificates().unwrap()).join("ca.pem");
    shop.world.set("SSL_CERT_FILE", &authority.display().to_string());
    let known = shop.world.run(["plan"]);

    assert_eq!(unknown.exit, 3, "{unknown}");
    assert!(unknown.stderr.contains("invalid peer certificate: UnknownIssuer"), "{unknown}");
    assert_eq!(known.exit, 0, "{known}");
}

/// The authority of the only context.
fn authority_of_the_context(shop: &Shop) -> PathBuf {
    let contexts = shop.config_file().parent().unwrap().join("contexts/tls");
    std::fs::read_dir(contexts).unwrap().next().unwrap().unwrap().path().join("docker/ca.pem")
}

#[test]
fn an_engine_that_cannot_be_trusted_or_expects_tls_is_refused_with_a_hint() {
    let mut shop = shop();
    let certificates = tempfile::tempdir().unwrap();
    copy_certificates(certificates.path());
    let path = certificates.path().display().to_string();
    let mask = |stderr: String| stderr.replace(&port(), "<port>").replace(&path, "<certificates>");

    shop.world.set("DOCKER_TLS_VERIFY", "");
    let plain = shop.world.run(["plan"]);
    shop.world.set("DOCKER_TLS_VERIFY", "1").set("DOCKER_CERT_PATH", &path);
    make_other_authority(&certificates.path().join("ca.pem"));
    let untrusted = shop.world.run(["plan"]);
    std::fs::remove_file(certificates.path().join("key.pem")).unwrap();
    let no_key = shop.world.run(["plan"]);

    insta::assert_snapshot!(mask(plain.stderr), @"
    error: there is no answer of a Docker engine at `tcp://localhost:<port>` (from `DOCKER_HOST`)
      because: Client sent an HTTP request to an HTTPS server.
      hint: if the engine expects TLS, set `DOCKER_TLS_VERIFY=1` and `DOCKER_CERT_PATH`, or use a context with certificates; buildkitd is not supported
    ");
    insta::assert_snapshot!(mask(untrusted.stderr), @"
    error: cannot reach the Docker engine at `tcp://localhost:<port>` (from `DOCKER_HOST`)
      because: invalid peer certificate: BadSignature
      hint: see whether `DOCKER_HOST` is right, the engine is running and expects TLS there, and the certificates are the right ones
    ");
    insta::assert_snapshot!(mask(no_key.stderr), @"
    error: cannot read `<certificates>/key.pem`
      because: No such file or directory (os error 2)
    ");
    assert_eq!((plain.exit, untrusted.exit, no_key.exit), (3, 3, 2));
}
