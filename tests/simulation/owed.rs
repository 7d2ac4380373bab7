//! What an account is owed: the contract's words on slots, without the engine's state.
//!
//! Where the contract can be read in two ways, what *must* come is the less, and what *may* come
//! the more. Slots and schedules go by the machine's clock, waits by the world's.

use std::collections::{BTreeMap, BTreeSet};

use growthd::config::{CatchUp, OnUnknown};
use growthd::engine::EngineConfig;

use super::ledger::{Line, OK, SKIPPED};
use super::plan::{Entry, HOUR};
use super::promise::Promise;
use super::time::At;
use super::trouble::Trouble;
use super::vendor::{Kind, Nature};

/// What is owed to an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Debt {
    /// For which slot; `None` is the baseline.
    pub slot: Option<i64>,
    pub since: i64,
    /// Whether it is owed for an edit's sake.
    pub is_edit: bool,
}

/// A call for the open slot that came to nothing.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    pub kind: Kind,
    /// In which run of trouble.
    pub run: u64,
    /// The world's second.
    pub at: i64,
    /// The machine's.
    pub wall: i64,
    /// Whether the wait after it is for sure the account's alone.
    pub is_own: bool,
    /// How many attempts were allowed then: what was given up stays so when more are.
    allowed: u32,
}

/// When the process could begin to serve: by the machine's clock.
#[derive(Clone, Debug)]
pub struct Up {
    /// Since it started or woke up.
    pub awake: i64,
    /// Since nothing at all held it back.
    pub free: i64,
}

/// An account as the contract sees it.
#[derive(Clone, Debug)]
pub struct Owed {
    pub entry: Entry,
    pub is_active: bool,
    active_since: i64,
    /// Slots up to here were never owed under the schedule there is.
    pub since: i64,
    /// The last slot that needs no call any more, if one does not.
    last: Option<i64>,
    /// Slots of schedules there were that may be open.
    kept: BTreeSet<i64>,
    /// Whether one of them was open for sure when the schedule changed, and since when.
    must_keep: Option<i64>,
    /// By when an edit must have led to a call, and from when on it may.
    edit: Option<(i64, i64)>,
    /// The slot that was open when it was taken out of the list.
    left_open: Option<i64>,
    /// The same, if it was open for sure.
    left_owed: Option<i64>,
    pub was_ever_ok: bool,
    /// When numbers were measured.
    measured: BTreeSet<i64>,
    /// The newest of them, in the order of the refreshes.
    newest: Option<i64>,
    /// What the ledger has of each slot.
    pub lines: BTreeMap<i64, i64>,
    /// The slots it ever had a line of.
    told: BTreeSet<i64>,
    /// The slot of the failures.
    pub tried: Option<Option<i64>>,
    pub failures: Vec<Failure>,
    /// Whether the last call that was settled was an ok; `None`: there was none.
    pub last_ok: Option<bool>,
    /// How many oks there had been when its last call was throttled, and that call's line.
    pub throttled: Option<(u64, i64)>,
    /// The line of its first call in vain since its last ok.
    pub first_failure: Option<i64>,
    /// Until when something explains that it waits; the world's seconds.
    pub excuse: i64,
    pub in_flight: Option<i64>,
    /// Whether its open slot was tried while everybody was in trouble.
    pub took_part: bool,
    /// The clock stepped back: what was settled may come again.
    pub amnesty: bool,
    /// Up to where each slot's line was looked for.
    checked: i64,
    /// Whether its back-off may be another than its failures say.
    pub is_edited: bool,
}

