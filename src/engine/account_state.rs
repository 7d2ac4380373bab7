//! What an account owes: a state machine on one page, pure.
//!
//! An account owes its *baseline* (the first snapshot), or a *slot* (an occurrence of its
//! schedule), or nothing until its next slot. Every change of that is one of the transitions
//! below; nothing else, and no SQL, builds an [`AccountState`].

use crate::clock::Time;
use crate::schedule::SlotWindow;
use crate::store::{StateRow, StoreError};

/// What an account owes, and when it is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccountState {
    /// Watched, and owes its first snapshot.
    Baseline {
        /// When it is asked next.
        due: Time,
        /// What was tried in vain.
        retry: RetryState,
    },
    /// Watched, and owes nothing before `next`.
    Settled {
        /// The last slot that needs no call any more.
        settled: Time,
        /// The next slot, which is also when it is due.
        next: Time,
    },
    /// Watched, and owes `slot`, which could not be served when it came.
    Open {
        /// The last slot that needs no call any more; `None` if its baseline was never served.
        /// Not before the open one where the schedule was edited since.
        settled: Option<Time>,
        slot: Time,
        /// When it is asked next.
        due: Time,
        /// What was tried in vain for this slot.
        retry: RetryState,
    },
    /// Disabled or removed: nothing is due. What it owed when it left counts again only if it
    /// comes back within the same slot.
    Away(Owed),
}

/// What an account that left the watchlist owed at that moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owed {
    Baseline(RetryState),
    /// Nothing; the last slot that needed no call any more.
    Nothing(Time),
    Slot(Option<Time>, Time, RetryState),
}

/// What was tried in vain for what is owed now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RetryState {
    /// Failed calls: the exponent of the back-off.
    pub tries: u32,
    /// Those that count towards `retry.max_paid_attempts`.
    pub paid: u32,
    /// Those that the vendor refused.
    pub refusals: u32,
}

/// What a failed call adds to a [`RetryState`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attempt {
    /// Nothing was spent, nor refused.
    Free,
    /// It may have cost a credit.
    Paid,
    /// The vendor refused it.
    Refused,
}

impl RetryState {
    fn after(self, attempt: Attempt) -> RetryState {
        let add = |count: u32, is_it: bool| count.saturating_add(u32::from(is_it));
        RetryState {
            tries: self.tries.saturating_add(1),
            paid: add(self.paid, attempt == Attempt::Paid),
            refusals: add(self.refusals, attempt == Attempt::Refused),
        }
    }
}

/// Where time stands for an account whose schedule was edited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edit {
    /// The old schedule's slots around now.
    pub old: SlotWindow,
    /// The new schedule's.
    pub new: SlotWindow,
    /// When the newest measured snapshot was taken.
    pub last_measured: Option<Time>,
    /// The moment of the edit.
    pub now: Time,
}

impl AccountState {
    /// An account that was never watched: its baseline is due at once.
    pub fn new(now: Time) -> AccountState {
        AccountState::Baseline { due: now, retry: RetryState::default() }
    }

    /// An account that is known, but not in the watchlist.
    pub fn unwatched() -> AccountState {
        AccountState::Away(Owed::Baseline(RetryState::default()))
    }

    /// When it is due; `None` while it is not watched.
    pub fn due(self) -> Option<Time> {
        match self {
            AccountState::Baseline { due, .. } | AccountState::Open { due, .. } => Some(due),
            AccountState::Settled { next, .. } => Some(next),
            AccountState::Away(_) => None,
        }
    }

    /// What was tried in vain for `slot` (`None`: the baseline).
    pub fn retry_of(self, slot: Option<Time>) -> RetryState {
        match (self, slot) {
            (AccountState::Open { slot: open, retry, .. }, Some(slot)) if open == slot => retry,
            (AccountState::Baseline { retry, .. }, None) => retry,
            _ => RetryState::default(),
        }
    }

    /// The last slot that needs no call any more.
    pub fn settled(self) -> Option<Time> {
        match self {
            AccountState::Settled { settled, .. } => Some(settled),
            AccountState::Open { settled, .. } => settled,
            AccountState::Away(Owed::Nothing(settled)) => Some(settled),
            AccountState::Away(Owed::Slot(settled, ..)) => settled,
            AccountState::Baseline { .. } | AccountState::Away(Owed::Baseline(_)) => None,
        }
    }

