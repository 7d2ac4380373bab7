//! Settling: what came back is written to the ledger, the history and the account's standing.

use crate::account::AccountId;
use crate::api::{Answer, ClassifiedResponse, ResponseKind};
use crate::clock::Time;
use crate::engine::claiming::passed;
use crate::engine::consequence::{
    Attempt, Consequence, Effect, Facts, REMEMBERED, Stop, back_off, consequence, probe_distance,
};
use crate::engine::{CompletedCall, EngineConfig, Event};
use crate::measurement::Measurement;
use crate::schedule::{ScheduleCache, stable_hash};
use crate::store::{
    Account, AccountKey, AccountState, CallTarget, Claim, Outcome, Pause, PauseKind, RefreshId,
    StoreError, Verdict, Wait, WriteTx,
};

/// No account's key: whom a newcomer's answer is about.
pub(super) const NOBODY: AccountKey = AccountKey(0);

/// Redirects, and what is forbidden: refusals that one account can have alone.
const REDIRECTS: (u16, u16) = (300, 399);
const FORBIDDEN: (u16, u16) = (403, 403);

/// Settles one call. Answers whether a pause ended with it.
pub(super) fn settle(
    batch: &WriteTx<'_>,
    schedules: &mut ScheduleCache,
    terms: &EngineConfig,
    returned: &CompletedCall,
    now: Time,
    events: &mut Vec<Event>,
) -> Result<bool, StoreError> {
    let CompletedCall { claim, heard, arrived, .. } = returned;
    let settling = |schedules, events| Settling {
        batch,
        schedules,
        terms,
        events,
        claim,
        arrived: *arrived,
        now,
    };
    match claim.target() {
        CallTarget::Account(key, id) => settling(schedules, events).settle(*key, id, heard),
        CallTarget::AccountLookup(newcomer) => {
            settling(schedules, events).settle_newcomer(newcomer, heard)
        }
    }
}

/// Settles the calls of a process that ended before their answers came.
pub(super) fn settle_left_pending(
    batch: &WriteTx<'_>,
    schedules: &mut ScheduleCache,
    terms: &EngineConfig,
    now: Time,
    events: &mut Vec<Event>,
) -> Result<(), StoreError> {
    const WHY: &str = "growthd ended before the answer came";
    let left = batch.left_pending()?;
    let newcomers = batch.give_up_newcomers(WHY, now)?;
    let count = left.len() + newcomers;
    for claim in left {
        let answer = Answer::Unknown(WHY.to_owned());
        settle(batch, schedules, terms, &CompletedCall::new(claim, answer, now), now, events)?;
    }
    if count > 0 {
        events.push(Event::LeftPending(count));
    }
    Ok(())
}

pub(super) struct Settling<'a, 'store> {
    pub(super) batch: &'a WriteTx<'store>,
    pub(super) schedules: &'a mut ScheduleCache,
    pub(super) terms: &'a EngineConfig,
    pub(super) events: &'a mut Vec<Event>,
    pub(super) claim: &'a Claim,
    pub(super) arrived: Time,
    pub(super) now: Time,
}

impl Settling<'_, '_> {
    fn settle(
        mut self,
        key: AccountKey,
        id: &AccountId,
        heard: &ClassifiedResponse,
    ) -> Result<bool, StoreError> {
        let Some(account) = self.account(key, id)? else {
            // Another database took the file's place, one that never knew the account.
            let why = "its row is gone from the database; the answer is lost".to_owned();
            self.events.push(Event::Declined { id: id.clone(), why });
            return Ok(false);
        };
        let pause = self.batch.pause()?;
        let follows = self.follows(heard, Some(&account), pause.as_ref())?;
        let refresh =
            self.batch.settle(self.claim, Some(account.key), &verdict(heard), self.arrived)?;
        if let ResponseKind::Measured(_, told) = &heard.reply {
            self.keep(&account, refresh, told, heard.clock_off.is_some())?;
        }
        let standing = self.standing(&account, refresh, heard, &follows)?;
        self.batch.save(account.key, &standing)?;
        self.events.push(Event::Settled {
            id: account.id.clone(),
            cause: self.claim.cause(),
            refresh,
            outcome: outcome(&heard.reply),
            spent: heard.spent,
            error: heard.error.clone(),
            followers: match &heard.reply {
                ResponseKind::Measured(_, told) => told.followers,
                _ => None,
            },
            next_due: standing.next_due,
            took: self.arrived.since(self.claim.started()),
        });
        self.stop_or_go_on(account.key, pause, follows)
    }

