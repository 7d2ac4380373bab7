//! The oracle: holds what the engine wrote, and what the vendor saw, against the promises.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use growthd::clock::{Now, Time};
use growthd::engine::EngineConfig;

use super::ledger::{Ledger, Line, OK, PENDING, Paused, SKIPPED, Seen, Stand};
use super::model::Model;
use super::plan::{DAY, Entry, HOUR};
use super::promise::{Broken, Promise, hold};
use super::vendor::Kind;

/// The codes of the pauses.
const REFUSED: i64 = 0;
const FORBIDDEN: i64 = 1;
const REDIRECTED: i64 = 2;

/// What was seen, and what follows from it.
#[derive(Debug)]
pub struct Oracle {
    ledger: Ledger,
    pub terms: EngineConfig,
    /// Of a call, in seconds.
    timeout: i64,
    models: BTreeMap<String, Model>,
    keys: HashMap<i64, String>,
    pending: BTreeMap<i64, Line>,
    newest: i64,
    days: HashMap<i64, i64>,
    /// The calls the vendor saw, and whether it charged for them.
    pub sent: HashMap<i64, bool>,
    /// What came back, and whether its `Date` was off.
    heard: HashMap<i64, (Kind, bool)>,
    wishes: HashMap<String, usize>,
    pause: Option<Paused>,
    /// Since when slots are served as they come: between these two.
    up: (i64, i64),
    started: i64,
    may_probe: bool,
    stepped_back: bool,
    is_start: bool,
    last_claim: Option<Now>,
    seen: Seen,
    /// Calls, snapshots.
    pub counts: (usize, usize),
}

impl Oracle {
    pub fn new(path: &Path, terms: EngineConfig, timeout: i64) -> Result<Oracle, Broken> {
        Ok(Oracle {
            ledger: Ledger::open(path)?,
            terms,
            timeout,
            models: BTreeMap::new(),
            keys: HashMap::new(),
            pending: BTreeMap::new(),
            newest: 0,
            days: HashMap::new(),
            sent: HashMap::new(),
            heard: HashMap::new(),
            wishes: HashMap::new(),
            pause: None,
            up: (i64::MIN, i64::MIN),
            started: i64::MIN,
            may_probe: false,
            stepped_back: false,
            is_start: false,
            last_claim: None,
            seen: Seen::default(),
            counts: (0, 0),
        })
    }

    /// A process began.
    pub fn started(&mut self, now: i64) -> Result<(), Broken> {
        self.up = (now, now);
        self.started = now;
        self.may_probe = true;
        self.stepped_back = true;
        self.is_start = true;
        self.wishes.clear();
        self.excuse(now);
        self.ledger.check_history(&mut self.seen)
    }

    /// The machine slept until `now`.
    pub fn resumed(&mut self, now: i64) {
        self.up = (now, now);
        self.excuse(now);
    }

    /// Nothing could be served until `now`.
    pub fn excuse(&mut self, now: i64) {
        for model in self.models.values_mut() {
            model.excuse = model.excuse.max(now);
        }
    }

    pub fn clock_stepped(&mut self, by: i64, now: i64) {
        self.stepped_back |= by < 0;
        if by < 0 {
            // How far apart calls are cannot be read off a clock that steps.
            self.last_claim = None;
        }
        match by < 0 {
            true => {
                for model in self.models.values_mut() {
                    model.excuse = now + DAY + self.terms.retry.max_delay;
                }
            }
            false => self.excuse(now),
        }
    }

    pub fn wished(&mut self, id: &str) {
        *self.wishes.entry(id.to_owned()).or_default() += 1;
        self.may_probe = true;
    }

    /// The watchlist and the terms were taken.
    pub fn watched(&mut self, entries: &[Entry], terms: &EngineConfig, now: i64) {
        self.terms = terms.clone();
        self.may_probe = true;
        let mut left: Vec<String> = self.models.keys().cloned().collect();
        for entry in entries {
            let id = entry.watched.id.to_string();
            left.retain(|known| *known != id);
            match self.models.get_mut(&id) {
                Some(model) => model.edited(Some(entry), now),
                None => {
                    self.models.insert(id, Model::new(entry.clone(), now));
                }
            }
        }
        for id in left {
            self.models.get_mut(&id).expect("known").edited(None, now);
        }
    }

