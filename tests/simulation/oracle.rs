//! The oracle: reads the database after every turn, and knows every call that the vendor received.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use growthd::engine::EngineConfig;

use super::ledger::{FAILED, Ledger, Line, OK, PENDING, SKIPPED, Seen};
use super::owed::{Blame, Debt, Owed, Throttled, Up};
use super::plan::{DAY, Entry, HOUR};
use super::promise::{Promise, Violation, ensure};
use super::requests::Requests;
use super::time::{At, NEVER};
use super::trouble::{End, Trouble};
use super::vendor::{Kind, Nature};

/// Every how many turns the next run of all accounts and the new history are checked.
const TURNS: usize = 64;

/// Every how many starts the whole history is checked. A change would persist, so this suffices.
const STARTS: usize = 64;

/// A call in flight.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    line: Line,
    /// When it was claimed, in the world's milliseconds.
    pub(super) claimed: i64,
}

/// The result of a call.
#[derive(Clone, Copy, Debug)]
pub struct Response {
    pub kind: Kind,
    /// Whether its `Date` contradicts the machine's clock.
    pub contradicts: bool,
    /// The followers in the response.
    pub count: u64,
    /// When it arrived, in the world's milliseconds.
    pub arrived: i64,
}

/// What was observed, and what follows from it.
#[derive(Debug)]
pub struct Oracle {
    ledger: Ledger,
    pub(super) config: EngineConfig,
    pub(super) owed: BTreeMap<String, Owed>,
    keys: HashMap<i64, String>,
    pub(super) pending: BTreeMap<i64, Pending>,
    newest: i64,
    /// The credits spent, by the UTC day of the claim.
    days: HashMap<i64, i64>,
    /// The same for manual refreshes.
    manual_days: HashMap<i64, i64>,
    /// The calls that the vendor received, and whether it charged for them.
    sent: HashMap<i64, bool>,
    responses: Vec<(i64, Response)>,
    pub requests: Requests,
    pub(super) trouble: Trouble,
    pub(super) up: Up,
    /// Until when all calls were blocked, by the machine's clock.
    pub(super) blocked_until: i64,
    /// Until when there is a reason for any account to wait, in the world's seconds.
    pub(super) excuse: i64,
    pub(super) budget_excuse: i64,
    /// Until when no call may be made, in the world's milliseconds.
    pub(super) throttled: i64,
    /// Until when a pause requested by the vendor may last, in the world's seconds.
    pause: i64,
    /// How long the vendor had asked for, in seconds.
    pause_length: i64,
    /// When the clock was set, in the world's milliseconds, if no response has confirmed it yet.
    pub(super) unconfirmed: Option<i64>,
    /// By how many seconds it was set since the last turn, and when last. A change that is undone
    /// before a turn is never seen.
    set: Option<(i64, i64)>,
    pub(super) last_claim: Option<i64>,
    /// When anything was last claimed, settled or skipped, in the world's seconds.
    pub(super) last_activity: i64,
    /// When a call last failed, in the world's seconds.
    pub(super) last_failure: i64,
    /// When calls were claimed, in the world's seconds.
    pub(super) claims: Vec<i64>,
    /// The same for manual refreshes and lookups.
    pub(super) manual_claims: Vec<i64>,
    oks: u64,
    /// The newest ok lines of the two accounts that had one last.
    newest_oks: [(String, i64); 2],
    /// When lookups measured an account that was not in the list; empty if none did, but found it.
    pub(super) found: HashMap<String, Vec<i64>>,
    /// Whether the last measured count of each account was 0, or there was none, and its last count.
    last_counts: HashMap<String, (bool, u64)>,
    seen: Seen,
    turns: usize,
    starts: usize,
    /// The number of calls and of snapshots.
    pub counts: (usize, usize),
}