    /// The account's row, found by its id where the key is another's now.
    fn account(&self, key: AccountKey, id: &AccountId) -> Result<Option<Account>, StoreError> {
        match self.batch.account(key)? {
            Some(account) if account.id == *id => Ok(Some(account)),
            _ => self.batch.account_by_id(id),
        }
    }

    /// What follows from what was heard, of an account or (`None`) of a newcomer.
    pub(super) fn follows(
        &self,
        heard: &ClassifiedResponse,
        account: Option<&Account>,
        pause: Option<&Pause>,
    ) -> Result<Consequence, StoreError> {
        let key = account.map_or(NOBODY, |account| account.key);
        let (forbidden, redirected, watched, recent) = match heard.reply {
            // The facts are about failures; the usual answer needs none of them.
            ResponseKind::Measured(..) => (false, false, 0, Vec::new()),
            _ => (
                !self.batch.given_up_with(key, FORBIDDEN)?.is_empty(),
                !self.batch.given_up_with(key, REDIRECTS)?.is_empty(),
                self.batch.watched()?,
                self.batch.recent(REMEMBERED)?,
            ),
        };
        let facts = Facts {
            account: key,
            paid: account.map_or(0, |account| account.standing.paid),
            failing_status: account.and_then(|account| account.failing_status),
            others_forbidden: forbidden,
            others_redirected: redirected,
            watched,
            recent: &recent,
            pause: pause.map(|pause| pause.kind),
            // The first probe leaves only when nothing else is on its way.
            is_probe: pause.is_some_and(|pause| pause.probes > 0),
        };
        Ok(consequence(heard, &facts, &self.terms.retry))
    }

    pub(super) fn keep(
        &self,
        account: &Account,
        refresh: RefreshId,
        told: &Measurement,
        is_clock_off: bool,
    ) -> Result<(), StoreError> {
        self.batch.append(refresh, account.key, self.arrived, told, is_clock_off)?;
        self.batch.keep_profile(refresh, account.key, self.arrived, &told.profile)
    }

    pub(super) fn standing(
        &mut self,
        account: &Account,
        refresh: RefreshId,
        heard: &ClassifiedResponse,
        follows: &Consequence,
    ) -> Result<AccountState, StoreError> {
        let standing = account.standing;
        if follows.effect == Effect::Served {
            let served = AccountState { last_refresh: Some(refresh), ..cleared(&standing) };
            if served.next_due.is_none() {
                return Ok(served);
            }
            // As of the answer, not of the turn: a store that could not commit for days must not
            // pass over the slots since. A clock that stepped back since is the one to believe.
            let place = account.place(self.schedules, self.arrived.min(self.now))?;
            let passed = passed(&served, &place);
            // A slot that a clock which has stepped back since was ahead to serves no other.
            let slot = self.claim.slot().filter(|slot| *slot <= place.next);
            return Ok(AccountState { last_slot: passed.last_slot.max(slot), ..passed });
        }
        // A person's wish that fails owes nothing more; neither does an account that left.
        if !self.claim.cause().is_scheduled() || standing.next_due.is_none() {
            return Ok(standing);
        }
        let slot = self.claim.slot();
        let next = account.place(self.schedules, self.now)?.next;
        if slot.is_some_and(|slot| slot > next) {
            // Tried for a clock that has stepped back since: what is owed now was not tried.
            return Ok(AccountState { last_failure: Some(refresh), ..standing });
        }
        let place = account.place(self.schedules, slot.unwrap_or(self.claim.started()))?;
        let failed = AccountState { slot, last_failure: Some(refresh), ..standing };
        let backed_off = |delay: i64, attempt: Attempt| AccountState {
            next_due: Some(self.now.plus(delay).min(place.next)),
            tries: standing.tries.saturating_add(1),
            paid: standing.paid.saturating_add(u32::from(attempt == Attempt::Paid)),
            ..failed
        };
        let retry = &self.terms.retry;
        Ok(match follows.effect {
            Effect::BackOff(attempt) => {
                let seed = stable_hash(account.id.as_str().as_bytes())
                    ^ stable_hash(&refresh.0.to_le_bytes());
                backed_off(back_off(retry, standing.tries, seed), attempt)
            }
            Effect::BackOffLong(attempt) => backed_off(retry.max_delay, attempt),
            Effect::GivenUp => {
                let passed = passed(&failed, &place);
                AccountState { failing: Some(refresh), ..passed }
            }
            Effect::AsItWas => {
                // Seen with others, it is known of this account too, and will not stop
                // everybody again.
                let is_known =
                    matches!(heard.reply, ResponseKind::Forbidden(_) | ResponseKind::Redirected(_));
                let failing = if is_known { Some(refresh) } else { failed.failing };
                AccountState { failing, ..failed }
            }
            Effect::Served => standing,
        })
    }

