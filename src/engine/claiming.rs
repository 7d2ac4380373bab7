//! Claiming: who may be asked now, why, and for which slot.

use std::collections::VecDeque;

use crate::account::AccountId;
use crate::budget::Days1970;
use crate::clock::{Now, Time};
use crate::config::{CatchUp, Retry};
use crate::engine::consequence::probe_distance;
use crate::engine::{Appetite, Event, Progress, Terms};
use crate::schedule::{Place, Timetable};
use crate::store::{Account, AccountKey, Batch, Cause, Pause, Standing, StoreError, Wait};

/// How many due accounts are fetched at a time. Their order is the fair one as of then; whether
/// each is still due is looked at again when its turn comes.
const FETCHED: usize = 256;

/// How many accounts one turn looks at: a bound on how long a transaction lasts where thousands
/// of slots are passed over at once.
const LOOKED_AT: usize = 2048;

/// What stands between a due account and its call.
#[derive(Debug)]
pub(super) struct Gate {
    /// When it opens; `None`: not before a call comes back.
    opens: Option<Now>,
    /// How many may pass at once when it is open.
    limit: usize,
    /// The pause there is; whoever passes is its probe.
    pause: Option<Pause>,
    /// Until when the budget is spent.
    spent_until: Option<Time>,
}

impl Gate {
    pub(super) fn read(
        batch: &Batch<'_>,
        terms: &Terms,
        progress: &Progress,
        in_flight: usize,
        now: Now,
    ) -> Result<Gate, StoreError> {
        let time = now.time();
        let mut gate = Gate {
            opens: Some(now),
            limit: terms.max_in_flight.saturating_sub(in_flight),
            pause: batch.pause()?,
            spent_until: None,
        };
        if gate.limit == 0 {
            gate.opens = None;
        }
        if let Some(pause) = &gate.pause {
            gate.limit = gate.limit.min(1);
            // A probe further off than its distance was set by a clock that has stepped back.
            let distance = probe_distance(pause.kind, pause.probes);
            let is_now = progress.probe_now || pause.probe.since(time) > distance;
            match in_flight {
                0 if is_now => {}
                0 => gate.not_before(pause.probe.into()),
                _ => gate.opens = None,
            }
        }
        if let Some(Wait { until, .. }) = batch.wait()?
            && until.since(time) <= terms.retry.max_delay
        {
            gate.not_before(until.into());
        }
        if terms.requests_per_minute > 0 {
            gate.limit = gate.limit.min(1);
            if let Some(last) = progress.last_claim {
                let step = 60_000 / i64::from(terms.requests_per_minute);
                gate.not_before(Now(last.0.saturating_add(step)));
            }
        }
        if let Some(budget) = &terms.budget {
            let Days1970 { from, to } = budget.period(time);
            let room = budget.room(batch.spent(from, to)?);
            gate.limit = gate.limit.min(usize::try_from(room).unwrap_or(usize::MAX));
            if room == 0 {
                let end = budget.period(time).end();
                gate.spent_until = Some(end);
                gate.not_before(end.into());
            }
        }
        Ok(gate)
    }

    fn not_before(&mut self, moment: Now) {
        self.opens = self.opens.map(|opens| opens.max(moment));
    }

    pub(super) fn is_open(&self, now: Now) -> bool {
        self.opens.is_some_and(|opens| opens <= now)
    }

    /// When a turn has something to claim, if something is due at `due`.
    pub(super) fn wake(&self, due: Option<Time>) -> Option<Now> {
        Some(self.opens?.max(due?.into()))
    }

    /// Says once that the budget is spent while something waits for it.
    pub(super) fn tell(
        &self,
        due: Option<Time>,
        now: Time,
        progress: &mut Progress,
        events: &mut Vec<Event>,
    ) {
        let waits = due.is_some_and(|due| due <= now);
        match self.spent_until {
            Some(until) if waits && !progress.said_spent => {
                progress.said_spent = true;
                events.push(Event::BudgetSpent(until));
            }
            Some(_) => {}
            None => progress.said_spent = false,
        }
    }