impl Oracle {
    pub fn new(path: &Path, config: EngineConfig, seed: u64) -> Result<Oracle, Violation> {
        Ok(Oracle {
            ledger: Ledger::open(path)?,
            config,
            owed: BTreeMap::new(),
            keys: HashMap::new(),
            pending: BTreeMap::new(),
            newest: 0,
            days: HashMap::new(),
            manual_days: HashMap::new(),
            sent: HashMap::new(),
            responses: Vec::new(),
            requests: Requests::default(),
            trouble: Trouble::default(),
            up: Up { awake: NEVER, free: NEVER },
            blocked_until: NEVER,
            excuse: NEVER,
            budget_excuse: NEVER,
            throttled: NEVER,
            pause: NEVER,
            pause_length: 0,
            unconfirmed: None,
            set: None,
            last_claim: None,
            last_activity: NEVER,
            last_failure: NEVER,
            claims: Vec::new(),
            manual_claims: Vec::new(),
            oks: 0,
            newest_oks: [(String::new(), 0), (String::new(), 0)],
            found: HashMap::new(),
            last_counts: HashMap::new(),
            seen: Seen::new(seed),
            turns: 0,
            starts: 0,
            counts: (0, 0),
        })
    }

    /// Records that a process started.
    pub fn started(&mut self, at: At) -> Result<(), Violation> {
        self.resumed(at);
        self.trouble.force(at.world());
        self.requests.clear();
        // A new process cannot know that the clock was set before its start.
        self.unconfirmed = None;
        self.set = None;
        self.starts += 1;
        self.ledger.check_history(&mut self.seen, self.starts.is_multiple_of(STARTS))
    }

    /// Records that the process did not run until now.
    pub fn resumed(&mut self, at: At) {
        self.up = Up { awake: at.wall(), free: at.wall() };
        self.excuse(at.world());
        for owed in self.owed.values_mut() {
            owed.skip_line_checks(at.wall());
        }
    }

    /// Records that the process was stopped until now, which it need not notice.
    pub fn unfrozen(&mut self, at: At) {
        self.up.free = at.wall();
        self.excuse(at.world());
        for owed in self.owed.values_mut() {
            owed.skip_line_checks(at.wall());
        }
    }

    /// Records requests for refreshes. The requester gets the result of a call that is in flight.
    pub fn requested(&mut self, requester: u64, ids: &[String]) {
        let is_called =
            |id: &String| self.owed.get(id).is_some_and(|owed| owed.in_flight.is_some());
        let ids: Vec<String> = ids.iter().filter(|id| !is_called(id)).cloned().collect();
        self.requests.add(requester, &ids);
    }

    /// Records an action that may allow an early probe.
    pub fn probe_forced(&mut self, time: i64) {
        self.trouble.force(time);
    }

    /// Records that nothing could be served until then.
    pub fn excuse(&mut self, until: i64) {
        self.excuse = self.excuse.max(until);
    }

    /// Records that the store failed, and need not be tried again until then.
    pub fn store_failed(&mut self, until: i64, at: At) {
        self.excuse(until);
        self.blocked_until = self.blocked_until.max(at.wall() + until - at.world());
        for owed in self.owed.values_mut() {
            owed.unseen(at.wall());
        }
    }

    /// Records that the wall clock was set by this many seconds.
    pub fn clock_set(&mut self, by: i64, is_up: bool, at: At) {
        self.excuse(at.world() + 60);
        self.last_claim = None;
        self.blocked_until = self.blocked_until.min(at.wall());
        // A pause ends by the wall clock, so a step back may prolong it.
        let left = self.pause - at.world();
        if left > 0 {
            // What a vendor that is down had asked for may be longer than `[retry] max_delay`.
            let longest = self.config.retry.max_delay.max(self.pause_length);
            self.pause((left + (-by).max(0)).min(longest), at);
        }
        self.throttled = self.throttled.min(at.world_ms);
        self.trouble.force(at.world());
        self.up = Up { awake: self.up.awake.min(at.wall()), free: at.wall() };
        self.budget_excuse = self.budget_excuse.min(at.world());
        self.trouble.set_back((-by).max(0));
        if is_up {
            let before = self.set.map_or(0, |(by, _)| by);
            self.set = Some((before + by, at.world_ms));
        }
        for owed in self.owed.values_mut() {
            owed.clock_set(by < 0, self.config.retry.max_delay, at);
        }
    }

