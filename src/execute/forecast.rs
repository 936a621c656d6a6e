//! How long builds will take, as far as the durations of earlier runs tell.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::num::NonZeroUsize;
use std::time::Duration;

use super::schedule::Durations;
use crate::graph::ProjectGraph;
use crate::model::ProjectName;

/// The time that builds take if each starts as soon as its dependencies are done and there is room for it.
#[derive(Debug)]
pub struct Forecast<'f> {
    pub graph: &'f ProjectGraph,
    pub durations: &'f Durations,
    pub parallelism: NonZeroUsize,
}

impl Forecast<'_> {
    /// How long the rest of a run takes: what is running, each with the time that it has taken so far, and what is waiting.
    ///
    /// `None` if a project among them was never timed, and so the answer would be a guess.
    pub fn remaining(
        &self,
        running: &BTreeMap<ProjectName, Duration>,
        waiting: &BTreeSet<ProjectName>,
    ) -> Option<Duration> {
        let mut left = BTreeMap::new();
        for (project, elapsed) in running {
            left.insert(project, self.durations.get(project)?.saturating_sub(*elapsed));
        }
        for project in waiting {
            left.insert(project, self.durations.get(project)?);
        }
        Some(self.time(&left, running))
    }

    /// How long it takes to build all of these; what is not among them is done.
    pub(super) fn whole(&self, builds: &BTreeMap<&ProjectName, Duration>) -> Duration {
        self.time(builds, &BTreeMap::new())
    }

    fn time(
        &self,
        left: &BTreeMap<&ProjectName, Duration>,
        running: &BTreeMap<ProjectName, Duration>,
    ) -> Duration {
        let mut longest: BTreeMap<&ProjectName, Duration> = BTreeMap::new();
        for project in self.graph.order().rev().filter(|project| left.contains_key(project)) {
            let dependents = self.graph.dependents(project);
            let after = dependents.iter().filter_map(|dependent| longest.get(dependent)).max().copied();
            longest.insert(project, left[project].saturating_add(after.unwrap_or_default()));
        }
        let urgency = |project: &ProjectName| (running.contains_key(project), longest[project]);
        let mut unmet: BTreeMap<&ProjectName, usize> = BTreeMap::new();
        let mut ready = BinaryHeap::new();
        for project in longest.keys() {
            let needs = self.graph.needs(project).into_iter().filter(|need| left.contains_key(need)).count();
            if needs == 0 {
                ready.push((urgency(project), *project));
            } else {
                unmet.insert(project, needs);
            }
        }
        let mut now = Duration::ZERO;
        let mut busy = BinaryHeap::new();
        loop {
            while busy.len() < self.parallelism.get() {
                let Some((_, project)) = ready.pop() else { break };
                busy.push(Reverse((now.saturating_add(left[project]), project)));
            }
            let Some(Reverse((end, done))) = busy.pop() else { return now };
            now = end;
            for dependent in self.graph.dependents(done) {
                if let Some(needs) = unmet.get_mut(dependent) {
                    *needs -= 1;
                    if *needs == 0 {
                        ready.push((urgency(dependent), dependent));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ProjectName {
        text.parse().unwrap()
    }

    /// `lib`, which `api` and `web` need; `tool` by itself.
    fn graph() -> ProjectGraph {
        let needs: [(&str, &[&str]); 4] = [("lib", &[]), ("api", &["lib"]), ("web", &["lib"]), ("tool", &[])];
        let needs = needs
            .map(|(project, needs)| (name(project), needs.iter().map(|it| name(it)).collect::<Vec<_>>()));
        ProjectGraph::new(&BTreeMap::from(needs)).unwrap()
    }

    fn durations(seconds: &[(&str, u64)]) -> Durations {
        let mut durations = Durations::default();
        let known = seconds.iter().map(|(project, took)| (name(project), Duration::from_secs(*took)));
        durations.complete(&known.collect());
        durations
    }

    #[test]
    fn the_rest_of_a_run_takes_as_long_as_its_schedule() {
        let (graph, durations) = (graph(), durations(&[("lib", 10), ("api", 20), ("web", 5), ("tool", 8)]));
        let running = BTreeMap::from([(name("lib"), Duration::from_secs(4))]);
        let waiting = BTreeSet::from(["api", "web", "tool"].map(name));
        let remaining = |parallelism: usize| {
            let parallelism = NonZeroUsize::new(parallelism).unwrap();
            Forecast { graph: &graph, durations: &durations, parallelism }.remaining(&running, &waiting)
        };

        assert_eq!(remaining(1), Some(Duration::from_secs(6 + 20 + 5 + 8)));
        assert_eq!(remaining(2), Some(Duration::from_secs(6 + 20)));
        assert_eq!(remaining(9), Some(Duration::from_secs(6 + 20)));
    }

    #[test]
    fn a_project_that_was_never_timed_leaves_the_rest_unknown() {
        let (graph, durations) = (graph(), durations(&[("lib", 10)]));
        let forecast = Forecast { graph: &graph, durations: &durations, parallelism: NonZeroUsize::MIN };

        assert_eq!(forecast.remaining(&BTreeMap::new(), &BTreeSet::from(["lib", "api"].map(name))), None);
    }

    #[test]
    fn a_build_that_takes_longer_than_before_is_done_at_any_moment() {
        let (graph, durations) = (graph(), durations(&[("lib", 10)]));
        let forecast = Forecast { graph: &graph, durations: &durations, parallelism: NonZeroUsize::MIN };
        let running = BTreeMap::from([(name("lib"), Duration::from_secs(99))]);

        assert_eq!(forecast.remaining(&running, &BTreeSet::new()), Some(Duration::ZERO));
    }
}
