//! A job on its machine, and what happens to it there.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::machine::{Cancellation, Ended, Machine};
use super::{Event, Job, Outcome, Site, System, Work};
use crate::support::engines::BedEngine;

/// What happens to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Its machine is switched off at a random moment. It is run again.
    Killed,
    /// It has failed before it could do anything.
    Lost,
    /// It has succeeded without doing anything.
    Idle,
    /// It was skipped, by whomever.
    Skipped,
    /// While it runs, the whole run is cancelled.
    Cancels,
}

/// What was decided about a job before it starts.
pub(super) struct Attempt {
    pub(super) trouble: Option<Trouble>,
    /// Its machine, and that on which it is run again: the engine, and whether a clone is shallow.
    pub(super) machines: [(BedEngine, bool); 2],
    /// When something happens to it.
    pub(super) moment: Duration,
    pub(super) values: Value,
}

impl Attempt {
    pub(super) fn run(
        self,
        job: &Job,
        (system, site, event): (System, &Site, &Event),
        cancellation: &Cancellation,
    ) -> Ended {
        let nothing = |outcome| Ended {
            outcome,
            has_died: false,
            log: String::new(),
            artifacts: BTreeMap::new(),
            outputs: serde_json::Map::new(),
        };
        let Work::Steps(steps) = &job.work else { return nothing(Outcome::Succeeded) };
        let on = |(engine, is_shallow): (BedEngine, bool), dies_after| {
            let (job, values) = (job.name.as_str(), self.values.clone());
            let machine =
                Machine { site, system, event, job, engine, is_shallow, dies_after, cancellation, values };
            machine.perform(steps)
        };
        let [first, second] = self.machines;
        match self.trouble {
            None => on(first, None),
            Some(Trouble::Lost) => nothing(Outcome::Failed),
            Some(Trouble::Idle) => nothing(Outcome::Succeeded),
            Some(Trouble::Skipped) => nothing(Outcome::Skipped),
            Some(Trouble::Killed) => {
                let ended = on(first, Some(self.moment));
                if ended.has_died { on(second, None) } else { ended }
            }
            Some(Trouble::Cancels) => thread::scope(|scope| {
                let running = scope.spawn(|| on(first, None));
                thread::sleep(self.moment);
                cancellation.request();
                running.join().unwrap()
            }),
        }
    }
}
