//! Attestations of images: which there are, and how one is stored (OCI image specification, `subject`).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::future::try_join;
use serde_json::Value;

use super::manifest::{EMPTY, Manifest};
use super::referrers::Referrer;
use super::{MAX_ARTIFACT_BYTES, OciRegistry, RegistryError};
use crate::model::{AttestationKind, ImageRef, ManifestDigest, RepositoryName, Tag};

/// The ends of the tags under which cosign stores signatures, attestations and SBOMs.
pub(super) const COSIGN_SUFFIXES: [&str; 3] = ["sig", "att", "sbom"];

/// The annotation that says which predicate a statement has, as BuildKit writes it.
const PREDICATE_TYPE: &str = "in-toto.io/predicate-type";

/// The same in bundles of sigstore, and in what cosign stores under tags.
const PREDICATE_TYPES: [&str; 3] = [PREDICATE_TYPE, "dev.sigstore.bundle.predicateType", "predicateType"];

/// How often a list of referrers is written that others write at the same time.
const MAX_WRITES: usize = 3;

/// An artifact that says something of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attestation {
    pub kind: AttestationKind,
    /// Of the artifact's manifest.
    pub digest: ManifestDigest,
}

/// An attestation that is to be stored.
#[derive(Clone, Debug)]
pub struct AttestationDocument {
    /// The type of the artifact and of its one layer.
    pub artifact_type: &'static str,
    /// Of a statement in the form of in-toto.
    pub predicate_type: Option<&'static str>,
    /// Besides the predicate's type.
    pub annotations: BTreeMap<String, String>,
    pub content: Bytes,
}

impl OciRegistry {
    /// What is there that says something of an image: artifacts that refer to it, and what cosign stores under tags. What is
    /// listed and not there is left out.
    ///
    /// # Errors
    /// Any trouble: what can't be read is not absent.
    pub async fn attestations(
        &self,
        repository: &RepositoryName,
        subject: &ManifestDigest,
    ) -> Result<BTreeSet<Attestation>, RegistryError> {
        let (transport, repository) = (self.transport(), self.repository(repository));
        let mut found = BTreeSet::new();
        for referrer in transport.referrers(&repository, subject).await? {
            let manifest = transport.manifest(&repository.pinned(referrer.digest)).await?;
            let kinds = manifest.map(|manifest| kinds_of_referrer(&manifest, subject)).unwrap_or_default();
            found.extend(kinds.into_iter().map(|kind| Attestation { kind, digest: referrer.digest }));
        }
        for suffix in COSIGN_SUFFIXES {
            let tag = Tag::cosign(subject, suffix);
            let Some(manifest) = transport.manifest(&repository.tagged(tag)).await? else { continue };
            let digest = manifest.digest();
            let kinds = kinds_of_cosign(suffix, &manifest);
            found.extend(kinds.into_iter().map(|kind| Attestation { kind, digest }));
        }
        Ok(found)
    }

    /// The manifests that an index lists, in its order; none for what is no index.
    ///
    /// # Errors
    /// [`RegistryError::Missing`], and any trouble.
    pub async fn listed_manifests(
        &self,
        repository: &RepositoryName,
        digest: &ManifestDigest,
    ) -> Result<Vec<ManifestDigest>, RegistryError> {
        Ok(self.transport().known_manifest(&self.repository(repository), digest).await?.children())
    }

