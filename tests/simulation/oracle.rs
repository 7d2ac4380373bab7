//! The oracle: reads the database after every turn, and knows what the vendor saw.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use growthd::engine::EngineConfig;

use super::ledger::{FAILED, Ledger, Line, OK, PENDING, SKIPPED, Seen};
use super::owed::{Debt, Owed, Up};
use super::plan::{DAY, Entry, HOUR};
use super::promise::{Broken, Promise, hold};
use super::time::{At, NEVER};
use super::trouble::{End, Trouble};
use super::vendor::{Kind, Nature};
use super::wishes::Wishes;

/// How many turns pass between looks at everybody's next run, and at what is new in the history.
const TURNS: usize = 64;

/// How many starts pass between looks at the whole history: what was changed stays changed.
const STARTS: usize = 8;

/// A call on its way.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    line: Line,
    /// When it was claimed, in the world's milliseconds.
    pub(super) left: i64,
}

/// What a call brought back.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    pub kind: Kind,
    /// Whether its `Date` contradicts the machine's clock.
    pub contradicts: bool,
    /// The number in it.
    pub count: u64,
    /// When it came, in the world's milliseconds.
    pub arrived: i64,
}

/// What was seen, and what follows from it.
#[derive(Debug)]
pub struct Oracle {
    ledger: Ledger,
    pub(super) config: EngineConfig,
    pub(super) owed: BTreeMap<String, Owed>,
    keys: HashMap<i64, String>,
    pub(super) pending: BTreeMap<i64, Pending>,
    newest: i64,
    /// What was spent, by the UTC day of the claim.
    days: HashMap<i64, i64>,
    /// The same, of what people asked for.
    manual_days: HashMap<i64, i64>,
    /// The calls the vendor saw, and whether it charged for them.
    sent: HashMap<i64, bool>,
    heard: Vec<(i64, Heard)>,
    pub wishes: Wishes,
    pub(super) trouble: Trouble,
    pub(super) up: Up,
    /// Until when something held everybody back, by the machine's clock.
    pub(super) held: i64,
    /// Until when something explains that anybody waits, in the world's seconds.
    pub(super) excuse: i64,
    pub(super) budget_excuse: i64,
    /// Until when nobody may be asked, in the world's milliseconds.
    pub(super) throttled: i64,
    /// Until when a pause that the vendor asked for may last, in the world's seconds.
    pause: i64,
    /// When the clock was set that no answer has confirmed yet, in the world's milliseconds.
    pub(super) unconfirmed: Option<i64>,
    /// By how many seconds it was set since the last turn, and when last: what was undone before
    /// anybody looked was never seen.
    set: Option<(i64, i64)>,
    pub(super) last_claim: Option<i64>,
    /// When something was claimed, settled or skipped last, in the world's seconds.
    pub(super) active: i64,
    /// When a call came to nothing last, in the world's seconds.
    pub(super) in_trouble: i64,
    /// When calls were claimed, in the world's seconds.
    pub(super) claims: Vec<i64>,
    /// The same, of those that people asked for.
    pub(super) asked: Vec<i64>,
    oks: u64,
    /// The newest lines with an ok, of two accounts.
    newest_oks: [(String, i64); 2],
    /// When lookups found an account that was not in the list.
    found: HashMap<String, Vec<i64>>,
    /// The last count of each account, and whether the last measured one was 0.
    last_counts: HashMap<String, (bool, u64)>,
    seen: Seen,
    turns: usize,
    starts: usize,
    /// Calls, snapshots.
    pub counts: (usize, usize),
}

