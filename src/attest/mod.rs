//! Writes what is said of images by artifacts that refer to them: provenance of our own, SBOMs and signatures by programs
//! that the environment names.
//!
//! A run vouches for what it has made itself, and for nothing else. The provenance and the signature of an image are written by the run that builds
//! it, before the image gets its tags. An image that is reused gets neither: who can write to the registry could have put it there. An SBOM is a
//! fact about the content of an image, so whoever has the image can make it.

mod error;
mod login;
mod provenance;
mod sbom;
mod tool;
mod verifier;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

pub use error::AttestError;
pub use provenance::{BuilderIdentity, Material, Provenance, Revision};
pub use tool::{InvalidTool, ProgramEnvironment, Purpose, Tool};
pub use verifier::{Verification, Verifier};

use self::login::ProgramLogin;
use crate::model::{AttestationKind, ImageRef, ManifestDigest, RepositoryName, Tag};
use crate::program::{self, Stop};
use crate::registry::{Attestation, AttestationDocument, OciRegistry, Registry};

/// SBOMs of large images have some ten thousand packages.
const MAX_SBOM_BYTES: u64 = 16 << 20;

/// How long a program may take, which may wait for a person: signing takes seconds, and the SBOM of a large image minutes.
const PROGRAM_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// The annotation of an SBOM that says of which manifest it is: of the image, or of one that the index lists.
const OF_MANIFEST: &str = "dev.chinampa.manifest";

/// What a run writes about images.
#[derive(Debug)]
pub struct Attestor {
    /// Who builds, and from which commit, where provenance is written.
    pub provenance: Option<(BuilderIdentity, Revision)>,
    pub sbom: Option<Tool>,
    pub signer: Option<Tool>,
    /// All of the environment that programs get, besides the login for the registry.
    pub environment: ProgramEnvironment,
}

/// An image in a registry.
#[derive(Clone, Copy)]
pub struct AttestedImage<'i> {
    pub registry: &'i dyn Registry,
    pub repository: &'i RepositoryName,
    /// Of the image, or of the index of one image for each platform.
    pub digest: ManifestDigest,
}

impl std::fmt::Debug for AttestedImage<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("AttestedImage").field(&self.name()).finish()
    }
}

impl<'i> AttestedImage<'i> {
    /// `host/repository@digest`
    pub fn name(&self) -> ImageRef {
        self.registry.image(self.repository, &Tag::latest()).pinned(self.digest)
    }

    fn boxed_name(&self) -> Box<ImageRef> {
        Box::new(self.name())
    }

    /// What is there that says something of it.
    ///
    /// # Errors
    /// [`AttestError::NotARegistry`], [`AttestError::Read`]
    pub async fn attestations(&self) -> Result<BTreeSet<Attestation>, AttestError> {
        let found = self.oci()?.attestations(self.repository, &self.digest).await;
        found.map_err(|source| AttestError::Read { image: self.boxed_name(), source: Box::new(source) })
    }

    fn oci(&self) -> Result<&'i OciRegistry, AttestError> {
        self.registry.oci().ok_or(AttestError::NotARegistry)
    }

    /// The manifests of its platforms: its own where it is no index.
    async fn manifests(&self) -> Result<Vec<ManifestDigest>, AttestError> {
        let listed = self.oci()?.listed_manifests(self.repository, &self.digest).await;
        let listed = listed
            .map_err(|source| AttestError::Read { image: self.boxed_name(), source: Box::new(source) })?;
        Ok(if listed.is_empty() { vec![self.digest] } else { listed })
    }

    async fn store(
        &self,
        kind: AttestationKind,
        document: &AttestationDocument,
    ) -> Result<ManifestDigest, AttestError> {
        let stored = self.oci()?.attest(self.repository, &self.digest, document).await;
        stored.map_err(|source| AttestError::Store {
            kind,
            image: self.boxed_name(),
            source: Box::new(source),
        })
    }
}

impl Attestor {
    /// The kinds that every image should have after the run.
    pub fn wanted(&self) -> BTreeSet<AttestationKind> {
        let wanted = [
            (AttestationKind::Provenance, self.provenance.is_some()),
            (AttestationKind::Sbom, self.sbom.is_some()),
            (AttestationKind::Signature, self.signer.is_some()),
        ];
        wanted.into_iter().filter(|(_, is_wanted)| *is_wanted).map(|(kind, _)| kind).collect()
    }

