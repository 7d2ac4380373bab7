//! A history of weekly refreshes, inserted by SQL: twenty million snapshots would take the engine
//! half an hour.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use growthd::account::AccountId;
use growthd::clock;
use growthd::schedule::spread_offset;
use growthd::store::{Creation, Store};
use rusqlite::{Connection, params};
use tempfile::TempDir;

use crate::harness::year::{DAY, WEEK};

/// In seconds.
const SPREAD: i64 = 6 * 3600;

/// The number of accounts that share a tag.
const CLIENT: u64 = 30;

/// A database and its configuration, in a temporary folder. Nothing is due for days.
pub struct History {
    folder: TempDir,
    accounts: u64,
    /// The last slot that was served, at 06:00 UTC four days ago.
    slot: i64,
}

impl History {
    pub fn new(accounts: u64, weeks: u64) -> History {
        let today = clock::now().time().0 / DAY;
        let slot = (today - 4) * DAY + 6 * 3600;
        let history = History { folder: tempfile::tempdir().unwrap(), accounts, slot };
        drop(Store::open(&history.database(), Creation::Allowed).unwrap());
        history.fill(weeks);
        history
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("growth.db")
    }

    /// Writes the configuration: `more`, and then this list, with another label for the first
    /// `renamed` accounts.
    pub fn configure(&self, more: &str, renamed: u64) -> PathBuf {
        let mut text = format!(
            "{more}[database]\npath = \"growth.db\"\n\
             [schedule]\ncron = \"{}\"\nspread = \"{SPREAD}s\"\n",
            self.cron()
        );
        for n in 1..=self.accounts {
            let label = if n <= renamed { "Renamed" } else { "Account" };
            write!(
                text,
                "[[account]]\nid = \"{}\"\nlabel = \"{label} {n}\"\ntags = [\"client-{}\"]\n",
                self.id(n),
                n / CLIENT
            )
            .unwrap();
        }
        let path = self.folder.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Returns the id of the `n`th account, from 1.
    pub fn id(&self, n: u64) -> String {
        format!("clx{n:022}")
    }

    /// Returns when the last week in which all accounts were refreshed began.
    pub fn last_week(&self) -> i64 {
        self.slot
    }

    fn cron(&self) -> String {
        // 1970 began on a Thursday.
        format!("0 6 * * {}", (self.slot / DAY + 4) % 7)
    }

    fn fill(&self, weeks: u64) {
        let mut connection = connect(&self.database());
        connection
            .execute_batch(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
                 PRAGMA cache_size = -2000000;",
            )
            .unwrap();
        let transaction = connection.transaction().unwrap();
        self.add_accounts(&transaction, weeks);
        self.add_weeks(&transaction, weeks);
        transaction.commit().unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    }

    fn add_accounts(&self, connection: &Connection, weeks: u64) {
        let mut account = connection
            .prepare(
                "INSERT INTO _account (account_id, label, tags, cron, timezone, spread, enabled,
                                       added_time, active_time, phase, next_due, settled_slot, interval,
                                       last_refresh)
                 VALUES (?1, ?2, ?3, ?4, 'UTC', ?5, 1, ?6, ?6, 1, ?7, ?8, ?9, ?10)",
            )
            .unwrap();
        let mut profile = connection
            .prepare(
                "INSERT INTO _profile
                 VALUES (?1, 'tiktok', 'user' || ?1, 'User ' || ?1,
                         'Helping you get fit one video at a time',
                         'https://cdn.tiktok.com/' || ?1 || '.jpg',
                         'https://www.tiktok.com/@user' || ?1, 0)",
            )
            .unwrap();
        let cron = self.cron();
        let begin = self.slot - weeks.cast_signed() * WEEK;
        for n in 1..=self.accounts {
            let id: AccountId = self.id(n).parse().unwrap();
            let slot = self.slot + spread_offset(&id, SPREAD);
            let (label, tags) = (format!("Account {n}"), format!("[\"client-{}\"]", n / CLIENT));
            let last_refresh = (weeks - 1) * self.accounts + n;
            let (next, id) = (slot + WEEK, id.as_str());
            account
                .execute(params![
                    id,
                    label,
                    tags,
                    cron,
                    SPREAD,
                    begin,
                    next,
                    slot,
                    WEEK,
                    last_refresh
                ])
                .unwrap();
            profile.execute([n]).unwrap();
        }
    }

    /// Inserts the weeks one after the other, in the order in which they would have been written.
    fn add_weeks(&self, connection: &Connection, weeks: u64) {
        let (accounts, last) = (self.accounts, weeks - 1);
        let sql = format!(
            "WITH RECURSIVE w(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM w WHERE k < {last})
             INSERT INTO _refresh
             SELECT k * {accounts} + account, account, iif(k = 0, 0, 1), 1, 1,
                    iif(k > 0, settled_slot - ({last} - k) * {WEEK}, NULL), k > 0, {WEEK},
                    settled_slot - ({last} - k) * {WEEK}, 5, NULL, NULL, NULL
             FROM w CROSS JOIN _account;
             INSERT INTO _snapshot
             SELECT account, refresh_id, finished_time,
                    1000000 + account * 7919 % 1000000 + refresh_id / {accounts} * (account % 977),
                    300, 400 + refresh_id / {accounts},
                    20000000 + refresh_id / {accounts} * (account % 9773) * 10,
                    4250, 67500, 85000, 3600, 0, NULL
             FROM _refresh ORDER BY refresh_id;"
        );
        connection.execute_batch(&sql).unwrap();
    }
}

/// Opens a connection with SQLite's default settings, as any other program would.
pub fn connect(database: &Path) -> Connection {
    Connection::open(database).unwrap()
}
