//! Followers at the beginnings of weeks and months, from which the page calculates every period.

use rusqlite::params;

use crate::clock::Time;
use crate::selection::Selection;
use crate::store::ledger::AccountKey;
use crate::store::{ReadTx, StoreError, schema};

/// A division of time, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Calendar {
    /// ISO weeks.
    Weeks,
    Months,
}

/// An account's followers at the beginning of a week or month.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Boundary {
    pub followers: i64,
    /// The value of one unit in the last digit to which the followers are rounded; 0 if exact.
    pub rounding: i64,
}

impl Calendar {
    /// n is the newest measured value, o the one with the earliest time, and v lies at the boundary.
    /// The value at an instant is the same as in the views `weekly` and `monthly`.
    fn query(self) -> String {
        let table = match self {
            Calendar::Weeks => "_week",
            Calendar::Months => "_month",
        };
        schema::query(&format!(
            "SELECT a.account, w.from_time, value!(v, followers, w.from_time),
                    rounding_at!(p.platform, v, followers, w.from_time)
             FROM _account a
             LEFT JOIN _profile p ON p.account = a.account
             newest!(n, followers, a.account)
             LEFT JOIN _snapshot o ON o.account = a.account AND o.refresh_id = (
               SELECT b.refresh_id FROM _snapshot b
               WHERE b.account = a.account AND b.measured_followers IS NOT NULL
               ORDER BY b.time LIMIT 1)
             JOIN {table} w ON w.from_time BETWEEN o.time - 43200 AND n.time
             neighbours!(v, followers, a.account, w.from_time, n.refresh_id, n)
             WHERE selected!(?1, ?2)
             ORDER BY a.account, w.from_time"
        ))
    }
}

impl ReadTx<'_> {
    /// Calls `take` with the followers of every selected account ever watched, at the beginning of
    /// each week or month in its history: account by account, oldest first.
    pub fn each_boundary(
        &self,
        selection: &Selection,
        calendar: Calendar,
        mut take: impl FnMut(AccountKey, Time, Boundary),
    ) -> Result<(), StoreError> {
        let mut statement = self.tx.prepare_cached(&calendar.query())?;
        let mut rows = statement.query(params![selection.tags_json(), selection.platform])?;
        while let Some(row) = rows.next()? {
            if let Some(followers) = row.get(2)? {
                take(row.get(0)?, row.get(1)?, Boundary { followers, rounding: row.get(3)? });
            }
        }
        Ok(())
    }
}
