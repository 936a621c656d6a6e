//! What copies of images share is sent once, what is there is not asked for, and what refers to an image goes with it.

use chinampa::internals::model::{ManifestDigest, RepositoryName};
use chinampa::internals::registry::copy::{Copied, Copies, Endpoint};
use chinampa::internals::registry::{CredentialsSource, OciRegistry, Registry};
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use crate::registry::{HURRIED, registry_with, tag};
use crate::support::memory_registry::{Kind, MemoryRegistry, Nature, Trouble, content::digest_of};

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn client(registry: &MemoryRegistry) -> OciRegistry {
    registry_with(&registry.host, CredentialsSource::Nobody, HURRIED)
}

fn name(name: &str) -> RepositoryName {
    name.parse().unwrap()
}

/// Puts an image of these layers there.
fn image(registry: &MemoryRegistry, repository: &str, layers: &[&str]) -> ManifestDigest {
    registry.content().put_image(repository, layers).parse().unwrap()
}

async fn copy(
    source: &OciRegistry,
    target: &OciRegistry,
    copies: &Copies,
    digest: &ManifestDigest,
) -> Copied {
    let source = Endpoint::new(source, &name("api")).unwrap();
    copies.copy(&source, &Endpoint::new(target, &name("api")).unwrap(), digest).await.unwrap()
}

#[tokio::test]
async fn a_layer_of_several_images_is_sent_once_and_mounted_by_the_others() {
    for (refusal, mounted) in [(None, true), (Some(404), false), (Some(202), false)] {
        let (from, to) =
            (MemoryRegistry::start(Nature::default()).await, MemoryRegistry::start(Nature::default()).await);
        let repositories: Vec<String> = (0..8).map(|number| format!("image-{number}")).collect();
        let digests: Vec<_> =
            repositories.iter().map(|it| image(&from, it, &["base", "runtime", it])).collect();
        if let Some(status) = refusal {
            to.trouble(Kind::Mount, Trouble::Status(status), usize::MAX);
        }
        let (source, target, copies) = (client(&from), client(&to), Copies::default());

        let copied = repositories.iter().zip(&digests).map(async |(repository, digest)| {
            let source = Endpoint::new(&source, &name(repository)).unwrap();
            copies.copy(&source, &Endpoint::new(&target, &name(repository)).unwrap(), digest).await
        });
        let copied = try_join_all(copied).await.unwrap();

        // Two that all have, and of each image a layer and the configuration.
        let (distinct, all) = (2 + 8 * 2, 8 * 4);
        let sent: usize = copied.iter().map(|copied| copied.blobs_sent).sum();
        let by_mount: usize = copied.iter().map(|copied| copied.blobs_mounted).sum();
        assert_eq!((sent, by_mount), if mounted { (distinct, all - distinct) } else { (all, 0) });
        assert_eq!(to.count(Kind::PutBlob), sent);
        for (repository, digest) in repositories.iter().zip(&digests) {
            assert!(to.content().manifest(repository, &digest.to_string()).is_some(), "{repository}");
        }
    }
}

#[tokio::test]
async fn nothing_is_asked_about_the_blobs_of_a_manifest_that_is_there() {
    let (from, to) =
        (MemoryRegistry::start(Nature::default()).await, MemoryRegistry::start(Nature::default()).await);
    let digest = image(&from, "api", &["one", "two"]);
    copy(&client(&from), &client(&to), &Copies::default(), &digest).await;
    from.forget();
    to.forget();

    let copied = copy(&client(&from), &client(&to), &Copies::default(), &digest).await;

    assert_eq!(copied, Copied::default());
    assert_eq!(to.lines(), [format!("HEAD /v2/api/manifests/{digest}")]);
    // Cosign's tags are asked for at once, in no order.
    let mut asked = from.lines();
    asked.sort();
    let tag = digest.to_string().replace(':', "-");
    let of_cosign = ["att", "sbom", "sig"].map(|suffix| format!("HEAD /v2/api/manifests/{tag}.{suffix}"));
    let referrers = format!("GET /v2/api/referrers/{digest}");
    assert_eq!(asked, [&[referrers][..], &of_cosign].concat());
}

#[tokio::test]
async fn of_an_index_only_the_images_that_are_not_there_are_copied() {
    let (from, to) =
        (MemoryRegistry::start(Nature::default()).await, MemoryRegistry::start(Nature::default()).await);
    let [there, new] = [["one"], ["two"]].map(|layers| image(&from, "api", &layers));
    let platforms = ["linux/amd64", "linux/arm64"].map(|platform| platform.parse().unwrap());
    let images: Vec<_> = platforms.into_iter().zip([there, new]).collect();
    let (source, target) = (client(&from), client(&to));
    let index = source.put_index(&name("api"), &images).await.unwrap();
    copy(&source, &target, &Copies::default(), &there).await;
    to.forget();

    let copied = copy(&source, &target, &Copies::default(), &index).await;

    assert_eq!((copied.manifests_sent, copied.blobs_sent, copied.blobs_skipped), (2, 2, 0));
    assert_eq!(to.count(Kind::FindBlob), 2, "{:?}", to.lines());
}

