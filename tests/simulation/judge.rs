//! The judgement on each call that is claimed, each slot that is skipped, and each that waits.

use growthd::config::CatchUp;

use super::ledger::{ADD, CATCH_UP, FIRST, Line, MANUAL, RETRY, SCHEDULE};
use super::oracle::Oracle;
use super::owed::{Failure, Owed};
use super::plan::HOUR;
use super::promise::{Broken, Promise, hold};
use super::time::{At, NEVER};
use super::vendor::Nature;

/// How long somebody may wait beyond the pace, in seconds.
const PATIENCE: i64 = 60;

impl Oracle {
    /// A call was claimed.
    pub(super) fn claimed(
        &mut self,
        line: &Line,
        name: Option<&str>,
        at: At,
    ) -> Result<(), Broken> {
        self.check_everybody(name.unwrap_or("somebody looked up"), at)?;
        self.claims.push(at.world());
        if !line.is_scheduled() {
            self.asked.push(at.world());
        }
        let Some(id) = name else {
            let is_asked = line.cause == ADD && self.wishes.grant_lookup();
            return hold(is_asked, Promise::NothingUnneeded, || {
                format!("nobody asked for a look-up: {line:?}")
            });
        };
        let Some(owed) = self.owed.get_mut(id) else {
            let what = format!("{id} was never in the list: {line:?}");
            return Err(Broken::new(Promise::NothingUnneeded, what));
        };
        hold(owed.in_flight.is_none(), Promise::OncePerSlot, || {
            format!("{id} is asked twice at once")
        })?;
        owed.in_flight = Some(line.id);
        if line.cause == MANUAL {
            let is_asked = self.wishes.grant(id);
            return hold(is_asked, Promise::NothingUnneeded, || format!("nobody asked for {id}"));
        }
        let now = at.wall();
        let objection = owed.objection(line.slot, &self.config, &self.trouble, now);
        if let Some((promise, why)) = objection {
            let what = format!("{id} is asked for {:?}: {why}: {owed:?}", line.slot);
            return Err(Broken::new(promise, what));
        }
        self.check_attempts(id, line, at)?;
        self.check_cause(id, line)?;
        let owed = self.owed.get_mut(id).expect("known");
        owed.note(line);
        let Some(slot) = line.slot else { return Ok(()) };
        let missing = owed.slot_without_line(slot);
        hold(missing.is_none(), Promise::Skipped, || {
            format!("{id} is asked for {slot}, and {missing:?} before it has no line: {owed:?}")
        })
    }

    /// What concerns everybody: the budget, the pace, the vendor's "too fast", the trouble.
    fn check_everybody(&mut self, id: &str, at: At) -> Result<(), Broken> {
        if let Some(budget) = &self.config.budget {
            let (spent, manual) = self.spent(at);
            let most = budget.manual.unwrap_or(budget.refreshes).min(budget.refreshes);
            hold(spent <= budget.refreshes && manual <= most, Promise::Budget, || {
                format!("{spent} spent, {manual} of them for people: {budget:?}")
            })?;
        }
        let in_flight = self.pending.len();
        hold(in_flight < self.config.max_in_flight, Promise::Pace, || {
            format!("{id} is asked beside {in_flight} others")
        })?;
        if self.config.requests_per_minute > 0
            && let Some(last) = self.last_claim
        {
            let step = 60_000 / i64::from(self.config.requests_per_minute);
            hold(at.world_ms - last >= step, Promise::Pace, || {
                format!("{} ms after the last call", at.world_ms - last)
            })?;
        }
        self.last_claim = Some(at.world_ms);
        hold(at.world_ms >= self.throttled - 1000, Promise::Throttling, || {
            format!("{id} is asked while everybody waits until {}", self.throttled)
        })?;
        let since = |moment: Option<i64>| {
            let moment = moment.unwrap_or(i64::MAX);
            self.pending.values().filter(|pending| pending.left >= moment).count()
        };
        if self.unconfirmed.is_some() {
            let count = since(self.unconfirmed);
            hold(count == 0, Promise::ClockConfirmed, || {
                format!("{id} is asked beside {count} others under a clock that was just set")
            })?;
        }
        let on_their_way = since(self.trouble.sure_since());
        self.trouble.claimed(at.world(), on_their_way)
    }

    /// Attempts and the time between them.
    fn check_attempts(&self, id: &str, line: &Line, at: At) -> Result<(), Broken> {
        let owed = &self.owed[id];
        let is_another = owed.tried == Some(line.slot) && !owed.amnesty && !owed.is_edited;
        let Some(last) = owed.failures.last().filter(|_| is_another) else { return Ok(()) };
        if self.trouble.was_perhaps_shared(last.run) || !last.is_own {
            return Ok(());
        }
        let retry = &self.config.retry;
        let is_refusal = |failure: &&Failure| {
            failure.kind.nature() == Nature::Refused
                && !self.trouble.was_perhaps_shared(failure.run)
        };
        let refusals = owed.failures.iter().filter(is_refusal).count();
        let least = match last.kind.nature() {
            Nature::Refused => HOUR * [1, 6, 24][refusals.clamp(1, 3) - 1] * 9 / 10,
            _ => {
                let asked = last.kind.wait().unwrap_or(0).min(retry.max_delay);
                asked.max(retry.first_delay.min(retry.max_delay) / 2)
            }
        };
        let passed = at.world() - last.at;
        hold(passed >= least - 1, Promise::BackOff, || {
            format!("{id} is asked again after {passed} s, not {least}: {owed:?}")
        })
    }

