//! Each kind of request of a promotion and of a push meets each kind of trouble once, and all is whole at the end.

use std::time::Duration;

use bytes::Bytes;
use chinampa::internals::model::{ManifestDigest, RepositoryName};
use chinampa::internals::registry::copy::{self, Copied, Endpoint};
use chinampa::internals::registry::{CredentialsSource, OciRegistry, Registry, RegistryError, RetryPolicy};

use crate::registry::{HURRIED, TYPE, registry_with, tag};
use crate::support::memory_registry::{Access, Kind, MemoryRegistry, Nature, Trouble};

const LOCKED: Nature = Nature { latency: Duration::ZERO, access: Access::Token, lacks_referrers: false };

/// What may happen to any request, and passes.
const PASSING: [Trouble; 6] = [
    Trouble::TokensExpired,
    Trouble::Status(429),
    Trouble::Status(500),
    Trouble::Status(503),
    Trouble::Reset,
    Trouble::LostAnswer,
];

/// What may happen to a request of this kind, and passes.
fn passing(kind: Kind) -> Vec<Trouble> {
    let own: &[Trouble] = match kind {
        Kind::Token | Kind::GetManifest | Kind::GetBlob | Kind::Referrers | Kind::Tags => &[Trouble::CutBody],
        Kind::PutBlob => &[Trouble::Status(404)],
        Kind::PutManifest => &[Trouble::NothingDone, Trouble::DigestInvalid],
        Kind::PutTag => &[Trouble::DigestInvalid],
        _ => &[],
    };
    // A token service has no tokens that it could refuse.
    let of_all = PASSING.iter().filter(|trouble| kind != Kind::Token || **trouble != Trouble::TokensExpired);
    of_all.chain(own).copied().collect()
}

fn client(registry: &MemoryRegistry) -> OciRegistry {
    registry_with(&registry.host, CredentialsSource::Nobody, HURRIED)
}

fn name(name: &str) -> RepositoryName {
    name.parse().unwrap()
}

fn image(registry: &MemoryRegistry, repository: &str) -> ManifestDigest {
    registry.content().put_image(repository, &["one", "two"]).parse().unwrap()
}

/// Copies an image and tags it `v1`.
async fn promote(
    from: (&MemoryRegistry, &str),
    to: (&MemoryRegistry, &str),
    digest: &ManifestDigest,
) -> Result<Copied, RegistryError> {
    let (source, destination) = (client(from.0), client(to.0));
    let source = Endpoint::new(&source, &name(from.1)).unwrap();
    let copied = copy::image(&source, &Endpoint::new(&destination, &name(to.1)).unwrap(), digest).await?;
    destination.tag(&name(to.1), digest, &[tag("v1")]).await?;
    Ok(copied)
}

/// What `v1` stands for. The registry takes no manifest without all that it names.
fn tagged(registry: &MemoryRegistry, repository: &str) -> Option<String> {
    registry.content().manifest(repository, "v1").map(|(_, digest, _)| digest)
}

#[tokio::test]
async fn a_promotion_ends_whole_whatever_happens_once_to_a_request_of_it() {
    let of_source = [Kind::Token, Kind::GetManifest, Kind::GetBlob].map(|kind| (true, kind));
    let of_destination = [
        Kind::Token,
        Kind::FindManifest,
        Kind::FindBlob,
        Kind::OpenUpload,
        Kind::PutBlob,
        Kind::PutManifest,
        Kind::PutTag,
    ];
    for (is_source, kind) in of_source.into_iter().chain(of_destination.map(|kind| (false, kind))) {
        for trouble in passing(kind) {
            let case =
                format!("{kind:?} of the {}: {trouble:?}", if is_source { "source" } else { "target" });
            let (source, target) = (MemoryRegistry::start(LOCKED).await, MemoryRegistry::start(LOCKED).await);
            let digest = image(&source, "api");
            let troubled = if is_source { &source } else { &target };
            troubled.trouble(kind, trouble, 1);

            let copied = promote((&source, "api"), (&target, "api"), &digest).await;

            copied.unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!(tagged(&target, "api"), Some(digest.to_string()), "{case}");
            assert!(troubled.is_out_of_trouble(), "{case} did not happen");
        }
    }
}

