//! Claiming: who is asked now, and for which slot.

use std::collections::VecDeque;

use crate::clock::{Now, Time};
use crate::config::Retry;
use crate::engine::consequence::probe_distance;
use crate::engine::gate::Gate;
use crate::engine::step::{Step, step, superseded};
use crate::engine::{ClaimMode, EngineConfig, Event, Progress, RefreshRequest};
use crate::schedule::{ScheduleCache, SlotWindow};
use crate::store::{Account, AccountKey, AccountState, Batch, Cause, Pause, StoreError};

/// How many due accounts are fetched at a time, at least and at most. A fetch sorts everything
/// that is due; so where many calls are made, many share one, and where few are, the order stays
/// fresh.
const FETCHED: (usize, usize) = (256, 65_536);

/// In how many seconds a fetch is to be used up, for the next to be larger.
const SOON: i64 = 60;

/// How many accounts one turn looks at: a bound on how long a transaction lasts where thousands
/// of slots are passed over at once.
const LOOKED_AT: usize = 2048;

/// Due accounts, in the order that was the fair one when they were fetched. Whether each is still
/// due is looked at again when its turn comes.
///
/// Each has its turn before there is another order: else one that fails, and is due again soon,
/// would stay before those that wait, since it is the longest without a snapshot.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    keys: VecDeque<AccountKey>,
    count: usize,
    fetched: Option<Time>,
}

impl Candidates {
    fn next(&mut self, batch: &Batch<'_>, now: Time) -> Result<Option<AccountKey>, StoreError> {
        if self.keys.is_empty() {
            let (least, most) = FETCHED;
            let is_soon = self.fetched.is_some_and(|then| (0..SOON).contains(&now.since(then)));
            self.count = if is_soon { (self.count * 4).min(most) } else { least };
            self.keys = batch.due(now, self.count)?.into();
            self.fetched = Some(now);
        }
        Ok(self.keys.pop_front())
    }
}

/// The part of a turn that claims.
pub(super) struct Claiming<'a, 'store> {
    pub(super) batch: &'a mut Batch<'store>,
    pub(super) schedules: &'a mut ScheduleCache,
    pub(super) terms: &'a EngineConfig,
    pub(super) candidates: &'a mut Candidates,
    pub(super) mode: ClaimMode,
    pub(super) progress: &'a mut Progress,
    pub(super) events: &'a mut Vec<Event>,
    pub(super) now: Now,
    pub(super) in_flight: usize,
}

impl Claiming<'_, '_> {
    /// Claims for wishes first, since somebody is waiting, then for what is due. Answers how
    /// many wishes are dealt with, and when there is more to do.
    pub(super) fn claim(
        mut self,
        wishes: &VecDeque<RefreshRequest>,
    ) -> Result<(usize, Option<Now>), StoreError> {
        let gate = self.gate()?;
        let mut room = if gate.is_open(self.now) { gate.limit } else { 0 };
        let mut wishes_done = 0;
        for wish in wishes {
            if !self.grant(wish, &gate, &mut room)? {
                break;
            }
            wishes_done += 1;
        }
        if gate.pause.is_none() {
            self.progress.probe_now = false;
        }
        let is_behind = self.claim_due(&gate, &mut room)?;
        if is_behind {
            return Ok((wishes_done, Some(self.now)));
        }
        let gate = self.gate()?;
        let due = match self.mode {
            // With no room before a call comes back, that wakes the engine anyhow.
            ClaimMode::Due if gate.opens_by_itself() => self.batch.next_due()?,
            ClaimMode::Due | ClaimMode::Asked | ClaimMode::Nothing => None,
        };
        gate.tell(due, self.now.time(), self.progress, self.events);
        let wake = match wishes_done < wishes.len() {
            true => gate.wake(Some(self.now.time())),
            false => gate.wake(due),
        };
        Ok((wishes_done, wake))
    }

    fn gate(&self) -> Result<Gate, StoreError> {
        Gate::read(self.batch, self.terms, self.progress, self.in_flight, self.now)
    }