impl Owed {
    pub fn new(entry: Entry, found: &[i64], at: At) -> Owed {
        Owed {
            is_active: entry.watched.enabled,
            entry,
            active_since: at.wall(),
            since: at.wall(),
            last: None,
            kept: BTreeSet::new(),
            must_keep: None,
            edit: None,
            left_open: None,
            left_owed: None,
            was_ever_ok: !found.is_empty(),
            measured: found.iter().copied().collect(),
            newest: found.last().copied(),
            lines: BTreeMap::new(),
            told: BTreeSet::new(),
            tried: None,
            failures: Vec::new(),
            last_ok: None,
            throttled: None,
            first_failure: None,
            excuse: at.world(),
            in_flight: None,
            took_part: false,
            amnesty: false,
            checked: at.wall(),
            is_edited: false,
        }
    }

    fn line(&self, slot: i64) -> Option<i64> {
        self.lines.get(&slot).copied()
    }

    /// A number measured since shortly before the slot.
    pub fn is_fresh(&self, slot: i64, now: i64) -> bool {
        let from = self.fresh_from(slot);
        self.measured.range(from..=now.max(from)).next().is_some()
    }

    /// The same, by a clock that was not ahead then: the order of history is that of the refreshes.
    fn is_surely_fresh(&self, slot: i64, now: i64) -> bool {
        self.newest.is_some_and(|newest| self.fresh_from(slot) <= newest && newest <= now)
    }

    fn fresh_from(&self, slot: i64) -> i64 {
        slot - self.entry.calendar.since_the_one_before(slot) / 10
    }

