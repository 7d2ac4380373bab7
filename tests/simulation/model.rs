//! What an account is owed: the contract's words on slots, without the engine's state.

use std::collections::HashSet;

use growthd::config::{CatchUp, OnUnknown};
use growthd::engine::EngineConfig;

use super::ledger::Line;
use super::plan::Entry;
use super::vendor::{Fate, Kind};

/// How many slots back it is looked for since when an account waits.
const LOOKED_BACK: usize = 30;

/// What is owed to an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Debt {
    /// For which slot; `None` is the baseline.
    pub slot: Option<i64>,
    pub since: i64,
}

/// An account as the contract sees it. Times are the machine's, in seconds.
#[derive(Clone, Debug)]
pub struct Model {
    pub entry: Entry,
    pub is_active: bool,
    active_since: i64,
    is_baseline_owed: bool,
    was_ever_ok: bool,
    snapshots: Vec<i64>,
    bought: HashSet<i64>,
    /// Slots up to here are not owed.
    covered: i64,
    /// A slot that was open when its schedule was changed, or was given back.
    kept: Option<i64>,
    /// The slot of its last failure since the last ok.
    last_failure: Option<i64>,
    /// What is open and was tried in vain.
    tried: Option<Option<i64>>,
    paid: u32,
    fails: u32,
    /// The answer for which a slot was given up, or which paused everything; and the slot.
    failing: Option<(Kind, Option<i64>)>,
    /// The back-off: no sooner.
    pub not_before: i64,
    /// Until when something explains that it waits.
    pub excuse: i64,
    pub in_flight: Option<i64>,
    /// Whether the cause of its next call follows from what is modelled.
    is_cause_known: bool,
    /// Whether a slot bought under a clock that was ahead was due when its schedule changed.
    may_be_open: bool,
}

impl Model {
    pub fn new(entry: Entry, now: i64) -> Model {
        let is_active = entry.watched.enabled;
        Model {
            entry,
            is_active,
            active_since: now,
            is_baseline_owed: is_active,
            was_ever_ok: false,
            snapshots: Vec::new(),
            bought: HashSet::new(),
            covered: now,
            kept: None,
            last_failure: None,
            tried: None,
            paid: 0,
            fails: 0,
            failing: None,
            not_before: i64::MIN,
            excuse: now,
            in_flight: None,
            is_cause_known: true,
            may_be_open: false,
        }
    }

    /// What is owed at `now` by a process that is up since `up`.
    pub fn debt(&self, terms: &EngineConfig, up: i64, now: i64) -> Option<Debt> {
        if !self.is_active {
            return None;
        }
        let calendar = &self.entry.calendar;
        let latest = calendar.at_or_before(now);
        let tried = self.tried.flatten();
        let slot = self.kept.max(tried).max(Some(latest)).unwrap_or(latest);
        if self.is_baseline_owed {
            let since = self.active_since;
            if self.tried.is_none() || (latest <= self.active_since && tried.is_none()) {
                return Some(Debt { slot: None, since });
            }
            let is_owed = !self.is_too_late(slot, terms, up, now);
            return is_owed.then_some(Debt { slot: Some(slot), since });
        }
        let is_covered = slot <= self.covered
            || self.bought.contains(&slot)
            || self.is_fresh(slot, now)
            || (self.kept.is_none() && self.is_too_late(slot, terms, up, now));
        if is_covered {
            return None;
        }
        let mut since = self.kept.unwrap_or(slot).min(slot);
        if terms.catch_up == CatchUp::Always && self.kept.is_none() {
            // Since the first of the slots that nothing was measured for.
            for _ in 0..LOOKED_BACK {
                let before = calendar.at_or_before(since - 1);
                let is_open = before > self.covered
                    && !self.bought.contains(&before)
                    && !self.is_fresh(before, now);
                if !is_open {
                    break;
                }
                since = before;
            }
        }
        Some(Debt { slot: Some(slot), since })
    }

    /// The slot that is open at `now`; it may yet be passed over.
    fn open(&self, now: i64) -> Option<i64> {
        let latest = self.entry.calendar.at_or_before(now);
        let slot = self.kept.max(self.tried.flatten()).max(Some(latest))?;
        (slot > self.covered).then_some(slot)
    }