    /// Why a person's wish is not even kept waiting.
    fn refusal(&self) -> Option<String> {
        if let Some(until) = self.spent_until {
            return Some(format!("the budget is spent until {until}"));
        }
        self.pause.as_ref().map(|pause| format!("paused: {}", pause.reason))
    }
}

/// What to do about a due account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// Call, for this slot (`None`: the baseline).
    Call(Cause, Option<Time>),
    /// Pass over this slot.
    Skip(Cause, Time, &'static str),
    /// Its slot is served already.
    Served,
}

/// What a due account's standing and slots say, before its snapshots are looked at. `tried` is
/// the slot of its last failure.
fn step(
    account: &Account,
    tried: Option<Time>,
    place: &Place,
    up: Time,
    catch_up: CatchUp,
    now: Time,
) -> Step {
    let standing = &account.standing;
    if standing.last_slot.is_none() && standing.slot.is_none() {
        match standing.last_failure.is_some() {
            false => return Step::Call(Cause::First, None),
            true if place.slot <= account.active => return Step::Call(Cause::Retry, None),
            // A slot has come since: it takes the baseline's place.
            true => {}
        }
    }
    let slot = standing.slot.map_or(place.slot, |open| open.max(place.slot));
    if standing.last_slot.is_some_and(|served| slot <= served) {
        return Step::Served;
    }
    if tried == Some(slot) && standing.slot == Some(slot) {
        return Step::Call(Cause::Retry, Some(slot));
    }
    if slot >= up {
        return Step::Call(Cause::Schedule, Some(slot));
    }
    let is_worth_it = match catch_up {
        CatchUp::Always => true,
        CatchUp::Never => false,
        CatchUp::Within(seconds) => now.since(slot) <= seconds,
    };
    match is_worth_it {
        true => Step::Call(Cause::CatchUp, Some(slot)),
        false => Step::Skip(Cause::CatchUp, slot, "too late for schedule.catch_up"),
    }
}

/// The slot that was open while a process ran and is replaced by `slot` unserved.
fn superseded(
    standing: &Standing,
    tried: Option<Time>,
    slot: Option<Time>,
    up: Time,
) -> Option<Time> {
    let due = standing.next_due.filter(|_| standing.last_slot.is_some());
    let open = standing.slot.or(due).filter(|open| *open >= up || tried == Some(*open))?;
    slot.is_some_and(|slot| open < slot).then_some(open)
}

