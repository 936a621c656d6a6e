//! Decides which of the ready builds starts next, and on which builder. Pure: runs, forecasts and tests ask the same function.
//!
//! The most urgent build that a free slot fits starts. It goes to a builder that has its platform natively, to one that
//! emulates it only where no other is left, and among these to one that has its layers, else to the one that uses the least of
//! its slots. If all builders that have its layers are busy and one of them is expected to be free so soon that waiting
//! costs less than starting without the layers, it waits; others may start meanwhile. It waits at most for as long as the layers
//! save, whatever was expected.

use std::cmp::Ordering;
use std::time::Duration;

use crate::model::Platform;

/// A builder, and what it does now.
#[derive(Clone, Debug)]
pub struct BuilderLoad<'p> {
    /// The platforms whose programs it runs itself.
    pub native: &'p [Platform],
    /// Those that it builds for in some other way.
    pub emulated: &'p [Platform],
    /// Maximum number of builds at a time.
    pub slots: usize,
    /// When each of its builds is expected to end.
    pub ends: Vec<Duration>,
    pub is_lost: bool,
}

/// A build that could start.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'c> {
    /// Any will do where it is `None`.
    pub platform: Option<&'c Platform>,
    /// The builders that have its layers, by position.
    pub warm: &'c [usize],
    /// How much sooner it is done on one of these.
    pub saving: Duration,
    /// Since when it waits for one of these although another is free.
    pub waits_since: Option<Duration>,
}

/// Where a build goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// To a builder that has the platform natively.
    Native(usize),
    /// To one that emulates it: no builder that is left has it natively.
    Emulated(usize),
    /// No builder that is left has the platform.
    Nowhere,
}

/// What starts now, by position among the candidates, and what waits for its layers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    pub start: Option<(usize, Spot)>,
    /// Candidates that a free slot would fit, each with the time until which it waits for a better one.
    pub waiting: Vec<(usize, Duration)>,
}

/// Chooses what starts at `now`; nothing while `limit` builds run. Candidates come in the order of their urgency, and no
/// more of them are looked at than needed.
pub fn choose<'c>(
    candidates: impl IntoIterator<Item = Candidate<'c>>,
    loads: &[BuilderLoad<'_>],
    limit: usize,
    now: Duration,
) -> Choice {
    let mut choice = Choice::default();
    let running: usize = loads.iter().map(|load| load.ends.len()).sum();
    let has_room = running < limit && loads.iter().any(BuilderLoad::is_free);
    let is_exhausted = loads.iter().all(|load| load.is_lost);
    if !has_room && !is_exhausted {
        return choice;
    }
    for (position, candidate) in candidates.into_iter().enumerate() {
        let (able, spot) = able(candidate.platform, loads);
        if able.is_empty() {
            choice.start = Some((position, Spot::Nowhere));
            return choice;
        }
        let free: Vec<usize> = able.iter().copied().filter(|&load| loads[load].is_free()).collect();
        let by_load = |one: &usize, other: &usize| compare_load(&loads[*one], &loads[*other]);
        let Some(any) = free.iter().copied().min_by(by_load) else { continue };
        let warm = free.iter().copied().filter(|load| candidate.warm.contains(load)).min_by(by_load);
        let until = candidate.waits_until(&able, loads, now);
        match (warm, until) {
            (None, Some(until)) => choice.waiting.push((position, until)),
            (warm, _) => {
                choice.start = Some((position, spot(warm.unwrap_or(any))));
                return choice;
            }
        }
    }
    choice
}

/// The builders that can be used for a platform, and how they have it.
fn able(platform: Option<&Platform>, loads: &[BuilderLoad<'_>]) -> (Vec<usize>, fn(usize) -> Spot) {
    let has = |platforms: &[Platform]| {
        platform.is_none_or(|platform| platforms.iter().any(|one| one.is_same_as(platform)))
    };
    let left = || loads.iter().enumerate().filter(|(_, load)| !load.is_lost);
    let native: Vec<usize> = left().filter(|(_, load)| has(load.native)).map(|(at, _)| at).collect();
    match native.is_empty() {
        false => (native, Spot::Native),
        true => (left().filter(|(_, load)| has(load.emulated)).map(|(at, _)| at).collect(), Spot::Emulated),
    }
}

/// Compares which part of their slots two builders use.
fn compare_load(one: &BuilderLoad<'_>, other: &BuilderLoad<'_>) -> Ordering {
    (one.ends.len() * other.slots).cmp(&(other.ends.len() * one.slots))
}

impl BuilderLoad<'_> {
    fn is_free(&self) -> bool {
        !self.is_lost && self.ends.len() < self.slots
    }
}

impl Candidate<'_> {
    /// The time at which a builder that has the layers is expected to be free, if that is soon enough.
    fn waits_until(&self, able: &[usize], loads: &[BuilderLoad<'_>], now: Duration) -> Option<Duration> {
        let last = self.waits_since.unwrap_or(now).saturating_add(self.saving);
        let warm = self.warm.iter().filter(|load| able.contains(load));
        // A build that takes longer than expected says nothing of its end.
        let ends = warm.flat_map(|&load| loads[load].ends.iter().copied().filter(|end| *end > now));
        ends.min().filter(|end| *end <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn load(slots: usize, ends: &[u64]) -> BuilderLoad<'static> {
        let ends = ends.iter().map(|end| seconds(*end)).collect();
        BuilderLoad { native: &[], emulated: &[], slots, ends, is_lost: false }
    }

    fn warm(warm: &[usize], saving: u64) -> Candidate<'_> {
        Candidate { platform: None, warm, saving: seconds(saving), waits_since: None }
    }

    #[test]
    fn a_build_goes_where_its_layers_are_if_that_is_free() {
        let loads = [load(4, &[9]), load(4, &[9, 9])];

        let choice = |candidate| choose([candidate], &loads, 8, seconds(1)).start;

        assert_eq!(choice(warm(&[], 5)), Some((0, Spot::Native(0))));
        assert_eq!(choice(warm(&[1], 5)), Some((0, Spot::Native(1))));
    }

    #[test]
    fn a_build_waits_for_its_layers_only_where_that_costs_less_and_others_start_meanwhile() {
        let loads = [load(1, &[9]), load(1, &[])];

        let choice = |saving, now| choose([warm(&[0], saving), warm(&[], 0)], &loads, 8, seconds(now));

        let waits = Choice { start: Some((1, Spot::Native(1))), waiting: vec![(0, seconds(9))] };
        assert_eq!(choice(5, 4), waits);
        let starts = Choice { start: Some((0, Spot::Native(1))), waiting: Vec::new() };
        assert_eq!(choice(5, 3), starts);
        // What it waits for takes longer than expected.
        assert_eq!(choice(5, 9), starts);
    }

    #[test]
    fn a_build_never_waits_longer_than_its_layers_save() {
        let loads = [load(1, &[12]), load(1, &[])];
        let waits_since = |since| Candidate { waits_since: Some(seconds(since)), ..warm(&[0], 5) };

        let starts = |since| choose([waits_since(since)], &loads, 8, seconds(8)).start.is_some();

        assert!(!starts(7));
        assert!(starts(6));
    }

    #[test]
    fn nothing_starts_at_the_limit_and_all_fail_once_no_builder_is_left() {
        let mut loads = [load(2, &[9]), load(2, &[])];

        assert_eq!(choose([warm(&[], 0)], &loads, 1, seconds(0)), Choice::default());
        loads.iter_mut().for_each(|load| load.is_lost = true);
        assert_eq!(choose([warm(&[], 0)], &loads, 1, seconds(0)).start, Some((0, Spot::Nowhere)));
    }
}