    /// A request is about to leave.
    pub fn leaves(&mut self, refresh: i64, is_charged: bool) -> Result<(), Broken> {
        let line = self.ledger.line(refresh)?;
        let is_pending = line.is_some_and(|line| line.outcome == PENDING && line.spent == 1);
        hold(is_pending, Promise::LedgerFirst, || {
            format!("call {refresh} leaves without a pending line")
        })?;
        let is_first = self.sent.insert(refresh, is_charged).is_none();
        hold(is_first, Promise::LedgerFirst, || format!("call {refresh} leaves twice"))
    }

    /// An answer was handed to the engine.
    pub fn hears(&mut self, refresh: i64, kind: Kind, is_clock_off: bool) {
        self.heard.insert(refresh, (kind, is_clock_off));
    }

    /// What was handed to the engine and not settled is lost with the process.
    pub fn forgets(&mut self) {
        let pending: Vec<i64> = self.pending.keys().copied().collect();
        for refresh in pending {
            self.heard.remove(&refresh);
        }
    }

    /// A turn was committed at `now`.
    pub fn turned(&mut self, now: Now) -> Result<(), Broken> {
        let time = now.time().0;
        let stands = self.ledger.stands()?;
        for stand in &stands {
            self.keys.entry(stand.account).or_insert_with(|| stand.id.clone());
        }
        let before = self.pause;
        self.pause = self.ledger.pause()?;
        // A start settles what the last process left before it looks at the clock.
        if !self.is_start {
            self.bring_back(time);
        }
        let is_answered = self.settle(time)?;
        self.bring_back(time);
        self.is_start = false;
        hold(
            before.is_none() || self.pause.is_some() || is_answered,
            Promise::NoHammering,
            || format!("{before:?} ended without an answer"),
        )?;
        self.note_pause(before, time);
        let wait = self.ledger.wait()?.filter(|until| until - time <= self.terms.retry.max_delay);
        for line in self.ledger.lines_after(self.newest)? {
            self.newest = line.id;
            match line.outcome {
                PENDING => self.claimed(&line, before, wait, now)?,
                SKIPPED => self.skipped(&line, time)?,
                outcome => {
                    let what = format!("line {} came to be with outcome {outcome}", line.id);
                    return Err(Broken::new(Promise::LedgerFirst, what));
                }
            }
        }
        if self.pause.is_none() {
            self.may_probe = false;
        }
        let in_flight = self.pending.len();
        hold(in_flight <= self.terms.max_in_flight, Promise::Pace, || {
            format!("{in_flight} in flight")
        })?;
        self.note_excuses(wait, time)?;
        for stand in &self.ledger.stands()? {
            self.check_stand(stand, time)?;
        }
        Ok(())
    }

    /// Takes the models to a clock that stepped back.
    fn bring_back(&mut self, time: i64) {
        if std::mem::take(&mut self.stepped_back) {
            self.up = (self.up.0.min(time), self.up.1.min(time));
            self.started = self.started.min(time);
            for model in self.models.values_mut() {
                model.brought_back(time);
            }
        }
    }

    /// Whether one of what came back was an answer.
    fn settle(&mut self, time: i64) -> Result<bool, Broken> {
        let mut is_answered = false;
        let pending: Vec<i64> = self.pending.keys().copied().collect();
        for id in pending {
            let line = self
                .ledger
                .line(id)?
                .ok_or_else(|| Broken::new(Promise::LedgerFirst, format!("line {id} is gone")))?;
            if line.outcome == PENDING {
                let is_same = self.pending.get(&id) == Some(&line);
                hold(is_same, Promise::HistoryStays, || {
                    format!("changed while pending: {line:?}")
                })?;
                continue;
            }
            self.pending.remove(&id);
            let (kind, is_clock_off) = self.heard.remove(&id).unwrap_or((Kind::Lost, false));
            is_answered |= kind.is_answer();
            let verdict = (line.outcome, line.spent);
            hold(verdict == kind.verdict(), Promise::Verdict, || format!("{kind:?} as {line:?}"))?;
            let is_charged = self.sent.get(&id).is_some_and(|is_charged| *is_charged);
            hold(!is_charged || line.spent == 1, Promise::Spent, || {
                format!("{kind:?} was charged, and counts as free: {line:?}")
            })?;
            *self.days.entry(line.started.div_euclid(DAY)).or_default() += line.spent - 1;
            self.counts.1 += usize::from(line.outcome == OK);
            let is_shared = self.pause.is_some_and(|pause| match pause.kind {
                FORBIDDEN => kind == Kind::Forbidden,
                REDIRECTED => kind == Kind::Redirect,
                _ => false,
            });
            let model = self.models.get_mut(&self.keys[&line.account]).expect("a model");
            model.heard(&line, kind, is_clock_off, is_shared, &self.terms, time);
        }
        Ok(is_answered)
    }

