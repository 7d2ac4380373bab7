//! What a running engine knows beside its store.

use crate::clock::{Moment, Now, Time};
use crate::store::AccountKey;

/// How long nothing is passed over under a clock that was set or contradicted, and that no answer
/// has confirmed, in milliseconds: longer than any distance between two probes.
const DOUBT: i64 = 7 * 3_600_000;

/// How often accounts whose turn has not come are looked through for replaced slots, in
/// milliseconds.
const SWEEP: i64 = 600_000;

/// What only this process knows, and a failed commit must not change.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// Since when calls are possible: the last start, resume, or end of what held them up.
    pub(super) up: Option<Time>,
    /// Since when the process runs without a break.
    pub(super) alive: Option<Time>,
    /// Whether a first turn was committed.
    pub(super) is_started: bool,
    /// Whether an open breaker may be probed before the time: after a start, a reload, or a clock
    /// that was set.
    pub(super) wants_half_open: bool,
    /// Since when the clock is in doubt, because it was set, or last contradicted.
    pub(super) clock_doubted_since: Option<Now>,
    pub(super) last_turn: Option<Moment>,
    pub(super) last_claim: Option<Now>,
    /// Whether the last claim was for what a person asked for.
    pub(super) was_request: bool,
    /// Whether it was said that the budget is spent.
    pub(super) said_spent: bool,
    /// When replaced slots were last looked for, and how far.
    pub(super) swept: Option<Now>,
    pub(super) sweeping_after: Option<AccountKey>,
    /// Before when no slot is replaced unless a call or an edit changes what is due; `None`: not
    /// known.
    pub(super) next_replacement: Option<Time>,
}

impl Progress {
    pub(super) fn new() -> Progress {
        Progress { wants_half_open: true, ..Progress::default() }
    }

    pub(super) fn is_clock_doubted(&self) -> bool {
        self.clock_doubted_since.is_some()
    }

    /// Whether what the clock says would be passed over is left for one that is confirmed. Not for
    /// ever: where nothing is called, nothing confirms it.
    pub(super) fn may_not_skip(&self, now: Now) -> bool {
        let is_young = |since: Now| now.0.abs_diff(since.0) <= DOUBT.unsigned_abs();
        self.clock_doubted_since.is_some_and(is_young)
    }

    /// When to look for replaced slots again, if something falls due at `due` and is not served.
    pub(super) fn sweep_wake(&self, wake: Option<Now>, due: Option<Time>, now: Now) -> Option<Now> {
        let soonest = match (self.sweeping_after, self.swept) {
            (Some(_), _) => Some(now),
            (None, swept) => swept.map(|swept| {
                let again = Now(swept.0.saturating_add(SWEEP));
                self.next_replacement.map_or(again, |next| again.max(next.into()))
            }),
        };
        let due = due.filter(|_| !self.may_not_skip(now)).map(Now::from);
        let sweep = soonest.zip(due).map(|(soonest, due)| soonest.max(due));
        wake.into_iter().chain(sweep).min()
    }

    pub(super) fn is_sweep_due(&self, now: Now) -> bool {
        let is_long_ago = |then: Now| now.0.abs_diff(then.0) >= SWEEP.unsigned_abs();
        let may_find = self.next_replacement.is_none_or(|next| next <= now.time());
        let is_due = may_find && self.swept.is_none_or(is_long_ago);
        !self.may_not_skip(now) && (self.sweeping_after.is_some() || is_due)
    }
}
