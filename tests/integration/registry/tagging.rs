//! Tags are written once, and what a registry limits is waited for or told.

use chinampa::internals::registry::{Registry, RegistryError};
use futures_util::stream::{self, StreamExt as _};

use crate::registry::{new_repository, put, registry, tag, upstream};
use crate::support::ecr_limits::EcrLimits;
use crate::support::proxy::{Fault, Proxy, Rule};

fn to_put(times: usize, path: &'static str, fault: Fault) -> Rule {
    Rule { method: "PUT", path, times, fault }
}

fn puts(proxy: &Proxy) -> usize {
    proxy.record().iter().filter(|passed| passed.method == "PUT").count()
}

// issue 17: A2
#[tokio::test]
async fn a_tag_that_stands_for_the_image_already_is_not_written_again() {
    let repository = new_repository();
    let digest = put(&repository, "1", &[tag("a")]).await;
    let proxy = Proxy::start(&upstream(), []).await;

    registry(proxy.host()).tag(&repository, &digest, &[tag("a"), tag("b")]).await.unwrap();

    let written = proxy.record().into_iter().filter(|passed| passed.method == "PUT");
    let written: Vec<String> = written.map(|passed| passed.path).collect();
    assert_eq!(written, [format!("/v2/{repository}/manifests/b")]);
}

#[tokio::test]
async fn a_tag_is_moved_where_the_registry_names_no_digest() {
    let repository = new_repository();
    put(&repository, "1", &[tag("a")]).await;
    let other = put(&repository, "2", &[tag("b")]).await;
    let rule =
        Rule { method: "HEAD", path: "", times: usize::MAX, fault: Fault::Without("docker-content-digest") };
    let proxy = Proxy::start(&upstream(), [rule]).await;

    registry(proxy.host()).tag(&repository, &other, &[tag("a")]).await.unwrap();

    assert_eq!(registry(&upstream()).find(&repository, &tag("a")).await.unwrap(), Some(other));
}

// issue 17: A13
#[tokio::test]
async fn a_repository_that_is_not_known_yet_is_written_to_again() {
    let repository = new_repository();
    let body = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"The repository does not exist"}]}"#.to_owned();
    let unknown = Fault::Status { code: 404, headers: Vec::new(), body };
    let post = Rule { method: "POST", path: "/blobs/uploads/", times: 1, fault: unknown };
    let proxy = Proxy::start(&upstream(), [post]).await;

    let content = bytes::Bytes::from_static(b"{}");
    let stored = registry(proxy.host()).put_artifact(&repository, "text/a", content, &[tag("a")]).await;

    assert_eq!(registry(&upstream()).find(&repository, &tag("a")).await.unwrap(), Some(stored.unwrap()));
}

// issue 17: A3
#[tokio::test]
async fn a_manifest_that_is_throttled_is_written_more_often_than_others_are_tried() {
    let repository = new_repository();
    let digest = put(&repository, "1", &[]).await;
    let proxy = Proxy::start(&upstream(), [to_put(2, "/manifests/", Fault::status(429))]).await;
    let registry = registry(proxy.host());
    // Each is throttled twice, and one try of all would not be enough.
    let tags: Vec<_> = (0..4).map(|number| tag(&format!("t{number}"))).collect();

    let tagged = tags.iter().map(|tag| registry.tag(&repository, &digest, std::slice::from_ref(tag)));
    let tagged = futures_util::future::join_all(tagged).await;

    assert!(tagged.iter().all(Result::is_ok), "{tagged:?}");
    assert_eq!(puts(&proxy), 6);
}

// issue 17: A3
#[tokio::test]
async fn many_tags_take_as_long_as_the_quota_asks_for() {
    let limits = EcrLimits::new(20.0, 1000);
    let repository = new_repository();
    let digest = put(&repository, "1", &[]).await;
    let proxy =
        Proxy::start(&upstream(), [to_put(usize::MAX, "/manifests/", Fault::Limits(limits.clone()))]).await;
    let registry = registry(proxy.host());
    let tags: Vec<_> = (0..300).map(|number| tag(&format!("t{number}"))).collect();

    let tagged = tags.iter().map(|tag| registry.tag(&repository, &digest, std::slice::from_ref(tag)));
    let tagged: Vec<Result<(), RegistryError>> = stream::iter(tagged).buffer_unordered(32).collect().await;

    assert!(tagged.iter().all(Result::is_ok), "{tagged:?}");
    let (puts, refused) = limits.taken();
    let span = puts[299] - puts[0];
    assert!(span.as_secs_f64() <= 1.3 * 300.0 / 20.0, "{span:?}, {refused} refused");
    assert!(refused <= 60, "{refused}");
}

// issue 17: A3
#[tokio::test]
async fn a_registry_that_accepts_nothing_is_given_up() {
    let repository = new_repository();
    let digest = put(&repository, "1", &[]).await;
    let proxy = Proxy::start(&upstream(), [to_put(usize::MAX, "/manifests/", Fault::status(429))]).await;

    let error = registry(proxy.host()).tag(&repository, &digest, &[tag("a")]).await.unwrap_err();

    assert!(matches!(error, RegistryError::Throttled { .. }), "{error}");
    assert!(puts(&proxy) > 5, "{:?}", proxy.lines());
}

/// What ECR was seen to answer on `/v2/`, in public reports.
// issue 17: A4
#[tokio::test]
async fn what_ecr_refuses_is_told_apart() {
    let limit = "Adding tag 'v1' to an image in the repository with name 'api' in registry with id '123456789012' exceeds \
        the maximum allowed number of tags per image which is '1000'";
    let images = "The repository with name 'api' in registry with id '123456789012' already has the maximum allowed number \
        of images which is '10000'";
    let taken = "The image tag 'v1' already exists in the 'api' repository and cannot be overwritten because the repository \
        is immutable.";
    let denied = "User: arn:aws:sts::123456789012:assumed-role/ci/x is not authorized to perform: ecr:PutImage on resource: \
        arn:aws:ecr:us-east-2:123456789012:repository/api because no identity-based policy allows it";
    for (status, code, message, expected, tries) in [
        (403, "DENIED", limit, "the registry keeps no more than that", 1),
        (403, "DENIED", images, "the registry keeps no more than that", 1),
        (403, "DENIED", denied, "access to", 1),
        (400, "TAG_INVALID", taken, "stands for another image, and its repository lets no tag be moved", 1),
        (400, "DIGEST_INVALID", "no", "the registry is in trouble", 5),
        (500, "UNKNOWN", "no", "the registry is in trouble", 5),
        (404, "NAME_UNKNOWN", "The repository with name 'api' does not exist", "unexpected answer", 1),
        (
            404,
            "MANIFEST_UNKNOWN",
            "Images with digests '[x]' required for pushing do not exist",
            "unexpected answer",
            1,
        ),
    ] {
        let repository = new_repository();
        let digest = put(&repository, "1", &[]).await;
        let body = serde_json::json!({ "errors": [{ "code": code, "message": message }] }).to_string();
        let fault = Fault::Status { code: status, headers: Vec::new(), body };
        let proxy = Proxy::start(&upstream(), [to_put(usize::MAX, "/manifests/", fault)]).await;

        let error = registry(proxy.host()).tag(&repository, &digest, &[tag("v1")]).await.unwrap_err();

        assert!(error.to_string().contains(expected), "{code}: {error}");
        assert!(error.to_string().contains(message), "{code}: {error}");
        assert_eq!(puts(&proxy), tries, "{code}: {:?}", proxy.lines());
    }
}