    /// Whether a call for `slot` serves `debt`. A slot kept open over a change of its schedule
    /// may go by any name of the old or new one.
    pub fn is_served_by(&self, debt: &Debt, slot: Option<i64>, now: i64) -> bool {
        let is_kept =
            self.kept.is_some() && slot.is_some_and(|slot| self.covered < slot && slot <= now);
        debt.slot == slot || is_kept
    }

    /// Whether a call for `slot` is right though nothing is known to be owed.
    pub fn may_be_open(&self, slot: Option<i64>, now: i64) -> bool {
        self.may_be_open && slot.is_some_and(|slot| slot <= now)
    }

    /// A snapshot just before the slot, or after it.
    pub fn is_fresh(&self, slot: i64, now: i64) -> bool {
        let distance = slot - self.entry.calendar.at_or_before(slot - 1);
        let from = slot - distance / 10;
        match self.snapshots.last() {
            Some(last) if *last <= now => from < *last,
            // The newest was taken under a clock that was ahead.
            _ => self.snapshots.iter().any(|time| from < *time && *time <= now),
        }
    }

    pub fn is_too_late(&self, slot: i64, terms: &EngineConfig, up: i64, now: i64) -> bool {
        let is_late = slot < up && self.tried != Some(Some(slot));
        is_late
            && match terms.catch_up {
                CatchUp::Always => false,
                CatchUp::Never => true,
                CatchUp::Within(seconds) => now - slot > seconds,
            }
    }

    /// Whether a slot was open while the process ran since `start`.
    pub fn was_open(&self, slot: i64, start: i64) -> bool {
        slot >= start || self.last_failure == Some(slot)
    }

    /// The code of the cause that a call for `slot` has, if that can be said.
    pub fn cause(&self, slot: Option<i64>, up: i64) -> Option<i64> {
        if !self.is_cause_known {
            return None;
        }
        Some(match slot {
            _ if self.tried == Some(slot) => 3,
            None => 0,
            Some(slot) if slot >= up => 1,
            Some(_) => 2,
        })
    }

    pub fn claimed(&mut self, line: &Line) {
        self.in_flight = Some(line.id);
        if line.is_scheduled() && self.tried != Some(line.slot) {
            (self.paid, self.fails) = (0, 0);
            self.not_before = i64::MIN;
        }
    }

    /// Whether this is the time for another try of the same.
    pub fn is_too_soon(&self, slot: Option<i64>, now: i64) -> bool {
        self.tried == Some(slot) && now < self.not_before
    }

    pub fn passed_over(&mut self, slot: i64) {
        self.covered = self.covered.max(slot);
        self.settled();
    }

    fn settled(&mut self) {
        self.is_baseline_owed = false;
        self.kept = None;
        self.tried = None;
        (self.paid, self.fails) = (0, 0);
        self.not_before = i64::MIN;
        self.is_cause_known = true;
        self.may_be_open = false;
    }

    /// A call came to its end. `is_shared`: everything paused for what was answered.
    pub fn heard(
        &mut self,
        line: &Line,
        kind: Kind,
        is_clock_off: bool,
        is_shared: bool,
        terms: &EngineConfig,
        now: i64,
    ) {
        self.in_flight = None;
        self.excuse = self.excuse.max(now);
        if kind.fate() == Fate::Served {
            let time = line.finished.unwrap_or(now);
            self.was_ever_ok = true;
            self.snapshots.push(time);
            self.bought.extend(line.slot);
            let slot = line.slot.filter(|slot| *slot <= self.entry.calendar.after(now));
            self.covered = self.covered.max(time.min(now)).max(slot.unwrap_or(i64::MIN));
            self.last_failure = None;
            self.failing = None;
            self.settled();
            return;
        }
        if !line.is_scheduled() || !self.is_active {
            return;
        }
        self.last_failure = line.slot;
        if line.slot.is_some_and(|slot| slot > self.entry.calendar.after(now)) {
            // Tried for a clock that has stepped back since.
            return;
        }
        let retry = &terms.retry;
        let is_last = self.paid + 1 >= retry.max_paid_attempts;
        let fate = if is_clock_off { Fate::Free } else { kind.fate() };
        let is_given_up = match fate {
            Fate::GivenUp => true,
            Fate::Shared => !is_shared,
            Fate::Paid => is_last,
            Fate::Unknown => is_last || retry.unknown == OnUnknown::Skip,
            Fate::Free | Fate::Served => false,
        };
        if is_given_up || kind.fate() == Fate::Shared {
            self.failing = Some((kind, line.slot));
        }
        if is_given_up {
            self.covered = self.covered.max(line.slot.unwrap_or(line.started));
            self.settled();
            return;
        }
        let longest = match fate {
            Fate::Unknown if self.paid > 0 => retry.max_delay,
            _ => retry.first_delay.saturating_mul(1 << self.fails.min(40)).min(retry.max_delay),
        };
        self.excuse = self.excuse.max(now + longest + longest / 4 + 1);
        let is_back_off = matches!(fate, Fate::Paid | Fate::Unknown) || kind == Kind::NotSent;
        self.not_before = match is_back_off && !is_clock_off {
            true => now + retry.first_delay * 3 / 4,
            false => i64::MIN,
        };
        self.tried = Some(line.slot);
        self.fails += 1;
        self.paid += u32::from(matches!(fate, Fate::Paid | Fate::Unknown));
    }

