//! A daemon on its own database file that a test drives step by step.

use std::collections::HashMap;

use growthd::clock::Time;
use growthd::config::{CatchUp, OnUnknown, Retry, Watched};
use growthd::engine::EngineConfig;
use growthd::store::Claim;
use rusqlite::Connection;

use super::process::{Process, Turned};
use super::time::At;
use super::vendor::Kind;

/// Parses a UTC time.
pub fn at(text: &str) -> i64 {
    let connection = Connection::open_in_memory().expect("a database");
    let sql = "SELECT CAST(strftime('%s', ?1) AS INTEGER)";
    connection.query_row(sql, [text], |row| row.get(0)).expect("a time")
}

/// Returns the default configuration without a limit on the pace.
pub fn config() -> EngineConfig {
    EngineConfig {
        retry: Retry {
            first_delay: 30,
            max_delay: 21_600,
            max_paid_attempts: 3,
            unknown: OnUnknown::Retry,
        },
        budget: None,
        max_in_flight: 4,
        requests_per_minute: 0,
        catch_up: CatchUp::Always,
    }
}

pub struct Bench {
    folder: tempfile::TempDir,
    process: Option<Process>,
    pub list: Vec<Watched>,
    pub config: EngineConfig,
    /// The result of calls for an account.
    pub kinds: HashMap<&'static str, Kind>,
    /// The result of calls for all other accounts.
    pub default_kind: Kind,
    /// The error of the vendor's `Date` in seconds; `None` if it sends none.
    pub date_error: Option<i64>,
    now: At,
    count: u64,
}

impl Bench {
    /// Starts a daemon at `now`, with a correct clock.
    pub fn new(list: Vec<Watched>, config: EngineConfig, now: i64) -> Bench {
        let folder = super::folder();
        Process::create(&folder.path().join("growth.db")).expect("a store");
        let mut bench = Bench {
            folder,
            process: None,
            list,
            config,
            kinds: HashMap::new(),
            default_kind: Kind::Ok,
            date_error: None,
            now: At { world_ms: now * 1000, skew_ms: 0 },
            count: 10,
        };
        bench.start();
        bench
    }

    fn connection(&self) -> Connection {
        Connection::open(self.folder.path().join("growth.db")).expect("a connection")
    }

    /// Advances the time, without turns, until the machine's clock shows this.
    pub fn skip_to(&mut self, wall: i64) {
        self.now.world_ms = wall * 1000 - self.now.skew_ms;
    }

    /// Sets the machine's clock by this many seconds.
    pub fn set_clock(&mut self, by: i64) {
        self.now.skew_ms += by * 1000;
    }

    /// Crashes the process and starts another.
    pub fn start(&mut self) {
        self.process = None;
        let path = self.folder.path().join("growth.db");
        let boot = self.now.world_ms / 2;
        self.process =
            Some(Process::start(&path, self.config.clone(), boot, true).expect("a process"));
        self.watch();
    }

    /// Applies the list and the configuration.
    pub fn watch(&mut self) {
        let process = self.process.as_mut().expect("a process");
        process.watch(&self.list, self.config.clone(), self.now).expect("a watchlist");
    }

    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("a process")
    }

    /// Suspends the machine until its clock shows this.
    pub fn sleep_to(&mut self, wall: i64) {
        self.skip_to(wall);
        let now = self.now;
        self.process().resumed(now);
    }

    /// Requests a refresh.
    pub fn request(&mut self, requester: u64, id: &str) {
        let now = self.now;
        self.process().request(requester, &[id.to_owned()], now).expect("a request");
    }

    pub fn turn(&mut self) -> Turned {
        let now = self.now;
        self.process().turn(now).expect("a turn")
    }

    /// Makes a turn that fails because another process holds the write lock.
    pub fn failing_turn(&mut self) {
        let other = self.connection();
        other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
        let now = self.now;
        self.process().turn(now).expect_err("locked");
    }

    pub fn respond(&mut self, claim: Claim) {
        let id = claim.account_id().map_or_else(|| "looked-up".to_owned(), ToString::to_string);
        let kind = self.kinds.get(id.as_str()).copied().unwrap_or(self.default_kind);
        self.count += 1;
        let date = self.date_error.map(|error| Time(self.now.world() + error));
        let (response, now) = (kind.response(&id, self.count, date), self.now);
        self.process().take(claim, response, now);
    }

    /// Runs until the machine's clock shows this; each call takes a second. Returns the number of
    /// calls.
    pub fn run(&mut self, until: i64) -> usize {
        let mut calls = 0;
        while self.now.wall() < until {
            let Turned { claims, wake, .. } = self.turn();
            calls += claims.len();
            let end = until * 1000 - self.now.skew_ms;
            let soon = self.now.world_ms + 1000;
            self.now.world_ms = match claims.is_empty() {
                true => wake.unwrap_or(end).max(soon).min(end.max(soon)),
                false => soon,
            };
            for claim in claims {
                self.respond(claim);
            }
        }
        calls
    }

    /// Returns the ledger from line `first` on, as `id cause slot outcome`.
    pub fn ledger(&self, first: i64) -> Vec<String> {
        let connection = self.connection();
        let mut statement = connection
            .prepare(
                "SELECT account_id || ' ' || cause || ' ' ||
                        coalesce(strftime('%Y-%m-%dT%H:%M:%S', scheduled_time, 'unixepoch'), '-')
                        || ' ' || outcome
                 FROM refreshes WHERE refresh_id >= ?1 ORDER BY refresh_id",
            )
            .expect("a statement");
        let rows = statement.query_map([first], |row| row.get(0)).expect("rows");
        rows.collect::<Result<_, _>>().expect("text")
    }

    /// Returns the single number that a query yields.
    pub fn query(&self, sql: &str) -> i64 {
        self.connection().query_row(sql, [], |row| row.get(0)).expect("a row")
    }

    /// Returns for how many accounts this slot was bought.
    pub fn bought(&self, slot: &str) -> i64 {
        self.query(&format!(
            "SELECT count(DISTINCT account_id) FROM refreshes
             WHERE outcome = 'ok' AND scheduled_utc = '{slot}Z'"
        ))
    }
}
