//! What an account owes, as a pure state machine.
//!
//! An account owes its *baseline* (the first snapshot), or a *slot* (an occurrence of its
//! schedule), or nothing until its next slot. An [`AccountState`] is changed only by the
//! transitions below, and never by SQL.

use crate::clock::Time;
use crate::schedule::SlotWindow;
use crate::store::{StateRow, StoreError};

/// What an account owes, and when it is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccountState {
    /// Watched, and owes its first snapshot.
    Baseline {
        /// When the next call is due.
        due: Time,
        /// The failed attempts so far.
        retry: RetryState,
    },
    /// Watched, and owes nothing before `next`.
    Settled {
        /// The last slot that needs no further call.
        settled: Time,
        /// The next slot, which is also when the next call is due.
        next: Time,
    },
    /// Watched, and owes `slot`, which could not be served when it came.
    Open {
        /// The last slot that needs no further call; `None` if the baseline was never served. It
        /// may be later than the open slot if the schedule was edited.
        settled: Option<Time>,
        slot: Time,
        /// When the next call is due.
        due: Time,
        /// The failed attempts for this slot.
        retry: RetryState,
    },
    /// Disabled or removed, so nothing is due. What the account owed when it left counts again only
    /// if it returns within the same slot.
    Unwatched(Owed),
}

/// What an account owed when it left the watchlist.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owed {
    /// Its first snapshot. `left` was the latest slot then; `None` if it was never watched.
    Baseline {
        left: Option<Time>,
        retry: RetryState,
    },
    /// Nothing. This is the last slot that needed no further call.
    Nothing(Time),
    Slot(Option<Time>, Time, RetryState),
}

/// The failed attempts for what is owed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RetryState {
    /// Failed calls; the exponent of the back-off.
    pub tries: u32,
    /// Those of the failed calls that count towards `retry.max_paid_attempts`.
    pub paid: u32,
    /// Those of the failed calls that the vendor refused.
    pub refusals: u32,
}

/// How a failed call counts in a [`RetryState`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attempt {
    /// It cost nothing, and was not refused.
    Free,
    /// It may have cost a credit.
    Paid,
    /// The vendor refused it.
    Refused,
}

impl RetryState {
    fn after(self, attempt: Attempt) -> RetryState {
        let add = |count: u32, applies: bool| count.saturating_add(u32::from(applies));
        RetryState {
            tries: self.tries.saturating_add(1),
            paid: add(self.paid, attempt == Attempt::Paid),
            refusals: add(self.refusals, attempt == Attempt::Refused),
        }
    }
}

/// The circumstances of an edited schedule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edit {
    /// The old schedule's slots around now.
    pub old: SlotWindow,
    /// The new schedule's slots around now.
    pub new: SlotWindow,
    /// When the newest measured snapshot was taken.
    pub last_measured: Option<Time>,
    /// Since when the account has been watched.
    pub active: Time,
    pub now: Time,
}

/// The circumstances of a clock that went back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StepBack {
    /// The schedule's slots around now.
    pub window: SlotWindow,
    /// Since when the account has been watched.
    pub active: Time,
    pub now: Time,
    /// The latest time that a back-off set now can have.
    pub horizon: Time,
    /// Whether the last settled slot was served or tried, so that it needs no call when it comes
    /// again.
    pub is_served: bool,
}

impl AccountState {
    /// Returns the state of an account that was never watched, whose baseline is due immediately.
    pub fn new(now: Time) -> AccountState {
        AccountState::Baseline { due: now, retry: RetryState::default() }
    }

    /// Returns the state of an account that is stored but not in the watchlist.
    pub fn unwatched() -> AccountState {
        AccountState::Unwatched(Owed::Baseline { left: None, retry: RetryState::default() })
    }

    /// Returns when the next call is due; `None` while the account is not watched.
    pub fn due(self) -> Option<Time> {
        match self {
            AccountState::Baseline { due, .. } | AccountState::Open { due, .. } => Some(due),
            AccountState::Settled { next, .. } => Some(next),
            AccountState::Unwatched(_) => None,
        }
    }

    /// Returns the failed attempts for `slot` (`None`: the baseline).
    pub fn retry_of(self, slot: Option<Time>) -> RetryState {
        match (self, slot) {
            (AccountState::Open { slot: open, retry, .. }, Some(slot)) if open == slot => retry,
            (AccountState::Baseline { retry, .. }, None) => retry,
            (AccountState::Unwatched(Owed::Slot(_, open, retry)), Some(slot)) if open == slot => {
                retry
            }
            (AccountState::Unwatched(Owed::Baseline { retry, .. }), None) => retry,
            _ => RetryState::default(),
        }
    }

    /// Returns the slot that was open when the account left the watchlist.
    pub fn left_open(self) -> Option<Time> {
        match self {
            AccountState::Unwatched(Owed::Slot(_, slot, _)) => Some(slot),
            _ => None,
        }
    }