    /// Everything paused for what this account was given up for: its slot is given back.
    pub fn release(&mut self, status: Kind, now: i64) {
        match self.failing {
            Some((kind, slot))
                if kind == status
                    && self.is_active
                    && self.in_flight.is_none()
                    && slot <= Some(now) =>
            {
                match slot {
                    Some(slot) => {
                        self.covered = slot - 1;
                        self.kept = Some(slot);
                    }
                    None => self.is_baseline_owed = true,
                }
                self.tried = Some(slot);
                self.not_before = i64::MIN;
                self.excuse = self.excuse.max(now);
            }
            _ => {}
        }
    }

    /// The list was read again; `None`: it is not in it.
    pub fn edited(&mut self, entry: Option<&Entry>, now: i64) {
        let will_be_active = entry.is_some_and(|entry| entry.watched.enabled);
        let has_moved = entry.is_some_and(|new| {
            let (new, old) = (&new.watched, &self.entry.watched);
            new.cron != old.cron || new.timezone != old.timezone || new.spread != old.spread
        });
        let open = self.open(now);
        let is_owed = open.is_some_and(|slot| !self.bought.contains(&slot));
        self.excuse = self.excuse.max(now);
        if let Some(entry) = entry {
            self.entry = entry.clone();
        }
        match (self.is_active, will_be_active) {
            (true, true) if has_moved && !self.is_baseline_owed => {
                self.kept = open.filter(|_| is_owed);
                // Due, and not looked at yet: under its new name it may be called for.
                self.may_be_open = open.is_some() && !is_owed;
                self.is_cause_known = false;
                self.not_before = i64::MIN;
                if self.kept.is_none() {
                    self.covered = now;
                    self.tried = None;
                }
            }
            (true, true) if has_moved => {
                self.not_before = i64::MIN;
            }
            (false, true) => {
                self.settled();
                self.active_since = now;
                self.failing = None;
                self.last_failure = None;
                self.covered = now;
                self.is_baseline_owed = !self.was_ever_ok;
            }
            (true, false) => {
                self.settled();
                self.failing = None;
            }
            _ => {}
        }
        self.is_active = will_be_active;
    }

    /// The clock is at `now`, and was ahead.
    pub fn brought_back(&mut self, now: i64) {
        self.not_before = i64::MIN;
        if self.is_baseline_owed {
            if self.tried.flatten().is_some_and(|tried| tried > now) {
                self.tried = Some(None);
                (self.paid, self.fails) = (0, 0);
            }
            return;
        }
        let calendar = &self.entry.calendar;
        if calendar.at_or_before(self.covered) > calendar.after(now) {
            let slot = calendar.at_or_before(now);
            let covered = if slot > self.active_since { slot - 1 } else { slot };
            self.settled();
            self.covered = covered;
            self.is_cause_known = false;
            return;
        }
        if self.kept.max(self.tried.flatten()) > Some(now) {
            let kept = self.kept;
            self.settled();
            match kept {
                Some(kept) if kept > now => {
                    self.covered = self.covered.max(kept - 1);
                    self.may_be_open = true;
                }
                kept => self.kept = kept,
            }
        }
    }
}
