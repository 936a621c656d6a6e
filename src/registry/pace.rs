//! How slowly the body of an answer may come, or a blob move.

use std::time::{Duration, Instant};

/// On average over a period. Slower than any line, and the bound of the whole: no answer takes longer than its
/// size at this rate.
const MIN_BYTES_PER_SECOND: u64 = 1 << 10;

/// Watches what comes of one answer. Silence ends by itself: see [`super::RetryPolicy`].
#[derive(Debug)]
pub(super) struct Pace {
    period: Duration,
    since: Instant,
    bytes: u64,
}

/// What came in a period, and was too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooSlow {
    pub(super) bytes: u64,
    pub(super) period: Duration,
}

impl Pace {
    /// Looks at the average of each period by itself.
    pub(super) fn new(period: Duration) -> Self {
        Self { period, since: Instant::now(), bytes: 0 }
    }

    /// Notes that so many bytes came at `now`.
    pub(super) fn moved(&mut self, bytes: usize, now: Instant) -> Result<(), TooSlow> {
        self.bytes += bytes as u64;
        let period = now.saturating_duration_since(self.since);
        if period < self.period {
            return Ok(());
        }
        let expected = period.as_secs_f64() * MIN_BYTES_PER_SECOND as f64;
        if (self.bytes as f64) < expected {
            return Err(TooSlow { bytes: self.bytes, period });
        }
        (self.since, self.bytes) = (now, 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long it goes on when `bytes` come each second.
    fn lasts(bytes: usize, seconds: u64) -> Result<(), (u64, TooSlow)> {
        let mut pace = Pace::new(Duration::from_secs(30));
        let began = pace.since;
        for second in 1..=seconds {
            let moved = pace.moved(bytes, began + Duration::from_secs(second));
            moved.map_err(|slow| (second, slow))?;
        }
        Ok(())
    }

    #[test]
    fn a_drip_ends_after_a_period_and_a_slow_line_is_waited_for() {
        let slow = TooSlow { bytes: 30, period: Duration::from_secs(30) };
        assert_eq!(lasts(1, 3600), Err((30, slow)));
        assert_eq!(lasts(1 << 10, 3600), Ok(()));
    }

    #[test]
    fn what_came_before_does_not_count_for_a_later_period() {
        let mut pace = Pace::new(Duration::from_secs(30));
        let at = |seconds| pace.since + Duration::from_secs(seconds);
        let [first, second] = [at(30), at(60)];

        assert_eq!(pace.moved(1 << 30, first), Ok(()));
        assert!(pace.moved(1, second).is_err());
    }
}
