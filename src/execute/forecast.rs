//! How long builds will take, as far as the durations of earlier runs tell.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::num::NonZeroUsize;
use std::time::Duration;

use super::dispatch::{BuilderLoad, Candidate, choose};
use super::schedule::{self, Durations};
use crate::graph::ProjectGraph;
use crate::model::ProjectName;

/// The time that builds take if each starts as soon as its dependencies are done and there is room for it, the most urgent first.
#[derive(Debug)]
pub struct Forecast<'f> {
    pub graph: &'f ProjectGraph,
    pub durations: &'f Durations,
    pub parallelism: NonZeroUsize,
}

impl Forecast<'_> {
    /// How long the rest of a run takes: what is running, each with the time that it has taken so far, and what is waiting.
    ///
    /// `None` if most of these were never timed, and so the answer would be a guess.
    pub fn remaining(
        &self,
        running: &BTreeMap<ProjectName, Duration>,
        waiting: &BTreeSet<ProjectName>,
    ) -> Option<Duration> {
        let all = || running.keys().chain(waiting);
        let known = all().filter(|project| self.durations.get(project).is_some()).count();
        if 2 * known < all().count() {
            return None;
        }
        let estimate = self.durations.estimator();
        let of_running =
            running.iter().map(|(project, took)| (project, estimate(project).saturating_sub(*took)));
        let left = of_running.chain(waiting.iter().map(|project| (project, estimate(project)))).collect();
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
        let urgencies = schedule::urgencies(self.graph, left);
        let rank = |project| Reverse((running.contains_key(project), urgencies[project]));
        let mut unmet: BTreeMap<&ProjectName, usize> = BTreeMap::new();
        let mut ready = BTreeSet::new();
        for &project in left.keys() {
            let needs = self.graph.needs(project).into_iter().filter(|need| left.contains_key(need)).count();
            if needs == 0 {
                ready.insert((rank(project), project));
            } else {
                unmet.insert(project, needs);
            }
        }
        let slots = self.parallelism.get();
        let mut loads = [BuilderLoad { native: &[], emulated: &[], slots, ends: Vec::new(), is_lost: false }];
        let any = Candidate { platform: None, warm: &[], saving: Duration::ZERO, waits_since: None };
        let mut now = Duration::ZERO;
        let mut busy = BinaryHeap::new();
        loop {
            while let Some(&first) = ready.first()
                && choose([any], &loads, slots, now).start.is_some()
            {
                ready.remove(&first);
                let end = now.saturating_add(left[first.1]);
                loads[0].ends.push(end);
                busy.push(Reverse((end, first.1)));
            }
            let Some(Reverse((end, done))) = busy.pop() else { return now };
            now = end;
            let of_done = loads[0].ends.iter().position(|of| *of == end);
            loads[0].ends.swap_remove(of_done.expect("it has just run"));
            for dependent in self.graph.dependents(done) {
                if let Some(needs) = unmet.get_mut(dependent) {
                    *needs -= 1;
                    if *needs == 0 {
                        let (dependent, _) = left.get_key_value(dependent).expect("it waits");
                        ready.insert((rank(dependent), dependent));
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
    fn a_project_that_was_never_timed_counts_for_the_mean_if_most_are_known() {
        let graph = graph();
        let remaining = |known: &[(&str, u64)]| {
            let forecast =
                Forecast { graph: &graph, durations: &durations(known), parallelism: NonZeroUsize::MIN };
            forecast.remaining(&BTreeMap::new(), &BTreeSet::from(["lib", "api", "web"].map(name)))
        };

        assert_eq!(remaining(&[("lib", 10)]), None);
        assert_eq!(remaining(&[("lib", 10), ("api", 20)]), Some(Duration::from_secs(10 + 20 + 15)));
    }

    #[test]
    fn a_build_that_takes_longer_than_before_is_done_at_any_moment() {
        let (graph, durations) = (graph(), durations(&[("lib", 10)]));
        let forecast = Forecast { graph: &graph, durations: &durations, parallelism: NonZeroUsize::MIN };
        let running = BTreeMap::from([(name("lib"), Duration::from_secs(99))]);

        assert_eq!(forecast.remaining(&running, &BTreeSet::new()), Some(Duration::ZERO));
    }
}