    /// Records that the watchlist and the configuration were applied.
    pub fn watched(
        &mut self,
        entries: &[Entry],
        config: &EngineConfig,
        is_start: bool,
        at: At,
    ) -> Result<(), Violation> {
        self.config = config.clone();
        self.trouble.force(at.world());
        self.excuse(at.world());
        let debts: Vec<(String, Option<Debt>)> =
            self.owed.keys().map(|id| (id.clone(), self.debt(id, at))).collect();
        let mut settled = Vec::new();
        for (id, must) in debts {
            let entry = entries.iter().find(|entry| entry.watched.id.as_str() == id);
            let owed = self.owed.get_mut(&id).expect("known");
            let slot = owed.edited(entry, must, at).filter(|_| !is_start);
            settled.extend(slot.map(|slot| (id, slot)));
        }
        for entry in entries {
            let id = entry.watched.id.to_string();
            let found = self.found.get(&id).map_or(&[][..], Vec::as_slice);
            let new = || Owed::new(entry.clone(), found, at);
            self.owed.entry(id).or_insert_with(new);
        }
        self.read_lines(at)?;
        for (id, slot) in settled {
            ensure(self.owed[&id].has_line_of_left(slot), Promise::Skipped, || {
                format!("{id} left with {slot} open, and there is no line for it")
            })?;
        }
        Ok(())
    }

    pub(super) fn debt(&self, id: &str, at: At) -> Option<Debt> {
        let up = Up { free: self.up.free.max(self.blocked_until.min(at.wall())), ..self.up };
        self.owed[id].debt(&self.config, &self.trouble, &up, at.wall())
    }

    /// Returns whether the account is owed a call and has no reason of its own to wait.
    pub fn is_waiting(&self, id: &str, at: At) -> bool {
        let Some(owed) = self.owed.get(id) else { return false };
        owed.excuse < at.world() && self.debt(id, at).is_some()
    }

    /// Records that a request is being sent.
    pub fn request_sent(&mut self, refresh: i64, is_charged: bool) -> Result<(), Violation> {
        let line = self.ledger.line(refresh)?;
        let is_pending = line.is_some_and(|line| line.outcome == PENDING && line.spent == 1);
        ensure(is_pending, Promise::LedgerFirst, || {
            format!("call {refresh} is sent without a pending line")
        })?;
        let is_first = self.sent.insert(refresh, is_charged).is_none();
        ensure(is_first, Promise::LedgerFirst, || format!("call {refresh} is sent twice"))
    }

    /// Records that a response was handed to the engine.
    pub fn response_delivered(&mut self, refresh: i64, response: Response) {
        self.responses.push((refresh, response));
    }

    /// Records that unsettled responses were lost with the process.
    pub fn responses_lost(&mut self) {
        self.responses.clear();
    }

    /// Records that a turn was committed, and checks what it did.
    pub fn turned(&mut self, at: At) -> Result<(), Violation> {
        if let Some((_, set)) = self.set.take().filter(|(by, _)| by.abs() > HOUR + 1) {
            self.unconfirmed = Some(set);
            for owed in self.owed.values_mut() {
                owed.skip_line_checks(at.wall());
            }
        }
        self.settle_lost(at)?;
        for (id, response) in std::mem::take(&mut self.responses) {
            let line = self.read(id)?;
            match line.outcome {
                PENDING => self.responses.push((id, response)),
                _ => self.settled(&line, response, at)?,
            }
        }
        self.read_lines(at)?;
        if let Some(budget) = &self.config.budget {
            let period = budget.period(growthd::clock::Time(at.wall()));
            self.budget_excuse = match self.spent(at).0 >= budget.refreshes {
                true => at.world() + period.end().0 - at.wall(),
                false => self.budget_excuse.min(at.world()),
            };
            self.blocked_until =
                self.blocked_until.max(at.wall() + self.budget_excuse - at.world());
        }
        self.turns += 1;
        if !self.turns.is_multiple_of(TURNS) {
            return Ok(());
        }
        self.ledger.check_history(&mut self.seen, false)?;
        self.check_next(None, at)
    }

