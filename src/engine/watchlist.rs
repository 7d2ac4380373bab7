//! Updating the stored watchlist in one transaction that writes only changed rows.

use std::collections::HashSet;
use std::fmt;

use crate::clock::{Moment, Time};
use crate::config::Watched;
use crate::engine::account_state::{AccountState, Edit};
use crate::engine::candidates::Candidates;
use crate::engine::clock_change::{horizon, step_back};
use crate::engine::fresh::{FRESH, is_fresh};
use crate::engine::progress::Alive;
use crate::engine::replaced::ReplacedSlots;
use crate::engine::saved_state::{change_before_trouble, set_state};
use crate::engine::skipped_slot::SkippedSlot;
use crate::engine::{Engine, EngineConfig, Event};
use crate::schedule::{ScheduleCache, SlotWindow, spread_offset};
use crate::store::{Account, AccountKey, Cause, StoreError, StoredEntry, WatchlistDiff, WriteTx};

/// The number of changes to a watchlist.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// Accounts that were not in the watchlist before.
    pub added: usize,
    /// Accounts that are no longer in the watchlist.
    pub removed: usize,
    /// Accounts whose entry has changed.
    pub changed: usize,
}

impl Changes {
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
    /// Applies a new watchlist and a new configuration, both or neither. An open breaker is probed
    /// soon, since the reload may be due to a fix of its cause.
    ///
    /// # Errors
    /// Returns the store's error; nothing was changed then.
    pub fn watch(
        &mut self,
        accounts: &[Watched],
        config: EngineConfig,
        now: Moment,
    ) -> Result<Changes, StoreError> {
        let diff = self.store.begin_read()?.diff(accounts)?;
        self.amend(&diff, config, now)
    }

    /// Applies the differences between a new watchlist and the stored one, and a new configuration.
    /// For a long list the caller computes the differences in parallel to the engine. A difference
    /// that no longer exists changes nothing.
    ///
    /// # Errors
    /// Returns the store's error; nothing was changed then.
    pub fn amend(
        &mut self,
        diff: &WatchlistDiff,
        config: EngineConfig,
        now: Moment,
    ) -> Result<Changes, StoreError> {
        let time = now.wall.time();
        let mut changes = Changes::default();
        self.find_accounts_in_flight()?;
        let tx = self.store.begin_write()?;
        let mut events = Vec::new();
        let mut in_flight = self.in_flight.without(&[]).accounts;
        if !self.progress.is_started {
            // The first turn settles these.
            in_flight.extend(tx.left_pending()?.iter().map(|left| left.account));
        }
        let mut editing = Editing {
            tx: &tx,
            schedules: &mut self.schedules,
            events: &mut events,
            alive: self.progress.alive_at(time),
            now: time,
            horizon: horizon(&config, time),
            in_flight,
            may_skip: !self.progress.may_not_skip(now.wall),
            is_start: !self.progress.is_started,
        };
        for entry in &diff.entries {
            match tx.stored_entry(entry)? {
                None => {
                    editing.add(entry)?;
                    changes.added += 1;
                }
                Some(stored) if stored.is_same => {}
                Some(stored) => {
                    changes.added += usize::from(stored.removed);
                    changes.changed += usize::from(!stored.removed);
                    editing.change(entry, stored)?;
                }
            }
        }
        for id in &diff.removed {
            if let Some(account) = tx.account_by_id(id)? {
                changes.removed += usize::from(editing.remove(account)?);
            }
        }
        end_overlong_wait(&tx, &config, time)?;
        let token = if changes.is_none() { None } else { Some(tx.renew_watchlist()?) };
        tx.commit()?;
        if let Some(token) = token {
            self.store.watchlist_changed(token);
        }
        self.events.extend(events);
        self.config = config;
        self.candidates = Candidates::default();
        self.progress.replaced = None;
        self.progress.wants_half_open = true;
        self.progress.reported_spent = false;
        self.progress.next_replacement = None;
        Ok(changes)
    }
}

