//! Reading while the daemon runs: a connection that cannot write and does not wait for writers.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Connection, Row, params};

use crate::account::AccountId;
use crate::clock::Time;
use crate::schedule::on_time;
use crate::selection::Selection;
use crate::store::account::account_id;
use crate::store::file_lock::FileLock;
use crate::store::open::{check_file, version};
use crate::store::open_reader::open_reader;
use crate::store::overview::NEWEST_SNAPSHOT;
use crate::store::wal::check_wal;
use crate::store::{ReadTx, SCHEMA_VERSION, StoreError, schema};

/// A read-only connection.
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: Connection,
}

impl Reader {
    /// Opens the database at `path`. If its views are another version's, creates this version's
    /// views as temporary ones, since a reader must not change the file.
    ///
    /// # Errors
    /// Returns [`StoreError::Missing`] if there is no database, and another [`StoreError`] if it
    /// cannot be read.
    pub fn open(path: &Path) -> Result<Reader, StoreError> {
        let exists = check_file(path).map_err(|error| match error {
            // It has advice for those who write.
            StoreError::File { path, source } => StoreError::Unreadable { path, source },
            error => error,
        })?;
        check_wal(path)?;
        if !exists {
            return Err(StoreError::Missing(path.to_owned()));
        }
        let connection = open_reader(path)?;
        match version(&connection, path)? {
            schema::EMPTY => return Err(StoreError::Missing(path.to_owned())),
            SCHEMA_VERSION if !schema::has_current_views(&connection)? => {
                schema::create_temp_views(&connection)?;
            }
            _ => {}
        }
        Ok(Reader { connection })
    }

    /// Returns the database's schema version, which may be older than [`SCHEMA_VERSION`].
    pub fn schema(&self) -> Result<i64, StoreError> {
        Ok(self.connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
    }

    /// Begins a read transaction: one consistent view of the database.
    pub fn begin_read(&mut self) -> Result<ReadTx<'_>, StoreError> {
        ReadTx::begin(&mut self.connection)
    }
}

/// Returns whether a growthd process has the database at `path` open for writing.
pub fn is_in_use(path: &Path) -> bool {
    FileLock::is_held(path)
}

/// The status of a watchlist account, as shown to people.
#[derive(Clone, PartialEq, Debug)]
pub struct AccountStatus {
    pub id: AccountId,
    /// The label, else the display name, else the handle, else the id.
    pub name: String,
    /// The label from the watchlist.
    pub label: Option<String>,
    /// The handle, as last reported by the vendor.
    pub username: Option<String>,
    pub cron: String,
    pub timezone: String,
    /// The length of the window that slots are spread over, in seconds.
    pub spread: i64,
    /// When the newest snapshot was taken, as in the view `latest`.
    pub last: Option<Time>,
    /// Why the newest snapshot is suspect, as in the view `latest`.
    pub suspect: Option<String>,
    /// The newest measured followers.
    pub followers: Option<i64>,
    /// When the next call is due; `None` if the account is disabled.
    pub next_due: Option<Time>,
    /// Since when a refresh is owed; `None` if none is.
    pub owed_since: Option<Time>,
    pub is_in_flight: bool,
    /// Failed calls for the open slot or baseline.
    pub tries: u32,
    /// When the first failure since the last ok was settled; `None` unless the account is failing.
    pub failing_since: Option<Time>,
    /// The error of the last failed call since the last ok.
    pub last_error: Option<String>,
    /// The time from the slot that is owed, or comes next, to the one after it, in seconds.
    pub interval: i64,
}

impl AccountStatus {
    /// Returns whether the account is due and not in flight.
    pub fn is_waiting(&self, now: Time) -> bool {
        !self.is_in_flight && self.next_due.is_some_and(|due| due <= now)
    }

