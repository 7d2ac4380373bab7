//! The engine: settle and claim.
//!
//! # Responsibility
//! [`Engine`] owns the store. Each [`Engine::turn`] is one transaction: it settles the calls
//! that have come back, claims as many due accounts as there is room for, and commits. Only
//! then does it hand out the [`Claim`]s, so the ledger line always precedes the request, and
//! one fsync serves the whole turn. Schedule, retries, catch-up and a person's wishes take this
//! one path; nothing else writes.
//!
//! # Races
//! There are none inside: a turn is synchronous, and a function of the store, what came back,
//! and `now`. What a turn could not commit stays in the engine and is tried in the next, so an
//! answer that was paid for is lost only with the process; then its line is pending, and the
//! next start marks it `unknown`.
//!
//! # What is in memory
//! Answers not yet settled, wishes not yet claimed, and how many calls are on their way. All
//! else (what is due, pauses, the budget, the pace) is read from the store in each turn.

mod adding;
mod claiming;
pub mod consequence;
mod gate;
mod settling;
mod step;
mod watch;

use std::collections::VecDeque;

use crate::account::{AccountId, Handle};
use crate::api::{Answer, BodyPermit, ClassifiedResponse, classify};
use crate::clock::{Now, Time};
use crate::config::{Budget, CatchUp, Config, Retry};
use crate::schedule::ScheduleCache;
use crate::store::{
    AccountLookup, Cause, Claim, Outcome, Pause, PauseKind, RefreshId, Store, StoreError, Wait,
};

use claiming::{Candidates, Claiming};
use gate::Gate;

pub use watch::Changes;

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

/// What a person asks for.
#[derive(Clone, PartialEq, Debug)]
pub enum RefreshRequest {
    /// A refresh, whatever the schedule says.
    Now(AccountId),
    /// The account's open slot, if one is open.
    Open(AccountId),
    /// The id and the baseline of somebody known by name.
    Add(Box<AccountLookup>),
}

impl RefreshRequest {
    fn is_for_the_same(&self, other: &RefreshRequest) -> bool {
        match (self, other) {
            (
                RefreshRequest::Now(one) | RefreshRequest::Open(one),
                RefreshRequest::Now(other) | RefreshRequest::Open(other),
            ) => one == other,
            (RefreshRequest::Add(one), RefreshRequest::Add(other)) => one.handle == other.handle,
            _ => false,
        }
    }
}

/// A call that came back.
#[derive(Debug)]
pub struct CompletedCall {
    /// The right under which it was made.
    pub claim: Claim,
    /// What came back, understood: that is no work for the engine's thread.
    pub heard: ClassifiedResponse,
    /// When.
    pub arrived: Time,
    /// What is kept of a large answer takes as much room as the answer did.
    pub room: BodyPermit,
}

impl CompletedCall {
    /// What a call brought back, understood here.
    pub fn new(claim: Claim, answer: Answer, arrived: Time) -> CompletedCall {
        let heard = classify(&answer, claim.account_id(), arrived);
        CompletedCall { claim, heard, arrived, room: answer.into_body_permit() }
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
    /// A wish cannot be granted.
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
    /// Everything waits from now on.
    Paused(Pause),
    /// It no longer does.
    Resumed(PauseKind),
    /// The vendor asked for a while without calls.
    Waiting(Wait),
    /// The budget is spent, and something is due: until then it waits.
    BudgetSpent(Time),
    /// The clock stepped back, and so many accounts were brought back with it.
    ClockSteppedBack(usize),
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
    terms: EngineConfig,
    mode: ClaimMode,
    schedules: ScheduleCache,
    returned: Vec<CompletedCall>,
    wishes: VecDeque<RefreshRequest>,
    candidates: Candidates,
    in_flight: usize,
    progress: Progress,
}

/// What only this process knows, and a failed commit must not change.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Since when slots are served as they come: the last start, resume or end of a pause.
    up: Option<Time>,
    /// Whether a first turn was committed.
    is_started: bool,
    /// Whether the next probe of a pause may leave at once: after a start or a reload.
    probe_now: bool,
    last_turn: Option<Now>,
    last_claim: Option<Now>,
    /// Whether it was said that the budget is spent.
    said_spent: bool,
}

impl Engine {
    /// An engine on `store`.
    pub fn new(store: Store, terms: EngineConfig, mode: ClaimMode) -> Engine {
        Engine {
            store,
            terms,
            mode,
            schedules: ScheduleCache::default(),
            returned: Vec::new(),
            wishes: VecDeque::new(),
            candidates: Candidates::default(),
            in_flight: 0,
            progress: Progress { probe_now: true, ..Progress::default() },
        }
    }

