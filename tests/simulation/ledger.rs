//! The database as anybody may read it: private tables, but a connection of its own.

use std::collections::BTreeMap;
use std::path::Path;

use growthd::schedule::stable_hash;
use rusqlite::{Connection, OpenFlags, Row};

use super::promise::{Broken, Promise, hold};

/// A line of the ledger.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    pub id: i64,
    pub account: i64,
    pub cause: i64,
    pub outcome: i64,
    pub spent: i64,
    pub slot: Option<i64>,
    pub started: i64,
    pub finished: Option<i64>,
    pub error: Option<String>,
}

pub const PENDING: i64 = 0;
pub const OK: i64 = 1;
pub const SKIPPED: i64 = 4;

impl Line {
    pub fn is_scheduled(&self) -> bool {
        self.cause < 4
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Line> {
        Ok(Line {
            id: row.get(0)?,
            account: row.get(1)?,
            cause: row.get(2)?,
            outcome: row.get(3)?,
            spent: row.get(4)?,
            slot: row.get(5)?,
            started: row.get(6)?,
            finished: row.get(7)?,
            error: row.get(8)?,
        })
    }
}

/// Where an account stands.
#[derive(Clone, Debug)]
pub struct Stand {
    pub account: i64,
    pub id: String,
    pub next_due: Option<i64>,
    pub last_slot: Option<i64>,
    pub slot: Option<i64>,
}

/// The pause's row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Paused {
    pub kind: i64,
    pub since: i64,
    pub probe: i64,
    pub probes: i64,
}

/// A reader.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
}

const LINE: &str = "SELECT refresh_id, account, cause, outcome, spent, slot, started_time,
    finished_time, error FROM _refresh";

impl Ledger {
    pub fn open(path: &Path) -> Result<Ledger, Broken> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(Ledger { connection: Connection::open_with_flags(path, flags)? })
    }

    pub fn line(&self, id: i64) -> Result<Option<Line>, Broken> {
        let mut statement =
            self.connection.prepare_cached(&format!("{LINE} WHERE refresh_id = ?1"))?;
        let mut rows = statement.query_map([id], Line::read)?;
        Ok(rows.next().transpose()?)
    }

    pub fn lines_after(&self, id: i64) -> Result<Vec<Line>, Broken> {
        let mut statement = self
            .connection
            .prepare_cached(&format!("{LINE} WHERE refresh_id > ?1 ORDER BY refresh_id"))?;
        let rows = statement.query_map([id], Line::read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub fn pause(&self) -> Result<Option<Paused>, Broken> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT kind, since_time, probe_time, probes FROM _pause")?;
        let mut rows = statement.query_map([], |row| {
            Ok(Paused {
                kind: row.get(0)?,
                since: row.get(1)?,
                probe: row.get(2)?,
                probes: row.get(3)?,
            })
        })?;
        Ok(rows.next().transpose()?)
    }

    pub fn wait(&self) -> Result<Option<i64>, Broken> {
        let mut statement = self.connection.prepare_cached("SELECT until_time FROM _wait")?;
        let mut rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.next().transpose()?)
    }

    pub fn stands(&self) -> Result<Vec<Stand>, Broken> {
        let mut statement = self.connection.prepare_cached(
            "SELECT account, account_id, next_due, last_slot, slot FROM _account",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(Stand {
                account: row.get(0)?,
                id: row.get(1)?,
                next_due: row.get(2)?,
                last_slot: row.get(3)?,
                slot: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Breaks something on purpose.
    pub fn sabotage(&self, sql: &str) -> Result<(), Broken> {
        Ok(self.connection.execute_batch(sql)?)
    }

    /// `_spend` is what the ledger says, day by day; answers its sum.
    pub fn check_spend(&self) -> Result<i64, Broken> {
        let days = |sql: &str| -> Result<Vec<(i64, i64, i64, i64)>, Broken> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let rows = statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        let kept = days("SELECT day, calls, spent, snapshots FROM _spend ORDER BY day")?;
        let counted = days(
            "SELECT started_time / 86400, count(*), sum(spent), sum(outcome = 1) FROM _refresh
             WHERE outcome <> 4 GROUP BY 1 ORDER BY 1",
        )?;
        hold(kept == counted, Promise::Spent, || format!("_spend {kept:?} ledger {counted:?}"))?;
        Ok(counted.iter().map(|(_, _, spent, _)| spent).sum())
    }

    pub fn check_integrity(&self) -> Result<(), Broken> {
        let said: String =
            self.connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        hold(said == "ok", Promise::Store, || said)
    }

    /// Holds every settled line and every snapshot against what it was when first seen.
    pub fn check_history(&self, seen: &mut Seen) -> Result<(), Broken> {
        seen.hold(
            &self.connection,
            "SELECT refresh_id, json_array(account, cause, outcome, spent, slot, interval,
                    started_time, finished_time, http_status, error, answer)
             FROM _refresh WHERE outcome <> 0",
            false,
        )?;
        seen.hold(
            &self.connection,
            "SELECT refresh_id, json_array(account, time, followers, following, videos, likes,
                    engagement_rate, virality_score, avg_views, analyzed_time, is_suspect, extra)
             FROM _snapshot",
            true,
        )
    }
}

/// What was seen of the history.
#[derive(Debug, Default)]
pub struct Seen(BTreeMap<(bool, i64), u64>);

impl Seen {
    fn hold(&mut self, connection: &Connection, sql: &str, kind: bool) -> Result<(), Broken> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let mut left = self.0.range((kind, i64::MIN)..=(kind, i64::MAX)).count();
        while let Some(row) = rows.next()? {
            let (id, text): (i64, String) = (row.get(0)?, row.get(1)?);
            let hash = stable_hash(text.as_bytes());
            if let Some(before) = self.0.insert((kind, id), hash) {
                left -= 1;
                hold(before == hash, Promise::HistoryStays, || format!("changed: {text}"))?;
            }
        }
        hold(left == 0, Promise::HistoryStays, || format!("{left} lines are gone"))
    }
}
