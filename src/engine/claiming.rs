//! Claiming: who is asked now, and for which slot.

use crate::clock::{Now, Time};
use crate::engine::account_state::AccountState;
use crate::engine::breaker::{Breaker, Candidate, OpenBreaker};
use crate::engine::candidates::Candidates;
use crate::engine::gate::Gate;
use crate::engine::progress::Progress;
use crate::engine::replaced::ReplacedSlots;
use crate::engine::requests::{RefreshRequest, RequestQueue};
use crate::engine::settling::{NOBODY, change_before_trouble, set_state};
use crate::engine::step::{Due, Step};
use crate::engine::{ClaimMode, EngineConfig, Event};
use crate::schedule::{ScheduleCache, SlotWindow};
use crate::store::{Account, AccountKey, AccountLookup, Cause, StoreError, WriteTx};

/// How many accounts one turn looks at: a bound on how long a transaction lasts where thousands
/// of slots are passed over at once.
const LOOKED_AT: usize = 2048;

/// How many accounts one turn looks at for whom to probe.
const PROBE_CANDIDATES: usize = 256;

/// How soon a turn looks again while the clock is in doubt, in milliseconds.
const IN_DOUBT: i64 = 60_000;

/// The part of a turn that claims.
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
    pub(super) in_flight: usize,
}

/// How many calls may still be claimed in this turn, and how many of them by hand.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    calls: usize,
    manual: usize,
}

/// What a turn's claiming leaves.
#[derive(Debug)]
pub(super) struct Claimed {
    /// How many of the requests are dealt with.
    pub(super) requests: usize,
    /// When there is more to do.
    pub(super) wake: Option<Now>,
}

impl Claiming<'_, '_> {
    /// Claims for what people asked for and for what is due, in turns where both wait: a list of
    /// requests holds up no slot for long, nor the list of what is due a person.
    pub(super) fn claim(mut self, requests: &RequestQueue) -> Result<Claimed, StoreError> {
        let time = self.now.time();
        let mut gate = self.gate()?;
        if gate.breaker.is_some() && self.is_grantable(requests, &gate)? {
            self.want_half_open();
            gate = self.gate()?;
        }
        let limit = if gate.is_open(self.now) { gate.limit } else { 0 };
        let is_due =
            self.mode == ClaimMode::Due && self.tx.next_due()?.is_some_and(|due| due <= time);
        let share = match (requests.is_empty(), is_due) {
            (true, _) => 0,
            (false, false) => limit,
            (false, true) if limit == 1 => usize::from(!self.progress.was_request),
            (false, true) => limit.div_ceil(2),
        };
        let mut allowance = Allowance { calls: share, manual: gate.manual_limit };
        let mut done = 0;
        let mut granted = 0;
        for request in requests.iter() {
            let before = allowance.calls;
            let holds_back = limit > 0 && share == 0;
            if holds_back || !self.grant(request, &gate, &mut allowance)? {
                break;
            }
            done += 1;
            granted += before - allowance.calls;
        }
        allowance.calls = limit - granted;
        let is_behind = self.claim_due(&gate, &mut allowance)?;
        // Where nobody due could be called, it is the requests' turn.
        if limit > 0 {
            self.progress.was_request = granted > 0;
        }
        if is_behind {
            return Ok(Claimed { requests: done, wake: Some(self.now) });
        }
        let gate = self.gate()?;
        let due = match self.mode {
            ClaimMode::Due => self.tx.next_due()?,
            ClaimMode::Asked | ClaimMode::Nothing => None,
        };
        gate.tell(due, time, self.progress, self.events);
        let wake = match done < requests.len() {
            true => gate.wake(Some(time), None),
            // What is left as it is until the clock is confirmed is no reason for another turn.
            false
                if self.progress.may_not_skip(self.now)
                    && self.in_flight == 0
                    && gate.is_open(self.now) =>
            {
                Some(Now(self.now.0.saturating_add(IN_DOUBT)))
            }
            false => gate.wake(due, self.later(&gate)?),
        };
        let wake = self.progress.sweep_wake(wake, due, self.now);
        Ok(Claimed { requests: done, wake })
    }

    fn gate(&self) -> Result<Gate, StoreError> {
        Gate::read(self.tx, self.config, self.progress, self.breaker, self.in_flight, self.now)
    }

