//! What is said of images is found, and goes with them, whoever keeps the list of it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use chinampa::internals::model::{AttestationKind, ManifestDigest};
use chinampa::internals::registry::copy::{self, Endpoint};
use chinampa::internals::registry::{Attestation, AttestationDocument, OciRegistry};
use serde_json::{Value, json};

use crate::registry::promotion::{other, other_registry};
use crate::registry::{HURRIED, image, new_repository, registry, registry_with, upstream};
use crate::support::memory_registry::{Kind, MemoryRegistry, Nature, Trouble, content::digest_of};

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

fn provenance(content: &'static str) -> AttestationDocument {
    AttestationDocument {
        artifact_type: "application/vnd.in-toto+json",
        predicate_type: Some("https://slsa.dev/provenance/v1"),
        annotations: BTreeMap::new(),
        content: Bytes::from_static(content.as_bytes()),
    }
}

fn sbom() -> AttestationDocument {
    AttestationDocument {
        artifact_type: "application/spdx+json",
        predicate_type: None,
        annotations: [("dev.chinampa.manifest".to_owned(), "x".to_owned())].into(),
        content: Bytes::from_static(b"{\"spdxVersion\": \"SPDX-2.3\"}"),
    }
}

fn client(registry: &MemoryRegistry) -> OciRegistry {
    registry_with(&registry.host, chinampa::internals::registry::CredentialsSource::Nobody, HURRIED)
}

fn kinds(found: &BTreeSet<Attestation>) -> Vec<AttestationKind> {
    found.iter().map(|attestation| attestation.kind).collect()
}

async fn promote(from: &OciRegistry, to: &OciRegistry, digest: &ManifestDigest) {
    let name = "api".parse().unwrap();
    let (source, target) = (Endpoint::new(from, &name).unwrap(), Endpoint::new(to, &name).unwrap());
    copy::image(&source, &target, digest).await.unwrap();
}

/// What cosign stores of an image: each layer is a signature.
fn cosign(registry: &MemoryRegistry, subject: &ManifestDigest, suffix: &str, layers: &[&str]) -> String {
    let mut content = registry.content();
    let mut blob = |text: &str, media_type: &str| {
        let digest = content.put_blob("api", text.to_owned().into());
        json!({ "mediaType": media_type, "digest": digest, "size": text.len() })
    };
    let manifest = json!({
        "schemaVersion": 2, "mediaType": IMAGE,
        "config": blob("{}", "application/vnd.oci.image.config.v1+json"),
        "layers": layers.iter().map(|it| blob(it, "application/vnd.dev.cosign.simplesigning.v1+json")).collect::<Vec<_>>(),
    })
    .to_string();
    let digest = digest_of(manifest.as_bytes());
    let tag = format!("{}.{suffix}", subject.to_string().replace(':', "-"));
    content.put_manifest("api", &tag, IMAGE, manifest.into()).unwrap();
    digest
}

fn tagged(registry: &MemoryRegistry, subject: &ManifestDigest, suffix: &str) -> Option<String> {
    let tag = format!("{}.{suffix}", subject.to_string().replace(':', "-"));
    registry.content().manifest("api", &tag).map(|(_, digest, _)| digest)
}

#[tokio::test]
async fn an_attestation_is_found_and_goes_with_its_image_whoever_keeps_the_list() {
    for (from_lists, to_lists) in [(true, true), (true, false), (false, true), (false, false)] {
        let nature = |lists: bool| Nature { lacks_referrers: !lists, ..Nature::default() };
        let (from, to) =
            (MemoryRegistry::start(nature(from_lists)).await, MemoryRegistry::start(nature(to_lists)).await);
        let image: ManifestDigest = from.content().put_image("api", &["one"]).parse().unwrap();
        let (source, target, name) = (client(&from), client(&to), "api".parse().unwrap());
        source.attest(&name, &image, &provenance("{}")).await.unwrap();
        source.attest(&name, &image, &sbom()).await.unwrap();

        promote(&source, &target, &image).await;

        let case = format!("source lists: {from_lists}, target lists: {to_lists}");
        let found = target.attestations(&name, &image).await.unwrap();
        assert_eq!(kinds(&found), [AttestationKind::Provenance, AttestationKind::Sbom], "{case}");
        assert_eq!(found, source.attestations(&name, &image).await.unwrap(), "{case}");
    }
}