#[tokio::test]
async fn a_tag_on_what_was_just_copied_is_one_request() {
    let (from, to) =
        (MemoryRegistry::start(Nature::default()).await, MemoryRegistry::start(Nature::default()).await);
    let digest = image(&from, "api", &["one"]);
    let target = client(&to);
    copy(&client(&from), &target, &Copies::default(), &digest).await;
    to.forget();

    target.tag(&name("api"), &digest, &[tag("v1")]).await.unwrap();

    assert_eq!(to.lines(), ["PUT /v2/api/manifests/v1"]);
}

/// Puts an artifact there that refers to `subject`, and lists it where the registry does not.
fn refer(registry: &MemoryRegistry, lists: bool, subject: &str, content: &str) -> String {
    let mut repository = registry.content();
    let blob = repository.put_blob("api", content.to_owned().into());
    let blob = json!({ "mediaType": "application/x", "digest": blob, "size": content.len() });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": IMAGE, "artifactType": "application/x", "config": blob, "layers": [blob],
        "subject": { "mediaType": IMAGE, "digest": subject, "size": 1 },
    })
    .to_string();
    let digest = digest_of(manifest.as_bytes());
    let entry = json!({ "mediaType": IMAGE, "digest": digest, "size": manifest.len() });
    repository.put_manifest("api", &digest, IMAGE, manifest.into()).unwrap();
    if !lists {
        let tag = subject.replace(':', "-");
        let list = repository.manifest("api", &tag).map(|(_, _, bytes)| bytes);
        let mut index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] });
        if let Some(list) = list {
            index = serde_json::from_slice(&list).unwrap();
        }
        index["manifests"].as_array_mut().unwrap().push(entry);
        repository.put_manifest("api", &tag, INDEX, index.to_string().into()).unwrap();
    }
    digest
}

/// The digests that the registry, or else the tag for that, lists.
fn referrers(registry: &MemoryRegistry, lists: bool, subject: &str) -> Vec<String> {
    let content = registry.content();
    let list = match lists {
        true => Some(content.referrers("api", subject)),
        false => content.manifest("api", &subject.replace(':', "-")).map(|(_, _, bytes)| bytes),
    };
    let list: Value = list.map(|list| serde_json::from_slice(&list).unwrap()).unwrap_or_default();
    let mut digests: Vec<String> = list["manifests"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| entry["digest"].as_str().unwrap().to_owned())
        .collect();
    digests.sort();
    digests
}

#[tokio::test]
async fn what_refers_to_an_image_goes_with_it_whoever_keeps_the_list() {
    for (from_lists, to_lists) in [(true, true), (true, false), (false, true), (false, false)] {
        let nature = |lists: bool| Nature { lacks_referrers: !lists, ..Nature::default() };
        let (from, to) =
            (MemoryRegistry::start(nature(from_lists)).await, MemoryRegistry::start(nature(to_lists)).await);
        let image = image(&from, "api", &["one"]);
        let subject = image.to_string();
        let list = refer(&from, from_lists, &subject, "materials");
        let signature = refer(&from, from_lists, &list, "signature of materials");
        copy(&client(&from), &client(&to), &Copies::default(), &image).await;
        let later = refer(&from, from_lists, &subject, "signature");

        copy(&client(&from), &client(&to), &Copies::default(), &image).await;

        let mut of_image = [list.clone(), later];
        of_image.sort();
        let case = format!("source lists: {from_lists}, target lists: {to_lists}");
        assert_eq!(referrers(&to, to_lists, &subject), of_image, "{case}");
        assert_eq!(referrers(&to, to_lists, &list), [signature], "{case}");
        for digest in referrers(&to, to_lists, &subject) {
            assert!(to.content().manifest("api", &digest).is_some(), "{case}");
        }
    }
}

#[tokio::test]
async fn a_referrer_that_was_deleted_and_is_still_listed_is_passed_over() {
    let nature = Nature { lacks_referrers: true, ..Nature::default() };
    let (from, to) = (MemoryRegistry::start(nature).await, MemoryRegistry::start(nature).await);
    let image = image(&from, "api", &["one"]);
    let deleted = refer(&from, false, &image.to_string(), "deleted");
    let kept = refer(&from, false, &image.to_string(), "kept");
    assert!(from.content().delete_manifest("api", &deleted));

    copy(&client(&from), &client(&to), &Copies::default(), &image).await;

    assert_eq!(referrers(&to, false, &image.to_string()), [kept]);
}