    /// Returns the last slot that needs no further call.
    pub fn settled(self) -> Option<Time> {
        match self {
            AccountState::Settled { settled, .. } => Some(settled),
            AccountState::Open { settled, .. } => settled,
            AccountState::Unwatched(Owed::Nothing(settled)) => Some(settled),
            AccountState::Unwatched(Owed::Slot(settled, ..)) => settled,
            AccountState::Baseline { .. } | AccountState::Unwatched(Owed::Baseline { .. }) => None,
        }
    }

    /// Returns the slot that is open at `now`, given the schedule's slots around it. After the clock
    /// went back, an open slot may be still to come.
    pub fn open_slot(self, window: SlotWindow, now: Time) -> Option<Time> {
        match self {
            AccountState::Open { settled, slot, .. } => {
                Some(owed_slot(settled, slot, window)).filter(|slot| *slot <= now)
            }
            AccountState::Settled { settled, next } if next <= now => {
                Some(window.slot).filter(|slot| *slot > settled)
            }
            AccountState::Settled { .. } | AccountState::Baseline { .. } => None,
            AccountState::Unwatched(_) => None,
        }
    }

    /// Returns the first slot that was open, and the one that has replaced it by `now`.
    pub fn replaced(self, window: SlotWindow, now: Time) -> Option<(Time, Time)> {
        let by = self.open_slot(window, now)?;
        let first = match self {
            AccountState::Open { slot, .. } => slot,
            AccountState::Settled { next, .. } => next,
            AccountState::Baseline { .. } | AccountState::Unwatched(_) => return None,
        };
        (first < by).then_some((first, by))
    }

    /// Records that what was owed was served, skipped or given up, so that nothing is owed before
    /// the slot after `window`. `served` is the slot that the call was for. It may be after the
    /// window's slot if the clock has been set back since the call.
    #[must_use]
    pub fn settle(self, window: SlotWindow, served: Option<Time>) -> AccountState {
        let served = served.filter(|slot| *slot <= window.next);
        let settled = self.settled().max(served).max(Some(window.slot)).unwrap_or(window.slot);
        match self {
            AccountState::Unwatched(_) => AccountState::Unwatched(Owed::Nothing(settled)),
            _ => AccountState::Settled { settled, next: window.next },
        }
    }

    /// Records that no further call is made for `slot` (`None`: the baseline). A later slot that an
    /// edit has left open since the call stays open.
    #[must_use]
    pub fn give_up(self, window: SlotWindow, slot: Option<Time>) -> AccountState {
        match self {
            AccountState::Open { slot: open, .. } if slot.is_some_and(|slot| slot < open) => self,
            _ => self.settle(window, slot),
        }
    }

    /// Records that the open slot was replaced unserved by `slot`. A delay that the vendor asked for
    /// is kept.
    #[must_use]
    pub fn replace(self, slot: Time, now: Time) -> AccountState {
        let retry = RetryState::default();
        let due = self.due().filter(|due| *due > now).unwrap_or(slot);
        match self {
            AccountState::Baseline { .. } | AccountState::Unwatched(_) => self,
            AccountState::Settled { .. } | AccountState::Open { .. } => {
                AccountState::Open { settled: self.settled(), slot, due, retry }
            }
        }
    }

    /// Records that a call for `slot` (`None`: the baseline) failed, and is retried at `due`.
    #[must_use]
    pub fn back_off(self, slot: Option<Time>, due: Time, attempt: Attempt) -> AccountState {
        let retry = self.retry_of(slot).after(attempt);
        match (self, slot) {
            // It counts if the account returns within the same slot.
            (AccountState::Unwatched(Owed::Slot(settled, open, _)), Some(slot)) if open == slot => {
                AccountState::Unwatched(Owed::Slot(settled, slot, retry))
            }
            (AccountState::Unwatched(Owed::Baseline { left, .. }), None) => {
                AccountState::Unwatched(Owed::Baseline { left, retry })
            }
            (AccountState::Unwatched(_), _) => self,
            // An edit has replaced that slot since, or the account has left and returned.
            (AccountState::Open { slot: open, .. }, Some(slot)) if slot < open => self,
            (AccountState::Settled { settled, .. }, Some(slot)) if slot <= settled => self,
            (_, Some(slot)) => AccountState::Open { settled: self.settled(), slot, due, retry },
            (AccountState::Baseline { .. }, None) => AccountState::Baseline { due, retry },
            (_, None) => self,
        }
    }

    /// Records that the account left the watchlist.
    #[must_use]
    pub fn unwatch(self, window: SlotWindow, now: Time) -> AccountState {
        let owed = match self {
            AccountState::Unwatched(owed) => owed,
            AccountState::Baseline { retry, .. } => {
                Owed::Baseline { left: Some(window.slot), retry }
            }
            AccountState::Settled { settled, .. } => match self.open_slot(window, now) {
                Some(slot) => Owed::Slot(Some(settled), slot, RetryState::default()),
                None => Owed::Nothing(settled),
            },
            AccountState::Open { settled, slot, retry, .. } => {
                Owed::Slot(settled, owed_slot(settled, slot, window), retry)
            }
        };
        AccountState::Unwatched(owed)
    }

