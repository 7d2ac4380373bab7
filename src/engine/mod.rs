//! The engine: settle and claim.
//!
//! # Responsibility
//! [`Engine`] owns the store. Each [`Engine::turn`] is one transaction: it settles the calls
//! that have come back, claims as many due accounts as there is room for, and commits. Only
//! then does it hand out the [`Claim`]s, so the ledger line always precedes the request, and
//! one fsync serves the whole turn. Schedule, retries, catch-up and what people ask for take this
//! one path; nothing else writes.
//!
//! # Whose trouble it is
//! What an answer *is* says [`crate::api::classify()`]. Whose trouble it is, is decided where it is
//! settled: the vendor's once [`Breaker`] is open, else the account's own. What an account owes
//! is an [`AccountState`], and changes only by that type's transitions.
//!
//! # Races
//! There are none inside: a turn is synchronous, and a function of the store, what came back,
//! and `now`. What a turn could not commit stays in the engine and is tried in the next, so an
//! answer that was paid for is lost only with the process; then its line is pending, and the
//! next start marks it `unknown`.
//!
//! # What is in memory
//! Answers not yet settled, requests not yet claimed, and how many calls are on their way. All
//! else (what is due, the breaker, the budget, the pace) is read from the store in each turn.

mod account_state;
mod breaker;
mod candidates;
mod claiming;
mod clock_change;
mod completed_call;
mod config;
mod event;
mod gate;
mod lookup;
mod own_trouble;
mod progress;
mod replaced;
mod requests;
mod settling;
mod step;
#[cfg(test)]
mod tests;
mod watchlist;

use std::collections::{HashMap, HashSet};

use crate::account::{AccountId, Handle};
use crate::clock::{Moment, Now};
use crate::schedule::ScheduleCache;
use crate::store::{AccountLookup, CallTarget, Claim, RefreshId, Store, StoreError};

use candidates::Candidates;
use claiming::{Claimed, Claiming};
use clock_change::ClockChange;
use gate::Gate;
use progress::Progress;
use requests::{RefreshRequest, RequestQueue};
use settling::Settling;

pub use account_state::{AccountState, Attempt, Edit, Owed, RetryState};
pub use breaker::{Breaker, Candidate, HalfOpen, OpenBreaker, Series, Trouble};
pub use completed_call::CompletedCall;
pub use config::{ClaimMode, EngineConfig};
pub use event::Event;
pub use requests::{RequesterId, Selection};
pub use watchlist::Changes;

/// What a turn leaves to its caller.
#[derive(Debug, Default)]
pub struct Turn {
    /// The calls to make now.
    pub claims: Vec<Claim>,
    pub events: Vec<Event>,
    /// When the next turn has something to do, unless something comes back before.
    pub wake: Option<Now>,
}

/// The one owner of the store.
#[derive(Debug)]
pub struct Engine {
    store: Store,
    config: EngineConfig,
    mode: ClaimMode,
    schedules: ScheduleCache,
    completed: Vec<CompletedCall>,
    requests: RequestQueue,
    candidates: Candidates,
    /// Whom the calls that are on their way, or not settled yet, are about.
    flying: HashMap<RefreshId, CallTarget>,
    progress: Progress,
    /// What happened between turns; the next tells it.
    events: Vec<Event>,
}

impl Engine {
    /// An engine on `store`.
    pub fn new(store: Store, config: EngineConfig, mode: ClaimMode) -> Engine {
        Engine {
            store,
            config,
            mode,
            schedules: ScheduleCache::default(),
            completed: Vec::new(),
            requests: RequestQueue::default(),
            candidates: Candidates::default(),
            flying: HashMap::new(),
            progress: Progress::new(),
            events: Vec::new(),
        }
    }

    /// Takes what a call brought back; the next turn settles it.
    pub fn take(&mut self, completed: CompletedCall) {
        self.completed.push(completed);
    }

