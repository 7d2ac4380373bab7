//! The engine: settle and claim.
//!
//! # Responsibility
//! [`Engine`] owns the store. Each [`Engine::turn`] is one transaction: it settles the completed
//! calls, claims as many due accounts as the limits allow, and commits. Only then does it hand out
//! the [`Claim`]s, so the ledger line always precedes the request, and one fsync serves the whole
//! turn. Schedule, retries, catch-up and people's requests all take this path. Besides turns, only
//! [`Engine::amend`] changes rows: it writes the watchlist.
//!
//! # Whose trouble it is
//! [`crate::api::classify()`] decides what a response *is*. Settling decides whose trouble it is,
//! and opens the [`Breaker`] if it is the vendor's. What an account owes is an [`AccountState`], which
//! is changed only by that type's transitions.
//!
//! # Races
//! There are none inside the engine: a turn is synchronous, and a function of the store, what is in
//! memory, and `now`. What a turn could not commit stays in the engine and is retried in
//! the next one. A paid response is therefore lost only if the process ends; its line is then
//! pending, and the next start marks it `unknown`.
//!
//! # What is in memory
//! - Completed calls that are not settled yet, requests that are not claimed yet, and the calls in
//!   flight, with the events that the next turn will report.
//! - [`Progress`]: what the store cannot know, such as since when calls have been possible, whether
//!   the clock is in doubt, and the time of the last claim to the millisecond.
//! - [`Candidates`]: the keys of up to 65,536 accounts that were due when they were read, which is
//!   checked again before they are called.
//! - Parsed schedules.
//!
//! What is due, the breaker, a requested pause and the budget are read from the store in each turn.

mod account_state;
mod attribution;
mod breaker;
mod candidates;
mod claiming;
mod clock_change;
mod completed_call;
mod config;
mod event;
mod fresh;
mod gate;
mod granting;
mod holds;
mod in_flight;
mod left_pending;
mod lookup;
mod meaning;
mod own_trouble;
mod progress;
mod replaced;
mod requests;
mod saved_state;
mod settling;
mod skipped_slot;
mod step;
#[cfg(test)]
mod tests;
mod vendor;
mod watchlist;

use std::collections::HashSet;
use std::mem;

use crate::account::{AccountId, Handle};
use crate::clock::{Moment, Now};
use crate::schedule::ScheduleCache;
use crate::store::{AccountLookup, Claim, ReadTx, Store, StoreError, WriteTx};

use candidates::Candidates;
use claiming::{Claimed, Claiming};
use clock_change::ClockChange;
use gate::Gate;
use in_flight::InFlight;
use progress::{Alive, Progress};
use requests::{RefreshRequest, RequestQueue};
use settling::Settling;

pub use account_state::{AccountState, Attempt, Edit, Owed, RetryState};
pub use breaker::{Breaker, Candidate, HalfOpen, OpenBreaker, Series, Trouble};
pub use completed_call::CompletedCall;
pub use config::{ClaimMode, EngineConfig};
pub use event::{Event, NOT_IN_WATCHLIST};
pub use holds::{Hold, Holds};
pub use requests::{Requested, RequesterId, Selection};
pub use watchlist::Changes;

/// The result of a turn.
#[derive(Debug, Default)]
pub struct Turn {
    /// The calls to make now.
    pub claims: Vec<Claim>,
    pub events: Vec<Event>,
    /// When the next turn is needed, unless a call completes earlier.
    pub wake: Option<Now>,
}

/// The engine, which is the only owner of the store.
#[derive(Debug)]
pub struct Engine {
    store: Store,
    config: EngineConfig,
    mode: ClaimMode,
    schedules: ScheduleCache,
    completed: Vec<CompletedCall>,
    requests: RequestQueue,
    candidates: Candidates,
    in_flight: InFlight,
    progress: Progress,
    /// Events from between turns, which the next turn reports.
    events: Vec<Event>,
}

impl Engine {
    pub fn new(store: Store, config: EngineConfig, mode: ClaimMode) -> Engine {
        Engine {
            store,
            config,
            mode,
            schedules: ScheduleCache::default(),
            completed: Vec::new(),
            requests: RequestQueue::default(),
            candidates: Candidates::default(),
            in_flight: InFlight::default(),
            progress: Progress::new(),
            events: Vec::new(),
        }
    }

    /// Takes a completed call, which the next turn settles.
    pub fn take(&mut self, completed: CompletedCall) {
        self.completed.push(completed);
    }