/// The part of a turn that claims.
pub(super) struct Claiming<'a, 'store> {
    pub(super) batch: &'a mut Batch<'store>,
    pub(super) timetable: &'a mut Timetable,
    pub(super) terms: &'a Terms,
    pub(super) candidates: &'a mut VecDeque<AccountKey>,
    pub(super) appetite: &'a mut Appetite,
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
        wishes: &VecDeque<AccountId>,
    ) -> Result<(usize, Option<Now>), StoreError> {
        let gate = self.gate()?;
        let mut room = if gate.is_open(self.now) { gate.limit } else { 0 };
        let mut wishes_done = 0;
        for id in wishes {
            if !self.grant(id, &gate, &mut room)? {
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
        let due = match self.appetite {
            Appetite::Due => self.batch.next_due()?,
            Appetite::DueOnce(_) => self.next_candidate(&gate)?.map(|_| self.now.time()),
            Appetite::Asked | Appetite::Nothing => None,
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
    fn grant(&mut self, id: &AccountId, gate: &Gate, room: &mut usize) -> Result<bool, StoreError> {
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
            let stands_still = !gate.is_open(self.now) && self.in_flight == 0;
            let refusal = gate.refusal().filter(|_| stands_still);
            let is_refused = refusal.is_some();
            self.events.extend(refusal.map(decline));
            return Ok(is_refused);
        }
        self.call(&account, Cause::Manual, None, gate, room)?;
        Ok(true)
    }

    /// Claims for due accounts; answers whether there were more than one turn should look at.
    fn claim_due(&mut self, gate: &Gate, room: &mut usize) -> Result<bool, StoreError> {
        if matches!(self.appetite, Appetite::Asked | Appetite::Nothing) {
            return Ok(false);
        }
        for _ in 0..LOOKED_AT {
            if *room == 0 {
                return Ok(false);
            }
            let Some(key) = self.next_candidate(gate)? else { return Ok(false) };
            self.candidates.retain(|candidate| *candidate != key);
            self.look_at(key, gate, room)?;
        }
        Ok(true)
    }

    /// Whose turn it is: the longest without a snapshot first, or for a probe the next round.
    fn next_candidate(&mut self, gate: &Gate) -> Result<Option<AccountKey>, StoreError> {
        let time = self.now.time();
        if let Some(pause) = &gate.pause {
            return self.batch.due_after(time, pause.last_account);
        }
        if self.candidates.is_empty() {
            let due = match self.appetite {
                // Those tried already stay due; the fetch must reach behind them.
                Appetite::DueOnce(tried) => self.batch.due(time, FETCHED + tried.len())?,
                _ => self.batch.due(time, FETCHED)?,
            };
            self.candidates.extend(due);
        }
        if let Appetite::DueOnce(tried) = self.appetite {
            self.candidates.retain(|candidate| !tried.contains(candidate));
        }
        Ok(self.candidates.front().copied())
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
        let place = account.place(self.timetable, time)?;
        account.standing.interval = place.interval;
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
        let before = account.place(self.timetable, slot.plus(-1))?.slot;
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
        if let Appetite::DueOnce(tried) = self.appetite {
            tried.insert(account.key);
        }
        if let Some(pause) = &gate.pause {
            let probes = pause.probes.saturating_add(1);
            let probe = time.plus(probe_distance(pause.kind, probes));
            let last_account = account.key;
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
fn closed(standing: &Standing) -> Standing {
    Standing { slot: None, tries: 0, paid: 0, ..*standing }
}

/// The standing of an account that owes nothing up to now.
pub(super) fn passed(standing: &Standing, place: &Place) -> Standing {
    Standing {
        next_due: standing.next_due.map(|_| place.next),
        last_slot: standing.last_slot.max(Some(place.slot)),
        slot: None,
        interval: place.interval,
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
    timetable: &mut Timetable,
    retry: &Retry,
    now: Time,
) -> Result<usize, StoreError> {
    let mut count = 0;
    for account in batch.ahead_of(now, now.plus(retry.max_delay))? {
        let place = account.place(timetable, now)?;
        let standing = &account.standing;
        let untried = Standing { slot: None, tries: 0, paid: 0, ..*standing };
        let brought = match (standing.last_slot, standing.slot) {
            (Some(served), _) if served > place.next => {
                let owes = place.slot > account.active;
                Standing {
                    next_due: Some(if owes { place.slot } else { place.next }),
                    last_slot: Some(if owes { place.slot.plus(-1) } else { place.slot }),
                    interval: place.interval,
                    ..untried
                }
            }
            (Some(served), Some(tried)) if tried > now => {
                let owes = place.slot > served.max(account.active);
                let next_due = Some(if owes { place.slot } else { place.next });
                Standing { next_due, interval: place.interval, ..untried }
            }
            (None, Some(tried)) if tried > now => Standing { next_due: Some(now), ..untried },
            (None, _) | (_, Some(_)) => {
                Standing { next_due: standing.next_due.min(Some(now)), ..*standing }
            }
            (Some(_), None) => continue,
        };
        batch.save(account.key, &brought)?;
        count += 1;
    }
    Ok(count)
}
