//! Images are copied byte for byte, nothing is sent twice, and nothing is named before it is there.

use chinampa::internals::model::{ManifestDigest, Platform, RepositoryName};
use chinampa::internals::registry::copy::{self, Copied, Endpoint};
use chinampa::internals::registry::{CredentialsSource, OciRegistry, Registry, RegistryError, RetryPolicy};

use crate::registry::image::{self, Made};
use crate::registry::{HURRIED, new_repository, other_credentials, registry, registry_with, tag, upstream};
use crate::support::bed;
use crate::support::proxy::{Fault, Proxy, Rule};

/// The bed's other registry.
pub(crate) fn other() -> String {
    bed::setting("REGISTRY_2")
}

/// The bed's other registry, seen through `host`.
pub(crate) fn other_registry(host: &str) -> OciRegistry {
    registry_with(host, CredentialsSource::Known(other_credentials()), HURRIED)
}

async fn copy(
    source: &dyn Registry,
    from: &RepositoryName,
    destination: &dyn Registry,
    to: &RepositoryName,
    digest: &ManifestDigest,
) -> Result<Copied, RegistryError> {
    let (source, destination) =
        (Endpoint::new(source, from).unwrap(), Endpoint::new(destination, to).unwrap());
    copy::image(&source, &destination, digest).await
}

/// An index of two images in the bed's first registry.
async fn index(repository: &RepositoryName) -> (ManifestDigest, Vec<Made>) {
    let images = [image::push(repository, &[10, 2000]).await, image::push(repository, &[300]).await];
    let platforms: [Platform; 2] = ["linux/amd64", "linux/arm64"].map(|platform| platform.parse().unwrap());
    let parts: Vec<_> = platforms.into_iter().zip(images.iter().map(|made| made.digest)).collect();
    let digest = registry(&upstream()).put_index(repository, &parts).await.unwrap();
    registry(&upstream()).tag(repository, &digest, &[tag("source")]).await.unwrap();
    (digest, images.into())
}

fn methods(proxy: &Proxy, method: &str, path: &str) -> usize {
    proxy.record().iter().filter(|passed| passed.method == method && passed.path.contains(path)).count()
}

fn always(method: &'static str, path: &'static str, fault: Fault) -> Rule {
    Rule { method, path, times: usize::MAX, fault }
}

fn first(times: usize, method: &'static str, path: &'static str, fault: Fault) -> Rule {
    Rule { method, path, times, fault }
}

#[tokio::test]
async fn an_image_has_the_same_digest_on_both_sides_and_a_second_copy_sends_nothing() {
    let repository = new_repository();
    let made = image::push(&repository, &[1, 70_000, 3_000_000]).await;
    let (source, destination) = (registry(&upstream()), other_registry(&other()));

    let copied = copy(&source, &repository, &destination, &repository, &made.digest).await.unwrap();
    destination.tag(&repository, &made.digest, &[tag("v1")]).await.unwrap();
    let again = copy(&source, &repository, &destination, &repository, &made.digest).await.unwrap();

    assert_eq!(destination.find(&repository, &tag("v1")).await.unwrap(), Some(made.digest));
    let expected = Copied { bytes_sent: made.bytes, blobs_sent: 4, manifests_sent: 1, ..Copied::default() };
    assert_eq!(copied, expected);
    assert_eq!(again, Copied::default());
}

#[tokio::test]
async fn an_index_goes_with_all_that_it_names_blobs_first_and_itself_last() {
    let repository = new_repository();
    let (digest, images) = index(&repository).await;
    let proxy = Proxy::start(&other(), []).await;
    let destination = other_registry(proxy.host());

    let copied = copy(&registry(&upstream()), &repository, &destination, &repository, &digest).await.unwrap();

    assert_eq!((copied.blobs_sent, copied.manifests_sent), (5, 3));
    let puts: Vec<_> = proxy.record().into_iter().filter(|passed| passed.method == "PUT").collect();
    let (blobs, manifests) = puts.split_at(puts.len() - 3);
    assert!(blobs.iter().all(|put| put.path.contains("/blobs/uploads/")), "{:?}", proxy.lines());
    assert!(manifests.iter().all(|put| put.path.contains("/manifests/sha256:")), "{:?}", proxy.lines());
    assert!(manifests[2].path.ends_with(&digest.to_string()));
    assert!(proxy.record().iter().all(|passed| !passed.path.ends_with("/source")), "no tag is written");
    for part in images.iter().map(|made| made.digest).chain([digest]) {
        destination.tag(&repository, &part, &[tag("check")]).await.unwrap();
        assert_eq!(destination.find(&repository, &tag("check")).await.unwrap(), Some(part));
    }
}

#[tokio::test]
async fn within_one_registry_blobs_are_mounted() {
    let (from, to) = (new_repository(), new_repository());
    let made = image::push(&from, &[10, 20]).await;
    let proxy = Proxy::start(&upstream(), []).await;
    let registry = registry(proxy.host());

    let copied = copy(&registry, &from, &registry, &to, &made.digest).await.unwrap();

    assert_eq!(copied, Copied { blobs_mounted: 3, manifests_sent: 1, ..Copied::default() });
    assert_eq!(methods(&proxy, "PUT", "/blobs/"), 0, "{:?}", proxy.lines());
    assert_eq!(methods(&proxy, "GET", "/blobs/"), 0, "{:?}", proxy.lines());
}

#[tokio::test]
async fn a_registry_that_would_rather_not_mount_gets_the_blobs() {
    let (from, to) = (new_repository(), new_repository());
    let made = image::push(&from, &[10]).await;
    let proxy = Proxy::start(&upstream(), [always("POST", "mount=", Fault::WithoutQuery)]).await;
    let registry = registry(proxy.host());

    let copied = copy(&registry, &from, &registry, &to, &made.digest).await.unwrap();

    assert_eq!((copied.blobs_mounted, copied.blobs_sent), (0, 2));
}

