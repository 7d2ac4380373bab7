//! The engine's knowledge that is not in its store.

use crate::clock::{Moment, Now, Time};
use crate::store::AccountKey;

/// For how long no slot is skipped after the clock was set or contradicted, unless a response
/// confirms it, in milliseconds. Longer than any distance between two probes.
const MAX_DOUBT: i64 = 7 * 3_600_000;

/// How often waiting accounts are searched for replaced slots at most, in milliseconds. They are
/// only searched once a slot may have been replaced.
const SWEEP_INTERVAL: i64 = 15_000;

/// How long calls wait for the watchlist after the file was replaced, in milliseconds. Without one by
/// then, the file's own is used.
const LIST_PATIENCE: i64 = 60_000;

/// Knowledge of this process only, which a failed commit must not change.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// Since when the process has been able to serve slots: since the last start or resume, or since
    /// the clock was set.
    pub(super) up: Option<Time>,
    /// Since when the process has been running without interruption.
    pub(super) alive: Option<Alive>,
    /// Whether the first turn was committed.
    pub(super) is_started: bool,
    /// When the file was replaced by one whose watchlist may be out of date; `None` once the list was
    /// amended.
    pub(super) replaced: Option<Now>,
    /// Whether an open breaker may be probed early: after a start, a reload, or a change of the
    /// clock.
    pub(super) wants_half_open: bool,
    /// Since when the clock is in doubt, because it was set or a response contradicted it.
    pub(super) clock_doubted_since: Option<Now>,
    pub(super) last_turn: Option<Moment>,
    pub(super) last_claim: Option<Now>,
    /// Whether the last claim was for a request.
    pub(super) was_request: bool,
    /// How many lookups in a row ended in trouble, since the last ok of any call and the last request
    /// for a lookup.
    pub(super) troubled_lookups: usize,
    /// Whether the spent budget was reported.
    pub(super) reported_spent: bool,
    /// When the last search for replaced slots was completed, and where the current one continues.
    pub(super) swept: Option<Now>,
    pub(super) sweeping_after: Option<AccountKey>,
    /// No slot is replaced before this time unless a call or an edit changes what is due; `None` if
    /// that is not known.
    pub(super) next_replacement: Option<Time>,
}

/// Since when the process has been running without interruption. Both times are of the present clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Alive {
    /// Since the last start or resume, or since the clock was set.
    pub(super) since: Time,
    /// Since the last start or resume, however the clock was set meanwhile.
    pub(super) started: Time,
}

impl Alive {
    pub(super) fn new(now: Time) -> Alive {
        Alive { since: now, started: now }
    }

    /// Not after now: otherwise every slot up to the time of a clock that was ahead would count as
    /// late, or as replaced before.
    fn not_after(self, now: Time) -> Alive {
        Alive { since: self.since.min(now), started: self.started.min(now) }
    }
}

impl Progress {
    pub(super) fn new() -> Progress {
        Progress { wants_half_open: true, ..Progress::default() }
    }

    /// Returns until when to wait for the watchlist of a replaced file.
    pub(super) fn awaits_list_until(&self, now: Now) -> Option<Now> {
        let replaced = self.replaced?;
        let is_recent = now.0.abs_diff(replaced.0) < LIST_PATIENCE.unsigned_abs();
        is_recent.then(|| Now(replaced.0.saturating_add(LIST_PATIENCE)))
    }

    /// Corrects since when the process has been up, for a change of the clock.
    pub(super) fn clock_changed(&mut self, is_set: bool, now: Time) {
        self.up = self.up.min(Some(now));
        self.alive = self.alive.map(|alive| alive.not_after(now));
        if is_set {
            self.up = Some(now);
            self.alive = self.alive.map(|alive| Alive { since: now, ..alive });
        }
    }

    /// Returns since when the process has been running, which is since `now` before its first turn.
    pub(super) fn alive_at(&self, now: Time) -> Alive {
        self.alive.unwrap_or(Alive::new(now))
    }

    pub(super) fn is_clock_doubted(&self) -> bool {
        self.clock_doubted_since.is_some()
    }

    /// Returns whether slots must not be skipped yet, because the clock is in doubt. This is
    /// limited in time, since without calls no response can confirm the clock.
    pub(super) fn may_not_skip(&self, now: Now) -> bool {
        let is_recent = |since: Now| now.0.abs_diff(since.0) <= MAX_DOUBT.unsigned_abs();
        self.clock_doubted_since.is_some_and(is_recent)
    }

    /// Returns when to search for replaced slots again, if a slot falls due at `due` and is not
    /// served.
    pub(super) fn sweep_wake(&self, wake: Option<Now>, due: Option<Time>, now: Now) -> Option<Now> {
        let soonest = match (self.sweeping_after, self.swept) {
            (Some(_), _) => Some(now),
            (None, swept) => swept.map(|swept| {
                let again = Now(swept.0.saturating_add(SWEEP_INTERVAL));
                self.next_replacement.map_or(again, |next| again.max(next.into()))
            }),
        };
        let due = due.filter(|_| !self.may_not_skip(now)).map(Now::from);
        let sweep = soonest.zip(due).map(|(soonest, due)| soonest.max(due));
        wake.into_iter().chain(sweep).min()
    }

