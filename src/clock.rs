//! Time: the types every decision is a function of, and the one reader of the wall clock.
//!
//! Nothing else in the crate may ask what time it is (`.clippy.toml` denies it), so that
//! years of schedules can be simulated by passing other numbers.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Datelike, Timelike, Utc};

/// A UTC instant in whole seconds since 1970, as the database stores it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Time(pub i64);

impl Time {
    /// The instant `seconds` later (earlier when negative), held within what an `i64` can say.
    pub fn plus(self, seconds: i64) -> Time {
        Time(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this instant; negative when `earlier` is later.
    pub fn since(self, earlier: Time) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The same instant as a calendar date; instants beyond the calendar become 1970.
    pub fn date_time(self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0, 0).unwrap_or_default()
    }
}

/// RFC 3339 in UTC, as in the database's `*_utc` columns.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.date_time();
        let year = at.year();
        // Years of more than four digits have a sign.
        match (0..=9999).contains(&year) {
            true => write!(f, "{year:04}")?,
            false => write!(f, "{year:+05}")?,
        }
        let (month, day) = (at.month(), at.day());
        let (hour, minute, second) = (at.hour(), at.minute(), at.second());
        write!(f, "-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// What the wall clock said, in milliseconds since 1970: the argument of every decision.
///
/// Milliseconds are for the pace between calls alone; due-ness knows whole seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Now(pub i64);

impl Now {
    /// The second that this moment lies in.
    pub fn time(self) -> Time {
        Time(self.0.div_euclid(1000))
    }

    /// How long until `later`; zero if it has passed.
    pub fn until(self, later: Now) -> Duration {
        Duration::from_millis(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }
}

impl From<Time> for Now {
    fn from(time: Time) -> Now {
        Now(time.0.saturating_mul(1000))
    }
}

/// One moment by both of the machine's clocks: what the wall clock said, and the milliseconds of a
/// clock that counts sleep too and that nobody can set. Against it a wall clock that was set shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// What the wall clock said.
    pub wall: Now,
    /// Milliseconds since some start.
    pub machine: i64,
}

/// Reads both clocks.
pub fn moment() -> Moment {
    let machine = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Moment { wall: now(), machine: machine.tv_sec * 1000 + machine.tv_nsec / 1_000_000 }
}

/// Reads the wall clock.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn now() -> Now {
    Now(Utc::now().timestamp_millis())
}

/// Reads the monotonic clock: for measuring how long a call took, never for a decision.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
pub fn monotonic() -> std::time::Instant {
    std::time::Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_before_1970_lies_in_the_second_it_began() {
        assert_eq!(Now(-1).time(), Time(-1));
        assert_eq!(Now(1999).time(), Time(1));
    }

    #[test]
    fn time_is_written_as_rfc_3339() {
        assert_eq!(Time(1_705_401_000).to_string(), "2024-01-16T10:30:00Z");
        for time in [0, -1, -62_167_219_200, -62_167_219_201, 253_402_300_799, 253_402_300_800] {
            let by_pattern = Time(time).date_time().format("%Y-%m-%dT%H:%M:%SZ").to_string();
            assert_eq!(Time(time).to_string(), by_pattern);
        }
    }
}
