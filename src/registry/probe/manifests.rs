//! The kinds of documents that a registry keeps: images, indexes, artifacts, and what refers to an image.

use bytes::Bytes;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::super::RegistryError;
use super::super::authorization::Scope;
use super::super::http::read_body;
use super::super::manifest::{EMPTY, Manifest, OCI_IMAGE};
use super::Prober;
use super::finding::{Capability, Finding, Outcome, outcome};
use crate::model::{ManifestDigest, Tag};

const ARTIFACT_TYPE: &str = "application/vnd.chinampa.probe.v1";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";

/// The specification asks registries for lists of at most 4 MiB.
const MAX_LIST_BYTES: usize = 4 << 20;

/// An image that was written, if it was.
pub(super) struct Stored {
    pub(super) finding: Finding,
    pub(super) manifest: Option<Manifest>,
}

impl Prober<'_> {
    /// A tag that no earlier run has written.
    pub(super) fn tag(&self, what: &str) -> Tag {
        format!("probe-{}-{what}", self.run).parse().expect("letters, digits and hyphens are a tag")
    }

    /// An image with one layer, under a tag.
    pub(super) async fn image(&mut self, layer: &Bytes) -> Stored {
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": { "Labels": { "dev.chinampa.probe": self.run } },
            "rootfs": { "type": "layers", "diff_ids": [ManifestDigest::of(layer)] },
        });
        let config = Bytes::from(config.to_string());
        if let Err(error) = self.transport.send_blob(&self.repository, &config).await {
            return Stored { finding: Finding::of_error(&error), manifest: None };
        }
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_IMAGE,
            "config": descriptor(CONFIG_TYPE, &config),
            "layers": [descriptor(LAYER_TYPE, layer)],
        });
        let manifest = Manifest { bytes: manifest.to_string().into(), media_type: OCI_IMAGE.to_owned() };
        let finding = self.put_manifest(&self.repository.tagged(self.tag("image")), &manifest).await;
        let manifest = finding.is_yes().then_some(manifest);
        Stored { finding, manifest }
    }

    pub(super) async fn index(&mut self, image: &Stored) -> Finding {
        let Some(manifest) = &image.manifest else { return Finding::needs(Capability::Image) };
        let platform = "linux/amd64".parse().expect("it is a platform");
        let index = Manifest::index(&[(platform, manifest.clone())]);
        self.put_manifest(&self.repository.tagged(self.tag("index")), &index).await
    }

    /// A document with `artifactType` and the empty configuration.
    pub(super) async fn artifact(&mut self, layer: &Bytes) -> Finding {
        match self.artifact_manifest(layer, None).await {
            Ok(manifest) => self.put_manifest(&self.repository.tagged(self.tag("artifact")), &manifest).await,
            Err(error) => Finding::of_error(&error),
        }
    }

    /// Whether the registry keeps what refers to an image, and whether it lists that.
    pub(super) async fn referrers(&mut self, layer: &Bytes, image: &Stored) -> (Finding, Finding) {
        let Some(subject) = &image.manifest else {
            return (Finding::needs(Capability::Image), Finding::needs(Capability::Image));
        };
        let referrer = match self.artifact_manifest(layer, Some(subject)).await {
            Ok(manifest) => manifest,
            Err(error) => return (Finding::of_error(&error), Finding::of_error(&error)),
        };
        let pinned = self.repository.pinned(referrer.digest());
        let request = self
            .transport
            .client()
            .put(self.transport.manifest_url(&pinned))
            .header(reqwest::header::CONTENT_TYPE, &referrer.media_type)
            .body(referrer.bytes.clone());
        let answered = self.transport.send(&pinned, Scope::Push, request).await;
        let answered = outcome(&pinned, answered).await;
        let stored = answered.finding(&[StatusCode::CREATED]);
        if !stored.is_yes() {
            return (stored, Finding::needs(Capability::Subject));
        }
        self.note(pinned);
        let knows = match &answered {
            // § Pushing Manifests with Subject: who keeps the list says so.
            Outcome::Answered { headers, .. } if headers.contains_key("oci-subject") => Finding::Yes,
            _ => Finding::No { why: "it is kept, and the header `OCI-Subject` is missing".to_owned() },
        };
        (knows, self.list(subject, &referrer).await)
    }

    async fn list(&self, subject: &Manifest, referrer: &Manifest) -> Finding {
        let (subject, digest) = (subject.digest(), referrer.digest().to_string());
        let url = self.transport.url(&format!("/v2/{}/referrers/{subject}", self.repository.repository));
        let request = self.transport.client().get(url);
        let reply = match self.transport.send(&self.repository, Scope::Pull, request).await {
            Ok(reply) if reply.status() == StatusCode::OK => reply,
            other => return outcome(&self.repository, other).await.finding(&[]),
        };
        let body = match read_body(&self.repository, reply, MAX_LIST_BYTES).await {
            Ok(body) => body,
            Err(error) => return Finding::of_error(&error),
        };
        let list: Value = serde_json::from_slice(&body).unwrap_or_default();
        let listed = list["manifests"].as_array().into_iter().flatten();
        match listed.into_iter().any(|entry| entry["digest"] == digest.as_str()) {
            true => Finding::Yes,
            false => Finding::No { why: "what refers to the image is not in the list".to_owned() },
        }
    }

    async fn artifact_manifest(
        &self,
        layer: &Bytes,
        subject: Option<&Manifest>,
    ) -> Result<Manifest, RegistryError> {
        self.transport.put_blob(&self.repository, &Bytes::from_static(EMPTY)).await?;
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_IMAGE,
            "artifactType": ARTIFACT_TYPE,
            "config": descriptor(EMPTY_TYPE, EMPTY),
            "layers": [descriptor(ARTIFACT_TYPE, layer)],
        });
        if let Some(subject) = subject {
            manifest["subject"] = descriptor(&subject.media_type, &subject.bytes);
        }
        Ok(Manifest { bytes: manifest.to_string().into(), media_type: OCI_IMAGE.to_owned() })
    }
}

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": ManifestDigest::of(content), "size": content.len() })
}
