//! Registries that delete nothing: GitHub's, and docker-registry unless its configuration says otherwise.

use std::time::Duration;

use bytes::Bytes;
use chinampa::internals::deploy::LockClaims;
use chinampa::internals::interruption::Interruption;
use chinampa::internals::registry::{Registry, RegistryError};

use crate::registry::lock::{acquire, environment};
use crate::registry::{TYPE, new_repository, registry, tag, upstream};
use crate::support::proxy::{Fault, Proxy, Rule};

/// A proxy that answers each deletion so.
pub(crate) async fn answering(fault: Fault) -> Proxy {
    let rule = Rule { method: "DELETE", path: "/manifests/", times: usize::MAX, fault };
    Proxy::start(&upstream(), [rule]).await
}

/// What GitHub's registry answers.
pub(crate) fn unsupported(code: u16) -> Fault {
    let body = r#"{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}"#;
    Fault::Status { code, headers: Vec::new(), body: body.to_owned() }
}

fn deletions(proxy: &Proxy) -> usize {
    proxy.record().iter().filter(|passed| passed.method == "DELETE").count()
}

#[tokio::test]
async fn a_tag_is_taken_away_where_nothing_is_deleted() {
    for fault in [Fault::status(405), unsupported(405), unsupported(400)] {
        let proxy = answering(fault).await;
        let (registry, repository) = (registry(proxy.host()), new_repository());
        let tags = [tag("kept"), tag("tainted"), tag("other")];
        let content = Bytes::from_static(b"document");
        registry.put_artifact(&repository, TYPE, content.clone(), &tags).await.unwrap();

        for tag in [&tags[1], &tags[2], &tags[1]] {
            registry.untag(&repository, tag).await.unwrap();
        }

        assert_eq!(registry.artifact(&repository, &tags[0]).await.unwrap(), Some(content));
        assert!(!registry.is_untagged(&repository, &tags[0]).await.unwrap());
        for tag in &tags[1..] {
            assert!(registry.is_untagged(&repository, tag).await.unwrap(), "{tag}");
            assert_eq!(registry.artifact(&repository, tag).await.unwrap(), None, "{tag}");
        }
        assert_eq!(deletions(&proxy), 1, "it was asked again: {:#?}", proxy.lines());
        let document = registry.find(&repository, &tags[0]).await.unwrap().unwrap();
        let error = registry.delete(&repository, &document).await.unwrap_err();
        assert!(matches!(error, RegistryError::NoDeletion { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_deletion_that_is_denied_or_fails_is_an_error() {
    for code in [400, 401, 403, 500, 503] {
        let proxy = answering(Fault::status(code)).await;
        let (registry, repository) = (registry(proxy.host()), new_repository());
        registry.put_artifact(&repository, TYPE, Bytes::from_static(b"a"), &[tag("a")]).await.unwrap();

        let error = registry.untag(&repository, &tag("a")).await.unwrap_err();

        assert!(!matches!(error, RegistryError::NoDeletion { .. }), "{code}: {error}");
    }
}

#[tokio::test]
async fn a_lock_is_given_back_where_nothing_is_deleted() {
    let proxy = answering(unsupported(405)).await;
    let (registry, repository, dev) = (registry(proxy.host()), new_repository(), environment("dev"));
    let claims = LockClaims { registry: &registry, repository: &repository, environment: &dev };
    let never = Interruption::new();

    let held = acquire(claims, 'a', Duration::ZERO, &never).await.unwrap();
    let waiting = acquire(claims, 'b', Duration::from_secs(60), &never);
    let release = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        held.release().await.unwrap();
    };
    let (acquired, ()) = tokio::join!(waiting, release);

    acquired.unwrap().release().await.unwrap();
    assert_eq!(claims.list().await.unwrap(), []);
    acquire(claims, 'c', Duration::ZERO, &never).await.unwrap();
    assert_eq!(claims.list().await.unwrap().len(), 1);
}
