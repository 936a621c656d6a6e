//! The rate at which manifests are written: what is learned of a registry's quota.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Turns a second, at least: another process may have taken all of the quota when this one asked first.
const MIN_RATE: f64 = 1.0;
/// What a 429 leaves of the rate.
const CUT: f64 = 0.85;
/// How much the rate grows with each manifest that is accepted, above the rate that was refused last.
const SLOW_GROWTH: f64 = 0.005;
/// The same below that rate.
const GROWTH: f64 = 0.01;
/// The same when no 429 has come for [`CALM`]: others may have left some of the quota.
const FAST_GROWTH: f64 = 0.03;
const CALM: Duration = Duration::from_secs(5);
/// The rate that was accepted is measured over this.
const WINDOW: Duration = Duration::from_secs(1);

/// How fast manifests are written, and what the registry has made of it.
#[derive(Debug, Default)]
pub(super) struct Rate {
    /// `None` before the first 429.
    per_second: Option<f64>,
    /// When the next turn is.
    next: Option<Instant>,
    /// When manifests were accepted in the last [`WINDOW`].
    accepted: VecDeque<Instant>,
    /// When the rate was cut last, and what it was before.
    last_cut: Option<(Instant, f64)>,
    /// The first 429 since something was accepted.
    silent_since: Option<Instant>,
}

impl Rate {
    /// Whether a 429 has come.
    pub(super) fn is_learned(&self) -> bool {
        self.per_second.is_some()
    }

