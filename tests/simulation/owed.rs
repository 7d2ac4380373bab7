//! What an account is owed according to the contract, without the engine's state.
//!
//! Where the contract can be read in two ways, the model requires the smaller set of calls and
//! permits the larger one. Slots and schedules follow the machine's clock, delays the world's.

use std::collections::{BTreeMap, BTreeSet};

use growthd::config::{CatchUp, OnUnknown};
use growthd::engine::EngineConfig;

use super::ledger::{Line, OK, SKIPPED};
use super::plan::{DAY, Entry, HOUR};
use super::promise::Promise;
use super::time::{At, NEVER};
use super::trouble::Trouble;
use super::vendor::{Kind, Nature};

/// A call that is owed to an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Debt {
    /// The slot; `None` for the baseline.
    pub slot: Option<i64>,
    pub since: i64,
    /// Whether it is owed because of an edit.
    pub is_edit: bool,
}

/// A failed call for the open slot.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    pub kind: Kind,
    /// The number of the run of troubles.
    pub run: u64,
    /// The world's time, in seconds.
    pub at: i64,
    /// The time on the machine's clock, in seconds.
    pub wall: i64,
    /// Whether the delay after it is certainly the account's own.
    pub is_own: bool,
    /// The number of paid attempts allowed then. A slot given up stays so when more are allowed.
    allowed: u32,
    /// Whether so many other accounts were failing that the slot need not have been given up.
    is_with_others: bool,
}

/// What is known of whose trouble a failed call is.
#[derive(Clone, Copy, Debug)]
pub struct Blame {
    /// The number of the run of troubles.
    pub run: u64,
    /// Whether the delay after it is certainly the account's own.
    pub is_own: bool,
    /// How many other accounts are failing.
    pub others_failing: usize,
}

/// A throttled call.
#[derive(Clone, Copy, Debug)]
pub struct Throttled {
    /// The number of all oks then.
    pub oks: u64,
    pub line: i64,
    /// The number of the run of troubles.
    pub run: u64,
}

/// Since when calls were possible, by the machine's clock.
#[derive(Clone, Debug)]
pub struct Up {
    /// Since the last start or resume.
    pub awake: i64,
    /// Since nothing blocked it.
    pub free: i64,
}

/// An account according to the contract.
#[derive(Clone, Debug)]
pub struct Owed {
    pub entry: Entry,
    pub is_active: bool,
    active_since: i64,
    /// Slots up to here were never owed under the present schedule.
    pub since: i64,
    /// Slots up to here may have passed unseen by a clock that was set back: they may be owed, but
    /// need not.
    unseen: i64,
    /// The last slot that needs no further call.
    last: Option<i64>,
    /// Slots of earlier schedules that may still be open.
    kept_open: BTreeSet<i64>,
    /// The first and the last time from which they are fresh, by the schedules before each edit.
    kept_fresh: BTreeMap<i64, (i64, i64)>,
    /// The one of them that was certainly open when the schedule changed.
    must_stay_open: Option<i64>,
    /// By when an edit must have caused a call, and from when it may.
    edit: Option<(i64, i64)>,
    /// The entry by which the account was watched when it left.
    left_entry: Option<Entry>,
    /// The latest slot when the account left the list.
    left_latest: Option<i64>,
    /// The slot that may have been open then.
    left_open: Option<i64>,
    /// The same, if it certainly was.
    left_owed: Option<i64>,
    pub was_ever_ok: bool,
    /// Whether it has a snapshot, though perhaps one whose clock contradicts ours.
    pub was_answered: bool,
    /// Whether it left the list and came back.
    pub was_away: bool,
    /// The times of all measurements.
    measured: BTreeSet<i64>,
    /// The time of the newest measurement in the order of refreshes.
    newest: Option<i64>,
    /// The outcome in the ledger for each slot.
    pub lines: BTreeMap<i64, i64>,
    /// The slots that ever had a line.
    lines_seen: BTreeSet<i64>,
    /// The slot of `failures`.
    pub tried: Option<Option<i64>>,
    pub failures: Vec<Failure>,
    /// Whether the last settled call was an ok; `None` if there was none.
    pub last_ok: Option<bool>,
    /// Whether a response since its last ok contradicted the clock. Its line has no slot, so which
    /// slot it was for can be told only as long as the clock stays.
    pub was_contradicted: bool,
    /// Its last call, if that was throttled.
    pub throttled: Option<Throttled>,
    /// The line of the first failed call since its last ok.
    pub first_failure: Option<i64>,
    /// Until when there is a reason for the account to wait, in the world's seconds.
    pub excuse: i64,
    /// Until when the vendor asked to be left alone by it, in seconds on the machine's clock.
    pub asked_until: i64,
    pub in_flight: Option<i64>,
    /// Whether its open slot was tried during shared trouble.
    pub in_shared_run: bool,
    /// Whether settled slots may be served again, because the clock stepped back.
    pub may_repeat: bool,
    /// Up to where the lines of slots were checked.
    checked: i64,
    /// Whether the slot before `checked` may have passed by another clock.
    is_before_unsure: bool,
    /// Whether its back-off may differ from what its failures imply.
    pub is_edited: bool,
}

