//! Each account's growth over a period.

use std::sync::LazyLock;

use rusqlite::{named_params, params};

use crate::clock::Time;
use crate::period::{Beginning, Period};
use crate::selection::Selection;
use crate::store::ledger::AccountKey;
use crate::store::{ReadTx, StoreError, schema};

/// An account's growth over a period.
#[derive(Clone, PartialEq, Debug)]
pub struct AccountGrowth {
    pub key: AccountKey,
    pub id: String,
    /// The label, else the display name, else the handle, else the id.
    pub name: String,
    /// The label from the watchlist.
    pub label: Option<String>,
    pub username: Option<String>,
    pub platform: Option<String>,
    /// When its followers were last measured.
    pub newest: Option<Time>,
    /// When its followers were first measured.
    pub oldest: Option<Time>,
    /// Its followers at the end of the period.
    pub followers: Option<i64>,
    /// The change of its followers over the period; `None` unless both ends are known.
    pub gained: Option<i64>,
    /// The change over the preceding period of the same length; `None` if this one is not over, since
    /// the two are then not comparable.
    pub gained_before: Option<i64>,
    /// The value of one unit in the last digit to which the counts at the end of the period are
    /// rounded; 0 if they are exact.
    pub rounding: i64,
}

impl AccountGrowth {
    /// Returns the followers at the beginning of the period.
    pub fn base(&self) -> Option<i64> {
        Some(self.followers? - self.gained?)
    }

    /// Returns the change in percent of [`AccountGrowth::base`].
    pub fn percent(&self) -> Option<f64> {
        percent(self.gained?, self.base()?)
    }

    /// Returns whether rounding alone could account for the change, which is below twice its unit.
    pub fn is_rough(&self) -> bool {
        self.gained.is_some_and(|gained| gained.abs() < 2 * self.rounding)
    }
}

/// Returns a gain in percent of what it began with, to four decimals as in the views; `None` if that was 0.
#[expect(clippy::cast_precision_loss, reason = "a percentage has four decimals")]
pub fn percent(gained: i64, base: i64) -> Option<f64> {
    (base > 0).then(|| (gained as f64 * 1_000_000.0 / base as f64).round() / 10_000.0)
}

/// n is the newest measured value, o the oldest. e, s and b lie at the end of the period, at its
/// beginning, and at the beginning of the preceding one. As in the views, a history that begins after the
/// end has no value there, even if it begins soon after it.
static GROWTH: LazyLock<String> = LazyLock::new(|| {
    schema::query(
        "SELECT account, account_id, name, label, username, platform, newest, oldest,
       at_end, at_end - at_begin AS gained, at_begin - at_before,
       rounding
FROM (
  SELECT a.account, who!(), a.removed_time, n.time AS newest, o.time AS oldest,
         CASE WHEN :until IS NULL OR e_l.time < :until
                OR ifnull(e_l.time, e_u.time) - :until <= 43200 AND EXISTS (
                  SELECT 1 FROM _snapshot b
                  WHERE b.account = a.account AND b.is_measured AND b.time < :until)
              THEN value!(e, followers, ifnull(:until, n.time)) END AS at_end,
         value!(s, followers, ifnull(:from, ifnull(:until, n.time) - :back)) AS at_begin,
         value!(b, followers, before!()) AS at_before,
         rounding_at!(p.platform, e, followers, ifnull(:until, n.time)) AS rounding
  FROM _account a
  LEFT JOIN _profile p ON p.account = a.account
  newest!(n, followers, a.account)
  LEFT JOIN _snapshot o ON o.account = a.account AND o.refresh_id = (
    SELECT b.refresh_id FROM _snapshot b
    WHERE b.account = a.account AND b.measured_followers IS NOT NULL ORDER BY b.refresh_id LIMIT 1)
  neighbours!(e, followers, a.account, ifnull(:until, n.time), n.refresh_id, n)
  neighbours!(s, followers, a.account, ifnull(:from, ifnull(:until, n.time) - :back), n.refresh_id, n)
  neighbours!(b, followers, a.account, before!(), n.refresh_id, n)
  WHERE (:include_removed OR :until IS NOT NULL OR a.removed_time IS NULL) AND selected!(:tags, :platform)
)
WHERE :include_removed OR removed_time IS NULL OR gained IS NOT NULL
ORDER BY gained DESC NULLS LAST, name, account_id\n",
    )
});

