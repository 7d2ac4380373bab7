//! The rules for every claim, every skipped slot, and every slot that waits.

use growthd::config::CatchUp;

use super::ledger::{ADD, CATCH_UP, FIRST, Line, MANUAL, RETRY, SCHEDULE};
use super::oracle::Oracle;
use super::owed::{Failure, Owed};
use super::plan::HOUR;
use super::promise::{Promise, Violation, ensure};
use super::time::{At, NEVER};
use super::vendor::Nature;

/// How long an account may wait in addition to the pace, in seconds.
const PATIENCE: i64 = 60;

impl Oracle {
    /// Checks a new claim.
    pub(super) fn claimed(
        &mut self,
        line: &Line,
        name: Option<&str>,
        at: At,
    ) -> Result<(), Violation> {
        self.check_global_limits(name.unwrap_or("a lookup"), at)?;
        self.claims.push(at.world());
        if !line.is_scheduled() {
            self.manual_claims.push(at.world());
        }
        let Some(id) = name else {
            let is_requested = line.cause == ADD && self.requests.take_lookup();
            return ensure(is_requested, Promise::NothingUnneeded, || {
                format!("a lookup that was not requested: {line:?}")
            });
        };
        let Some(owed) = self.owed.get_mut(id) else {
            let what = format!("{id} was never in the watchlist: {line:?}");
            return Err(Violation::new(Promise::NothingUnneeded, what));
        };
        ensure(owed.in_flight.is_none(), Promise::OncePerSlot, || {
            format!("{id} is called twice at once")
        })?;
        owed.in_flight = Some(line.id);
        let is_requested = self.requests.take(id);
        if line.cause == MANUAL {
            return ensure(is_requested, Promise::NothingUnneeded, || {
                format!("the refresh of {id} was not requested")
            });
        }
        let now = at.wall();
        let objection = owed.objection(line.slot, &self.config, &self.trouble, now);
        if let Some((promise, why)) = objection {
            let what = format!("{id} is called for {:?}: {why}: {owed:?}", line.slot);
            return Err(Violation::new(promise, what));
        }
        self.check_attempts(id, line, at)?;
        self.check_cause(id, line)?;
        let owed = self.owed.get_mut(id).expect("known");
        owed.record_line(line);
        let Some(slot) = line.slot else { return Ok(()) };
        let missing = owed.slot_without_line(slot);
        ensure(missing.is_none(), Promise::Skipped, || {
            format!("{id} is called for {slot}, but {missing:?} before it has no line: {owed:?}")
        })
    }

    /// Checks the limits for all accounts: budget, pace, throttling and probes.
    fn check_global_limits(&mut self, id: &str, at: At) -> Result<(), Violation> {
        if let Some(budget) = &self.config.budget {
            let (spent, manual) = self.spent(at);
            let most = budget.manual.unwrap_or(budget.refreshes).min(budget.refreshes);
            ensure(spent <= budget.refreshes && manual <= most, Promise::Budget, || {
                format!("{spent} spent, {manual} of them manually: {budget:?}")
            })?;
        }
        let in_flight = self.pending.len();
        ensure(in_flight < self.config.max_in_flight, Promise::Pace, || {
            format!("{id} is called while {in_flight} calls are in flight")
        })?;
        if self.config.requests_per_minute > 0
            && let Some(last) = self.last_claim
        {
            let step = 60_000 / i64::from(self.config.requests_per_minute);
            ensure(at.world_ms - last >= step, Promise::Pace, || {
                format!("{} ms after the last call", at.world_ms - last)
            })?;
        }
        self.last_claim = Some(at.world_ms);
        ensure(at.world_ms >= self.throttled - 1000, Promise::Throttling, || {
            format!("{id} is called during a pause until {}", self.throttled)
        })?;
        if let Some(set) = self.unconfirmed {
            let count = self.pending.values().filter(|pending| pending.claimed >= set).count();
            ensure(count == 0, Promise::ClockConfirmed, || {
                format!("{id} is called beside {count} others although the clock was just set")
            })?;
        }
        let opened_after = self.trouble.certain_after().unwrap_or(i64::MAX);
        let probes = self.pending.range(opened_after.saturating_add(1)..).count();
        self.trouble.claimed(at.world(), probes)
    }

    /// Checks the delay since the last attempt.
    fn check_attempts(&self, id: &str, line: &Line, at: At) -> Result<(), Violation> {
        let owed = &self.owed[id];
        let is_another = owed.tried == Some(line.slot) && !owed.may_repeat && !owed.is_edited;
        let Some(last) = owed.failures.last().filter(|_| is_another) else { return Ok(()) };
        if self.trouble.was_possibly_shared(last.run) || !last.is_own {
            return Ok(());
        }
        let retry = &self.config.retry;
        let is_refusal = |failure: &&Failure| {
            failure.kind.nature() == Nature::Refused
                && !self.trouble.was_possibly_shared(failure.run)
        };
        let refusals = owed.failures.iter().filter(is_refusal).count();
        let least = match last.kind.nature() {
            Nature::Refused => HOUR * [1, 6, 24][refusals.clamp(1, 3) - 1] * 9 / 10,
            _ => {
                let requested = last.kind.obeyed(retry.max_delay).unwrap_or(0);
                requested.max(retry.first_delay.min(retry.max_delay) / 2)
            }
        };
        let passed = at.world() - last.at;
        ensure(passed >= least - 1, Promise::BackOff, || {
            format!("{id} is called again after {passed} s, not {least}: {owed:?}")
        })
    }