    /// Deals with one wish, unless it has to wait for room.
    fn grant(
        &mut self,
        wish: &RefreshRequest,
        gate: &Gate,
        room: &mut usize,
    ) -> Result<bool, StoreError> {
        let (id, is_open) = match wish {
            RefreshRequest::Add(newcomer) => return self.grant_newcomer(newcomer, gate, room),
            RefreshRequest::Now(id) => (id, false),
            RefreshRequest::Open(id) => (id, true),
        };
        let decline = |why: String| Event::Declined { id: id.clone(), why };
        let account = match self.batch.account_by_id(id)? {
            Some(account) if account.standing.next_due.is_some() => account,
            Some(_) => {
                let why = "it is disabled in the watchlist, or no longer in it";
                self.events.push(decline(why.to_owned()));
                return Ok(true);
            }
            None => {
                self.events.push(decline("it is not in the watchlist".to_owned()));
                return Ok(true);
            }
        };
        // Whoever asked hears of the call that is on its way.
        if self.batch.is_in_flight(account.key)? {
            return Ok(true);
        }
        if *room == 0 {
            let refusal = self.refusal(gate);
            let is_refused = refusal.is_some();
            self.events.extend(refusal.map(decline));
            return Ok(is_refused);
        }
        let was_room = *room;
        match is_open {
            true => self.look_at(account.key, gate, room)?,
            false => self.call(&account, Cause::Manual, None, gate, room)?,
        }
        if *room == was_room {
            self.events.push(decline("nothing is owed".to_owned()));
        }
        Ok(true)
    }

    /// Why a wish is declined rather than kept waiting; `None` while there may be room soon.
    pub(super) fn refusal(&self, gate: &Gate) -> Option<String> {
        let stands_still = !gate.is_open(self.now) && self.in_flight == 0;
        gate.refusal().filter(|_| stands_still)
    }

    /// Claims for due accounts; answers whether there were more than one turn should look at.
    fn claim_due(&mut self, gate: &Gate, room: &mut usize) -> Result<bool, StoreError> {
        if self.mode != ClaimMode::Due {
            return Ok(false);
        }
        for _ in 0..LOOKED_AT {
            if *room == 0 {
                return Ok(false);
            }
            let Some(key) = self.next_candidate(gate)? else { return Ok(false) };
            self.look_at(key, gate, room)?;
        }
        Ok(true)
    }

    /// Takes whose turn it is: the longest without a snapshot first, or for a probe the next round.
    fn next_candidate(&mut self, gate: &Gate) -> Result<Option<AccountKey>, StoreError> {
        let time = self.now.time();
        if let Some(pause) = &gate.pause {
            return self.batch.due_after(time, pause.last_account);
        }
        self.candidates.next(self.batch, time)
    }

    fn look_at(
        &mut self,
        key: AccountKey,
        gate: &Gate,
        room: &mut usize,
    ) -> Result<(), StoreError> {
        let time = self.now.time();
        let Some(mut account) = self.batch.account(key)? else { return Ok(()) };
        let is_due = account.standing.next_due.is_some_and(|due| due <= time);
        if !is_due || self.batch.is_in_flight(key)? {
            return Ok(());
        }
        let place = account.place(self.schedules, time)?;
        account.standing.interval = place.interval();
        let up = self.progress.up.unwrap_or(time);
        let tried = match account.standing.last_failure {
            Some(failure) => self.batch.slot_of(failure)?,
            None => None,
        };
        let mut step = step(&account, tried, &place, up, self.terms.catch_up, time);
        if let Step::Call(cause, Some(slot)) = step {
            if self.batch.is_bought(key, slot)? {
                step = Step::Served;
            } else if self.is_fresh(&account, slot)? {
                step = Step::Skip(cause, slot, "fresh: a snapshot was taken just before");
            }
        }
        let slot = match step {
            Step::Call(_, slot) => slot,
            Step::Skip(_, slot, _) => Some(slot),
            Step::Served => None,
        };
        if let Some(missed) = superseded(&account.standing, tried, slot, up) {
            self.skip(&account, Cause::Schedule, missed, "superseded by the next slot")?;
        }
        match step {
            Step::Call(cause, slot) => {
                let is_replaced = slot.is_some() && account.standing.slot != slot;
                if is_replaced && (account.standing.slot.is_some() || account.standing.tries > 0) {
                    account.standing = closed(&account.standing);
                    self.batch.save(key, &account.standing)?;
                }
                self.call(&account, cause, slot, gate, room)
            }
            Step::Skip(cause, slot, why) => {
                self.skip(&account, cause, slot, why)?;
                self.batch.save(key, &passed(&account.standing, &place))
            }
            Step::Served => self.batch.save(key, &passed(&account.standing, &place)),
        }
    }

