//! When an account is due: a cron pattern in a time zone, and an account's place in its spread.
//!
//! A pattern names local times, and each comes once. It is evaluated on the calendar alone, and
//! each local time is then put into the zone: one that a change of the clocks skips is the end of
//! the gap, one that comes twice is the first, two that fall together are one. So no cron
//! library's own reading of daylight saving time matters.
//!
//! Everything here is pure, but for the zones' rules, which are the system's.

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

/// Up to how many seconds after its slot a call is on time: the larger of an hour and 2 % of the
/// interval. After that it is overdue; the views' tolerance!() says the same.
pub(crate) fn on_time(interval: i64) -> i64 {
    (interval / 50).max(3600)
}

/// A cron pattern in a time zone, proven to fire again.
#[derive(Clone, Debug)]
pub struct Schedule {
    pattern: Arc<Pattern>,
    zone: Zone,
}

impl Schedule {
    /// Parses a pattern of five fields, of six with seconds in front, or a nickname such as
    /// `@weekly`; and checks that it fires after `now`.
    pub fn parse(cron: &str, zone: &str, now: Time) -> Result<Schedule, InvalidSchedule> {
        let zone = Zone::find(zone)?;
        Schedule::new(Arc::new(Pattern::parse(cron)?), zone, now)
    }

    fn new(pattern: Arc<Pattern>, zone: Zone, now: Time) -> Result<Schedule, InvalidSchedule> {
        // Asked of the days first: the search for an occurrence that never comes is a long one.
        if !pattern.fires(now.utc().date()) {
            return Err(InvalidSchedule::NeverFires(pattern.as_str().to_owned()));
        }
        Ok(Schedule { pattern, zone })
    }

    /// Whether the pattern gives a day of month and a day of week, and so fires on the days that
    /// match either: not what most people mean.
    pub fn gives_both_days(&self) -> bool {
        self.pattern.gives_both_days()
    }

    /// The least distance between neighbouring occurrences, in seconds, as the calendar has it
    /// from `now` on: a change of the clocks makes no schedule frequent.
    pub fn shortest_interval(&self, now: Time) -> i64 {
        self.pattern.shortest_interval(now.utc().date())
    }

    /// How many occurrences fall into the `seconds` after `now`, counted up to `most`.
    pub fn occurrences_within(&self, now: Time, seconds: i64, most: usize) -> usize {
        let end = now.plus(seconds);
        let occurrences = std::iter::successors(self.after(now), |&time| self.after(time));
        occurrences.take_while(|&time| time <= end).take(most).count()
    }

    /// Takes over what has become of the zone's rules, if they can be read.
    fn follow(&mut self, zone: &str) {
        if let Ok(zone) = Zone::find(zone) {
            self.zone = zone;
        }
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

    /// The latest occurrence that is not after `time`.
    fn latest(&self, time: Time) -> Option<Time> {
        let local = self.pattern.at_or_before(self.zone.latest_shown(time)?)?;
        self.zone.instant(local)
    }

    /// The first occurrence after `time`.
    fn after(&self, time: Time) -> Option<Time> {
        let local = self.pattern.after(self.zone.latest_shown(time)?)?;
        self.zone.instant(local)
    }
}
