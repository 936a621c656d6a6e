//! Registries as they are, and as they are on a bad day.

mod answers;
mod attestations;
mod copies;
pub(crate) mod deletion;
mod each_request;
mod http2;
mod image;
mod killed;
mod lock;
mod login;
mod private_authority;
mod probes;
mod promote;
mod promotion;
mod tagging;
mod trouble;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chinampa::internals::model::{Credentials, Host, ManifestDigest, RepositoryName, Secret, Tag};
use chinampa::internals::registry::{CredentialsSource, OciRegistry, Registry, RetryPolicy};

use crate::support::bed;

/// As many tries as by default, without their long delays.
const HURRIED: RetryPolicy = RetryPolicy {
    connect: Duration::from_secs(5),
    idle: Duration::from_secs(5),
    tries: 5,
    first_delay: Duration::from_millis(5),
    longest_retry_after: Duration::from_secs(60),
    throttled: Duration::from_secs(2),
};

fn upstream() -> String {
    bed::setting("REGISTRY_1")
}

fn credentials() -> Credentials {
    Credentials {
        username: bed::setting("REGISTRY_1_USER"),
        password: Secret::new(bed::setting("REGISTRY_1_PASSWORD")),
    }
}

fn other_credentials() -> Credentials {
    Credentials {
        username: bed::setting("REGISTRY_2_USER"),
        password: Secret::new(bed::setting("REGISTRY_2_PASSWORD")),
    }
}

fn registry_with(host: &str, source: CredentialsSource, retry_policy: RetryPolicy) -> OciRegistry {
    let host: Host = host.parse().unwrap();
    OciRegistry::new(host, false, source, retry_policy).unwrap()
}

/// The bed's registry, seen through `host`.
fn registry(host: &str) -> OciRegistry {
    registry_with(host, CredentialsSource::Known(credentials()), HURRIED)
}

/// A repository that no other test and no earlier run has used.
fn new_repository() -> RepositoryName {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    format!("r{now}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)).parse().unwrap()
}

fn tag(name: &str) -> Tag {
    name.parse().unwrap()
}

const TYPE: &str = "application/vnd.chinampa.test.v1+json";

/// Puts something there, without a proxy between.
async fn put(repository: &RepositoryName, content: &'static str, tags: &[Tag]) -> ManifestDigest {
    let content = Bytes::from_static(content.as_bytes());
    registry(&upstream()).put_artifact(repository, TYPE, content, tags).await.unwrap()
}
