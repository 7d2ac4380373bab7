//! Time zones: local times, and the first instant of each.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::random::Random;

/// A time zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone {
    name: &'static str,
    clocks: TimeZone,
}

/// Zones without daylight saving time, with an hour of it in either half-year, and with half an
/// hour.
const ZONES: [&str; 6] = [
    "UTC",
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Pacific/Auckland",
];

impl Zone {
    pub fn draw(random: &mut Random) -> Zone {
        let name = random.pick(&ZONES);
        Zone { name, clocks: TimeZone::get(name).expect("a zone") }
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the local time at an instant, in seconds.
    fn local(&self, time: i64) -> i64 {
        let instant = Timestamp::from_second(time).expect("within the calendar");
        time + i64::from(self.clocks.to_offset(instant).seconds())
    }

    /// Returns the first instant at which the local time is `local`, or later where that is
    /// skipped.
    pub fn first_at_or_after(&self, local: i64) -> i64 {
        // Offsets are less than a day, so the instant is in between. The clocks go back at most
        // once.
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