    /// Begins or ends a pause or a wait. Answers whether a pause ended.
    pub(super) fn stop_or_go_on(
        &mut self,
        account: AccountKey,
        pause: Option<Pause>,
        follows: Consequence,
    ) -> Result<bool, StoreError> {
        let remaining = match pause {
            Some(pause) if follows.lifts => {
                self.batch.set_pause(None)?;
                self.events.push(Event::Resumed(pause.kind));
                None
            }
            pause => pause,
        };
        match follows.stop {
            Some(Stop::Pause(kind, reason)) => {
                let is_new = remaining.as_ref().is_none_or(|pause| pause.kind != kind);
                if is_new {
                    self.pause(account, kind, reason)?;
                }
            }
            Some(Stop::Wait(seconds, reason)) => self.wait(seconds, reason)?,
            None => {}
        }
        Ok(follows.lifts)
    }

    fn pause(
        &mut self,
        account: AccountKey,
        kind: PauseKind,
        reason: String,
    ) -> Result<(), StoreError> {
        let probe = self.now.plus(probe_distance(kind, 0));
        let since = self.now;
        let pause = Pause { kind, since, reason, probe, probes: 0, last_account: account };
        self.batch.set_pause(Some(&pause))?;
        self.events.push(Event::Paused(pause));
        let statuses = match kind {
            PauseKind::Forbidden => FORBIDDEN,
            PauseKind::Redirected => REDIRECTS,
            PauseKind::Refused | PauseKind::Outage | PauseKind::Clock => return Ok(()),
        };
        // Those given up for what now turns out to be everybody's trouble get their slot back.
        for key in self.batch.given_up_with(account, statuses)? {
            if let Some(other) = self.batch.account(key)? {
                self.reopen(&other)?;
            }
        }
        Ok(())
    }

    fn reopen(&self, account: &Account) -> Result<(), StoreError> {
        let Some(failing) = account.standing.failing else { return Ok(()) };
        let slot = self.batch.slot_of(failing)?;
        if slot.is_some_and(|slot| slot > self.now) {
            // Given up under a clock that has stepped back since.
            return Ok(());
        }
        // Due since its slot, not since now: should the clock be ahead, it must not stay behind
        // there when the clock comes back.
        let reopened = AccountState {
            next_due: slot.or(Some(self.now)),
            last_slot: slot.map(|slot| slot.plus(-1)),
            slot,
            ..account.standing
        };
        self.batch.save(account.key, &reopened)
    }

    fn wait(&mut self, seconds: i64, reason: String) -> Result<(), StoreError> {
        let until = self.now.plus(seconds);
        let known = self.batch.wait()?.filter(|known| known.until > self.now);
        if known.as_ref().is_some_and(|known| known.until >= until) {
            return Ok(());
        }
        let wait = Wait { until, reason };
        self.batch.set_wait(Some(&wait))?;
        if known.is_none() {
            self.events.push(Event::Waiting(wait));
        }
        Ok(())
    }
}

/// Without what was in vain.
fn cleared(standing: &AccountState) -> AccountState {
    AccountState { failing: None, last_failure: None, ..*standing }
}

fn outcome(reply: &ResponseKind) -> Outcome {
    match reply {
        ResponseKind::Measured(..) => Outcome::Ok,
        ResponseKind::Unknown => Outcome::Unknown,
        ResponseKind::NotSent
        | ResponseKind::Unusable(_)
        | ResponseKind::Redirected(_)
        | ResponseKind::Refused
        | ResponseKind::Forbidden(_)
        | ResponseKind::Throttled(_)
        | ResponseKind::Rejected
        | ResponseKind::Broken => Outcome::Failed,
    }
}

pub(super) fn verdict(heard: &ClassifiedResponse) -> Verdict {
    Verdict {
        outcome: outcome(&heard.reply),
        spent: heard.spent,
        http_status: heard.status,
        error: heard.error.clone(),
        answer: match &heard.reply {
            ResponseKind::Unusable(kept) => Some(kept.clone()),
            _ => None,
        },
    }
}
