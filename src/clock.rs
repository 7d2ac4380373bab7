//! The types of time that decisions take, and the only code that reads a clock.
//!
//! `.clippy.toml` denies reading a clock anywhere else in the crate, so that years of schedules can
//! be simulated by passing other times.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp, civil};

/// A UTC instant in whole seconds since 1970, as the database stores it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Time(pub i64);

impl Time {
    /// Returns the instant `seconds` later, or earlier if negative. Saturates at the bounds of
    /// `i64`.
    pub fn plus(self, seconds: i64) -> Time {
        Time(self.0.saturating_add(seconds))
    }

    /// Returns the seconds from `earlier` to this instant; negative if `earlier` is later.
    pub fn since(self, earlier: Time) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns the date and time of day in UTC. Instants beyond the calendar are clamped to its
    /// ends.
    pub fn utc(self) -> civil::DateTime {
        const EPOCH: civil::DateTime = civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
        EPOCH.saturating_add(SignedDuration::from_secs(self.0))
    }
}

/// RFC 3339 in UTC, as in the database's `*_utc` columns.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.utc();
        let year = at.year();
        // Years before 0 have a sign.
        match year {
            0.. => write!(f, "{year:04}")?,
            _ => write!(f, "{year:+05}")?,
        }
        let (month, day) = (at.month(), at.day());
        let (hour, minute, second) = (at.hour(), at.minute(), at.second());
        write!(f, "-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected an instant such as 2026-01-01T06:00:00Z")]
pub struct InvalidTime;

/// RFC 3339, with any offset. Fractions of a second are dropped.
impl FromStr for Time {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Time, InvalidTime> {
        // jiff accepts more than RFC 3339: seconds left out, a zone in brackets.
        const SHAPE: &[u8] = b"0000-00-00T00:00:00";
        let (start, rest) = text.as_bytes().split_at_checked(SHAPE.len()).ok_or(InvalidTime)?;
        let is_alike = |(byte, shape): (&u8, &u8)| match shape {
            b'0' => byte.is_ascii_digit(),
            b'T' => matches!(byte, b'T' | b't' | b' '),
            _ => byte == shape,
        };
        let fraction = rest.strip_prefix(b".").unwrap_or(rest);
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let is_offset = match &fraction[digits..] {
            [b'Z' | b'z'] => true,
            [b'+' | b'-', a, b, b':', c, d] => [a, b, c, d].iter().all(|b| b.is_ascii_digit()),
            _ => false,
        };
        let is_fraction = rest.first() == Some(&b'.') || digits == 0;
        if !(start.iter().zip(SHAPE).all(is_alike) && is_offset && is_fraction) {
            return Err(InvalidTime);
        }
        let instant: Timestamp = text.parse().map_err(|_| InvalidTime)?;
        // Rounded down, before 1970 too.
        Ok(Time(instant.as_second() - i64::from(instant.subsec_nanosecond() < 0)))
    }
}

/// A reading of the wall clock, in milliseconds since 1970: the argument of every decision.
///
/// Only the pace between calls needs the milliseconds; due-ness uses whole seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Now(pub i64);

impl Now {
    /// Returns the time, rounded down to the second.
    pub fn time(self) -> Time {
        Time(self.0.div_euclid(1000))
    }

    /// Returns the duration until `later`, or zero if it has passed.
    pub fn until(self, later: Now) -> Duration {
        Duration::from_millis(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }
}

impl From<Time> for Now {
    fn from(time: Time) -> Now {
        Now(time.0.saturating_mul(1000))
    }
}

/// One reading of both of the machine's clocks. Comparing the two reveals a wall clock that was
/// set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    pub wall: Now,
    /// Milliseconds since an arbitrary start, including time asleep, on a clock that cannot be set.
    pub machine: i64,
}

/// The source of the time: the machine's clocks, or one that is set by hand, for the demo.
///
/// Handed to the engine's thread and to its calls, so that all that they decide and record agrees.
/// What people ask or are told is about the machine's time, which [`now`] returns.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Milliseconds since 1970; `None` for the machine's clocks.
    by_hand: Option<Arc<AtomicI64>>,
}

/// Moves a clock that is set by hand.
#[derive(Debug)]
pub struct Hand(Arc<AtomicI64>);

impl Clock {
    pub fn system() -> Clock {
        Clock::default()
    }

    /// Returns a clock that stays at `start` until its hand is moved.
    pub fn by_hand(start: Time) -> (Clock, Hand) {
        let time = Arc::new(AtomicI64::new(Now::from(start).0));
        (Clock { by_hand: Some(Arc::clone(&time)) }, Hand(time))
    }

    pub fn now(&self) -> Now {
        self.moment().wall
    }

