//! What to do about a due account, as a function of what it owes. Pure.

use crate::clock::Time;
use crate::config::CatchUp;
use crate::engine::account_state::{AccountState, owed_slot};
use crate::schedule::{SlotWindow, on_time};
use crate::store::Cause;

/// What to do about a due account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Call, for this slot (`None`: the baseline).
    Call(Cause, Option<Time>),
    /// Pass over this slot.
    Skip(Cause, Time, &'static str),
    /// Nothing is owed any more.
    Served,
}

/// What is known of a due account, before its snapshots are looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    /// What it owes.
    pub state: AccountState,
    /// Its slots around now.
    pub window: SlotWindow,
    /// Whether a call failed since its last ok.
    pub has_failed: bool,
    /// The slot of the last call that failed.
    pub tried: Option<Time>,
    /// Since when it is watched without a break.
    pub active: Time,
}

impl Due {
    /// The step, when calls are possible since `up`.
    pub(super) fn step(&self, up: Time, catch_up: CatchUp) -> Step {
        let slot = match self.state {
            AccountState::Away(_) => return Step::Served,
            AccountState::Baseline { .. } if !self.has_failed => {
                return Step::Call(Cause::First, None);
            }
            AccountState::Baseline { .. } if self.window.slot <= self.active => {
                return Step::Call(Cause::Retry, None);
            }
            // A slot has come since: it takes the place of the baseline.
            AccountState::Baseline { .. } => self.window.slot,
            AccountState::Settled { settled, .. } if self.window.slot <= settled => {
                return Step::Served;
            }
            AccountState::Settled { .. } => self.window.slot,
            AccountState::Open { settled, slot, .. } => owed_slot(settled, slot, self.window),
        };
        if self.tried == Some(slot) {
            return Step::Call(Cause::Retry, Some(slot));
        }
        let lateness = up.since(slot).max(0);
        if lateness <= on_time(self.window.interval()) {
            return Step::Call(Cause::Schedule, Some(slot));
        }
        let is_worth_it = match catch_up {
            CatchUp::Always => true,
            CatchUp::Never => false,
            CatchUp::Within(seconds) => lateness <= seconds,
        };
        match is_worth_it {
            true => Step::Call(Cause::CatchUp, Some(slot)),
            false => Step::Skip(Cause::CatchUp, slot, "too late for schedule.catch_up"),
        }
    }
}
