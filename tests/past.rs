//! A known history: a database with the rows of a test, and its configuration.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use growthd::store::{Creation, Store};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, StatementStatus, params};
use tempfile::TempDir;

/// Monday 2026-01-05, 06:00 UTC: the first of the week 2026-W02.
pub const START: i64 = 1_767_592_800;
pub const HOUR: i64 = 3600;
pub const DAY: i64 = 86_400;
pub const WEEK: i64 = 7 * DAY;

pub struct Past {
    folder: TempDir,
    connection: Connection,
}

/// The numbers of a snapshot; by default NULL.
#[derive(Clone, Copy, Default)]
pub struct Field {
    pub followers: Option<i64>,
    pub likes: Option<i64>,
    pub videos: Option<i64>,
    pub engagement: Option<f64>,
    pub suspect: bool,
    /// The interval of its ledger row; by default a week.
    pub interval: Option<i64>,
}

impl Field {
    pub fn followers(followers: i64) -> Field {
        Field { followers: Some(followers), ..Field::default() }
    }

    pub fn suspect(followers: i64) -> Field {
        Field { followers: Some(followers), suspect: true, ..Field::default() }
    }
}

impl Past {
    pub fn new() -> Past {
        Past::made_by(|path| drop(Store::open(path, Creation::Allowed).expect("a database")))
    }

    /// Uses the database that `make` creates at the path it is given.
    pub fn made_by(make: impl FnOnce(&Path)) -> Past {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("growth.db");
        make(&path);
        fs::write(
            folder.path().join("config.toml"),
            "[database]\npath = \"growth.db\"\n[[account]]\nid = \"clx1\"\n",
        )
        .expect("a configuration");
        let connection = Connection::open(&path).expect("the database");
        Past { folder, connection }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("growth.db")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs SQL, for what the other functions do not cover.
    pub fn run(&self, sql: &str) {
        self.connection.execute_batch(sql).expect(sql);
    }

    /// Adds an account that is watched weekly.
    pub fn account(&self, id: &str, label: Option<&str>, username: Option<&str>) -> i64 {
        self.connection
            .execute(
                "INSERT INTO _account (account_id, label, tags, cron, timezone, spread, enabled,
                                       added_time, active_time, phase, settled_slot, next_due, interval)
                 VALUES (?1, ?2, '[]', '0 6 * * MON', 'UTC', 0, 1, ?3, ?3, 1, ?3, 4000000000, ?4)",
                params![id, label, START, WEEK],
            )
            .expect("an account");
        let account = self.connection.last_insert_rowid();
        self.connection
            .execute(
                "INSERT INTO _profile (account, platform, username) VALUES (?1, 'tiktok', ?2)",
                params![account, username],
            )
            .expect("a profile");
        account
    }

    /// Adds the account's next snapshot. Returns its refresh id.
    pub fn snapshot(&self, account: i64, time: i64, field: Field) -> i64 {
        self.connection
            .execute(
                "INSERT INTO _refresh (account, cause, outcome, spent, interval, started_time, took)
                 VALUES (?1, 4, 1, 1, ?2, ?3, 0)",
                params![account, field.interval.unwrap_or(WEEK), time],
            )
            .expect("a line");
        let refresh = self.connection.last_insert_rowid();
        self.connection
            .execute(
                "INSERT INTO _snapshot VALUES (?1, ?2, ?3, ?4, 10, ?5, ?6, ?7, NULL, NULL, NULL, ?8, NULL)",
                params![
                    account,
                    refresh,
                    time,
                    field.followers,
                    field.videos,
                    field.likes,
                    field.engagement,
                    // Followers that fell to 0 make the whole snapshot suspect.
                    2 * i64::from(field.suspect)
                ],
            )
            .expect("a snapshot");
        self.connection
            .execute("UPDATE _account SET last_refresh = ?2 WHERE account = ?1", [account, refresh])
            .expect("the newest");
        refresh
    }

