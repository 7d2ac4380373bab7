//! Followers where weeks and months begin: what every period of the page is reckoned from.

use rusqlite::params;

use crate::clock::Time;
use crate::selection::Selection;
use crate::store::ledger::AccountKey;
use crate::store::{ReadTx, StoreError, schema};

/// What time is divided into, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Calendar {
    /// ISO weeks.
    Weeks,
    Months,
}

impl Calendar {
    /// n is the newest measured value, o the oldest, v lies at the boundary: the same value of an
    /// instant that the views `weekly` and `monthly` are made of.
    fn question(self) -> String {
        let table = match self {
            Calendar::Weeks => "_week",
            Calendar::Months => "_month",
        };
        schema::question(&format!(
            "SELECT a.account, w.from_time, value!(v, followers, w.from_time)
             FROM _account a
             LEFT JOIN _profile p ON p.account = a.account
             newest!(n, followers, a.account)
             LEFT JOIN _snapshot o ON o.account = a.account AND o.refresh_id = (
               SELECT b.refresh_id FROM _snapshot b
               WHERE b.account = a.account AND b.measured_followers IS NOT NULL
               ORDER BY b.refresh_id LIMIT 1)
             JOIN {table} w ON w.from_time BETWEEN o.time - 43200 AND n.time
             neighbours!(v, followers, a.account, w.from_time, n.refresh_id, n)
             WHERE selected!(?1, ?2)
             ORDER BY a.account, w.from_time"
        ))
    }
}

impl ReadTx<'_> {
    /// Hands over the followers of every selected account ever watched at every instant in its
    /// history at which a week, or a month, begins: account by account, oldest first.
    pub fn each_boundary(
        &self,
        selection: &Selection,
        calendar: Calendar,
        mut take: impl FnMut(AccountKey, Time, i64),
    ) -> Result<(), StoreError> {
        let mut statement = self.tx.prepare_cached(&calendar.question())?;
        let mut rows = statement.query(params![selection.tags_json(), selection.platform])?;
        while let Some(row) = rows.next()? {
            if let Some(followers) = row.get(2)? {
                take(AccountKey(row.get(0)?), Time(row.get(1)?), followers);
            }
        }
        Ok(())
    }
}