    fn note_pause(&mut self, before: Option<Paused>, time: i64) {
        let after = self.pause;
        let began = after.filter(|after| {
            before.is_none_or(|before| (before.kind, before.since) != (after.kind, after.since))
        });
        if let Some(pause) = began {
            let kind = match pause.kind {
                FORBIDDEN => Some(Kind::Forbidden),
                REDIRECTED => Some(Kind::Redirect),
                _ => None,
            };
            for model in self.models.values_mut() {
                if let Some(kind) = kind {
                    model.release(kind, time);
                }
            }
        }
        match (before, after, began) {
            (Some(_), None, _) => self.up = (time, time),
            // Whether the old one ended or was replaced cannot be seen.
            (Some(_), Some(_), Some(_)) => self.up.1 = time,
            _ => {}
        }
    }

    fn claimed(
        &mut self,
        line: &Line,
        pause: Option<Paused>,
        wait: Option<i64>,
        now: Now,
    ) -> Result<(), Broken> {
        let time = now.time().0;
        self.counts.0 += 1;
        let id = self.keys[&line.account].clone();
        *self.days.entry(line.started.div_euclid(DAY)).or_default() += line.spent;
        if let Some(budget) = &self.terms.budget {
            let period = budget.period(Time(time));
            let spent: i64 = (period.from..period.to).filter_map(|day| self.days.get(&day)).sum();
            hold(
                u64::try_from(spent).is_ok_and(|spent| spent <= budget.refreshes),
                Promise::Budget,
                || format!("{spent} spent of {}", budget.refreshes),
            )?;
        }
        if self.terms.requests_per_minute > 0
            && let Some(last) = self.last_claim.filter(|last| *last <= now)
        {
            let step = 60_000 / i64::from(self.terms.requests_per_minute);
            hold(now.0 - last.0 >= step, Promise::Pace, || {
                format!("{} ms after the last call", now.0 - last.0)
            })?;
        }
        self.last_claim = Some(now);
        hold(wait.is_none_or(|until| until <= time), Promise::NoHammering, || {
            format!("{id} is asked while everything waits until {wait:?}")
        })?;
        if let Some(after) = self.pause {
            let is_probe = std::mem::take(&mut self.may_probe)
                || pause.is_some_and(|pause| {
                    pause.probe <= time || pause.probe > time + distance(&pause)
                });
            hold(is_probe, Promise::NoHammering, || {
                format!("{id} is asked in spite of {after:?}")
            })?;
            hold(after.probe == time + distance(&after), Promise::NoHammering, || {
                format!("the next probe is wrong: {after:?}")
            })?;
        }
        let model = self.models.get_mut(&id).expect("a model");
        hold(model.in_flight.is_none(), Promise::OncePerSlot, || {
            format!("{id} is asked twice at once")
        })?;
        if line.cause == 4 {
            let wishes = self.wishes.entry(id.clone()).or_default();
            hold(*wishes > 0, Promise::NothingUnneeded, || format!("nobody asked for {id}"))?;
            *wishes -= 1;
        } else {
            let debts = [self.up.0, self.up.1].map(|up| model.debt(&self.terms, up, time));
            let is_owed = model.may_be_open(line.slot, time)
                || debts.iter().flatten().any(|debt| model.is_served_by(debt, line.slot, time));
            hold(is_owed, Promise::NothingUnneeded, || {
                format!("{id} is asked for {:?}, and is owed {debts:?}: {model:?}", line.slot)
            })?;
            hold(!model.is_too_soon(line.slot, time), Promise::NoHammering, || {
                format!("{id} is asked again before {}", model.not_before)
            })?;
            let causes = [self.up.0, self.up.1].map(|up| model.cause(line.slot, up));
            hold(
                causes.iter().any(|cause| cause.is_none_or(|cause| cause == line.cause)),
                Promise::Verdict,
                || {
                    format!(
                        "cause {} should be {causes:?}: {line:?} up {:?} {model:?}",
                        line.cause, self.up
                    )
                },
            )?;
        }
        model.claimed(line);
        self.pending.insert(line.id, line.clone());
        Ok(())
    }