    /// The slot that is open at `now`, when `window` holds the schedule's slots around it.
    pub fn open_slot(self, window: SlotWindow, now: Time) -> Option<Time> {
        match self {
            AccountState::Open { settled, slot, .. } => Some(owed_slot(settled, slot, window)),
            AccountState::Settled { settled, next } if next <= now => {
                Some(window.slot).filter(|slot| *slot > settled)
            }
            AccountState::Settled { .. } | AccountState::Baseline { .. } => None,
            AccountState::Away(_) => None,
        }
    }

    /// The first slot that was open, and the one that has replaced it by `now`.
    pub fn replaced(self, window: SlotWindow, now: Time) -> Option<(Time, Time)> {
        let by = self.open_slot(window, now)?;
        let first = match self {
            AccountState::Open { slot, .. } => slot,
            AccountState::Settled { next, .. } => next,
            AccountState::Baseline { .. } | AccountState::Away(_) => return None,
        };
        (first < by).then_some((first, by))
    }

    /// What was owed is served, passed over or given up: nothing is owed before the slot after
    /// `window`. `served` is the slot that a call was made for: a clock that has stepped back
    /// since the call may have it after the window's.
    #[must_use]
    pub fn settle(self, window: SlotWindow, served: Option<Time>) -> AccountState {
        let served = served.filter(|slot| *slot <= window.next);
        let settled = self.settled().max(served).max(Some(window.slot)).unwrap_or(window.slot);
        match self {
            AccountState::Away(_) => AccountState::Away(Owed::Nothing(settled)),
            _ => AccountState::Settled { settled, next: window.next },
        }
    }

    /// Its open slot was not served before `slot` came, which replaces it.
    #[must_use]
    pub fn replace(self, slot: Time) -> AccountState {
        let retry = RetryState::default();
        match self {
            AccountState::Baseline { .. } | AccountState::Away(_) => self,
            AccountState::Settled { .. } | AccountState::Open { .. } => {
                AccountState::Open { settled: self.settled(), slot, due: slot, retry }
            }
        }
    }

    /// A call for `slot` (`None`: the baseline) failed; it is tried again at `due`.
    #[must_use]
    pub fn back_off(self, slot: Option<Time>, due: Time, attempt: Attempt) -> AccountState {
        let retry = self.retry_of(slot).after(attempt);
        match (self, slot) {
            (AccountState::Away(_), _) => self,
            (_, Some(slot)) => AccountState::Open { settled: self.settled(), slot, due, retry },
            (AccountState::Baseline { .. }, None) => AccountState::Baseline { due, retry },
            (_, None) => self,
        }
    }

    /// The account left the watchlist.
    #[must_use]
    pub fn leave(self, window: SlotWindow, now: Time) -> AccountState {
        let owed = match self {
            AccountState::Away(owed) => owed,
            AccountState::Baseline { retry, .. } => Owed::Baseline(retry),
            AccountState::Settled { settled, .. } => match self.open_slot(window, now) {
                Some(slot) => Owed::Slot(Some(settled), slot, RetryState::default()),
                None => Owed::Nothing(settled),
            },
            AccountState::Open { settled, slot, retry, .. } => {
                Owed::Slot(settled, owed_slot(settled, slot, window), retry)
            }
        };
        AccountState::Away(owed)
    }

    /// The account is in the watchlist again. Time spent away is nobody's debt; a slot that is to
    /// come (the clock stepped back meanwhile) is not owed before.
    #[must_use]
    pub fn come_back(self, window: SlotWindow, now: Time) -> AccountState {
        match self {
            AccountState::Away(Owed::Baseline(retry)) => AccountState::Baseline { due: now, retry },
            AccountState::Away(Owed::Slot(settled, slot, retry))
                if slot <= now && owed_slot(settled, slot, window) == slot =>
            {
                AccountState::Open { settled, slot, due: now, retry }
            }
            AccountState::Away(_) => {
                AccountState::Settled { settled: window.slot, next: window.next }
            }
            watched => watched,
        }
    }