    /// Requests refreshes as soon as the limits allow. An account that is already requested is not
    /// requested again, and if a call for it is in flight, the requester gets the result of that.
    ///
    /// # Errors
    /// Returns the store's error; nothing is requested then.
    pub fn request(
        &mut self,
        requester: RequesterId,
        selection: &Selection,
        now: Moment,
    ) -> Result<Requested, StoreError> {
        let tx = self.store.begin_read()?;
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        match selection {
            Selection::Ids(requested) => {
                let mut seen = HashSet::new();
                for id in requested.iter().filter(|id| seen.insert(*id)) {
                    let is_known = tx.key_of(id)?.is_some();
                    if is_known { &mut known } else { &mut unknown }.push(id.clone());
                }
            }
            Selection::All => known = tx.watched_ids()?,
            Selection::Due => known = tx.due_ids(now.wall.time())?,
            Selection::DueOf(requested) => {
                let requested: HashSet<&AccountId> = requested.iter().collect();
                known = tx.due_ids(now.wall.time())?;
                known.retain(|id| requested.contains(id));
            }
        }
        drop(tx);
        for id in &known {
            let request = match selection {
                Selection::Ids(_) | Selection::All => RefreshRequest::Now(id.clone()),
                Selection::Due | Selection::DueOf(_) => RefreshRequest::OpenSlot(id.clone()),
            };
            if self.mode != ClaimMode::Nothing && !self.is_in_flight(id) {
                self.requests.push(requester, request);
            }
        }
        Ok(Requested { known, unknown })
    }

    /// Requests a lookup by name. If the name is being looked up already, the requester gets the
    /// result of that call.
    pub fn look_up(&mut self, requester: RequesterId, lookup: AccountLookup) {
        self.progress.troubled_lookups = 0;
        if self.mode != ClaimMode::Nothing && !self.is_looking_up(&lookup.handle) {
            self.requests.push(requester, RefreshRequest::Lookup(Box::new(lookup)));
        }
    }

    /// Drops the requests of `requester` that are not claimed yet and that no one else has made.
    /// Returns their number.
    pub fn cancel(&mut self, requester: RequesterId) -> usize {
        self.requests.cancel(requester)
    }

    /// Records that the machine was suspended until `now`, so that what fell due meanwhile is late.
    pub fn resumed(&mut self, now: Moment) {
        self.progress.up = Some(now.wall.time());
        self.progress.alive = Some(Alive::new(now.wall.time()));
    }

    /// Stops claiming, whether on schedule or by request. Calls in flight are still settled.
    pub fn stop(&mut self) {
        self.mode = ClaimMode::Nothing;
        self.requests.clear();
        self.progress.replaced = None;
    }

    /// Returns the number of calls that are in flight or not settled yet.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Returns whether a call for this account is in flight or not settled yet.
    pub fn is_in_flight(&self, id: &AccountId) -> bool {
        self.in_flight.has_account(id)
    }

    /// Returns whether a lookup of this name is in flight or not settled yet.
    pub fn is_looking_up(&self, handle: &Handle) -> bool {
        self.in_flight.has_lookup(handle)
    }

    /// Returns the store, for reading and maintenance between turns.
    pub fn store(&mut self) -> &mut Store {
        &mut self.store
    }

    /// Reopens the database after its file was replaced, and continues as after a start: calls
    /// pending in the new file that are not in flight here belong to no process. Calls in flight are
    /// still settled, on new lines if theirs are gone, and until then their accounts are not called.
    /// Requests that are not claimed yet are dropped.
    ///
    /// The new file's watchlist may differ, so a daemon should follow up with [`Engine::watch`].
    /// Until then, or for a minute, its turns do nothing: an account that was added meanwhile has no
    /// row yet to settle its call in, and one that was removed meanwhile must not be called.
    ///
    /// # Errors
    /// As [`Store::reopen`]; nothing was changed then.
    pub fn reopen(&mut self, now: Moment) -> Result<(), StoreError> {
        self.store.reopen()?;
        self.requests.clear();
        self.candidates = Candidates::default();
        let replaced = Some(now.wall).filter(|_| self.mode == ClaimMode::Due);
        self.progress = Progress { replaced, ..Progress::new() };
        Ok(())
    }

    /// Until the first turn, finds the keys of the accounts in flight anew: if the file was
    /// replaced, they are others.
    fn find_accounts_in_flight(&mut self) -> Result<(), StoreError> {
        match self.progress.is_started {
            true => Ok(()),
            false => self.in_flight.find_keys(&self.store.begin_read()?),
        }
    }

    /// Returns whether nothing but the time can have changed since the last turn.
    fn is_idle_turn(
        &self,
        progress: &Progress,
        is_start: bool,
        clock: ClockChange,
        now: Now,
    ) -> bool {
        self.mode == ClaimMode::Due
            && self.completed.is_empty()
            && self.requests.is_empty()
            && !is_start
            && !clock.stepped_back
            && !progress.wants_half_open
            && !self.store.has_foreign_changes()
            && !progress.is_sweep_due(now)
    }

    /// Settles completed calls and claims due accounts, in one transaction.
    ///
    /// # Errors
    /// Returns the store's error. Nothing was changed then, no call may be made, and the completed
    /// calls are kept for the next turn.
    pub fn turn(&mut self, moment: Moment) -> Result<Turn, StoreError> {
        // Kept even if this turn fails: a process with a full disk is up all the same, and what
        // falls due meanwhile is not late.
        self.progress.up.get_or_insert(moment.wall.time());
        self.progress.alive.get_or_insert(Alive::new(moment.wall.time()));
        match self.progress.awaits_list_until(moment.wall) {
            Some(wake) => Ok(Turn { wake: Some(wake), ..Turn::default() }),
            None => {
                let turn = self.settle_and_claim(moment);
                if turn.is_err() {
                    // Those that the failed turn considered are the next again.
                    self.candidates = Candidates::default();
                }
                turn
            }
        }
    }