    /// Takes the turn that is now, or says when the next one is.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        if let Some(next) = self.next.filter(|next| *next > now) {
            return Err(next);
        }
        // A sleep ends a little late, which must not add up.
        let interval = self.per_second.map(|rate| Duration::from_secs_f64(1.0 / rate));
        self.next = interval.map(|interval| {
            let due = self.next.filter(|due| now.saturating_duration_since(*due) < interval);
            due.unwrap_or(now) + interval
        });
        Ok(())
    }

    pub(super) fn accepted(&mut self, now: Instant) {
        self.silent_since = None;
        self.accepted.push_back(now);
        self.forget(now);
        let used = self.accepted.len() as f64 / WINDOW.as_secs_f64();
        if let (Some(rate), Some((cut, refused))) = (&mut self.per_second, self.last_cut)
            // A rate that is not used says nothing of the quota.
            && used >= *rate / 2.0
        {
            let growth = match now.saturating_duration_since(cut) >= CALM {
                true => FAST_GROWTH,
                false if *rate < refused => GROWTH,
                false => SLOW_GROWTH,
            };
            *rate *= 1.0 + growth;
        }
    }

    /// Notes a 429 to what was `sent` then; returns how long nothing was accepted.
    pub(super) fn throttled(&mut self, sent: Instant, now: Instant, retry_after: Duration) -> Duration {
        self.forget(now);
        // What was on its way at the last cut says nothing of the rate since.
        if self.last_cut.is_none_or(|(cut, _)| sent > cut) {
            let refused = self.per_second.unwrap_or(self.accepted.len() as f64 / WINDOW.as_secs_f64());
            let rate = (refused * CUT).max(MIN_RATE);
            self.per_second = Some(rate);
            self.last_cut = Some((now, refused));
            let pause = retry_after.max(Duration::from_secs_f64(1.0 / rate));
            self.next = Some(now + pause);
        }
        now.saturating_duration_since(*self.silent_since.get_or_insert(now))
    }

    fn forget(&mut self, now: Instant) {
        while self.accepted.front().is_some_and(|at| now.saturating_duration_since(*at) > WINDOW) {
            self.accepted.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A registry that has `quota` tokens a second, and as many at once.
    struct Quota {
        per_second: f64,
        tokens: f64,
        at: Instant,
    }

    impl Quota {
        fn new(per_second: f64, at: Instant) -> Self {
            Self { per_second, tokens: per_second, at }
        }

        fn takes(&mut self, now: Instant) -> bool {
            let refilled = (now - self.at).as_secs_f64() * self.per_second;
            (self.tokens, self.at) = ((self.tokens + refilled).min(self.per_second), now);
            let takes = self.tokens >= 1.0;
            if takes {
                self.tokens -= 1.0;
            }
            takes
        }
    }

    /// What came of so many manifests, of which at most 32 wait or are on their way: how long it took, and how many
    /// 429 there were.
    fn write(manifests: usize, quota: f64) -> (Duration, usize) {
        const ROUND_TRIP: Duration = Duration::from_millis(40);
        let begun = Instant::now();
        let (mut registry, mut rate) = (Quota::new(quota, begun), Rate::default());
        let (mut waiting, mut on_their_way) = (32, VecDeque::new());
        let (mut left, mut refused, mut now) = (manifests, 0, begun);
        while left > 0 {
            let answer = on_their_way.front().map(|(sent, _)| *sent + ROUND_TRIP);
            let turn = (waiting > 0).then(|| rate.next.map_or(now, |next| next.max(now)));
            match (turn, answer) {
                (Some(turn), answer) if answer.is_none_or(|answer| turn < answer) => {
                    now = turn;
                    rate.take(now).expect("it is its turn");
                    waiting -= 1;
                    on_their_way.push_back((now, registry.takes(now)));
                }
                (_, answer) => {
                    now = answer.expect("nobody waits, so all are on their way");
                    let (sent, is_accepted) = on_their_way.pop_front().expect("it was looked at");
                    waiting += 1;
                    if is_accepted {
                        rate.accepted(now);
                        left -= 1;
                    } else {
                        rate.throttled(sent, now, Duration::ZERO);
                        refused += 1;
                    }
                }
            }
        }
        (now - begun, refused)
    }

    // issue 17: A3
    #[test]
    fn a_quota_is_learned_and_used() {
        // Each takes a minute.
        for (quota, manifests) in [(2.0, 120), (10.0, 600), (50.0, 3_000)] {
            let (span, refused) = write(manifests, quota);

            assert!(span.as_secs_f64() <= 1.3 * 60.0, "{quota} a second: {span:?}, {refused} refused");
            // All that are on their way at the first refusal are refused.
            assert!(refused <= 32 + manifests / 10, "{quota} a second: {refused} of {manifests} refused");
        }
    }

    #[test]
    fn nobody_waits_where_nothing_is_refused() {
        let (span, refused) = write(1_000, 1e9);

        assert_eq!(refused, 0);
        assert!(span < Duration::from_secs(2), "{span:?}");
    }

    #[test]
    fn a_rate_that_is_not_used_does_not_grow() {
        let begun = Instant::now();
        let mut rate = Rate::default();
        for _ in 0..20 {
            rate.accepted(begun);
        }
        rate.throttled(begun, begun, Duration::ZERO);

        for second in 2..1_000 {
            rate.accepted(begun + Duration::from_secs(second));
        }

        assert_eq!(rate.per_second, Some(17.0));
    }

    #[test]
    fn what_was_on_its_way_together_is_one_reason_to_go_slower() {
        let begun = Instant::now();
        let mut rate = Rate::default();
        for _ in 0..20 {
            rate.accepted(begun);
        }
        let later = begun + Duration::from_millis(100);

        for _ in 0..30 {
            rate.throttled(begun, later, Duration::from_secs(7));
        }

        assert_eq!(rate.per_second, Some(17.0));
        let next = later + Duration::from_secs(7);
        assert_eq!(rate.take(later), Err(next));
        assert_eq!(rate.take(next), Ok(()));
        assert_eq!(rate.take(next), Err(next + Duration::from_secs_f64(1.0 / 17.0)));
    }

    #[test]
    fn silence_is_counted_from_the_first_refusal_to_the_next_acceptance() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut rate = Rate::default();

        let silences = [10, 70].map(|second| rate.throttled(at(second), at(second), Duration::ZERO));
        rate.accepted(at(71));
        let after = rate.throttled(at(80), at(80), Duration::ZERO);

        assert_eq!(silences, [Duration::ZERO, Duration::from_secs(60)]);
        assert_eq!(after, Duration::ZERO);
    }
}
