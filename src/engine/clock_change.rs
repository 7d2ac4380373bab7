//! What the clocks did between two turns.

use crate::clock::{Moment, Now, Time};
use crate::engine::EngineConfig;
use crate::engine::account_state::AccountState;
use crate::engine::progress::Progress;
use crate::engine::settling::{Settling, change_before_trouble, set_state};
use crate::store::StoreError;

/// How far the wall clock may move against the machine's own before it counts as set, in
/// milliseconds.
const SET: i64 = 3_600_000;

/// The longest distance to a next try that any back-off sets, in seconds, whatever the
/// configuration says: the last wait of an account that was refused.
const LONGEST_DELAY: i64 = 24 * 3600;

/// No back-off that was set under the present clock is after this.
pub(super) fn horizon(config: &EngineConfig, now: Time) -> Time {
    now.plus(config.retry.max_delay.max(LONGEST_DELAY))
}

/// What the clocks did between two turns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ClockChange {
    /// Whether the wall clock is behind what it was.
    pub(super) stepped_back: bool,
    /// By how many seconds it moved against the machine's own clock, if that is so much that
    /// somebody must have set it.
    pub(super) set_by: Option<i64>,
    /// What the wall clock would say now, had nobody set it.
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
            set_by: (moved.saturating_abs() > SET).then_some(moved / 1000),
            unset: Now(now.wall.0.saturating_sub(moved)),
        }
    }

    pub(super) fn apply(self, progress: &mut Progress, now: Now) {
        let time = now.time();
        // No later than now: else every slot up to a clock that was ahead would count as late, and
        // with `catch_up = "never"` be passed over.
        progress.up = progress.up.min(Some(time));
        progress.alive = progress.alive.min(Some(time));
        if self.stepped_back {
            // Else the next would always be a step after now, until the old time is reached.
            progress.last_claim = progress.last_claim.map(|last| last.min(now));
        }
        if self.set_by.is_some() {
            progress.up = Some(time);
            progress.alive = Some(time);
            progress.clock_doubted_since = Some(now);
            progress.wants_half_open = true;
        }
    }
}

impl Settling<'_, '_> {
    /// Brings accounts back that a clock left in its future, and forgets a pause that was over by
    /// that clock, or is longer than any. Answers how many accounts.
    ///
    /// The latest slot is owed then, unless the ledger or a snapshot shows at its claim that it
    /// was served.
    pub(super) fn step_back(&mut self, change: ClockChange) -> Result<usize, StoreError> {
        let longest = self.now.plus(self.config.retry.max_delay.max(1));
        let is_over = |until: Time| until > longest || until <= change.unset.time();
        if self.tx.wait()?.is_some_and(|wait| is_over(wait.until)) {
            self.tx.set_wait(None)?;
        }
        let horizon = horizon(self.config, self.now);
        let mut count = 0;
        // What an open breaker would restore may be another clock's too.
        for before in self.tx.troubled()? {
            let Some(account) = self.tx.account(before.account)? else { continue };
            let window = account.window(self.schedules, self.now)?;
            change_before_trouble(self.tx, account.key, |state| {
                state.step_back(window, account.active, self.now, horizon).unwrap_or(state)
            })?;
        }
        for mut account in self.tx.ahead_of(self.now, horizon)? {
            let window = account.window(self.schedules, self.now)?;
            let state = AccountState::try_from(account.state)?;
            if let Some(state) = state.step_back(window, account.active, self.now, horizon) {
                set_state(&mut account, state, window);
                self.tx.save(&account)?;
                count += 1;
            }
        }
        Ok(count)
    }
}
