//! Claiming: which accounts are called now, and for which slots.

use std::collections::HashSet;

use crate::clock::{Now, Time};
use crate::engine::account_state::AccountState;
use crate::engine::breaker::{Breaker, Candidate, OpenBreaker};
use crate::engine::candidates::Candidates;
use crate::engine::fresh::{FRESH, is_fresh};
use crate::engine::gate::Gate;
use crate::engine::in_flight::Busy;
use crate::engine::progress::Progress;
use crate::engine::replaced::ReplacedSlots;
use crate::engine::requests::RequestQueue;
use crate::engine::saved_state::{change_before_trouble, set_state};
use crate::engine::skipped_slot::SkippedSlot;
use crate::engine::step::{Due, Step, Up};
use crate::engine::{ClaimMode, EngineConfig, Event};
use crate::schedule::{ScheduleCache, SlotWindow};
use crate::store::{Account, AccountKey, Cause, StoreError, WriteTx};

/// The maximum number of accounts considered in a turn. It limits how long a transaction lasts if
/// thousands of slots are skipped at once.
pub(super) const MAX_CONSIDERED: usize = 2048;

/// The maximum number of accounts considered for a probe in a turn.
const PROBE_CANDIDATES: usize = 256;

/// The delay before the next turn while the clock is in doubt, in milliseconds.
const DOUBT_DELAY: i64 = 60_000;

pub(super) struct Claiming<'a, 'store> {
    pub(super) tx: &'a mut WriteTx<'store>,
    pub(super) schedules: &'a mut ScheduleCache,
    pub(super) config: &'a EngineConfig,
    pub(super) candidates: &'a mut Candidates,
    pub(super) breaker: &'a mut Breaker,
    pub(super) mode: ClaimMode,
    pub(super) progress: &'a mut Progress,
    pub(super) events: &'a mut Vec<Event>,
    pub(super) now: Now,
    pub(super) busy: Busy,
}

/// How many calls may still be claimed in this turn, and how many of them may be manual.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    pub(super) calls: usize,
    pub(super) manual: usize,
}

/// What was done about an account that may be due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Considered {
    Called,
    /// Its slot was skipped, for this reason.
    Skipped(&'static str),
    NothingOwed,
    /// It was left alone: what a doubtful clock would skip waits until the clock is confirmed.
    Left,
}

/// The result of claiming.
#[derive(Debug)]
pub(super) struct Claimed {
    /// The number of requests that were handled.
    pub(super) requests: usize,
    /// Whether a call was claimed for one of them, or a probe that tells about them all.
    pub(super) has_tried: bool,
    /// When there is more to do.
    pub(super) wake: Option<Now>,
}

impl Claiming<'_, '_> {
    /// Claims calls for requests and for due accounts. If both wait, they alternate, so that a list
    /// of requests does not hold up a slot for long, and a list of due accounts does not hold up a
    /// person.
    pub(super) fn claim(mut self, requests: &RequestQueue) -> Result<Claimed, StoreError> {
        let time = self.now.time();
        let mut gate = self.gate()?;
        // One early probe for all requests of a moment: if it fails, the others are declined.
        let is_early =
            gate.breaker.is_some() && requests.is_new() && self.is_grantable(requests, &gate)?;
        if is_early {
            self.want_half_open();
            gate = self.gate()?;
        }
        let (was_open, calls) = (gate.breaker.is_some(), self.busy.calls);
        let limit = if gate.is_open(self.now) { gate.limit } else { 0 };
        let is_due = self.mode == ClaimMode::Due
            && self.tx.next_due(&self.busy.accounts)?.is_some_and(|due| due <= time);
        let share = match (requests.is_empty(), is_due) {
            (true, _) => 0,
            (false, false) => limit.min(self.room_for_requests()),
            (false, true) if is_early => limit,
            (false, true) if limit == 1 => usize::from(!self.progress.was_request),
            (false, true) => limit.div_ceil(2),
        };
        let mut allowance = Allowance { calls: share, manual: gate.manual_limit };
        let mut handled = 0;
        let mut granted = 0;
        for request in requests.iter().take(MAX_CONSIDERED) {
            let before = allowance.calls;
            let holds_back = limit > 0 && share == 0;
            if holds_back || !self.grant(request, &gate, &mut allowance)? {
                break;
            }
            handled += 1;
            granted += before - allowance.calls;
        }
        allowance.calls = limit - granted;
        let has_more = self.claim_due(&gate, &mut allowance)?;
        let has_tried = granted > 0 || (was_open && self.busy.calls > calls);
        // If no due account could be called, it is the requests' turn again.
        if limit > 0 {
            self.progress.was_request = granted > 0;
        }
        if has_more {
            return Ok(Claimed { requests: handled, has_tried, wake: Some(self.now) });
        }
        let gate = self.gate()?;
        let due = match self.mode {
            ClaimMode::Due => self.tx.next_due(&self.busy.accounts)?,
            ClaimMode::Requested | ClaimMode::Nothing => None,
        };
        gate.report_spent_budget(due, time, self.progress, self.events);
        let next = requests.iter().nth(handled);
        let wake = match next.is_some_and(|next| !self.awaits_call(next, &gate)) {
            true => gate.wake(Some(time), None),
            // Slots that are left alone until the clock is confirmed do not need an immediate turn.
            false
                if self.mode == ClaimMode::Due
                    && self.progress.may_not_skip(self.now)
                    && self.busy.calls == 0
                    && gate.is_open(self.now) =>
            {
                Some(Now(self.now.0.saturating_add(DOUBT_DELAY)))
            }
            false => gate.wake(due, self.later(&gate)?),
        };
        let wake = self.progress.sweep_wake(wake, due, self.now);
        Ok(Claimed { requests: handled, has_tried, wake })
    }