    fn settle_and_claim(&mut self, moment: Moment) -> Result<Turn, StoreError> {
        let now = moment.wall;
        let time = now.time();
        let mut progress = self.progress;
        let is_start = !progress.is_started;
        progress.is_started = true;
        let clock = ClockChange::between(progress.last_turn.replace(moment), moment);
        clock.apply(&mut progress, now);
        let mut events = self.events.clone();
        if let Some(seconds) = clock.set_by {
            events.push(Event::ClockSet(seconds));
        }
        if !self.completed.is_empty() || clock.stepped_back {
            progress.next_replacement = None;
        }
        self.find_accounts_in_flight()?;
        self.store.check_not_restored()?;
        let has_foreign_changes = self.store.has_foreign_changes();
        let busy = self.in_flight.without(&self.completed);
        if self.is_idle_turn(&progress, is_start, clock, now) {
            let tx = self.store.begin_read()?;
            let breaker = Breaker::read(&tx)?;
            let gate = Gate::read(&tx, &self.config, &progress, &breaker, busy.calls, now)?;
            let due = tx.next_due(&busy.accounts)?;
            if !gate.is_open(now) || due.is_none_or(|due| due > time) {
                let later = gate.breaker.as_ref().map(|_| tx.first_due(time, &busy.accounts));
                let later = later.transpose()?.flatten();
                gate.report_spent_budget(due, time, &mut progress, &mut events);
                self.progress = progress;
                self.events.clear();
                let wake = progress.sweep_wake(gate.wake(due, later), due, now);
                return Ok(Turn { claims: Vec::new(), events, wake });
            }
        }

        let mut tx = self.store.begin_write()?;
        let mut breaker = Breaker::read(&tx)?;
        // A process that only serves a request probes for that, and not for its start.
        if mem::take(&mut progress.wants_half_open) && self.mode != ClaimMode::Requested {
            breaker = want_half_open(&tx, breaker)?;
        }
        if is_start {
            progress.last_claim = last_claim(&tx, now)?;
        }
        let has_run = (is_start || !self.completed.is_empty()) && tx.has_troubled()?;
        let mut settling = Settling {
            tx: &tx,
            schedules: &mut self.schedules,
            config: &self.config,
            breaker: &mut breaker,
            has_run,
            progress: &mut progress,
            events: &mut events,
            now: time,
        };
        if is_start && settling.breaker.as_open().is_some_and(|open| open.trouble == Trouble::Clock)
        {
            settling.progress.clock_doubted_since = Some(now);
        }
        // A backup that was made during a call has its pending line, and may have been restored into
        // the file since.
        if is_start || has_foreign_changes {
            settling.settle_left_pending(&self.in_flight)?;
        }
        // A start does not know the last process's clock, and the ledger may not show it: an edited
        // schedule leaves no line there.
        if is_start || clock.stepped_back {
            let count = settling.step_back(clock)?;
            if is_start && count > 0 {
                settling.progress.clock_doubted_since.get_or_insert(now);
            }
            if count > 0 || clock.stepped_back {
                settling.events.push(Event::ClockSteppedBack(count));
            }
        }
        for completed in &self.completed {
            settling.settle(completed)?;
        }
        let mut claiming = Claiming {
            tx: &mut tx,
            schedules: &mut self.schedules,
            config: &self.config,
            candidates: &mut self.candidates,
            breaker: &mut breaker,
            mode: self.mode,
            progress: &mut progress,
            events: &mut events,
            now,
            busy,
        };
        claiming.sweep()?;
        let Claimed { requests, has_tried, wake } = claiming.claim(&self.requests)?;
        let claims = tx.commit()?;
        self.store.foreign_changes_seen();

        for completed in self.completed.drain(..) {
            self.in_flight.remove(completed.claim.target());
        }
        claims.iter().for_each(|claim| self.in_flight.add(claim));
        self.events.clear();
        self.requests.drop_first(requests);
        claims.iter().for_each(|claim| self.requests.drop_called(claim.target()));
        self.requests.tried(has_tried);
        self.progress = progress;
        Ok(Turn { claims, events, wake })
    }
}

fn want_half_open(tx: &WriteTx<'_>, breaker: Breaker) -> Result<Breaker, StoreError> {
    let Breaker::Open(open) = breaker else { return Ok(breaker) };
    let open = open.want_half_open();
    tx.set_breaker(Some(&(&open).into()))?;
    Ok(Breaker::Open(open))
}

/// Returns when the newest call was claimed. The ledger has a resolution of a second, and the call
/// may have been sent at its end.
fn last_claim(tx: &ReadTx<'_>, now: Now) -> Result<Option<Now>, StoreError> {
    Ok(tx.last_claim()?.map(|last| Now(Now::from(last).0 + 999).min(now)))
}