    fn count_spent(&mut self, line: &Line, spent: i64) {
        let day = line.started.div_euclid(DAY);
        *self.days.entry(day).or_default() += spent;
        if !line.is_scheduled() {
            *self.manual_days.entry(day).or_default() += spent;
        }
    }

    /// Returns what was spent in the budget's period, and how much of it on manual refreshes.
    pub(super) fn spent(&self, at: At) -> (u64, u64) {
        let Some(budget) = &self.config.budget else { return (0, 0) };
        let period = budget.period(growthd::clock::Time(at.wall()));
        let sum = |days: &HashMap<i64, i64>| {
            let spent: i64 = (period.from..period.to).filter_map(|day| days.get(&day)).sum();
            u64::try_from(spent).unwrap_or(0)
        };
        (sum(&self.days), sum(&self.manual_days))
    }

    fn read(&self, id: i64) -> Result<Line, Violation> {
        let gone = || Violation::new(Promise::LedgerFirst, format!("line {id} is gone"));
        self.ledger.line(id)?.ok_or_else(gone)
    }

    /// Settles calls that never got a response because of a crash.
    fn settle_lost(&mut self, at: At) -> Result<(), Violation> {
        let answered: Vec<i64> = self.responses.iter().map(|(id, _)| *id).collect();
        let unanswered: Vec<i64> =
            self.pending.keys().copied().filter(|id| !answered.contains(id)).collect();
        for id in unanswered {
            let line = self.read(id)?;
            if line.outcome == PENDING {
                let is_same = self.pending.get(&id).is_some_and(|pending| pending.line == line);
                ensure(is_same, Promise::HistoryStays, || {
                    format!("changed while pending: {line:?}")
                })?;
                continue;
            }
            let response =
                Response { kind: Kind::Lost, contradicts: false, count: 0, arrived: at.world_ms };
            self.settled(&line, response, at)?;
        }
        Ok(())
    }

    /// Returns the id of the account with this key.
    fn name(&mut self, account: Option<i64>) -> Result<Option<String>, Violation> {
        let Some(account) = account else { return Ok(None) };
        if let Some(id) = self.keys.get(&account) {
            return Ok(Some(id.clone()));
        }
        let id = self.ledger.account_id(account)?;
        self.keys.insert(account, id.clone());
        Ok(Some(id))
    }

