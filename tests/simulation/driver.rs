//! The machine: a clock, a process that starts and ends, a file in trouble, and the wire.

use std::path::PathBuf;

use growthd::api::CLOCK_TOLERANCE;
use growthd::clock::{Now, Time};
use growthd::engine::{ClaimMode, CompletedCall, Engine, EngineConfig, RefreshRequest};
use growthd::store::{Claim, Creation, Store, StoreError};
use rusqlite::Connection;

use super::oracle::Oracle;
use super::plan::{Entry, Happening, Plan, Step, edit};
use super::promise::{Broken, Promise, hold};
use super::random::Random;
use super::sabotage::Sabotage;
use super::vendor::Kind;

/// How often a turn may have nothing to do and ask for another at once.
const SPINS: usize = 50;

/// How long after a failed turn the daemon tries again, in seconds.
const AGAIN: i64 = 60;

/// A call on its way.
#[derive(Debug)]
struct Call {
    claim: Claim,
    kind: Kind,
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
    terms: EngineConfig,
    engine: Option<Engine>,
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
        Store::open(&path, Creation::Allowed).map_err(|error| store(&error))?;
        Ok(Driver {
            plan,
            random: Random::new(seed ^ 0xd1ce),
            time: plan.start * 1000,
            skew: 0,
            entries: plan.entries.clone(),
            removed: Vec::new(),
            terms: plan.terms.clone(),
            engine: None,
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
            spins: 0,
            oracle: Oracle::new(&path, plan.terms.clone(), plan.timeout)?,
            folder,
            sabotage,
            trace: is_traced.then(Vec::new),
        })
    }

    fn say(&mut self, what: impl FnOnce() -> String) {
        let (time, now) = (Time(self.time.div_euclid(1000)), self.now());
        if let Some(trace) = &mut self.trace {
            let skew = if self.skew == 0 { String::new() } else { format!(" (clock {now:?})") };
            trace.push(format!("{time}{skew} {}", what()));
        }
    }

    /// The machine's clock.
    fn now(&self) -> Now {
        Now(self.time + self.skew)
    }

    fn local(&self) -> i64 {
        self.now().time().0
    }

    /// Lives through the whole plan.
    pub fn run(&mut self) -> Result<(), Broken> {
        let end = self.plan.end * 1000;
        while self.time < end {
            self.advance(end);
            if self.engine.is_some() {
                self.oracle.check_waiting(self.local())?;
            }
            self.mend()?;
            if self.happens()? {
                continue;
            }
            if self.engine.is_none() {
                if self.time >= self.starts {
                    self.start()?;
                }
                continue;
            }
            self.receive()?;
            if self.engine.is_some() {
                self.turn()?;
            }
        }
        self.oracle.finish()
    }

    /// To when something is next.
    fn advance(&mut self, end: i64) {
        let mut next = end;
        let mut consider = |time: Option<i64>| next = next.min(time.unwrap_or(i64::MAX));
        consider(self.plan.happenings.get(self.happened).map(|(time, _)| time * 1000));
        if self.engine.is_none() {
            consider(Some(self.starts));
        } else {
            consider(self.wake);
            consider(self.calls.iter().map(|call| call.arrives).min());
        }
        consider(self.locked.as_ref().map(|(_, until)| *until));
        consider(self.moved);
        consider((self.disk_full > 0).then_some(self.disk_full));
        match next > self.time {
            true => {
                self.time = next;
                self.spins = 0;
            }
            false => self.spins += 1,
        }
    }

    /// Ends the file's troubles whose time has come.
    fn mend(&mut self) -> Result<(), Broken> {
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
        Ok(())
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
        if let Some(engine) = &mut self.engine {
            engine.store().bound_pages(pages).expect("a bound");
        }
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
                edit(&mut self.entries, &mut self.removed, how);
                if how % 5 == 0 {
                    self.terms.max_in_flight = 1 + usize::from(how % 2 == 0);
                    self.terms.retry.max_paid_attempts = 3;
                }
                self.is_reload_due = self.engine.is_some() && !self.is_stopping;
                self.wake = Some(self.time);
            }
            Happening::Crash { at: Step::Idle, down } => self.crash_now(down),
            Happening::Crash { at, down } => self.crash = Some((at, down)),
            Happening::Stop { down } => {
                if let Some(engine) = &mut self.engine {
                    engine.stop();
                    self.is_stopping = true;
                    self.down = down;
                    self.wake = Some(self.time);
                }
            }
            Happening::Suspend(seconds) => self.suspend(seconds)?,
            Happening::ClockStep(by) => {
                self.skew += by * 1000;
                let now = self.local();
                self.oracle.clock_stepped(by, now);
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
            Happening::RefreshRequest(which) => {
                let count = u64::try_from(self.entries.len()).expect("few");
                let place = usize::try_from(which % count).expect("small");
                let id = self.entries[place].watched.id.clone();
                if let Some(engine) = self.engine.as_mut().filter(|_| !self.is_stopping) {
                    self.oracle.wished(id.as_str());
                    engine.wish(RefreshRequest::Now(id));
                    self.wake = Some(self.time);
                }
            }
        }
        Ok(true)
    }

    fn suspend(&mut self, seconds: i64) -> Result<(), Broken> {
        self.time += seconds * 1000;
        let time = self.time;
        for call in self.calls.iter_mut().filter(|call| call.arrives < time) {
            call.arrives = time;
            if self.random.chance(60) {
                call.kind = Kind::TimedOut;
            }
        }
        let now = self.now();
        if let Some(engine) = &mut self.engine {
            engine.resumed(now);
            self.oracle.resumed(now.time().0);
            self.wake = Some(time);
        }
        Ok(())
    }

    fn crash_now(&mut self, down: i64) {
        if self.engine.take().is_some() {
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
        let opened = Store::open(&self.folder.join("growth.db"), Creation::Refused);
        let store = match opened {
            Ok(store) => store,
            Err(error) => return self.fails(&error),
        };
        store.make_volatile().map_err(|error| self::store(&error))?;
        let mut engine = Engine::new(store, self.terms.clone(), ClaimMode::Due);
        let list: Vec<_> = self.entries.iter().map(|entry| entry.watched.clone()).collect();
        if let Err(error) = engine.watch(&list, self.terms.clone(), self.now()) {
            return self.fails(&error);
        }
        self.say(|| "started".to_owned());
        self.engine = Some(engine);
        self.is_reload_due = false;
        self.is_stopping = false;
        self.wake = Some(self.time);
        self.bound_disk();
        let now = self.local();
        self.oracle.started(now)?;
        self.oracle.watched(&self.entries, &self.terms, now);
        Ok(())
    }

    /// What the store refuses is right only while the file is in trouble.
    fn fails(&mut self, error: &StoreError) -> Result<(), Broken> {
        self.say(|| format!("the store: {error}"));
        self.wake = Some(self.time + AGAIN * 1000);
        let excused = self.local() + AGAIN + 1;
        self.oracle.excuse(excused);
        hold(self.is_in_trouble(), Promise::Store, || error.to_string())
    }

    fn receive(&mut self) -> Result<(), Broken> {
        let (now, time, skew) = (self.now(), self.time, self.skew);
        let mut place = 0;
        while place < self.calls.len() {
            if self.calls[place].arrives > time {
                place += 1;
                continue;
            }
            let Call { claim, kind, .. } = self.calls.swap_remove(place);
            let (id, world) =
                (claim.account_id().expect("an account").clone(), time.div_euclid(1000));
            let error = self.plan.date_error(world);
            let date = self.plan.has_date.then_some(Time(world + error));
            let off = world + error - now.time().0;
            let is_clock_off = date.is_some() && kind.is_answer() && off.abs() > CLOCK_TOLERANCE;
            let count = self.random.next() % 1_000_000;
            let answer = kind.answer(&id, count, date);
            self.oracle.hears(claim.refresh().0, kind, is_clock_off);
            self.say(|| format!("{id} is answered: {kind:?} skew {skew}"));
            if let Some(engine) = &mut self.engine {
                engine.take(CompletedCall::new(claim, answer, now.time()));
            }
        }
        Ok(())
    }

    fn turn(&mut self) -> Result<(), Broken> {
        if self.crash.is_some_and(|(at, _)| at == Step::Answered) && self.crashes(Step::Answered) {
            return Ok(());
        }
        let now = self.now();
        let Some(engine) = &mut self.engine else { return Ok(()) };
        if self.is_reload_due && !self.is_stopping {
            let list: Vec<_> = self.entries.iter().map(|entry| entry.watched.clone()).collect();
            match engine.watch(&list, self.terms.clone(), now) {
                Ok(changes) => {
                    self.is_reload_due = false;
                    self.oracle.watched(&self.entries, &self.terms, now.time().0);
                    self.say(|| format!("reloaded: {changes}"));
                }
                Err(error) => return self.fails(&error),
            }
        }
        let Some(engine) = &mut self.engine else { return Ok(()) };
        let turn = match engine.turn(now) {
            Ok(turn) => turn,
            Err(error) => return self.fails(&error),
        };
        for event in &turn.events {
            self.say(|| format!("  {event:?}"));
        }
        self.oracle.turned(now)?;
        if let Some(sabotage) = self.sabotage {
            sabotage.after_turn(&self.oracle, &turn.claims, &mut self.random)?;
        }
        self.wake = turn.wake.map(|wake| wake.0 - self.skew);
        if self.is_reload_due {
            self.wake = Some(self.time + AGAIN * 1000);
        }
        hold(self.spins < SPINS, Promise::NoSpinning, || {
            format!("wake {:?} at {now:?}", turn.wake)
        })?;
        if !turn.claims.is_empty() && self.crashes(Step::Claimed) {
            return Ok(());
        }
        let count = turn.claims.len();
        for (place, claim) in turn.claims.into_iter().enumerate() {
            self.send(claim)?;
            if place == count / 2 && self.crashes(Step::HalfSent) {
                return Ok(());
            }
        }
        if count > 0 && self.crashes(Step::Sent) {
            return Ok(());
        }
        if count == 0 && self.crashes(Step::Settled) {
            return Ok(());
        }
        let is_done = self.engine.as_ref().is_some_and(Engine::is_idle);
        if self.is_stopping && is_done {
            self.say(|| "stopped".to_owned());
            self.engine = None;
            self.starts = self.time + self.down * 1000 + 1;
        }
        Ok(())
    }

    fn send(&mut self, claim: Claim) -> Result<(), Broken> {
        let id = claim.account_id().expect("an account").as_str();
        let account: usize = id["account-".len()..].parse().expect("a number");
        let kind = self.plan.kind(account, self.time.div_euclid(1000), &mut self.random);
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
        self.calls.push(Call { claim, kind, arrives: self.time + latency });
        Ok(())
    }
}

fn store(error: &StoreError) -> Broken {
    Broken::new(Promise::Store, error.to_string())
}