    fn later(&self, gate: &Gate) -> Result<Option<Time>, StoreError> {
        match (self.mode, &gate.breaker) {
            (ClaimMode::Due, Some(_)) => self.tx.first_due(self.now.time()),
            _ => Ok(None),
        }
    }

    /// Whether one of the first requests can be granted as far as its account and people's part of
    /// the budget go: only such a one may have the vendor probed before the time.
    fn is_grantable(&self, requests: &RequestQueue, gate: &Gate) -> Result<bool, StoreError> {
        let is_affordable = gate.manual_limit > 0;
        let is_callable = |key| {
            let is_watched = self.tx.account(key)?.is_some_and(|account| account.is_watched());
            Ok::<_, StoreError>(is_watched && !self.tx.is_in_flight(key)?)
        };
        for request in requests.iter().take(LOOKED_AT) {
            let is_grantable = match request {
                RefreshRequest::Lookup(lookup) => {
                    is_affordable && self.tx.find_handle(&lookup.handle)?.is_none()
                }
                RefreshRequest::Now(key) => is_affordable && is_callable(*key)?,
                RefreshRequest::OpenSlot(key) => is_callable(*key)?,
            };
            if is_grantable {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// For this turn alone: where it cannot be granted now, the request is declined.
    fn want_half_open(&mut self) {
        if let Breaker::Open(open) = &self.breaker
            && !open.half_open.is_wanted
        {
            *self.breaker = Breaker::Open(open.clone().want_half_open());
        }
    }

    /// Deals with one request, unless it has to wait for room.
    fn grant(
        &mut self,
        request: &RefreshRequest,
        gate: &Gate,
        allowance: &mut Allowance,
    ) -> Result<bool, StoreError> {
        let (key, is_open_slot) = match request {
            RefreshRequest::Lookup(lookup) => return self.grant_lookup(lookup, gate, allowance),
            RefreshRequest::Now(key) => (*key, false),
            RefreshRequest::OpenSlot(key) => (*key, true),
        };
        let Some(account) = self.tx.account(key)? else { return Ok(true) };
        let decline = |why: String| Event::Declined { id: account.id.clone(), why };
        if !account.is_watched() {
            let why = "it is disabled in the watchlist, or no longer in it";
            self.events.push(decline(why.to_owned()));
            return Ok(true);
        }
        // Whoever asked hears of the call that is on its way.
        if self.tx.is_in_flight(key)? {
            return Ok(true);
        }
        // An open slot is the schedule's, whoever has it served.
        let is_manual = !is_open_slot;
        if allowance.calls == 0 || (is_manual && allowance.manual == 0) {
            let refusal = self.refusal(gate, is_manual);
            let is_refused = refusal.is_some();
            self.events.extend(refusal.map(decline));
            return Ok(is_refused);
        }
        let before = allowance.calls;
        match is_open_slot {
            true => self.look_at(key, allowance)?,
            false => {
                let window = account.window(self.schedules, self.now.time())?;
                self.call(&account, Cause::Manual, None, window.interval(), allowance)?;
            }
        }
        match allowance.calls < before {
            true => allowance.manual -= usize::from(is_manual),
            false => self.events.push(decline("nothing is owed".to_owned())),
        }
        Ok(true)
    }

    /// Claims a lookup's call, unless the name is known or there is no room.
    fn grant_lookup(
        &mut self,
        lookup: &AccountLookup,
        gate: &Gate,
        allowance: &mut Allowance,
    ) -> Result<bool, StoreError> {
        let handle = lookup.handle.clone();
        // Whoever was ever refreshed is known by id: that costs nothing.
        if let Some((id, is_watched)) = self.tx.find_handle(&handle)? {
            self.events.push(Event::Found { handle, id, followers: None, is_watched, call: None });
            return Ok(true);
        }
        if allowance.calls == 0 || allowance.manual == 0 {
            let refusal = self.refusal(gate, true);
            let is_refused = refusal.is_some();
            self.events.extend(refusal.map(|why| Event::NotFound { handle, why, call: None }));
            return Ok(is_refused);
        }
        self.tx.claim_lookup(lookup, self.now.time())?;
        allowance.manual -= 1;
        self.called(NOBODY, Candidate::Fresh, allowance).map(|()| true)
    }

    /// Why a request is declined rather than kept waiting; `None` while there may be room soon.
    fn refusal(&self, gate: &Gate, is_manual: bool) -> Option<String> {
        let is_standing_still = !gate.is_open(self.now) && self.in_flight == 0;
        let standing_still = || gate.refusal().filter(|_| is_standing_still);
        gate.manual_refusal().filter(|_| is_manual).or_else(standing_still)
    }

    /// Claims for due accounts; answers whether there were more than one turn should look at.
    fn claim_due(&mut self, gate: &Gate, allowance: &mut Allowance) -> Result<bool, StoreError> {
        if self.mode != ClaimMode::Due || allowance.calls == 0 {
            return Ok(false);
        }
        if let Some(open) = &gate.breaker {
            return self.claim_probe(open, allowance);
        }
        for _ in 0..LOOKED_AT {
            if allowance.calls == 0 {
                return Ok(false);
            }
            let time = self.now.time();
            let Some(key) = self.candidates.next(self.tx, time)? else { return Ok(false) };
            self.look_at(key, allowance)?;
        }
        // What is left as it is by a clock in doubt would be looked at for ever.
        Ok(!self.progress.may_not_skip(self.now))
    }

    /// Claims a probe: of a fresh account if one is due, else of another one each time. Some may
    /// only be passed over.
    fn claim_probe(
        &mut self,
        open: &OpenBreaker,
        allowance: &mut Allowance,
    ) -> Result<bool, StoreError> {
        let time = self.now.time();
        let mut keys = self.tx.due_fresh(time, PROBE_CANDIDATES)?;
        let is_behind = keys.len() == PROBE_CANDIDATES;
        if open.probe_time(Candidate::Failed, time) <= time {
            keys.extend(self.tx.due_failed(time, open.last_account, PROBE_CANDIDATES)?);
        }
        for key in keys {
            if allowance.calls == 0 {
                return Ok(false);
            }
            self.look_at(key, allowance)?;
        }
        Ok(is_behind && !self.progress.may_not_skip(self.now))
    }

    fn look_at(&mut self, key: AccountKey, allowance: &mut Allowance) -> Result<(), StoreError> {
        let time = self.now.time();
        let Some(mut account) = self.tx.account(key)? else { return Ok(()) };
        let is_due = account.state.next_due.is_some_and(|due| due <= time);
        if !is_due || self.tx.is_in_flight(key)? {
            return Ok(());
        }
        let window = account.window(self.schedules, time)?;
        let mut due = self.due(&account, window)?;
        let mut step = due.step(self.progress.up.unwrap_or(time), self.config.catch_up);
        if let Step::Call(cause, Some(slot)) = step {
            if self.tx.is_bought(key, slot)? {
                step = Step::Served;
            } else if self.is_fresh(&account, slot)? {
                step = Step::Skip(cause, slot, "fresh: a snapshot was taken just before");
            }
        }
        // What a clock that may be wrong would pass over is left for one that is confirmed.
        if self.progress.may_not_skip(self.now) && matches!(step, Step::Skip(..)) {
            return Ok(());
        }
        if step != Step::Served {
            self.replace(&mut account, &mut due)?;
        }
        match step {
            Step::Call(cause, slot) => {
                self.call(&account, cause, slot, window.interval(), allowance)
            }
            Step::Skip(cause, slot, why) => {
                self.skip(&account, cause, slot, window.interval(), why)?;
                self.pass(&mut account, due.state, window)
            }
            Step::Served => self.pass(&mut account, due.state, window),
        }
    }

    fn due(&mut self, account: &Account, window: SlotWindow) -> Result<Due, StoreError> {
        Ok(Due {
            state: account.state.try_into()?,
            window,
            has_failed: account.failure.last.is_some(),
            tried: self.tx.tried_slot(account, self.schedules)?,
            active: account.active,
        })
    }

    /// Nothing is owed up to now.
    fn pass(
        &mut self,
        account: &mut Account,
        state: AccountState,
        window: SlotWindow,
    ) -> Result<(), StoreError> {
        set_state(account, state.settle(window, None), window);
        self.tx.save(account)
    }

    /// Whether a measured snapshot was taken so shortly before the slot that it would buy the
    /// same numbers twice, or since.
    ///
    /// Measured by the distance to the slot before: by the longest interval, the second slot of
    /// a day in a pattern such as `0 9,17 * * MON` would never be served.
    fn is_fresh(&mut self, account: &Account, slot: Time) -> Result<bool, StoreError> {
        let before = account.window(self.schedules, slot.plus(-1))?.slot;
        let from = slot.plus(-slot.since(before) / 10);
        let now = self.now.time();
        match self.tx.last_measured_time(account.key)? {
            Some(last) if last <= now => Ok(last > from),
            // The newest was taken under a clock that was ahead.
            Some(_) => self.tx.has_measured(account.key, from, now),
            None => Ok(false),
        }
    }

    /// Where the account's open slot was replaced unserved, says so in the ledger and in its row.
    fn replace(&mut self, account: &mut Account, due: &mut Due) -> Result<(), StoreError> {
        let now = self.now.time();
        let alive = self.progress.alive.unwrap_or(now);
        let Claiming { tx, schedules, events, .. } = self;
        let replaced = ReplacedSlots { tx, schedules, events, alive, now };
        let Some(slot) = replaced.write(account, due.state, due.window)? else { return Ok(()) };
        change_before_trouble(self.tx, account.key, |before| before.replace(slot))?;
        due.state = due.state.replace(slot);
        account.failure = account.failure.replaced();
        set_state(account, due.state, due.window);
        self.tx.save(account)
    }

    /// Now and then, and at a stop, writes what [`Claiming::sweep_replaced`] writes, some accounts
    /// a turn.
    pub(super) fn sweep(&mut self) -> Result<(), StoreError> {
        let is_wanted = match self.mode {
            ClaimMode::Due => self.progress.is_sweep_due(self.now),
            ClaimMode::Nothing => !self.progress.may_not_skip(self.now),
            ClaimMode::Asked => false,
        };
        if !is_wanted {
            return Ok(());
        }
        if self.progress.sweeping_after.is_none() {
            let next = self.tx.first_due(self.now.time())?;
            self.progress.next_replacement = next.or(Some(Time(i64::MAX)));
        }
        let after = self.progress.sweeping_after.unwrap_or(AccountKey(i64::MIN));
        self.progress.sweeping_after = self.sweep_replaced(after)?;
        if self.progress.sweeping_after.is_none() {
            self.progress.swept = Some(self.now);
        }
        Ok(())
    }

    /// Writes the lines of slots that were replaced unserved, for accounts after `after` whose
    /// turn has not come: so that they are there even if the process ends before. Answers the
    /// last account looked at, if there may be more.
    fn sweep_replaced(&mut self, after: AccountKey) -> Result<Option<AccountKey>, StoreError> {
        let time = self.now.time();
        let mut accounts = self.tx.due_since(time, after, LOOKED_AT)?;
        for account in &mut accounts {
            let window = account.window(self.schedules, time)?;
            let next = &mut self.progress.next_replacement;
            *next = next.map(|next| next.min(window.next));
            let mut due = self.due(account, window)?;
            self.replace(account, &mut due)?;
        }
        Ok(accounts.last().map(|last| last.key).filter(|_| accounts.len() == LOOKED_AT))
    }

    fn skip(
        &mut self,
        account: &Account,
        cause: Cause,
        slot: Time,
        interval: i64,
        why: &str,
    ) -> Result<(), StoreError> {
        self.tx.skip(account, cause, slot, interval, why, self.now.time())?;
        let id = account.id.clone();
        self.events.push(Event::Skipped { id, slot, why: why.to_owned() });
        Ok(())
    }

    fn call(
        &mut self,
        account: &Account,
        cause: Cause,
        slot: Option<Time>,
        interval: i64,
        allowance: &mut Allowance,
    ) -> Result<(), StoreError> {
        let time = self.now.time();
        let Some(refresh) = self.tx.claim(account, cause, slot, interval, time)? else {
            return Ok(());
        };
        self.events.push(Event::Started { id: account.id.clone(), cause, refresh });
        let candidate = match account.failure.last {
            None => Candidate::Fresh,
            Some(_) => Candidate::Failed,
        };
        debug_assert!(self.breaker.as_open().is_none() || allowance.calls <= 1);
        self.called(account.key, candidate, allowance)
    }

    /// Notes that a call was claimed.
    fn called(
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
        self.in_flight += 1;
        allowance.calls -= 1;
        Ok(())
    }
}