    /// Asks for refreshes as soon as there is room; twice for one account is once. Answers whom
    /// an event will tell of: those called, and those declined.
    ///
    /// # Errors
    /// What SQLite says; then nothing is asked for.
    pub fn request(
        &mut self,
        requester: RequesterId,
        selection: &Selection,
        now: Moment,
    ) -> Result<Vec<AccountId>, StoreError> {
        let tx = self.store.look()?;
        let (mut ids, mut known, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
        match selection {
            Selection::Ids(asked) => {
                for id in asked {
                    match tx.key_of(id)? {
                        Some(key) => known.push(key),
                        None => unknown.push(id.clone()),
                    }
                    ids.push(id.clone());
                }
            }
            Selection::All => (known, ids) = tx.watched()?.into_iter().unzip(),
            Selection::Due => {
                (known, ids) = tx.due_ids(now.wall.time())?.into_iter().unzip();
            }
            Selection::DueOf(asked) => {
                let asked: HashSet<&AccountId> = asked.iter().collect();
                let due = tx.due_ids(now.wall.time())?.into_iter();
                (known, ids) = due.filter(|(_, id)| asked.contains(id)).unzip();
            }
        }
        drop(tx);
        for key in known {
            let request = match selection {
                Selection::Ids(_) | Selection::All => RefreshRequest::Now(key),
                Selection::Due | Selection::DueOf(_) => RefreshRequest::OpenSlot(key),
            };
            if self.mode != ClaimMode::Nothing {
                self.requests.push(requester, request);
            }
        }
        let declined = unknown.into_iter().map(|id| {
            let why = "it is not in the watchlist".to_owned();
            Event::Declined { id, why }
        });
        self.events.extend(declined);
        Ok(ids)
    }

    /// Asks for the id of an account known by name. Whoever asks for one that is being looked up
    /// hears of the call that is on its way.
    pub fn look_up(&mut self, requester: RequesterId, lookup: AccountLookup) {
        if self.mode != ClaimMode::Nothing && !self.is_looking_up(&lookup.handle) {
            self.requests.push(requester, RefreshRequest::Lookup(Box::new(lookup)));
        }
    }

    /// Drops what `requester` asked for, is not claimed yet, and nobody else wants. Answers how
    /// much that was.
    pub fn cancel(&mut self, requester: RequesterId) -> usize {
        self.requests.cancel(requester)
    }

    /// Notes that the machine slept until `now`: what fell due meanwhile is late.
    pub fn resumed(&mut self, now: Moment) {
        self.progress.up = Some(now.wall.time());
        self.progress.alive = Some(now.wall.time());
    }

    /// Starts nothing more, asked for or not; what is on its way is still settled.
    pub fn stop(&mut self) {
        self.mode = ClaimMode::Nothing;
        self.requests.clear();
    }

    /// Whether nothing is on its way, unsettled or asked for.
    pub fn is_idle(&self) -> bool {
        self.flying.is_empty() && self.requests.is_empty()
    }

    /// How many calls are on their way or not settled yet.
    pub fn in_flight(&self) -> usize {
        self.flying.len()
    }

    /// Whether a call for this account is on its way, or not settled yet.
    pub fn is_flying(&self, id: &AccountId) -> bool {
        let is_it =
            |target: &CallTarget| matches!(target, CallTarget::Account(_, flying) if flying == id);
        self.flying.values().any(is_it)
    }

    /// Whether a lookup of this name is on its way, or not settled yet.
    pub fn is_looking_up(&self, handle: &Handle) -> bool {
        let is_it = |target: &CallTarget| matches!(target, CallTarget::Lookup(lookup) if lookup.handle == *handle);
        self.flying.values().any(is_it)
    }

    /// The store, to look at and to keep in order between turns.
    pub fn store(&mut self) -> &mut Store {
        &mut self.store
    }

    /// Goes on with the database that was put into the file's place, as a start would: calls
    /// pending in it are nobody's, and would keep their accounts from ever being asked again.
    /// What is on its way is still settled, on a line of its own. Its watchlist may be another:
    /// [`Engine::watch`] comes next.
    ///
    /// # Errors
    /// As [`Store::reopen`]; then all is as it was.
    pub fn reopen(&mut self) -> Result<(), StoreError> {
        self.store.reopen()?;
        self.candidates = Candidates::default();
        self.progress = Progress::new();
        Ok(())
    }

    /// Whether nothing but the time can have changed since the last turn.
    fn has_nothing_new(
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
            && !progress.is_sweep_due(now)
    }

    /// Settles what came back and claims what is due, in one transaction.
    ///
    /// # Errors
    /// The store's; then nothing happened, no call may be made, and what came back is kept for
    /// the next turn.
    pub fn turn(&mut self, moment: Moment) -> Result<Turn, StoreError> {
        let now = moment.wall;
        let time = now.time();
        // Kept even if this turn fails: a process whose disk is full is up all the same, and what
        // falls due meanwhile is not late.
        self.progress.up.get_or_insert(time);
        self.progress.alive.get_or_insert(time);
        let mut progress = self.progress;
        let is_start = !progress.is_started;
        progress.is_started = true;
        let clock = ClockChange::between(progress.last_turn, moment);
        progress.last_turn = Some(moment);
        clock.apply(&mut progress, now);
        let mut events = self.events.clone();
        if let Some(seconds) = clock.set_by {
            events.push(Event::ClockSet(seconds));
        }
        if !self.completed.is_empty() || clock.stepped_back {
            progress.next_replacement = None;
        }
        if self.has_nothing_new(&progress, is_start, clock, now) {
            let tx = self.store.look()?;
            let breaker = Breaker::read(&tx)?;
            let gate = Gate::read(&tx, &self.config, &progress, &breaker, self.flying.len(), now)?;
            let due = tx.next_due()?;
            if !gate.is_open(now) || due.is_none_or(|due| due > time) {
                let later = if gate.breaker.is_some() { tx.first_due(time)? } else { None };
                gate.tell(due, time, &mut progress, &mut events);
                self.progress = progress;
                self.events.clear();
                let wake = progress.sweep_wake(gate.wake(due, later), due, now);
                return Ok(Turn { claims: Vec::new(), events, wake });
            }
        }

        let mut tx = self.store.begin()?;
        let mut breaker = Breaker::read(&tx)?;
        if progress.wants_half_open {
            progress.wants_half_open = false;
            if let Breaker::Open(open) = breaker {
                let open = open.want_half_open();
                tx.set_breaker(Some(&(&open).into()))?;
                breaker = Breaker::Open(open);
            }
        }
        if is_start {
            // The ledger knows the second; the call may have left at its end.
            progress.last_claim =
                tx.last_claim()?.map(|last| Now(Now::from(last).0 + 999).min(now));
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
        if is_start {
            if settling.breaker.as_open().is_some_and(|open| open.trouble == Trouble::Clock) {
                settling.progress.clock_doubted_since = Some(now);
            }
            settling.settle_left_pending()?;
        }
        // A start does not know what clock the last process had, and the ledger need not say:
        // an edited schedule leaves no line in it.
        if is_start || clock.stepped_back {
            let count = settling.step_back(clock)?;
            if count > 0 || clock.stepped_back {
                settling.events.push(Event::ClockSteppedBack(count));
            }
        }
        for completed in &self.completed {
            settling.settle(completed)?;
        }
        let in_flight = self.flying.len().saturating_sub(self.completed.len());
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
            in_flight,
        };
        claiming.sweep()?;
        let Claimed { requests, wake } = claiming.claim(&self.requests)?;
        let claims = tx.commit()?;

        for completed in self.completed.drain(..) {
            self.flying.remove(&completed.claim.refresh());
        }
        let targets = claims.iter().map(|claim| (claim.refresh(), claim.target().clone()));
        self.flying.extend(targets);
        self.events.clear();
        self.requests.drop_first(requests);
        self.progress = progress;
        Ok(Turn { claims, events, wake })
    }
}