    /// Checks a settled call, and records its consequences.
    fn settled(&mut self, line: &Line, response: Response, at: At) -> Result<(), Violation> {
        let pending = self.pending.remove(&line.id).expect("a pending call");
        let Response { kind, contradicts, .. } = response;
        let (outcome, spent) = kind.verdict();
        let is_right = line.outcome == outcome && spent.is_none_or(|spent| spent == line.spent);
        ensure(is_right, Promise::Verdict, || format!("{kind:?} as {line:?}"))?;
        let is_charged = self.sent.get(&line.id).is_some_and(|is_charged| *is_charged);
        ensure(!is_charged || line.spent == 1, Promise::Spent, || {
            format!("{kind:?} was charged, and counts as free: {line:?}")
        })?;
        self.count_spent(line, line.spent - 1);
        self.counts.1 += usize::from(line.outcome == OK);
        self.last_activity = at.world();
        let nature = kind.nature();
        let name = self.name(line.account)?;
        let owed = name.as_ref().and_then(|name| self.owed.get_mut(name));
        let is_well = |owed: &Owed| owed.is_active && !owed.may_be_failing();
        let was_well = owed.as_deref().is_some_and(is_well);
        if let Some(owed) = owed {
            owed.in_flight = None;
            // A response that contradicts the clock serves no slot, whatever its line states.
            let outcome = if contradicts && line.outcome == OK { FAILED } else { line.outcome };
            owed.record_line(&Line { outcome, ..pending.line.clone() });
            owed.was_answered |= line.outcome == OK;
            owed.excuse = owed.excuse.max(at.world());
        }
        // Any response whose date does not contradict the clock confirms it.
        let is_confirmed = kind.has_response() && !contradicts;
        if is_confirmed && self.unconfirmed.is_some_and(|set| response.arrived >= set) {
            self.unconfirmed = None;
        }
        if nature == Nature::Served {
            self.record_measurement(
                &Line { slot: pending.line.slot, ..line.clone() },
                name.as_deref(),
                response,
                at,
            )?;
        } else {
            self.last_failure = at.world();
            self.record_failure(&pending.line, name.as_deref(), kind, at);
        }
        let (watched, failing) = self.count_watched();
        let pending: Vec<Option<i64>> =
            self.pending.values().map(|pending| pending.line.account).collect();
        let pending = pending.into_iter().map(|account| self.name(account));
        let pending = pending.collect::<Result<_, _>>()?;
        let account = name.as_deref().unwrap_or("a lookup");
        let end = End { account, kind, contradicts, line: line.id, was_well, pending };
        let was_possible = self.trouble.is_possibly_shared();
        let over = self.trouble.ended(&end, watched, failing, self.newest, at.world());
        if let Some((run, in_shared_run)) = over {
            for id in in_shared_run {
                if let Some(owed) = self.owed.get_mut(&id) {
                    owed.restore(run, &self.config, at);
                }
            }
        }
        let obeyed = kind.obeyed(self.config.retry.max_delay);
        if let Some(wait) = obeyed.filter(|_| self.trouble.is_possibly_shared()) {
            self.pause(wait, at);
        }
        if was_possible && !self.trouble.is_possibly_shared() {
            self.excuse(at.world());
        }
        Ok(())
    }

    /// Returns how many accounts are watched, and how many of them had failed before this trouble.
    fn count_watched(&self) -> (usize, usize) {
        let active = || self.owed.iter().filter(|(_, owed)| owed.is_active);
        let is_failing = |(id, owed): &(&String, &Owed)| {
            owed.may_be_failing() && !self.trouble.was_well_before(id)
        };
        (active().count(), active().filter(is_failing).count())
    }

    /// Records a response with a measurement.
    fn record_measurement(
        &mut self,
        line: &Line,
        name: Option<&str>,
        response: Response,
        at: At,
    ) -> Result<(), Violation> {
        let name = name.unwrap_or_default();
        self.oks += u64::from(!response.contradicts);
        let mut newest = self.newest_oks.to_vec();
        newest.retain(|(other, _)| other != name);
        newest.push((name.to_owned(), line.id));
        newest.sort_by_key(|(_, id)| -id);
        newest.resize(2, (String::new(), 0));
        self.newest_oks = newest.try_into().expect("two");
        let is_suspect = self.ledger.is_suspect(line.id)?;
        let time = line.started + line.took;
        let is_zero = response.kind == Kind::Zero;
        let last = self.last_counts.get(name).copied();
        let is_measured = match last {
            _ if response.contradicts => false,
            Some((was_zero, count)) => (was_zero || !is_zero) && count != response.count,
            None => true,
        };
        ensure(is_suspect == Some(!is_measured), Promise::Verdict, || {
            format!("suspect: {is_suspect:?}, for {response:?} after {last:?}: {line:?}")
        })?;
        let was_zero = match last {
            // Followers that are 0 after they were not are suspect, whatever spoke against the
            // response in which they were not.
            _ if !is_zero => false,
            Some((was_zero, _)) if !is_measured => was_zero,
            // A first zero contradicts nothing, nor does one that was measured.
            _ => true,
        };
        self.last_counts.insert(name.to_owned(), (was_zero, response.count));
        let others_failing = match response.contradicts {
            true => self.others_failing(Some(name)),
            false => 0,
        };
        let Some(owed) = self.owed.get_mut(name) else {
            let times = self.found.entry(name.to_owned()).or_default();
            if !response.contradicts {
                times.push(time);
            }
            return Ok(());
        };
        if response.contradicts {
            // It was paid for, and is of no use.
            owed.last_ok = Some(false);
            owed.was_contradicted = true;
            owed.first_failure.get_or_insert(line.id);
            if line.is_scheduled() && owed.is_active {
                let run = self.trouble.number;
                let blame = Blame { run, is_own: false, others_failing };
                owed.failed(line.slot, Kind::SaysNo, blame, &self.config, at);
            }
            return Ok(());
        }
        owed.throttled = None;
        owed.first_failure = None;
        owed.was_contradicted = false;
        owed.served(time, is_measured, at);
        Ok(())
    }