/// Returns from when on a measurement makes a slot fresh by the entry's schedule.
fn fresh_from(entry: &Entry, slot: i64) -> i64 {
    let interval = entry.calendar.after(slot) - slot;
    slot - entry.calendar.since_previous(slot).min(interval) / 10
}

impl Owed {
    pub fn new(entry: Entry, found: &[i64], at: At) -> Owed {
        Owed {
            is_active: entry.watched.enabled,
            entry,
            active_since: at.wall(),
            since: at.wall(),
            unseen: NEVER,
            last: None,
            kept_open: BTreeSet::new(),
            kept_fresh: BTreeMap::new(),
            must_stay_open: None,
            // A lookup found it under a schedule that is not known here.
            edit: (!found.is_empty()).then_some((i64::MAX, at.wall())),
            left_entry: None,
            left_latest: None,
            left_open: None,
            left_owed: None,
            was_ever_ok: !found.is_empty(),
            was_answered: !found.is_empty(),
            was_away: false,
            measured: found.iter().copied().collect(),
            newest: found.last().copied(),
            lines: BTreeMap::new(),
            lines_seen: BTreeSet::new(),
            tried: None,
            failures: Vec::new(),
            last_ok: None,
            was_contradicted: false,
            throttled: None,
            first_failure: None,
            excuse: at.world(),
            asked_until: NEVER,
            in_flight: None,
            in_shared_run: false,
            may_repeat: false,
            checked: at.wall(),
            is_before_unsure: false,
            is_edited: false,
        }
    }

    /// Returns whether the account may have failed since its last ok. Being throttled is no failure.
    /// One that returned to the list is as it was when it left.
    pub fn may_be_failing(&self) -> bool {
        self.last_ok == Some(false) || (self.was_away && self.first_failure.is_some())
    }

    /// Returns whether the slot is one of an earlier schedule that may still be open.
    pub fn is_kept_open(&self, slot: i64) -> bool {
        self.kept_open.contains(&slot)
    }

    /// Returns whether the slot that the account left open has its line. It may be one that an edit
    /// kept open.
    pub fn has_line_of_left(&self, slot: i64) -> bool {
        let mut slots = self.kept_open.iter().chain([&slot]);
        slots.any(|slot| self.line(*slot) == Some(SKIPPED))
    }

    /// Returns whether an edit may have made a slot due.
    pub fn is_owed_by_edit(&self) -> bool {
        self.edit.is_some()
    }

    fn line(&self, slot: i64) -> Option<i64> {
        self.lines.get(&slot).copied()
    }

    /// Returns whether there is a measurement since shortly before the slot.
    pub fn is_fresh(&self, slot: i64, now: i64) -> bool {
        let (from, _) = self.fresh_from(slot);
        self.measured.range(from..=now.max(from)).next().is_some()
    }

    /// The same, not counting measurements under a clock that was ahead.
    fn is_surely_fresh(&self, slot: i64, now: i64) -> bool {
        let (_, from) = self.fresh_from(slot);
        self.newest.is_some_and(|newest| from < newest && newest <= now)
    }

