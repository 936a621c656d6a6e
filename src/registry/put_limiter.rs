//! Spreads the manifests that a process writes to one registry, so that its quota is not exceeded for long.
//!
//! ECR takes 10 manifests a second from all who write to an account in a region, unless AWS was asked for more, and answers
//! 429 to the others. Nobody here knows that number, so it is learned: manifests are written as they come until the
//! first 429. From then on each waits for its turn. The rate is cut at a 429 and grows with each manifest that is
//! accepted, as TCP does, so that several processes share a quota.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::Host;

/// Turns a second, at least: another process may have taken all of the quota when this one asked first.
const MIN_RATE: f64 = 1.0;
/// What a 429 leaves of the rate.
const CUT: f64 = 0.85;
/// How much the rate grows with each manifest that is accepted.
const GROWTH: f64 = 0.005;
/// The same when no 429 has come for [`CALM`].
const FAST_GROWTH: f64 = 0.02;
const CALM: Duration = Duration::from_secs(10);
/// The rate that was accepted is measured over this.
const WINDOW: Duration = Duration::from_secs(1);

/// All limiters of the process: registries that are one host share its quota, whichever table of the manifest names them.
static OF_HOSTS: Mutex<BTreeMap<String, Arc<PutLimiter>>> = Mutex::new(BTreeMap::new());

/// Gives turns to those who write manifests to one registry.
pub struct PutLimiter {
    host: String,
    /// How long may nothing be accepted before a 429 is an error.
    max_silence: Duration,
    rate: Mutex<Rate>,
}

impl fmt::Debug for PutLimiter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PutLimiter").field("host", &self.host).finish_non_exhaustive()
    }
}

/// A refusal because too much was written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Throttling {
    /// How long the registry wants nothing more.
    pub retry_after: Option<Duration>,
}

impl PutLimiter {
    /// The one of this host. The first who asks decides how long may nothing be accepted.
    pub(super) fn of(host: &Host, max_silence: Duration) -> Arc<Self> {
        let mut limiters = OF_HOSTS.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Self { host: host.to_string(), max_silence, rate: Mutex::default() });
        Arc::clone(limiters.entry(host.to_string()).or_insert_with(new))
    }

    /// Waits for a turn and writes. What is throttled gets further turns.
    ///
    /// # Errors
    /// What `put` fails with; a throttling only if the registry has accepted nothing of this process for that long.
    pub async fn put<T, E, Putting>(
        &self,
        throttling: impl Fn(&E) -> Option<Throttling>,
        mut put: impl FnMut() -> Putting,
    ) -> Result<T, E>
    where
        Putting: Future<Output = Result<T, E>>,
    {
        loop {
            let turn = self.rate().turn(Instant::now());
            tokio::time::sleep_until(turn.into()).await;
            let sent = Instant::now();
            let result = put().await;
            let throttling = match &result {
                Ok(_) => {
                    self.rate().accepted(Instant::now());
                    None
                }
                Err(error) => throttling(error),
            };
            let Some(throttling) = throttling else { return result };
            if self.throttled(sent, throttling) >= self.max_silence {
                return result;
            }
        }
    }

    /// Notes a 429 to what was sent at that time; returns how long nothing was accepted.
    fn throttled(&self, sent: Instant, throttling: Throttling) -> Duration {
        let mut rate = self.rate();
        if rate.per_second.is_none() {
            let host = &self.host;
            tracing::warn!("`{host}` limits how many images are written a second: they take turns from now on");
        }
        rate.throttled(sent, Instant::now(), throttling.retry_after.unwrap_or_default())
    }

    fn rate(&self) -> MutexGuard<'_, Rate> {
        self.rate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How fast manifests are written, and what the registry has made of it.
#[derive(Debug, Default)]
struct Rate {
    /// `None` before the first 429.
    per_second: Option<f64>,
    /// The next turn that nobody has.
    next: Option<Instant>,
    /// When manifests were accepted in the last [`WINDOW`].
    accepted: VecDeque<Instant>,
    last_cut: Option<Instant>,
    /// The first 429 since something was accepted.
    silent_since: Option<Instant>,
}

impl Rate {
    /// Takes the next turn.
    fn turn(&mut self, now: Instant) -> Instant {
        let turn = self.next.map_or(now, |next| next.max(now));
        if let Some(rate) = self.per_second {
            self.next = Some(turn + Duration::from_secs_f64(1.0 / rate));
        }
        turn
    }

    fn accepted(&mut self, now: Instant) {
        self.silent_since = None;
        self.accepted.push_back(now);
        self.forget(now);
        let is_calm = self.last_cut.is_none_or(|cut| now.saturating_duration_since(cut) >= CALM);
        if let Some(rate) = &mut self.per_second {
            *rate *= 1.0 + if is_calm { FAST_GROWTH } else { GROWTH };
        }
    }

    /// Notes a 429 to what was `sent` then; returns how long nothing was accepted.
    fn throttled(&mut self, sent: Instant, now: Instant, retry_after: Duration) -> Duration {
        self.forget(now);
        // What was on its way at the last cut says nothing of the rate since.
        if self.last_cut.is_none_or(|cut| sent > cut) {
            let rate = match self.per_second {
                Some(rate) => rate * CUT,
                None => self.accepted.len() as f64 / WINDOW.as_secs_f64(),
            };
            let rate = rate.max(MIN_RATE);
            self.per_second = Some(rate);
            self.last_cut = Some(now);
            let pause = retry_after.max(Duration::from_secs_f64(1.0 / rate));
            self.next = Some(self.next.map_or(now, |next| next.max(now)).max(now + pause));
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

    /// What came of so many manifests, of which 32 at a time are on their way: how long it took, and how many
    /// 429 there were.
    fn write(manifests: usize, quota: f64) -> (Duration, usize) {
        const ROUND_TRIP: Duration = Duration::from_millis(40);
        let begun = Instant::now();
        let mut registry = Quota::new(quota, begun);
        let mut rate = Rate::default();
        let mut turns: Vec<Instant> = (0..32).map(|_| rate.turn(begun)).collect();
        let (mut left, mut refused, mut now) = (manifests, 0, begun);
        while left > 0 {
            turns.sort_unstable_by(|one, other| other.cmp(one));
            let sent = turns.pop().expect("somebody always waits");
            now = sent + ROUND_TRIP;
            if registry.takes(sent) {
                rate.accepted(now);
                left -= 1;
            } else {
                rate.throttled(sent, now, Duration::ZERO);
                refused += 1;
            }
            turns.push(rate.turn(now));
        }
        (now - begun, refused)
    }

    // issue 17: A3
    #[test]
    fn a_quota_is_learned_and_used() {
        for quota in [2.0, 10.0, 50.0] {
            let manifests = 60 * quota as usize;

            let (span, refused) = write(manifests, quota);

            let least = manifests as f64 / quota;
            assert!(span.as_secs_f64() <= 1.3 * least, "{quota} a second: {span:?}, {refused} refused");
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

        assert_eq!(rate.per_second, Some(20.0));
        assert_eq!(rate.turn(later), later + Duration::from_secs(7));
        assert_eq!(rate.turn(later), later + Duration::from_secs(7) + Duration::from_millis(50));
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