    /// Whether a snapshot was taken so shortly before the slot that it would buy the same
    /// numbers twice, or since.
    ///
    /// Measured by the distance to the slot before: by the longest interval, the second slot of
    /// a day in a pattern such as `0 9,17 * * MON` would never be served.
    fn is_fresh(&mut self, account: &Account, slot: Time) -> Result<bool, StoreError> {
        let Some(last) = account.last_time else { return Ok(false) };
        let before = account.place(self.schedules, slot.plus(-1))?.slot;
        let (now, from) = (self.now.time(), slot.plus(-slot.since(before) / 10));
        match last <= now {
            true => Ok(last > from),
            // The newest was taken under a clock that was ahead.
            false => self.batch.has_snapshot(account.key, from, now),
        }
    }

    fn skip(
        &mut self,
        account: &Account,
        cause: Cause,
        slot: Time,
        why: &str,
    ) -> Result<(), StoreError> {
        self.batch.skip(account, cause, slot, why, self.now.time())?;
        let id = account.id.clone();
        self.events.push(Event::Skipped { id, slot, why: why.to_owned() });
        Ok(())
    }

    fn call(
        &mut self,
        account: &Account,
        cause: Cause,
        slot: Option<Time>,
        gate: &Gate,
        room: &mut usize,
    ) -> Result<(), StoreError> {
        let time = self.now.time();
        let Some(refresh) = self.batch.claim(account, cause, slot, time)? else {
            return Ok(());
        };
        self.events.push(Event::Started { id: account.id.clone(), cause, refresh });
        self.called(account.key, gate, room)
    }

    /// Notes that a call was claimed.
    pub(super) fn called(
        &mut self,
        account: AccountKey,
        gate: &Gate,
        room: &mut usize,
    ) -> Result<(), StoreError> {
        if let Some(pause) = &gate.pause {
            let probes = pause.probes.saturating_add(1);
            let probe = self.now.time().plus(probe_distance(pause.kind, probes));
            let last_account = account;
            self.batch.set_pause(Some(&Pause { probes, probe, last_account, ..pause.clone() }))?;
            self.progress.probe_now = false;
        }
        self.progress.last_claim = Some(self.now);
        self.in_flight += 1;
        *room -= 1;
        Ok(())
    }
}

/// The standing of an account whose open slot is replaced by the next: that one's attempts are
/// its own.
fn closed(standing: &AccountState) -> AccountState {
    AccountState { slot: None, tries: 0, paid: 0, ..*standing }
}

/// The standing of an account that owes nothing up to now.
pub(super) fn passed(standing: &AccountState, place: &SlotWindow) -> AccountState {
    AccountState {
        next_due: standing.next_due.map(|_| place.next),
        last_slot: standing.last_slot.max(Some(place.slot)),
        slot: None,
        interval: place.interval(),
        tries: 0,
        paid: 0,
        ..*standing
    }
}

/// Brings accounts back that a clock left in its future. Answers how many.
///
/// For what is served, a smaller step changes nothing: only what lies beyond the next occurrence
/// after now was certainly another clock's. The latest slot is owed then, unless the ledger or a
/// snapshot shows at its claim that it was served. What was only tried is owed all the same, and
/// its back-off was another clock's too.
pub(super) fn bring_back(
    batch: &Batch<'_>,
    schedules: &mut ScheduleCache,
    retry: &Retry,
    now: Time,
) -> Result<usize, StoreError> {
    let mut count = 0;
    for account in batch.ahead_of(now, now.plus(retry.max_delay))? {
        let place = account.place(schedules, now)?;
        let standing = &account.standing;
        let untried = AccountState { slot: None, tries: 0, paid: 0, ..*standing };
        let brought = match (standing.last_slot, standing.slot) {
            (Some(served), _) if served > place.next => {
                let owes = place.slot > account.active;
                AccountState {
                    next_due: Some(if owes { place.slot } else { place.next }),
                    last_slot: Some(if owes { place.slot.plus(-1) } else { place.slot }),
                    interval: place.interval(),
                    ..untried
                }
            }
            (Some(served), Some(tried)) if tried > now => {
                let owes = place.slot > served.max(account.active);
                let next_due = Some(if owes { place.slot } else { place.next });
                AccountState { next_due, interval: place.interval(), ..untried }
            }
            (None, Some(tried)) if tried > now => AccountState { next_due: Some(now), ..untried },
            (None, _) | (_, Some(_)) => {
                AccountState { next_due: standing.next_due.min(Some(now)), ..*standing }
            }
            (Some(_), None) => continue,
        };
        batch.save(account.key, &brought)?;
        count += 1;
    }
    Ok(count)
}
