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

use tokio::sync::Semaphore;

use crate::model::Host;

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

/// All limiters of the process: registries that are one host share its quota, whichever table of the manifest names them.
static OF_HOSTS: Mutex<BTreeMap<String, Arc<PutLimiter>>> = Mutex::new(BTreeMap::new());

/// Gives turns to those who write manifests to one registry.
pub struct PutLimiter {
    host: String,
    /// How long may nothing be accepted before a 429 is an error.
    max_silence: Duration,
    /// Whoever has the permit is the next.
    queue: Semaphore,
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
        let new = || {
            let (queue, rate) = (Semaphore::new(1), Mutex::default());
            Arc::new(Self { host: host.to_string(), max_silence, queue, rate })
        };
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
            let sent = self.turn().await;
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

    /// Waits for a turn, in the order of those who ask. A 429 that comes meanwhile postpones it.
    async fn turn(&self) -> Instant {
        let _next = self.queue.acquire().await.expect("it is never closed");
        loop {
            let now = Instant::now();
            let taken = self.rate().take(now);
            match taken {
                Ok(()) => return now,
                Err(next) => tokio::time::sleep_until(next.into()).await,
            }
        }
    }

    /// Notes a 429 to what was sent at that time; returns how long nothing was accepted.
    fn throttled(&self, sent: Instant, throttling: Throttling) -> Duration {
        let mut rate = self.rate();
        if rate.per_second.is_none() {
            let host = &self.host;
            tracing::warn!(
                "`{host}` limits how many images are written a second: they take turns from now on"
            );
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
    /// Takes the turn that is now, or says when the next one is.
    fn take(&mut self, now: Instant) -> Result<(), Instant> {
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

    fn accepted(&mut self, now: Instant) {
        self.silent_since = None;
        self.accepted.push_back(now);
        self.forget(now);
        if let (Some(rate), Some((cut, refused))) = (&mut self.per_second, self.last_cut) {
            let growth = match now.saturating_duration_since(cut) >= CALM {
                true => FAST_GROWTH,
                false if *rate < refused => GROWTH,
                false => SLOW_GROWTH,
            };
            *rate *= 1.0 + growth;
        }
    }

    /// Notes a 429 to what was `sent` then; returns how long nothing was accepted.
    fn throttled(&mut self, sent: Instant, now: Instant, retry_after: Duration) -> Duration {
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
