//! Settling: writing a completed call to the ledger, the history and its account's row.
//!
//! What follows from a failed call depends on whose trouble it is (`attribution.rs`; a lookup's is
//! decided in `lookup.rs`). While the breaker is open, it is the vendor's, and what the account owes
//! stays as it was, unless the call was lost with an earlier process, is unknown and must not be
//! repeated, or was throttled alone. While it is closed, it is the account's own, until a run of such
//! troubles opens the breaker, which restores every account of the run.

use crate::account::AccountId;
use crate::api::{ClassifiedResponse, ResponseKind};
use crate::clock::{Now, Time};
use crate::config::OnUnknown;
use crate::engine::account_state::AccountState;
use crate::engine::attribution::Attribution;
use crate::engine::breaker::{Breaker, Trouble};
use crate::engine::meaning::{Meaning, clock_reason, reason, verdict};
use crate::engine::own_trouble::{Consequence, FailedCall, ask_slowly, own_trouble};
use crate::engine::progress::Progress;
use crate::engine::replaced::ReplacedSlots;
use crate::engine::saved_state::{before_trouble, set_state};
use crate::engine::skipped_slot::SkippedSlot;
use crate::engine::{CompletedCall, EngineConfig, Event, RetryState};
use crate::measurement::Measurement;
use crate::schedule::{ScheduleCache, stable_hash};
use crate::store::{
    Account, AccountKey, CallTarget, Cause, FailureRow, PendingLine, RefreshId, StoreError,
    Suspicion, WriteTx,
};

pub(super) struct Settling<'a, 'store> {
    pub(super) tx: &'a WriteTx<'store>,
    pub(super) schedules: &'a mut ScheduleCache,
    pub(super) config: &'a EngineConfig,
    pub(super) breaker: &'a mut Breaker,
    /// Whether a run of troubles is in progress.
    pub(super) has_run: bool,
    pub(super) progress: &'a mut Progress,
    pub(super) events: &'a mut Vec<Event>,
    pub(super) now: Time,
}

/// A failed call for an account.
pub(super) struct Failed<'a> {
    pub(super) line: &'a PendingLine,
    pub(super) refresh: RefreshId,
    pub(super) trouble: Trouble,
    /// In seconds.
    pub(super) retry_after: Option<i64>,
    /// Whether the call was lost with an earlier process.
    pub(super) is_lost: bool,
    pub(super) error: String,
}

impl Settling<'_, '_> {
    pub(super) fn settle(&mut self, call: &CompletedCall) -> Result<(), StoreError> {
        let CompletedCall { claim, response, arrived, .. } = call;
        let is_confirmed = response.status.is_some() && response.clock_off.is_none();
        // A response that arrived before the clock was set does not confirm the new time.
        let is_since = |set: Now| set.time() <= *arrived && *arrived <= self.now;
        if is_confirmed && self.progress.clock_doubted_since.is_some_and(is_since) {
            self.progress.clock_doubted_since = None;
        }
        match claim.target() {
            CallTarget::Account(key, id) => {
                self.settle_account(&claim.line(), *key, id, response, *arrived)
            }
            CallTarget::Lookup(lookup) => {
                self.settle_lookup(&claim.line(), lookup, response, *arrived)
            }
        }
    }

    fn settle_account(
        &mut self,
        line: &PendingLine,
        key: AccountKey,
        id: &AccountId,
        response: &ClassifiedResponse,
        arrived: Time,
    ) -> Result<(), StoreError> {
        let Some(mut account) = self.account(key, id)? else {
            // The file was replaced by a database that has never contained the account.
            let why = "its row is gone from the database; the response is lost".to_owned();
            self.events.push(Event::Declined { id: id.clone(), why });
            return Ok(());
        };
        let refresh = self.tx.settle(line, Some(account.key), &verdict(response), arrived)?;
        let index = self.events.len();
        let suspicion = self.apply(&mut account, line, refresh, response, arrived)?;
        // Report the call before its consequences.
        let event = settled(&account, line, refresh, response, suspicion, arrived, false);
        self.events.insert(index, event);
        self.skip_left_open(&account, line)
    }

