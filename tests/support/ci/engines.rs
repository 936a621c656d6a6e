//! The engines of the machines that jobs run on.
//!
//! They are those of the bed, and other tests use them at the same time. An engine can't be emptied of what one test has left in
//! its build cache: `build prune` knows no names, and would take layers away from builds of others that run. So a job gets an
//! engine that has built nothing of what the job waits for, and whatever it needs of that has to come from the registry.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::support::engines::BedEngine;
use crate::support::numbers::Numbers;

pub(crate) const POOL: [BedEngine; 4] =
    [BedEngine::Machine, BedEngine::SecondMachine, BedEngine::Current, BedEngine::Containerd];

/// Which engine each job had last.
#[derive(Debug, Default)]
pub(super) struct Engines {
    of_jobs: Mutex<BTreeMap<String, BedEngine>>,
}

impl Engines {
    /// An engine that none of these jobs had, nor this job when it ran before, as long as there is one.
    pub(super) fn choose(&self, job: &str, needs: &[String], numbers: &mut Numbers) -> BedEngine {
        let mut of_jobs = self.of_jobs.lock().unwrap();
        let used: Vec<BedEngine> = needs
            .iter()
            .map(String::as_str)
            .chain([job])
            .filter_map(|name| of_jobs.get(name))
            .copied()
            .collect();
        let unused: Vec<BedEngine> = POOL.into_iter().filter(|engine| !used.contains(engine)).collect();
        let choice = if unused.is_empty() { &POOL[..] } else { &unused };
        let engine = choice[numbers.below(choice.len())];
        of_jobs.insert(job.to_owned(), engine);
        engine
    }
}
