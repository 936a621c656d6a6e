//! Moments by the clock, as records keep them.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use thiserror::Error;

/// A moment, in whole milliseconds since 1970-01-01T00:00:00Z. Shown in UTC, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// A text that is not a moment.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a time, such as `2026-11-28T20:15:00Z`")]
pub struct InvalidTimestamp(String);

impl Timestamp {
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// What the machine's clock says; the beginning of 1970 for a clock before that.
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// The moment that comes this much later.
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long ago `earlier` was; nothing when it lies in the future.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// The beginning of 1970 for what is before that.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self(0).after(time.duration_since(UNIX_EPOCH).unwrap_or_default())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The last second that RFC 3339 has a form for.
        const LAST_SECOND: u64 = 253_402_300_799;
        let seconds = Duration::from_secs((self.0 / 1000).min(LAST_SECOND));
        write!(formatter, "{}", humantime::format_rfc3339_seconds(UNIX_EPOCH + seconds))
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let invalid = || InvalidTimestamp(text.to_owned());
        let time = humantime::parse_rfc3339(text).map_err(|_| invalid())?;
        Ok(Self(0).after(time.duration_since(UNIX_EPOCH).map_err(|_| invalid())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_it_is_shown_to_the_second() {
        let moment = Timestamp::from_millis(1_795_896_900_123);

        assert_eq!(moment.to_string(), "2026-11-28T20:15:00Z");
        assert_eq!(moment.to_string().parse(), Ok(Timestamp::from_millis(1_795_896_900_000)));
        assert!("yesterday".parse::<Timestamp>().is_err());
        assert_eq!(Timestamp::from_millis(u64::MAX).to_string(), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn what_lies_in_the_future_is_no_time_ago() {
        let (earlier, later) = (Timestamp::from_millis(1_000), Timestamp::from_millis(3_500));

        assert_eq!(later.since(earlier), Duration::from_millis(2_500));
        assert_eq!(earlier.since(later), Duration::ZERO);
    }
}