    fn gate(&self) -> Result<Gate, StoreError> {
        Gate::read(self.tx, self.config, self.progress, self.breaker, self.busy.calls, self.now)
    }

    fn later(&self, gate: &Gate) -> Result<Option<Time>, StoreError> {
        match (self.mode, &gate.breaker) {
            (ClaimMode::Due, Some(_)) => self.tx.first_due(self.now.time(), &self.busy.accounts),
            _ => Ok(None),
        }
    }

    /// Claims calls for due accounts. Returns whether there were more than a turn may consider.
    fn claim_due(&mut self, gate: &Gate, allowance: &mut Allowance) -> Result<bool, StoreError> {
        if self.mode != ClaimMode::Due || allowance.calls == 0 {
            return Ok(false);
        }
        if let Some(open) = &gate.breaker {
            return self.claim_probe(open, gate, allowance);
        }
        let mut left = HashSet::new();
        let mut seen_again = 0;
        for _ in 0..MAX_CONSIDERED {
            if allowance.calls == 0 {
                return Ok(false);
            }
            let time = self.now.time();
            let Some(key) = self.candidates.next(self.tx, time, &self.busy)? else {
                return Ok(false);
            };
            // Those that are left alone stay due, and are found again and again.
            if left.contains(&key) {
                seen_again += 1;
                if seen_again > left.len() {
                    return Ok(false);
                }
            } else if self.consider(key, gate, allowance)? == Considered::Left {
                left.insert(key);
                seen_again = 0;
            }
        }
        Ok(!self.progress.may_not_skip(self.now))
    }

    /// Claims a probe: for a fresh account if one is due, otherwise for a different failed one each
    /// time. Some candidates may only need to be skipped.
    fn claim_probe(
        &mut self,
        open: &OpenBreaker,
        gate: &Gate,
        allowance: &mut Allowance,
    ) -> Result<bool, StoreError> {
        let time = self.now.time();
        let mut keys = self.tx.due_fresh(time, PROBE_CANDIDATES, open.opened_after.0)?;
        let has_more = keys.len() == PROBE_CANDIDATES;
        if open.probe_time(Candidate::Failed, time) <= time {
            let OpenBreaker { last_account, opened_after, .. } = *open;
            keys.extend(self.tx.due_failed(time, last_account, opened_after, PROBE_CANDIDATES)?);
        }
        for key in keys {
            if allowance.calls == 0 {
                return Ok(false);
            }
            self.consider(key, gate, allowance)?;
        }
        Ok(has_more && !self.progress.may_not_skip(self.now))
    }

    /// Calls an account that is due, or settles its slot without a call.
    pub(super) fn consider(
        &mut self,
        key: AccountKey,
        gate: &Gate,
        allowance: &mut Allowance,
    ) -> Result<Considered, StoreError> {
        let time = self.now.time();
        let Some(mut account) = self.tx.account(key)? else { return Ok(Considered::NothingOwed) };
        let is_due = account.state.next_due.is_some_and(|due| due <= time);
        if !is_due || self.busy.accounts.contains(&key) {
            return Ok(Considered::NothingOwed);
        }
        let window = account.window(self.schedules, time);
        let mut due = self.due(&account, window)?;
        let up =
            Up { since: self.progress.up.unwrap_or(time), last_pause: gate.last_pause.clone() };
        let mut step = due.step(&up, self.config.catch_up);
        let mut has_fresh = false;
        // A slot that was bought comes again if the clock was set back, perhaps too late.
        if let Step::Call(_, Some(slot)) | Step::Skip(_, slot, _) = step
            && self.tx.is_bought(key, slot)?
        {
            step = Step::Served;
        }
        if let Step::Call(cause, Some(slot)) = step
            && is_fresh(self.tx, self.schedules, &account, slot, time)?
        {
            step = Step::Skip(cause, slot, FRESH);
            has_fresh = true;
        }
        if self.progress.may_not_skip(self.now) && matches!(step, Step::Skip(..)) {
            return Ok(Considered::Left);
        }
        if has_fresh {
            // The snapshot takes the place of the slot, and so is followed by the slot after it.
            self.tx.lengthen_wait(key, window.interval())?;
        }
        self.replace(&mut account, &mut due)?;
        match step {
            Step::Call(cause, slot) => {
                match self.call(&account, cause, slot, window.interval(), allowance)? {
                    true => Ok(Considered::Called),
                    false => Ok(Considered::NothingOwed),
                }
            }
            Step::Skip(cause, slot, why) => {
                let interval = window.interval();
                SkippedSlot { account: &account, cause, slot, interval, why }.record(
                    self.tx,
                    self.events,
                    self.now.time(),
                )?;
                self.settle(&mut account, due.state, window)?;
                Ok(Considered::Skipped(why))
            }
            Step::Served => {
                self.settle(&mut account, due.state, window)?;
                Ok(Considered::NothingOwed)
            }
        }
    }

