//! The TLS of every client here: rustls, with ring as its only cryptography.

use std::fmt;
use std::io;
use std::sync::Arc;

use reqwest::{Client, ClientBuilder};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt as _;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{Connect, TlsConnector};

use crate::dns::SharedResolver;

/// A client that trusts the certificates that the system trusts, and looks up each host once.
pub(crate) fn http_client() -> ClientBuilder {
    if CryptoProvider::get_default().is_none() {
        // Fails where another thread has just done the same.
        let _installed = ring::default_provider().install_default();
    }
    Client::builder().dns_resolver(SharedResolver)
}

/// Whose certificates a client accepts.
pub(crate) enum Trusted<'p> {
    /// Those that an authority of this PEM file has signed.
    Authorities(&'p [u8]),
    /// Those that the system trusts.
    System,
    /// Any, as a Docker context with `SkipTLSVerify` asks for.
    Anybody,
}

/// A certificate chain and its private key, both as PEM.
pub(crate) struct Identity<'p> {
    pub(crate) certificates: &'p [u8],
    pub(crate) key: &'p [u8],
}

/// What a client can't be made of.
#[derive(Debug, Error)]
pub enum TlsError {
    #[error("the certificate authority is not a certificate in PEM format")]
    BadAuthority,
    #[error("the client certificate is not a certificate in PEM format")]
    BadCertificate,
    #[error("the client key is not a private key in PEM format without a password")]
    BadKey,
    #[error("the client certificate and its key do not fit")]
    BadIdentity(#[source] rustls::Error),
    #[error("the system's certificates cannot be used")]
    System(#[source] rustls::Error),
}

/// Speaks TLS over streams that are there already. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ClientTls(Arc<ClientConfig>);

impl ClientTls {
    pub(crate) fn new(trusted: Trusted<'_>, identity: Option<Identity<'_>>) -> Result<Self, TlsError> {
        Self::speaking(&[], trusted, identity)
    }

    /// The same for HTTP/2, which gRPC servers expect to be agreed on.
    pub(crate) fn for_http2(trusted: Trusted<'_>, identity: Option<Identity<'_>>) -> Result<Self, TlsError> {
        Self::speaking(&[b"h2"], trusted, identity)
    }

    fn speaking(
        protocols: &[&[u8]],
        trusted: Trusted<'_>,
        identity: Option<Identity<'_>>,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("ring has what TLS 1.2 and 1.3 need");
        let builder = match trusted {
            Trusted::Authorities(pem) => builder.with_root_certificates(authorities(pem)?),
            Trusted::System => builder.with_platform_verifier().map_err(TlsError::System)?,
            Trusted::Anybody => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAny(provider)))
            }
        };
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(Identity { certificates, key }) => {
                let certificates = self::certificates(certificates).ok_or(TlsError::BadCertificate)?;
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::BadKey)?;
                builder.with_client_auth_cert(certificates, key).map_err(TlsError::BadIdentity)?
            }
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Self(Arc::new(config)))
    }

    /// Begins TLS with `host`, a name or an address without brackets.
    ///
    /// # Errors
    /// When `host` can't be in a certificate.
    pub(crate) fn connect<S>(&self, host: &str, stream: S) -> io::Result<Connect<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        Ok(TlsConnector::from(Arc::clone(&self.0)).connect(name, stream))
    }
}

/// Shows nothing of the key.
impl fmt::Debug for ClientTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClientTls(…)")
    }
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(pem).ok_or(TlsError::BadAuthority)? {
        store.add(certificate).map_err(|_| TlsError::BadAuthority)?;
    }
    Ok(store)
}

/// The certificates of a PEM file; `None` when it has none, or a broken one.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    (!certificates.is_empty()).then_some(certificates)
}

/// Accepts every certificate whose owner has its key.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