    /// Its schedule changed. What was open stays open, until the new schedule's next slot replaces
    /// it; else it waits for that one, unless that would make the time without a snapshot longer
    /// than the longer of the two intervals: then the new schedule's latest slot is due now.
    #[must_use]
    pub fn reschedule(self, edit: &Edit) -> AccountState {
        let Edit { old, new, last_measured, now } = *edit;
        match self {
            AccountState::Baseline { due, retry } => {
                AccountState::Baseline { due: due.min(new.next), retry }
            }
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
                // A slot to come, settled under a clock that was ahead, settles the old schedule's.
                let settled = settled.min(now);
                let longest = old.interval().max(new.interval());
                let since = last_measured.unwrap_or(settled);
                if new.next.since(since) > longest {
                    return open(settled, new.slot);
                }
                AccountState::Settled { settled: settled.max(new.slot), next: new.next }
            }
            AccountState::Away(_) => self,
        }
    }

    /// The clock stepped back and left the account in its future. What certainly was another
    /// clock's is forgotten: a settled slot beyond the next one after now, a try for a slot that
    /// has not come, a distance to the next try that is longer than any (`horizon`). `None` where
    /// nothing has to change. `active`: what lies before is nobody's debt, unless that was another
    /// clock's too.
    pub fn step_back(
        self,
        window: SlotWindow,
        active: Time,
        now: Time,
        horizon: Time,
    ) -> Option<AccountState> {
        let retry = RetryState::default();
        let reopened = |settled: Time| {
            let slot = window.slot;
            match slot > settled && (slot > active || active > now) {
                true => AccountState::Open { settled: Some(settled), slot, due: now, retry },
                false => AccountState::Settled { settled: slot, next: window.next },
            }
        };
        // The latest slot is not settled.
        let clamped = window.slot.plus(-1);
        match self {
            AccountState::Settled { settled, .. } if settled > window.next => {
                Some(reopened(clamped))
            }
            AccountState::Open { settled: Some(settled), .. } if settled > window.next => {
                Some(reopened(clamped))
            }
            AccountState::Open { settled, slot, .. } if slot > now => Some(match settled {
                Some(settled) => reopened(settled),
                None => AccountState::Baseline { due: now, retry },
            }),
            AccountState::Open { settled, slot, due, retry } if due > horizon => {
                Some(AccountState::Open { settled, slot, due: now, retry })
            }
            AccountState::Baseline { due, .. } if due > horizon => {
                Some(AccountState::Baseline { due: now, retry })
            }
            _ => None,
        }
    }
}

/// What is owed where `slot` is open: the schedule's latest slot, if that is later and not one up
/// to which nothing more is owed.
pub(super) fn owed_slot(settled: Option<Time>, slot: Time, window: SlotWindow) -> Time {
    match Some(window.slot) <= settled {
        true => slot,
        false => slot.max(window.slot),
    }
}

/// The phases' codes in the database.
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
            AccountState::Away(Owed::Baseline(retry)) => row(BASELINE, None, None, None, retry),
            AccountState::Away(Owed::Nothing(settled)) => {
                row(SETTLED, None, Some(settled), None, none)
            }
            AccountState::Away(Owed::Slot(settled, slot, retry)) => {
                row(OPEN, None, settled, Some(slot), retry)
            }
        }
    }
}

impl TryFrom<StateRow> for AccountState {
    type Error = StoreError;