impl Oracle {
    pub fn new(path: &Path, config: EngineConfig) -> Result<Oracle, Broken> {
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
            heard: Vec::new(),
            wishes: Wishes::default(),
            trouble: Trouble::default(),
            up: Up { awake: NEVER, free: NEVER },
            held: NEVER,
            excuse: NEVER,
            budget_excuse: NEVER,
            throttled: NEVER,
            pause: NEVER,
            unconfirmed: None,
            set: None,
            last_claim: None,
            active: NEVER,
            in_trouble: NEVER,
            claims: Vec::new(),
            asked: Vec::new(),
            oks: 0,
            newest_oks: [(String::new(), 0), (String::new(), 0)],
            found: HashMap::new(),
            last_counts: HashMap::new(),
            seen: Seen::default(),
            turns: 0,
            starts: 0,
            counts: (0, 0),
        })
    }

    /// A process began.
    pub fn started(&mut self, at: At) -> Result<(), Broken> {
        self.woke(at);
        self.trouble.force(at.world());
        self.wishes.forget();
        // Only the machine's own clock knows that another was set, and a start has seen nothing.
        self.unconfirmed = None;
        self.set = None;
        self.starts += 1;
        self.ledger.check_history(&mut self.seen, self.starts.is_multiple_of(STARTS))
    }

    /// Nothing of the process ran until now.
    pub fn woke(&mut self, at: At) {
        self.up = Up { awake: at.wall(), free: at.wall() };
        self.excuse(at.world());
        for owed in self.owed.values_mut() {
            owed.unseen(at.wall());
        }
    }

    /// The process was stopped until now, and need not know it.
    pub fn thawed(&mut self, at: At) {
        self.up.free = at.wall();
        self.excuse(at.world());
        for owed in self.owed.values_mut() {
            owed.unseen(at.wall());
        }
    }

    /// Somebody did what may force a probe.
    pub fn forced(&mut self, time: i64) {
        self.trouble.force(time);
    }

    /// Nothing could be served until then.
    pub fn excuse(&mut self, until: i64) {
        self.excuse = self.excuse.max(until);
    }

    /// The store refused; until then it need not be tried again.
    pub fn store_failed(&mut self, until: i64, at: At) {
        self.excuse(until);
        self.held = self.held.max(at.wall() + until - at.world());
    }

    /// The wall clock was set by so many seconds.
    pub fn clock_set(&mut self, by: i64, is_up: bool, at: At) {
        self.excuse(at.world() + 60);
        self.last_claim = None;
        // A pause goes by the clock, and need not end with it.
        let left = self.pause - at.world();
        if left > 0 {
            let longest = self.config.retry.max_delay;
            self.pause((left + (-by).max(0)).min(longest), at);
        }
        self.throttled = self.throttled.min(at.world_ms);
        self.trouble.force(at.world());
        self.up = Up { awake: self.up.awake.min(at.wall()), free: at.wall() };
        self.held = self.held.min(at.wall());
        self.budget_excuse = self.budget_excuse.min(at.world());
        self.trouble.set_back((-by).max(0));
        if is_up {
            let before = self.set.map_or(0, |(by, _)| by);
            self.set = Some((before + by, at.world_ms));
        }
        for owed in self.owed.values_mut() {
            owed.clock_set(by < 0, at);
        }
    }

    /// The watchlist and the configuration were taken.
    pub fn watched(
        &mut self,
        entries: &[Entry],
        config: &EngineConfig,
        is_start: bool,
        at: At,
    ) -> Result<(), Broken> {
        self.config = config.clone();
        self.trouble.force(at.world());
        self.excuse(at.world());
        let debts: Vec<(String, Option<Debt>)> =
            self.owed.keys().map(|id| (id.clone(), self.must(id, at))).collect();
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
            let line = self.owed[&id].lines.get(&slot).copied();
            hold(line == Some(SKIPPED), Promise::Skipped, || {
                format!("{id} was taken out with {slot} open, and no line says so")
            })?;
        }
        Ok(())
    }

    pub(super) fn must(&self, id: &str, at: At) -> Option<Debt> {
        let up = Up { free: self.up.free.max(self.held.min(at.wall())), ..self.up };
        self.owed[id].must(&self.config, &self.trouble, &up, at.wall())
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
    pub fn hears(&mut self, refresh: i64, heard: Heard) {
        self.heard.push((refresh, heard));
    }

    /// What was handed to the engine and not settled is lost with the process.
    pub fn forgets(&mut self) {
        self.heard.clear();
    }

    /// A turn was committed.
    pub fn turned(&mut self, at: At) -> Result<(), Broken> {
        if let Some((_, set)) = self.set.take().filter(|(by, _)| by.abs() > HOUR + 1) {
            self.unconfirmed = Some(set);
            for owed in self.owed.values_mut() {
                owed.unseen(at.wall());
            }
        }
        self.settle_lost(at)?;
        for (id, heard) in std::mem::take(&mut self.heard) {
            let line = self.read(id)?;
            match line.outcome {
                PENDING => self.heard.push((id, heard)),
                _ => self.settled(&line, heard, at)?,
            }
        }
        self.read_lines(at)?;
        if let Some(budget) = &self.config.budget {
            let period = budget.period(growthd::clock::Time(at.wall()));
            self.budget_excuse = match self.spent(at).0 >= budget.refreshes {
                true => at.world() + period.end().0 - at.wall(),
                false => self.budget_excuse.min(at.world()),
            };
            self.held = self.held.max(at.wall() + self.budget_excuse - at.world());
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

    /// What is spent in the budget's period, and what of it for people.
    pub(super) fn spent(&self, at: At) -> (u64, u64) {
        let Some(budget) = &self.config.budget else { return (0, 0) };
        let period = budget.period(growthd::clock::Time(at.wall()));
        let sum = |days: &HashMap<i64, i64>| {
            let spent: i64 = (period.from..period.to).filter_map(|day| days.get(&day)).sum();
            u64::try_from(spent).unwrap_or(0)
        };
        (sum(&self.days), sum(&self.manual_days))
    }

    fn read(&self, id: i64) -> Result<Line, Broken> {
        let gone = || Broken::new(Promise::LedgerFirst, format!("line {id} is gone"));
        self.ledger.line(id)?.ok_or_else(gone)
    }

    /// Calls that nobody heard the end of: a crash's.
    fn settle_lost(&mut self, at: At) -> Result<(), Broken> {
        let heard: Vec<i64> = self.heard.iter().map(|(id, _)| *id).collect();
        let silent: Vec<i64> =
            self.pending.keys().copied().filter(|id| !heard.contains(id)).collect();
        for id in silent {
            let line = self.read(id)?;
            if line.outcome == PENDING {
                let is_same = self.pending.get(&id).is_some_and(|pending| pending.line == line);
                hold(is_same, Promise::HistoryStays, || {
                    format!("changed while pending: {line:?}")
                })?;
                continue;
            }
            let heard =
                Heard { kind: Kind::Lost, contradicts: false, count: 0, arrived: at.world_ms };
            self.settled(&line, heard, at)?;
        }
        Ok(())
    }

    /// The name of a key.
    fn name(&mut self, account: Option<i64>) -> Result<Option<String>, Broken> {
        let Some(account) = account else { return Ok(None) };
        if let Some(id) = self.keys.get(&account) {
            return Ok(Some(id.clone()));
        }
        let id = self.ledger.account_id(account)?;
        self.keys.insert(account, id.clone());
        Ok(Some(id))
    }

    /// A call has come to its end.
    fn settled(&mut self, line: &Line, heard: Heard, at: At) -> Result<(), Broken> {
        let pending = self.pending.remove(&line.id).expect("a pending call");
        let Heard { kind, contradicts, .. } = heard;
        let (outcome, spent) = kind.verdict();
        let is_right = line.outcome == outcome && spent.is_none_or(|spent| spent == line.spent);
        hold(is_right, Promise::Verdict, || format!("{kind:?} as {line:?}"))?;
        let is_charged = self.sent.get(&line.id).is_some_and(|is_charged| *is_charged);
        hold(!is_charged || line.spent == 1, Promise::Spent, || {
            format!("{kind:?} was charged, and counts as free: {line:?}")
        })?;
        self.count_spent(line, line.spent - 1);
        self.counts.1 += usize::from(line.outcome == OK);
        self.active = at.world();
        let nature = kind.nature();
        let name = self.name(line.account)?;
        let owed = name.as_ref().and_then(|name| self.owed.get_mut(name));
        let is_well =
            |owed: &Owed| owed.is_active && owed.last_ok != Some(false) && owed.throttled.is_none();
        let was_well = owed.as_deref().is_some_and(is_well);
        if let Some(owed) = owed {
            owed.in_flight = None;
            // An answer that contradicts the clock serves no slot, whatever its line says.
            let outcome = if contradicts && line.outcome == OK { FAILED } else { line.outcome };
            owed.note(&Line { outcome, ..pending.line.clone() });
            owed.excuse = owed.excuse.max(at.world());
        }
        // Any answer of the vendor's that does not contradict the clock.
        let is_confirmed = kind.is_answer() && !contradicts;
        if is_confirmed && self.unconfirmed.is_some_and(|set| heard.arrived >= set) {
            self.unconfirmed = None;
        }
        if nature == Nature::Served {
            self.numbers(
                &Line { slot: pending.line.slot, ..line.clone() },
                name.as_deref(),
                heard,
                at,
            )?;
        } else {
            self.in_trouble = at.world();
            self.came_to_nothing(&pending.line, name.as_deref(), kind, at);
        }
        let (watched, failing) = self.numbers_of_watched();
        let account = name.as_deref().unwrap_or("somebody looked up");
        let end = End { account, kind, contradicts, left: pending.left, was_well };
        let was_perhaps = self.trouble.is_perhaps_shared();
        if let Some((run, took_part)) = self.trouble.ended(&end, watched, failing, at.world_ms) {
            for id in took_part {
                if let Some(owed) = self.owed.get_mut(&id) {
                    owed.is_as_before(run, &self.config, at);
                }
            }
        }
        if let Some(wait) = kind.wait().filter(|_| self.trouble.is_perhaps_shared()) {
            self.pause(wait.min(self.config.retry.max_delay), at);
        }
        if was_perhaps && !self.trouble.is_perhaps_shared() {
            self.excuse(at.world());
            self.up.free = at.wall();
        }
        Ok(())
    }

    /// How many accounts are in the list, and how many of them had failed before this trouble.
    fn numbers_of_watched(&self) -> (usize, usize) {
        let active = || self.owed.iter().filter(|(_, owed)| owed.is_active);
        let is_failing = |(id, owed): &(&String, &Owed)| {
            let is_failing = owed.last_ok == Some(false) || owed.throttled.is_some();
            is_failing && !self.trouble.began_well(id)
        };
        (active().count(), active().filter(is_failing).count())
    }

    /// An answer with numbers.
    fn numbers(
        &mut self,
        line: &Line,
        name: Option<&str>,
        heard: Heard,
        at: At,
    ) -> Result<(), Broken> {
        let name = name.unwrap_or_default();
        self.oks += u64::from(!heard.contradicts);
        let mut newest = self.newest_oks.to_vec();
        newest.retain(|(other, _)| other != name);
        newest.push((name.to_owned(), line.id));
        newest.sort_by_key(|(_, id)| -id);
        newest.resize(2, (String::new(), 0));
        self.newest_oks = newest.try_into().expect("two");
        let is_suspect = self.ledger.is_suspect(line.id)?;
        let time = line.started + line.took;
        let is_zero = heard.kind == Kind::Zero;
        let last = self.last_counts.get(name).copied();
        let is_measured = match last {
            _ if heard.contradicts => false,
            Some((was_zero, count)) => (was_zero || !is_zero) && count != heard.count,
            None => true,
        };
        hold(is_suspect == Some(!is_measured), Promise::Verdict, || {
            format!("suspect: {is_suspect:?}, for {heard:?} after {last:?}: {line:?}")
        })?;
        let was_zero = match last {
            Some((was_zero, _)) if !is_measured => was_zero,
            _ => is_zero,
        };
        self.last_counts.insert(name.to_owned(), (was_zero, heard.count));
        let Some(owed) = self.owed.get_mut(name) else {
            if !heard.contradicts {
                self.found.entry(name.to_owned()).or_default().push(time);
            }
            return Ok(());
        };
        if heard.contradicts {
            // Paid, and of no use.
            owed.last_ok = Some(false);
            owed.first_failure.get_or_insert(line.id);
            if line.is_scheduled() && owed.is_active {
                let run = self.trouble.number;
                owed.failed(line.slot, Kind::SaysNo, run, false, &self.config, at);
            }
            return Ok(());
        }
        owed.throttled = None;
        owed.first_failure = None;
        owed.served(time, is_measured, at);
        Ok(())
    }

    /// A call that came to nothing, for its account.
    fn came_to_nothing(&mut self, line: &Line, name: Option<&str>, kind: Kind, at: At) {
        let Some(owed) = name.and_then(|name| self.owed.get_mut(name)) else {
            if kind.nature() == Nature::Throttled {
                self.throttle(kind, at);
            }
            return;
        };
        let is_slot = line.is_scheduled() && owed.is_active;
        let first = *owed.first_failure.get_or_insert(line.id);
        if kind.nature() != Nature::Throttled {
            owed.throttled = None;
            owed.last_ok = Some(false);
            if is_slot {
                owed.failed(line.slot, kind, self.trouble.number, true, &self.config, at);
            }
            return;
        }
        // Since it began to fail, or since it was throttled before.
        let is_others_since = |line: i64| {
            let mut others =
                self.newest_oks.iter().filter(|(other, _)| Some(other.as_str()) != name);
            others.any(|(_, ok)| *ok > line)
        };
        let is_surely_alone = owed.throttled.is_some_and(|(_, last)| is_others_since(last));
        let is_perhaps_alone =
            owed.throttled.is_some_and(|(oks, _)| oks < self.oks) || is_others_since(first);
        owed.throttled = Some((self.oks, line.id));
        if is_perhaps_alone && is_slot {
            let run = self.trouble.number;
            owed.failed(line.slot, kind, run, is_surely_alone, &self.config, at);
        }
        match (is_surely_alone, is_perhaps_alone) {
            (true, _) => {}
            (false, true) => self.pause(self.wait_of(kind), at),
            (false, false) => self.throttle(kind, at),
        }
    }

    /// How long "too fast" is to be obeyed.
    fn wait_of(&self, kind: Kind) -> i64 {
        kind.wait().unwrap_or(60).clamp(1, self.config.retry.max_delay)
    }

    /// Everybody may wait so many seconds.
    fn pause(&mut self, seconds: i64, at: At) {
        self.pause = self.pause.max(at.world() + seconds + 1);
        self.excuse(self.pause);
    }

    /// Everybody waits.
    fn throttle(&mut self, kind: Kind, at: At) {
        let wait = self.wait_of(kind);
        self.pause(wait, at);
        self.throttled = self.throttled.max((at.world() + wait) * 1000);
        self.held = self.held.max(at.wall() + wait);
    }

    /// Reads what the ledger has anew.
    fn read_lines(&mut self, at: At) -> Result<(), Broken> {
        for line in self.ledger.lines_after(self.newest)? {
            self.newest = line.id;
            self.active = at.world();
            let name = self.name(line.account)?;
            match line.outcome {
                PENDING => {
                    self.count_spent(&line, line.spent);
                    self.counts.0 += 1;
                    self.claimed(&line, name.as_deref(), at)?;
                    self.pending.insert(line.id, Pending { line, left: at.world_ms });
                }
                SKIPPED => self.skipped(&line, name.as_deref().unwrap_or_default(), at)?,
                outcome => {
                    let what = format!("line {} came to be with outcome {outcome}", line.id);
                    return Err(Broken::new(Promise::LedgerFirst, what));
                }
            }
            self.check_next(name.as_deref(), at)?;
        }
        Ok(())
    }

    /// Who is watched runs again no later than at the next occurrence.
    fn check_next(&self, id: Option<&str>, at: At) -> Result<(), Broken> {
        for (id, next) in self.ledger.next_times(id)? {
            let Some(owed) = self.owed.get(&id) else { continue };
            hold(next.is_some() == owed.is_active, Promise::NextDue, || {
                format!("{id} runs next at {next:?}: {owed:?}")
            })?;
            let calendar = &owed.entry.calendar;
            let mut latest = calendar.after(at.wall());
            if owed.amnesty {
                latest = calendar.after(latest);
            }
            hold(next.is_none_or(|next| next <= latest), Promise::NextDue, || {
                format!("{id} runs next at {next:?}, beyond {latest}: {owed:?}")
            })?;
        }
        Ok(())
    }

    /// Breaks something in the database on purpose.
    pub fn sabotage(&self, sql: &str) -> Result<(), Broken> {
        self.ledger.sabotage(sql)
    }

    /// Puts off to its next slot whoever is owed something such as this, behind the engine's back.
    pub fn put_off(&self, is_it: impl Fn(&Owed, &Debt) -> bool, at: At) -> Result<(), Broken> {
        for (id, owed) in &self.owed {
            if self.must(id, at).is_some_and(|debt| is_it(owed, &debt)) {
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

    /// All is as it should be at the end.
    pub fn finish(&mut self) -> Result<(), Broken> {
        let spent = self.ledger.check_spend()?;
        let charged = self.sent.values().filter(|is_charged| **is_charged).count();
        hold(i64::try_from(charged).is_ok_and(|charged| charged <= spent), Promise::Spent, || {
            format!("{charged} charged, {spent} spent")
        })?;
        self.ledger.check_history(&mut self.seen, true)?;
        self.ledger.check_integrity()
    }
}
