//! Times as people read them.

use std::time::Duration;

use super::counted::counted;

/// A time that was measured: `41.2 s`, `2 min 5 s`, `1 h 3 min`.
pub fn measured(time: Duration) -> String {
    if time < Duration::from_secs(60) { format!("{:.1} s", time.as_secs_f64()) } else { rough(time) }
}

/// A time to the second: `41 s`, `2 min 5 s`, `1 h 3 min`.
pub fn rough(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// A time that is an estimate: `40 s`, `2 min`, `1 h 10 min`.
pub fn estimated(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let to = |unit: f64| Duration::from_secs_f64((seconds / unit).round().max(1.0) * unit);
    match time.as_secs() {
        0..10 => rough(to(1.0)),
        10..60 => rough(to(10.0)),
        60..3600 => rough(to(60.0)),
        _ => rough(to(600.0)),
    }
}

/// How old something is: `5 minutes`, `3 hours`, `41 days`.
pub fn age(time: Duration) -> String {
    let (minutes, hours, days) = (time.as_secs() / 60, time.as_secs() / 3600, time.as_secs() / (24 * 3600));
    let (count, unit) = match (hours, days) {
        (0, _) => (minutes, "minute"),
        (_, 0..2) => (hours, "hour"),
        _ => (days, "day"),
    };
    counted(count, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_exact_as_they_are_useful() {
        let seconds = [0.04, 59.94, 60.0, 125.9, 3600.0, 3790.0, 8000.0];
        let times = seconds.map(Duration::from_secs_f64);

        assert_eq!(
            times.map(measured),
            ["0.0 s", "59.9 s", "1 min", "2 min 5 s", "1 h", "1 h 3 min", "2 h 13 min"]
        );
        assert_eq!(times.map(rough), ["0 s", "59 s", "1 min", "2 min 5 s", "1 h", "1 h 3 min", "2 h 13 min"]);
        let minutes = [0, 1, 59, 60, 47 * 60, 48 * 60].map(|minutes| age(Duration::from_secs(minutes * 60)));
        assert_eq!(minutes, ["0 minutes", "1 minute", "59 minutes", "1 hour", "47 hours", "2 days"]);
        assert_eq!(times.map(estimated), ["1 s", "1 min", "1 min", "2 min", "1 h", "1 h", "2 h 10 min"]);
    }
}