    /// Returns why a refresh is still owed.
    pub fn why_owed(&self) -> Cow<'_, str> {
        if let Some(error) = &self.last_error {
            return error.into();
        }
        // Only an answer since then was an attempt at it.
        match &self.suspect {
            Some(reason) if self.last >= self.owed_since => {
                format!("the last answer was suspect ({reason})").into()
            }
            _ => "not tried yet".into(),
        }
    }

    /// Returns the state as a word, whether or not a call is in flight.
    pub fn state(&self, now: Time) -> &'static str {
        match self {
            account if account.next_due.is_none() => "disabled",
            account if account.is_overdue(now) => "overdue",
            account if account.failing_since.is_some() => "failing",
            account if account.is_retrying(now) => "retrying",
            account if account.owed_since.is_some() => "due",
            _ => "ok",
        }
    }

    /// Returns whether the account is overdue or failing.
    pub fn needs_attention(&self, now: Time) -> bool {
        self.is_overdue(now) || self.failing_since.is_some()
    }

    /// Returns whether the last call for what is owed has failed, but the account is neither overdue
    /// nor failing.
    pub fn is_retrying(&self, now: Time) -> bool {
        self.tries > 0 && self.next_due.is_some() && !self.needs_attention(now)
    }

    /// Returns whether a refresh has been owed for longer than an on-time call may take.
    pub fn is_overdue(&self, now: Time) -> bool {
        self.owed_since.is_some_and(|since| now.since(since) > on_time(self.interval))
    }
}

/// Which accounts of the watchlist to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    All,
    /// Up to this many of those that are overdue or failing.
    Attention(usize),
    /// Those that are failing.
    Failing,
    /// Up to this many of those whose last call failed, but which are neither overdue nor failing.
    Retrying(usize),
}

impl Extent {
    /// Returns the condition for an account `a`.
    fn condition(self) -> String {
        let of = |condition, limit: Option<usize>| {
            let limit = limit.map_or(String::new(), |limit| format!("LIMIT {limit}"));
            format!(
                "a.account IN (
                   SELECT a.account FROM late!(?1) o CROSS JOIN _account a ON a.account = o.account
                   WHERE a.removed_time IS NULL AND {condition} AND is_chosen!(?2, ?3) {limit})"
            )
        };
        match self {
            Extent::All => "a.removed_time IS NULL AND is_chosen!(?2, ?3)".to_owned(),
            Extent::Attention(limit) => of("(is_overdue!(a, ?1) OR is_failing!(a))", Some(limit)),
            Extent::Failing => of("is_failing!(a)", None),
            Extent::Retrying(limit) => of("is_retrying!(a, ?1)", Some(limit)),
        }
    }
}

/// Totals of the watchlist.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Accounts in the watchlist.
    pub listed: u64,
    /// Enabled accounts in the watchlist.
    pub watched: u64,
    /// Calls in flight.
    pub in_flight: u64,
    /// Snapshots of all accounts ever watched, also of those removed since.
    pub snapshots: u64,
    /// When the newest of these was taken.
    pub last_snapshot: Option<Time>,
    /// When the next account is due.
    pub next_due: Option<Time>,
}

fn totals(row: &Row<'_>) -> rusqlite::Result<Totals> {
    Ok(Totals {
        listed: row.get(0)?,
        watched: row.get(1)?,
        in_flight: row.get(2)?,
        snapshots: row.get(3)?,
        last_snapshot: row.get(4)?,
        next_due: row.get(5)?,
    })
}

