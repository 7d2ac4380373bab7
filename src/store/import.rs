//! Importing older history from elsewhere, before an account's first snapshot.

use rusqlite::{OptionalExtension, params};

use crate::clock::Time;
use crate::measurement::Measurement;
use crate::store::ledger::{AccountKey, Cause, Outcome};
use crate::store::suspicion::Previous;
use crate::store::suspicion::{Known, suspicion};
use crate::store::{ReadTx, StoreError, WriteTx};

impl ReadTx<'_> {
    /// Returns when the account's first snapshot was taken, imported or not.
    pub fn first_snapshot(&self, account: AccountKey) -> Result<Option<Time>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT time FROM _snapshot WHERE account = ?1 ORDER BY refresh_id LIMIT 1",
        )?;
        Ok(statement.query_row([account], |row| row.get(0)).optional()?)
    }
}

impl WriteTx<'_> {
    /// Inserts snapshots, oldest first, before the account's first one. Each gets a ledger line
    /// with an id below 0, because a history is sorted by its ledger lines. These lines are not
    /// calls, and do not count towards the budget.
    pub fn import(
        &self,
        account: AccountKey,
        rows: &[(Time, Measurement)],
    ) -> Result<(), StoreError> {
        let lowest: i64 =
            self.tx.query_row("SELECT min(0, min(refresh_id)) FROM _refresh", [], |row| {
                row.get::<_, Option<i64>>(0).map(Option::unwrap_or_default)
            })?;
        let first = lowest.saturating_sub(i64::try_from(rows.len()).unwrap_or(i64::MAX));
        let mut line = self.tx.prepare_cached(
            "INSERT INTO _refresh (refresh_id, account, cause, outcome, spent, started_time, took, error)
             VALUES (?1, ?2, ?3, ?4, 0, ?5, 0, 'imported')",
        )?;
        let mut snapshot = self.tx.prepare_cached(
            "INSERT INTO _snapshot
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, NULL, NULL, NULL, ?8, NULL)",
        )?;
        let mut known = Known::default();
        for (refresh, (time, measurement)) in (first..).zip(rows) {
            let suspect = suspicion(measurement, &known, false);
            let (cause, outcome) = (Cause::Manual.code(), Outcome::Skipped.code());
            line.execute(params![refresh, account, cause, outcome, time])?;
            let counts = [
                measurement.followers,
                measurement.following,
                measurement.videos,
                measurement.likes,
            ];
            let [followers, following, videos, likes] = counts;
            snapshot.execute(params![
                account, refresh, time, followers, following, videos, likes, suspect
            ])?;
            known = Known {
                last: Some(Previous::from(measurement)),
                followers: followers.filter(|n| *n > 0).or(known.followers),
                likes: likes.filter(|n| *n > 0).or(known.likes),
            };
        }
        Ok(())
    }
}
