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
mod gate;
mod lookup;
mod own_trouble;
mod replaced;
mod requests;
mod settling;
mod step;
#[cfg(test)]
mod tests;
mod watchlist;

use std::collections::{HashMap, HashSet};

use crate::account::{AccountId, Handle};
use crate::api::{Answer, BodyPermit, ClassifiedResponse, classify};
use crate::clock::{Moment, Now, Time};
use crate::config::{Budget, CatchUp, Config, Retry};
use crate::schedule::ScheduleCache;
use crate::store::{
    AccountKey, AccountLookup, CallTarget, Cause, Claim, Outcome, RefreshId, Store, StoreError,
    Wait,
};

use candidates::Candidates;
use claiming::{Claimed, Claiming};
use clock_change::ClockChange;
use gate::Gate;
use requests::{RefreshRequest, RequestQueue};
use settling::Settling;

pub use account_state::{AccountState, Attempt, Edit, Owed, RetryState};
pub use breaker::{Breaker, Candidate, HalfOpen, OpenBreaker, Series, Trouble};
pub use requests::{RequesterId, Selection};
pub use watchlist::Changes;

/// How far the wall clock may move against the machine's own before it counts as set, in
/// milliseconds.
const SET: i64 = 3_600_000;

/// How long nothing is passed over under a clock that was set and that no answer has confirmed, in
/// milliseconds.
const DOUBT: i64 = 3_600_000;

/// How often accounts whose turn has not come are looked through for replaced slots, in
/// milliseconds.
const SWEEP: i64 = 600_000;

/// The part of the configuration that the engine's decisions are a function of.
#[derive(Clone, PartialEq, Debug)]
pub struct EngineConfig {
    /// How often and how soon a slot is tried again.
    pub retry: Retry,
    /// The cap.
    pub budget: Option<Budget>,
    /// How many calls may be on their way.
    pub max_in_flight: usize,
    /// The pace; 0 is none.
    pub requests_per_minute: u32,
    /// How late a slot is still worth it.
    pub catch_up: CatchUp,
}

impl EngineConfig {
    /// The engine's part of `config`.
    pub fn of(config: &Config) -> EngineConfig {
        EngineConfig {
            retry: config.retry,
            budget: config.budget,
            max_in_flight: usize::try_from(config.api.max_in_flight).unwrap_or(usize::MAX),
            requests_per_minute: config.api.requests_per_minute,
            catch_up: config.catch_up,
        }
    }
}

/// What the engine claims of its own accord.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClaimMode {
    /// Everything due, for as long as it runs: the daemon.
    Due,
    /// Nothing but what it is asked for: `refresh`.
    Asked,
    /// Nothing more: it is stopping.
    Nothing,
}

/// A call that came back.
#[derive(Debug)]
pub struct CompletedCall {
    /// The right under which it was made.
    pub claim: Claim,
    /// What came back, understood: that is no work for the engine's thread.
    pub response: ClassifiedResponse,
    /// When.
    pub arrived: Time,
    /// What is kept of a large answer takes as much memory as the answer did.
    pub permit: BodyPermit,
}

impl CompletedCall {
    /// What a call brought back, understood here.
    pub fn new(claim: Claim, answer: Answer, arrived: Time) -> CompletedCall {
        let response = classify(&answer, claim.account_id(), arrived);
        CompletedCall { claim, response, arrived, permit: answer.into_body_permit() }
    }
}

