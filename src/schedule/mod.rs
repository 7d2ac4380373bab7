//! When an account is due: a cron pattern in a time zone, and the account's offset in its spread.
//!
//! A pattern names local times, and each occurs once. It is evaluated on the calendar alone, and
//! each local time is then converted to an instant in the zone: a local time that a clock change
//! skips becomes the end of the gap, of one that occurs twice the first is taken, and two that
//! become the same instant are one. So no cron library's handling of daylight saving time matters.
//!
//! Everything here is pure, except for reading the system's time zone rules.

mod cache;
mod invalid;
mod pattern;
mod spread;
#[cfg(test)]
mod tests;
mod zone;

use std::sync::Arc;

use crate::clock::Time;

pub use cache::{ScheduleCache, SlotWindow};
pub use invalid::InvalidSchedule;
pub use spread::{spread_offset, stable_hash};

use pattern::Pattern;
use zone::Zone;

/// Returns up to how many seconds after its slot a call is on time: the larger of an hour and 2 %
/// of the interval. After that it is overdue. Must agree with the views' tolerance!().
pub(crate) fn on_time(interval: i64) -> i64 {
    (interval / 50).max(3600)
}

/// A cron pattern in a time zone. It is checked to fire again.
#[derive(Clone, Debug)]
pub struct Schedule {
    pattern: Arc<Pattern>,
    zone: Zone,
}

impl Schedule {
    /// Parses a pattern of five fields, of six with seconds first, or a nickname such as `@weekly`,
    /// and checks that it fires after `now`.
    pub fn parse(cron: &str, zone: &str, now: Time) -> Result<Schedule, InvalidSchedule> {
        let zone = Zone::parse(zone)?;
        Schedule::new(Arc::new(Pattern::parse(cron)?), zone, now)
    }

    fn new(pattern: Arc<Pattern>, zone: Zone, now: Time) -> Result<Schedule, InvalidSchedule> {
        // The days are checked first: searching for an occurrence that never comes takes long.
        if !pattern.fires(now.utc().date()) {
            return Err(InvalidSchedule::NeverFires(pattern.as_str().to_owned()));
        }
        Ok(Schedule { pattern, zone })
    }

    /// Returns whether the pattern restricts both day of month and day of week, and so fires on
    /// days that match either: not what most people mean.
    pub fn gives_both_days(&self) -> bool {
        self.pattern.gives_both_days()
    }

    /// Returns the least distance between two consecutive occurrences from `now` on, in seconds of
    /// local time: a clock change does not make a schedule more frequent.
    pub fn shortest_interval(&self, now: Time) -> i64 {
        self.pattern.shortest_interval(now.utc().date())
    }

    /// Counts the occurrences on a day that has any, by local time: a clock change makes no more or
    /// fewer.
    pub fn times_a_day(&self) -> usize {
        self.pattern.times_a_day()
    }

    /// Counts the days with an occurrence, of `days` days from that of `now` on.
    pub fn days_among(&self, now: Time, days: i64) -> usize {
        self.pattern.days_among(now.utc().date(), days)
    }

    fn window(&self, time: Time) -> Result<SlotWindow, InvalidSchedule> {
        let never = || InvalidSchedule::NeverFires(self.pattern.as_str().to_owned());
        let next = self.after(time).ok_or_else(never)?;
        Ok(SlotWindow {
            slot: self.latest(time).ok_or_else(never)?,
            next,
            after: self.after(next).ok_or_else(never)?,
        })
    }

    /// Returns the latest occurrence that is not after `time`.
    fn latest(&self, time: Time) -> Option<Time> {
        let local = self.pattern.at_or_before(self.zone.latest_shown(time)?)?;
        self.zone.instant(local)
    }

    /// Returns the first occurrence after `time`.
    fn after(&self, time: Time) -> Option<Time> {
        let local = self.pattern.after(self.zone.latest_shown(time)?)?;
        self.zone.instant(local)
    }
}
