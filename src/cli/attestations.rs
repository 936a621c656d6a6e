//! What a run writes about images, and with which programs.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;

use super::CommandContext;
use super::repository_context::RepositoryContext;
use crate::attest::{AttestError, Attestor, BuilderIdentity, Purpose, Revision, Verifier};
use crate::ci::Trust;
use crate::error::Error;
use crate::execute::Destination;
use crate::model::{AttestationKind, ProjectName};
use crate::registry::{Registry, Storage};

/// What is to be attached to images.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct AttestArguments {
    /// Attach provenance to each image that is built: from what, by whom and when.
    #[arg(long, conflicts_with = "local")]
    provenance: bool,
    /// Attach an SBOM to each image that has none, made by the program that `CHINAMPA_SBOM` names.
    #[arg(long, conflicts_with = "local")]
    sbom: bool,
    /// Sign each image that is built, and what is attached to images, with the program that `CHINAMPA_SIGN` names.
    #[arg(long, conflicts_with = "local")]
    sign: bool,
}

impl AttestArguments {
    fn kinds(self) -> BTreeSet<AttestationKind> {
        let asked = [
            (AttestationKind::Provenance, self.provenance),
            (AttestationKind::Sbom, self.sbom),
            (AttestationKind::Signature, self.sign),
        ];
        asked.into_iter().filter(|(_, is_asked)| *is_asked).map(|(kind, _)| kind).collect()
    }

    /// What writes it, and what the environment asks for besides; `None` where nothing is asked for, and in an untrusted run, which says so.
    ///
    /// # Errors
    /// [`Error::Attest`] where images stay in the engine and an option asks for it, [`Error::AttestationKinds`] for what is no list of kinds,
    /// [`Error::Tool`] when a program is not named.
    pub(super) fn attestor(
        self,
        command: &CommandContext,
        repo: &RepositoryContext,
        cache: &dyn Registry,
        destination: &Destination,
    ) -> Result<Option<Attestor>, Error> {
        let CommandContext { environment, output, .. } = command;
        let mut kinds = self.kinds();
        let stays_in_engine =
            matches!(destination, Destination::Local(_)) || cache.storage() == Storage::Engine;
        if !stays_in_engine {
            kinds.extend(environment.attestation_kinds()?);
        }
        if kinds.is_empty() {
            return Ok(None);
        }
        if let Trust::Untrusted { .. } = repo.trust {
            output.status("nothing is attached to images, and nothing is signed: this run is not trusted");
            return Ok(None);
        }
        if stays_in_engine {
            return Err(AttestError::NotARegistry.into());
        }
        let is_wanted = |kind| kinds.contains(&kind);
        let tool = |purpose, kind| is_wanted(kind).then(|| environment.program(purpose)).transpose();
        let builder = || {
            let ci = &environment.ci;
            BuilderIdentity::new(environment.builder_id(), ci.name(), ci.run_id())
        };
        let revision = || Revision {
            commit: repo.head.commit,
            url: repo.repository.origin_url(),
            is_dirty: repo.is_dirty,
        };
        Ok(Some(Attestor {
            provenance: is_wanted(AttestationKind::Provenance).then(|| (builder(), revision())),
            sbom: tool(Purpose::Sbom, AttestationKind::Sbom)?,
            signer: tool(Purpose::Sign, AttestationKind::Signature)?,
            environment: environment.of_attesting_programs(),
        }))
    }
}

/// The program that verifies, if the environment names one.
///
/// # Errors
/// [`Error::Tool`]
pub(super) fn verifier(command: &CommandContext) -> Result<Option<Verifier>, Error> {
    let environment = &command.environment;
    if !environment.names_program(Purpose::Verify) {
        return Ok(None);
    }
    let tool = environment.program(Purpose::Verify)?;
    Ok(Some(Verifier { tool, environment: environment.of_attesting_programs() }))
}

/// Says which reused images lack something that only the run which builds them can write.
pub(super) fn say_what_is_missing(
    command: &CommandContext,
    without: &BTreeMap<ProjectName, BTreeSet<AttestationKind>>,
) {
    for kind in AttestationKind::ALL {
        let projects = without.iter().filter(|(_, kinds)| kinds.contains(&kind));
        let projects: Vec<String> = projects.map(|(project, _)| format!("`{project}`")).collect();
        if !projects.is_empty() {
            let why = match kind {
                // That of an image of this zone was written.
                AttestationKind::Sbom => "which only a run of a protected branch writes for it",
                AttestationKind::Provenance | AttestationKind::Signature => {
                    "which only a run that builds the image writes; `--force` builds it again"
                }
            };
            let (projects, kind) = (projects.join(", "), kind.noun());
            command.output.status(&format!("{projects}: the reused image has no {kind}, {why}"));
        }
    }
}