#[tokio::test]
async fn an_answer_that_is_cut_mid_blob_is_asked_for_again() {
    let repository = new_repository();
    let made = image::push(&repository, &[3_000_000]).await;
    let proxy = Proxy::start(&upstream(), [first(2, "GET", "/blobs/", Fault::Cut(1))]).await;

    let copied =
        copy(&registry(proxy.host()), &repository, &other_registry(&other()), &repository, &made.digest)
            .await;

    assert_eq!(copied.unwrap().bytes_sent, made.bytes);
}

#[tokio::test]
async fn what_was_interrupted_is_finished_without_sending_anything_twice() {
    let repository = new_repository();
    let made = image::push(&repository, &[5000; 8]).await;
    // At most five are under way, so some are finished before the seventh begins.
    let dies = [first(6, "PUT", "/blobs/", Fault::Pass), always("PUT", "", Fault::Refuse)];
    let proxy = Proxy::start(&other(), dies).await;
    let hasty = RetryPolicy { tries: 1, ..HURRIED };
    let broken = registry_with(proxy.host(), CredentialsSource::Known(other_credentials()), hasty);
    let source = registry(&upstream());
    let error = copy(&source, &repository, &broken, &repository, &made.digest).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
    let finished = proxy.record().iter().filter(|each| each.method == "PUT" && each.status == 201).count();

    let copied =
        copy(&source, &repository, &other_registry(&other()), &repository, &made.digest).await.unwrap();

    assert!(finished > 0, "{:?}", proxy.lines());
    assert!(copied.blobs_skipped >= finished, "{copied:?}");
    assert_eq!((copied.blobs_sent + copied.blobs_skipped, copied.manifests_sent), (9, 1));
}

#[tokio::test]
async fn retry_after_is_waited_for_on_both_sides() {
    let repository = new_repository();
    let made = image::push(&repository, &[]).await;
    let throttled =
        Fault::Status { code: 429, headers: vec![("retry-after", "1".into())], body: String::new() };
    let source = Proxy::start(&upstream(), [first(1, "GET", "/blobs/", throttled.clone())]).await;
    let destination = Proxy::start(&other(), [first(1, "PUT", "/manifests/", throttled)]).await;

    let (from, to) = (registry(source.host()), other_registry(destination.host()));
    copy(&from, &repository, &to, &repository, &made.digest).await.unwrap();

    for (proxy, method, path) in [(&source, "GET", "/blobs/"), (&destination, "PUT", "/manifests/")] {
        let times: Vec<_> = proxy
            .record()
            .into_iter()
            .filter(|each| each.method == method && each.path.contains(path))
            .map(|each| each.at)
            .collect();
        assert_eq!(times.len(), 2, "{:?}", proxy.lines());
        assert!(times[1] - times[0] >= std::time::Duration::from_secs(1), "{times:?}");
    }
}

#[tokio::test]
async fn content_that_is_not_what_its_digest_says_is_never_stored() {
    let repository = new_repository();
    let made = image::push(&repository, &[50_000]).await;
    for path in ["/blobs/", "/manifests/"] {
        let proxy = Proxy::start(&upstream(), [always("GET", path, Fault::Alter)]).await;
        let destination = Proxy::start(&other(), []).await;

        let (from, to) = (registry(proxy.host()), other_registry(destination.host()));
        let error = copy(&from, &repository, &to, &repository, &made.digest).await.unwrap_err();

        assert!(matches!(error, RegistryError::DigestMismatch { .. }), "{path}: {error}");
        assert_eq!(methods(&destination, "PUT", "/manifests/"), 0, "{:?}", destination.lines());
        assert!(destination.record().iter().all(|each| each.method != "PUT" || each.status != 201));
    }
}

#[tokio::test]
async fn a_registry_that_denies_or_stays_silent_is_an_error() {
    let repository = new_repository();
    let made = image::push(&repository, &[5000]).await;
    let retry_policy = RetryPolicy { idle: std::time::Duration::from_millis(300), tries: 2, ..HURRIED };
    for (method, fault, is_denied) in [
        ("HEAD", Fault::status(403), true),
        ("POST", Fault::status(403), true),
        ("PUT", Fault::status(401), true),
        ("PUT", Fault::Silence, false),
    ] {
        let proxy = Proxy::start(&other(), [always(method, "/blobs/", fault)]).await;
        let to = registry_with(proxy.host(), CredentialsSource::Known(other_credentials()), retry_policy);

        let error =
            copy(&registry(&upstream()), &repository, &to, &repository, &made.digest).await.unwrap_err();

        assert_eq!(matches!(error, RegistryError::Denied { .. }), is_denied, "{method}: {error}");
        assert_eq!(matches!(error, RegistryError::Unreachable { .. }), !is_denied, "{method}: {error}");
        assert_eq!(methods(&proxy, "PUT", "/manifests/"), 0, "{:?}", proxy.lines());
    }
}

#[tokio::test]
async fn layers_that_must_not_be_distributed_are_left_where_they_are() {
    let repository = new_repository();
    let made = image::push_with_foreign_layer(&repository).await;
    let source = Proxy::start(&upstream(), []).await;

    let (from, to) = (registry(source.host()), other_registry(&other()));
    let copied = copy(&from, &repository, &to, &repository, &made.digest).await;

    assert_eq!(copied.unwrap().blobs_sent, 1);
    assert_eq!(methods(&source, "GET", "/blobs/"), 1, "{:?}", source.lines());
}
