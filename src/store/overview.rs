//! The watchlist's state in a few numbers, at a cost that does not grow with the history.

use crate::clock::Time;
use crate::store::{ReadTx, StoreError, schema};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Overview {
    /// Enabled accounts.
    pub watched: u64,
    /// When the next account is due.
    pub next_due: Option<Time>,
    /// Accounts whose refresh is overdue.
    pub overdue: u64,
    /// Accounts that are failing.
    pub failing: u64,
    /// When the newest snapshot was taken.
    pub last_snapshot: Option<Time>,
}

/// When the newest snapshot was taken, read from the newest ok in the ledger: the snapshots are
/// stored by account. Few lines follow that ok, since calls pause when every account fails.
pub(super) const NEWEST_SNAPSHOT: &str =
    "(SELECT finished_time FROM _refresh WHERE outcome = 1 ORDER BY refresh_id DESC LIMIT 1)";

impl ReadTx<'_> {
    /// Returns the state at `now`. Uses the same definition of overdue as
    /// [`crate::store::AccountStatus::is_overdue`].
    pub fn overview(&self, now: Time) -> Result<Overview, StoreError> {
        let mut statement = self.tx.prepare_cached(&schema::query(&format!(
            "SELECT (SELECT count(*) FROM _account WHERE next_due IS NOT NULL),
                    (SELECT min(next_due) FROM _account WHERE next_due IS NOT NULL),
                    (SELECT count(*) FROM _account a
                     WHERE account IN owing!(?1) AND ?1 - owed_since!(a, ?1) > tolerance!(a)),
                    (SELECT count(*) FROM _account
                     WHERE is_failing = 1 AND next_due IS NOT NULL),
                    {NEWEST_SNAPSHOT}"
        )))?;
        Ok(statement.query_row([now.0], |row| {
            Ok(Overview {
                watched: row.get(0)?,
                next_due: row.get(1)?,
                overdue: row.get(2)?,
                failing: row.get(3)?,
                last_snapshot: row.get(4)?,
            })
        })?)
    }
}
