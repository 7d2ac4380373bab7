//! A zone's clocks: what they show, and when they first show it.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::random::Random;

/// A time zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone {
    name: &'static str,
    clocks: TimeZone,
}

/// Zones that never change their clocks, change by an hour in either half-year, and by half an
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

    /// What the clocks show at an instant, as seconds.
    fn local(&self, time: i64) -> i64 {
        let instant = Timestamp::from_second(time).expect("within the calendar");
        time + i64::from(self.clocks.to_offset(instant).seconds())
    }

    /// The first instant at which the clocks show `local`, or more where they skip it.
    pub fn first_at_or_after(&self, local: i64) -> i64 {
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