    /// Writes all that is wanted about an image that this run has built, and signs the image and what was written. What others have written is
    /// left alone, and counts for nothing here.
    ///
    /// # Errors
    /// [`AttestError`]; what was written by then stays.
    pub async fn attest_built(
        &self,
        image: AttestedImage<'_>,
        provenance: &Provenance<'_>,
    ) -> Result<(), AttestError> {
        let mut made = vec![image.digest];
        if let Some((builder, revision)) = &self.provenance {
            let mut subjects = vec![image.digest];
            subjects.extend(image.manifests().await?.into_iter().filter(|it| *it != image.digest));
            let statement = provenance.statement(&image.name().name(), &subjects, builder, revision);
            let document = AttestationDocument {
                artifact_type: provenance::STATEMENT_TYPE,
                predicate_type: Some(provenance::PREDICATE_TYPE),
                annotations: BTreeMap::new(),
                content: Bytes::from(statement.to_string()),
            };
            made.push(image.store(AttestationKind::Provenance, &document).await?);
        }
        if let Some(sbom) = &self.sbom {
            made.extend(self.write_sboms(sbom, image).await?);
        }
        self.sign(image, &made).await
    }

    /// Writes the SBOM of an image that was built before, if that is wanted and there is none; returns the kinds that are wanted and that this run can't
    /// vouch for.
    ///
    /// # Errors
    /// [`AttestError`]; what was written by then stays.
    pub async fn attest_reused(
        &self,
        image: AttestedImage<'_>,
    ) -> Result<BTreeSet<AttestationKind>, AttestError> {
        let mut missing = self.missing(image).await?;
        if let Some(sbom) = &self.sbom
            && missing.remove(&AttestationKind::Sbom)
        {
            let written = self.write_sboms(sbom, image).await?;
            self.sign(image, &written).await?;
        }
        Ok(missing)
    }

    /// The kinds that are wanted of an image and that it does not have. Writes nothing.
    ///
    /// # Errors
    /// [`AttestError::NotARegistry`], [`AttestError::Read`]
    pub async fn missing(&self, image: AttestedImage<'_>) -> Result<BTreeSet<AttestationKind>, AttestError> {
        let kinds = kinds(&image.attestations().await?);
        Ok(self.wanted().difference(&kinds).copied().collect())
    }

    /// Writes the SBOM of each platform; all are made before the first is written.
    async fn write_sboms(
        &self,
        tool: &Tool,
        image: AttestedImage<'_>,
    ) -> Result<Vec<ManifestDigest>, AttestError> {
        let login = ProgramLogin::new(image.registry).await?;
        let mut documents = Vec::new();
        for manifest in image.manifests().await? {
            let of = AttestedImage { digest: manifest, ..image }.name();
            let command = login.command(tool, &of, &self.environment);
            let failed = |source| AttestError::Program {
                kind: AttestationKind::Sbom,
                image: Box::new(of.clone()),
                source: Box::new(source),
            };
            let output =
                program::output(command, Stop::Terminate, Some(PROGRAM_TIMEOUT), MAX_SBOM_BYTES).await;
            let output = output.map_err(failed)?;
            let artifact_type = sbom::artifact_type(&output);
            let artifact_type =
                artifact_type.ok_or_else(|| AttestError::NoSbom { program: tool.program() })?;
            documents.push(AttestationDocument {
                artifact_type,
                predicate_type: None,
                annotations: [(OF_MANIFEST.to_owned(), manifest.to_string())].into(),
                content: output.into(),
            });
        }
        let mut written = Vec::new();
        for document in &documents {
            written.push(image.store(AttestationKind::Sbom, document).await?);
        }
        Ok(written)
    }

    /// Lets the program sign what this run has made.
    async fn sign(&self, image: AttestedImage<'_>, digests: &[ManifestDigest]) -> Result<(), AttestError> {
        let Some(signer) = self.signer.as_ref().filter(|_| !digests.is_empty()) else { return Ok(()) };
        let login = ProgramLogin::new(image.registry).await?;
        for digest in digests {
            let signed = AttestedImage { digest: *digest, ..image }.name();
            let command = login.command(signer, &signed, &self.environment);
            let on_line = |line| tracing::info!(%line, "signing");
            let ran = program::run(command, Stop::Terminate, Some(PROGRAM_TIMEOUT), &on_line).await;
            ran.map_err(|source| AttestError::Program {
                kind: AttestationKind::Signature,
                image: Box::new(signed),
                source: Box::new(source),
            })?;
        }
        Ok(())
    }
}

fn kinds(attestations: &BTreeSet<Attestation>) -> BTreeSet<AttestationKind> {
    attestations.iter().map(|attestation| attestation.kind).collect()
}
