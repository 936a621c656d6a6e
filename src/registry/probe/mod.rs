//! Tries what a registry can do, in a repository for that alone, and takes away what it wrote.
//!
//! Nothing is retried, and nothing here decides how images are pushed or copied: those fall back by themselves.

mod finding;
mod manifests;
mod uploads;

use bytes::Bytes;
use reqwest::{StatusCode, Version};

pub use finding::{Capability, Finding};

use super::authorization::Scope;
use super::manifest::Manifest;
use super::transport::Transport;
use super::{OciRegistry, RegistryError};
use crate::model::{ImageRef, RepositoryName, random_bits};
use finding::{Outcome, outcome};

/// What a registry can do, as far as it could be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    pub findings: Vec<(Capability, Finding)>,
    /// Manifests and tags that could not be deleted.
    pub left: Vec<ImageRef>,
}

/// One run of probes.
struct Prober<'r> {
    transport: &'r Transport,
    /// Where all is written.
    repository: ImageRef,
    /// Where a layer is mounted.
    other: ImageRef,
    /// What all contents and tags of this run have in common.
    run: String,
    /// Manifests and tags that were written.
    written: Vec<ImageRef>,
}

impl OciRegistry {
    /// Tries everything in `repository`, and mounts a layer from there into `other`.
    ///
    /// # Errors
    /// [`RegistryError`] when the registry cannot be asked at all, or lets us read nothing.
    pub async fn probe(
        &self,
        repository: &RepositoryName,
        other: &RepositoryName,
    ) -> Result<ProbeReport, RegistryError> {
        let repository = self.repository(repository);
        self.transport().tags(&repository).await?;
        let prober = Prober {
            transport: self.transport(),
            repository,
            other: self.repository(other),
            run: format!("{:016x}", random_bits()),
            written: Vec::new(),
        };
        Ok(prober.all().await)
    }
}

impl Prober<'_> {
    async fn all(mut self) -> ProbeReport {
        let mut findings = vec![(Capability::Read, Finding::Yes), (Capability::Http2, self.http2().await)];
        let layer = self.content("layer");
        findings.push((Capability::Upload, self.upload(&layer).await));
        findings.push((Capability::SingleRequestUpload, self.single_request().await));
        findings.push((Capability::ChunkedUpload, self.chunks().await));
        findings.push((Capability::Mount, self.mount(&layer).await));
        let image = self.image(&layer).await;
        findings.push((Capability::Image, image.finding.clone()));
        findings.push((Capability::Index, self.index(&image).await));
        findings.push((Capability::ArtifactType, self.artifact(&layer).await));
        let (subject, referrers) = self.referrers(&layer, &image).await;
        findings.extend([(Capability::Subject, subject), (Capability::Referrers, referrers)]);
        findings.push((Capability::DeleteTag, self.delete_tag(&image).await));
        let (delete, left) = self.clean_up().await;
        findings.push((Capability::Delete, delete));
        ProbeReport { findings, left }
    }

    /// Content that no earlier run has written.
    fn content(&self, what: &str) -> Bytes {
        Bytes::from(format!("written by `chinampa doctor --registry`: {what} {}\n", self.run))
    }

    async fn http2(&self) -> Finding {
        let request = self.transport.client().get(self.transport.url("/v2/"));
        match self.transport.send(&self.repository, Scope::Pull, request).await {
            Ok(reply) if reply.version() == Version::HTTP_2 => Finding::Yes,
            Ok(_) if self.transport.is_plain_http() => Finding::No {
                why: "HTTP/2 needs TLS, and this registry is spoken to over plain HTTP".to_owned(),
            },
            Ok(reply) => Finding::No { why: format!("it answers with {:?}", reply.version()) },
            Err(error) => Finding::of_error(&error),
        }
    }

    /// Deletes one tag, and nothing else.
    async fn delete_tag(&mut self, image: &manifests::Stored) -> Finding {
        let Some(manifest) = &image.manifest else { return Finding::needs(Capability::Image) };
        let tagged = self.repository.tagged(self.tag("deleted"));
        let put = self.put_manifest(&tagged, manifest).await;
        if !put.is_yes() {
            return put;
        }
        let finding = self.delete(&tagged).await.finding(&[StatusCode::ACCEPTED, StatusCode::OK]);
        if finding.is_yes() {
            self.written.retain(|written| *written != tagged);
        }
        finding
    }

    /// Deletes all manifests by their digests, with every tag. What was written last may refer to what was written first.
    async fn clean_up(&mut self) -> (Finding, Vec<ImageRef>) {
        let (mut finding, mut left) = (Finding::needs(Capability::Image), Vec::new());
        let (tags, digests): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.written).into_iter().partition(|image| image.digest.is_none());
        for image in digests.into_iter().rev() {
            let deleted = self.delete(&image).await.finding(&[StatusCode::ACCEPTED, StatusCode::OK]);
            if !deleted.is_yes() {
                left.push(image);
            }
            if !matches!(finding, Finding::No { .. }) {
                finding = deleted;
            }
        }
        // A tag goes with what it stands for.
        if !left.is_empty() {
            left.extend(tags);
        }
        (finding, left)
    }

    async fn delete(&self, image: &ImageRef) -> Outcome {
        let request = self.transport.client().delete(self.transport.manifest_url(image));
        outcome(image, self.transport.send(image, Scope::Delete, request).await).await
    }

    async fn put_manifest(&mut self, image: &ImageRef, manifest: &Manifest) -> Finding {
        let request = self
            .transport
            .client()
            .put(self.transport.manifest_url(image))
            .header(reqwest::header::CONTENT_TYPE, &manifest.media_type)
            .body(manifest.bytes.clone());
        let answered = outcome(image, self.transport.send(image, Scope::Push, request).await).await;
        let finding = answered.finding(&[StatusCode::CREATED]);
        if finding.is_yes() {
            self.note(image.clone());
            self.note(self.repository.pinned(manifest.digest()));
        }
        finding
    }

    fn note(&mut self, image: ImageRef) {
        if !self.written.contains(&image) {
            self.written.push(image);
        }
    }
}