    /// Returns whether no slot of this schedule has come since the account left the watchlist.
    pub fn is_within_slot(self, window: SlotWindow, now: Time) -> bool {
        match self {
            AccountState::Unwatched(Owed::Nothing(settled)) => window.slot <= settled,
            AccountState::Unwatched(Owed::Slot(settled, slot, _)) => {
                slot <= now && owed_slot(settled, slot, window) == slot
            }
            AccountState::Unwatched(Owed::Baseline { .. })
            | AccountState::Baseline { .. }
            | AccountState::Settled { .. }
            | AccountState::Open { .. } => false,
        }
    }

    /// Records that the account is in the watchlist again. Nothing is owed for the time in between,
    /// but an account that `is_new`, without any snapshot, is due immediately if a slot has come
    /// since. A slot that is still to come, because the clock was set back meanwhile, is not owed
    /// yet.
    #[must_use]
    pub fn rewatch(self, window: SlotWindow, now: Time, is_new: bool) -> AccountState {
        match self {
            AccountState::Unwatched(Owed::Baseline { left, retry }) => {
                // The attempts were for that slot, and a later one has new ones.
                let is_over = left.is_some_and(|left| left < window.slot);
                let retry = if is_over { RetryState::default() } else { retry };
                AccountState::Baseline { due: now, retry }
            }
            AccountState::Unwatched(Owed::Slot(settled, slot, retry))
                if self.is_within_slot(window, now) =>
            {
                AccountState::Open { settled, slot, due: now, retry }
            }
            AccountState::Unwatched(owed) => match owed {
                Owed::Nothing(settled) if window.slot <= settled => settled_by(window),
                _ if is_new => AccountState::new(now),
                _ => settled_by(window),
            },
            watched => watched,
        }
    }

    /// Records that the schedule changed. An open slot stays open until the new schedule's next
    /// slot replaces it. Otherwise the account waits for that next slot, unless this would make the
    /// time without a snapshot longer than the longer of the two intervals. In that case the new
    /// schedule's latest slot is due now.
    #[must_use]
    pub fn reschedule(self, edit: &Edit) -> AccountState {
        let Edit { old, new, last_measured, active, now } = *edit;
        match self {
            AccountState::Baseline { due, retry } => {
                AccountState::Baseline { due: due.min(new.next), retry }
            }
            // Still to come after the clock went back, and replaced by then.
            AccountState::Open { slot, .. } if slot >= new.next => settled_by(new),
            AccountState::Open { settled, slot, due, retry } => AccountState::Open {
                settled: settled.max(Some(new.slot)),
                slot: owed_slot(settled, slot, old),
                due: due.min(new.next),
                retry,
            },
            AccountState::Settled { settled, .. } => {
                let open = |settled: Time, slot: Time| AccountState::Open {
                    settled: Some(settled),
                    slot,
                    due: now,
                    retry: RetryState::default(),
                };
                if let Some(slot) = self.open_slot(old, now) {
                    return open(settled.max(new.slot), slot);
                }
                // A settled slot that is still to come was settled under a clock that was ahead. It
                // settles only slots of the old schedule.
                let settled = settled.min(now);
                let longest = old.interval().max(new.interval());
                let since = last_measured.unwrap_or(settled.max(active.min(now)));
                if new.next.since(since) > longest {
                    return open(settled, new.slot);
                }
                AccountState::Settled { settled: settled.max(new.slot), next: new.next }
            }
            AccountState::Unwatched(_) => self,
        }
    }

    /// Corrects the state after the clock went back, and returns `None` if nothing has to change.
    /// Drops what comes from a clock that was ahead: a settled slot beyond the next one after now,
    /// or still to come and not served, an open slot of the present schedule that is still to come,
    /// and a retry after the latest one possible. Slots before `active` are not owed, unless
    /// `active` comes from the other clock as well.
    pub fn step_back(self, step: &StepBack) -> Option<AccountState> {
        let StepBack { window, active, now, horizon, is_served } = *step;
        let retry = RetryState::default();
        let reopened = |settled: Time| {
            let slot = window.slot;
            match slot > settled && (slot > active || active > now) {
                true => AccountState::Open { settled: Some(settled), slot, due: now, retry },
                false => AccountState::Settled { settled: slot, next: window.next },
            }
        };
        // With this, the latest slot is not settled.
        let clamped = window.slot.plus(-1);
        let is_unserved = |settled: Time| settled > now && !is_served;
        let changed = match self {
            AccountState::Settled { settled, .. }
            | AccountState::Open { settled: Some(settled), .. }
                if settled > window.next =>
            {
                reopened(clamped)
            }
            AccountState::Settled { settled, .. } if is_unserved(settled) => settled_by(window),
            // A slot of an earlier schedule, which does not come again by the present one.
            AccountState::Open { settled: Some(settled), slot, retry, .. }
                if slot > now && slot < window.next && settled >= window.slot =>
            {
                AccountState::Open { settled: Some(settled), slot, due: slot, retry }
            }
            AccountState::Open { settled, slot, .. } if slot > now => match settled {
                Some(settled) => reopened(settled),
                None => AccountState::Baseline { due: now, retry },
            },
            AccountState::Open { settled, slot, due, retry } => AccountState::Open {
                settled: settled.map(|last| if is_unserved(last) { window.slot } else { last }),
                slot,
                due: if due > horizon { now } else { due },
                retry,
            },
            AccountState::Baseline { due, .. } if due > horizon => {
                AccountState::Baseline { due: now, retry }
            }
            unchanged => unchanged,
        };
        (changed != self).then_some(changed)
    }
}

