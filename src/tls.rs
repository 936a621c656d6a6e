//! The TLS of every HTTP client here: rustls, with ring as its only cryptography.

use reqwest::{Client, ClientBuilder};
use rustls::crypto::{CryptoProvider, ring};

/// A client that trusts the certificates that the system trusts.
pub(crate) fn http_client() -> ClientBuilder {
    if CryptoProvider::get_default().is_none() {
        // Fails where another thread has just done the same.
        let _installed = ring::default_provider().install_default();
    }
    Client::builder()
}
