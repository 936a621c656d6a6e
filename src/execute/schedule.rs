//! Which of the ready builds starts first: the one with the longest way still to go.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::job::Job;
use super::report::{BuildReport, Outcome};
use crate::graph::ProjectGraph;
use crate::model::ProjectName;

/// How long the builds of earlier runs took. Only a hint: wrong or missing ones cost time, no more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Durations {
    milliseconds: BTreeMap<String, u64>,
}

impl Durations {
    fn set(&mut self, project: &ProjectName, took: Duration) {
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.milliseconds.insert(project.to_string(), milliseconds);
    }

    /// Takes over what others know and this machine doesn't.
    pub fn complete(&mut self, others: &BTreeMap<ProjectName, Duration>) {
        for (project, took) in others {
            if self.get(project).is_none() {
                self.set(project, *took);
            }
        }
    }

    pub(super) fn get(&self, project: &ProjectName) -> Option<Duration> {
        self.milliseconds.get(project.as_str()).map(|&milliseconds| Duration::from_millis(milliseconds))
    }

    /// Notes how long the builds of a run took; those that came from the layer cache say nothing.
    pub fn learn(&mut self, report: &BuildReport) {
        for (project, report) in &report.projects {
            if matches!(report.outcome, Outcome::Built { steps, cached_steps, .. } if cached_steps < steps) {
                self.set(project, report.took);
            }
        }
    }

    /// What a project counts for that was never timed: the mean of those that were, else a second,
    /// which makes the longest way the one with the most hops.
    fn guess(&self) -> Duration {
        let count = u64::try_from(self.milliseconds.len()).unwrap_or(u64::MAX);
        let total = self.milliseconds.values().fold(0_u64, |total, next| total.saturating_add(*next));
        Duration::from_millis(total.checked_div(count).unwrap_or(1_000))
    }
}

/// Sorts builds by the time from their start to the end of the last build that waits for them.
pub(super) fn most_urgent_first<'j, T: Copy>(
    graph: &ProjectGraph,
    builds: Vec<(&'j Job, T)>,
    durations: &Durations,
) -> Vec<(&'j Job, T)> {
    let guess = durations.guess();
    let mut remaining: BTreeMap<&ProjectName, Duration> = BTreeMap::new();
    for (job, _) in builds.iter().rev() {
        let dependents = graph.dependents(&job.project);
        let longest = dependents.iter().filter_map(|dependent| remaining.get(dependent)).max();
        let own = durations.get(&job.project).unwrap_or(guess);
        remaining.insert(&job.project, own.saturating_add(longest.copied().unwrap_or_default()));
    }
    let mut sorted = builds.clone();
    sorted.sort_by_key(|(job, _)| std::cmp::Reverse(remaining[&job.project]));
    sorted
}