impl ReadTx<'_> {
    /// Returns the growth of each account in the list, largest first. Equal ones are sorted by
    /// name, and unknown ones come last. A period with an end also includes accounts that were
    /// removed from the list, as the views do.
    pub fn growth(
        &self,
        selection: &Selection,
        period: &Period,
    ) -> Result<Vec<AccountGrowth>, StoreError> {
        self.growth_of(selection, period, false)
    }

    /// As [`ReadTx::growth`], but always includes accounts that were removed from the list.
    pub fn growth_of_all(
        &self,
        selection: &Selection,
        period: &Period,
    ) -> Result<Vec<AccountGrowth>, StoreError> {
        self.growth_of(selection, period, true)
    }

    fn growth_of(
        &self,
        selection: &Selection,
        period: &Period,
        include_removed: bool,
    ) -> Result<Vec<AccountGrowth>, StoreError> {
        let (from, back) = match period.from {
            Beginning::At(at) => (Some(at.0), None),
            Beginning::Back(seconds) => (None, Some(seconds)),
            Beginning::History => (None, None),
        };
        let mut statement = self.tx.prepare_cached(&GROWTH)?;
        let mut rows = statement.query(named_params! {
            ":include_removed": include_removed,
            ":before": period.before,
            ":from": from,
            ":back": back,
            ":until": period.until,
            ":tags": selection.tags_json(),
            ":platform": selection.platform,
        })?;
        let is_over = period.unfinished.is_none();
        let mut accounts = Vec::new();
        while let Some(row) = rows.next()? {
            accounts.push(AccountGrowth {
                key: row.get(0)?,
                id: row.get(1)?,
                name: row.get(2)?,
                label: row.get(3)?,
                username: row.get(4)?,
                platform: row.get(5)?,
                newest: row.get(6)?,
                oldest: row.get(7)?,
                followers: row.get(8)?,
                gained: row.get(9)?,
                gained_before: row.get::<_, Option<i64>>(10)?.filter(|_| is_over),
                rounding: row.get(11)?,
            });
        }
        Ok(accounts)
    }

    /// Returns an account's measured followers from `since` on, and the last value before it,
    /// oldest first.
    pub fn followers(
        &self,
        account: AccountKey,
        since: Time,
    ) -> Result<Vec<(Time, i64)>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT time, measured_followers FROM _snapshot
             WHERE account = ?1 AND measured_followers IS NOT NULL
               AND refresh_id >= ifnull((
                 SELECT b.refresh_id FROM _snapshot b
                 WHERE b.account = ?1 AND b.measured_followers IS NOT NULL AND b.time <= ?2
                 ORDER BY b.refresh_id DESC LIMIT 1), -9223372036854775807)
             ORDER BY refresh_id",
        )?;
        let values =
            statement.query_map(params![account, since], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(values.collect::<Result<_, _>>()?)
    }

    /// Returns all tags and all platforms of accounts in the list.
    pub fn selectable(&self) -> Result<(Vec<String>, Vec<String>), StoreError> {
        let list = |sql: &str| -> Result<Vec<String>, StoreError> {
            let mut statement = self.tx.prepare_cached(sql)?;
            let names = statement.query_map([], |row| row.get(0))?;
            Ok(names.collect::<Result<_, _>>()?)
        };
        Ok((
            list("SELECT DISTINCT tag FROM account_tags ORDER BY tag")?,
            list(
                "SELECT DISTINCT platform FROM _profile WHERE platform IS NOT NULL ORDER BY platform",
            )?,
        ))
    }

    /// Returns when the oldest snapshot was taken, if all were taken at `time` or later.
    pub fn begins_from(&self, time: Time) -> Result<Option<Time>, StoreError> {
        let mut firsts = self.tx.prepare_cached(
            "SELECT 1 FROM _account a
             WHERE (SELECT b.time FROM _snapshot b WHERE b.account = a.account
                    ORDER BY b.refresh_id LIMIT 1) < ?1",
        )?;
        if firsts.exists([time])? {
            return Ok(None);
        }
        // After the clock was set back, an account's first snapshot is not its oldest. This reads all
        // of them.
        let mut all = self.tx.prepare_cached("SELECT min(time) FROM _snapshot")?;
        let oldest: Option<Time> = all.query_row([], |row| row.get(0))?;
        Ok(oldest.filter(|oldest| *oldest >= time))
    }
}

#[cfg(test)]
mod tests {
    use super::{GROWTH, percent};

    #[test]
    fn a_percentage_has_the_decimals_of_the_views() {
        for (gained, base, expected) in
            [(1, 3, Some(33.3333)), (-2, 3, Some(-66.6667)), (0, 7, Some(0.0)), (5, 0, None)]
        {
            assert_eq!(percent(gained, base), expected, "{gained} {base}");
        }
    }

    #[test]
    fn the_list_is_scanned_once_and_the_history_by_its_index() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("growth.db");
        let mut store =
            crate::store::Store::open(&path, crate::store::Creation::Allowed).expect("a database");
        let tx = store.begin_read().expect("a transaction");
        let steps = crate::store::schema::query_plan(&tx.tx, &GROWTH);
        let scans = steps.iter().filter(|step| step.contains("SCAN") && !step.contains("VIRTUAL"));
        assert_eq!(scans.collect::<Vec<_>>(), ["SCAN a"], "{steps:?}");
    }
}