    /// Writes the line of a slot whose account left the watchlist during its call, if the call has not
    /// served it. Whoever removed the account has waited for that.
    pub(super) fn skip_left_open(
        &mut self,
        account: &Account,
        line: &PendingLine,
    ) -> Result<(), StoreError> {
        let state = AccountState::try_from(account.state)?;
        // A slot of a clock that was ahead and has been set back is still to come.
        let is_lost = |slot: &Time| Some(*slot) == line.slot && *slot <= self.now;
        let Some(slot) = state.left_open().filter(is_lost) else { return Ok(()) };
        let why = if self.tx.is_removed(account.key)? { "removed" } else { "disabled" };
        let interval = account.window(self.schedules, slot).interval();
        SkippedSlot { account, cause: Cause::Schedule, slot, interval, why }.record(
            self.tx,
            self.events,
            self.now,
        )
    }

    /// Stores the numbers of a settled call and writes its consequences. Returns why the numbers are
    /// suspect, if they are.
    pub(super) fn apply(
        &mut self,
        account: &mut Account,
        line: &PendingLine,
        refresh: RefreshId,
        response: &ClassifiedResponse,
        arrived: Time,
    ) -> Result<Suspicion, StoreError> {
        let (suspicion, is_measured) = match &response.kind {
            ResponseKind::Ok(_, measurement) => {
                let is_off = response.clock_off.is_some();
                let suspicion = self.keep(account, refresh, measurement, is_off, arrived)?;
                (suspicion, suspicion.is_any_measured(measurement))
            }
            _ => (Suspicion::default(), false),
        };
        self.conclude(account, line, refresh, response, is_measured, arrived)?;
        Ok(suspicion)
    }

    /// Writes the consequences of a settled call, for its account and for all.
    fn conclude(
        &mut self,
        account: &mut Account,
        line: &PendingLine,
        refresh: RefreshId,
        response: &ClassifiedResponse,
        is_measured: bool,
        arrived: Time,
    ) -> Result<(), StoreError> {
        match Meaning::of(response) {
            Meaning::Ok => {
                self.serve(account, line, is_measured, arrived)?;
                self.tx.save(account)?;
                self.vendor_answered(line.refresh)
            }
            Meaning::ClockContradicted(seconds, trouble) => {
                let error = clock_reason(seconds);
                let is_own = self.is_own_clock(account)?;
                let open = self.breaker.as_open().map(|open| open.trouble);
                if is_own && open.is_none() {
                    let (trouble, retry_after) = trouble.unwrap_or((Trouble::Clock, None));
                    let is_lost = false;
                    let failed = Failed { line, refresh, trouble, retry_after, is_lost, error };
                    self.fail(account, &failed)?;
                    return self.tx.save(account);
                }
                account.failure = account.failure.tried(line, refresh);
                self.tx.save(account)?;
                if is_own && open != Some(Trouble::Clock) {
                    return Ok(());
                }
                self.vendor_troubled(account.key, Trouble::Clock, error, None)
            }
            Meaning::Throttled(retry_after) => {
                let clock_off = match response.clock_off {
                    Some(seconds) if !self.is_own_clock(account)? => Some(seconds),
                    _ => None,
                };
                self.throttle(account, line, refresh, response, retry_after)?;
                self.tx.save(account)?;
                match clock_off {
                    Some(seconds) => self.vendor_troubled(
                        account.key,
                        Trouble::Clock,
                        clock_reason(seconds),
                        None,
                    ),
                    None => Ok(()),
                }
            }
            Meaning::Trouble(trouble, retry_after) => {
                let error = response.error.clone().unwrap_or_default();
                let is_lost = false;
                let failed = Failed { line, refresh, trouble, retry_after, is_lost, error };
                self.trouble(account, &failed)?;
                // The breaker may have opened and restored the row.
                if let Some(current) = self.tx.account(account.key)? {
                    *account = current;
                }
                Ok(())
            }
        }
    }

    /// Returns whether a date that contradicts our clock is the account's own trouble: if a server
    /// caches one account's response forever, its date says nothing about our clock.
    fn is_own_clock(&self, account: &Account) -> Result<bool, StoreError> {
        // While our clock is in doubt, the date may well be right.
        if self.progress.may_not_skip(self.now.into()) {
            return Ok(false);
        }
        Ok(account.failure.own.is_some() || self.attribution().has_failed_alone(account)?)
    }

    /// Returns the account's row. Finds it by its id if the key now belongs to another account.
    pub(super) fn account(
        &self,
        key: AccountKey,
        id: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        match self.tx.account(key)? {
            Some(account) if account.id == *id => Ok(Some(account)),
            _ => self.tx.account_by_id(id),
        }
    }

