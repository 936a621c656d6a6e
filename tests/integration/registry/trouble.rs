//! Trouble is waited out or is an error, and is never read as "not there".

use std::time::{Duration, Instant};

use chinampa::internals::registry::{CredentialsSource, Registry, RegistryError, RetryPolicy};

use crate::registry::{HURRIED, credentials, new_repository, put, registry, registry_with, tag, upstream};
use crate::support::proxy::{Fault, Proxy, Rule};

fn first(times: usize, method: &'static str, path: &'static str, fault: Fault) -> Rule {
    Rule { method, path, times, fault }
}

fn always(method: &'static str, path: &'static str, fault: Fault) -> Rule {
    first(usize::MAX, method, path, fault)
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let headers = vec![("retry-after", "1".to_owned())];
    let throttled = Fault::Status { code: 429, headers, body: String::new() };
    let proxy = Proxy::start(&upstream(), [first(2, "HEAD", "", throttled)]).await;

    let found = registry(proxy.host()).find(&new_repository(), &tag("a")).await.unwrap();

    assert_eq!(found, None);
    let times: Vec<Instant> = proxy.record().iter().map(|passed| passed.at).collect();
    for pair in times[..3].windows(2) {
        assert!(pair[1] - pair[0] >= Duration::from_secs(1), "{:?}", proxy.record());
    }
}

#[tokio::test]
async fn a_long_retry_after_is_cut() {
    let headers = vec![("retry-after", "86400".to_owned())];
    let throttled = Fault::Status { code: 429, headers, body: String::new() };
    let proxy = Proxy::start(&upstream(), [always("HEAD", "", throttled)]).await;
    let retry_policy = RetryPolicy { longest_retry_after: Duration::from_millis(10), ..HURRIED };
    let registry = registry_with(proxy.host(), CredentialsSource::Nobody, retry_policy);

    let error = registry.find(&new_repository(), &tag("a")).await.unwrap_err();

    assert!(matches!(error, RegistryError::Throttled { .. }), "{error}");
    assert_eq!(proxy.record().len(), 5);
}

#[tokio::test]
async fn trouble_that_passes_is_not_seen() {
    let repository = new_repository();
    let digest = put(&repository, "1", &[tag("a")]).await;
    for fault in [Fault::status(503), Fault::status(500), Fault::status(408), Fault::Refuse] {
        let proxy = Proxy::start(&upstream(), [first(2, "HEAD", "", fault.clone())]).await;

        let found = registry(proxy.host()).find(&repository, &tag("a")).await.unwrap();

        assert_eq!(found, Some(digest), "{fault:?}");
    }
}

#[tokio::test]
async fn trouble_that_stays_is_an_error_after_five_tries() {
    let envelope = r#"{"errors": [{"code": "UNKNOWN", "message": "disk full"}]}"#;
    let fault = Fault::Status { code: 500, headers: Vec::new(), body: envelope.into() };
    let proxy = Proxy::start(&upstream(), [always("GET", "", fault)]).await;
    let repository = new_repository();

    let error = registry(proxy.host()).artifact(&repository, &tag("a")).await.unwrap_err();

    assert_eq!(
        error.to_string(),
        format!(
            "`{}/{repository}:a`: the registry is in trouble: status 500, UNKNOWN, disk full",
            proxy.host()
        )
    );
    assert_eq!(proxy.record().len(), 5);
}

#[tokio::test]
async fn what_will_not_pass_is_asked_once() {
    for code in [400, 403, 405, 410, 418, 501] {
        let proxy = Proxy::start(&upstream(), [always("HEAD", "", Fault::status(code))]).await;

        let error = registry(proxy.host()).find(&new_repository(), &tag("a")).await.unwrap_err();

        assert!(!error.is_temporary(), "{error}");
        // GET is asked for the reason of a refusal.
        let asked = proxy.record().into_iter().filter(|passed| passed.method == "HEAD" || code != 403);
        assert_eq!(asked.count(), 1, "{code}");
    }
}

// issue 17
#[tokio::test]
async fn a_refusal_has_the_words_that_only_get_is_answered_with() {
    let body = r#"{"errors":[{"code":"DENIED","message":"not authorized to perform: ecr:BatchGetImage"}]}"#;
    let denied = Fault::Status { code: 403, headers: Vec::new(), body: body.to_owned() };
    let rules = [always("HEAD", "", Fault::status(403)), always("GET", "", denied)];
    let proxy = Proxy::start(&upstream(), rules).await;

    let error = registry(proxy.host()).find(&new_repository(), &tag("a")).await.unwrap_err();

    assert!(error.to_string().contains("ecr:BatchGetImage"), "{error}");
}

#[tokio::test]
async fn a_404_that_is_not_the_registrys_own_is_an_error_and_not_absent() {
    let headers = vec![("content-type", "text/html".to_owned())];
    let page = Fault::Status { code: 404, headers, body: "<html>no such site</html>".into() };
    let rules = [always("HEAD", "", page.clone()), always("GET", "", page)];
    let proxy = Proxy::start(&upstream(), rules).await;

    let error = registry(proxy.host()).find(&new_repository(), &tag("a")).await.unwrap_err();

    assert!(matches!(error, RegistryError::Unexpected { .. }), "{error}");
    assert!(error.to_string().contains("no such site"), "{error}");
}

