//! The steps of a project for one platform.
//!
//! A project with named stages takes several builds, and each later one finds the steps of the
//! earlier ones in the engine's cache. So a step is known by what it is, whichever build reports it:
//! it is reported once and counted once, and it counts as cached only if no build had to run it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, PoisonError};

use crate::engine::{Progress, Step, StepLabel};
use crate::model::StageName;

/// The stage, and the rest of the name.
type Key = (Option<String>, String);

#[derive(Debug, Default)]
pub(super) struct Steps {
    /// Whether each was cached so far; `None` while it is running.
    reported: Mutex<BTreeMap<Key, Option<bool>>>,
    built: BTreeMap<Key, bool>,
}

/// How many steps there are, and how many of them came from the layer cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct StepCount {
    pub(super) all: usize,
    pub(super) cached: usize,
}

impl Steps {
    /// Whether no earlier build of the project has reported this already.
    pub(super) fn is_news(&self, target: Option<&StageName>, progress: &Progress) -> bool {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        match progress {
            Progress::StepStarted { step } => match reported.entry(key(step, target)) {
                Entry::Vacant(entry) => {
                    entry.insert(None);
                    true
                }
                Entry::Occupied(_) => false,
            },
            Progress::StepDone { step, cached, .. } => {
                let before = reported.insert(key(step, target), Some(*cached)).flatten();
                before.is_none_or(|was_cached| was_cached && !cached)
            }
            Progress::Warning { text, .. } => reported.insert(key(text, None), None).is_none(),
            Progress::Log { .. } => true,
        }
    }

    pub(super) fn add(&mut self, target: Option<&StageName>, steps: &[Step]) {
        for step in steps {
            *self.built.entry(key(&step.name, target)).or_insert(true) &= step.cached;
        }
    }

    pub(super) fn count(&self) -> StepCount {
        StepCount { all: self.built.len(), cached: self.built.values().filter(|cached| **cached).count() }
    }
}

impl std::iter::Sum for StepCount {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |sum, count| Self {
            all: sum.all + count.all,
            cached: sum.cached + count.cached,
        })
    }
}

/// A build of one stage leaves the stage's name out, and it is the build's target.
fn key(step: &str, target: Option<&StageName>) -> Key {
    match StepLabel::parse(step) {
        Some(StepLabel { stage, number, instruction }) => {
            let stage = stage.or(target.map(StageName::as_str));
            (stage.map(str::to_owned), format!("{number} {instruction}"))
        }
        None => (None, step.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn built(steps: &[(&str, bool)]) -> Vec<Step> {
        let step = |&(name, cached): &(&str, bool)| Step { name: name.to_owned(), cached };
        steps.iter().map(step).collect()
    }

    // issue 14: E9
    #[test]
    fn a_step_of_a_stage_and_of_the_image_counts_once_and_is_cached_only_if_no_build_ran_it() {
        let stage: StageName = "build".parse().unwrap();
        let mut steps = Steps::default();

        steps.add(Some(&stage), &built(&[("[2/3] COPY . .", true), ("[3/3] RUN make", false)]));
        steps.add(
            None,
            &built(&[
                ("[build 2/3] COPY . .", true),
                ("[build 3/3] RUN make", true),
                ("[stage-1 1/1] COPY --from=build /a /a", false),
            ]),
        );

        assert_eq!(steps.count(), StepCount { all: 3, cached: 1 });
    }

    #[test]
    fn a_step_is_reported_once_and_again_only_if_a_later_build_runs_it() {
        let stage: StageName = "build".parse().unwrap();
        let steps = Steps::default();
        let started = |step: &str| Progress::StepStarted { step: step.to_owned() };
        let done =
            |step: &str, cached| Progress::StepDone { step: step.to_owned(), cached, took: Duration::ZERO };

        let news = [
            steps.is_news(Some(&stage), &started("[2/2] RUN make")),
            steps.is_news(Some(&stage), &done("[2/2] RUN make", true)),
            steps.is_news(None, &started("[build 2/2] RUN make")),
            steps.is_news(None, &done("[build 2/2] RUN make", true)),
            steps.is_news(None, &done("[build 2/2] RUN make", false)),
        ];

        assert_eq!(news, [true, true, false, false, true]);
    }
}
