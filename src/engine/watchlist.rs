//! Bringing the database in line with the watchlist: one transaction, only changed rows.

use std::fmt;

use crate::clock::{Moment, Time};
use crate::config::Watched;
use crate::engine::account_state::{AccountState, Edit};
use crate::engine::candidates::Candidates;
use crate::engine::clock_change::horizon;
use crate::engine::replaced::ReplacedSlots;
use crate::engine::settling::{change_before_trouble, set_state};
use crate::engine::{Engine, EngineConfig, Event};
use crate::schedule::{ScheduleCache, SlotWindow, spread_offset};
use crate::store::{Account, Cause, FailureRow, StoreError, StoredEntry, WatchlistDiff, WriteTx};

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
    /// Takes a new watchlist and a new configuration, both or neither. An open breaker is probed
    /// soon: whoever reloads may have mended its cause.
    ///
    /// # Errors
    /// The store's; then all is as it was.
    pub fn watch(
        &mut self,
        accounts: &[Watched],
        config: EngineConfig,
        now: Moment,
    ) -> Result<Changes, StoreError> {
        let diff = self.store.look()?.diff(accounts)?;
        self.amend(&diff, config, now)
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
        diff: &WatchlistDiff,
        config: EngineConfig,
        now: Moment,
    ) -> Result<Changes, StoreError> {
        let time = now.wall.time();
        let mut changes = Changes::default();
        let tx = self.store.begin()?;
        let mut events = Vec::new();
        let mut editing = Editing {
            tx: &tx,
            schedules: &mut self.schedules,
            events: &mut events,
            alive: self.progress.alive.unwrap_or(time),
            now: time,
            horizon: horizon(&config, time),
        };
        for entry in &diff.entries {
            match tx.stored_entry(entry)? {
                None => {
                    editing.add(entry)?;
                    changes.added += 1;
                }
                Some(known) if known.is_same => {}
                Some(known) => {
                    changes.added += usize::from(known.removed);
                    changes.changed += usize::from(!known.removed);
                    editing.change(entry, known)?;
                }
            }
        }
        for id in &diff.removed {
            if let Some(account) = tx.account_by_id(id)? {
                editing.remove(account)?;
                changes.removed += 1;
            }
        }
        tx.commit()?;
        self.events.extend(events);
        self.config = config;
        self.candidates = Candidates::default();
        self.progress.wants_half_open = true;
        self.progress.said_spent = false;
        self.progress.next_replacement = None;
        Ok(changes)
    }
}

struct Editing<'a, 'store> {
    tx: &'a WriteTx<'store>,
    schedules: &'a mut ScheduleCache,
    events: &'a mut Vec<Event>,
    /// Since when the process is up.
    alive: Time,
    now: Time,
    /// No back-off that was set under the present clock is after this.
    horizon: Time,
}

impl Editing<'_, '_> {
    /// An account that was never watched: its baseline is due at once.
    fn add(&mut self, entry: &Watched) -> Result<(), StoreError> {
        let window = self.window(entry)?;
        let state = match AccountState::new(self.now) {
            state if entry.enabled => state,
            state => state.leave(window, self.now),
        };
        self.tx.add(entry, &state.into(), window.interval(), self.now)
    }

    fn change(&mut self, entry: &Watched, known: StoredEntry) -> Result<(), StoreError> {
        let StoredEntry { mut account, has_same_schedule, removed, .. } = known;
        let window = self.window(entry)?;
        let state = self.state(&account)?;
        let is_away = matches!(state, AccountState::Away(_));
        if !entry.enabled {
            if !is_away {
                self.leave(&mut account, "disabled")?;
            }
        } else if is_away {
            let back = state.come_back(window, self.now);
            if matches!(back, AccountState::Settled { .. }) {
                account.failure = FailureRow::default();
            }
            account.active = self.now;
            change_before_trouble(self.tx, account.key, |before| {
                before.come_back(window, self.now)
            })?;
            set_state(&mut account, back, window);
        } else if !has_same_schedule {
            let old = account.window(self.schedules, self.now)?;
            let state = self.replace(&mut account, state, old)?;
            let state = match state.open_slot(old, self.now) {
                Some(slot) if self.is_served(&account, slot)? => state.settle(old, None),
                _ => state,
            };
            let edit = Edit {
                old,
                new: window,
                last_measured: self.tx.last_measured_time(account.key)?,
                now: self.now,
            };
            change_before_trouble(self.tx, account.key, |before| before.reschedule(&edit))?;
            set_state(&mut account, state.reschedule(&edit), window);
        }
        debug_assert!(!removed || is_away);
        self.tx.change(&account, entry)
    }

    fn remove(&mut self, mut account: Account) -> Result<(), StoreError> {
        if account.is_watched() {
            self.leave(&mut account, "removed")?;
        }
        self.tx.remove(&account, self.now)
    }

    /// Settles what is open without a call. Nothing is due any more.
    fn leave(&mut self, account: &mut Account, why: &str) -> Result<(), StoreError> {
        let window = account.window(self.schedules, self.now)?;
        let state = self.state(account)?;
        let state = self.replace(account, state, window)?;
        // A call that is on its way serves the slot.
        if let Some(slot) = state.open_slot(window, self.now)
            && !self.tx.is_in_flight(account.key)?
        {
            let (id, interval) = (account.id.clone(), window.interval());
            self.tx.skip(account, Cause::Schedule, slot, interval, why, self.now)?;
            self.events.push(Event::Skipped { id, slot, why: why.to_owned() });
        }
        change_before_trouble(self.tx, account.key, |before| before.leave(window, self.now))?;
        set_state(account, state.leave(window, self.now), window);
        Ok(())
    }

    /// What the account owes. An edit may come before the turn that sees that the clock stepped
    /// back: what it left in its future is not owed.
    fn state(&mut self, account: &Account) -> Result<AccountState, StoreError> {
        let state = AccountState::try_from(account.state)?;
        let window = account.window(self.schedules, self.now)?;
        let back = state.step_back(window, account.active, self.now, self.horizon);
        Ok(back.unwrap_or(state))
    }

    /// Whether the open slot was bought before it came, under a clock that was ahead.
    fn is_served(&self, account: &Account, slot: Time) -> Result<bool, StoreError> {
        Ok(self.tx.is_bought(account.key, slot)? && !self.tx.is_in_flight(account.key)?)
    }

    /// Where the open slot was replaced unserved by now, writes its lines; nothing was tried for
    /// the one that is open instead.
    fn replace(
        &mut self,
        account: &mut Account,
        state: AccountState,
        window: SlotWindow,
    ) -> Result<AccountState, StoreError> {
        let Editing { tx, schedules, events, alive, now, .. } = self;
        let replaced = ReplacedSlots { tx, schedules, events, alive: *alive, now: *now };
        let Some(slot) = replaced.write(account, state, window)? else { return Ok(state) };
        change_before_trouble(self.tx, account.key, |before| before.replace(slot))?;
        account.failure = account.failure.replaced();
        Ok(state.replace(slot))
    }

    fn window(&mut self, entry: &Watched) -> Result<SlotWindow, StoreError> {
        let offset = spread_offset(&entry.id, entry.spread);
        self.schedules
            .window(&entry.cron, &entry.timezone, offset, self.now)
            .map_err(|source| StoreError::Schedule { account: entry.id.to_string(), source })
    }
}