#[tokio::test]
async fn an_attestation_in_a_registry_without_a_list_is_listed_as_the_specification_says() {
    let (repository, registry) = (new_repository(), registry(&upstream()));
    let made = image::push(&repository, &[10]).await;

    let digest = registry.attest(&repository, &made.digest, &provenance("{\"a\": 1}")).await.unwrap();

    let tag = made.digest.to_string().replace(':', "-").parse().unwrap();
    let found = registry.attestations(&repository, &made.digest).await.unwrap();
    assert_eq!(found, [Attestation { kind: AttestationKind::Provenance, digest }].into());
    let listed = chinampa::internals::registry::Registry::find(&registry, &repository, &tag).await.unwrap();
    let list = registry.listed_manifests(&repository, &listed.unwrap()).await.unwrap();
    assert_eq!(list, [digest]);
    let there = other_registry(&other());
    let (from, to) =
        (Endpoint::new(&registry, &repository).unwrap(), Endpoint::new(&there, &repository).unwrap());
    copy::image(&from, &to, &made.digest).await.unwrap();
    assert_eq!(there.attestations(&repository, &made.digest).await.unwrap(), found);
}

#[tokio::test]
async fn what_cosign_stores_under_tags_goes_with_the_image() {
    let (from, to) =
        (MemoryRegistry::start(Nature::default()).await, MemoryRegistry::start(Nature::default()).await);
    let image: ManifestDigest = from.content().put_image("api", &["one"]).parse().unwrap();
    let (source, target, name) = (client(&from), client(&to), "api".parse().unwrap());
    let first = cosign(&from, &image, "sig", &["signature"]);

    promote(&source, &target, &image).await;
    assert_eq!(tagged(&to, &image, "sig"), Some(first.clone()));
    assert_eq!(kinds(&target.attestations(&name, &image).await.unwrap()), [AttestationKind::Signature]);
    // One more signature replaces what is there, which it contains.
    let second = cosign(&from, &image, "sig", &["signature", "another"]);
    promote(&source, &target, &image).await;
    assert_eq!(tagged(&to, &image, "sig"), Some(second));
    // A signature that only the destination has is not lost.
    let own = cosign(&to, &image, "sig", &["of the destination"]);
    promote(&source, &target, &image).await;

    assert_eq!(tagged(&to, &image, "sig"), Some(own));
}

#[tokio::test]
async fn what_is_listed_and_not_there_is_no_attestation() {
    let nature = Nature { lacks_referrers: true, ..Nature::default() };
    let from = MemoryRegistry::start(nature).await;
    let image: ManifestDigest = from.content().put_image("api", &["one"]).parse().unwrap();
    let (source, name) = (client(&from), "api".parse().unwrap());
    let digest = source.attest(&name, &image, &provenance("{}")).await.unwrap();
    assert!(from.content().delete_manifest("api", &digest.to_string()));

    let found = client(&from).attestations(&name, &image).await.unwrap();

    assert_eq!(found, BTreeSet::new());
}

#[tokio::test]
async fn a_list_that_can_not_be_read_is_an_error_and_not_empty() {
    let from = MemoryRegistry::start(Nature::default()).await;
    let image: ManifestDigest = from.content().put_image("api", &["one"]).parse().unwrap();
    from.trouble(Kind::Referrers, Trouble::Status(500), usize::MAX);

    let error = client(&from).attestations(&"api".parse().unwrap(), &image).await.unwrap_err();

    assert!(error.is_temporary(), "{error}");
}

#[tokio::test]
async fn each_attestation_is_listed_behind_those_of_others() {
    let nature = Nature { lacks_referrers: true, ..Nature::default() };
    let from = MemoryRegistry::start(nature).await;
    let image: ManifestDigest = from.content().put_image("api", &["one"]).parse().unwrap();
    let name = "api".parse().unwrap();

    for content in ["1", "2", "3"] {
        client(&from).attest(&name, &image, &provenance(content)).await.unwrap();
    }

    let tag = image.to_string().replace(':', "-");
    let (_, _, list) = from.content().manifest("api", &tag).unwrap();
    let list: Value = serde_json::from_slice(&list).unwrap();
    let entries = list["manifests"].as_array().unwrap();
    assert_eq!(entries.len(), 3);
    for entry in entries {
        assert_eq!(entry["artifactType"], "application/vnd.in-toto+json");
        assert_eq!(entry["annotations"]["in-toto.io/predicate-type"], "https://slsa.dev/provenance/v1");
    }
}
