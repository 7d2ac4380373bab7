//! The machine: a clock, a process that starts and ends, a file in trouble, and the wire.

use std::path::PathBuf;

use growthd::api::CLOCK_TOLERANCE;
use growthd::clock::Time;
use growthd::engine::EngineConfig;
use growthd::store::{Claim, StoreError};
use rusqlite::Connection;

use super::happening::{Happening, Step, edit};
use super::oracle::{Heard, Oracle};
use super::plan::{Entry, Plan, id_of, number_of};
use super::process::Process;
use super::promise::{Broken, Promise, hold};
use super::random::Random;
use super::sabotage::Sabotage;
use super::time::At;
use super::vendor::Kind;

/// How often a turn may have nothing to do and ask for another at once.
const SPINS: usize = 50;

/// How long after a failed turn the daemon tries again, in seconds.
const AGAIN: i64 = 60;

/// How often a process is woken that has nothing to do, in milliseconds. The daemon's heartbeat
/// comes far more often.
const HEARTBEAT: i64 = 24 * 3600 * 1000;

/// How many accounts an edited list may have beyond what it began with.
const MORE: usize = 8;

/// A call on its way.
#[derive(Debug)]
struct Call {
    claim: Claim,
    kind: Kind,
    /// Whom the answer is about.
    id: String,
    /// When its end is heard of, in the world's milliseconds.
    arrives: i64,
}

/// One seed's world. Times are the world's, in milliseconds, unless said otherwise.
pub struct Driver<'a> {
    plan: &'a Plan,
    random: Random,
    folder: PathBuf,
    time: i64,
    /// What the machine's clock says beyond the world's.
    skew: i64,
    entries: Vec<Entry>,
    removed: Vec<Entry>,
    /// Until when the list has nobody.
    emptied: Option<i64>,
    config: EngineConfig,
    process: Option<Process>,
    is_reload_due: bool,
    is_stopping: bool,
    starts: i64,
    wake: Option<i64>,
    calls: Vec<Call>,
    crash: Option<(Step, i64)>,
    down: i64,
    disk_full: i64,
    locked: Option<(Connection, i64)>,
    moved: Option<i64>,
    happened: usize,
    requester: u64,
    spins: usize,
    pub oracle: Oracle,
    sabotage: Option<Sabotage>,
    pub trace: Option<Vec<String>>,
}

