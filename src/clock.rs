//! Time: the types every decision is a function of, and the one reader of the wall clock.
//!
//! Nothing else in the crate may ask what time it is (`.clippy.toml` denies it), so that
//! years of schedules can be simulated by passing other numbers.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::tz::Offset;
use jiff::{Timestamp, civil};

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

    /// The date and time of day in UTC; instants beyond the calendar become its end.
    pub fn utc(self) -> civil::DateTime {
        let end = if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Offset::UTC.to_datetime(Timestamp::from_second(self.0).unwrap_or(end))
    }
}

/// RFC 3339 in UTC, as in the database's `*_utc` columns.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.utc();
        let year = at.year();
        // Years before the first have a sign.
        match year {
            0.. => write!(f, "{year:04}")?,
            _ => write!(f, "{year:+05}")?,
        }
        let (month, day) = (at.month(), at.day());
        let (hour, minute, second) = (at.hour(), at.minute(), at.second());
        write!(f, "-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Not an instant as RFC 3339 writes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected an instant such as 2026-01-01T06:00:00Z")]
pub struct InvalidTime;

/// RFC 3339, with any offset. Fractions of a second are dropped.
impl FromStr for Time {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Time, InvalidTime> {
        // The calendar library takes more than that: seconds left out, a zone in brackets.
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
        // Rounded down, as a second begins, before 1970 too.
        Ok(Time(instant.as_second() - i64::from(instant.subsec_nanosecond() < 0)))
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

/// Where the time comes from: the machine, or a hand that sets it, for the demo.
///
/// Handed to whoever waits or stamps, so that everybody in one process agrees on it.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Milliseconds since 1970 on a clock that is set by hand.
    by_hand: Option<Arc<AtomicI64>>,
}

/// What moves a clock that stands still otherwise.
#[derive(Debug)]
pub struct Hand(Arc<AtomicI64>);

impl Clock {
    /// The machine's own clocks.
    pub fn system() -> Clock {
        Clock::default()
    }

    /// A clock that says `start` until its hand is moved.
    pub fn by_hand(start: Time) -> (Clock, Hand) {
        let time = Arc::new(AtomicI64::new(Now::from(start).0));
        (Clock { by_hand: Some(Arc::clone(&time)) }, Hand(time))
    }

    /// The time now.
    pub fn now(&self) -> Now {
        self.moment().wall
    }

    /// The moment now.
    pub fn moment(&self) -> Moment {
        match &self.by_hand {
            None => moment(),
            Some(time) => {
                let machine = time.load(Ordering::SeqCst);
                Moment { wall: Now(machine), machine }
            }
        }
    }

    /// How long a time on this clock really takes; `None` where it does not pass by itself.
    pub fn real(&self, duration: Duration) -> Option<Duration> {
        self.is_system().then_some(duration)
    }

    /// Whether this is the machine's own, which may be set and may sleep.
    pub fn is_system(&self) -> bool {
        self.by_hand.is_none()
    }
}

impl Hand {
    /// Moves the clock forward; never back.
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

/// Elsewhere the monotonic clock counts sleep, or nothing does.
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

/// Reads the monotonic clock: for measuring how long a call took, never for a decision.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
pub fn monotonic() -> Instant {
    Instant::now()
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
        for (time, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (-62_167_219_200, "0000-01-01T00:00:00Z"),
            (-62_167_219_201, "-0001-12-31T23:59:59Z"),
            (253_402_207_199, "9999-12-30T21:59:59Z"),
            (i64::MAX, "9999-12-30T22:00:00Z"),
        ] {
            assert_eq!(Time(time).to_string(), text);
        }
    }

    #[test]
    fn time_is_read_as_rfc_3339_has_it() {
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
    fn a_clock_set_by_hand_stands_still_and_never_goes_back() {
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