/// What happened in a turn, for the log and for whoever waits for it.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// A call left.
    Started {
        /// Whose.
        id: AccountId,
        /// Why.
        cause: Cause,
        /// Its line in the ledger.
        refresh: RefreshId,
    },
    /// A call was settled.
    Settled {
        /// Whose.
        id: AccountId,
        /// Why it was made.
        cause: Cause,
        /// Its line in the ledger.
        refresh: RefreshId,
        /// What became of it.
        outcome: Outcome,
        /// Whether it may have cost a credit.
        spent: bool,
        /// What went wrong.
        error: Option<String>,
        /// The followers measured.
        followers: Option<i64>,
        /// How many bytes are kept of the answer besides its numbers.
        kept_bytes: usize,
        /// When it is due again.
        next_due: Option<Time>,
        /// From claim to answer, in seconds.
        took: i64,
    },
    /// A slot was passed over without a call.
    Skipped {
        /// Whose.
        id: AccountId,
        /// Which.
        slot: Time,
        /// Why.
        why: String,
    },
    /// A request cannot be granted.
    Declined {
        /// Whose.
        id: AccountId,
        /// Why.
        why: String,
    },
    /// Somebody looked up by name was found, or known already.
    Found {
        /// The name.
        handle: Handle,
        /// The id.
        id: AccountId,
        /// The followers measured; `None` also where no call was needed.
        followers: Option<i64>,
        /// Whether the watchlist has the account already.
        is_watched: bool,
        /// What became of the call, and whether it may have cost a credit; `None` where none
        /// was needed.
        call: Option<(Outcome, bool)>,
    },
    /// Somebody looked up by name was not found, or not looked up.
    NotFound {
        /// The name.
        handle: Handle,
        /// Why.
        why: String,
        /// As for those found.
        call: Option<(Outcome, bool)>,
    },
    /// The vendor is in trouble: only probes are sent.
    BreakerOpened(OpenBreaker),
    /// It no longer is.
    BreakerClosed {
        /// Since when it was.
        since: Time,
    },
    /// The vendor asked for a while without calls.
    Waiting(Wait),
    /// The budget is spent, and something is due: until then it waits.
    BudgetSpent(Time),
    /// The clock stepped back, and so many accounts were brought back with it.
    ClockSteppedBack(usize),
    /// The clock was set by so many seconds against the machine's own: one call at a time, until
    /// an answer confirms it.
    ClockSet(i64),
    /// So many calls of a process that ended are marked `unknown`.
    LeftPending(usize),
}

/// What a turn leaves to its caller.
#[derive(Debug, Default)]
pub struct Turn {
    /// The calls to make now.
    pub claims: Vec<Claim>,
    /// What happened.
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

/// What only this process knows, and a failed commit must not change.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Since when calls are possible: the last start, resume, or end of what held them up.
    up: Option<Time>,
    /// Since when the process runs without a break.
    alive: Option<Time>,
    /// Whether a first turn was committed.
    is_started: bool,
    /// Whether an open breaker may be probed before the time: after a start, a reload, or a clock
    /// that was set.
    wants_half_open: bool,
    /// Since when the clock is in doubt, because it was set.
    clock_doubted_since: Option<Now>,
    last_turn: Option<Moment>,
    last_claim: Option<Now>,
    /// Whether the last claim was for what a person asked for.
    was_request: bool,
    /// Whether it was said that the budget is spent.
    said_spent: bool,
    /// When replaced slots were last looked for, and how far.
    swept: Option<Now>,
    sweeping_after: Option<AccountKey>,
    /// Before when no slot is replaced unless a call or an edit changes what is due; `None`: not
    /// known.
    next_replacement: Option<Time>,
}

impl Progress {
    fn new() -> Progress {
        Progress { wants_half_open: true, ..Progress::default() }
    }

    fn is_clock_doubted(&self) -> bool {
        self.clock_doubted_since.is_some()
    }

    /// Whether what the clock says would be passed over is left for one that is confirmed. Not for
    /// ever: where nothing is called, nothing confirms it.
    fn may_not_skip(&self, now: Now) -> bool {
        let is_young = |since: Now| now.0.abs_diff(since.0) <= DOUBT.unsigned_abs();
        self.clock_doubted_since.is_some_and(is_young)
    }

    /// When to look for replaced slots again, if something falls due at `due` and is not served.
    fn sweep_wake(&self, wake: Option<Now>, due: Option<Time>, now: Now) -> Option<Now> {
        let soonest = match (self.sweeping_after, self.swept) {
            (Some(_), _) => Some(now),
            (None, swept) => swept.map(|swept| {
                let again = Now(swept.0.saturating_add(SWEEP));
                self.next_replacement.map_or(again, |next| again.max(next.into()))
            }),
        };
        let due = due.filter(|_| !self.may_not_skip(now)).map(Now::from);
        let sweep = soonest.zip(due).map(|(soonest, due)| soonest.max(due));
        wake.into_iter().chain(sweep).min()
    }

    fn is_sweep_due(&self, now: Now) -> bool {
        let is_long_ago = |then: Now| now.0.abs_diff(then.0) >= SWEEP.unsigned_abs();
        let may_find = self.next_replacement.is_none_or(|next| next <= now.time());
        let is_due = may_find && self.swept.is_none_or(is_long_ago);
        !self.may_not_skip(now) && (self.sweeping_after.is_some() || is_due)
    }
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