#[tokio::test]
async fn a_page_in_the_registrys_place_is_not_an_image() {
    let headers = vec![("content-type", "text/html; charset=utf-8".to_owned())];
    let page = Fault::Status { code: 200, headers, body: "<html>please log in</html>".into() };
    let rules = [always("HEAD", "", page.clone()), always("GET", "", page)];
    let proxy = Proxy::start(&upstream(), rules).await;

    let error = registry(proxy.host()).find(&new_repository(), &tag("a")).await.unwrap_err();

    assert!(matches!(error, RegistryError::Malformed { .. }), "{error}");
}

#[tokio::test]
async fn a_registry_that_does_not_name_itself_is_asked_for_its_own_words() {
    let repository = new_repository();
    let digest = put(&repository, "1", &[tag("a")]).await;
    for (name, header, expected) in
        [("a", "docker-content-digest", Some(digest)), ("b", "docker-distribution-api-version", None)]
    {
        let rules = ["HEAD", "GET"].map(|method| always(method, "", Fault::Without(header)));
        let proxy = Proxy::start(&upstream(), rules).await;

        let found = registry(proxy.host()).find(&repository, &tag(name)).await.unwrap();

        assert_eq!(found, expected, "without {header}");
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_is_asked_for_again() {
    let repository = new_repository();
    put(&repository, "a document of some length", &[tag("a")]).await;
    let proxy = Proxy::start(&upstream(), [first(2, "GET", "/blobs/", Fault::Cut(5))]).await;

    let content = registry(proxy.host()).artifact(&repository, &tag("a")).await.unwrap();

    assert_eq!(content.as_deref(), Some(&b"a document of some length"[..]));
}

#[tokio::test]
async fn an_answer_that_is_always_cut_is_an_error() {
    let repository = new_repository();
    put(&repository, "a document of some length", &[tag("a")]).await;
    let proxy = Proxy::start(&upstream(), [always("GET", "/blobs/", Fault::Cut(5))]).await;

    let error = registry(proxy.host()).artifact(&repository, &tag("a")).await.unwrap_err();

    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn content_that_is_not_what_its_digest_says_is_an_error() {
    let repository = new_repository();
    let digest = put(&repository, "1", &[tag("a")]).await;
    for path in ["/blobs/", "/manifests/a"] {
        let proxy = Proxy::start(&upstream(), [always("GET", path, Fault::Alter)]).await;

        let error = registry(proxy.host()).artifact(&repository, &tag("a")).await.unwrap_err();

        assert!(matches!(error, RegistryError::DigestMismatch { .. }), "{path}: {error}");
    }
    let proxy = Proxy::start(&upstream(), [always("GET", "/manifests/sha256", Fault::Alter)]).await;

    let error = registry(proxy.host()).tag(&repository, &digest, &[tag("b")]).await.unwrap_err();

    assert!(matches!(error, RegistryError::DigestMismatch { .. }), "{error}");
}

#[tokio::test]
async fn an_upload_that_fails_is_begun_anew() {
    let rules = [first(1, "POST", "", Fault::status(503)), first(1, "PUT", "/blobs/", Fault::Refuse)];
    let proxy = Proxy::start(&upstream(), rules).await;
    let (registry, repository) = (registry(proxy.host()), new_repository());

    let content = bytes::Bytes::from_static(b"1");
    registry.put_artifact(&repository, crate::registry::TYPE, content.clone(), &[tag("a")]).await.unwrap();

    assert_eq!(registry.artifact(&repository, &tag("a")).await.unwrap(), Some(content));
}

#[tokio::test]
async fn a_slow_answer_is_waited_for_and_silence_is_not() {
    let repository = new_repository();
    let digest = put(&repository, "1", &[tag("a")]).await;
    let slow = first(1, "HEAD", "", Fault::Delay(Duration::from_millis(300)));
    let proxy = Proxy::start(&upstream(), [slow]).await;
    assert_eq!(registry(proxy.host()).find(&repository, &tag("a")).await.unwrap(), Some(digest));
    let proxy = Proxy::start(&upstream(), [always("HEAD", "", Fault::Silence)]).await;
    let retry_policy = RetryPolicy { idle: Duration::from_millis(100), tries: 2, ..HURRIED };
    let registry = registry_with(proxy.host(), CredentialsSource::Known(credentials()), retry_policy);

    let error = registry.find(&repository, &tag("a")).await.unwrap_err();

    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
    assert_eq!(proxy.record().len(), 2);
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_an_error_that_names_it() {
    let registry = registry_with("127.0.0.1:1", CredentialsSource::Nobody, HURRIED);

    let error = registry.find(&"api".parse().unwrap(), &tag("a")).await.unwrap_err();

    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("127.0.0.1:1/api:a"), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}
