//! A cache of the schedules in use and of their slots.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tracing::warn;

use crate::clock::Time;

use super::pattern::Pattern;
use super::zone::Zone;
use super::{InvalidSchedule, Schedule};

/// The slots around a time: `slot ≤ time < next`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlotWindow {
    /// The latest slot that is not after the time.
    pub slot: Time,
    /// The first slot after the time.
    pub next: Time,
    /// The slot after that.
    pub after: Time,
}

impl SlotWindow {
    /// Returns the seconds from the slot to the next one.
    pub fn interval(&self) -> i64 {
        self.next.since(self.slot)
    }

    /// Returns the seconds from the next slot to the one after it.
    pub fn next_interval(&self) -> i64 {
        self.after.since(self.next)
    }

    fn contains(&self, time: Time) -> bool {
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

/// The distinct schedules in use, with each pattern parsed once. Keeps the last two windows of each
/// schedule, since most accounts share one and most lookups are around the same occurrence.
///
/// A zone is reloaded for each new window, so that a daemon that runs for months follows the
/// system's rules. If it has left the system, which is logged once, the previous rules stay.
#[derive(Default, Debug)]
pub struct ScheduleCache {
    patterns: HashMap<Box<str>, Arc<Pattern>>,
    /// The index in `known`, by zone and then by pattern: two lookups by reference, whereas a pair
    /// as the key would allocate at every claim.
    indices: HashMap<Box<str>, HashMap<Box<str>, usize>>,
    known: Vec<Known>,
    /// Zones in use that have left the system.
    lost: HashSet<Box<str>>,
}

#[derive(Debug)]
struct Known {
    schedule: Schedule,
    /// The newest first.
    windows: [SlotWindow; 2],
}

impl ScheduleCache {
    /// Returns the slots around `at` of an account on `cron` in `zone`, `offset` seconds after each
    /// occurrence.
    ///
    /// # Errors
    /// Returns an error if `cron` or `zone` is invalid, which one from the configuration is not.
    pub fn window(
        &mut self,
        cron: &str,
        zone: &str,
        offset: i64,
        at: Time,
    ) -> Result<SlotWindow, InvalidSchedule> {
        let time = at.plus(-offset);
        let index = self.index(cron, zone, time)?;
        let windows = &self.known[index].windows;
        if let Some(window) = windows.iter().find(|window| window.contains(time)) {
            return Ok(window.plus(offset));
        }
        let reloaded = self.find_zone(zone);
        let Known { schedule, windows } = &mut self.known[index];
        if let Some(zone) = reloaded {
            schedule.zone = zone;
        }
        *windows = [schedule.window(time)?, windows[0]];
        Ok(windows[0].plus(offset))
    }

    /// Returns the newest `most` slots after `after` and not after `until`, oldest first.
    ///
    /// # Errors
    /// See [`ScheduleCache::window`].
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
        let index = self.index(cron, zone, until)?;
        let schedule = &self.known[index].schedule;
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

    /// Returns the index of a schedule in `known`, and adds it if it is new. Only that allocates.
    fn index(&mut self, cron: &str, zone: &str, time: Time) -> Result<usize, InvalidSchedule> {
        if let Some(index) = self.indices.get(zone).and_then(|patterns| patterns.get(cron)) {
            return Ok(*index);
        }
        let pattern = match self.patterns.get(cron) {
            Some(pattern) => pattern.clone(),
            None => Arc::new(Pattern::parse(cron)?),
        };
        let found = self.find_zone(zone).ok_or_else(|| InvalidSchedule::no_zone(zone, None))?;
        let schedule = Schedule::new(pattern.clone(), found, time)?;
        let window = schedule.window(time)?;
        self.patterns.insert(cron.into(), pattern);
        let index = self.known.len();
        self.known.push(Known { schedule, windows: [window; 2] });
        self.indices.entry(zone.into()).or_default().insert(cron.into(), index);
        Ok(index)
    }

    fn find_zone(&mut self, name: &str) -> Option<Zone> {
        let zone = Zone::find(name);
        if zone.is_some() {
            self.lost.remove(name);
        } else if !self.lost.contains(name) {
            self.lost.insert(name.into());
            warn!(
                "there is no time zone {name:?} on this system any more; its accounts continue by \
                 what is known of their schedules; if the watchlist still names it, the next start \
                 will refuse it"
            );
        }
        zone
    }
}
