//! Deciding what to do about a due account. Pure.

use std::ops::Range;

use crate::clock::Time;
use crate::config::CatchUp;
use crate::engine::account_state::{AccountState, owed_slot};
use crate::schedule::{SlotWindow, on_time};
use crate::store::Cause;

/// What to do about a due account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Call the account for this slot (`None`: its baseline).
    Call(Cause, Option<Time>),
    /// Skip this slot.
    Skip(Cause, Time, &'static str),
    /// Do nothing, because nothing is owed any more.
    Served,
}

/// The facts about a due account that do not depend on its snapshots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    pub state: AccountState,
    /// The slots around now.
    pub window: SlotWindow,
    /// Whether the account was never refreshed.
    pub is_new: bool,
    /// Whether a call has failed since the last ok.
    pub has_failed: bool,
    /// The slot of the last failed call.
    pub tried: Option<Time>,
    /// Since when the account has been watched without interruption.
    pub active: Time,
    /// The slot that an edit has made due.
    pub edited: Option<Time>,
}

/// When the process has been able to serve slots.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Up {
    /// Since the last start or resume, or since the clock was set.
    pub since: Time,
    /// Not in this pause, which the vendor asked for, and which is over.
    pub last_pause: Option<Range<Time>>,
}

impl Up {
    /// Returns how long a slot had fallen due before it could be served, in seconds. A slot from before
    /// a pause could be served then; that it waits for its turn, its retry or a probe is no lateness.
    fn lateness(&self, slot: Time) -> i64 {
        // The pause began in the course of its first second, after slots of that second.
        let is_in = |pause: &&Range<Time>| pause.start < slot && slot < pause.end;
        let in_pause = self.last_pause.as_ref().filter(is_in);
        let served_from = in_pause.map_or(self.since, |pause| pause.end.max(self.since));
        served_from.since(slot).max(0)
    }
}

impl Due {
    pub(super) fn step(&self, up: &Up, catch_up: CatchUp) -> Step {
        let slot = match self.state {
            AccountState::Unwatched(_) => return Step::Served,
            AccountState::Baseline { .. } if !self.has_failed => {
                return Step::Call(Cause::First, None);
            }
            AccountState::Baseline { .. } if self.window.slot <= self.active => {
                return Step::Call(Cause::Retry, None);
            }
            // A slot has come since, and takes the place of the baseline.
            AccountState::Baseline { .. } => self.window.slot,
            AccountState::Settled { settled, .. } if self.window.slot <= settled => {
                return Step::Served;
            }
            AccountState::Settled { .. } => self.window.slot,
            AccountState::Open { settled, slot, .. } => owed_slot(settled, slot, self.window),
        };
        // An ok of a manual refresh that was not measured ends the failures and not the slot.
        if self.tried == Some(slot) || self.state.retry_of(Some(slot)).tries > 0 {
            return Step::Call(Cause::Retry, Some(slot));
        }
        let lateness = up.lateness(slot);
        if lateness <= on_time(self.window.interval()) {
            return Step::Call(Cause::Schedule, Some(slot));
        }
        // What was never refreshed, or is owed because of an edit, is never too late.
        let is_baseline = matches!(self.state, AccountState::Baseline { .. });
        let is_exempt = is_baseline || self.is_new || self.edited == Some(slot);
        let is_within_limit = match catch_up {
            _ if is_exempt => true,
            CatchUp::Always => true,
            CatchUp::Never => false,
            CatchUp::Within(seconds) => lateness <= seconds,
        };
        match is_within_limit {
            true => Step::Call(Cause::CatchUp, Some(slot)),
            false => Step::Skip(Cause::CatchUp, slot, "too late for schedule.catch_up"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::account_state::RetryState;

    const HOUR: i64 = 3600;
    const WEEK: i64 = 168 * HOUR;
    const SLOT: Time = Time(10 * WEEK);

    fn settled_before() -> AccountState {
        AccountState::Settled { settled: SLOT.plus(-WEEK), next: SLOT }
    }

    fn due(state: AccountState) -> Due {
        Due {
            state,
            window: SlotWindow { slot: SLOT, next: SLOT.plus(WEEK), after: SLOT.plus(2 * WEEK) },
            is_new: false,
            has_failed: false,
            tried: None,
            active: Time(0),
            edited: None,
        }
    }

    /// Returns the step if the process has been up since this long after the slot.
    fn step(due: &Due, late: i64, catch_up: CatchUp) -> Step {
        due.step(&Up { since: SLOT.plus(late), last_pause: None }, catch_up)
    }

    #[test]
    fn what_is_late_depends_on_catch_up_unless_it_is_new_or_owed_by_an_edit() {
        let called = Step::Call(Cause::CatchUp, Some(SLOT));
        let skipped = Step::Skip(Cause::CatchUp, SLOT, "too late for schedule.catch_up");
        let on_time = Step::Call(Cause::Schedule, Some(SLOT));
        let plain = due(settled_before());
        let is_new = Due { is_new: true, ..plain };
        let edited = Due { edited: Some(SLOT), ..plain };
        let edited_before = Due { edited: Some(SLOT.plus(-1)), ..plain };
        let baseline = AccountState::Baseline { due: SLOT, retry: RetryState::default() };
        let baseline = Due { has_failed: true, ..due(baseline) };
        // Two per cent of a week are 3 h 21 min.
        for (due, late, catch_up, expected) in [
            (plain, 3 * HOUR, CatchUp::Never, on_time),
            (plain, 4 * HOUR, CatchUp::Always, called),
            (plain, 4 * HOUR, CatchUp::Never, skipped),
            (plain, 4 * HOUR, CatchUp::Within(5 * HOUR), called),
            (plain, 5 * HOUR, CatchUp::Within(5 * HOUR), called),
            (plain, 6 * HOUR, CatchUp::Within(5 * HOUR), skipped),
            (is_new, 4 * HOUR, CatchUp::Never, called),
            (edited, 4 * HOUR, CatchUp::Never, called),
            (edited_before, 4 * HOUR, CatchUp::Never, skipped),
            (baseline, 4 * HOUR, CatchUp::Never, called),
        ] {
            assert_eq!(step(&due, late, catch_up), expected, "{due:?} {late} {catch_up:?}");
        }
    }

    #[test]
    fn what_was_tried_is_retried_however_late_and_what_is_settled_is_served() {
        let tried = RetryState { tries: 1, ..RetryState::default() };
        let open = |retry| AccountState::Open { settled: None, slot: SLOT, due: SLOT, retry };
        let settled = AccountState::Settled { settled: SLOT, next: SLOT };
        let baseline = AccountState::Baseline { due: SLOT, retry: tried };
        let failed = Due { has_failed: true, active: SLOT, ..due(baseline) };
        for (due, expected) in [
            (due(open(tried)), Step::Call(Cause::Retry, Some(SLOT))),
            (
                Due { tried: Some(SLOT), ..due(settled_before()) },
                Step::Call(Cause::Retry, Some(SLOT)),
            ),
            (due(settled), Step::Served),
            (due(AccountState::unwatched()), Step::Served),
            (due(baseline), Step::Call(Cause::First, None)),
            (failed, Step::Call(Cause::Retry, None)),
            // A slot that has come since takes the baseline's place.
            (Due { active: SLOT.plus(-1), ..failed }, Step::Call(Cause::CatchUp, Some(SLOT))),
        ] {
            assert_eq!(step(&due, 4 * HOUR, CatchUp::Never), expected, "{due:?}");
        }
    }
}