    /// Returns the times from which a measurement possibly and certainly makes the slot fresh, by
    /// the present schedule and by those under which it was kept open.
    fn fresh_from(&self, slot: i64) -> (i64, i64) {
        let present = fresh_from(&self.entry, slot);
        match self.kept_fresh.get(&slot) {
            Some((first, last)) => (present.min(*first), present.max(*last)),
            None => (present, present),
        }
    }

    /// Returns whether a slot's attempts are certainly (or else possibly) used up.
    pub fn is_used_up(
        &self,
        slot: Option<i64>,
        config: &EngineConfig,
        trouble: &Trouble,
        surely: bool,
    ) -> bool {
        if self.tried != Some(slot) {
            return false;
        }
        let is_own = |failure: &&Failure| match surely {
            true => !trouble.was_possibly_shared(failure.run),
            // An account that was failing before the run is not part of it, nor is a crash.
            false => {
                failure.kind == Kind::Lost
                    || !trouble.was_certainly_shared(failure.run)
                    || !trouble.was_well_before(self.entry.watched.id.as_str())
            }
        };
        let is_unknown = |failure: &Failure| failure.kind.nature() == Nature::Unknown;
        let own: Vec<&Failure> = self.failures.iter().filter(is_own).collect();
        let count =
            |nature: Nature| own.iter().filter(|failure| failure.kind.nature() == nature).count();
        let refused = count(Nature::Refused);
        let may_cost = |nature: Nature| matches!(nature, Nature::Paid | Nature::Unknown);
        let paid = own.iter().filter(|failure| may_cost(failure.kind.nature()));
        let is_spent = paid
            .zip(1..)
            .any(|(failure, paid)| paid >= failure.allowed && !(surely && failure.is_with_others));
        let is_refused = match surely {
            true => {
                let last = own.iter().rev().find(|it| it.kind.nature() == Nature::Refused);
                refused >= 4 && last.is_some_and(|last| !last.is_with_others)
            }
            false => refused >= 1 && own.len() >= 4,
        };
        is_refused
            || is_spent
            || (config.retry.unknown == OnUnknown::Skip && self.failures.iter().any(is_unknown))
    }

    /// Returns up to what lateness a slot is on time, in seconds.
    pub fn on_time(&self, slot: i64) -> i64 {
        HOUR.max((self.entry.calendar.after(slot) - slot) / 50)
    }

    /// Returns whether the slot may be too late for `catch_up`.
    pub fn may_be_too_late(&self, slot: i64, config: &EngineConfig, up: &Up) -> bool {
        let late = up.free - slot;
        late > self.on_time(slot)
            && match config.catch_up {
                CatchUp::Always => false,
                CatchUp::Never => true,
                CatchUp::Within(seconds) => late > seconds,
            }
    }

