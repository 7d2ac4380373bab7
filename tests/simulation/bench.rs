//! A small engine on a file of its own, driven by hand.

use std::collections::HashMap;
use std::sync::Arc;

use growthd::api::Answer;
use growthd::clock::{Now, Time};
use growthd::config::{CatchUp, OnUnknown, Retry, Watched};
use growthd::engine::{ClaimMode, CompletedCall, Engine, EngineConfig, Event};
use growthd::store::{Claim, Creation, Store};

use super::vendor::Kind;

/// A time of day in UTC.
pub fn at(text: &str) -> Time {
    format!("{text}Z").parse().expect("a time")
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
pub fn terms() -> EngineConfig {
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
    engine: Option<Engine>,
    pub list: Vec<Watched>,
    pub terms: EngineConfig,
    /// What the vendor answers from now on; [`Kind::Ok`] where nothing is said.
    pub answers: HashMap<&'static str, Kind>,
    pub date_error: Option<i64>,
    pub events: Vec<Event>,
    count: u64,
}

impl Bench {
    pub fn new(list: Vec<Watched>, terms: EngineConfig) -> Bench {
        let folder = super::folder();
        Store::open(&folder.path().join("growth.db"), Creation::Allowed).expect("a store");
        Bench {
            folder,
            engine: None,
            list,
            terms,
            answers: HashMap::new(),
            date_error: None,
            events: Vec::new(),
            count: 0,
        }
    }

    /// Ends the process where it is.
    pub fn crash(&mut self) {
        self.engine = None;
    }

    /// Begins a process, or takes an edit.
    pub fn watch(&mut self, now: Time) {
        let path = self.folder.path().join("growth.db");
        let terms = &self.terms;
        let engine = self.engine.get_or_insert_with(|| {
            let store = Store::open(&path, Creation::Refused).expect("a store");
            store.make_volatile().expect("a pragma");
            Engine::new(store, terms.clone(), ClaimMode::Due)
        });
        engine.watch(&self.list, self.terms.clone(), now.into()).expect("a watchlist");
    }

    pub fn start(&mut self, now: Time) {
        self.crash();
        self.watch(now);
    }

    pub fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().expect("a process")
    }

    /// One turn; the calls it claims.
    pub fn turn(&mut self, now: Time) -> (Vec<Claim>, Option<Now>) {
        let turn = self.engine().turn(now.into()).expect("a turn");
        self.events.extend(turn.events);
        (turn.claims, turn.wake)
    }

    pub fn answer(&mut self, claim: Claim, now: Time) {
        let kind = self
            .answers
            .get(claim.account_id().expect("an account").as_str())
            .copied()
            .unwrap_or(Kind::Ok);
        self.count += 1;
        let date = self.date_error.map(|error| now.plus(error));
        let answer: Answer = kind.answer(claim.account_id().expect("an account"), self.count, date);
        self.engine().take(CompletedCall::new(claim, answer, now));
    }

    /// Goes on from `now` to before `until`, each answer taking a second. Answers how many
    /// calls were made.
    pub fn run(&mut self, now: Time, until: Time) -> usize {
        let (mut now, mut calls) = (now, 0);
        while now < until {
            let (claims, wake) = self.turn(now);
            calls += claims.len();
            let is_answered = claims.is_empty();
            for claim in claims {
                self.answer(claim, now.plus(1));
            }
            let next = wake.map_or(until, Now::time).max(now.plus(1));
            now = if is_answered { next } else { now.plus(1) };
        }
        calls
    }

    /// Does something while another process holds the write lock.
    pub fn lock(&mut self, meanwhile: impl FnOnce(&mut Bench)) {
        let other = rusqlite::Connection::open(self.folder.path().join("growth.db"));
        let other = other.expect("a writer");
        other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
        meanwhile(self);
    }

    /// Puts a copy of the database, as it is now, aside.
    pub fn back_up(&self) {
        let connection = rusqlite::Connection::open(self.folder.path().join("growth.db"));
        let copy = self.folder.path().join("copy.db");
        let done = connection.expect("a reader").execute("VACUUM INTO ?1", [copy.to_str()]);
        done.expect("a copy");
    }

    /// Puts the copy in the database's place.
    pub fn restore(&self) {
        for suffix in ["-wal", "-shm"] {
            let file = self.folder.path().join(format!("growth.db{suffix}"));
            std::fs::remove_file(file).expect("a journal");
        }
        let [from, to] = ["copy.db", "growth.db"].map(|name| self.folder.path().join(name));
        std::fs::rename(from, to).expect("a rename");
    }

    /// The ledger as `id cause slot outcome`, from line `first` on.
    pub fn ledger(&self, first: i64) -> Vec<String> {
        let connection = rusqlite::Connection::open(self.folder.path().join("growth.db"));
        let connection = connection.expect("a reader");
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
    pub fn number(&self, sql: &str) -> Option<i64> {
        let connection = rusqlite::Connection::open(self.folder.path().join("growth.db"));
        connection.expect("a reader").query_row(sql, [], |row| row.get(0)).expect("a row")
    }
}