    /// Counts the other accounts that have failed since their last ok.
    fn others_failing(&self, name: Option<&str>) -> usize {
        let others = self.owed.iter().filter(|(other, _)| Some(other.as_str()) != name);
        others.filter(|(_, owed)| owed.first_failure.is_some()).count()
    }

    /// Records a failed call for its account.
    fn record_failure(&mut self, line: &Line, name: Option<&str>, kind: Kind, at: At) {
        let others_failing = self.others_failing(name);
        let Some(owed) = name.and_then(|name| self.owed.get_mut(name)) else {
            if kind.nature() == Nature::Throttled {
                self.throttle(kind, at);
            }
            return;
        };
        let is_slot = line.is_scheduled();
        if let Some(wait) = kind.obeyed(self.config.retry.max_delay) {
            // It may have been told as a date, in whole seconds.
            let until = at.wall() + wait + 1;
            owed.asked_until = owed.asked_until.max(until);
        }
        let first = *owed.first_failure.get_or_insert(line.id);
        if kind.nature() != Nature::Throttled {
            owed.throttled = None;
            // A crash says nothing about the account, even if it used up its attempts.
            if kind != Kind::Lost {
                owed.last_ok = Some(false);
            }
            if is_slot {
                let blame = Blame { run: self.trouble.number, is_own: true, others_failing };
                owed.failed(line.slot, kind, blame, &self.config, at);
            }
            return;
        }
        // Whether others had an ok since then.
        let is_others_since = |line: i64| {
            let mut others =
                self.newest_oks.iter().filter(|(other, _)| Some(other.as_str()) != name);
            others.any(|(_, ok)| *ok > line)
        };
        // An open breaker may have restored the account since, which then did not fail.
        let is_certain = |last: &Throttled| !self.trouble.was_possibly_shared_since(last.run);
        let last = owed.throttled;
        let is_surely_alone =
            last.filter(is_certain).is_some_and(|last| is_others_since(last.line));
        let is_perhaps_alone =
            last.is_some_and(|last| last.oks < self.oks) || is_others_since(first);
        let run = self.trouble.number;
        owed.throttled = Some(Throttled { oks: self.oks, line: line.id, run });
        if is_perhaps_alone && is_slot {
            let blame = Blame { run, is_own: is_surely_alone, others_failing };
            owed.failed(line.slot, kind, blame, &self.config, at);
        }
        match (is_surely_alone, is_perhaps_alone) {
            (true, _) => {}
            (false, true) => self.pause(self.wait_of(kind), at),
            (false, false) => self.throttle(kind, at),
        }
    }

    /// Returns how long a throttling response must be obeyed, in seconds.
    fn wait_of(&self, kind: Kind) -> i64 {
        kind.wait().unwrap_or(60).clamp(1, self.config.retry.max_delay)
    }