impl ReadTx<'_> {
    /// Returns the status at `now` of each selected watchlist account, in the order they were
    /// added.
    pub fn statuses(
        &self,
        selection: &Selection,
        extent: Extent,
        now: Time,
    ) -> Result<Vec<AccountStatus>, StoreError> {
        let condition = extent.condition();
        let sql = schema::query(&format!(
            "SELECT a.account_id, name!(), a.label, p.username, a.cron, a.timezone, a.spread, s.time,
                    n.measured_followers, a.next_due, a.tries, a.interval,
                    a.account IN (SELECT account FROM _refresh WHERE pending!() AND account IS NOT NULL),
                    f.finished_time, l.error,
                    owed_since!(a, ?1), s.reason
             FROM _account a
             LEFT JOIN _profile p ON p.account = a.account
             LEFT JOIN _snapshot s ON s.account = a.account AND s.refresh_id = ifnull(a.last_refresh, (
               SELECT max(b.refresh_id) FROM _snapshot b WHERE b.account = a.account))
             newest!(n, followers, a.account)
             LEFT JOIN _refresh f ON f.refresh_id = a.first_failure AND is_failing!(a)
             LEFT JOIN _refresh l ON l.refresh_id = a.last_failure
             WHERE {condition} ORDER BY a.account"
        ));
        let mut statement = self.tx.prepare_cached(&sql)?;
        let mut rows = statement.query(params![now, selection.tags_json(), selection.platform])?;
        let mut statuses = Vec::new();
        while let Some(row) = rows.next()? {
            statuses.push(AccountStatus {
                id: account_id(row.get(0)?)?,
                name: row.get(1)?,
                label: row.get(2)?,
                username: row.get(3)?,
                cron: row.get(4)?,
                timezone: row.get(5)?,
                spread: row.get(6)?,
                last: row.get(7)?,
                followers: row.get(8)?,
                next_due: row.get(9)?,
                tries: row.get(10)?,
                interval: row.get(11)?,
                is_in_flight: row.get(12)?,
                failing_since: row.get(13)?,
                last_error: row.get(14)?,
                owed_since: row.get(15)?,
                suspect: row.get(16)?,
            });
        }
        Ok(statuses)
    }

    /// Returns the totals of the selected accounts. For the whole list, this does not read the
    /// history.
    pub fn totals_of(&self, selection: &Selection) -> Result<Totals, StoreError> {
        if selection.is_everything() {
            return self.totals();
        }
        let mut statement = self.tx.prepare_cached(&schema::query(
            "WITH chosen AS (
               SELECT a.account, a.next_due, a.last_refresh, a.removed_time
               FROM _account a LEFT JOIN _profile p ON p.account = a.account
               WHERE selected!(?1, ?2))
             SELECT (SELECT count(*) FROM chosen WHERE removed_time IS NULL),
                    (SELECT count(*) FROM chosen WHERE next_due IS NOT NULL),
                    (SELECT count(*) FROM _refresh
                     WHERE pending!() AND account IN (SELECT account FROM chosen)),
                    (SELECT count(*) FROM _snapshot WHERE account IN (SELECT account FROM chosen)),
                    (SELECT max(s.time) FROM chosen c
                     JOIN _snapshot s ON s.account = c.account AND s.refresh_id = c.last_refresh),
                    (SELECT min(next_due) FROM chosen)\n",
        ))?;
        Ok(statement.query_row(params![selection.tags_json(), selection.platform], totals)?)
    }

    /// Returns the totals of the whole list. Counts it by its indexes, which are a tenth of its size.
    pub fn totals(&self) -> Result<Totals, StoreError> {
        let mut statement = self.tx.prepare_cached(&schema::query(&format!(
            "WITH watched AS (SELECT count(*) AS n FROM _account WHERE next_due IS NOT NULL)
             SELECT n + (SELECT count(*) FROM _account
                         WHERE next_due IS NULL AND removed_time IS NULL),
                    n,
                    (SELECT count(*) FROM _refresh WHERE pending!()),
                    (SELECT coalesce(sum(snapshots), 0) FROM spend)
                      + (SELECT count(*) FROM _refresh WHERE refresh_id < 0),
                    {NEWEST_SNAPSHOT},
                    (SELECT min(next_due) FROM _account WHERE next_due IS NOT NULL)
             FROM watched\n"
        )))?;
        Ok(statement.query_row([], totals)?)
    }

    /// Returns the known platforms of all accounts ever watched, by account id.
    pub fn platforms(&self) -> Result<HashMap<String, String>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT a.account_id, p.platform FROM _account a
             JOIN _profile p ON p.account = a.account WHERE p.platform IS NOT NULL",
        )?;
        let platforms = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(platforms.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::account::FIND_HANDLE;
    use crate::store::{Creation, Store};

    #[test]
    fn what_may_be_owed_and_who_has_a_handle_are_found_by_index() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("growth.db");
        drop(Store::open(&path, Creation::Allowed).expect("a database"));
        let reader = Reader::open(&path).expect("a reader");
        for sql in [
            "SELECT a.account_id FROM late!(0) o CROSS JOIN _account a ON a.account = o.account",
            "SELECT a.account_id FROM _account a WHERE a.account IN late!(0)",
            FIND_HANDLE,
        ] {
            let steps = schema::query_plan(&reader.connection, &schema::query(sql));
            let is_whole =
                |step: &&String| ["SCAN _account", "SCAN a", "SCAN p"].contains(&step.as_str());
            assert_eq!(steps.iter().find(is_whole), None, "{steps:?}");
        }
    }
}