    /// Returns the call that must be made as of `now`.
    pub fn debt(
        &self,
        config: &EngineConfig,
        trouble: &Trouble,
        up: &Up,
        now: i64,
    ) -> Option<Debt> {
        if !self.is_active || self.in_flight.is_some() {
            return None;
        }
        let calendar = &self.entry.calendar;
        let latest = calendar.at_or_before(now);
        if !self.was_ever_ok && self.may_repeat && latest <= self.checked {
            return None;
        }
        // Back in the list with a snapshot that serves nothing, it may wait for its next slot.
        if !self.was_ever_ok && self.was_answered && self.was_away && latest <= self.since {
            return None;
        }
        if !self.was_ever_ok {
            // After the baseline was given up, the next slot takes its place.
            let given_up = self.tried.filter(|slot| self.is_used_up(*slot, config, trouble, false));
            let given_up =
                given_up.and_then(|slot| slot.or(self.failures.last().map(|end| end.wall)));
            let has_come = latest > self.active_since || self.left_open == Some(latest);
            let is_over = has_come
                && (self.line(latest) == Some(SKIPPED)
                    || (self.may_repeat && self.lines_seen.contains(&latest))
                    || (self.was_answered && self.may_be_too_late(latest, config, up)));
            let debt = match given_up {
                Some(slot) if latest <= slot.max(self.since) => None,
                Some(_) => Some(Debt { slot: Some(latest), since: latest, is_edit: false }),
                // A slot that has come since took its place, and may have been skipped.
                None if latest > self.since => {
                    Some(Debt { slot: None, since: latest, is_edit: false })
                }
                None => Some(Debt { slot: None, since: self.active_since, is_edit: false }),
            };
            return debt.filter(|_| !is_over);
        }
        // The slot, or the next one, which an attempt under a clock that was ahead has settled.
        let may_have_passed =
            |slot: i64| self.lines_seen.range(slot..=calendar.after(slot)).next().is_some();
        let is_settled = |slot: i64| {
            matches!(self.line(slot), Some(OK | SKIPPED))
                || self.is_fresh(slot, now)
                || self.is_used_up(Some(slot), config, trouble, false)
                || (self.tried != Some(Some(slot)) && self.may_be_too_late(slot, config, up))
                || (self.may_repeat && may_have_passed(slot))
                || self.last.is_some_and(|last| slot <= last)
        };
        if latest > self.since.max(self.unseen) {
            let debt = Debt { slot: Some(latest), since: latest, is_edit: false };
            return (!is_settled(latest)).then_some(debt);
        }
        if let Some(kept) = self.must_stay_open.filter(|slot| !is_settled(*slot)) {
            return Some(Debt { slot: Some(kept), since: kept, is_edit: true });
        }
        let (by, _) = self.edit.filter(|(by, _)| *by <= now)?;
        let is_over = config.catch_up != CatchUp::Always
            || self.tried.is_some()
            || self.is_fresh(latest, now)
            || self.line(latest).is_some();
        (!is_over).then_some(Debt { slot: Some(latest), since: by, is_edit: true })
    }

    /// Returns why a call for this slot is not permitted.
    pub fn objection(
        &self,
        slot: Option<i64>,
        config: &EngineConfig,
        trouble: &Trouble,
        now: i64,
    ) -> Option<(Promise, &'static str)> {
        const UNNEEDED: Promise = Promise::NothingUnneeded;
        if !self.is_active {
            return Some((UNNEEDED, "it is not watched"));
        }
        let Some(slot) = slot else {
            return match self.was_ever_ok {
                true => Some((UNNEEDED, "it has its baseline")),
                // Back in the list, it is due again if a slot has come since.
                false
                    if !self.may_repeat
                        && !self.was_away
                        && self.is_used_up(None, config, trouble, true) =>
                {
                    Some((Promise::PaidAttempts, "its baseline was given up"))
                }
                false => None,
            };
        };
        if slot > now {
            return Some((UNNEEDED, "it is in the future"));
        }
        let latest = self.entry.calendar.at_or_before(now);
        let is_kept = self.kept_open.contains(&slot) || self.left_open == Some(slot);
        // A slot of the schedule before an edit is owed again if the clock was set back since.
        let may_recur = self.may_repeat && self.edit.is_some();
        if slot != latest && !is_kept && !may_recur {
            return Some((UNNEEDED, "it is not a slot, or a later one has come"));
        }
        let is_edit = self.edit.is_some_and(|(_, from)| from <= now);
        // An open slot may be named after the new schedule.
        let is_open = !self.kept_open.is_empty() || self.may_repeat || is_edit || !self.was_ever_ok;
        if slot < self.since && !is_kept && !is_open {
            return Some((UNNEEDED, "it was not owed under this schedule"));
        }
        if self.line(slot) == Some(OK) {
            return Some((UNNEEDED, "it was bought"));
        }
        if self.is_surely_fresh(slot, now) && !is_kept && !self.may_repeat {
            return Some((UNNEEDED, "there is a measurement from just before, or since"));
        }
        if self.may_repeat {
            return None;
        }
        if self.line(slot) == Some(SKIPPED) && !is_kept {
            return Some((UNNEEDED, "it was skipped"));
        }
        self.is_used_up(Some(slot), config, trouble, true)
            .then_some((Promise::PaidAttempts, "it was given up"))
    }

    /// Records a new or settled line of the ledger.
    pub fn record_line(&mut self, line: &Line) {
        if let Some(slot) = line.slot {
            // A slot that comes again after the clock was set back stays bought.
            if line.outcome != SKIPPED || self.line(slot) != Some(OK) {
                self.lines.insert(slot, line.outcome);
            }
            self.lines_seen.insert(slot);
            if slot > self.since {
                // The new schedule's next slot has replaced what the edit made due.
                self.edit = self.edit.map(|(_, from)| (i64::MAX, from));
            }
            if matches!(line.outcome, OK | SKIPPED) && self.is_active {
                self.last = self.last.max(Some(slot));
            }
        }
    }

