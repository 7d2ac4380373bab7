//! Reading the database through a separate connection.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};

use super::promise::{Promise, Violation, ensure};

/// A line of the ledger.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    pub id: i64,
    pub account: Option<i64>,
    pub cause: i64,
    pub outcome: i64,
    pub spent: i64,
    pub slot: Option<i64>,
    pub started: i64,
    pub took: i64,
    pub error: Option<String>,
}

pub const PENDING: i64 = 0;
pub const OK: i64 = 1;
pub const FAILED: i64 = 2;
pub const SKIPPED: i64 = 4;

pub const FIRST: i64 = 0;
pub const SCHEDULE: i64 = 1;
pub const CATCH_UP: i64 = 2;
pub const RETRY: i64 = 3;
pub const MANUAL: i64 = 4;
pub const ADD: i64 = 5;

impl Line {
    fn read(row: &Row<'_>) -> rusqlite::Result<Line> {
        Ok(Line {
            id: row.get(0)?,
            account: row.get(1)?,
            cause: row.get(2)?,
            outcome: row.get(3)?,
            spent: row.get(4)?,
            slot: row.get(5)?,
            started: row.get(6)?,
            took: row.get(7)?,
            error: row.get(8)?,
        })
    }

    /// Returns whether it was made on schedule and not by request.
    pub fn is_scheduled(&self) -> bool {
        self.cause < MANUAL
    }
}

/// A reader.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
}

const LINE: &str = "SELECT refresh_id, account, cause, outcome, spent, slot, started_time, took,
    error FROM _refresh";

/// The columns that may change with the account's profile.
const PROFILE: [&str; 4] = ["name", "label", "username", "platform"];

