//! Reading beside the daemon: a connection that cannot write and waits for nobody.

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
use crate::store::{ReadTx, SCHEMA_VERSION, StoreError, schema};

/// A connection that only reads.
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: Connection,
}

impl Reader {
    /// Opens the database at `path`. Where its views are another version's, this connection has
    /// its own: what only reads changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where there is none, and whatever makes it unreadable.
    pub fn open(path: &Path) -> Result<Reader, StoreError> {
        if !check_file(path)? {
            return Err(StoreError::Missing(path.to_owned()));
        }
        let connection = open_reader(path)?;
        match version(&connection, path)? {
            0 => return Err(StoreError::Missing(path.to_owned())),
            SCHEMA_VERSION if !schema::has_views_of_now(&connection)? => {
                schema::make_own_views(&connection)?;
            }
            _ => {}
        }
        Ok(Reader { connection })
    }

    /// The database's schema, which may be an earlier one than this version writes.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn schema(&self) -> Result<i64, StoreError> {
        Ok(self.connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
    }

    /// One consistent look at everything.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn look(&mut self) -> Result<ReadTx<'_>, StoreError> {
        ReadTx::begin(&mut self.connection)
    }
}

/// Whether a growthd process holds the database at `path` for writing now.
pub fn is_in_use(path: &Path) -> bool {
    FileLock::is_held(path)
}

/// How an account of the watchlist stands, for people.
#[derive(Clone, PartialEq, Debug)]
pub struct AccountStatus {
    pub id: AccountId,
    /// What the person calls it.
    pub label: Option<String>,
    /// Its handle, as the vendor told it.
    pub username: Option<String>,
    pub cron: String,
    pub timezone: String,
    /// Its window, in seconds.
    pub spread: i64,
    /// When its newest snapshot was taken.
    pub last: Option<Time>,
    /// The followers in it.
    pub followers: Option<i64>,
    /// When it is tried next; `None`: disabled.
    pub next_due: Option<Time>,
    /// Since when something is owed.
    pub owed_since: Option<Time>,
    /// Whether a call is on its way.
    pub is_in_flight: bool,
    /// Failed tries of what is open.
    pub tries: u32,
    /// Since when its slot is given up.
    pub failing_since: Option<Time>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Longest distance between its slots, in seconds.
    pub interval: i64,
}

impl AccountStatus {
    /// Whether it is due, and not asked for.
    pub fn is_waiting(&self, now: Time) -> bool {
        !self.is_in_flight && self.next_due.is_some_and(|due| due <= now)
    }

    /// Whether what it owes is later than a call may be that is on time.
    pub fn is_overdue(&self, now: Time) -> bool {
        self.owed_since.is_some_and(|since| now.since(since) > on_time(self.interval))
    }
}

/// What of the list there is to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// Every account of the watchlist.
    All,
    /// Those with something to look at: open, failing, tried in vain.
    Attention,
}

/// The list in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// In the watchlist.
    pub listed: u64,
    /// Of those, enabled.
    pub watched: u64,
    /// Calls on their way.
    pub in_flight: u64,
    pub snapshots: u64,
    /// When the newest was taken.
    pub last_snapshot: Option<Time>,
    /// When the next account falls due.
    pub next_due: Option<Time>,
}

fn totals(row: &Row<'_>) -> rusqlite::Result<Totals> {
    let time = |column| row.get::<_, Option<i64>>(column).map(|time| time.map(Time));
    Ok(Totals {
        listed: row.get(0)?,
        watched: row.get(1)?,
        in_flight: row.get(2)?,
        snapshots: row.get(3)?,
        last_snapshot: time(4)?,
        next_due: time(5)?,
    })
}