    fn skipped(&mut self, line: &Line, time: i64) -> Result<(), Broken> {
        let model = self.models.get_mut(&self.keys[&line.account]).expect("a model");
        let slot = line.slot.unwrap_or(i64::MAX);
        let why = line.error.clone().unwrap_or_default();
        let [first, second] =
            [self.up.0, self.up.1].map(|up| model.is_too_late(slot, &self.terms, up, time));
        let is_right = slot <= time
            && match why.split_once([' ', ':']).map_or("", |(word, _)| word) {
                "superseded" => model.was_open(slot, self.started),
                "fresh" => model.is_fresh(slot, time),
                "too" => first || second,
                _ => false,
            };
        hold(is_right && line.spent == 0, Promise::Skipped, || format!("{line:?} {model:?}"))?;
        if !why.starts_with("superseded") {
            model.passed_over(slot);
        }
        Ok(())
    }

    fn note_excuses(&mut self, wait: Option<i64>, time: i64) -> Result<(), Broken> {
        if let Some(pause) = self.pause {
            self.excuse(pause.probe.min(time + distance(&pause)));
        }
        if let Some(until) = wait {
            self.excuse(until);
        }
        if let Some(budget) = &self.terms.budget {
            let period = budget.period(Time(time));
            let spent: i64 = (period.from..period.to).filter_map(|day| self.days.get(&day)).sum();
            if u64::try_from(spent).is_ok_and(|spent| spent >= budget.refreshes) {
                self.excuse(period.end().0);
            }
        }
        Ok(())
    }

    fn check_stand(&self, stand: &Stand, time: i64) -> Result<(), Broken> {
        let Some(model) = self.models.get(&stand.id) else { return Ok(()) };
        hold(stand.next_due.is_some() == model.is_active, Promise::NextDue, || {
            format!("{stand:?}")
        })?;
        let Some(due) = stand.next_due else { return Ok(()) };
        let calendar = &model.entry.calendar;
        let known = stand.last_slot.max(stand.slot);
        let latest = known.unwrap_or(time).max(time);
        hold(due <= calendar.after(latest), Promise::NextDue, || {
            format!("{stand:?} is beyond {} at {time}: {model:?}", calendar.after(latest))
        })?;
        hold(latest <= calendar.after(time), Promise::NextDue, || {
            format!("{stand:?} is ahead of {time}: {model:?}")
        })
    }

    /// Nobody waits without a reason, as of `now`.
    pub fn check_waiting(&self, now: i64) -> Result<(), Broken> {
        let count = i64::try_from(self.models.len()).expect("few");
        let step = match self.terms.requests_per_minute {
            0 => 0,
            pace => 60 / i64::from(pace) + 1,
        };
        let queue = 120 + count * (step + self.timeout + 1);
        for (id, model) in &self.models {
            let debts = [self.up.0, self.up.1].map(|up| model.debt(&self.terms, up, now));
            let [Some(debt), Some(_)] = debts else { continue };
            let is_late = model.in_flight.is_none() && now > debt.since.max(model.excuse) + queue;
            hold(!is_late, Promise::NothingMissed, || {
                format!(
                    "{id} waits for {debt:?} at {now} without a reason: {model:?} {:?}",
                    self.pause
                )
            })?;
        }
        Ok(())
    }

    /// Breaks something in the database on purpose.
    pub fn sabotage(&self, sql: &str) -> Result<(), Broken> {
        self.ledger.sabotage(sql)
    }

    /// All is as it should be at the end.
    pub fn finish(&mut self) -> Result<(), Broken> {
        let spent = self.ledger.check_spend()?;
        let charged = self.sent.values().filter(|is_charged| **is_charged).count();
        hold(i64::try_from(charged).is_ok_and(|charged| charged <= spent), Promise::Spent, || {
            format!("{charged} charged, {spent} spent")
        })?;
        self.ledger.check_history(&mut self.seen)?;
        self.ledger.check_integrity()
    }
}

/// How long after a probe the next may leave.
fn distance(pause: &Paused) -> i64 {
    match pause.kind {
        REFUSED | FORBIDDEN => HOUR,
        _ => (HOUR / 4 * (1 << pause.probes.min(10))).min(DAY),
    }
}
