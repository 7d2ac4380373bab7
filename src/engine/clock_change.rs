//! Changes of the clock between two turns.

use crate::clock::{Moment, Now, Time};
use crate::engine::EngineConfig;
use crate::engine::account_state::{AccountState, StepBack};
use crate::engine::breaker::Breaker;
use crate::engine::fresh::is_fresh;
use crate::engine::own_trouble::LONGEST_SLOW_DELAY;
use crate::engine::progress::Progress;
use crate::engine::saved_state::{change_before_trouble, set_state};
use crate::engine::settling::Settling;
use crate::schedule::ScheduleCache;
use crate::store::{Account, ReadTx, StoreError};

/// How far the wall clock must move relative to the machine's monotonic clock to count as set, in
/// milliseconds.
const SET_THRESHOLD: i64 = 3_600_000;

/// Returns the latest time that a back-off set under the present clock can have.
pub(super) fn horizon(config: &EngineConfig, now: Time) -> Time {
    now.plus(config.retry.max_delay.max(LONGEST_SLOW_DELAY))
}

/// A change of the clock between two turns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ClockChange {
    /// Whether the wall clock went back.
    pub(super) stepped_back: bool,
    /// By how many seconds the wall clock moved relative to the machine's monotonic clock, if that
    /// is enough to count as set.
    pub(super) set_by: Option<i64>,
    /// The wall clock's time now if it had not been set.
    unset: Now,
}

impl ClockChange {
    pub(super) fn between(last: Option<Moment>, now: Moment) -> ClockChange {
        let Some(last) = last else {
            return ClockChange { stepped_back: false, set_by: None, unset: now.wall };
        };
        let wall = now.wall.0.saturating_sub(last.wall.0);
        let machine = now.machine.saturating_sub(last.machine);
        let moved = wall.saturating_sub(machine);
        ClockChange {
            stepped_back: wall < 0,
            set_by: (moved.saturating_abs() > SET_THRESHOLD).then_some(moved / 1000),
            unset: Now(now.wall.0.saturating_sub(moved)),
        }
    }

    pub(super) fn apply(self, progress: &mut Progress, now: Now) {
        progress.clock_changed(self.set_by.is_some(), now.time());
        if self.stepped_back {
            // Otherwise the pace would hold back the next claim until the old time is reached.
            progress.last_claim = progress.last_claim.map(|last| last.min(now));
        }
        if self.set_by.is_some() {
            progress.clock_doubted_since = Some(now);
            progress.wants_half_open = true;
        }
    }
}

impl Settling<'_, '_> {
    /// Corrects accounts whose times lie in the future because the clock was ahead. Also drops a
    /// pause that would be over by that clock, or is longer than any pause may be. Returns the
    /// number of accounts corrected.
    ///
    /// Such an account then owes the latest slot, unless the ledger or a snapshot shows when it is
    /// claimed that the slot was served.
    pub(super) fn step_back(&mut self, change: ClockChange) -> Result<usize, StoreError> {
        let longest = self.now.plus(self.config.retry.max_delay.max(1));
        let is_over = |until: Time| until > longest || until <= change.unset.time();
        if self.tx.wait()?.is_some_and(|wait| is_over(wait.until)) {
            self.tx.set_wait(None)?;
        }
        if let Breaker::Open(open) = &self.breaker {
            let open = open.clone().step_back(self.now);
            self.tx.set_breaker(Some(&(&open).into()))?;
            *self.breaker = Breaker::Open(open);
        }
        let (now, horizon) = (self.now, horizon(self.config, self.now));
        let mut count = 0;
        // The states that an open breaker would restore may also be from another clock.
        for before in self.tx.troubled()? {
            let Some(account) = self.tx.account(before.account)? else { continue };
            let state = AccountState::try_from(before.state)?;
            let step = step_back(self.tx, self.schedules, &account, state, now, horizon)?;
            if let Some(state) = state.step_back(&step) {
                change_before_trouble(self.tx, account.key, |_| state)?;
            }
        }
        for mut account in self.tx.ahead_of(now, horizon)? {
            let state = AccountState::try_from(account.state)?;
            let step = step_back(self.tx, self.schedules, &account, state, now, horizon)?;
            if let Some(state) = state.step_back(&step) {
                set_state(&mut account, state, step.window);
                self.tx.save(&account)?;
                count += 1;
            }
        }
        self.tx.forget_edited_after(now)?;
        Ok(count)
    }
}

/// Returns the circumstances of a clock that went back for an account in `state`.
pub(super) fn step_back(
    tx: &ReadTx<'_>,
    schedules: &mut ScheduleCache,
    account: &Account,
    state: AccountState,
    now: Time,
    horizon: Time,
) -> Result<StepBack, StoreError> {
    let is_served = match state.settled().filter(|settled| *settled > now) {
        Some(settled) => {
            // A later snapshot would have served a later slot.
            let end = account.window(schedules, settled).next.plus(-1);
            tx.is_bought(account.key, settled)?
                || tx.tried_slot(account, schedules)? == Some(settled)
                || is_fresh(tx, schedules, account, settled, end)?
        }
        None => true,
    };
    let window = account.window(schedules, now);
    Ok(StepBack { window, active: account.active, now, horizon, is_served })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn a_clock_that_moves_an_hour_against_the_machines_is_set() {
        let start = Moment { wall: Now(1000 * HOUR), machine: 0 };
        // How far both clocks have moved, whether it stepped back, and by how many seconds it was set.
        for (wall, machine, stepped_back, set_by) in [
            (5, 5, false, None),
            (0, 0, false, None),
            (-1, 5, true, None),
            (HOUR, 0, false, None),
            (HOUR + 1, 0, false, Some(3600)),
            (-HOUR, 0, true, None),
            (-HOUR - 2000, 0, true, Some(-3602)),
            // It was suspended, which is no change of the clock.
            (30 * HOUR, 30 * HOUR, false, None),
            (30 * HOUR, 10 * HOUR, false, Some(72_000)),
        ] {
            let now = Moment { wall: Now(start.wall.0 + wall), machine };
            let unset = Now(start.wall.0 + machine);
            let expected = ClockChange { stepped_back, set_by, unset };
            assert_eq!(ClockChange::between(Some(start), now), expected, "{wall} {machine}");
        }
        let first = ClockChange { stepped_back: false, set_by: None, unset: start.wall };
        assert_eq!(ClockChange::between(None, start), first);
    }
}
