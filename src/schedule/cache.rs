//! The schedules in use, and where an account stands among its slots.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::Time;

use super::pattern::Pattern;
use super::zone::Zone;
use super::{InvalidSchedule, Schedule};

/// The slots around a moment: `slot ≤ moment < next`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlotWindow {
    /// The latest slot that is not after the moment.
    pub slot: Time,
    /// The first slot after the moment.
    pub next: Time,
    /// The slot after that.
    pub after: Time,
}

impl SlotWindow {
    /// The slot's interval, in seconds: the distance to the one after it.
    pub fn interval(&self) -> i64 {
        self.next.since(self.slot)
    }

    /// From the next slot to the one after it, in seconds.
    pub fn next_interval(&self) -> i64 {
        self.after.since(self.next)
    }

    fn holds(&self, time: Time) -> bool {
        self.slot <= time && time < self.next
    }

    fn plus(self, seconds: i64) -> SlotWindow {
        SlotWindow {
            slot: self.slot.plus(seconds),
            next: self.next.plus(seconds),
            after: self.after.plus(seconds),
        }
    }
}

/// The distinct schedules in use, each pattern parsed once, with the last two answers of each
/// schedule kept: most accounts share one, and most questions fall around the same occurrence.
///
/// A zone is looked up anew for each new answer, so that a daemon that runs for months follows
/// the system's rules; one that cannot be read at that moment is as it was.
#[derive(Default, Debug)]
pub struct ScheduleCache {
    patterns: HashMap<Box<str>, Arc<Pattern>>,
    /// By zone, then by pattern: two look-ups by reference, where a pair as the key would
    /// allocate at every claim.
    places: HashMap<Box<str>, HashMap<Box<str>, usize>>,
    known: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    schedule: Schedule,
    /// The newest answer first.
    windows: [SlotWindow; 2],
}

impl ScheduleCache {
    /// The slots around `at` of an account on `cron` in `zone`, `offset` seconds after each
    /// occurrence.
    ///
    /// # Errors
    /// What [`Schedule::parse`] says: texts that came through the configuration do parse.
    pub fn window(
        &mut self,
        cron: &str,
        zone: &str,
        offset: i64,
        at: Time,
    ) -> Result<SlotWindow, InvalidSchedule> {
        let asked = at.plus(-offset);
        let place = self.place(cron, zone, asked)?;
        let Known { schedule, windows } = &mut self.known[place];
        if let Some(window) = windows.iter().find(|window| window.holds(asked)) {
            return Ok(window.plus(offset));
        }
        schedule.follow(zone);
        *windows = [schedule.window(asked)?, windows[0]];
        Ok(windows[0].plus(offset))
    }

    /// The slots after `after` and not after `until`, oldest first: the newest `most` of them.
    ///
    /// # Errors
    /// As [`ScheduleCache::window`].
    pub fn slots_between(
        &mut self,
        cron: &str,
        zone: &str,
        offset: i64,
        after: Time,
        until: Time,
        most: usize,
    ) -> Result<Vec<Time>, InvalidSchedule> {
        let (after, until) = (after.plus(-offset), until.plus(-offset));
        let place = self.place(cron, zone, until)?;
        let schedule = &self.known[place].schedule;
        let back = |time: Time| schedule.latest(time.plus(-1));
        let newest_first = std::iter::successors(schedule.latest(until), |&slot| back(slot));
        let mut slots: Vec<Time> = newest_first
            .take_while(|slot| *slot > after)
            .take(most)
            .map(|slot| slot.plus(offset))
            .collect();
        slots.reverse();
        Ok(slots)
    }

    /// Where the schedule is among the known ones. Only one that is new allocates its texts.
    fn place(&mut self, cron: &str, zone: &str, time: Time) -> Result<usize, InvalidSchedule> {
        if let Some(place) = self.places.get(zone).and_then(|patterns| patterns.get(cron)) {
            return Ok(*place);
        }
        let pattern = match self.patterns.get(cron) {
            Some(pattern) => pattern.clone(),
            None => Arc::new(Pattern::parse(cron)?),
        };
        let schedule = Schedule::new(pattern.clone(), Zone::find(zone)?, time)?;
        let window = schedule.window(time)?;
        self.patterns.insert(cron.into(), pattern);
        let place = self.known.len();
        self.known.push(Known { schedule, windows: [window; 2] });
        self.places.entry(zone.into()).or_default().insert(cron.into(), place);
        Ok(place)
    }
}