    /// Allows all accounts to wait for this many seconds, and up to the whole second after them.
    fn pause(&mut self, seconds: i64, at: At) {
        let until = at.world() + seconds + 2;
        if until > self.pause {
            (self.pause, self.pause_length) = (until, seconds);
        }
        self.blocked_until = self.blocked_until.max(at.wall() + seconds + 1);
        self.excuse(self.pause);
    }

    /// Requires all accounts to wait.
    fn throttle(&mut self, kind: Kind, at: At) {
        let wait = self.wait_of(kind);
        self.pause(wait, at);
        self.throttled = self.throttled.max((at.world() + wait) * 1000);
    }

    /// Reads and checks the new lines of the ledger.
    fn read_lines(&mut self, at: At) -> Result<(), Violation> {
        for line in self.ledger.lines_after(self.newest)? {
            self.newest = line.id;
            self.last_activity = at.world();
            let name = self.name(line.account)?;
            match line.outcome {
                PENDING => {
                    self.count_spent(&line, line.spent);
                    self.counts.0 += 1;
                    self.claimed(&line, name.as_deref(), at)?;
                    self.pending.insert(line.id, Pending { line, claimed: at.world_ms });
                }
                SKIPPED => self.skipped(&line, name.as_deref().unwrap_or_default(), at)?,
                outcome => {
                    let what = format!("line {} was created with outcome {outcome}", line.id);
                    return Err(Violation::new(Promise::LedgerFirst, what));
                }
            }
            self.check_next(name.as_deref(), at)?;
        }
        Ok(())
    }

    /// Checks that a watched account runs again no later than at its next slot, or when the vendor
    /// permits it.
    fn check_next(&self, id: Option<&str>, at: At) -> Result<(), Violation> {
        for (id, next) in self.ledger.next_times(id)? {
            let Some(owed) = self.owed.get(&id) else { continue };
            ensure(next.is_some() == owed.is_active, Promise::NextDue, || {
                format!("{id} runs next at {next:?}: {owed:?}")
            })?;
            let calendar = &owed.entry.calendar;
            let mut latest = calendar.after(at.wall());
            if owed.may_repeat {
                latest = calendar.after(latest);
            }
            let latest = latest.max(owed.asked_until);
            ensure(next.is_none_or(|next| next <= latest), Promise::NextDue, || {
                format!("{id} runs next at {next:?}, beyond {latest}: {owed:?}")
            })?;
        }
        Ok(())
    }

    /// Damages the database on purpose.
    pub fn sabotage(&self, sql: &str) -> Result<(), Violation> {
        self.ledger.sabotage(sql)
    }

    /// Postpones the accounts that are owed a matching debt to their next slots, unknown to the
    /// engine.
    pub fn postpone(&self, is_it: impl Fn(&Owed, &Debt) -> bool, at: At) -> Result<(), Violation> {
        for (id, owed) in &self.owed {
            if self.debt(id, at).is_some_and(|debt| is_it(owed, &debt)) {
                let next = owed.entry.calendar.after(at.wall());
                self.sabotage(&format!(
                    "UPDATE _account SET phase = 1, next_due = {next},
                            settled_slot = coalesce(open_slot, next_due), open_slot = NULL
                     WHERE account_id = '{id}' AND phase > 0 AND next_due IS NOT NULL"
                ))?;
            }
        }
        Ok(())
    }

    /// Checks the totals at the end.
    pub fn finish(&mut self) -> Result<(), Violation> {
        let spent = self.ledger.check_spend()?;
        let charged = self.sent.values().filter(|is_charged| **is_charged).count();
        ensure(
            i64::try_from(charged).is_ok_and(|charged| charged <= spent),
            Promise::Spent,
            || format!("{charged} charged, {spent} spent"),
        )?;
        self.ledger.check_history(&mut self.seen, true)?;
        self.ledger.check_integrity()
    }
}