    /// A half-set row is an error, never a guess.
    fn try_from(row: StateRow) -> Result<AccountState, StoreError> {
        let retry = RetryState { tries: row.tries, paid: row.paid, refusals: row.refusals };
        Ok(match (row.phase, row.next_due, row.settled_slot, row.open_slot) {
            (BASELINE, Some(due), None, None) => AccountState::Baseline { due, retry },
            (BASELINE, None, None, None) => AccountState::Away(Owed::Baseline(retry)),
            (SETTLED, Some(next), Some(settled), None) => AccountState::Settled { settled, next },
            (SETTLED, None, Some(settled), None) => AccountState::Away(Owed::Nothing(settled)),
            (OPEN, Some(due), settled, Some(slot)) => {
                AccountState::Open { settled, slot, due, retry }
            }
            (OPEN, None, settled, Some(slot)) => {
                AccountState::Away(Owed::Slot(settled, slot, retry))
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

    /// The slots of a weekly schedule, `offset` seconds into each week.
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

    /// Every state an account may be in.
    fn state() -> impl Strategy<Value = AccountState> {
        let owed = prop_oneof![
            retry().prop_map(Owed::Baseline),
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
            owed.prop_map(AccountState::Away),
        ]
    }

    proptest! {
        #[test]
        fn a_row_is_read_as_it_was_written(state in state()) {
            prop_assert_eq!(AccountState::try_from(StateRow::from(state)).ok(), Some(state));
        }

        #[test]
        fn only_an_account_that_is_away_has_no_due_time(state in state(), now in time(), offset in 0..WEEK) {
            let window = weekly(now.0, offset);
            prop_assert_eq!(state.due().is_none(), matches!(state, AccountState::Away(_)));
            let left = state.leave(window, now);
            prop_assert!(left.due().is_none());
            prop_assert!(left.come_back(window, now).due().is_some());
            prop_assert_eq!(left.leave(window, now), left);
        }

        #[test]
        fn what_was_open_is_open_again_within_the_same_slot(state in state(), now in time(), offset in 0..WEEK) {
            let window = weekly(now.0, offset);
            let later = Time(now.0 + 60);
            prop_assume!(state.due().is_some() && later < window.next);
            let back = state.leave(window, now).come_back(window, later);
            match state.open_slot(window, now) {
                Some(slot) if slot <= now => {
                    prop_assert_eq!(back.open_slot(window, later), Some(slot));
                    prop_assert_eq!(back.retry_of(Some(slot)).paid, match state {
                        AccountState::Open { retry, .. } => retry.paid,
                        _ => 0,
                    });
                }
                Some(_) => {}
                None => prop_assert_eq!(back.open_slot(window, later), None),
            }
        }

        #[test]
        fn what_is_settled_is_not_owed_before_the_next_slot(state in state(), now in time(), offset in 0..WEEK) {
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
                now,
            };
            let due = state.reschedule(&edit).due().expect("it is watched");
            prop_assert!(due <= now || due.since(settled) <= WEEK, "{due:?}");
        }
    }

    #[test]
    fn a_half_set_row_is_an_error() {
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
    fn attempts_are_those_of_the_slot() {
        let slot = Time(1000);
        let state = AccountState::Settled { settled: Time(500), next: slot };
        let once = state.back_off(Some(slot), Time(1030), Attempt::Paid);
        let twice = once.back_off(Some(slot), Time(1090), Attempt::Refused);
        let expected = RetryState { tries: 2, paid: 1, refusals: 1 };
        assert_eq!(twice.retry_of(Some(slot)), expected);
        assert_eq!(twice.settled(), Some(Time(500)));
        assert_eq!(twice.due(), Some(Time(1090)));
        assert_eq!(twice.retry_of(Some(Time(2000))), RetryState::default());
        let next = twice.replace(Time(2000));
        assert_eq!(next.retry_of(Some(Time(2000))), RetryState::default());
        let fresh = next.back_off(Some(Time(2000)), Time(2030), Attempt::Free);
        assert_eq!(fresh.retry_of(Some(Time(2000))), RetryState { tries: 1, paid: 0, refusals: 0 });
    }

    #[test]
    fn a_slot_settled_ahead_of_the_clock_settles_none_of_another_schedule() {
        let now = 10 * WEEK + 3600;
        let (old, new) = (weekly(now, 0), weekly(now, 2 * 86_400));
        let state = AccountState::Settled { settled: old.next, next: old.after };
        let edit = Edit { old, new, last_measured: Some(Time(now)), now: Time(now) };
        let edited = state.reschedule(&edit);
        assert_eq!(edited.open_slot(weekly(new.next.0, 2 * 86_400), new.next), Some(new.next));
    }

    #[test]
    fn a_step_back_forgets_what_was_certainly_another_clocks() {
        let now = 10 * WEEK + 3600;
        let window = weekly(now, 0);
        let (now, active, horizon) = (Time(now), Time(0), Time(now + 86_400));
        let back = |state: AccountState| state.step_back(window, active, now, horizon);
        let settled = |settled: Time| AccountState::Settled { settled, next: settled.plus(WEEK) };
        let retry = RetryState { tries: 3, paid: 2, refusals: 0 };
        assert_eq!(back(settled(window.slot)), None);
        assert_eq!(back(settled(window.next)), None, "a smaller step changes nothing");
        let reopened = AccountState::Open {
            settled: Some(window.slot.plus(-1)),
            slot: window.slot,
            due: now,
            retry: RetryState::default(),
        };
        assert_eq!(back(settled(window.next.plus(1))), Some(reopened));
        // However often it steps back, an account that had its baseline owes none.
        let again = reopened.step_back(weekly(now.0 - WEEK, 0), active, now.plus(-WEEK), horizon);
        assert!(!matches!(again, Some(AccountState::Baseline { .. })), "{again:?}");
        let young = settled(window.next.plus(1)).step_back(window, now, now, horizon);
        assert_eq!(young, Some(AccountState::Settled { settled: window.slot, next: window.next }));
        let unknown = settled(window.next.plus(1)).step_back(window, now.plus(1), now, horizon);
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
}