    /// Whether a slot's attempts are used up: surely, or else perhaps.
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
            true => !trouble.was_perhaps_shared(failure.run),
            // Whoever was failing before the run takes no part in it, nor does a crash.
            false => {
                failure.kind == Kind::Lost
                    || !trouble.was_surely_shared(failure.run)
                    || !trouble.began_well(self.entry.watched.id.as_str())
            }
        };
        let is_unknown = |failure: &Failure| failure.kind.nature() == Nature::Unknown;
        let own: Vec<&Failure> = self.failures.iter().filter(is_own).collect();
        let count =
            |nature: Nature| own.iter().filter(|failure| failure.kind.nature() == nature).count();
        let refused = count(Nature::Refused);
        let may_cost = |nature: Nature| matches!(nature, Nature::Paid | Nature::Unknown);
        let paid = own.iter().filter(|failure| may_cost(failure.kind.nature()));
        let is_spent = paid.zip(1..).any(|(failure, paid)| paid >= failure.allowed);
        let is_refused = match surely {
            true => refused >= 4,
            false => refused >= 1 && own.len() >= 4,
        };
        is_refused
            || is_spent
            || (config.retry.unknown == OnUnknown::Skip && self.failures.iter().any(is_unknown))
    }

    /// How late a slot counts as on time.
    pub fn on_time(&self, slot: i64) -> i64 {
        HOUR.max((self.entry.calendar.after(slot) - slot) / 50)
    }

    /// Whether `catch_up` may say that a slot is not worth it any more.
    pub fn may_be_too_late(&self, slot: i64, config: &EngineConfig, up: &Up) -> bool {
        let late = up.free - slot;
        late > self.on_time(slot)
            && match config.catch_up {
                CatchUp::Always => false,
                CatchUp::Never => true,
                CatchUp::Within(seconds) => late > seconds,
            }
    }

    /// What must be served as of `now`.
    pub fn must(
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
        if !self.was_ever_ok && self.amnesty && latest <= self.checked {
            return None;
        }
        if !self.was_ever_ok {
            // Given up, it is the next slot's.
            let given_up = self.tried.filter(|slot| self.is_used_up(*slot, config, trouble, false));
            let given_up =
                given_up.and_then(|slot| slot.or(self.failures.last().map(|end| end.wall)));
            let has_come = latest > self.active_since || self.left_open == Some(latest);
            let is_over = has_come
                && (self.line(latest) == Some(SKIPPED)
                    || (self.amnesty && self.told.contains(&latest))
                    || self.may_be_too_late(latest, config, up));
            let debt = match given_up {
                Some(slot) if latest <= slot.max(self.since) => None,
                Some(_) => Some(Debt { slot: Some(latest), since: latest, is_edit: false }),
                // A slot that came since took its place, and may have been passed over.
                None if latest > self.since => {
                    Some(Debt { slot: None, since: latest, is_edit: false })
                }
                None => Some(Debt { slot: None, since: self.active_since, is_edit: false }),
            };
            return debt.filter(|_| !is_over);
        }
        let is_settled = |slot: i64| {
            matches!(self.line(slot), Some(OK | SKIPPED))
                || self.is_fresh(slot, now)
                || self.is_used_up(Some(slot), config, trouble, false)
                || (self.tried != Some(Some(slot)) && self.may_be_too_late(slot, config, up))
                || (self.amnesty && self.told.contains(&slot))
                || self.last.is_some_and(|last| slot <= last)
        };
        if latest > self.since {
            let debt = Debt { slot: Some(latest), since: latest, is_edit: false };
            return (!is_settled(latest)).then_some(debt);
        }
        if let Some(kept) = self.must_keep.filter(|slot| !is_settled(*slot)) {
            return Some(Debt { slot: Some(kept), since: kept, is_edit: true });
        }
        let (by, _) = self.edit.filter(|(by, _)| *by <= now)?;
        let is_over = config.catch_up != CatchUp::Always
            || self.tried.is_some()
            || self.line(latest).is_some();
        (!is_over).then_some(Debt { slot: Some(latest), since: by, is_edit: true })
    }

    /// Why a call for this slot is not owed.
    pub fn objection(
        &self,
        slot: Option<i64>,
        config: &EngineConfig,
        trouble: &Trouble,
        now: i64,
    ) -> Option<(Promise, &'static str)> {
        const UNNEEDED: Promise = Promise::NothingUnneeded;
        if !self.is_active {
            return Some((UNNEEDED, "it is not in the list"));
        }
        let Some(slot) = slot else {
            return match self.was_ever_ok {
                true => Some((UNNEEDED, "it has its baseline")),
                false if !self.amnesty && self.is_used_up(None, config, trouble, true) => {
                    Some((Promise::PaidAttempts, "its baseline was given up"))
                }
                false => None,
            };
        };
        if slot > now {
            return Some((UNNEEDED, "it is to come"));
        }
        let latest = self.entry.calendar.at_or_before(now);
        let is_kept = self.kept.contains(&slot) || self.left_open == Some(slot);
        if slot != latest && !is_kept {
            return Some((UNNEEDED, "it is no slot, or a later one has come"));
        }
        let is_edit = self.edit.is_some_and(|(_, from)| from <= now);
        // What is open may go by the new schedule's name.
        let is_open = !self.kept.is_empty() || self.amnesty || is_edit || !self.was_ever_ok;
        if slot < self.since && !is_kept && !is_open {
            return Some((UNNEEDED, "it was not owed under this schedule"));
        }
        if self.line(slot) == Some(OK) {
            return Some((UNNEEDED, "it was bought"));
        }
        if self.is_surely_fresh(slot, now) && !is_kept && !self.amnesty {
            return Some((UNNEEDED, "a number was measured just before, or since"));
        }
        if self.amnesty {
            return None;
        }
        if self.line(slot) == Some(SKIPPED) && !is_kept {
            return Some((UNNEEDED, "it was skipped"));
        }
        self.is_used_up(Some(slot), config, trouble, true)
            .then_some((Promise::PaidAttempts, "it was given up"))
    }

    /// A line of the ledger came to be, or to its end.
    pub fn note(&mut self, line: &Line) {
        if let Some(slot) = line.slot {
            self.lines.insert(slot, line.outcome);
            self.told.insert(slot);
            if matches!(line.outcome, OK | SKIPPED) && self.is_active {
                self.last = self.last.max(Some(slot));
            }
        }
    }

    /// Numbers came at `time`, measured or not.
    pub fn served(&mut self, time: i64, is_measured: bool, at: At) {
        let measured = is_measured.then_some(time);
        self.measured.extend(measured);
        self.newest = measured.or(self.newest);
        if !self.was_ever_ok {
            // What came while the baseline was owed was the baseline's.
            self.checked = self.checked.max(at.wall());
        }
        self.was_ever_ok = true;
        self.last = self.last.max(Some(self.entry.calendar.at_or_before(at.wall())));
        self.failures.clear();
        self.tried = None;
        // What has come since is open all the same, where the answer was settled late.
        self.kept.retain(|slot| *slot > time);
        self.must_keep = None;
        self.edit = None;
        self.left_open = self.left_open.filter(|slot| *slot > time);
        self.left_owed = None;
        self.last_ok = Some(true);
        self.took_part = false;
        self.excuse = self.excuse.max(at.world());
        self.is_edited = false;
        self.amnesty &= measured.is_none();
    }

    /// A call for a slot came to nothing.
    pub fn failed(
        &mut self,
        slot: Option<i64>,
        kind: Kind,
        run: u64,
        is_own: bool,
        config: &EngineConfig,
        at: At,
    ) {
        if self.tried != Some(slot) {
            self.failures.clear();
            self.tried = Some(slot);
        }
        let retry = &config.retry;
        let allowed = retry.max_paid_attempts;
        self.failures.push(Failure { kind, run, at: at.world(), wall: at.wall(), is_own, allowed });
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

    /// A run of trouble was everybody's, and is over: all is as it was before, but what is
    /// unknown stays so where it is not repeated.
    pub fn is_as_before(&mut self, run: u64, config: &EngineConfig, at: At) {
        let stays = |failure: &Failure| {
            let stays = match (failure.kind, failure.kind.nature()) {
                // They count neither way.
                (Kind::Lost, _) | (_, Nature::Throttled) => true,
                (_, Nature::Unknown) => config.retry.unknown == OnUnknown::Skip,
                _ => false,
            };
            failure.run != run || stays
        };
        let count = self.failures.len();
        self.failures.retain(stays);
        self.took_part |= self.failures.len() < count;
        if self.failures.is_empty() {
            self.excuse = at.world();
        }
    }

    /// Where the longest of two schedules' distances lie.
    fn wait_after_edit(&self, old: &Entry, now: i64) -> Option<(i64, i64)> {
        if self.newest.is_some_and(|newest| newest > now) {
            // How long ago it was, a clock that was ahead does not say.
            return Some((i64::MAX, now));
        }
        let last = *self.measured.range(..=now).next_back()?;
        let (old, new) = (old.calendar.distances(now), self.entry.calendar.distances(now));
        let next = self.entry.calendar.after(now);
        let (shortest, longest) = (old.0.max(new.0), old.1.max(new.1));
        // In between it depends on which distance is meant.
        (next > last + shortest).then(|| {
            let by = if next > last + longest { now } else { i64::MAX };
            (by, now)
        })
    }

    /// The names that what is open may go by: slots since the last number.
    fn open_names(&self, old: &Entry, now: i64) -> Vec<i64> {
        // In the order of the refreshes: a number of a clock that was ahead may lie in between.
        let newest = self.newest.filter(|newest| *newest <= now);
        let last = newest.or(self.measured.range(..=now).next_back().copied());
        let last = last.unwrap_or(self.active_since);
        let slots = std::iter::successors(Some(old.calendar.at_or_before(now)), |slot| {
            Some(old.calendar.at_or_before(slot - 1))
        });
        let is_open = |slot: &i64| *slot > last && self.line(*slot) != Some(OK);
        slots.take(60).take_while(is_open).collect()
    }

    /// The list was read again; `None`: it is not in it. `must`: what was owed. Answers the slot
    /// for which a line must say that it is no longer owed.
    pub fn edited(&mut self, entry: Option<&Entry>, must: Option<Debt>, at: At) -> Option<i64> {
        let now = at.wall();
        let will_be_active = entry.is_some_and(|entry| entry.watched.enabled);
        let has_moved = entry.is_some_and(|new| {
            let (new, old) = (&new.watched, &self.entry.watched);
            new.cron != old.cron || new.timezone != old.timezone || new.spread != old.spread
        });
        let latest = self.entry.calendar.at_or_before(now);
        let open = (self.line(latest) != Some(OK)).then_some(latest);
        let old = self.entry.clone();
        if let Some(entry) = entry {
            self.entry = entry.clone();
        }
        let mut is_settled = None;
        match (self.is_active, will_be_active) {
            (true, true) if has_moved => {
                self.kept.extend(self.open_names(&old, now));
                self.kept.extend(self.tried.flatten());
                self.must_keep = must.and_then(|debt| debt.slot);
                let latest = self.entry.calendar.at_or_before(now);
                self.last = Some(self.must_keep.map_or(latest, |slot| latest.min(slot - 1)));
                self.since = now;
                self.checked = now;
                let before = self.edit;
                let wait = match must {
                    None => self.wait_after_edit(&old, now),
                    Some(_) => None,
                };
                self.edit = match self.in_flight {
                    None if must.is_none() => wait,
                    // What is on its way may bring the number: nothing must follow, but it may.
                    _ => wait.or(before).map(|(_, from)| (i64::MAX, from)),
                };
                self.excuse = self.excuse.max(at.world());
                self.is_edited = true;
            }
            (false, true) => {
                self.active_since = now;
                self.since = now;
                self.checked = now;
                let latest = self.entry.calendar.at_or_before(now);
                self.must_keep = self.left_owed.filter(|slot| *slot == latest && !has_moved);
                self.last = Some(self.must_keep.map_or(latest, |slot| slot - 1));
                if let Some(slot) = self.must_keep {
                    self.lines.remove(&slot);
                }
                self.edit = None;
                // A disabled or removed account is not failing.
                self.throttled = None;
                self.excuse = self.excuse.max(at.world());
                self.is_edited = true;
            }
            (true, false) => {
                // Whether a slot has taken the place of the baseline is told at its call.
                is_settled = must
                    .and_then(|debt| debt.slot)
                    .filter(|slot| *slot == latest && self.was_ever_ok);
                self.left_open = open;
                self.left_owed = is_settled;
                self.kept.extend(open);
                self.kept.extend(self.tried.flatten());
                self.must_keep = None;
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

    /// The clock was set.
    pub fn clock_set(&mut self, is_back: bool, at: At) {
        self.excuse = self.excuse.max(at.world());
        self.checked = at.wall();
        self.is_edited = true;
        if is_back {
            self.amnesty = true;
            self.active_since = self.active_since.min(at.wall());
            // An edit in a future that is none any more settled nothing that comes again.
            self.since = self.since.min(at.wall());
            // A last slot that is later than the next one is another clock's: where it is clamped
            // to, nothing before now need be owed. A smaller step changes nothing.
            let next = self.entry.calendar.after(at.wall());
            if self.last.is_some_and(|last| last > next) {
                self.last = None;
                self.since = at.wall();
            }
            if !self.was_ever_ok {
                self.since = self.since.min(at.wall());
            }
            self.kept.extend(self.tried.flatten());
            // What was passed over in another clock's time comes again.
            self.lines.retain(|slot, outcome| *slot <= at.wall() || *outcome <= OK);
        }
    }

    /// Nothing was seen of the slots up to now.
    pub fn unseen(&mut self, now: i64) {
        self.checked = now;
    }

    /// A slot that came and went without a line, before `slot`.
    pub fn slot_without_line(&mut self, slot: i64) -> Option<i64> {
        let mut next = self.entry.calendar.after(self.checked.max(self.since));
        self.checked = self.checked.max(slot);
        while next < slot {
            let following = self.entry.calendar.after(next);
            let is_told =
                self.told.contains(&next) || self.is_fresh(next, following) || !self.was_ever_ok;
            if !is_told {
                return Some(next);
            }
            next = following;
        }
        None
    }
}
