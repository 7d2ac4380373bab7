//! Bringing the database in line with the watchlist: one transaction, only changed rows.

use std::fmt;

use crate::clock::{Now, Time};
use crate::config::Watched;
use crate::engine::{Engine, Terms};
use crate::schedule::{Timetable, spread_offset};
use crate::store::{Listed, Standing, StoreError, tags_json};

/// What a watchlist changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// Accounts that were not watched before.
    pub added: usize,
    /// Accounts that no longer are.
    pub removed: usize,
    /// Accounts whose entry reads differently.
    pub changed: usize,
}

impl Changes {
    /// Whether there are none.
    pub fn is_none(self) -> bool {
        self == Changes::default()
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{} accounts, -{}, {} changed", self.added, self.removed, self.changed)
    }
}

impl Engine {
    /// Takes a new watchlist and new terms, both or neither. A pause is probed at once: whoever
    /// reloads may have mended its cause.
    ///
    /// # Errors
    /// The store's; then all is as it was.
    pub fn watch(
        &mut self,
        accounts: &[Watched],
        terms: Terms,
        now: Now,
    ) -> Result<Changes, StoreError> {
        let time = now.time();
        let mut changes = Changes::default();
        let batch = self.store.begin()?;
        let mut listed = batch.listed()?;
        for entry in accounts {
            match listed.remove(&entry.id) {
                None => {
                    let standing = newcomer(&mut self.timetable, entry, time)?;
                    batch.add(entry, &standing, time)?;
                    changes.added += 1;
                }
                Some(known) if is_same(entry, &known) => {}
                Some(known) => {
                    changes.added += usize::from(known.removed);
                    changes.changed += usize::from(!known.removed);
                    let (active, standing) = moved(&mut self.timetable, entry, &known, time)?;
                    batch.change(known.key, entry, active, &standing)?;
                }
            }
        }
        for gone in listed.values().filter(|known| !known.removed) {
            batch.remove(gone.key, time)?;
            changes.removed += 1;
        }
        batch.commit()?;
        self.terms = terms;
        self.candidates.clear();
        self.progress.probe_now = true;
        self.progress.said_spent = false;
        Ok(changes)
    }
}

fn is_same(entry: &Watched, known: &Listed) -> bool {
    !known.removed && has_same_schedule(entry, known) && has_same_words(entry, known)
}

fn has_same_schedule(entry: &Watched, known: &Listed) -> bool {
    *entry.cron == *known.cron
        && *entry.timezone == *known.timezone
        && entry.spread == known.spread
        && entry.enabled == known.enabled
}

fn has_same_words(entry: &Watched, known: &Listed) -> bool {
    entry.label == known.label && tags_json(&entry.tags) == known.tags
}

/// Where an account stands that was never watched: its baseline is due at once.
fn newcomer(timetable: &mut Timetable, entry: &Watched, now: Time) -> Result<Standing, StoreError> {
    let place = place(timetable, entry, now)?;
    Ok(Standing {
        next_due: entry.enabled.then_some(now),
        last_slot: None,
        slot: None,
        interval: place.interval,
        tries: 0,
        paid: 0,
        failing: None,
        last_failure: None,
        last_refresh: None,
    })
}

/// Where an account stands whose entry changed, and since when it is watched.
///
/// Time spent removed or disabled is nobody's debt. What was open while it was watched stays
/// open, whatever its schedule says now.
fn moved(
    timetable: &mut Timetable,
    entry: &Watched,
    known: &Listed,
    now: Time,
) -> Result<(Time, Standing), StoreError> {
    let place = place(timetable, entry, now)?;
    let was_active = known.next_due.is_some();
    let standing = Standing {
        next_due: known.next_due,
        last_slot: known.last_slot,
        slot: known.slot,
        interval: place.interval,
        tries: known.tries,
        paid: 0,
        failing: None,
        last_failure: None,
        last_refresh: known.last_refresh,
    };
    if !entry.enabled {
        return Ok((known.active, Standing { next_due: None, slot: None, tries: 0, ..standing }));
    }
    let active = if was_active { known.active } else { now };
    if was_active && has_same_schedule(entry, known) {
        return Ok((active, standing));
    }
    let is_baseline_owed =
        known.last_refresh.is_none() && (!was_active || known.last_slot.is_none());
    if is_baseline_owed {
        let next_due = known.next_due.filter(|_| known.tries > 0).or(Some(now));
        return Ok((active, Standing { next_due, last_slot: None, ..standing }));
    }
    match known.slot.or(known.next_due.filter(|due| *due <= now)) {
        Some(slot) if was_active => Ok((
            active,
            Standing {
                next_due: known.next_due.min(Some(place.next)),
                slot: Some(slot),
                last_slot: Some(slot.plus(-1)),
                ..standing
            },
        )),
        _ => Ok((
            active,
            Standing {
                next_due: Some(place.next),
                last_slot: Some(place.slot),
                slot: None,
                tries: 0,
                ..standing
            },
        )),
    }
}

fn place(
    timetable: &mut Timetable,
    entry: &Watched,
    now: Time,
) -> Result<crate::schedule::Place, StoreError> {
    let offset = spread_offset(&entry.id, entry.spread);
    timetable
        .place(&entry.cron, &entry.timezone, offset, now)
        .map_err(|source| StoreError::Schedule { account: entry.id.to_string(), source })
}