    /// Stores an attestation of an image that is there, under a tag of its own, and sees that it is listed.
    ///
    /// # Errors
    /// [`RegistryError::TooLarge`], [`RegistryError::Missing`] when the image isn't there, and any trouble.
    pub async fn attest(
        &self,
        repository: &RepositoryName,
        subject: &ManifestDigest,
        document: &AttestationDocument,
    ) -> Result<ManifestDigest, RegistryError> {
        let (transport, repository) = (self.transport(), self.repository(repository));
        let AttestationDocument { artifact_type, predicate_type, annotations, content } = document;
        if content.len() > MAX_ARTIFACT_BYTES {
            return Err(RegistryError::too_large(&repository, MAX_ARTIFACT_BYTES));
        }
        let mut annotations = annotations.clone();
        annotations.extend(predicate_type.map(|of| (PREDICATE_TYPE.to_owned(), of.to_owned())));
        let image = transport.known_manifest(&repository, subject).await?;
        let empty = Bytes::from_static(EMPTY);
        try_join(transport.put_blob(&repository, &empty), transport.put_blob(&repository, content)).await?;
        let manifest = Manifest::referrer(artifact_type, content, &image, &annotations);
        let tagged = repository.tagged(Tag::attestation(subject, &manifest.digest()));
        let digest = transport.store_manifest(&tagged, &manifest).await?;
        self.list(&repository, subject, &Referrer::of(&manifest, artifact_type, &annotations)).await?;
        Ok(digest)
    }