    /// Takes what a call brought back; the next turn settles it.
    pub fn take(&mut self, returned: CompletedCall) {
        self.returned.push(returned);
    }

    /// Asks for a refresh as soon as there is room; twice for one account is once.
    pub fn wish(&mut self, wish: RefreshRequest) {
        if !self.wishes.iter().any(|known| known.is_for_the_same(&wish)) {
            self.wishes.push_back(wish);
            self.progress.probe_now = true;
        }
    }

    /// Notes that the machine slept until `now`: what fell due meanwhile is late.
    pub fn resumed(&mut self, now: Now) {
        self.progress.up = Some(now.time());
    }

    /// Starts nothing more, asked for or not; what is on its way is still settled.
    pub fn stop(&mut self) {
        self.mode = ClaimMode::Nothing;
        self.wishes.clear();
    }

    /// Whether nothing is on its way, unsettled or wished for.
    pub fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.wishes.is_empty()
    }

    /// How many calls are on their way or not settled yet.
    pub fn in_flight(&self) -> usize {
        self.in_flight
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
        self.progress = Progress { probe_now: true, ..Progress::default() };
        Ok(())
    }

    /// Settles what came back and claims what is due, in one transaction.
    ///
    /// # Errors
    /// The store's; then nothing happened, no call may be made, and what came back is kept for
    /// the next turn.
    pub fn turn(&mut self, now: Now) -> Result<Turn, StoreError> {
        let time = now.time();
        // Kept even if this turn fails: a process whose disk is full is up all the same, and what
        // falls due meanwhile is not late.
        self.progress.up.get_or_insert(time);
        let mut progress = self.progress;
        let is_start = !progress.is_started;
        progress.is_started = true;
        let stepped_back = progress.last_turn.is_some_and(|last| now < last);
        progress.last_turn = Some(now);
        // No later than now: else every slot up to a clock that was ahead would count as late, and
        // with `catch_up = "never"` be passed over.
        progress.up = progress.up.min(Some(time));
        if stepped_back {
            // Else the next would always be a step after now, until the old time is reached.
            progress.last_claim = progress.last_claim.map(|last| last.min(now));
        }

        let mut events = Vec::new();
        let is_quiet = self.returned.is_empty()
            && self.wishes.is_empty()
            && !is_start
            && !stepped_back
            && !progress.probe_now;
        if is_quiet && self.mode == ClaimMode::Due {
            let batch = self.store.look()?;
            let gate = Gate::read(&batch, &self.terms, &progress, self.in_flight, now)?;
            let due = batch.next_due()?;
            if !gate.is_open(now) || due.is_none_or(|due| due > time) {
                gate.tell(due, time, &mut progress, &mut events);
                self.progress = progress;
                return Ok(Turn { claims: Vec::new(), events, wake: gate.wake(due) });
            }
        }

        let mut batch = self.store.begin()?;
        if is_start {
            // The ledger knows the second; the call may have left at its end.
            progress.last_claim =
                batch.last_claim()?.map(|last| Now(Now::from(last).0 + 999).min(now));
            settling::settle_left_pending(
                &batch,
                &mut self.schedules,
                &self.terms,
                time,
                &mut events,
            )?;
        }
        // A start does not know what clock the last process had, and the ledger need not say:
        // an edited schedule leaves no line in it.
        if is_start || stepped_back {
            let count = claiming::bring_back(&batch, &mut self.schedules, &self.terms.retry, time)?;
            if count > 0 || stepped_back {
                events.push(Event::ClockSteppedBack(count));
            }
        }
        for returned in &self.returned {
            let resumed = settling::settle(
                &batch,
                &mut self.schedules,
                &self.terms,
                returned,
                time,
                &mut events,
            )?;
            if resumed {
                progress.up = Some(time);
            }
        }
        let in_flight = self.in_flight.saturating_sub(self.returned.len());
        let (wishes_done, wake) = Claiming {
            batch: &mut batch,
            schedules: &mut self.schedules,
            terms: &self.terms,
            candidates: &mut self.candidates,
            mode: self.mode,
            progress: &mut progress,
            events: &mut events,
            now,
            in_flight,
        }
        .claim(&self.wishes)?;
        let claims = batch.commit()?;

        self.in_flight = in_flight + claims.len();
        self.returned.clear();
        self.wishes.drain(..wishes_done);
        self.progress = progress;
        Ok(Turn { claims, events, wake })
    }
}