    /// Checks the cause of a call.
    fn check_cause(&self, id: &str, line: &Line) -> Result<(), Violation> {
        let owed = &self.owed[id];
        let is_known = !owed.may_repeat && !owed.is_edited && owed.tried != Some(line.slot);
        let Some(slot) = line.slot.filter(|slot| is_known && !owed.is_kept_open(*slot)) else {
            let is_first = matches!(line.cause, FIRST | RETRY) || line.slot.is_some();
            return ensure(is_first, Promise::Lateness, || format!("{id}: {line:?}"));
        };
        let on_time = owed.on_time(slot);
        let (certain, possible) =
            (self.up.awake - slot, self.up.free.max(self.blocked_until) - slot);
        let is_right = match line.cause {
            SCHEDULE => certain <= on_time,
            CATCH_UP => {
                let is_exempt = !owed.was_ever_ok || owed.is_owed_by_edit();
                let is_worth_it = match self.config.catch_up {
                    _ if is_exempt => true,
                    CatchUp::Always => true,
                    CatchUp::Never => false,
                    CatchUp::Within(seconds) => certain <= seconds,
                };
                possible > on_time && is_worth_it
            }
            _ => true,
        };
        ensure(is_right, Promise::Lateness, || {
            format!(
                "{id} late by {certain} to {possible} s, {on_time} are on time: {line:?} {owed:?}"
            )
        })
    }

    /// Checks a skipped slot.
    pub(super) fn skipped(&mut self, line: &Line, id: &str, at: At) -> Result<(), Violation> {
        let now = at.wall();
        let up = self.up.clone();
        let held = self.blocked_until;
        let why = line.error.clone().unwrap_or_default();
        let slot = line.slot.unwrap_or(i64::MAX);
        let is_found = self.found.contains_key(id);
        let owed = self.owed.get_mut(id).expect("known");
        let word = why.split([' ', ':', ',']).next().unwrap_or_default();
        let is_right = match word {
            "superseded" => is_superseded(owed, slot, up.awake, now),
            "fresh" => slot <= now && owed.is_fresh(slot, now),
            "too" => {
                let free = up.free.max(held.min(now));
                let up = super::owed::Up { free, ..up };
                // What was never refreshed is due at once.
                let is_new = !owed.was_answered && !owed.was_away && !is_found;
                (!is_new && owed.may_be_too_late(slot, &self.config, &up)) || owed.may_repeat
            }
            "removed" | "disabled" => !owed.is_active,
            _ => false,
        };
        ensure(is_right && line.spent == 0, Promise::Skipped, || {
            format!("{line:?} up {up:?} held {held} {owed:?}")
        })?;
        owed.record_line(line);
        let missing = owed.slot_without_line(slot);
        ensure(missing.is_none(), Promise::Skipped, || {
            format!("{slot} of {id} is skipped, but {missing:?} before it has no line: {owed:?}")
        })
    }

    /// Checks that no account waits without a reason.
    pub fn check_waiting(&self, at: At) -> Result<(), Violation> {
        let now = at.world();
        let mut excuse = self.excuse.max(self.budget_excuse).max(self.throttled / 1000 + 1);
        excuse = excuse.max(self.trouble.probe_by().unwrap_or(NEVER));
        let one_at_a_time = self.trouble.is_possibly_shared() || self.unconfirmed.is_some();
        let is_full = self.pending.len() >= self.config.max_in_flight
            || (one_at_a_time && !self.pending.is_empty());
        let step = match self.config.requests_per_minute {
            0 => 0,
            pace => 60 / i64::from(pace) + 1,
        };
        if now <= excuse + PATIENCE + step {
            return Ok(());
        }
        let is_idle = !is_full && now > self.last_activity + PATIENCE + step;
        let rounds = 3 * self.owed.len() + 20;
        for (id, owed) in &self.owed {
            let Some(debt) = self.debt(id, at) else { continue };
            let since = now - (at.wall() - debt.since);
            let since = since.max(owed.excuse).max(excuse);
            let count =
                |claims: &[i64]| claims.len() - claims.partition_point(|claim| *claim <= since);
            let (passed_over, manual) = (count(&self.claims), count(&self.manual_claims));
            // People and due accounts take turns.
            let most = passed_over.saturating_sub(manual) + self.config.max_in_flight + 2;
            ensure(manual <= most, Promise::PeopleWait, || {
                format!("{id} waits for {debt:?} since {since}, after {manual} manual calls")
            })?;
            let is_late = now > since + PATIENCE + step && (is_idle || passed_over > rounds);
            let promise = match () {
                () if debt.is_edit => Promise::EditKept,
                () if owed.in_shared_run => Promise::SlotKept,
                () if self.last_failure > since - HOUR => Promise::OwnTrouble,
                () => Promise::Served,
            };
            ensure(!is_late, promise, || {
                format!(
                    "{id} waits for {debt:?} without a reason since {since}, after {passed_over} other calls: {owed:?}"
                )
            })?;
        }
        Ok(())
    }
}

/// Returns whether a slot was open while the process was up, and was then replaced by the next.
fn is_superseded(owed: &Owed, slot: i64, awake: i64, now: i64) -> bool {
    let calendar = &owed.entry.calendar;
    let is_over = calendar.at_or_before(now) > slot || owed.is_edited;
    let was_tried = owed.tried == Some(Some(slot))
        || owed.lines.contains_key(&slot)
        || (owed.was_contradicted && owed.may_repeat);
    let was_seen = calendar.after(slot) > awake || was_tried || owed.is_edited;
    let is_open = owed.lines.get(&slot) != Some(&super::ledger::OK);
    is_over && was_seen && is_open
}