    /// Stores the numbers, and returns why they are suspect, if they are.
    fn keep(
        &self,
        account: &mut Account,
        refresh: RefreshId,
        measurement: &Measurement,
        is_clock_contradicted: bool,
        arrived: Time,
    ) -> Result<Suspicion, StoreError> {
        let suspicion =
            self.tx.append(refresh, account.key, arrived, measurement, is_clock_contradicted)?;
        self.tx.keep_profile(refresh, account.key, arrived, &measurement.profile)?;
        account.last_refresh = Some(refresh);
        Ok(suspicion)
    }

    /// Records that the account got what it was owed. A manual refresh without a measured count
    /// leaves its slot open: what is not measured makes no slot fresh.
    fn serve(
        &mut self,
        account: &mut Account,
        line: &PendingLine,
        is_measured: bool,
        arrived: Time,
    ) -> Result<(), StoreError> {
        account.failure = FailureRow::default();
        account.restored = 0;
        let state = AccountState::try_from(account.state)?;
        let has_slot = matches!(state, AccountState::Settled { .. } | AccountState::Open { .. });
        if has_slot && !is_measured && !line.cause.is_scheduled() {
            return Ok(());
        }
        // A slot that has come since the claim is considered next: it may be fresh now, but a store
        // that could not commit for days must not skip the slots of those days. A manual refresh
        // serves what is open. If the clock has been set back since, believe the new time.
        let served = match line.cause.is_scheduled() {
            true => line.slot.max(state.settled()).unwrap_or(line.started),
            false => arrived,
        };
        let served = served.min(self.now);
        let window = account.window(self.schedules, served);
        if !line.cause.is_scheduled() {
            let alive = self.progress.alive_at(self.now);
            let Settling { tx, schedules, events, .. } = self;
            ReplacedSlots { tx, schedules, events, alive, now: served }
                .write(account, state, window)?;
        }
        set_state(account, state.settle(window, line.slot), window);
        Ok(())
    }

    /// Handles a call that ended in trouble.
    fn trouble(&mut self, account: &mut Account, failed: &Failed<'_>) -> Result<(), StoreError> {
        let is_evidence = self.attribution().may_be_vendors(account)?;
        if !is_evidence {
            // It has failed alone since then.
            account.failure.own = account.failure.own.or(account.failure.last);
        }
        // What nobody watches any more must hold up no one.
        let is_evidence = is_evidence && account.is_watched();
        let is_spent_for_good = failed.trouble == Trouble::Unknown
            && self.config.retry.unknown == OnUnknown::Skip
            && failed.line.cause.is_scheduled();
        let mut before = before_trouble(account);
        let is_open = self.breaker.as_open().is_some();
        match is_open && !is_spent_for_good {
            true => account.failure = account.failure.tried(failed.line, failed.refresh),
            false => self.fail(account, failed)?,
        }
        self.tx.save(account)?;
        if is_spent_for_good {
            // The slot stays settled, whatever the account's state was before the run.
            before = before_trouble(account);
            self.tx.replace_troubled(&before)?;
        }
        if is_evidence && !is_open {
            self.tx.add_troubled(&before)?;
            self.has_run = true;
        }
        let is_vendors = match is_open {
            true => is_evidence,
            // Any trouble ends the wait for calls in flight.
            false => self.has_run && self.attribution().opens_breaker()?,
        };
        match is_vendors {
            true => self.vendor_troubled(
                account.key,
                failed.trouble,
                reason(failed.trouble, &failed.error),
                failed.retry_after,
            ),
            false => Ok(()),
        }
    }

    fn attribution(&self) -> Attribution<'_, '_> {
        Attribution { tx: self.tx, retry: &self.config.retry }
    }