fn settled_by(window: SlotWindow) -> AccountState {
    AccountState::Settled { settled: window.slot, next: window.next }
}

/// Returns the slot that is owed if `slot` is open: the schedule's latest slot if that is later,
/// unless it needs no call.
pub(super) fn owed_slot(settled: Option<Time>, slot: Time, window: SlotWindow) -> Time {
    match Some(window.slot) <= settled {
        true => slot,
        false => slot.max(window.slot),
    }
}

/// The codes of the phases in the database.
const BASELINE: i64 = 0;
const SETTLED: i64 = 1;
const OPEN: i64 = 2;

impl From<AccountState> for StateRow {
    fn from(state: AccountState) -> StateRow {
        let row = |phase, next_due, settled_slot, open_slot, retry: RetryState| StateRow {
            phase,
            next_due,
            settled_slot,
            open_slot,
            tries: retry.tries,
            paid: retry.paid,
            refusals: retry.refusals,
        };
        let none = RetryState::default();
        match state {
            AccountState::Baseline { due, retry } => row(BASELINE, Some(due), None, None, retry),
            AccountState::Settled { settled, next } => {
                row(SETTLED, Some(next), Some(settled), None, none)
            }
            AccountState::Open { settled, slot, due, retry } => {
                row(OPEN, Some(due), settled, Some(slot), retry)
            }
            AccountState::Unwatched(Owed::Baseline { left, retry }) => {
                row(BASELINE, None, left, None, retry)
            }
            AccountState::Unwatched(Owed::Nothing(settled)) => {
                row(SETTLED, None, Some(settled), None, none)
            }
            AccountState::Unwatched(Owed::Slot(settled, slot, retry)) => {
                row(OPEN, None, settled, Some(slot), retry)
            }
        }
    }
}

impl TryFrom<StateRow> for AccountState {
    type Error = StoreError;

