//! `build --twice`: what was built is built once more, and compared.

use std::collections::BTreeMap;

use super::build_context::{BuildContext, Schedule};
use super::durations_file::DurationsFile;
use crate::error::Error;
use crate::execute::{BuildReport, Destination, Executor, Job, TwiceReport};
use crate::interruption::Interruption;
use crate::registry::{Registry, Storage};
use crate::runs::Recorder;

/// What was to be built, and what came of it.
#[derive(Clone, Copy)]
pub(super) struct FirstBuilds<'f> {
    pub(super) jobs: &'f [Job],
    pub(super) report: &'f BuildReport,
}

impl BuildContext<'_> {
    /// Refuses to compare images that are in no registry.
    pub(super) fn check_comparable(&self, cache: &dyn Registry) -> Result<(), Error> {
        let why = match (&self.destination, cache.storage()) {
            (Destination::Shared(_), Storage::Remote) => return Ok(()),
            (Destination::Untrusted(_), _) => "images of an untrusted run stay in the engine",
            (Destination::Shared(_) | Destination::Local(_), _) => "the images stay in the engine",
        };
        Err(Error::NothingToCompare { why })
    }

    /// Builds what was built once more, without the layer cache, and compares.
    pub(super) async fn build_again(
        &self,
        cache: &dyn Registry,
        first: FirstBuilds<'_>,
        schedule: Schedule<'_>,
        durations: &DurationsFile,
        recorder: &Recorder,
        interruption: &Interruption,
    ) -> TwiceReport {
        let FirstBuilds { jobs, report } = first;
        self.command.output.status(if !report.has_built() {
            "nothing was built, so there is nothing to compare"
        } else if schedule.fail_fast && !report.is_complete() {
            "nothing is built again: a build failed, and `--fail-fast` is given"
        } else {
            "building again, without the layer cache"
        });
        recorder.start_second_builds();
        let durations = &durations.durations;
        let display = self.display(jobs, schedule, durations);
        let executor = Executor {
            graph: &self.workspace.graph,
            registry: cache,
            parallelism: schedule.parallelism,
            fail_fast: schedule.fail_fast,
            durations,
            last_builders: &BTreeMap::new(),
            attestor: None,
            shard: None,
            on_event: &|event| {
                recorder.on_event(&event);
                display.on_event(&event);
            },
        };
        display.show_while(executor.build_again(jobs, report, interruption.requested())).await
    }
}