    /// Handles trouble of the account itself.
    pub(super) fn fail(
        &mut self,
        account: &mut Account,
        failed: &Failed<'_>,
    ) -> Result<(), StoreError> {
        let line = failed.line;
        let Failed { trouble, retry_after, .. } = *failed;
        let owed = self.owed_retry(account, line, failed.refresh)?;
        let call = owed.map(|(state, seed)| FailedCall { trouble, retry_after, state, seed });
        let consequence = match call.map(|call| (own_trouble(call, &self.config.retry), call)) {
            Some((Consequence::GiveUp, call))
                if self.attribution().may_be_shared(account, trouble, failed.is_lost)? =>
            {
                Some(ask_slowly(call, account.interval, &self.config.retry))
            }
            decided => decided.map(|(consequence, _)| consequence),
        };
        let is_refused = trouble.is_refusal();
        let is_failing = match consequence {
            // A manual refresh tells as much, although nothing follows from it.
            None => is_refused && account.is_watched(),
            Some(Consequence::GiveUp) => true,
            Some(Consequence::TryAgain { .. }) => is_refused,
        };
        account.failure = account.failure.failed(line, failed.refresh, is_failing);
        match consequence {
            Some(consequence) => self.follow(account, line, consequence),
            None => Ok(()),
        }
    }

    /// Returns the retry state of what the account owes, and the seed of the next delay. Returns
    /// `None` if the failure has no consequence: for a manual refresh, and for a slot that is in the
    /// future because the clock was set back.
    fn owed_retry(
        &mut self,
        account: &Account,
        line: &PendingLine,
        refresh: RefreshId,
    ) -> Result<Option<(RetryState, u64)>, StoreError> {
        if !line.cause.is_scheduled() {
            return Ok(None);
        }
        if line.slot.is_some_and(|slot| slot > self.now) {
            return Ok(None);
        }
        let retry = AccountState::try_from(account.state)?.retry_of(line.slot);
        let seed =
            stable_hash(account.id.as_str().as_bytes()) ^ stable_hash(&refresh.0.to_le_bytes());
        Ok(Some((retry, seed)))
    }

    fn follow(
        &mut self,
        account: &mut Account,
        line: &PendingLine,
        consequence: Consequence,
    ) -> Result<(), StoreError> {
        let state = AccountState::try_from(account.state)?;
        // Slots up to the settled one are not owed, so the next slot is the first one after both.
        let from = line.slot.unwrap_or(line.started);
        let window = account.window(self.schedules, from.max(state.settled().unwrap_or(from)));
        let state = match consequence {
            Consequence::TryAgain { delay, requested, attempt } => {
                let due = self.now.plus(delay).min(window.next).max(self.now.plus(requested));
                state.back_off(line.slot, due, attempt)
            }
            Consequence::GiveUp => state.give_up(window, line.slot),
        };
        set_state(account, state, window);
        Ok(())
    }

    /// Handles a requested pause. It applies to every account, unless others have had an ok since
    /// this account began to fail, in whatever way: otherwise an account that is throttled now and
    /// then would stop all the others each time. The account's last failure would be too late a
    /// start: its retries come when no one else is called, and each would hold up the slots that
    /// fall due during its pause.
    fn throttle(
        &mut self,
        account: &mut Account,
        line: &PendingLine,
        refresh: RefreshId,
        response: &ClassifiedResponse,
        retry_after: Option<i64>,
    ) -> Result<(), StoreError> {
        let error = response.error.clone().unwrap_or_default();
        let is_alone = match account.failure.first_alone() {
            Some(first) => self.tx.others_ok_since(account.key, first, 1)? > 0,
            None => false,
        };
        account.failure = account.failure.throttled(line, refresh);
        if !is_alone {
            return self.wait(retry_after, error);
        }
        let consequence = self.owed_retry(account, line, refresh)?.map(|(state, seed)| {
            // It costs nothing, like a busy account.
            let call = FailedCall { trouble: Trouble::Busy, retry_after, state, seed };
            own_trouble(call, &self.config.retry)
        });
        match consequence {
            Some(consequence) => self.follow(account, line, consequence),
            None => Ok(()),
        }
    }
}

pub(super) fn settled(
    account: &Account,
    line: &PendingLine,
    refresh: RefreshId,
    response: &ClassifiedResponse,
    suspicion: Suspicion,
    arrived: Time,
    is_left_pending: bool,
) -> Event {
    let verdict = verdict(response);
    let measurement = match &response.kind {
        ResponseKind::Ok(_, measurement) => Some(measurement),
        _ => None,
    };
    Event::Settled {
        id: account.id.clone(),
        cause: line.cause,
        refresh,
        outcome: verdict.outcome,
        spent: verdict.spent,
        error: verdict.error,
        followers: measurement.and_then(|measurement| measurement.followers),
        suspicion,
        kept_bytes: measurement.map_or(0, |measurement| measurement.kept_bytes()),
        next_due: account.state.next_due,
        took: arrived.since(line.started),
        is_left_pending,
    }
}