    /// Adds an account with snapshots of these followers, at these days after the start.
    pub fn series(&self, id: &str, label: &str, username: &str, days: &[(i64, i64)]) -> i64 {
        let account = self.account(id, Some(label), Some(username));
        for (day, followers) in days {
            self.snapshot(account, START + day * DAY, Field::followers(*followers));
        }
        account
    }

    /// Returns the rows of a query, with `|` between their cells. Checks that the system's SQLite,
    /// if there is one, returns the same as the bundled one.
    pub fn query(&self, sql: &str) -> Vec<String> {
        let bundled = self.query_bundled(sql);
        if let Some(systems) = self.query_system(sql) {
            assert_eq!(bundled, systems, "the system's SQLite answers otherwise: {sql}");
        }
        bundled
    }

    /// Like [`Past::query`], but only with the bundled SQLite, which shows a REAL to its last bit.
    pub fn query_bundled(&self, sql: &str) -> Vec<String> {
        let mut statement = self.connection.prepare(sql).expect(sql);
        let columns = statement.column_count();
        let mut rows = statement.query([]).expect(sql);
        let mut found = Vec::new();
        while let Some(row) = rows.next().expect(sql) {
            let cells = (0..columns).map(|column| match row.get_ref(column).expect("a cell") {
                ValueRef::Null => "NULL".to_owned(),
                ValueRef::Integer(whole) => whole.to_string(),
                ValueRef::Real(real) => format!("{real:?}"),
                ValueRef::Text(text) | ValueRef::Blob(text) => {
                    String::from_utf8_lossy(text).into_owned()
                }
            });
            found.push(cells.collect::<Vec<_>>().join("|"));
        }
        found
    }

    fn query_system(&self, sql: &str) -> Option<Vec<String>> {
        let out = Command::new("sqlite3")
            .args(["-batch", "-noheader", "-list", "-nullvalue", "NULL"])
            .arg(format!("file:{}?mode=ro", self.path().display()))
            .arg(sql)
            .output();
        let Ok(out) = out else {
            eprintln!("not run with the system's SQLite: there is no sqlite3");
            return None;
        };
        assert!(out.status.success(), "{sql}: {}", String::from_utf8_lossy(&out.stderr));
        let text = String::from_utf8(out.stdout).expect("UTF-8");
        Some(text.lines().map(str::to_owned).collect())
    }

    /// Returns the query plans of the bundled and of the system's SQLite.
    pub fn plans(&self, sql: &str) -> Vec<String> {
        let sql = format!("EXPLAIN QUERY PLAN {sql}");
        let bundled = self.query_bundled(&sql);
        let bundled = bundled.iter().filter_map(|row| Some(row.rsplit_once('|')?.1.to_owned()));
        let system = self.query_system(&sql).unwrap_or_default();
        bundled.chain(system).collect()
    }

    /// Returns how many steps the bundled SQLite takes for a query.
    pub fn steps(&self, sql: &str) -> i32 {
        let mut statement = self.connection.prepare(sql).expect(sql);
        let rows = statement.query_map([], |_| Ok(())).expect(sql);
        rows.collect::<Result<(), _>>().expect(sql);
        statement.get_status(StatementStatus::VmStep)
    }

    /// Runs growthd on this database.
    pub fn growthd(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_growthd"))
            .current_dir(self.folder.path())
            .args(["--config", "config.toml"])
            .args(arguments)
            .output()
            .expect("growthd runs")
    }

    /// Returns the output of a verb that succeeds.
    pub fn output(&self, arguments: &[&str]) -> String {
        let out = self.growthd(arguments);
        let errors = String::from_utf8_lossy(&out.stderr);
        assert_eq!((out.status.code(), &*errors), (Some(0), ""), "{arguments:?}");
        String::from_utf8(out.stdout).expect("UTF-8")
    }

    /// Returns the error and the exit code of a verb that fails.
    pub fn refused(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let out = self.growthd(arguments);
        assert_eq!(String::from_utf8_lossy(&out.stdout), "", "{arguments:?}");
        let errors = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(errors.lines().count(), 1, "one line: {errors}");
        (out.status.code(), errors)
    }
}