    /// What a call is called.
    fn check_cause(&self, id: &str, line: &Line) -> Result<(), Broken> {
        let owed = &self.owed[id];
        let is_known = !owed.amnesty && !owed.is_edited && owed.tried != Some(line.slot);
        let Some(slot) = line.slot.filter(|_| is_known) else {
            let is_first = matches!(line.cause, FIRST | RETRY) || line.slot.is_some();
            return hold(is_first, Promise::Lateness, || format!("{id}: {line:?}"));
        };
        let on_time = owed.on_time(slot);
        let (surely, perhaps) = (self.up.awake - slot, self.up.free.max(self.held) - slot);
        let is_right = match line.cause {
            SCHEDULE => surely <= on_time,
            CATCH_UP => {
                let is_worth_it = match self.config.catch_up {
                    CatchUp::Always => true,
                    CatchUp::Never => false,
                    CatchUp::Within(seconds) => surely <= seconds,
                };
                perhaps > on_time && is_worth_it
            }
            _ => true,
        };
        hold(is_right, Promise::Lateness, || {
            format!(
                "{id} late by {surely} to {perhaps} s, {on_time} are on time: {line:?} {owed:?}"
            )
        })
    }

    /// A slot was passed over.
    pub(super) fn skipped(&mut self, line: &Line, id: &str, at: At) -> Result<(), Broken> {
        let now = at.wall();
        let up = self.up.clone();
        let held = self.held;
        let why = line.error.clone().unwrap_or_default();
        let slot = line.slot.unwrap_or(i64::MAX);
        let owed = self.owed.get_mut(id).expect("known");
        let word = why.split([' ', ':', ',']).next().unwrap_or_default();
        let is_right = match word {
            "superseded" => is_superseded(owed, slot, up.awake, now),
            "fresh" => slot <= now && owed.is_fresh(slot, now),
            "too" => {
                let free = up.free.max(held.min(now));
                let up = super::owed::Up { free, ..up };
                owed.may_be_too_late(slot, &self.config, &up) || owed.amnesty
            }
            "removed" | "disabled" => !owed.is_active,
            _ => false,
        };
        hold(is_right && line.spent == 0, Promise::Skipped, || {
            format!("{line:?} up {up:?} held {held} {owed:?}")
        })?;
        owed.note(line);
        let missing = owed.slot_without_line(slot);
        hold(missing.is_none(), Promise::Skipped, || {
            format!("{slot} of {id} is skipped, and {missing:?} before it has no line: {owed:?}")
        })
    }

    /// Nobody waits without a reason.
    pub fn check_waiting(&self, at: At) -> Result<(), Broken> {
        let now = at.world();
        let mut excuse = self.excuse.max(self.budget_excuse).max(self.throttled / 1000 + 1);
        excuse = excuse.max(self.trouble.probe_by().unwrap_or(NEVER));
        let one_at_a_time = self.trouble.is_perhaps_shared() || self.unconfirmed.is_some();
        let is_full = self.pending.len() >= self.config.max_in_flight
            || (one_at_a_time && !self.pending.is_empty());
        let step = match self.config.requests_per_minute {
            0 => 0,
            pace => 60 / i64::from(pace) + 1,
        };
        if now <= excuse + PATIENCE + step {
            return Ok(());
        }
        let is_idle = !is_full && now > self.active + PATIENCE + step;
        let rounds = 3 * self.owed.len() + 20;
        for (id, owed) in &self.owed {
            let Some(debt) = self.must(id, at) else { continue };
            let since = now - (at.wall() - debt.since);
            let since = since.max(owed.excuse).max(excuse);
            let count =
                |claims: &[i64]| claims.len() - claims.partition_point(|claim| *claim <= since);
            let (passed_over, asked) = (count(&self.claims), count(&self.asked));
            hold(asked <= self.config.max_in_flight + 2, Promise::PeopleWait, || {
                format!("{id} waits for {debt:?} since {since}, and {asked} wishes went first")
            })?;
            let is_late = now > since + PATIENCE + step && (is_idle || passed_over > rounds);
            let promise = match () {
                () if debt.is_edit => Promise::EditKept,
                () if owed.took_part => Promise::SlotKept,
                () if self.in_trouble > since - HOUR => Promise::OwnTrouble,
                () => Promise::Served,
            };
            hold(!is_late, promise, || {
                format!(
                    "{id} waits for {debt:?} without a reason since {since}, {passed_over} others were asked: {owed:?}"
                )
            })?;
        }
        Ok(())
    }
}

/// Whether a slot was open while the process was up, and another has come.
fn is_superseded(owed: &Owed, slot: i64, awake: i64, now: i64) -> bool {
    let calendar = &owed.entry.calendar;
    let is_over = calendar.at_or_before(now) > slot || owed.is_edited;
    let was_tried = owed.tried == Some(Some(slot)) || owed.lines.contains_key(&slot);
    let was_seen = calendar.after(slot) > awake || was_tried || owed.is_edited;
    let is_open = owed.lines.get(&slot) != Some(&super::ledger::OK);
    is_over && was_seen && is_open
}