    /// Decodes a row. An inconsistent row is an error.
    fn try_from(row: StateRow) -> Result<AccountState, StoreError> {
        let retry = RetryState { tries: row.tries, paid: row.paid, refusals: row.refusals };
        Ok(match (row.phase, row.next_due, row.settled_slot, row.open_slot) {
            (BASELINE, Some(due), None, None) => AccountState::Baseline { due, retry },
            (BASELINE, None, left, None) => AccountState::Unwatched(Owed::Baseline { left, retry }),
            (SETTLED, Some(next), Some(settled), None) => AccountState::Settled { settled, next },
            (SETTLED, None, Some(settled), None) => AccountState::Unwatched(Owed::Nothing(settled)),
            (OPEN, Some(due), settled, Some(slot)) => {
                AccountState::Open { settled, slot, due, retry }
            }
            (OPEN, None, settled, Some(slot)) => {
                AccountState::Unwatched(Owed::Slot(settled, slot, retry))
            }
            (phase, ..) => {
                return Err(StoreError::Unknown { column: "_account.phase", code: phase });
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WEEK: i64 = 7 * 86_400;

    /// Returns the slots of a weekly schedule, `offset` seconds into each week.
    fn weekly(now: i64, offset: i64) -> SlotWindow {
        let slot = (now - offset).div_euclid(WEEK) * WEEK + offset;
        SlotWindow { slot: Time(slot), next: Time(slot + WEEK), after: Time(slot + 2 * WEEK) }
    }

    fn retry() -> impl Strategy<Value = RetryState> {
        (0..9_u32, 0..4_u32, 0..4_u32).prop_map(|(tries, paid, refusals)| RetryState {
            tries: tries.max(paid + refusals),
            paid,
            refusals,
        })
    }

    fn time() -> impl Strategy<Value = Time> {
        (0..40 * WEEK).prop_map(Time)
    }

    /// Generates any state that an account may be in.
    fn state() -> impl Strategy<Value = AccountState> {
        let owed = prop_oneof![
            (proptest::option::of(time()), retry())
                .prop_map(|(left, retry)| Owed::Baseline { left, retry }),
            time().prop_map(Owed::Nothing),
            (proptest::option::of(time()), time(), retry())
                .prop_map(|(settled, slot, retry)| Owed::Slot(settled, slot, retry)),
        ];
        prop_oneof![
            (time(), retry()).prop_map(|(due, retry)| AccountState::Baseline { due, retry }),
            (time(), 1..WEEK).prop_map(|(settled, later)| AccountState::Settled {
                settled,
                next: settled.plus(later),
            }),
            (proptest::option::of(time()), time(), time(), retry()).prop_map(
                |(settled, slot, due, retry)| AccountState::Open { settled, slot, due, retry },
            ),
            owed.prop_map(AccountState::Unwatched),
        ]
    }

    #[test]
    fn attempts_are_those_for_the_same_slot_only() {
        let retry = RetryState { tries: 2, paid: 1, refusals: 0 };
        let (slot, other) = (Time(10 * WEEK), Time(11 * WEEK));
        let open = AccountState::Open { settled: None, slot, due: slot, retry };
        let baseline = AccountState::Baseline { due: slot, retry };
        let left_open = AccountState::Unwatched(Owed::Slot(None, slot, retry));
        let left_new = AccountState::Unwatched(Owed::Baseline { left: None, retry });
        for (state, of, expected) in [
            (open, Some(slot), 2),
            (open, Some(other), 0),
            (open, None, 0),
            (baseline, None, 2),
            (baseline, Some(slot), 0),
            (left_open, Some(slot), 2),
            (left_open, Some(other), 0),
            (left_open, None, 0),
            (left_new, None, 2),
            (left_new, Some(slot), 0),
            (AccountState::Settled { settled: slot, next: other }, Some(slot), 0),
        ] {
            assert_eq!(state.retry_of(of).tries, expected, "{state:?} {of:?}");
        }
    }

    #[test]
    fn an_absence_is_within_the_slot_until_the_next_one_comes() {
        let (slot, retry) = (Time(10 * WEEK), RetryState::default());
        let at = |time: i64| (weekly(time, 0), Time(time));
        let open = AccountState::Unwatched(Owed::Slot(Some(slot.plus(-WEEK)), slot, retry));
        let nothing = AccountState::Unwatched(Owed::Nothing(slot));
        for (state, time, expected) in [
            (open, 10 * WEEK, true),
            (open, 11 * WEEK - 1, true),
            (open, 11 * WEEK, false),
            // It is still to come, because the clock was set back.
            (open, 10 * WEEK - 1, false),
            (nothing, 11 * WEEK - 1, true),
            (nothing, 11 * WEEK, false),
            (AccountState::Settled { settled: slot, next: slot.plus(WEEK) }, 10 * WEEK, false),
            (AccountState::unwatched(), 10 * WEEK, false),
        ] {
            let (window, now) = at(time);
            assert_eq!(state.is_within_slot(window, now), expected, "{state:?} at {time}");
        }
    }

    #[test]
    fn a_settled_account_has_an_open_slot_once_a_later_one_has_come() {
        let (window, slot) = (weekly(10 * WEEK + 5, 0), Time(10 * WEEK));
        let open = |settled: Time, next: i64| {
            AccountState::Settled { settled, next: Time(next) }.open_slot(window, slot.plus(5))
        };
        assert_eq!(open(Time(9 * WEEK), 10 * WEEK), Some(slot));
        // It is not due yet, whatever has passed since: an edit made it wait.
        assert_eq!(open(Time(9 * WEEK), 10 * WEEK + 6), None);
        assert_eq!(open(slot, 10 * WEEK), None);
    }

    proptest! {
        #[test]
        fn a_row_is_read_as_it_was_written(state in state()) {
            prop_assert_eq!(AccountState::try_from(StateRow::from(state)).ok(), Some(state));
        }

        #[test]
        fn only_an_account_that_is_away_has_no_due_time(state in state(), now in time(), offset in 0..WEEK) {
            let window = weekly(now.0, offset);
            prop_assert_eq!(state.due().is_none(), matches!(state, AccountState::Unwatched(_)));
            let left = state.unwatch(window, now);
            prop_assert!(left.due().is_none());
            prop_assert!(left.rewatch(window, now, false).due().is_some());
            prop_assert_eq!(left.unwatch(window, now), left);
        }

        #[test]
        fn an_open_slot_is_open_again_after_a_return_within_the_slot(state in state(), now in time(), offset in 0..WEEK) {
            let window = weekly(now.0, offset);
            let later = Time(now.0 + 60);
            prop_assume!(state.due().is_some() && later < window.next);
            let back = state.unwatch(window, now).rewatch(window, later, false);
            match state.open_slot(window, now) {
                Some(slot) => {
                    prop_assert_eq!(back.open_slot(window, later), Some(slot));
                    prop_assert_eq!(back.retry_of(Some(slot)).paid, match state {
                        AccountState::Open { retry, .. } => retry.paid,
                        _ => 0,
                    });
                }
                None => prop_assert_eq!(back.open_slot(window, later), None),
            }
        }

        #[test]
        fn an_account_without_a_snapshot_is_due_when_it_returns(slot in time(), retry in retry(), now in time(), offset in 0..WEEK) {
            let window = weekly(now.0, offset);
            let earlier = Owed::Nothing(window.slot.plus(-1));
            let baseline = Owed::Baseline { left: Some(window.slot), retry };
            for owed in [baseline, Owed::Slot(None, slot, retry), earlier] {
                let back = AccountState::Unwatched(owed).rewatch(window, now, true);
                prop_assert_eq!(back.due(), Some(now));
            }
            // Attempts count only if it returns within the slot.
            let restored = AccountState::Unwatched(baseline).rewatch(window, now, true);
            prop_assert_eq!(restored.retry_of(None), retry);
            let later = weekly(window.next.0, offset);
            let new = AccountState::Unwatched(baseline).rewatch(later, window.next, true);
            prop_assert_eq!(new, AccountState::new(window.next));
            // Given up for this slot, and not away for longer.
            let given_up = AccountState::Unwatched(Owed::Nothing(window.slot));
            prop_assert_eq!(given_up.rewatch(window, now, true).due(), Some(window.next));
        }

        #[test]
        fn nothing_is_owed_between_settling_and_the_next_slot(state in state(), now in time(), offset in 0..WEEK) {
            let window = weekly(now.0, offset);
            let settled = state.settle(window, None);
            prop_assert_eq!(settled.open_slot(window, now), None);
            prop_assert_eq!(settled.due().is_some(), state.due().is_some());
        }

        #[test]
        fn an_edit_makes_no_wait_longer_than_the_longer_interval(
            settled in time(), after in 0..2 * WEEK, offset in 0..WEEK, new_offset in 0..WEEK
        ) {
            let now = settled.plus(after);
            let next = Time(weekly(settled.0, offset).next.0);
            let state = AccountState::Settled { settled, next };
            let edit = Edit {
                old: weekly(now.0, offset),
                new: weekly(now.0, new_offset),
                last_measured: Some(settled),
                active: Time(0),
                now,
            };
            let due = state.reschedule(&edit).due().expect("it is watched");
            prop_assert!(due <= now || due.since(settled) <= WEEK, "{due:?}");
        }
    }

    #[test]
    fn an_inconsistent_row_is_an_error() {
        let row = StateRow::from(AccountState::new(Time(5)));
        for broken in [
            StateRow { phase: 3, ..row },
            StateRow { phase: -1, ..row },
            StateRow { phase: OPEN, ..row },
            StateRow { phase: SETTLED, ..row },
            StateRow { settled_slot: Some(Time(1)), ..row },
            StateRow { open_slot: Some(Time(1)), ..row },
        ] {
            assert!(AccountState::try_from(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn attempts_are_counted_per_slot() {
        let slot = Time(1000);
        let state = AccountState::Settled { settled: Time(500), next: slot };
        let once = state.back_off(Some(slot), Time(1030), Attempt::Paid);
        let twice = once.back_off(Some(slot), Time(1090), Attempt::Refused);
        let expected = RetryState { tries: 2, paid: 1, refusals: 1 };
        assert_eq!(twice.retry_of(Some(slot)), expected);
        assert_eq!(twice.settled(), Some(Time(500)));
        assert_eq!(twice.due(), Some(Time(1090)));
        assert_eq!(twice.retry_of(Some(Time(2000))), RetryState::default());
        let next = twice.replace(Time(2000), Time(2000));
        assert_eq!(next.retry_of(Some(Time(2000))), RetryState::default());
        assert_eq!(next.back_off(Some(slot), Time(2005), Attempt::Paid), next, "an earlier slot");
        let settled = AccountState::Settled { settled: slot, next: Time(2000) };
        assert_eq!(settled.back_off(Some(slot), Time(1030), Attempt::Paid), settled);
        let fresh = next.back_off(Some(Time(2000)), Time(2030), Attempt::Free);
        assert_eq!(fresh.retry_of(Some(Time(2000))), RetryState { tries: 1, paid: 0, refusals: 0 });
    }

    #[test]
    fn attempts_at_the_baseline_are_counted_until_a_slot_replaces_it() {
        let state = AccountState::new(Time(500));
        let once = state.back_off(None, Time(530), Attempt::Paid);
        let twice = once.back_off(None, Time(590), Attempt::Free);
        assert_eq!(twice.retry_of(None), RetryState { tries: 2, paid: 1, refusals: 0 });
        assert_eq!((twice.due(), twice.settled()), (Some(Time(590)), None));
        assert_eq!(twice.retry_of(Some(Time(1000))), RetryState::default());
        let slot = twice.back_off(Some(Time(1000)), Time(1030), Attempt::Refused);
        assert_eq!(slot.retry_of(Some(Time(1000))), RetryState { tries: 1, paid: 0, refusals: 1 });
        assert_eq!(slot.retry_of(None), RetryState::default());
    }

    #[test]
    fn a_slot_settled_ahead_of_the_clock_settles_no_slot_of_a_new_schedule() {
        let now = 10 * WEEK + 3600;
        let (old, new) = (weekly(now, 0), weekly(now, 2 * 86_400));
        let state = AccountState::Settled { settled: old.next, next: old.after };
        let edit =
            Edit { old, new, last_measured: Some(Time(now)), active: Time(0), now: Time(now) };
        let edited = state.reschedule(&edit);
        assert_eq!(edited.open_slot(weekly(new.next.0, 2 * 86_400), new.next), Some(new.next));
    }

    #[test]
    fn an_account_without_a_snapshot_waits_from_when_it_was_added() {
        let now = 10 * WEEK + 2 * 86_400;
        let (old, new) = (weekly(now, 0), weekly(now, 86_400));
        let given_up = settled_by(old);
        let edit = |added: i64| Edit {
            old,
            new,
            last_measured: None,
            active: Time(now - added),
            now: Time(now),
        };
        let waiting = given_up.reschedule(&edit(3600));
        assert_eq!(waiting.due(), Some(new.next));
        assert_eq!(given_up.reschedule(&edit(8 * 86_400)).due(), Some(Time(now)));
    }

    #[test]
    fn a_step_back_drops_what_was_certainly_from_another_clock() {
        let now = 10 * WEEK + 3600;
        let window = weekly(now, 0);
        let (now, active, horizon) = (Time(now), Time(0), Time(now + 86_400));
        let step = StepBack { window, active, now, horizon, is_served: true };
        let back = |state: AccountState| state.step_back(&step);
        let settled = |settled: Time| AccountState::Settled { settled, next: settled.plus(WEEK) };
        let retry = RetryState { tries: 3, paid: 2, refusals: 0 };
        assert_eq!(back(settled(window.slot)), None);
        assert_eq!(back(settled(window.next)), None, "it was served");
        let unserved = settled(window.next).step_back(&StepBack { is_served: false, ..step });
        assert_eq!(unserved, Some(settled(window.slot)), "a slot before the account was added");
        let reopened = AccountState::Open {
            settled: Some(window.slot.plus(-1)),
            slot: window.slot,
            due: now,
            retry: RetryState::default(),
        };
        assert_eq!(back(settled(window.next.plus(1))), Some(reopened));
        // However often the clock goes back, an account that had its baseline does not owe it
        // again.
        let earlier = StepBack { window: weekly(now.0 - WEEK, 0), now: now.plus(-WEEK), ..step };
        let again = reopened.step_back(&earlier);
        assert!(!matches!(again, Some(AccountState::Baseline { .. })), "{again:?}");
        let ahead = settled(window.next.plus(1));
        let young = ahead.step_back(&StepBack { active: now, ..step });
        assert_eq!(young, Some(AccountState::Settled { settled: window.slot, next: window.next }));
        let unknown = ahead.step_back(&StepBack { active: now.plus(1), ..step });
        assert_eq!(unknown, Some(reopened), "since when it is watched is another clock's too");
        let open = |slot, due| AccountState::Open { settled: Some(Time(WEEK)), slot, due, retry };
        assert_eq!(back(open(window.slot, now)), None);
        assert_eq!(back(open(window.slot, horizon)), None);
        assert_eq!(back(open(window.slot, horizon.plus(1))), Some(open(window.slot, now)));
        let ahead = back(open(now.plus(1), now));
        assert_eq!(ahead.and_then(AccountState::settled), Some(Time(WEEK)));
        assert_eq!(ahead.and_then(AccountState::due), Some(now));
        let baseline = |due| AccountState::Baseline { due, retry };
        assert_eq!(back(baseline(horizon)), None);
        assert_eq!(back(baseline(horizon.plus(1))), Some(AccountState::new(now)));
    }

    #[test]
    fn a_step_back_keeps_the_open_slot_of_an_earlier_schedule() {
        let now = 10 * WEEK + 3600;
        let (window, now) = (weekly(now, 0), Time(now));
        let slot = now.plus(86_400);
        let (settled, retry) = (Some(window.slot), RetryState { tries: 1, paid: 1, refusals: 0 });
        let open = |due| AccountState::Open { settled, slot, due, retry };
        let step =
            StepBack { window, active: Time(0), now, horizon: now.plus(3600), is_served: true };
        let back = open(slot.plus(3600)).step_back(&step);
        assert_eq!(back, Some(open(slot)), "it is due when it comes again");
        assert_eq!(open(slot).step_back(&step), None);
        assert_eq!(
            (open(slot).open_slot(window, now), open(slot).open_slot(window, slot)),
            (None, Some(slot))
        );
        // Unless the next slot of yet another schedule comes before.
        let new = weekly(now.0, 7200);
        let edit = Edit { old: window, new, last_measured: None, active: Time(0), now };
        assert_eq!(open(slot).reschedule(&edit), settled_by(new));
    }

    #[test]
    fn a_served_slot_is_settled_up_to_the_next_one() {
        let window = weekly(10 * WEEK + 5, 0);
        let state = settled_by(weekly(9 * WEEK + 5, 0));
        for (served, settled) in [
            (None, window.slot),
            (Some(window.slot.plus(-60)), window.slot),
            (Some(window.next), window.next),
            // It was bought under a clock that was ahead.
            (Some(window.next.plus(1)), window.slot),
        ] {
            assert_eq!(state.settle(window, served).settled(), Some(settled), "{served:?}");
        }
    }

    #[test]
    fn a_slot_that_replaces_another_is_due_at_once_unless_a_delay_is_not_over() {
        let (slot, now) = (Time(10 * WEEK), Time(10 * WEEK + 60));
        let retry = RetryState { tries: 1, paid: 1, refusals: 0 };
        for (delay, due) in [(-1, slot), (0, slot), (1, now.plus(1))] {
            let open = AccountState::Open {
                settled: None,
                slot: slot.plus(-WEEK),
                due: now.plus(delay),
                retry,
            };
            let replaced = open.replace(slot, now);
            let retry = RetryState::default();
            assert_eq!(replaced, AccountState::Open { settled: None, slot, due, retry }, "{delay}");
        }
    }

    #[test]
    fn a_failure_after_the_account_left_counts_only_for_the_slot_that_it_left_open() {
        let (slot, retry) = (Time(10 * WEEK), RetryState::default());
        let left = AccountState::Unwatched(Owed::Slot(None, slot, retry));
        let again = |of| left.back_off(Some(of), slot.plus(30), Attempt::Paid);
        let counted = RetryState { tries: 1, paid: 1, refusals: 0 };
        assert_eq!(again(slot), AccountState::Unwatched(Owed::Slot(None, slot, counted)));
        assert_eq!(again(slot.plus(WEEK)), left);
        assert_eq!(again(slot.plus(-WEEK)), left);
    }

    #[test]
    fn a_slot_left_open_is_owed_no_more_once_the_next_one_has_come() {
        let (slot, retry) = (Time(10 * WEEK), RetryState::default());
        let left = AccountState::Unwatched(Owed::Slot(Some(slot.plus(-WEEK)), slot, retry));
        let back = |at: i64| left.rewatch(weekly(at, 0), Time(at), false);
        assert_eq!(
            back(11 * WEEK - 1).open_slot(weekly(11 * WEEK - 1, 0), Time(11 * WEEK)),
            Some(slot)
        );
        assert_eq!(back(11 * WEEK), settled_by(weekly(11 * WEEK, 0)));
    }

    #[test]
    fn an_edit_that_makes_the_wait_as_long_as_the_interval_makes_nothing_due() {
        let now = 10 * WEEK + 3600;
        let window = weekly(now, 0);
        let edited = |measured: i64| {
            let last_measured = Some(window.slot.plus(measured));
            let edit =
                Edit { old: window, new: window, last_measured, active: Time(0), now: Time(now) };
            settled_by(window).reschedule(&edit)
        };
        assert_eq!(edited(0), settled_by(window));
        assert_eq!(edited(-1).due(), Some(Time(now)), "a week and a second would be too long");
    }

    #[test]
    fn a_step_back_to_the_very_second_of_a_slot_leaves_it_alone() {
        let now = Time(10 * WEEK + 3600);
        let window = weekly(now.0, 0);
        let step =
            StepBack { window, active: Time(0), now, horizon: now.plus(60), is_served: false };
        let retry = RetryState::default();
        let open =
            |settled, slot, due| AccountState::Open { settled: Some(settled), slot, due, retry };
        let settled_now = AccountState::Settled { settled: now, next: window.next };
        let (before, later) = (window.slot.plus(-1), now.plus(60));
        for state in [
            settled_now,
            open(before, now, now),
            open(window.slot, now, later),
            open(window.slot, now.plus(-1), later),
        ] {
            assert_eq!(state.step_back(&step), None, "{state:?}");
        }
        // The present schedule's next slot comes again by itself.
        let next = open(window.slot, window.next, window.next.plus(60));
        assert_eq!(next.step_back(&step), Some(settled_by(window)));
        // What is settled is not owed, and neither is the slot of the second in which it was added.
        let ahead = AccountState::Settled { settled: window.next.plus(1), next: window.after };
        let added = StepBack { active: window.slot, ..step };
        assert_eq!(ahead.step_back(&added), Some(settled_by(window)));
        let earlier = StepBack { active: window.slot.plus(-1), ..step };
        assert_eq!(ahead.step_back(&earlier), Some(open(before, window.slot, now)));
        // Under another clock than now, it says nothing; of this second, it does.
        let young = StepBack { active: now, ..step };
        assert_eq!(ahead.step_back(&young), Some(settled_by(window)));
    }
}