    pub fn moment(&self) -> Moment {
        match &self.by_hand {
            None => moment(),
            Some(time) => {
                let machine = time.load(Ordering::SeqCst);
                Moment { wall: Now(machine), machine }
            }
        }
    }

    /// Returns how long a duration on this clock really takes; `None` for one that is set by hand.
    pub fn real(&self, duration: Duration) -> Option<Duration> {
        self.is_system().then_some(duration)
    }

    /// Returns whether this is the machine's clock, which can be set and can sleep.
    pub fn is_system(&self) -> bool {
        self.by_hand.is_none()
    }
}

impl Hand {
    /// Moves the clock forward to `now`. Does nothing if that is in the past.
    pub fn move_to(&self, now: Now) {
        self.0.fetch_max(now.0, Ordering::SeqCst);
    }
}

/// Reads both of the machine's clocks.
pub fn moment() -> Moment {
    Moment { wall: now(), machine: machine_time() }
}

#[cfg(target_os = "linux")]
fn machine_time() -> i64 {
    milliseconds(rustix::time::clock_gettime(rustix::time::ClockId::Boottime))
}

/// Other systems have no clock for it: either the monotonic clock counts sleep, or none does.
#[cfg(not(target_os = "linux"))]
fn machine_time() -> i64 {
    milliseconds(rustix::time::clock_gettime(rustix::time::ClockId::Monotonic))
}

fn milliseconds(time: rustix::time::Timespec) -> i64 {
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

/// Reads the wall clock.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn now() -> Now {
    Now(Timestamp::now().as_millisecond())
}

/// Reads the monotonic clock. Only for measuring durations, never for a decision.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
pub fn monotonic() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_rounded_down_before_1970_too() {
        assert_eq!(Now(-1).time(), Time(-1));
        assert_eq!(Now(1999).time(), Time(1));
    }

    #[test]
    fn time_is_written_as_rfc_3339() {
        assert_eq!(Time(1_705_401_000).to_string(), "2024-01-16T10:30:00Z");
        for (time, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (-62_167_219_200, "0000-01-01T00:00:00Z"),
            (-62_167_219_201, "-0001-12-31T23:59:59Z"),
            (253_402_207_199, "9999-12-30T21:59:59Z"),
            (253_402_214_400, "9999-12-31T00:00:00Z"),
            (i64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Time(time).to_string(), text);
        }
    }

    #[test]
    fn only_rfc_3339_is_read_as_a_time() {
        for (text, time) in [
            ("2026-01-01T06:00:00Z", Ok(Time(1_767_247_200))),
            ("2026-01-01t06:00:00z", Ok(Time(1_767_247_200))),
            ("2026-01-01 06:00:00Z", Ok(Time(1_767_247_200))),
            ("2026-01-01T06:00:00.999Z", Ok(Time(1_767_247_200))),
            ("2026-01-01T08:00:00+02:00", Ok(Time(1_767_247_200))),
            ("2026-01-01T00:30:00-05:30", Ok(Time(1_767_247_200))),
            ("1969-12-31T23:59:59.5Z", Ok(Time(-1))),
            ("2016-12-31T23:59:60Z", Ok(Time(1_483_228_799))),
            ("2026-01-01T06:00Z", Err(InvalidTime)),
            ("2026-01-01T06:00:00", Err(InvalidTime)),
            ("2026-01-01T06:00:00.Z", Err(InvalidTime)),
            ("2026-01-01T06:00:0012Z", Err(InvalidTime)),
            ("2026-01-01T06:00:00+02", Err(InvalidTime)),
            ("2026-01-01T06:00:00 Z", Err(InvalidTime)),
            ("2026-01-01T06:00:00Z ", Err(InvalidTime)),
            ("2026-01-01T06:00:00Z[UTC]", Err(InvalidTime)),
            ("2026-02-30T06:00:00Z", Err(InvalidTime)),
            ("2026-01-01T25:00:00Z", Err(InvalidTime)),
            ("+002026-01-01T06:00:00Z", Err(InvalidTime)),
            ("", Err(InvalidTime)),
        ] {
            assert_eq!(text.parse(), time, "{text:?}");
        }
    }

    #[test]
    fn a_manual_clock_stands_still_and_never_goes_back() {
        let (clock, hand) = Clock::by_hand(Time(1_705_401_000));
        let everywhere = clock.clone();
        assert!(!clock.is_system() && Clock::system().is_system());
        for (moved_to, shows) in [(0, 1_705_401_000_000), (1_705_401_000_007, 1_705_401_000_007)] {
            hand.move_to(Now(moved_to));
            assert_eq!((clock.now(), everywhere.moment().machine), (Now(shows), shows));
        }
        let second = Duration::from_secs(1);
        assert_eq!((clock.real(second), Clock::system().real(second)), (None, Some(second)));
    }
}
