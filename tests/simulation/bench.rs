//! A small daemon on a file of its own, driven by hand.

use std::collections::HashMap;
use std::sync::Arc;

use growthd::clock::Time;
use growthd::config::{CatchUp, OnUnknown, Retry, Watched};
use growthd::engine::EngineConfig;
use growthd::store::Claim;
use rusqlite::Connection;

use super::process::{Process, Turned};
use super::time::At;
use super::vendor::Kind;

/// A time of day in UTC.
pub fn at(text: &str) -> i64 {
    let connection = Connection::open_in_memory().expect("a database");
    let sql = "SELECT CAST(strftime('%s', ?1) AS INTEGER)";
    connection.query_row(sql, [text], |row| row.get(0)).expect("a time")
}

pub fn watched(id: &str, cron: &str, timezone: &str) -> Watched {
    Watched {
        id: id.parse().expect("an id"),
        label: None,
        tags: Vec::new(),
        cron: Arc::from(cron),
        timezone: Arc::from(timezone),
        spread: 0,
        enabled: true,
    }
}

/// The defaults of a configuration, without the pace.
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
    /// What the vendor answers for an account.
    pub answers: HashMap<&'static str, Kind>,
    /// What it answers for all others.
    pub everybody: Kind,
    /// How far the vendor's `Date` is off the world, if it sends one.
    pub date_error: Option<i64>,
    now: At,
    count: u64,
}

impl Bench {
    /// A daemon that starts now, by the machine's clock and the world's.
    pub fn new(list: Vec<Watched>, config: EngineConfig, now: i64) -> Bench {
        let folder = super::folder();
        Process::create(&folder.path().join("growth.db")).expect("a store");
        let mut bench = Bench {
            folder,
            process: None,
            list,
            config,
            answers: HashMap::new(),
            everybody: Kind::Ok,
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

    /// Goes on to when the machine's clock shows this, with nothing happening in between.
    pub fn pass_to(&mut self, wall: i64) {
        self.now.world_ms = wall * 1000 - self.now.skew_ms;
    }

    /// Sets the machine's clock.
    pub fn set_clock(&mut self, by: i64) {
        self.now.skew_ms += by * 1000;
    }

    /// Ends the process where it is, and begins another.
    pub fn start(&mut self) {
        self.process = None;
        let path = self.folder.path().join("growth.db");
        let boot = self.now.world_ms / 2;
        self.process =
            Some(Process::start(&path, self.config.clone(), boot, true).expect("a process"));
        self.watch();
    }

    /// Takes the list as it is.
    pub fn watch(&mut self) {
        let process = self.process.as_mut().expect("a process");
        process.watch(&self.list, self.config.clone(), self.now).expect("a watchlist");
    }

    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("a process")
    }

    /// The machine slept until its clock shows this.
    pub fn sleep_to(&mut self, wall: i64) {
        self.pass_to(wall);
        let now = self.now;
        self.process().resumed(now);
    }

    /// A person asks for an account.
    pub fn request(&mut self, requester: u64, id: &str) {
        let now = self.now;
        self.process().request(requester, &[id.to_owned()], now).expect("a request");
    }

    pub fn turn(&mut self) -> Turned {
        let now = self.now;
        self.process().turn(now).expect("a turn")
    }

    /// A turn while another process holds the write lock.
    pub fn turn_in_vain(&mut self) {
        let other = self.connection();
        other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
        let now = self.now;
        self.process().turn(now).expect_err("locked");
    }

    pub fn answer(&mut self, claim: Claim) {
        let id = claim.account_id().map_or_else(|| "looked-up".to_owned(), ToString::to_string);
        let kind = self.answers.get(id.as_str()).copied().unwrap_or(self.everybody);
        self.count += 1;
        let date = self.date_error.map(|error| Time(self.now.world() + error));
        let (answer, now) = (kind.answer(&id, self.count, date), self.now);
        self.process().take(claim, answer, now);
    }

    /// Lives until the machine's clock shows this, each answer taking a second. Answers how many
    /// calls were made.
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
                self.answer(claim);
            }
        }
        calls
    }

    /// The ledger as `id cause slot outcome`, from line `first` on.
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

    /// A number that the database answers.
    pub fn number(&self, sql: &str) -> i64 {
        self.connection().query_row(sql, [], |row| row.get(0)).expect("a row")
    }

    /// How many accounts this slot was bought for.
    pub fn bought(&self, slot: &str) -> i64 {
        self.number(&format!(
            "SELECT count(DISTINCT account_id) FROM refreshes
             WHERE outcome = 'ok' AND scheduled_utc = '{slot}Z'"
        ))
    }
}