    /// Sees that a referrer is listed. Where the list is a tag that others write at the same time, it is written until it has
    /// the referrer.
    async fn list(
        &self,
        repository: &ImageRef,
        subject: &ManifestDigest,
        referrer: &Referrer,
    ) -> Result<(), RegistryError> {
        for _ in 0..MAX_WRITES {
            let there = self.transport().referrers(repository, subject).await?;
            if there.iter().any(|it| it.digest == referrer.digest) {
                return Ok(());
            }
            let new = std::slice::from_ref(referrer);
            if !self.transport().list_referrers(repository, subject, &there, new).await? {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// What an artifact says of the image that it refers to; nothing if it refers to another.
fn kinds_of_referrer(manifest: &Manifest, subject: &ManifestDigest) -> BTreeSet<AttestationKind> {
    let manifest: Value = serde_json::from_slice(&manifest.bytes).unwrap_or_default();
    if manifest["subject"]["digest"].as_str() != Some(subject.to_string().as_str()) {
        return BTreeSet::new();
    }
    // Without a type of its own, an artifact has that of its configuration (§ Guidelines for Artifact Usage).
    let artifact_type = manifest["artifactType"].as_str().filter(|it| !it.is_empty());
    let artifact_type =
        artifact_type.or_else(|| manifest["config"]["mediaType"].as_str()).unwrap_or_default();
    match artifact_type {
        "application/vnd.cncf.notary.signature" | "application/vnd.dev.cosign.artifact.sig.v1+json" => {
            [AttestationKind::Signature].into()
        }
        "application/spdx+json"
        | "application/vnd.cyclonedx+json"
        | "application/vnd.cyclonedx+xml"
        | "application/vnd.syft+json"
        | "application/vnd.dev.cosign.artifact.sbom.v1+json"
        | "text/spdx" => [AttestationKind::Sbom].into(),
        "application/vnd.in-toto+json" => kinds_of_predicates(&manifest),
        bundle if bundle.starts_with("application/vnd.dev.sigstore.bundle") => kinds_of_bundle(&manifest),
        _ => BTreeSet::new(),
    }
}

/// A bundle of sigstore without a predicate is a signature.
fn kinds_of_bundle(manifest: &Value) -> BTreeSet<AttestationKind> {
    let predicate = manifest["annotations"]["dev.sigstore.bundle.predicateType"].as_str();
    match predicate {
        None => [AttestationKind::Signature].into(),
        Some(_) => kinds_of_predicates(manifest),
    }
}

/// What cosign stores under a tag: several layers, each of them a signature or an attestation.
fn kinds_of_cosign(suffix: &str, manifest: &Manifest) -> BTreeSet<AttestationKind> {
    match suffix {
        "sig" if !manifest.layers().is_empty() => [AttestationKind::Signature].into(),
        "sbom" if !manifest.layers().is_empty() => [AttestationKind::Sbom].into(),
        "att" => kinds_of_predicates(&serde_json::from_slice(&manifest.bytes).unwrap_or_default()),
        _ => BTreeSet::new(),
    }
}

/// What the predicates are about that a manifest, or its layers, name.
fn kinds_of_predicates(manifest: &Value) -> BTreeSet<AttestationKind> {
    let layers = manifest["layers"].as_array().into_iter().flatten();
    let annotations = layers.chain([manifest]).map(|it| &it["annotations"]);
    let named = annotations.flat_map(|of| PREDICATE_TYPES.map(|key| of[key].as_str())).flatten();
    named.filter_map(kind_of_predicate).collect()
}

fn kind_of_predicate(predicate_type: &str) -> Option<AttestationKind> {
    let begins = |with: &str| predicate_type.starts_with(with);
    if begins("https://slsa.dev/provenance/") {
        Some(AttestationKind::Provenance)
    } else if begins("https://spdx.dev/Document") || begins("https://cyclonedx.org/bom") {
        Some(AttestationKind::Sbom)
    } else if begins("https://sigstore.dev/cosign/sign/") {
        Some(AttestationKind::Signature)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest(value: &Value) -> Manifest {
        Manifest { bytes: value.to_string().into(), media_type: super::super::manifest::OCI_IMAGE.to_owned() }
    }

    fn subject() -> ManifestDigest {
        ManifestDigest::of(b"image")
    }

    fn named(artifact_type: &str, annotations: &Value) -> Vec<&'static str> {
        let referrer = json!({
            "artifactType": artifact_type, "annotations": annotations, "subject": { "digest": subject() },
        });
        let kinds = kinds_of_referrer(&manifest(&referrer), &subject());
        kinds.into_iter().map(AttestationKind::as_str).collect()
    }

    #[test]
    fn what_the_usual_programs_attach_is_recognised() {
        let in_toto = "application/vnd.in-toto+json";
        let bundle = "application/vnd.dev.sigstore.bundle.v0.3+json";
        for (artifact_type, annotations, expected) in [
            ("application/vnd.cncf.notary.signature", json!({}), "signature"),
            (bundle, json!({}), "signature"),
            (
                bundle,
                json!({ "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1" }),
                "signature",
            ),
            (
                bundle,
                json!({ "dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1" }),
                "provenance",
            ),
            (in_toto, json!({ PREDICATE_TYPE: "https://slsa.dev/provenance/v1" }), "provenance"),
            (in_toto, json!({ PREDICATE_TYPE: "https://spdx.dev/Document" }), "sbom"),
            ("application/spdx+json", json!({}), "sbom"),
            ("application/vnd.cyclonedx+json", json!({}), "sbom"),
        ] {
            assert_eq!(named(artifact_type, &annotations), [expected], "{artifact_type}");
        }
    }

    #[test]
    fn what_says_something_else_or_of_another_image_is_none() {
        let in_toto = "application/vnd.in-toto+json";
        assert!(named(in_toto, &json!({})).is_empty());
        assert!(named(in_toto, &json!({ PREDICATE_TYPE: "https://example.com/tests" })).is_empty());
        assert!(named("application/vnd.cncf.helm.config.v1+json", &json!({})).is_empty());
        let of_another = json!({
            "artifactType": "application/spdx+json", "subject": { "digest": ManifestDigest::of(b"other") },
        });

        assert!(kinds_of_referrer(&manifest(&of_another), &subject()).is_empty());
    }

    #[test]
    fn cosigns_tag_of_attestations_has_one_kind_for_each_of_its_layers() {
        let layer = |predicate: &str| json!({ "annotations": { "predicateType": predicate } });
        let att = json!({ "layers": [
            layer("https://slsa.dev/provenance/v0.2"), layer("https://cyclonedx.org/bom"), layer("other"),
        ] });

        let kinds = kinds_of_cosign("att", &manifest(&att));

        assert_eq!(kinds, [AttestationKind::Provenance, AttestationKind::Sbom].into());
        assert!(kinds_of_cosign("sig", &manifest(&json!({ "layers": [] }))).is_empty());
    }
}