    /// Records a snapshot at `time`.
    pub fn served(&mut self, time: i64, is_measured: bool, at: At) {
        let measured = is_measured.then_some(time);
        self.measured.extend(measured);
        self.newest = measured.or(self.newest);
        if !self.was_ever_ok {
            // Slots that came while the baseline was owed need no lines.
            self.checked = self.checked.max(at.wall());
        }
        self.was_ever_ok = true;
        self.last = self.last.max(Some(self.entry.calendar.at_or_before(at.wall())));
        self.failures.clear();
        self.tried = None;
        // If the response was settled late, slots that have come since are still open.
        self.kept_open.retain(|slot| *slot > time);
        self.must_stay_open = None;
        self.edit = None;
        self.left_open = self.left_open.filter(|slot| *slot > time);
        self.left_owed = None;
        self.last_ok = Some(true);
        self.in_shared_run = false;
        self.excuse = self.excuse.max(at.world());
        self.is_edited = false;
        self.may_repeat &= measured.is_none();
    }

    /// Records a failed call for a slot.
    pub fn failed(
        &mut self,
        slot: Option<i64>,
        kind: Kind,
        blame: Blame,
        config: &EngineConfig,
        at: At,
    ) {
        if self.tried != Some(slot) {
            self.failures.clear();
            self.tried = Some(slot);
        }
        let retry = &config.retry;
        let allowed = retry.max_paid_attempts;
        self.failures.push(Failure {
            kind,
            run: blame.run,
            at: at.world(),
            wall: at.wall(),
            is_own: blame.is_own,
            allowed,
            is_with_others: blame.others_failing >= 2,
        });
        let doubled = retry.first_delay.saturating_mul(1 << self.failures.len().min(30));
        let refused = self.failures.iter().any(|failure| failure.kind.nature() == Nature::Refused);
        let longest = match kind.nature() {
            Nature::Throttled => kind.wait().unwrap_or(60).min(retry.max_delay).max(doubled),
            _ if refused => 25 * HOUR,
            _ => doubled.min(retry.max_delay).max(kind.wait().unwrap_or(0)),
        };
        self.excuse = self.excuse.max(at.world() + longest + longest / 4 + 1);
        self.is_edited = false;
    }

    /// Records the end of a run of shared trouble: the state before it is restored, except for
    /// unknown calls that must not be repeated.
    pub fn restore(&mut self, run: u64, config: &EngineConfig, at: At) {
        let stays = |failure: &Failure| {
            let stays = match (failure.kind, failure.kind.nature()) {
                // They do not count as shared trouble.
                (Kind::Lost, _) | (_, Nature::Throttled) => true,
                (_, Nature::Unknown) => config.retry.unknown == OnUnknown::Skip,
                _ => false,
            };
            failure.run != run || stays
        };
        let count = self.failures.len();
        self.failures.retain(stays);
        self.in_shared_run |= self.failures.len() < count;
        if self.failures.is_empty() {
            self.excuse = at.world();
        }
    }

    /// Returns by when an edit must cause a call, and from when it may, if the wait would be too
    /// long otherwise.
    fn wait_after_edit(&self, old: &Entry, now: i64) -> Option<(i64, i64)> {
        if self.newest.is_some_and(|newest| newest > now) {
            // It was measured under a clock that was ahead, so its age is unknown.
            return Some((i64::MAX, now));
        }
        // Times that a clock set back lets pass again may have been measured before: then the last
        // measurement in time is not the last in the order of refreshes.
        let last = *self.measured.range(..=now).next_back()?;
        let newest = self.newest.unwrap_or(last);
        let (old, new) = (old.calendar.distances(now), self.entry.calendar.distances(now));
        let next = self.entry.calendar.after(now);
        let (shortest, longest) = (old.0.max(new.0), old.1.max(new.1));
        // In between, it depends on which interval of an irregular schedule is meant.
        (next > last.min(newest) + shortest).then(|| {
            let by = if next > last.max(newest) + longest { now } else { i64::MAX };
            (by, now)
        })
    }

