//! Images of random layers, pushed as any client pushes them.

use bytes::Bytes;
use chinampa::internals::model::{ManifestDigest, RepositoryName};
use reqwest::{Client, Method, RequestBuilder, Url};
use serde_json::{Value, json};

use crate::registry::upstream;
use crate::support::bed;

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

/// What was pushed.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) digest: ManifestDigest,
    /// Of its configuration and its layers.
    pub(crate) bytes: u64,
}

/// Pushes an image with a layer of each of these sizes, which no other image has.
pub(crate) async fn push(repository: &RepositoryName, sizes: &[usize]) -> Made {
    let layers: Vec<Bytes> =
        sizes.iter().enumerate().map(|(number, size)| content(repository, number, *size)).collect();
    let mut descriptors = Vec::new();
    for layer in &layers {
        descriptors.push(push_blob(repository, LAYER, layer).await);
    }
    let made = push_manifest(repository, sizes, descriptors).await;
    Made { bytes: made.bytes + layers.iter().map(|layer| layer.len() as u64).sum::<u64>(), ..made }
}

/// Pushes an image whose only layer is nowhere but at a URL.
pub(crate) async fn push_with_foreign_layer(repository: &RepositoryName) -> Made {
    let digest = ManifestDigest::of(b"elsewhere");
    let layer = json!({
        "mediaType": FOREIGN, "digest": digest, "size": 9, "urls": ["https://elsewhere.example/layer"],
    });
    push_manifest(repository, &[], vec![layer]).await
}

async fn push_manifest(repository: &RepositoryName, sizes: &[usize], layers: Vec<Value>) -> Made {
    let config: Bytes = json!({ "repository": repository, "sizes": sizes }).to_string().into();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "config": push_blob(repository, CONFIG, &config).await,
        "layers": layers,
    })
    .to_string();
    let digest = ManifestDigest::of(manifest.as_bytes());
    let put = request(Method::PUT, &format!("/v2/{repository}/manifests/{digest}"));
    let answer = put.header("content-type", IMAGE).body(manifest).send().await.unwrap();
    assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
    Made { digest, bytes: config.len() as u64 }
}

async fn push_blob(repository: &RepositoryName, media_type: &str, content: &Bytes) -> Value {
    let digest = ManifestDigest::of(content);
    let opened = request(Method::POST, &format!("/v2/{repository}/blobs/uploads/")).send().await.unwrap();
    let mut location = opened.url().join(opened.headers()["location"].to_str().unwrap()).unwrap();
    location.query_pairs_mut().append_pair("digest", &digest.to_string());
    let answer = authorized(Method::PUT, location).body(content.clone()).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    json!({ "mediaType": media_type, "digest": digest, "size": content.len() })
}

fn request(method: Method, path: &str) -> RequestBuilder {
    authorized(method, format!("http://{}{path}", upstream()).parse().unwrap())
}

fn authorized(method: Method, url: Url) -> RequestBuilder {
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = Client::builder().no_proxy().build().unwrap();
    let (user, password) = (bed::setting("REGISTRY_1_USER"), bed::setting("REGISTRY_1_PASSWORD"));
    client.request(method, url).basic_auth(user, Some(password))
}

/// Bytes that follow no short pattern.
fn content(repository: &RepositoryName, number: usize, size: usize) -> Bytes {
    let seed = ManifestDigest::of(format!("{repository} {number}").as_bytes()).to_string();
    let mut state = u64::from_str_radix(&seed[7..23], 16).unwrap() | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..size).map(|_| next()).collect()
}
