//! Notable events of the selected accounts within a period, other than growth itself.

use rusqlite::{Row, named_params};

use crate::clock::Time;
use crate::selection::Selection;
use crate::store::{ReadTx, StoreError, schema};

/// A period. An event seen in a measurement happened at some time since the previous measurement.
/// So the first measurement at or after the end still shows events of this period, as it does for
/// gains, and the first measurement after the beginning shows events from before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventPeriod {
    /// The first instant of the period.
    pub from: Time,
    /// The first instant after the period.
    pub until: Time,
}

/// An account that passed a round number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Milestone {
    pub id: String,
    /// The display name of the account.
    pub name: String,
    /// When the count was first measured at or above the milestone.
    pub time: Time,
    /// `followers`, `likes` or `videos`.
    pub count: String,
    /// The largest round number passed in that step.
    pub milestone: i64,
}

/// A step in a count that is unusual for the account.
#[derive(Clone, PartialEq, Debug)]
pub struct Unusual {
    pub id: String,
    /// The display name of the account.
    pub name: String,
    /// When the step was measured.
    pub time: Time,
    /// `followers`, `likes` or `videos`.
    pub count: String,
    pub delta: i64,
    /// The step's rate per 7 days.
    pub per_7d: f64,
    /// The account's usual rate per 7 days.
    pub usual_per_7d: f64,
}

/// A changed field of an account's profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProfileChange {
    pub id: String,
    /// The display name of the account.
    pub name: String,
    /// When the change was first seen.
    pub time: Time,
    /// The field's name, as in the view `profile_changes`.
    pub field: String,
    pub old: Option<String>,
    pub new: Option<String>,
}

/// An account that has not been measured for longer than its schedule allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SilentAccount {
    pub id: String,
    /// The display name of the account.
    pub name: String,
    /// When it was last measured; `None` if never.
    pub since: Option<Time>,
}

/// Selects the accounts. One that was removed from the list only later belongs to the period.
const SELECTED: &str = "account_id IN (
    SELECT a.account_id FROM _account a LEFT JOIN _profile p ON p.account = a.account
    WHERE (a.removed_time IS NULL OR a.removed_time >= :until) AND selected!(:tags, :platform))";

/// Selects the events of a period: those seen in its measurements other than the first one, and in
/// the first measurement after it. An event seen only after as much time again as the period lasts
/// counts for a later period.
const IN_PERIOD: &str = "time >= :from AND time < 2 * :until - :from
  AND (SELECT CASE WHEN e.time < :until THEN b.time >= :from ELSE b.time < :until END
       FROM _account a JOIN _snapshot b ON b.account = a.account
       WHERE a.account_id = e.account_id AND b.refresh_id < e.refresh_id AND b.is_measured
       ORDER BY b.refresh_id DESC LIMIT 1)";

impl ReadTx<'_> {
    /// Returns the milestones passed, largest first. If a step passes several, returns the largest.
    pub fn milestones(
        &self,
        selection: &Selection,
        period: EventPeriod,
    ) -> Result<Vec<Milestone>, StoreError> {
        let sql = format!(
            "SELECT account_id, name, time, count, max(milestone) AS milestone FROM milestones e
             WHERE {IN_PERIOD} AND {SELECTED}
             GROUP BY account_id, count, time
             ORDER BY count <> 'followers', milestone DESC, name, account_id, count"
        );
        self.events(&sql, selection, period, |row| {
            Ok(Milestone {
                id: row.get(0)?,
                name: row.get(1)?,
                time: row.get(2)?,
                count: row.get(3)?,
                milestone: row.get(4)?,
            })
        })
    }

    /// Returns the unusual steps, those of followers and the largest first.
    pub fn unusual(
        &self,
        selection: &Selection,
        period: EventPeriod,
    ) -> Result<Vec<Unusual>, StoreError> {
        let sql = format!(
            "SELECT account_id, name, time, count, delta, per_7d, usual_per_7d FROM unusual e
             WHERE {IN_PERIOD} AND {SELECTED}
             ORDER BY count <> 'followers', abs(delta) DESC, name, account_id, count, time"
        );
        self.events(&sql, selection, period, |row| {
            Ok(Unusual {
                id: row.get(0)?,
                name: row.get(1)?,
                time: row.get(2)?,
                count: row.get(3)?,
                delta: row.get(4)?,
                per_7d: row.get(5)?,
                usual_per_7d: row.get(6)?,
            })
        })
    }

    /// Returns the profile changes, oldest first. Changed URLs are left out, because the vendor
    /// generates new ones for every picture.
    pub fn profile_changes(
        &self,
        selection: &Selection,
        period: EventPeriod,
    ) -> Result<Vec<ProfileChange>, StoreError> {
        let sql = format!(
            "SELECT account_id, name, time, field, CAST(old AS TEXT), CAST(new AS TEXT)
             FROM profile_changes e
             WHERE {IN_PERIOD} AND field NOT IN ('avatar_url', 'profile_url')
               AND {SELECTED}
             ORDER BY time, name, account_id, field"
        );
        self.events(&sql, selection, period, |row| {
            Ok(ProfileChange {
                id: row.get(0)?,
                name: row.get(1)?,
                time: row.get(2)?,
                field: row.get(3)?,
                old: row.get(4)?,
                new: row.get(5)?,
            })
        })
    }

    /// Returns the watched accounts that have no measurement in the period and have not been
    /// measured for more than 1.5 times their schedule's interval, or never; longest silence first.
    pub fn silent(
        &self,
        selection: &Selection,
        period: EventPeriod,
    ) -> Result<Vec<SilentAccount>, StoreError> {
        let sql = format!(
            "SELECT account_id, name, last FROM (
               SELECT who!(), a.interval, a.added_time, (
                        SELECT b.time FROM _snapshot b
                        WHERE b.account = a.account AND b.is_measured AND b.time < :until
                        ORDER BY b.refresh_id DESC LIMIT 1) AS last
               FROM _account a LEFT JOIN _profile p ON p.account = a.account
               WHERE a.next_due IS NOT NULL AND a.added_time < :until)
             WHERE (last IS NULL OR (last < :from AND (:until - last) * 2 > 3 * interval))
               AND {SELECTED}
             ORDER BY last IS NOT NULL, last, name, account_id"
        );
        self.events(&sql, selection, period, |row| {
            let since = row.get(2)?;
            Ok(SilentAccount { id: row.get(0)?, name: row.get(1)?, since })
        })
    }

    fn events<T>(
        &self,
        sql: &str,
        selection: &Selection,
        period: EventPeriod,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.tx.prepare_cached(&schema::query(sql))?;
        let values = named_params! {
            ":from": period.from,
            ":until": period.until,
            ":tags": selection.tags_json(),
            ":platform": selection.platform,
        };
        Ok(statement.query_map(values, read)?.collect::<Result<_, _>>()?)
    }
}