#[tokio::test]
async fn a_push_ends_whole_whatever_happens_once_to_a_request_of_it() {
    for kind in [
        Kind::Token,
        Kind::FindBlob,
        Kind::OpenUpload,
        Kind::PutBlob,
        Kind::PutManifest,
        Kind::FindManifest,
        Kind::GetManifest,
        Kind::PutTag,
    ] {
        for trouble in passing(kind) {
            let case = format!("{kind:?}: {trouble:?}");
            let memory = MemoryRegistry::start(LOCKED).await;
            let image = image(&memory, "api");
            memory.trouble(kind, trouble, 1);
            let registry = client(&memory);

            let pushed = async {
                let index =
                    registry.put_index(&name("api"), &[("linux/amd64".parse().unwrap(), image)]).await?;
                registry.tag(&name("api"), &index, &[tag("v1")]).await?;
                registry.put_artifact(&name("builds"), TYPE, Bytes::from_static(b"1"), &[tag("v1")]).await
            };
            let pushed = pushed.await.unwrap_or_else(|error| panic!("{case}: {error}"));

            assert!(tagged(&memory, "api").is_some(), "{case}");
            assert_eq!(tagged(&memory, "builds"), Some(pushed.to_string()), "{case}");
            assert!(memory.is_out_of_trouble(), "{case} did not happen");
        }
    }
}

#[tokio::test]
async fn a_mount_that_is_refused_in_whatever_way_is_an_upload() {
    for status in [202, 400, 401, 403, 404, 405] {
        let memory = MemoryRegistry::start(LOCKED).await;
        let digest = image(&memory, "cache/api");
        memory.trouble(Kind::Mount, Trouble::Status(status), usize::MAX);

        let copied = promote((&memory, "cache/api"), (&memory, "api"), &digest).await.unwrap();

        assert_eq!((copied.blobs_mounted, copied.blobs_sent), (0, 3), "{status}");
        assert_eq!(tagged(&memory, "api"), Some(digest.to_string()), "{status}");
    }
    for trouble in PASSING {
        let memory = MemoryRegistry::start(LOCKED).await;
        let digest = image(&memory, "cache/api");
        memory.trouble(Kind::Mount, trouble, 1);

        promote((&memory, "cache/api"), (&memory, "api"), &digest).await.unwrap();

        assert_eq!(memory.count(Kind::PutBlob), 0, "{trouble:?}: {:?}", memory.lines());
        assert_eq!(tagged(&memory, "api"), Some(digest.to_string()), "{trouble:?}");
    }
}

#[tokio::test]
async fn nothing_is_tagged_that_a_registry_only_says_it_has_stored() {
    let (source, target) = (MemoryRegistry::start(LOCKED).await, MemoryRegistry::start(LOCKED).await);
    let digest = image(&source, "api");
    target.trouble(Kind::PutManifest, Trouble::NothingDone, usize::MAX);
    let registry = client(&target);

    let promoted = promote((&source, "api"), (&target, "api"), &digest).await;
    let tags_of_promotion = target.count(Kind::PutTag);
    // A document is stored under its first tag.
    target.trouble(Kind::PutTag, Trouble::NothingDone, usize::MAX);
    let tags = [tag("v1"), tag("v2")];
    let stored = registry.put_artifact(&name("builds"), TYPE, Bytes::from_static(b"1"), &tags).await;

    for error in [promoted.unwrap_err(), stored.unwrap_err()] {
        assert!(matches!(error, RegistryError::NotStored { .. }), "{error}");
    }
    assert_eq!(tags_of_promotion, 0, "{:?}", target.lines());
    assert!(target.lines().iter().all(|line| !line.ends_with("/v2")), "{:?}", target.lines());
}

#[tokio::test]
async fn new_credentials_for_an_upload_are_tried_once() {
    let (source, target) = (MemoryRegistry::start(LOCKED).await, MemoryRegistry::start(LOCKED).await);
    let digest = source.content().put_image("api", &[]).parse().unwrap();
    target.trouble(Kind::PutBlob, Trouble::TokensExpired, usize::MAX);

    let error = promote((&source, "api"), (&target, "api"), &digest).await.unwrap_err();

    assert!(matches!(error, RegistryError::Renewed { .. }), "{error}");
    assert_eq!(target.count(Kind::PutBlob), 2, "{:?}", target.lines());
}

#[tokio::test]
async fn an_answer_that_drips_is_given_up() {
    let content = "x".repeat(10_000);
    let impatient = RetryPolicy { idle: Duration::from_millis(200), tries: 2, ..HURRIED };
    for kind in [Kind::GetManifest, Kind::GetBlob] {
        let (from, to) =
            (MemoryRegistry::start(Nature::default()).await, MemoryRegistry::start(Nature::default()).await);
        let digest = from.content().put_image("api", &[&content]).parse().unwrap();
        from.trouble(kind, Trouble::Drip(Duration::from_millis(10)), usize::MAX);
        let source = registry_with(&from.host, CredentialsSource::Nobody, impatient);
        let target = client(&to);

        let source = Endpoint::new(&source, &name("api")).unwrap();
        let copied = copy::image(&source, &Endpoint::new(&target, &name("api")).unwrap(), &digest).await;

        let error = copied.unwrap_err();
        assert!(matches!(error, RegistryError::TooSlow { .. }), "{kind:?}: {error}");
        assert!(error.to_string().contains("the answer comes too slowly"), "{error}");
        assert_eq!(to.count(Kind::PutManifest), 0, "{:?}", to.lines());
    }
}