/// Ends a pause that is longer than any may be, by a new configuration or because it comes from a
/// clock that was ahead.
fn end_overlong_wait(tx: &WriteTx<'_>, config: &EngineConfig, now: Time) -> Result<(), StoreError> {
    let longest = now.plus(config.retry.max_delay.max(1));
    match tx.wait()?.is_some_and(|wait| wait.until > longest) {
        true => tx.set_wait(None),
        false => Ok(()),
    }
}

struct Editing<'a, 'store> {
    tx: &'a WriteTx<'store>,
    schedules: &'a mut ScheduleCache,
    events: &'a mut Vec<Event>,
    alive: Alive,
    now: Time,
    /// The latest time that a back-off set under the present clock can have.
    horizon: Time,
    in_flight: HashSet<AccountKey>,
    /// Whether slots may be skipped, as the clock is not in doubt.
    may_skip: bool,
    /// Whether no turn was made yet.
    is_start: bool,
}

impl Editing<'_, '_> {
    /// Adds an account that was never watched. Its baseline is due immediately.
    fn add(&mut self, entry: &Watched) -> Result<(), StoreError> {
        let window = self.window(entry)?;
        let state = match AccountState::new(self.now) {
            state if entry.enabled => state,
            state => state.unwatch(window, self.now),
        };
        self.tx.add(entry, &state.into(), window.interval(), self.now)
    }

    fn change(&mut self, entry: &Watched, stored: StoredEntry) -> Result<(), StoreError> {
        let StoredEntry { mut account, has_same_schedule, removed, .. } = stored;
        let state = self.state(&account)?;
        let is_unwatched = matches!(state, AccountState::Unwatched(_));
        debug_assert!(!removed || is_unwatched);
        match (entry.enabled, is_unwatched) {
            (true, true) => self.rewatch(&mut account, entry, state, has_same_schedule)?,
            (true, false) if !has_same_schedule => self.reschedule(&mut account, entry, state)?,
            (true, false) | (false, true) => {}
            (false, false) => self.unwatch(&mut account, "disabled")?,
        }
        self.tx.change(&account, entry)
    }

    /// Handles an account that is back in the list. Its failures are as they were: it is failing
    /// until its next ok.
    fn rewatch(
        &mut self,
        account: &mut Account,
        entry: &Watched,
        state: AccountState,
        has_same_schedule: bool,
    ) -> Result<(), StoreError> {
        let (now, is_new) = (self.now, account.last_refresh.is_none());
        let (window, old) = (self.window(entry)?, account.window(self.schedules, now));
        // If no slot passed while it was away, only its schedule has changed.
        let is_edit = !has_same_schedule && state.is_within_slot(old, now);
        let by = if is_edit { old } else { window };
        account.active = now;
        change_before_trouble(self.tx, account.key, |before| before.rewatch(by, now, is_new))?;
        let restored = state.rewatch(by, now, is_new);
        set_state(account, restored, by);
        match is_edit {
            true => self.reschedule(account, entry, restored),
            false => Ok(()),
        }
    }

    /// Handles a changed schedule of a watched account.
    fn reschedule(
        &mut self,
        account: &mut Account,
        entry: &Watched,
        state: AccountState,
    ) -> Result<(), StoreError> {
        let (window, old) = (self.window(entry)?, account.window(self.schedules, self.now));
        let state = self.replace(account, state, old)?;
        let (state, is_fresh) = match state.open_slot(old, self.now) {
            Some(slot) if self.is_served(account, slot)? => (state.settle(old, None), false),
            Some(slot) if self.skip_fresh(account, slot, old)? => (state.settle(old, None), true),
            _ => (state, false),
        };
        let edit = Edit {
            old,
            new: window,
            last_measured: self.tx.last_measured_time(account.key)?,
            active: account.active,
            now: self.now,
        };
        change_before_trouble(self.tx, account.key, |before| {
            let before = if is_fresh { before.settle(old, None) } else { before };
            before.reschedule(&edit)
        })?;
        let rescheduled = state.reschedule(&edit);
        if let AccountState::Open { slot, .. } = rescheduled
            && state.open_slot(old, self.now).is_none()
        {
            account.edited = Some(slot);
        }
        // At a start, the edit may be as old as the last snapshot.
        if self.is_start || matches!(rescheduled, AccountState::Settled { .. }) {
            self.tx.lengthen_wait(account.key, window.interval())?;
        }
        set_state(account, rescheduled, window);
        Ok(())
    }