impl ReadTx<'_> {
    /// How the selected accounts of the watchlist stand at `now`, in the order they were added.
    pub fn statuses(
        &self,
        selection: &Selection,
        extent: Extent,
        now: Time,
    ) -> Result<Vec<AccountStatus>, StoreError> {
        let attention = match extent {
            Extent::All => "",
            Extent::Attention => "AND a.account IN owing!(?1)",
        };
        let sql = schema::question(&format!(
            "SELECT a.account_id, a.label, p.username, a.cron, a.timezone, a.spread, s.time, s.followers,
                    a.next_due, a.open_slot, a.tries, a.active_time, a.interval,
                    EXISTS (SELECT 1 FROM _refresh r WHERE r.outcome = 0 AND r.account = a.account),
                    f.finished_time, l.error,
                    owed_since!(a, ?1)
             FROM _account a
             LEFT JOIN _profile p ON p.account = a.account
             LEFT JOIN _snapshot s ON s.account = a.account AND s.refresh_id = a.last_refresh
             LEFT JOIN _refresh f ON f.refresh_id = a.first_failure AND a.is_failing = 1 AND a.next_due IS NOT NULL
             LEFT JOIN _refresh l ON l.refresh_id = a.last_failure
             WHERE a.removed_time IS NULL {attention} AND selected!(?2, ?3) ORDER BY a.account"
        ));
        let mut statement = self.tx.prepare_cached(&sql)?;
        let mut rows =
            statement.query(params![now.0, selection.tags_json(), selection.platform])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let time = |column| row.get::<_, Option<i64>>(column).map(|time| time.map(Time));
            found.push(AccountStatus {
                id: account_id(row.get(0)?)?,
                label: row.get(1)?,
                username: row.get(2)?,
                cron: row.get(3)?,
                timezone: row.get(4)?,
                spread: row.get(5)?,
                last: time(6)?,
                followers: row.get(7)?,
                next_due: time(8)?,
                tries: row.get(10)?,
                interval: row.get(12)?,
                is_in_flight: row.get(13)?,
                failing_since: time(14)?,
                last_error: row.get(15)?,
                owed_since: time(16)?,
            });
        }
        Ok(found)
    }

    /// The selected accounts in numbers; those of the whole list cost no look at the history.
    pub fn totals_of(&self, selection: &Selection) -> Result<Totals, StoreError> {
        if selection.is_everything() {
            return self.totals();
        }
        let mut statement = self.tx.prepare_cached(&schema::question(
            "WITH chosen AS (
               SELECT a.account, a.next_due, a.last_refresh
               FROM _account a LEFT JOIN _profile p ON p.account = a.account
               WHERE a.removed_time IS NULL AND selected!(?1, ?2))
             SELECT (SELECT count(*) FROM chosen),
                    (SELECT count(*) FROM chosen WHERE next_due IS NOT NULL),
                    (SELECT count(*) FROM _refresh
                     WHERE outcome = 0 AND account IN (SELECT account FROM chosen)),
                    (SELECT count(*) FROM _snapshot WHERE account IN (SELECT account FROM chosen)),
                    (SELECT max(s.time) FROM chosen c
                     JOIN _snapshot s ON s.account = c.account AND s.refresh_id = c.last_refresh),
                    (SELECT min(next_due) FROM chosen)\n",
        ))?;
        Ok(statement.query_row(params![selection.tags_json(), selection.platform], totals)?)
    }

    /// The list in numbers.
    pub fn totals(&self) -> Result<Totals, StoreError> {
        let mut statement = self.tx.prepare_cached(&format!(
            "SELECT (SELECT count(*) FROM _account WHERE removed_time IS NULL),
                    (SELECT count(*) FROM _account WHERE next_due IS NOT NULL),
                    (SELECT count(*) FROM _refresh WHERE outcome = 0),
                    (SELECT coalesce(sum(snapshots), 0) FROM spend)
                      + (SELECT count(*) FROM _refresh WHERE refresh_id < 0),
                    {NEWEST_SNAPSHOT},
                    (SELECT min(next_due) FROM _account WHERE next_due IS NOT NULL)"
        ))?;
        Ok(statement.query_row([], totals)?)
    }

    /// The platforms of the accounts ever watched, by the accounts' ids, where they are known.
    pub fn platforms(&self) -> Result<HashMap<String, String>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT a.account_id, p.platform FROM _account a
             JOIN _profile p ON p.account = a.account WHERE p.platform IS NOT NULL",
        )?;
        let known = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(known.collect::<Result<_, _>>()?)
    }
}