impl<'a> Driver<'a> {
    pub fn new(
        plan: &'a Plan,
        folder: PathBuf,
        seed: u64,
        sabotage: Option<Sabotage>,
        is_traced: bool,
    ) -> Result<Driver<'a>, Broken> {
        let path = folder.join("growth.db");
        Process::create(&path).map_err(|error| store(&error))?;
        Ok(Driver {
            plan,
            random: Random::new(seed ^ 0xd1ce),
            time: plan.start * 1000,
            skew: 0,
            entries: plan.entries.clone(),
            removed: Vec::new(),
            emptied: None,
            config: plan.config.clone(),
            process: None,
            is_reload_due: false,
            is_stopping: false,
            starts: plan.start * 1000,
            wake: None,
            calls: Vec::new(),
            crash: None,
            down: 0,
            disk_full: 0,
            locked: None,
            moved: None,
            happened: 0,
            requester: 0,
            spins: 0,
            oracle: Oracle::new(&path, plan.config.clone())?,
            folder,
            sabotage,
            trace: is_traced.then(Vec::new),
        })
    }

    fn say(&mut self, what: impl FnOnce() -> String) {
        let at = self.at();
        if let Some(trace) = &mut self.trace {
            let skew = match self.skew {
                0 => String::new(),
                _ => format!(" (clock {})", Time(at.wall())),
            };
            trace.push(format!("{}{skew} {}", Time(at.world()), what()));
        }
    }

    fn at(&self) -> At {
        At { world_ms: self.time, skew_ms: self.skew }
    }

    /// Lives through the whole plan.
    pub fn run(&mut self) -> Result<(), Broken> {
        let end = self.plan.end * 1000;
        while self.time < end {
            self.advance(end);
            if self.process.is_some() && !self.is_stopping && !self.is_in_trouble() {
                self.oracle.check_waiting(self.at())?;
            }
            self.mend();
            if self.happens()? {
                continue;
            }
            if self.process.is_none() {
                if self.time >= self.starts {
                    self.start()?;
                }
                continue;
            }
            self.receive();
            self.turn()?;
        }
        self.oracle.finish()
    }

    /// To when something is next.
    fn advance(&mut self, end: i64) {
        let mut next = end;
        let mut consider = |time: Option<i64>| next = next.min(time.unwrap_or(i64::MAX));
        consider(self.plan.happenings.get(self.happened).map(|(time, _)| time * 1000));
        if self.process.is_none() {
            consider(Some(self.starts));
        } else {
            consider(self.wake);
            consider(self.calls.iter().map(|call| call.arrives).min());
        }
        consider(self.locked.as_ref().map(|(_, until)| *until));
        consider(self.moved);
        consider(self.emptied);
        consider((self.disk_full > 0).then_some(self.disk_full));
        match next > self.time {
            true => {
                self.time = next;
                self.spins = 0;
            }
            false => self.spins += 1,
        }
    }

    /// Ends the troubles whose time has come.
    fn mend(&mut self) {
        if self.locked.as_ref().is_some_and(|(_, until)| *until <= self.time) {
            self.locked = None;
            self.say(|| "the lock is gone".to_owned());
        }
        if self.moved.is_some_and(|until| until <= self.time) {
            self.moved = None;
            self.rename("away.db", "growth.db");
            self.say(|| "the file is back".to_owned());
        }
        if self.disk_full > 0 && self.disk_full <= self.time {
            self.disk_full = 0;
            self.bound_disk();
            self.say(|| "the disk has room".to_owned());
        }
        if self.emptied.is_some_and(|until| until <= self.time) {
            self.emptied = None;
            self.say(|| "the list is back".to_owned());
            self.reload();
        }
    }

    fn is_in_trouble(&self) -> bool {
        self.locked.is_some() || self.moved.is_some() || self.disk_full > 0
    }

    fn rename(&self, from: &str, to: &str) {
        for suffix in ["", "-wal", "-shm"] {
            let [from, to] = [from, to].map(|name| self.folder.join(format!("{name}{suffix}")));
            if from.exists() {
                std::fs::rename(from, to).expect("a rename");
            }
        }
    }

    fn bound_disk(&mut self) {
        let pages = u32::from(self.disk_full > 0);
        if let Some(process) = &mut self.process {
            process.bound_pages(pages);
        }
    }

    /// What the list has now.
    fn list(&self) -> &[Entry] {
        if self.emptied.is_some() { &[] } else { &self.entries }
    }

    fn reload(&mut self) {
        self.is_reload_due = self.process.is_some() && !self.is_stopping;
        self.wake = Some(self.time);
    }

    /// Whether something happened, and the loop should look anew.
    fn happens(&mut self) -> Result<bool, Broken> {
        let Some((time, happening)) = self.plan.happenings.get(self.happened).copied() else {
            return Ok(false);
        };
        if time * 1000 > self.time {
            return Ok(false);
        }
        self.happened += 1;
        self.say(|| format!("{happening:?}"));
        match happening {
            Happening::Edit(how) => {
                let most = self.plan.entries.len() + MORE;
                edit(&mut self.entries, &mut self.removed, most, how);
                if how % 5 == 0 {
                    self.config.max_in_flight = 1 + usize::from(how % 2 == 0);
                    self.config.retry.max_paid_attempts = 3;
                }
                self.reload();
            }
            Happening::Reload => self.reload(),
            Happening::Emptied(seconds) => {
                self.emptied = Some(self.time + seconds * 1000 + 1);
                self.reload();
            }
            Happening::Crash { at: Step::Idle, down } => self.crash_now(down),
            Happening::Crash { at, down } => self.crash = Some((at, down)),
            Happening::Stop { down } => {
                if let Some(process) = &mut self.process {
                    process.stop();
                    self.is_stopping = true;
                    self.down = down;
                    self.wake = Some(self.time);
                }
            }
            Happening::Suspend(seconds) => self.suspend(seconds),
            Happening::Frozen(seconds) => self.freeze(seconds),
            Happening::ClockStep(by) => {
                self.skew += by * 1000;
                let (at, is_up) = (self.at(), self.process.is_some());
                self.oracle.clock_set(by, is_up, at);
                self.wake = Some(self.time);
            }
            Happening::DiskFull(seconds) => {
                self.disk_full = self.time + seconds * 1000 + 1;
                self.bound_disk();
            }
            Happening::Locked(seconds) => {
                if self.moved.is_none() && self.locked.is_none() {
                    let other = Connection::open(self.folder.join("growth.db"))?;
                    if other.execute_batch("BEGIN IMMEDIATE").is_ok() {
                        self.locked = Some((other, self.time + seconds * 1000));
                    }
                }
            }
            Happening::Moved(seconds) => {
                if self.moved.is_none() && self.locked.is_none() {
                    self.moved = Some(self.time + seconds * 1000);
                    self.rename("growth.db", "away.db");
                }
            }
            Happening::Requested(which) => self.request(which),
            Happening::Cancelled => {
                if let Some(process) = &mut self.process {
                    process.cancel(self.requester);
                    self.oracle.wishes.cancelled(self.requester);
                }
            }
            Happening::LookUp => {
                self.requester += 1;
                if let Some(process) = self.process.as_mut().filter(|_| !self.is_stopping) {
                    self.oracle.wishes.looked_up();
                    self.oracle.forced(self.time / 1000);
                    process.look_up(self.requester, &format!("name-{}", self.requester));
                    self.wake = Some(self.time);
                }
            }
        }
        Ok(true)
    }

    /// One account, a few, all, or one that nobody has.
    fn request(&mut self, which: u64) {
        let random = &mut Random::new(which);
        let some = |entries: &[Entry], random: &mut Random| {
            entries[random.below(entries.len())].watched.id.to_string()
        };
        let ids: Vec<String> = match random.between(0, 9) {
            0 => self.entries.iter().map(|entry| entry.watched.id.to_string()).collect(),
            1..=2 => (0..3).map(|_| some(&self.entries, random)).collect(),
            3 => vec!["nobody-here".to_owned()],
            _ => vec![some(&self.entries, random)],
        };
        self.requester += 1;
        if let Some(process) = self.process.as_mut().filter(|_| !self.is_stopping) {
            let at = At { world_ms: self.time, skew_ms: self.skew };
            if process.request(self.requester, &ids, at).is_ok() {
                self.oracle.wishes.asked(self.requester, &ids);
                if ids[0] != "nobody-here" {
                    self.oracle.forced(at.world());
                }
            }
            self.wake = Some(self.time);
        }
    }

    /// The machine sleeps; what is answered meanwhile may be lost.
    fn suspend(&mut self, seconds: i64) {
        self.time += seconds * 1000;
        let time = self.time;
        for call in self.calls.iter_mut().filter(|call| call.arrives < time) {
            call.arrives = time;
            if self.random.chance(60) {
                call.kind = Kind::TimedOut;
            }
        }
        let at = self.at();
        if let Some(process) = &mut self.process {
            process.resumed(at);
            self.oracle.woke(at);
            self.wake = Some(time);
        }
    }

    /// Nothing runs but the clock; what is answered meanwhile is there afterwards.
    fn freeze(&mut self, seconds: i64) {
        self.time += seconds * 1000;
        let (time, at) = (self.time, self.at());
        for call in &mut self.calls {
            call.arrives = call.arrives.max(time);
        }
        if self.process.is_some() {
            self.oracle.thawed(at);
            self.wake = Some(time);
        }
    }

    fn crash_now(&mut self, down: i64) {
        if self.process.take().is_some() {
            self.say(|| format!("crashed, down for {down} s"));
            self.calls.clear();
            self.oracle.forgets();
            self.crash = None;
            self.is_stopping = false;
            self.starts = self.time + down * 1000 + 1;
        }
    }

    /// Crashes if this is the step to do it at.
    fn crashes(&mut self, step: Step) -> bool {
        match self.crash {
            Some((at, down)) if at == step => {
                self.crash_now(down);
                true
            }
            _ => false,
        }
    }

    fn start(&mut self) -> Result<(), Broken> {
        self.starts = self.time + AGAIN * 1000;
        if self.moved.is_some() {
            return Ok(());
        }
        let boot = self.random.between(0, self.time);
        let path = self.folder.join("growth.db");
        let told =
            self.sabotage.map_or(self.config.clone(), |sabotage| sabotage.config(&self.config));
        let has_own_clock = self.sabotage != Some(Sabotage::SetUnheard);
        let mut process = match Process::start(&path, told.clone(), boot, has_own_clock) {
            Ok(process) => process,
            Err(error) => return self.fails(&error),
        };
        let list: Vec<_> = self.list().iter().map(|entry| entry.watched.clone()).collect();
        if let Err(error) = process.watch(&list, told, self.at()) {
            return self.fails(&error);
        }
        self.say(|| "started".to_owned());
        self.process = Some(process);
        self.is_reload_due = false;
        self.is_stopping = false;
        self.wake = Some(self.time);
        self.bound_disk();
        self.oracle.started(self.at())?;
        self.tell_list(true)
    }

    /// Tells the oracle what was taken.
    fn tell_list(&mut self, is_start: bool) -> Result<(), Broken> {
        let at = self.at();
        let entries = if self.emptied.is_some() { &[][..] } else { &self.entries };
        self.oracle.watched(entries, &self.config, is_start, at)
    }

    /// What the store refuses is right only while the file is in trouble.
    fn fails(&mut self, error: &StoreError) -> Result<(), Broken> {
        self.say(|| format!("the store: {error}"));
        self.wake = Some(self.time + AGAIN * 1000);
        let at = self.at();
        self.oracle.store_failed(at.world() + AGAIN + 1, at);
        hold(self.is_in_trouble(), Promise::Store, || error.to_string())
    }

    fn receive(&mut self) {
        self.calls.sort_by_key(|call| call.arrives);
        let (at, time) = (self.at(), self.time);
        let count = self.calls.partition_point(|call| call.arrives <= time);
        for Call { claim, kind, id, .. } in self.calls.drain(..count).collect::<Vec<_>>() {
            let error = self.plan.date_error(at.world());
            let date = self.plan.has_date.then_some(Time(at.world() + error));
            let off = at.world() + error - at.wall();
            let contradicts = date.is_some() && kind.is_answer() && off.abs() > CLOCK_TOLERANCE;
            let count = match kind {
                Kind::Cached => 7,
                _ => 10 + self.random.next() % 1_000_000,
            };
            self.oracle.hears(claim.refresh().0, Heard { kind, contradicts, count, arrived: time });
            self.say(|| format!("{id} is answered: {kind:?}"));
            let told = self.sabotage.map_or(kind, |sabotage| sabotage.kind(kind));
            let date = date.filter(|_| self.sabotage != Some(Sabotage::DateUnheard));
            let answer = told.answer(&id, count, date);
            if let Some(process) = &mut self.process {
                process.take(claim, answer, at);
            }
        }
    }

    fn turn(&mut self) -> Result<(), Broken> {
        if self.crash.is_some_and(|(at, _)| at == Step::Answered) && self.crashes(Step::Answered) {
            return Ok(());
        }
        let at = self.at();
        let list: Vec<_> = match self.is_reload_due {
            true => self.list().iter().map(|entry| entry.watched.clone()).collect(),
            false => Vec::new(),
        };
        let told =
            self.sabotage.map_or(self.config.clone(), |sabotage| sabotage.config(&self.config));
        let Some(process) = &mut self.process else { return Ok(()) };
        if self.is_reload_due && !self.is_stopping {
            match process.watch(&list, told, at) {
                Ok(changes) => {
                    self.is_reload_due = false;
                    self.say(|| format!("reloaded: {changes}"));
                    self.tell_list(false)?;
                    if let Some(sabotage) = self.sabotage {
                        sabotage.after_reload(&self.oracle, at)?;
                    }
                }
                Err(error) => return self.fails(&error),
            }
        }
        let Some(process) = &mut self.process else { return Ok(()) };
        let turn = match process.turn(at) {
            Ok(turn) => turn,
            Err(error) => return self.fails(&error),
        };
        for event in &turn.events {
            self.say(|| format!("  {event}"));
        }
        if let Some(sabotage) = self.sabotage {
            sabotage.before_oracle(&self.oracle)?;
        }
        self.oracle.turned(at)?;
        if let Some(sabotage) = self.sabotage {
            sabotage.after_turn(&self.oracle, &turn.claims, &mut self.random, at)?;
        }
        self.wake = Some(turn.wake.unwrap_or(i64::MAX).min(self.time + HEARTBEAT));
        if self.is_reload_due {
            self.wake = Some(self.time + AGAIN * 1000);
        }
        hold(self.spins < SPINS, Promise::NoSpinning, || {
            format!("wake {:?} at {at:?}", turn.wake)
        })?;
        self.send_all(turn.claims)?;
        let is_done = self.process.as_ref().is_some_and(Process::is_idle);
        if self.is_stopping && is_done {
            self.say(|| "stopped".to_owned());
            self.process = None;
            self.is_stopping = false;
            self.starts = self.time + self.down * 1000 + 1;
        }
        Ok(())
    }

    fn send_all(&mut self, claims: Vec<Claim>) -> Result<(), Broken> {
        let count = claims.len();
        if count == 0 {
            self.crashes(Step::Settled);
            return Ok(());
        }
        if self.crashes(Step::Claimed) {
            return Ok(());
        }
        for (place, claim) in claims.into_iter().enumerate() {
            self.send(claim)?;
            if place == count / 2 && self.crashes(Step::HalfSent) {
                return Ok(());
            }
        }
        self.crashes(Step::Sent);
        Ok(())
    }

    fn send(&mut self, claim: Claim) -> Result<(), Broken> {
        let account = claim.account_id().map(|id| number_of(id.as_str()));
        // Somebody looked up is the next who comes into the list.
        let number = account.unwrap_or(self.entries.len() + self.removed.len());
        let kind = self.plan.kind(account, self.time.div_euclid(1000), &mut self.random);
        // Whoever is looked up is whom the answer names.
        let kind = if account.is_none() && kind == Kind::OtherAccount { Kind::Ok } else { kind };
        let latency = match kind {
            Kind::TimedOut => self.plan.timeout * 1000,
            Kind::NotSent => self.random.between(1, 10_000),
            _ if self.random.chance(5) => self.random.between(1, self.plan.timeout * 1000),
            _ => self.random.between(300, 9000),
        };
        if kind != Kind::NotSent {
            let is_charged = kind.may_charge() && self.random.chance(90);
            self.oracle.leaves(claim.refresh().0, is_charged)?;
        }
        self.say(|| format!("asks: {claim:?}"));
        self.calls.push(Call { claim, kind, id: id_of(number), arrives: self.time + latency });
        Ok(())
    }
}

fn store(error: &StoreError) -> Broken {
    Broken::new(Promise::Store, error.to_string())
}
