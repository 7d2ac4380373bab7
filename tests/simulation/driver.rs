//! The machine: its clock, a process that starts and ends, faults of its files, and the network.

use std::path::PathBuf;

use growthd::api::CLOCK_TOLERANCE;
use growthd::clock::Time;
use growthd::engine::EngineConfig;
use growthd::store::{Claim, StoreError};
use rusqlite::Connection;

use super::oracle::{Oracle, Response};
use super::plan::{Entry, Plan, id_of, number_of};
use super::process::Process;
use super::promise::{Promise, Violation, ensure};
use super::random::Random;
use super::sabotage::Sabotage;
use super::time::At;
use super::vendor::{Kind, Nature};
use super::world_event::{CrashPoint, WorldEvent, edit};

/// How often in a row a turn may request another one for the same moment.
const MAX_SPINS: usize = 50;

/// The delay after a failed turn or start, in seconds.
const RETRY_DELAY: i64 = 60;

/// How often an idle process is woken, in milliseconds. The daemon's heartbeat is far more
/// frequent.
const HEARTBEAT: i64 = 24 * 3600 * 1000;

/// How many scheduled calls may fail in a row while an account is well and due; two more for each
/// account that fails.
const MOST_PASSED_OVER: usize = 6;

/// How many accounts edits may add to the list.
const MAX_ADDED: usize = 8;

/// A call in flight.
#[derive(Debug)]
struct Call {
    claim: Claim,
    kind: Kind,
    /// The account in the response.
    id: String,
    /// When its result arrives, in the world's milliseconds.
    arrives: i64,
}

