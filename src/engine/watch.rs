//! Bringing the database in line with the watchlist: one transaction, only changed rows.

use std::fmt;

use crate::clock::{Now, Time};
use crate::config::Watched;
use crate::engine::claiming::Candidates;
use crate::engine::{Engine, EngineConfig};
use crate::schedule::{ScheduleCache, spread_offset};
use crate::store::{AccountState, StoreError, StoredEntry, WatchlistDiff};

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
        terms: EngineConfig,
        now: Now,
    ) -> Result<Changes, StoreError> {
        let amendment = self.store.look()?.amendment(accounts)?;
        self.amend(&amendment, terms, now)
    }

    /// The same, where it is known what is new in the list: a long one is compared with the
    /// database beside the engine, which goes on meanwhile.
    ///
    /// What is so already changes nothing.
    ///
    /// # Errors
    /// The store's; then all is as it was.
    pub fn amend(
        &mut self,
        amendment: &WatchlistDiff,
        terms: EngineConfig,
        now: Now,
    ) -> Result<Changes, StoreError> {
        let time = now.time();
        let mut changes = Changes::default();
        let batch = self.store.begin()?;
        for entry in &amendment.entries {
            match batch.listed(entry)? {
                None => {
                    let standing = newcomer(&mut self.schedules, entry, time)?;
                    batch.add(entry, &standing, time)?;
                    changes.added += 1;
                }
                Some(known) if known.is_same => {}
                Some(known) => {
                    changes.added += usize::from(known.removed);
                    changes.changed += usize::from(!known.removed);
                    let (active, standing) = moved(&mut self.schedules, entry, &known, time)?;
                    batch.change(known.key, entry, active, &standing)?;
                }
            }
        }
        for gone in &amendment.gone {
            changes.removed += usize::from(batch.remove(gone, time)?);
        }
        batch.commit()?;
        self.terms = terms;
        self.candidates = Candidates::default();
        self.progress.probe_now = true;
        self.progress.said_spent = false;
        Ok(changes)
    }
}

/// Where an account stands that was never watched: its baseline is due at once.
fn newcomer(
    schedules: &mut ScheduleCache,
    entry: &Watched,
    now: Time,
) -> Result<AccountState, StoreError> {
    let place = place(schedules, entry, now)?;
    Ok(AccountState {
        next_due: entry.enabled.then_some(now),
        last_slot: None,
        slot: None,
        interval: place.interval(),
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
    schedules: &mut ScheduleCache,
    entry: &Watched,
    known: &StoredEntry,
    now: Time,
) -> Result<(Time, AccountState), StoreError> {
    let place = place(schedules, entry, now)?;
    let was_active = known.next_due.is_some();
    let standing = AccountState {
        next_due: known.next_due,
        last_slot: known.last_slot,
        slot: known.slot,
        interval: place.interval(),
        tries: known.tries,
        paid: 0,
        failing: None,
        last_failure: None,
        last_refresh: known.last_refresh,
    };
    if !entry.enabled {
        return Ok((
            known.active,
            AccountState { next_due: None, slot: None, tries: 0, ..standing },
        ));
    }
    let active = if was_active { known.active } else { now };
    if was_active && known.has_same_schedule {
        return Ok((active, standing));
    }
    let is_baseline_owed =
        known.last_refresh.is_none() && (!was_active || known.last_slot.is_none());
    if is_baseline_owed {
        let next_due = known.next_due.filter(|_| known.tries > 0).or(Some(now));
        return Ok((active, AccountState { next_due, last_slot: None, ..standing }));
    }
    match known.slot.or(known.next_due.filter(|due| *due <= now)) {
        Some(slot) if was_active => Ok((
            active,
            AccountState {
                next_due: known.next_due.min(Some(place.next)),
                slot: Some(slot),
                last_slot: Some(slot.plus(-1)),
                ..standing
            },
        )),
        _ => Ok((
            active,
            AccountState {
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
    schedules: &mut ScheduleCache,
    entry: &Watched,
    now: Time,
) -> Result<crate::schedule::SlotWindow, StoreError> {
    let offset = spread_offset(&entry.id, entry.spread);
    schedules
        .window(&entry.cron, &entry.timezone, offset, now)
        .map_err(|source| StoreError::Schedule { account: entry.id.to_string(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CatchUp, OnUnknown, Retry};
    use crate::engine::ClaimMode;
    use crate::store::{Creation, Store};

    const NOW: Now = Now(1_767_225_600_000);

    fn terms() -> EngineConfig {
        let unknown = OnUnknown::Retry;
        EngineConfig {
            retry: Retry { first_delay: 30, max_delay: 21_600, max_paid_attempts: 3, unknown },
            budget: None,
            max_in_flight: 4,
            requests_per_minute: 60,
            catch_up: CatchUp::Always,
        }
    }

    fn list(count: usize) -> Vec<Watched> {
        let entry = |number| Watched {
            id: format!("a{number}").parse().expect("an id"),
            label: None,
            tags: vec!["x".to_owned()],
            cron: "@weekly".into(),
            timezone: "UTC".into(),
            spread: 0,
            enabled: true,
        };
        (0..count).map(entry).collect()
    }

    #[test]
    fn only_what_is_new_in_a_list_is_touched() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("growth.db"), Creation::Allowed);
        let mut engine = Engine::new(store.expect("a store"), terms(), ClaimMode::Due);
        let mut list = list(100);
        let changes = engine.watch(&list, terms(), NOW).expect("a list");
        assert_eq!(changes, Changes { added: 100, removed: 0, changed: 0 });
        assert!(engine.watch(&list, terms(), NOW).expect("the same").is_none());

        for entry in &mut list[10..20] {
            entry.label = Some("new".to_owned());
        }
        list[20].tags.clear();
        let gone = list.remove(50);
        let amendment = engine.store().look().and_then(|look| look.amendment(&list));
        let amendment = amendment.expect("an amendment");
        assert_eq!(
            amendment,
            WatchlistDiff { entries: list[10..=20].to_vec(), gone: vec![gone.id] }
        );
        let expected = Changes { added: 0, removed: 1, changed: 11 };
        assert_eq!(engine.amend(&amendment, terms(), NOW).expect("a list"), expected);
        // Told again, as after a database put into the file's place, it changes nothing.
        assert!(engine.amend(&amendment, terms(), NOW).expect("the same").is_none());
    }
}