    pub(super) fn is_sweep_due(&self, now: Now) -> bool {
        let is_long_ago = |then: Now| now.0.abs_diff(then.0) >= SWEEP_INTERVAL.unsigned_abs();
        let may_find = self.next_replacement.is_none_or(|next| next <= now.time());
        let is_due = may_find && self.swept.is_none_or(is_long_ago);
        !self.may_not_skip(now) && (self.sweeping_after.is_some() || is_due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_767_225_600_000;
    const MINUTE: i64 = 60_000;

    fn at(milliseconds: i64) -> Now {
        Now(START + milliseconds)
    }

    fn time(milliseconds: i64) -> Time {
        at(milliseconds).time()
    }

    #[test]
    fn a_set_clock_counts_as_a_start_but_not_as_an_interruption() {
        let (since, now) = (time(0), time(10 * MINUTE));
        let up = Progress { up: Some(since), alive: Some(Alive::new(since)), ..Progress::new() };
        for (is_set, now, up_since, alive) in [
            (false, now, since, Alive::new(since)),
            (true, now, now, Alive { since: now, started: since }),
            // It went back behind the start.
            (false, time(-MINUTE), time(-MINUTE), Alive::new(time(-MINUTE))),
            (true, time(-MINUTE), time(-MINUTE), Alive::new(time(-MINUTE))),
        ] {
            let mut changed = up;
            changed.clock_changed(is_set, now);
            assert_eq!((changed.up, changed.alive), (Some(up_since), Some(alive)), "{is_set}");
        }
        let mut new = Progress::new();
        new.clock_changed(false, now);
        assert_eq!((new.up, new.alive), (None, None));
        assert_eq!(new.alive_at(now), Alive::new(now));
    }

    #[test]
    fn a_clock_in_doubt_skips_no_slot_for_seven_hours() {
        let doubted = Progress { clock_doubted_since: Some(at(0)), ..Progress::new() };
        assert!(doubted.is_clock_doubted() && !Progress::new().is_clock_doubted());
        for (later, expected) in [(0, true), (420 * MINUTE, true), (420 * MINUTE + 1, false)] {
            // Whichever way the clock goes meanwhile.
            for now in [at(later), at(-later)] {
                assert_eq!(doubted.may_not_skip(now), expected, "{later}");
            }
        }
        assert!(!Progress::new().may_not_skip(at(0)));
    }

    #[test]
    fn a_replaced_files_list_is_awaited_for_a_minute() {
        let replaced = Progress { replaced: Some(at(0)), ..Progress::new() };
        for (later, expected) in [(0, true), (MINUTE - 1, true), (MINUTE, false)] {
            let until = expected.then_some(at(MINUTE));
            assert_eq!(replaced.awaits_list_until(at(later)), until, "{later}");
        }
        assert_eq!(Progress::new().awaits_list_until(at(0)), None);
    }

    #[test]
    fn replaced_slots_are_searched_for_every_quarter_of_a_minute_once_one_may_be() {
        let swept = Progress { swept: Some(at(0)), ..Progress::new() };
        let due = |progress: Progress, later: i64| progress.is_sweep_due(at(later));
        assert!(due(Progress::new(), 0), "none was made yet");
        assert!(!due(swept, 14_999) && due(swept, 15_000));
        let waiting = Progress { next_replacement: Some(time(MINUTE)), ..swept };
        assert!(!due(waiting, MINUTE - 1000) && due(waiting, MINUTE));
        // One that is not complete continues immediately.
        let partial = Progress { sweeping_after: Some(AccountKey(7)), ..waiting };
        assert!(due(partial, 1));
        let doubted = Progress { clock_doubted_since: Some(at(0)), ..partial };
        assert!(!due(doubted, 1) && due(doubted, 421 * MINUTE));

        let wake = |progress: Progress| progress.sweep_wake(None, Some(time(0)), at(1));
        assert_eq!(wake(swept), Some(at(15_000)));
        assert_eq!(wake(waiting), Some(at(MINUTE)));
        assert_eq!(wake(partial), Some(at(1)));
        assert_eq!(wake(doubted), None);
        assert_eq!(swept.sweep_wake(Some(at(5)), None, at(1)), Some(at(5)), "nothing is due");
        assert_eq!(swept.sweep_wake(Some(at(5)), Some(time(0)), at(1)), Some(at(5)));
        let later = swept.sweep_wake(Some(at(5 * MINUTE)), Some(time(MINUTE)), at(1));
        assert_eq!(later, Some(at(MINUTE)));
    }
}