    fn remove(&mut self, mut account: Account) -> Result<bool, StoreError> {
        if account.is_watched() {
            self.unwatch(&mut account, "removed")?;
        }
        self.tx.remove(&account, self.now)
    }

    /// Settles what is open without a call, so that nothing is due any more.
    fn unwatch(&mut self, account: &mut Account, why: &str) -> Result<(), StoreError> {
        let window = account.window(self.schedules, self.now);
        let state = self.state(account)?;
        let state = self.replace(account, state, window)?;
        // A call in flight serves the slot.
        if let Some(slot) = state.open_slot(window, self.now)
            && !self.in_flight.contains(&account.key)
        {
            let interval = window.interval();
            SkippedSlot { account, cause: Cause::Schedule, slot, interval, why }.record(
                self.tx,
                self.events,
                self.now,
            )?;
        }
        change_before_trouble(self.tx, account.key, |before| before.unwatch(window, self.now))?;
        set_state(account, state.unwatch(window, self.now), window);
        Ok(())
    }

    /// Returns what the account owes. An edit may precede the turn that notices that the clock went
    /// back, so what a clock that was ahead left behind is corrected here.
    fn state(&mut self, account: &Account) -> Result<AccountState, StoreError> {
        let state = AccountState::try_from(account.state)?;
        let step = step_back(self.tx, self.schedules, account, state, self.now, self.horizon)?;
        Ok(state.step_back(&step).unwrap_or(state))
    }

    /// Returns whether the open slot was already bought, under a clock that was ahead.
    fn is_served(&self, account: &Account, slot: Time) -> Result<bool, StoreError> {
        Ok(self.tx.is_bought(account.key, slot)? && !self.in_flight.contains(&account.key))
    }

    /// Skips the open slot if a snapshot serves it by its own schedule, and returns whether it did.
    /// Left open, it would be skipped under the new schedule, and count as the last slot served.
    fn skip_fresh(
        &mut self,
        account: &Account,
        slot: Time,
        window: SlotWindow,
    ) -> Result<bool, StoreError> {
        if !self.may_skip
            || self.in_flight.contains(&account.key)
            || !is_fresh(self.tx, self.schedules, account, slot, self.now)?
        {
            return Ok(false);
        }
        let interval = window.interval();
        SkippedSlot { account, cause: Cause::Schedule, slot, interval, why: FRESH }.record(
            self.tx,
            self.events,
            self.now,
        )?;
        self.tx.lengthen_wait(account.key, interval)?;
        Ok(true)
    }

    /// Returns the state after the open slot was replaced unserved, if it was.
    fn replace(
        &mut self,
        account: &mut Account,
        state: AccountState,
        window: SlotWindow,
    ) -> Result<AccountState, StoreError> {
        let Editing { tx, schedules, events, alive, now, .. } = self;
        let replaced = ReplacedSlots { tx, schedules, events, alive: *alive, now: *now };
        Ok(replaced.replace(account, state, window)?.unwrap_or(state))
    }

    fn window(&mut self, entry: &Watched) -> Result<SlotWindow, StoreError> {
        let offset = spread_offset(&entry.id, entry.spread);
        self.schedules
            .window(&entry.cron, &entry.timezone, offset, self.now)
            .map_err(|source| StoreError::Schedule { account: entry.id.to_string(), source })
    }
}