    /// Returns the slots that may be open: those since the last measurement without an ok.
    fn open_slots(&self, old: &Entry, now: i64) -> Vec<i64> {
        // A measurement under a clock that was ahead may lie in between.
        let newest = self.newest.filter(|newest| *newest <= now);
        let last = newest.or(self.measured.range(..=now).next_back().copied());
        let last = last.unwrap_or(self.active_since);
        let slots = std::iter::successors(Some(old.calendar.at_or_before(now)), |slot| {
            Some(old.calendar.at_or_before(slot - 1))
        });
        let is_open = |slot: &i64| *slot > last && self.line(*slot) != Some(OK);
        slots.take(60).take_while(is_open).collect()
    }

    /// Records that the slots which may be open may be fresh by an earlier schedule.
    fn keep_fresh(&mut self, old: &Entry) {
        for slot in &self.kept_open {
            let from = fresh_from(old, *slot);
            let kept = self.kept_fresh.entry(*slot).or_insert((from, from));
            *kept = (kept.0.min(from), kept.1.max(from));
        }
    }

    /// Records an edit of the account's entry (`None`: it was removed), where `must` was owed
    /// before. Returns the slot that must get a skipped line.
    pub fn edited(&mut self, entry: Option<&Entry>, must: Option<Debt>, at: At) -> Option<i64> {
        let now = at.wall();
        let will_be_active = entry.is_some_and(|entry| entry.watched.enabled);
        // Away, the account's schedule is the one by which it left.
        let old = match self.is_active {
            true => self.entry.clone(),
            false => self.left_entry.as_ref().unwrap_or(&self.entry).clone(),
        };
        let has_moved = entry.is_some_and(|new| {
            let (new, old) = (&new.watched, &old.watched);
            new.cron != old.cron || new.timezone != old.timezone || new.spread != old.spread
        });
        let latest = self.entry.calendar.at_or_before(now);
        let open = (self.line(latest) != Some(OK)).then_some(latest);
        if let Some(entry) = entry {
            self.entry = entry.clone();
        }
        let mut is_settled = None;
        match (self.is_active, will_be_active) {
            (true, true) if has_moved => {
                self.kept_open.extend(self.open_slots(&old, now));
                // After the clock was set back, the latest one may be open whenever it was settled.
                self.kept_open.extend(open.filter(|_| self.may_repeat));
                self.kept_open.extend(self.tried.flatten());
                self.keep_fresh(&old);
                self.must_stay_open = must.and_then(|debt| debt.slot);
                let latest = self.entry.calendar.at_or_before(now);
                self.last = Some(self.must_stay_open.map_or(latest, |slot| latest.min(slot - 1)));
                self.since = now;
                self.checked = now;
                let before = self.edit;
                let wait = match must {
                    None => self.wait_after_edit(&old, now),
                    Some(_) => None,
                };
                self.edit = match self.in_flight {
                    None if must.is_none() => wait,
                    // The call in flight may measure it, so another call is permitted but not
                    // required.
                    _ => wait.or(before).map(|(_, from)| (i64::MAX, from)),
                };
                self.excuse = self.excuse.max(at.world());
                self.is_edited = true;
            }
            (false, true) => {
                self.was_away = true;
                self.active_since = now;
                self.since = now;
                self.checked = now;
                let latest = self.entry.calendar.at_or_before(now);
                self.must_stay_open = self.left_owed.filter(|slot| *slot == latest && !has_moved);
                self.last = Some(self.must_stay_open.map_or(latest, |slot| slot - 1));
                if let Some(slot) = self.must_stay_open {
                    self.lines.remove(&slot);
                }
                // If no slot passed while it was away, only its schedule was edited.
                let is_within = self.left_latest == Some(old.calendar.at_or_before(now));
                self.edit = match has_moved && is_within && self.was_ever_ok {
                    true => self.wait_after_edit(&old, now),
                    false => None,
                };
                if self.may_repeat || self.in_flight.is_some() || self.left_open.is_some() {
                    self.edit = self.edit.map(|(_, from)| (i64::MAX, from));
                }
                if has_moved {
                    self.keep_fresh(&old);
                }
                // A disabled or removed account is not failing.
                self.throttled = None;
                // The attempts at its baseline ended with the slot in which it left, which is one of
                // the schedule of that time.
                let after = latest.min(old.calendar.at_or_before(now));
                if self.tried == Some(None) && self.left_open.is_some_and(|left| left < after) {
                    self.tried = None;
                    self.failures.clear();
                }
                self.excuse = self.excuse.max(at.world());
                self.is_edited = true;
            }
            (true, false) => {
                // Whether a slot has replaced the baseline shows only at the next call.
                is_settled = must
                    .and_then(|debt| debt.slot)
                    .filter(|slot| *slot == latest && self.was_ever_ok);
                self.left_entry = Some(old);
                self.left_latest = Some(latest);
                self.left_open = open;
                self.left_owed = is_settled;
                self.kept_open.extend(open);
                self.kept_open.extend(self.tried.flatten());
                self.must_stay_open = None;
                self.edit = None;
                if has_moved {
                    self.since = now;
                    self.checked = now;
                    self.is_edited = true;
                }
            }
            _ => {}
        }
        self.is_active = will_be_active;
        is_settled
    }

