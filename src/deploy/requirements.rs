//! Sees that images have the attestations that an environment requires.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::gate::GateError;
use super::not_attested::{Lack, NotAttested};
use super::{DeployError, DeployRequest};
use crate::attest::{AttestError, AttestedImage, Verification, Verifier};
use crate::model::{AttestationKind, ManifestDigest, ProjectName};
use crate::registry::{Attestation, Registry};

/// How many images are looked at at once.
const AT_ONCE: usize = 16;

/// Looks at the image of each project that is deployed.
///
/// # Errors
/// [`GateError::NotAttested`] names every image that lacks something, [`DeployError::Attest`] when it can't be told.
pub(super) async fn check(
    request: &DeployRequest,
    cache: &dyn Registry,
    verifier: Option<&Verifier>,
    digest_of: impl Fn(&ProjectName) -> Option<ManifestDigest>,
) -> Result<(), DeployError> {
    if request.required.is_empty() {
        return Ok(());
    }
    let looks = request.projects.iter().filter_map(|project| {
        let digest = digest_of(&project.name)?;
        Some(async move {
            let image = AttestedImage { registry: cache, repository: &project.source, digest };
            let lacks = lacks(image, &request.required, verifier).await?;
            let is_refused = !lacks.is_empty();
            let refused = NotAttested { project: project.name.clone(), image: image.name(), lacks };
            Ok::<_, AttestError>(is_refused.then_some(refused))
        })
    });
    let refused = stream::iter(looks).buffered(AT_ONCE).try_filter_map(async |refused| Ok(refused));
    let refused: Vec<NotAttested> = refused.try_collect().await?;
    if refused.is_empty() {
        return Ok(());
    }
    Err(GateError::NotAttested { environment: request.environment.clone(), refused }.into())
}

async fn lacks(
    image: AttestedImage<'_>,
    required: &BTreeSet<AttestationKind>,
    verifier: Option<&Verifier>,
) -> Result<Vec<Lack>, AttestError> {
    let there = image.attestations().await?;
    let mut lacks = Vec::new();
    for kind in required {
        let of_kind: Vec<&Attestation> = there.iter().filter(|it| it.kind == *kind).collect();
        match verifier {
            _ if of_kind.is_empty() => lacks.push(Lack::Missing(*kind)),
            Some(verifier) => lacks.extend(rejection(image, *kind, &of_kind, verifier).await?),
            None => {}
        }
    }
    Ok(lacks)
}

/// Why nothing of a kind counts; `None` if one does. A signature is verified for the image that it signs, provenance and SBOMs for themselves.
async fn rejection(
    image: AttestedImage<'_>,
    kind: AttestationKind,
    of_kind: &[&Attestation],
    verifier: &Verifier,
) -> Result<Option<Lack>, AttestError> {
    let verified: Vec<ManifestDigest> = match kind {
        AttestationKind::Signature => vec![image.digest],
        AttestationKind::Provenance | AttestationKind::Sbom => of_kind.iter().map(|it| it.digest).collect(),
    };
    let mut rejection = None;
    for digest in verified {
        match verifier.verify(AttestedImage { digest, ..image }).await? {
            Verification::Valid => return Ok(None),
            Verification::Invalid { program, log_tail } => {
                let last_line = log_tail.last().cloned();
                rejection = Some(Lack::Rejected { kind, program, last_line });
            }
        }
    }
    Ok(rejection)
}
