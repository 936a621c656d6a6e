//! Which of the ready builds is the most urgent: the one with the longest way still to go.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::report::{BuildReport, Outcome};
use crate::graph::ProjectGraph;
use crate::model::ProjectName;

/// What a build counts for where none was ever timed. The longest way is then the one with the most hops.
const UNKNOWN: Duration = Duration::from_secs(1);

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
        for (project, took) in timed(report) {
            self.set(project, took);
        }
    }

    /// How long a build may take: as long as it did, else the mean of all that were timed, else a second.
    ///
    /// The mean, and not the median: what is underestimated starts too late, and most of the time is in the builds that
    /// are longer than the median.
    pub fn estimator(&self) -> impl Fn(&ProjectName) -> Duration + '_ {
        let count = u64::try_from(self.milliseconds.len()).unwrap_or(u64::MAX);
        let total = self.milliseconds.values().fold(0_u64, |total, next| total.saturating_add(*next));
        let mean = total.checked_div(count).map_or(UNKNOWN, Duration::from_millis);
        move |project| self.get(project).unwrap_or(mean)
    }
}

/// The builds that say how long their project takes: those that did not come from the layer cache.
fn timed(report: &BuildReport) -> impl Iterator<Item = (&ProjectName, Duration)> {
    report.projects.iter().filter_map(|(project, report)| {
        let took = match &report.outcome {
            Outcome::BuiltElsewhere { took, .. } => *took,
            outcome => outcome.is_timed().then_some(report.took),
        };
        Some((project, took?))
    })
}

impl Outcome {
    /// Whether it was built here, and not all of it came from the layer cache.
    pub(super) fn is_timed(&self) -> bool {
        matches!(self, Self::Built { steps, cached_steps, .. } if cached_steps < steps)
    }
}

/// The time from the start of each build to the end of the last build that waits for it. What is not in `builds` is done.
pub fn urgencies<'b>(
    graph: &ProjectGraph,
    builds: &BTreeMap<&'b ProjectName, Duration>,
) -> BTreeMap<&'b ProjectName, Duration> {
    let mut urgencies: BTreeMap<&ProjectName, Duration> = BTreeMap::new();
    for project in graph.order().rev() {
        let Some((&project, own)) = builds.get_key_value(project) else { continue };
        let dependents = graph.dependents(project);
        let longest = dependents.iter().filter_map(|dependent| urgencies.get(dependent)).max();
        urgencies.insert(project, own.saturating_add(longest.copied().unwrap_or_default()));
    }
    urgencies
}