    /// Records that the clock was set.
    pub fn clock_set(&mut self, is_back: bool, longest_delay: i64, at: At) {
        self.excuse = self.excuse.max(at.world());
        self.checked = at.wall();
        self.is_before_unsure = true;
        self.is_edited = true;
        if is_back {
            self.may_repeat = true;
            self.active_since = self.active_since.min(at.wall());
            // Slots up to an edit made under the clock that was ahead need no line, since the slot
            // that it kept open stands for them.
            self.checked = self.checked.max(self.since);
            // An edit made under the clock that was ahead settles no slot that comes again.
            self.since = self.since.min(at.wall());
            self.unseen = self.unseen.min(at.wall());
            // The delay that the vendor asked for ends by the wall clock, so a step back may prolong
            // it, up to the longest back-off there is.
            let left = (self.asked_until - at.wall()).min(longest_delay.max(2 * DAY));
            if left > 0 {
                self.excuse = self.excuse.max(at.world() + left + 1);
            }
            // A last slot beyond the next one comes from the other clock. It is clamped, and
            // nothing before now need be owed. A smaller step changes nothing.
            let next = self.entry.calendar.after(at.wall());
            if self.last.is_some_and(|last| last > next) {
                self.last = None;
                self.since = at.wall();
            }
            if !self.was_ever_ok {
                self.since = self.since.min(at.wall());
            }
            self.kept_open.extend(self.tried.flatten());
            // Slots skipped under the other clock come again.
            self.lines.retain(|slot, outcome| *slot <= at.wall() || *outcome <= OK);
        }
    }

    /// Records that nothing could be seen until now. If the clock was set back meanwhile, a slot that
    /// has come since may look like the one that was settled before.
    pub fn unseen(&mut self, now: i64) {
        if self.may_repeat {
            self.unseen = now;
        }
    }

    /// Requires no lines for slots up to now.
    pub fn skip_line_checks(&mut self, now: i64) {
        self.checked = self.checked.max(now);
    }

    /// Returns a slot before `slot` that was superseded without a line.
    pub fn slot_without_line(&mut self, slot: i64) -> Option<i64> {
        // The latest slot before, if it was owed, is replaced while the process is up. After another
        // clock or an edit, it may not have been owed.
        let before = self.entry.calendar.at_or_before(self.checked);
        let is_certain = !self.may_repeat && !self.is_edited && !self.is_before_unsure;
        self.is_before_unsure = false;
        let mut next = match is_certain && before > self.since.max(self.active_since) {
            true => before,
            false => self.entry.calendar.after(self.checked.max(self.since)),
        };
        self.checked = self.checked.max(slot);
        while next < slot {
            let following = self.entry.calendar.after(next);
            let has_line = self.lines_seen.contains(&next)
                || self.is_fresh(next, following)
                || !self.was_ever_ok;
            if !has_line {
                return Some(next);
            }
            next = following;
        }
        None
    }
}
