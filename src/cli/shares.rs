//! `build --shard`: what one of several equal jobs is to the others.

use std::time::Duration;

use super::build_context::BuildContext;
use crate::config::{RegistryKind, Strategy};
use crate::error::Error;
use crate::execute::{Destination, Shard};
use crate::lease::{ClaimId, SystemClock};
use crate::model::RepositoryName;
use crate::observe::Observations;
use crate::plan::Plan;
use crate::registry::Registry;

/// How this job and others of the run share a build.
pub(super) struct Shares {
    run: String,
    attempts_share_name: bool,
    by: String,
    lease: Duration,
    repository: RepositoryName,
}

impl BuildContext<'_> {
    /// # Errors
    /// [`Error::Shard`] where no others can see what this job builds, [`Error::NoRun`] where they can't be told from those of other
    /// runs.
    pub(super) fn shares(&self, is_forced: bool) -> Result<Shares, Error> {
        let refused = |why| Err(Error::Shard { why });
        match &self.destination {
            Destination::Local(_) => return refused("with `--local`: nobody else sees local images"),
            Destination::Untrusted(_) => {
                return refused("in a run that is not trusted: it writes nothing that other jobs could read");
            }
            Destination::Shared(_) => {}
        }
        if is_forced {
            return refused(
                "with `--force`: what other jobs have built already would not be told from what is to be built anew",
            );
        }
        if self.workspace.settings.strategy == Strategy::Diff {
            return refused("with `strategy = \"diff\"`: jobs agree by input digests");
        }
        if let RegistryKind::Engine = self.workspace.cache.kind {
            return refused("with a cache of kind `engine`: jobs on other machines do not see its images");
        }
        let environment = &self.command.environment;
        let run = environment.ci.run_id().ok_or(Error::NoRun)?.to_owned();
        let by = match environment.ci.node() {
            Some(node) => format!("{} {node}", environment.who()),
            None => environment.who(),
        };
        let repository = self.zone.claims(self.workspace);
        let attempts_share_name = environment.ci.attempts_share_run_id();
        Ok(Shares { run, attempts_share_name, by, lease: environment.claim_lease()?, repository })
    }

    pub(super) fn shard<'s>(
        &self,
        shares: &'s Shares,
        cache: &'s dyn Registry,
        plan: &Plan,
        observed: &Observations,
    ) -> Shard<'s> {
        let built = plan.builds().map(|step| &step.impact.project);
        let rebuilt = built.filter(|project| observed.projects[*project].image.is_some());
        Shard {
            registry: cache,
            repository: &shares.repository,
            run: shares.run.clone(),
            attempts_share_name: shares.attempts_share_name,
            commit: plan.head.to_string(),
            by: shares.by.clone(),
            id: ClaimId::random(),
            lease: shares.lease,
            clock: &SystemClock,
            rebuilt: rebuilt.cloned().collect(),
        }
    }
}
