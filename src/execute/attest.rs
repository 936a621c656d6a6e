//! Writes what is said of images: of those that were built before they get their tags, of those that are reused afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::time::SystemTime;

use futures_util::stream::{self, StreamExt as _};

use super::build::ProjectBuild;
use super::error::ExecuteError;
use super::job::TaskVariant;
use super::report::{BuildReport, Outcome};
use crate::attest::{AttestError, AttestedImage, Attestor, Material, Provenance};
use crate::model::{AttestationKind, ImageRef, ManifestDigest, ProjectName};
use crate::observe::Zone;
use crate::registry::Registry;
use crate::workspace::Workspace;

impl ProjectBuild<'_, '_> {
    /// Writes all that is wanted of the image that was just built.
    pub(super) async fn attest(&self, digest: ManifestDigest) -> Result<(), ExecuteError> {
        let Some(attestor) = self.executor.attestor else { return Ok(()) };
        let task = self.task;
        let image = AttestedImage { registry: self.executor.registry, repository: &task.repository, digest };
        let provenance = Provenance {
            project: self.project,
            dockerfile: &task.dockerfile,
            target: task.request.target.as_ref(),
            platforms: task.variants.iter().filter_map(|variant| variant.platform.as_ref()).collect(),
            build_args: task.request.build_args.keys().map(String::as_str).collect(),
            inputs: task.digest,
            materials: self.materials(),
            started: self.started,
            finished: SystemTime::now(),
        };
        let attested = attestor.attest_built(image, &provenance).await;
        attested.map_err(|source| ExecuteError::Attest(Box::new(source)))
    }

    /// The images of dependencies, then the external ones in their order, each once.
    fn materials(&self) -> Vec<Material> {
        let of_needs = self.needs.iter().map(|(project, need)| Material {
            project: Some(project.clone()),
            reference: need.image.pinned(need.digest).to_string(),
            digest: Some(need.digest),
        });
        let mut materials: Vec<Material> = of_needs.collect();
        for external in self.task.variants.iter().flat_map(external_images) {
            if !materials.contains(&external) {
                materials.push(external);
            }
        }
        materials
    }
}

/// The images that a Dockerfile names and that are none of ours, its frontend too.
fn external_images(variant: &TaskVariant) -> impl Iterator<Item = Material> {
    let TaskVariant { dockerfile, parents, folders, pins, .. } = variant;
    let is_external = |reference: &str| {
        !parents.contains_key(reference) && !folders.contains_key(reference) && reference != "scratch"
    };
    // What a trigger names is for builds that start from this image.
    let of_stages = dockerfile.parents().iter().filter(|parent| !parent.in_trigger);
    let of_stages = of_stages.map(|parent| (parent.reference.clone(), pins.parents.get(&parent.reference)));
    let of_stages = of_stages.filter(move |(reference, _)| is_external(reference));
    let frontend = dockerfile.frontend().map(|(_, frontend)| {
        let pin = pins.frontends.get(&frontend);
        (frontend, pin)
    });
    frontend.into_iter().chain(of_stages).map(|(reference, pin)| {
        let written = reference.parse::<ImageRef>().ok().and_then(|image| image.digest);
        Material { project: None, reference, digest: pin.and_then(|pin| pin.digest).or(written) }
    })
}

/// Writes the SBOMs that reused images of this run's zone lack. A project whose image can't get one has failed.
///
/// Returns what is wanted of reused images and what this run can't vouch for, or may not write in another zone.
pub async fn attest_reused(
    attestor: &Attestor,
    registry: &dyn Registry,
    workspace: &Workspace,
    zone: Zone,
    parallelism: NonZeroUsize,
    report: &mut BuildReport,
) -> BTreeMap<ProjectName, BTreeSet<AttestationKind>> {
    let reused = report.projects.iter().filter_map(|(project, it)| match &it.outcome {
        Outcome::Reused { image, digest } => Some((project.clone(), image.repository.clone(), *digest)),
        _ => None,
    });
    let reused: Vec<_> = reused.collect();
    let attested = reused.iter().map(async |(project, repository, digest)| {
        let image = AttestedImage { registry, repository, digest: *digest };
        let result = match zone.repository(workspace, project) == *repository {
            true => attestor.attest_reused(image).await,
            false => attestor.missing(image).await,
        };
        (project.clone(), result)
    });
    let attested: Vec<(ProjectName, Result<_, AttestError>)> =
        stream::iter(attested).buffer_unordered(parallelism.get()).collect().await;
    let mut without = BTreeMap::new();
    for (project, result) in attested {
        match result {
            Ok(missing) if missing.is_empty() => {}
            Ok(missing) => {
                without.insert(project, missing);
            }
            Err(error) => {
                let failure = ExecuteError::Attest(Box::new(error)).failure();
                if let Some(of_project) = report.projects.get_mut(&project) {
                    of_project.outcome = Outcome::Failed(failure);
                }
            }
        }
    }
    without
}
