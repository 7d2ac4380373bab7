//! Who grew: every account of the list against its own past.

use crate::clock::Time;
use crate::store::ledger::AccountKey;
use crate::store::{ReadTx, StoreError};

/// An account of the list, and what it gained since a point in time.
#[derive(Clone, PartialEq, Debug)]
pub struct AccountGrowth {
    /// Its key.
    pub key: AccountKey,
    /// Its id.
    pub id: String,
    /// What the person calls it.
    pub label: Option<String>,
    /// Its handle.
    pub username: Option<String>,
    /// When its followers were last measured, and how many they were.
    pub newest: Option<(Time, i64)>,
    /// How many more followers than at that point, where its history reaches back to it.
    pub gained: Option<i64>,
}

impl AccountGrowth {
    /// What it had at that point.
    pub fn base(&self) -> Option<i64> {
        Some(self.newest?.1 - self.gained?)
    }

    /// The gain in percent of what it had.
    #[expect(clippy::cast_precision_loss, reason = "a percentage is shown with two digits")]
    pub fn percent(&self) -> Option<f64> {
        let base = self.base().filter(|base| *base > 0)?;
        Some(self.gained? as f64 * 100.0 / base as f64)
    }
}

/// As the gains of the view `latest`, for any point in time.
const MOVERS: &str = "
SELECT a.account, a.account_id, a.label, p.username, n.time, n.followers,
       CASE
         WHEN n.time <= ?1 THEN NULL
         WHEN l.time IS NOT NULL
         THEN n.followers - l.followers - CAST(round(
           (u.followers - l.followers) * 1.0 * (?1 - l.time) / (u.time - l.time)) AS INTEGER)
         WHEN u.time <= ?1 + 43200 THEN n.followers - u.followers
       END AS gained
FROM _account a
LEFT JOIN _profile p ON p.account = a.account
LEFT JOIN _snapshot n ON n.account = a.account AND n.refresh_id = (
  SELECT b.refresh_id FROM _snapshot b
  WHERE b.account = a.account AND b.followers IS NOT NULL AND b.is_suspect = 0
  ORDER BY b.refresh_id DESC LIMIT 1)
LEFT JOIN _snapshot l ON l.account = a.account AND l.refresh_id = (
  SELECT b.refresh_id FROM _snapshot b
  WHERE b.account = a.account AND b.refresh_id < n.refresh_id
    AND b.followers IS NOT NULL AND b.is_suspect = 0 AND b.time <= ?1
  ORDER BY b.refresh_id DESC LIMIT 1)
LEFT JOIN _snapshot u ON u.account = a.account AND u.refresh_id = (
  SELECT b.refresh_id FROM _snapshot b
  WHERE b.account = a.account AND b.refresh_id > ifnull(l.refresh_id, 0)
    AND b.followers IS NOT NULL AND b.is_suspect = 0
  ORDER BY b.refresh_id LIMIT 1)
WHERE a.removed_time IS NULL
ORDER BY gained DESC NULLS LAST, a.account";

impl ReadTx<'_> {
    /// Every account of the list, the greatest gain of followers since `since` first; those
    /// whose history does not reach back to it last.
    pub fn movers(&self, since: Time) -> Result<Vec<AccountGrowth>, StoreError> {
        let mut statement = self.tx.prepare_cached(MOVERS)?;
        let movers = statement.query_map([since.0], |row| {
            let time = row.get::<_, Option<i64>>(4)?.map(Time);
            Ok(AccountGrowth {
                key: AccountKey(row.get(0)?),
                id: row.get(1)?,
                label: row.get(2)?,
                username: row.get(3)?,
                newest: time.zip(row.get(5)?),
                gained: row.get(6)?,
            })
        })?;
        Ok(movers.collect::<Result<_, _>>()?)
    }

    /// An account's measured followers from `since` on, and the last before it; oldest first.
    pub fn followers(
        &self,
        account: AccountKey,
        since: Time,
    ) -> Result<Vec<(Time, i64)>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT time, followers FROM _snapshot
             WHERE account = ?1 AND followers IS NOT NULL AND is_suspect = 0
               AND refresh_id >= ifnull((
                 SELECT b.refresh_id FROM _snapshot b
                 WHERE b.account = ?1 AND b.followers IS NOT NULL AND b.is_suspect = 0
                   AND b.time <= ?2
                 ORDER BY b.refresh_id DESC LIMIT 1), 0)
             ORDER BY refresh_id",
        )?;
        let values = statement
            .query_map([account.0, since.0], |row| Ok((Time(row.get(0)?), row.get(1)?)))?;
        Ok(values.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::MOVERS;

    #[test]
    fn the_list_is_gone_through_once_and_the_history_by_its_index() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("growth.db");
        let mut store =
            crate::store::Store::open(&path, crate::store::Creation::Allowed).expect("a database");
        let look = store.look().expect("a look");
        let mut statement =
            look.tx.prepare(&format!("EXPLAIN QUERY PLAN {MOVERS}")).expect("a plan");
        let steps = statement.query_map([0], |row| row.get::<_, String>(3)).expect("a plan");
        let steps: Vec<String> = steps.collect::<Result<_, _>>().expect("its steps");
        let scans: Vec<_> = steps.iter().filter(|step| step.contains("SCAN")).collect();
        assert_eq!(scans, ["SCAN a"], "{steps:?}");
    }
}
