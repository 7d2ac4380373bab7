//! A zone's clocks: what they show, and when they first show it.

use chrono::{Offset, TimeZone, Utc};
use chrono_tz::Tz;

use super::random::Random;

/// A time zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Zone(Tz);

/// Zones that never change their clocks, change by an hour in either half-year, and by half an
/// hour.
const ZONES: [Tz; 6] = [
    Tz::UTC,
    Tz::Europe__London,
    Tz::America__New_York,
    Tz::Australia__Lord_Howe,
    Tz::Asia__Kolkata,
    Tz::Pacific__Auckland,
];

impl Zone {
    pub fn draw(random: &mut Random) -> Zone {
        Zone(random.pick(&ZONES[..if std::env::var("DST").is_ok() { 6 } else { 1 }]))
    }

    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// What the clocks show at an instant, as seconds.
    fn local(self, time: i64) -> i64 {
        let utc = Utc.timestamp_opt(time, 0).unwrap().naive_utc();
        time + i64::from(self.0.offset_from_utc_datetime(&utc).fix().local_minus_utc())
    }

    /// The first instant at which the clocks show `local`, or more where they skip it.
    pub fn first_at_or_after(self, local: i64) -> i64 {
        // No clock is a day off, so that it is in between; the clocks go back once at most.
        let (mut before, mut after) = (local - 26 * 3600, local + 26 * 3600);
        let offsets = [before, after].map(|time| self.local(time) - time);
        let shown = offsets.map(|offset| local - offset).into_iter();
        if let Some(first) = shown.filter(|time| self.local(*time) == local).min() {
            return first;
        }
        while before + 1 < after {
            let middle = before.midpoint(after);
            match self.local(middle) < local {
                true => before = middle,
                false => after = middle,
            }
        }
        after
    }
}