    pub(super) fn due(&mut self, account: &Account, window: SlotWindow) -> Result<Due, StoreError> {
        Ok(Due {
            state: account.state.try_into()?,
            window,
            is_new: account.last_refresh.is_none(),
            has_failed: account.failure.last.is_some(),
            tried: self.tx.tried_slot(account, self.schedules)?,
            active: account.active,
            edited: account.edited,
        })
    }

    /// Settles everything up to now, also in the state that an open breaker would restore.
    fn settle(
        &mut self,
        account: &mut Account,
        state: AccountState,
        window: SlotWindow,
    ) -> Result<(), StoreError> {
        change_before_trouble(self.tx, account.key, |before| before.settle(window, None))?;
        set_state(account, state.settle(window, None), window);
        self.tx.save(account)
    }

    /// If the account's open slot was replaced unserved, records that in the ledger and in its row.
    pub(super) fn replace(
        &mut self,
        account: &mut Account,
        due: &mut Due,
    ) -> Result<(), StoreError> {
        let now = self.now.time();
        let alive = self.progress.alive_at(now);
        let Claiming { tx, schedules, events, .. } = self;
        let replaced = ReplacedSlots { tx, schedules, events, alive, now };
        let Some(state) = replaced.replace(account, due.state, due.window)? else { return Ok(()) };
        due.state = state;
        set_state(account, due.state, due.window);
        self.tx.save(account)
    }

    /// Runs [`Claiming::sweep_replaced`] on some accounts per turn, periodically and at a stop.
    pub(super) fn sweep(&mut self) -> Result<(), StoreError> {
        let is_wanted = match self.mode {
            ClaimMode::Due => self.progress.is_sweep_due(self.now),
            ClaimMode::Nothing => !self.progress.may_not_skip(self.now),
            ClaimMode::Requested => false,
        };
        if !is_wanted {
            return Ok(());
        }
        if self.progress.sweeping_after.is_none() {
            let next = self.tx.first_due(self.now.time(), &self.busy.accounts)?;
            self.progress.next_replacement = next.or(Some(Time(i64::MAX)));
        }
        let after = self.progress.sweeping_after.unwrap_or(AccountKey(i64::MIN));
        self.progress.sweeping_after = self.sweep_replaced(after)?;
        if self.progress.sweeping_after.is_none() {
            self.progress.swept = Some(self.now);
        }
        Ok(())
    }

    /// Writes the ledger lines of replaced slots for waiting accounts with keys above `after`, so
    /// that the lines exist even if the process ends before they are called. Returns the last
    /// account considered, if there may be more.
    fn sweep_replaced(&mut self, after: AccountKey) -> Result<Option<AccountKey>, StoreError> {
        let time = self.now.time();
        let mut accounts = self.tx.with_open_slots(time, after, MAX_CONSIDERED)?;
        for account in &mut accounts {
            if self.busy.accounts.contains(&account.key) {
                continue;
            }
            let window = account.window(self.schedules, time);
            let next = &mut self.progress.next_replacement;
            *next = next.map(|next| next.min(window.next));
            let mut due = self.due(account, window)?;
            self.replace(account, &mut due)?;
        }
        Ok(accounts.last().map(|last| last.key).filter(|_| accounts.len() == MAX_CONSIDERED))
    }

    /// Claims a call; `false` if its slot was bought already.
    pub(super) fn call(
        &mut self,
        account: &Account,
        cause: Cause,
        slot: Option<Time>,
        interval: i64,
        allowance: &mut Allowance,
    ) -> Result<bool, StoreError> {
        let time = self.now.time();
        let Some(refresh) = self.tx.claim(account, cause, slot, interval, time)? else {
            return Ok(false);
        };
        self.events.push(Event::Started { id: account.id.clone(), cause, refresh });
        let candidate = match account.failure.last {
            None => Candidate::Fresh,
            Some(_) => Candidate::Failed,
        };
        debug_assert!(self.breaker.as_open().is_none() || allowance.calls <= 1);
        self.record_claim(account.key, candidate, allowance)?;
        Ok(true)
    }

    /// Records that a call was claimed.
    pub(super) fn record_claim(
        &mut self,
        account: AccountKey,
        candidate: Candidate,
        allowance: &mut Allowance,
    ) -> Result<(), StoreError> {
        if let Breaker::Open(open) = &self.breaker {
            let probed = open.clone().probed(account, candidate, self.now.time());
            self.tx.set_breaker(Some(&(&probed).into()))?;
            *self.breaker = Breaker::Open(probed);
        }
        self.progress.last_claim = Some(self.now);
        self.busy.add(account);
        allowance.calls -= 1;
        Ok(())
    }
}