impl Ledger {
    pub fn open(path: &Path) -> Result<Ledger, Violation> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(Ledger { connection })
    }

    pub fn line(&self, id: i64) -> Result<Option<Line>, Violation> {
        let mut statement =
            self.connection.prepare_cached(&format!("{LINE} WHERE refresh_id = ?1"))?;
        let mut rows = statement.query_map([id], Line::read)?;
        Ok(rows.next().transpose()?)
    }

    pub fn lines_after(&self, id: i64) -> Result<Vec<Line>, Violation> {
        let mut statement = self
            .connection
            .prepare_cached(&format!("{LINE} WHERE refresh_id > ?1 ORDER BY refresh_id"))?;
        let rows = statement.query_map([id], Line::read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns the id of the account with this key.
    pub fn account_id(&self, account: i64) -> Result<String, Violation> {
        let mut statement =
            self.connection.prepare_cached("SELECT account_id FROM _account WHERE account = ?1")?;
        Ok(statement.query_row([account], |row| row.get(0))?)
    }

    /// Returns when each account, or this one, runs next.
    pub fn next_times(&self, id: Option<&str>) -> Result<Vec<(String, Option<i64>)>, Violation> {
        let mut statement = self.connection.prepare_cached(
            "SELECT account_id, next_time FROM accounts WHERE account_id = ?1 OR ?1 IS NULL",
        )?;
        let rows = statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns whether the snapshot of this line is suspect; `None` if there is none.
    pub fn is_suspect(&self, id: i64) -> Result<Option<bool>, Violation> {
        let mut statement = self.connection.prepare_cached(
            "SELECT s.is_suspect FROM _refresh r
             JOIN _snapshot s ON (s.account, s.refresh_id) = (r.account, r.refresh_id)
             WHERE r.refresh_id = ?1",
        )?;
        let mut rows = statement.query_map([id], |row| row.get(0))?;
        Ok(rows.next().transpose()?)
    }

    /// Damages the database on purpose.
    pub fn sabotage(&self, sql: &str) -> Result<(), Violation> {
        Ok(self.connection.execute_batch(sql)?)
    }

    /// Checks that `spend` agrees with the ledger on each day. Returns the sum.
    pub fn check_spend(&self) -> Result<i64, Violation> {
        let days = |sql: &str| -> Result<Vec<(String, i64, i64, i64)>, Violation> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let rows = statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        let kept = days("SELECT day, calls, spent, snapshots FROM spend ORDER BY day")?;
        let counted = days(
            "SELECT date(started_time, 'unixepoch'), count(*), sum(spent), sum(outcome = 1)
             FROM _refresh WHERE outcome <> 4 GROUP BY 1 ORDER BY 1",
        )?;
        ensure(kept == counted, Promise::Spent, || format!("spend {kept:?} ledger {counted:?}"))?;
        Ok(counted.iter().map(|(_, _, spent, _)| spent).sum())
    }

    pub fn check_integrity(&self) -> Result<(), Violation> {
        let result: String =
            self.connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        ensure(result == "ok", Promise::Store, || result)
    }

    /// Checks that settled lines and snapshots are as when first seen: all of them, or those after
    /// the newest one seen.
    pub fn check_history(&self, seen: &mut Seen, is_whole: bool) -> Result<(), Violation> {
        let after = if is_whole { 0 } else { seen.newest };
        let [lines, snapshots] = seen.sources;
        seen.compare(&self.connection, lines, false, after)?;
        seen.compare(&self.connection, snapshots, true, after)
    }
}

/// Hashes of the history seen so far.
#[derive(Debug)]
pub struct Seen {
    /// The queries for lines and for snapshots.
    sources: [&'static str; 2],
    hashes: BTreeMap<(bool, i64), u64>,
    newest: i64,
}

const VIEWS: [&str; 2] = [
    "SELECT * FROM refreshes WHERE outcome <> 'pending' AND refresh_id > ?1",
    "SELECT * FROM snapshots WHERE refresh_id > ?1",
];

/// What the views are made of, which is faster to read. A line's interval is not among it: an edit or a
/// fresh slot lengthens that of the newest snapshot, before the next one tells whether there is a gap.
const TABLES: [&str; 2] = [
    "SELECT refresh_id, account, cause, outcome, spent, slot, started_time, took, status,
            error, answer FROM _refresh WHERE outcome <> 0 AND refresh_id > ?1",
    "SELECT s.refresh_id, s.account, s.time, s.followers, s.following, s.videos, s.likes,
            s.engagement, s.virality, s.avg_views, s.analyzed_ago, s.suspect, s.extra
     FROM _refresh r CROSS JOIN _snapshot s ON (s.account, s.refresh_id) = (r.account, r.refresh_id)
     WHERE r.refresh_id > ?1",
];

/// In one of how many seeds the history is read through the views.
const VIEWED: u64 = 12;

impl Seen {
    pub fn new(seed: u64) -> Seen {
        let sources = if seed.is_multiple_of(VIEWED) { VIEWS } else { TABLES };
        Seen { sources, hashes: BTreeMap::new(), newest: 0 }
    }

    fn compare(
        &mut self,
        connection: &Connection,
        sql: &str,
        kind: bool,
        after: i64,
    ) -> Result<(), Violation> {
        let mut statement = connection.prepare_cached(sql)?;
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let key = names.iter().position(|name| name == "refresh_id");
        let key = key.ok_or_else(|| Violation::new(Promise::Store, "no refresh_id"))?;
        let mut rows = statement.query([after])?;
        let mut left = self.hashes.range((kind, after + 1)..=(kind, i64::MAX)).count();
        let stays: Vec<usize> =
            (0..names.len()).filter(|index| !PROFILE.contains(&names[*index].as_str())).collect();
        while let Some(row) = rows.next()? {
            let mut hasher = DefaultHasher::new();
            for index in &stays {
                match row.get_ref(*index)? {
                    ValueRef::Null => 0.hash(&mut hasher),
                    ValueRef::Integer(value) => (1, value).hash(&mut hasher),
                    ValueRef::Real(value) => (2, value.to_bits()).hash(&mut hasher),
                    ValueRef::Text(value) | ValueRef::Blob(value) => (3, value).hash(&mut hasher),
                }
            }
            let hash = hasher.finish();
            let id = row.get(key)?;
            self.newest = self.newest.max(id);
            if let Some(before) = self.hashes.insert((kind, id), hash) {
                left -= 1;
                ensure(before == hash, Promise::HistoryStays, || format!("changed: {row:?}"))?;
            }
        }
        ensure(left == 0, Promise::HistoryStays, || format!("{left} lines are missing"))
    }
}
