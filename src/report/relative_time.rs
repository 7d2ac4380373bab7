//! Relative times for people: "2 h ago", "in 5 min".

use std::fmt;

use crate::clock::Time;

/// Formats how long ago something happened.
#[derive(Clone, Copy, Debug)]
pub struct TimeAgo {
    /// When it happened.
    pub time: Time,
    pub now: Time,
}

/// Formats how far in the future something is.
#[derive(Clone, Copy, Debug)]
pub struct TimeUntil {
    /// When it will happen.
    pub time: Time,
    pub now: Time,
}

impl fmt::Display for TimeAgo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.now.since(self.time) {
            // A clock that was ahead may have left it.
            ..-60 => f.pad(&format!("in the future ({})", self.time.utc().date())),
            -60..=0 => f.pad("just now"),
            seconds => f.pad(&format!("{} ago", rough(seconds))),
        }
    }
}

impl fmt::Display for TimeUntil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.time.since(self.now) {
            ..=0 => f.pad("now"),
            seconds => f.pad(&format!("in {}", rough(seconds))),
        }
    }
}

/// Formats a duration in the largest unit of which it contains at least two.
fn rough(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / MINUTE),
        7200..172_800 => format!("{} h", seconds / HOUR),
        _ => format!("{} d", seconds / DAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_shown_in_the_largest_fitting_unit() {
        let now = Time(1_000_000);
        for (seconds, expected) in [
            (0, "now"),
            (5, "in 5 s"),
            (119, "in 119 s"),
            (120, "in 2 min"),
            (7200, "in 2 h"),
            (172_800, "in 2 d"),
        ] {
            assert_eq!(TimeUntil { time: now.plus(seconds), now }.to_string(), expected);
        }
        for (seconds, expected) in [
            (-7200, "2 h ago"),
            (0, "just now"),
            (60, "just now"),
            (61, "in the future (1970-01-12)"),
        ] {
            assert_eq!(TimeAgo { time: now.plus(seconds), now }.to_string(), expected);
        }
    }
}