/// The world of one seed. Times are the world's, in milliseconds, unless noted otherwise.
pub struct Driver<'a> {
    plan: &'a Plan,
    random: Random,
    folder: PathBuf,
    time: i64,
    /// How far the machine's clock is ahead of the world's.
    skew: i64,
    entries: Vec<Entry>,
    removed: Vec<Entry>,
    /// Until when the list is empty.
    emptied: Option<i64>,
    config: EngineConfig,
    process: Option<Process>,
    is_reload_due: bool,
    is_stopping: bool,
    starts: i64,
    wake: Option<i64>,
    calls: Vec<Call>,
    crash: Option<(CrashPoint, i64)>,
    down: i64,
    disk_full: i64,
    locked: Option<(Connection, i64)>,
    moved: Option<i64>,
    next_event: usize,
    requester: u64,
    spins: usize,
    /// The scheduled calls that failed in a row while an account was well and due.
    passed_over: usize,
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
    ) -> Result<Driver<'a>, Violation> {
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
            next_event: 0,
            requester: 0,
            spins: 0,
            passed_over: 0,
            oracle: Oracle::new(&path, plan.config.clone(), seed)?,
            folder,
            sabotage,
            trace: is_traced.then(Vec::new),
        })
    }

    fn log(&mut self, what: impl FnOnce() -> String) {
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

    /// Runs the whole plan.
    pub fn run(&mut self) -> Result<(), Violation> {
        let end = self.plan.end * 1000;
        while self.time < end {
            self.advance(end);
            if self.process.is_some() && !self.is_stopping && !self.has_file_fault() {
                self.oracle.check_waiting(self.at())?;
            }
            self.end_faults();
            if self.apply_next_event()? {
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

    /// Advances the time to the next moment at which anything happens.
    fn advance(&mut self, end: i64) {
        let mut next = end;
        let mut consider = |time: Option<i64>| next = next.min(time.unwrap_or(i64::MAX));
        consider(self.plan.events.get(self.next_event).map(|(time, _)| time * 1000));
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

    /// Ends the faults that are over.
    fn end_faults(&mut self) {
        if self.locked.as_ref().is_some_and(|(_, until)| *until <= self.time) {
            self.locked = None;
            self.log(|| "the lock is gone".to_owned());
        }
        if self.moved.is_some_and(|until| until <= self.time) {
            self.moved = None;
            self.rename("away.db", "growth.db");
            self.log(|| "the file is back".to_owned());
        }
        if self.disk_full > 0 && self.disk_full <= self.time {
            self.disk_full = 0;
            self.limit_disk();
            self.log(|| "the disk has free space".to_owned());
        }
        if self.emptied.is_some_and(|until| until <= self.time) {
            self.emptied = None;
            self.log(|| "the list is back".to_owned());
            self.reload();
        }
    }

    fn has_file_fault(&self) -> bool {
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

    fn limit_disk(&mut self) {
        let pages = u32::from(self.disk_full > 0);
        if let Some(process) = &mut self.process {
            process.limit_pages(pages);
        }
    }

    /// Returns the entries of the current list.
    fn list(&self) -> &[Entry] {
        if self.emptied.is_some() { &[] } else { &self.entries }
    }

    fn reload(&mut self) {
        self.is_reload_due = self.process.is_some() && !self.is_stopping;
        self.wake = Some(self.time);
    }

    /// Applies the next event if it is due. Returns whether there was one.
    fn apply_next_event(&mut self) -> Result<bool, Violation> {
        let Some((time, event)) = self.plan.events.get(self.next_event).copied() else {
            return Ok(false);
        };
        if time * 1000 > self.time {
            return Ok(false);
        }
        // Many events may come at one moment, after the machine was suspended. None of their turns
        // was requested by the turn before it.
        self.spins = 0;
        self.next_event += 1;
        self.log(|| format!("{event:?}"));
        match event {
            WorldEvent::Edit(how) => {
                let most = self.plan.entries.len() + MAX_ADDED;
                edit(&mut self.entries, &mut self.removed, most, how);
                if how % 5 == 0 {
                    self.config.max_in_flight = 1 + usize::from(how % 2 == 0);
                    self.config.retry.max_paid_attempts = 3;
                }
                self.reload();
            }
            WorldEvent::Reload => self.reload(),
            WorldEvent::Emptied(seconds) => {
                self.emptied = Some(self.time + seconds * 1000 + 1);
                self.reload();
            }
            WorldEvent::Crash { at: CrashPoint::Idle, down } => self.crash_now(down),
            WorldEvent::Crash { at, down } => self.crash = Some((at, down)),
            WorldEvent::Stop { down } => {
                if let Some(process) = &mut self.process {
                    process.stop();
                    self.is_stopping = true;
                    self.down = down;
                    self.wake = Some(self.time);
                }
            }
            WorldEvent::Suspend(seconds) => self.suspend(seconds),
            WorldEvent::Frozen(seconds) => self.freeze(seconds),
            WorldEvent::ClockStep(by) => {
                self.skew += by * 1000;
                let (at, is_up) = (self.at(), self.process.is_some());
                self.oracle.clock_set(by, is_up, at);
                self.wake = Some(self.time);
            }
            WorldEvent::DiskFull(seconds) => {
                self.disk_full = self.time + seconds * 1000 + 1;
                self.limit_disk();
            }
            WorldEvent::Locked(seconds) => {
                if self.moved.is_none() && self.locked.is_none() {
                    let other = Connection::open(self.folder.join("growth.db"))?;
                    if other.execute_batch("BEGIN IMMEDIATE").is_ok() {
                        self.locked = Some((other, self.time + seconds * 1000));
                    }
                }
            }
            WorldEvent::Moved(seconds) => {
                if self.moved.is_none() && self.locked.is_none() {
                    self.moved = Some(self.time + seconds * 1000);
                    self.rename("growth.db", "away.db");
                }
            }
            WorldEvent::Requested(which) => self.request(which),
            WorldEvent::Cancelled => {
                if let Some(process) = &mut self.process {
                    process.cancel(self.requester);
                    self.oracle.requests.cancel(self.requester);
                }
            }
            WorldEvent::LookUp => {
                self.requester += 1;
                if let Some(process) = self.process.as_mut().filter(|_| !self.is_stopping) {
                    self.oracle.requests.add_lookup();
                    self.oracle.probe_forced(self.time / 1000);
                    process.look_up(self.requester, &format!("name-{}", self.requester));
                    self.wake = Some(self.time);
                }
            }
        }
        Ok(true)
    }

    /// Requests one account, a few, all, or an unknown one.
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
                self.oracle.requested(self.requester, &ids);
                if ids[0] != "nobody-here" {
                    self.oracle.probe_forced(at.world());
                }
            }
            self.wake = Some(self.time);
        }
    }

    /// Suspends the machine. Responses that arrive meanwhile may be lost.
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
            self.oracle.resumed(at);
            self.wake = Some(time);
        }
    }

    /// Stops the process for a while. Responses that arrive meanwhile are received afterwards.
    fn freeze(&mut self, seconds: i64) {
        self.time += seconds * 1000;
        let (time, at) = (self.time, self.at());
        for call in &mut self.calls {
            call.arrives = call.arrives.max(time);
        }
        if self.process.is_some() {
            self.oracle.unfrozen(at);
            self.wake = Some(time);
        }
    }

    fn crash_now(&mut self, down: i64) {
        if self.process.take().is_some() {
            self.log(|| format!("crashed, down for {down} s"));
            self.calls.clear();
            self.oracle.responses_lost();
            self.crash = None;
            self.is_stopping = false;
            self.starts = self.time + down * 1000 + 1;
        }
    }

    /// Crashes if a crash is planned at this point. Returns whether it did.
    fn crash_at(&mut self, step: CrashPoint) -> bool {
        match self.crash {
            Some((at, down)) if at == step => {
                self.crash_now(down);
                true
            }
            _ => false,
        }
    }

    fn start(&mut self) -> Result<(), Violation> {
        self.starts = self.time + RETRY_DELAY * 1000;
        if self.moved.is_some() {
            return Ok(());
        }
        let boot = self.random.between(0, self.time);
        let path = self.folder.join("growth.db");
        let engine_config =
            self.sabotage.map_or(self.config.clone(), |sabotage| sabotage.config(&self.config));
        let has_own_clock = self.sabotage != Some(Sabotage::ClockSetHidden);
        let mut process = match Process::start(&path, engine_config.clone(), boot, has_own_clock) {
            Ok(process) => process,
            Err(error) => return self.store_failed(&error),
        };
        let list: Vec<_> = self.list().iter().map(|entry| entry.watched.clone()).collect();
        if let Err(error) = process.watch(&list, engine_config, self.at()) {
            return self.store_failed(&error);
        }
        self.log(|| "started".to_owned());
        self.process = Some(process);
        self.is_reload_due = false;
        self.is_stopping = false;
        self.wake = Some(self.time);
        self.limit_disk();
        self.oracle.started(self.at())?;
        self.report_watchlist(true)
    }

    /// Reports the watchlist in use to the oracle.
    fn report_watchlist(&mut self, is_start: bool) -> Result<(), Violation> {
        let at = self.at();
        let entries = if self.emptied.is_some() { &[][..] } else { &self.entries };
        self.oracle.watched(entries, &self.config, is_start, at)
    }

    /// Handles an error of the store, which is a violation unless there is a fault of the file.
    fn store_failed(&mut self, error: &StoreError) -> Result<(), Violation> {
        self.log(|| format!("the store: {error}"));
        self.wake = Some(self.time + RETRY_DELAY * 1000);
        let at = self.at();
        self.oracle.store_failed(at.world() + RETRY_DELAY + 1, at);
        ensure(self.has_file_fault(), Promise::Store, || error.to_string())
    }

    fn receive(&mut self) {
        self.calls.sort_by_key(|call| call.arrives);
        let (at, time) = (self.at(), self.time);
        let count = self.calls.partition_point(|call| call.arrives <= time);
        for Call { claim, kind, id, .. } in self.calls.drain(..count).collect::<Vec<_>>() {
            let error = self.plan.date_error(at.world());
            let date = self.plan.has_date.then_some(Time(at.world() + error));
            let off = at.world() + error - at.wall();
            let contradicts = date.is_some() && kind.has_response() && off.abs() > CLOCK_TOLERANCE;
            let count = match kind {
                Kind::Cached => 7,
                _ => 10 + self.random.next() % 1_000_000,
            };
            self.oracle.response_delivered(
                claim.refresh().0,
                Response { kind, contradicts, count, arrived: time },
            );
            self.log(|| format!("{id}: response {kind:?}"));
            let delivered = self.sabotage.map_or(kind, |sabotage| sabotage.kind(kind));
            let date = date.filter(|_| self.sabotage != Some(Sabotage::DateHidden));
            let result = delivered.response(&id, count, date);
            if let Some(process) = &mut self.process {
                process.take(claim, result, at);
            }
        }
    }

    fn turn(&mut self) -> Result<(), Violation> {
        if self.crash.is_some_and(|(at, _)| at == CrashPoint::Answered)
            && self.crash_at(CrashPoint::Answered)
        {
            return Ok(());
        }
        let at = self.at();
        let list: Vec<_> = match self.is_reload_due {
            true => self.list().iter().map(|entry| entry.watched.clone()).collect(),
            false => Vec::new(),
        };
        let engine_config =
            self.sabotage.map_or(self.config.clone(), |sabotage| sabotage.config(&self.config));
        let Some(process) = &mut self.process else { return Ok(()) };
        if self.is_reload_due && !self.is_stopping {
            match process.watch(&list, engine_config, at) {
                Ok(changes) => {
                    self.is_reload_due = false;
                    self.log(|| format!("reloaded: {changes}"));
                    self.report_watchlist(false)?;
                    if let Some(sabotage) = self.sabotage {
                        sabotage.after_reload(&self.oracle, at)?;
                    }
                }
                Err(error) => return self.store_failed(&error),
            }
        }
        let Some(process) = &mut self.process else { return Ok(()) };
        let turn = match process.turn(at) {
            Ok(turn) => turn,
            Err(error) => return self.store_failed(&error),
        };
        for event in &turn.events {
            self.log(|| format!("  {event}"));
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
            self.wake = Some(self.time + RETRY_DELAY * 1000);
        }
        ensure(self.spins < MAX_SPINS, Promise::NoSpinning, || {
            format!("wake {:?} at {at:?}", turn.wake)
        })?;
        self.send_all(turn.claims)?;
        let is_done = self.process.as_ref().is_some_and(Process::is_idle);
        if self.is_stopping && is_done {
            self.log(|| "stopped".to_owned());
            self.process = None;
            self.is_stopping = false;
            self.starts = self.time + self.down * 1000 + 1;
        }
        Ok(())
    }

    fn send_all(&mut self, claims: Vec<Claim>) -> Result<(), Violation> {
        let count = claims.len();
        if count == 0 {
            self.crash_at(CrashPoint::Settled);
            return Ok(());
        }
        if self.crash_at(CrashPoint::Claimed) {
            return Ok(());
        }
        for (index, claim) in claims.into_iter().enumerate() {
            self.send(claim)?;
            if index == count / 2 && self.crash_at(CrashPoint::HalfSent) {
                return Ok(());
            }
        }
        self.crash_at(CrashPoint::Sent);
        Ok(())
    }

    /// Checks that an account which is well and due is not passed over for those that fail, by what
    /// is known of the vendor and not by what growthd can know.
    fn check_passed_over(&mut self, account: usize, kind: Kind) -> Result<(), Violation> {
        let at = self.at();
        if kind.nature() == Nature::Served || self.plan.is_unwell(at.world()) {
            self.passed_over = 0;
            return Ok(());
        }
        let failing = self.plan.failing_accounts(at.world());
        let is_passed_over = |entry: &&Entry| {
            let number = entry.number();
            number != account
                && !failing.contains(&number)
                && self.oracle.is_waiting(entry.watched.id.as_str(), at)
        };
        let Some(well) = self.list().iter().find(is_passed_over).map(Entry::number) else {
            self.passed_over = 0;
            return Ok(());
        };
        self.passed_over += 1;
        let most = MOST_PASSED_OVER + 2 * failing.len();
        ensure(self.passed_over <= most, Promise::NotPassedOver, || {
            let count = self.passed_over;
            format!("{} waits while {count} calls failed", id_of(well))
        })
    }

    fn send(&mut self, claim: Claim) -> Result<(), Violation> {
        let account = claim.account_id().map(|id| number_of(id.as_str()));
        // An account found by a lookup is the next to be added to the list.
        let number = account.unwrap_or(self.entries.len() + self.removed.len());
        let kind = self.plan.kind(account, self.time.div_euclid(1000), &mut self.random);
        // The response to a lookup names the account itself, so it is never another one.
        let kind = if account.is_none() && kind == Kind::OtherAccount { Kind::Ok } else { kind };
        if let Some(account) = account.filter(|_| claim.cause().is_scheduled()) {
            self.check_passed_over(account, kind)?;
        }
        let latency = match kind {
            Kind::TimedOut => self.plan.timeout * 1000,
            Kind::NotSent => self.random.between(1, 10_000),
            _ if self.random.chance(5) => self.random.between(1, self.plan.timeout * 1000),
            _ => self.random.between(300, 9000),
        };
        if kind != Kind::NotSent {
            let is_charged = kind.may_charge() && self.random.chance(90);
            self.oracle.request_sent(claim.refresh().0, is_charged)?;
        }
        self.log(|| format!("calls: {claim:?}"));
        self.calls.push(Call { claim, kind, id: id_of(number), arrives: self.time + latency });
        Ok(())
    }
}

fn store(error: &StoreError) -> Violation {
    Violation::new(Promise::Store, error.to_string())
}
