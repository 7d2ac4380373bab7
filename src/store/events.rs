//! What happened to the accounts of a selection between two instants, beside growing.

use rusqlite::{Row, named_params};

use crate::clock::Time;
use crate::selection::Selection;
use crate::store::{ReadTx, StoreError, schema};

/// From an instant on, and up to another. What a measurement tells happened since the one before
/// it: the first one at or after the end still tells of the time between, as in the gains, and the
/// first one after the beginning tells of the time before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Between {
    /// The first instant that is in it.
    pub from: Time,
    /// The first that is not.
    pub until: Time,
}

/// An account reached a round number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Milestone {
    pub id: String,
    /// What people call it.
    pub name: String,
    /// When it was first measured there.
    pub time: Time,
    /// `followers`, `likes` or `videos`.
    pub count: String,
    /// The greatest round number that it reached in that step.
    pub milestone: i64,
}

/// An account's count took a step unlike those before.
#[derive(Clone, PartialEq, Debug)]
pub struct Unusual {
    pub id: String,
    /// What people call it.
    pub name: String,
    /// When it was measured.
    pub time: Time,
    /// `followers`, `likes` or `videos`.
    pub count: String,
    pub delta: i64,
    /// The step as that of 7 days.
    pub per_7d: f64,
    /// What is usual in 7 days.
    pub usual_per_7d: f64,
}

/// A field of an account's profile changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProfileChange {
    pub id: String,
    /// What people call it.
    pub name: String,
    /// When that was seen.
    pub time: Time,
    /// The field's name.
    pub field: String,
    /// What it was.
    pub old: Option<String>,
    /// What it is.
    pub new: Option<String>,
}

/// An account that was not measured for longer than its schedule has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Silence {
    pub id: String,
    /// What people call it.
    pub name: String,
    /// When it was last measured; `None`: never.
    pub since: Option<Time>,
}

/// Whose events are asked for: who was taken off the list later is in the period all the same.
const SELECTED: &str = "account_id IN (
    SELECT a.account_id FROM _account a LEFT JOIN _profile p ON p.account = a.account
    WHERE (a.removed_time IS NULL OR a.removed_time >= :until) AND selected!(:tags, :platform))";

/// Which events happened then: those told of by any but the first measurement in the period, and
/// by the first one after it. What nothing tells of for as long again is news of a later time.
const HAPPENED: &str = "time >= :from AND time < 2 * :until - :from
  AND (SELECT CASE WHEN e.time < :until THEN b.time >= :from ELSE b.time < :until END
       FROM _account a JOIN _snapshot b ON b.account = a.account
       WHERE a.account_id = e.account_id AND b.refresh_id < e.refresh_id AND b.suspect < 2
       ORDER BY b.refresh_id DESC LIMIT 1)";

impl ReadTx<'_> {
    /// The milestones that were reached, the greatest first; of several in one step the greatest.
    pub fn milestones(
        &self,
        selection: &Selection,
        between: Between,
    ) -> Result<Vec<Milestone>, StoreError> {
        let sql = format!(
            "SELECT account_id, name, time, count, max(milestone) AS milestone FROM milestones e
             WHERE {HAPPENED} AND {SELECTED}
             GROUP BY account_id, count, time
             ORDER BY count <> 'followers', milestone DESC, name, account_id, count"
        );
        self.happened(&sql, selection, between, |row| {
            Ok(Milestone {
                id: row.get(0)?,
                name: row.get(1)?,
                time: Time(row.get(2)?),
                count: row.get(3)?,
                milestone: row.get(4)?,
            })
        })
    }

    /// The unusual steps, the first first.
    pub fn unusual(
        &self,
        selection: &Selection,
        between: Between,
    ) -> Result<Vec<Unusual>, StoreError> {
        let sql = format!(
            "SELECT account_id, name, time, count, delta, per_7d, usual_per_7d FROM unusual e
             WHERE {HAPPENED} AND {SELECTED}
             ORDER BY time, name, account_id, count"
        );
        self.happened(&sql, selection, between, |row| {
            Ok(Unusual {
                id: row.get(0)?,
                name: row.get(1)?,
                time: Time(row.get(2)?),
                count: row.get(3)?,
                delta: row.get(4)?,
                per_7d: row.get(5)?,
                usual_per_7d: row.get(6)?,
            })
        })
    }

    /// The changes of profiles, the first first. An address that changed is none: the vendor's
    /// are made anew for every picture.
    pub fn profile_changes(
        &self,
        selection: &Selection,
        between: Between,
    ) -> Result<Vec<ProfileChange>, StoreError> {
        let sql = format!(
            "SELECT account_id, name, time, field, CAST(old AS TEXT), CAST(new AS TEXT)
             FROM profile_changes e
             WHERE {HAPPENED} AND field NOT IN ('avatar_url', 'profile_url')
               AND {SELECTED}
             ORDER BY time, name, account_id, field"
        );
        self.happened(&sql, selection, between, |row| {
            Ok(ProfileChange {
                id: row.get(0)?,
                name: row.get(1)?,
                time: Time(row.get(2)?),
                field: row.get(3)?,
                old: row.get(4)?,
                new: row.get(5)?,
            })
        })
    }

    /// The watched accounts without a measurement in between, for longer than half as much again
    /// as the interval of their schedule, or without any at all; the longest silence first.
    pub fn silent(
        &self,
        selection: &Selection,
        between: Between,
    ) -> Result<Vec<Silence>, StoreError> {
        let sql = format!(
            "SELECT account_id, name, last FROM (
               SELECT who!(), a.interval, a.added_time, (
                        SELECT b.time FROM _snapshot b
                        WHERE b.account = a.account AND b.suspect < 2 AND b.time < :until
                        ORDER BY b.refresh_id DESC LIMIT 1) AS last
               FROM _account a LEFT JOIN _profile p ON p.account = a.account
               WHERE a.next_due IS NOT NULL AND a.added_time < :until)
             WHERE (last IS NULL OR (last < :from AND (:until - last) * 2 > 3 * interval))
               AND {SELECTED}
             ORDER BY last IS NOT NULL, last, name, account_id"
        );
        self.happened(&sql, selection, between, |row| {
            let since = row.get::<_, Option<i64>>(2)?.map(Time);
            Ok(Silence { id: row.get(0)?, name: row.get(1)?, since })
        })
    }

    fn happened<T>(
        &self,
        sql: &str,
        selection: &Selection,
        between: Between,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.tx.prepare_cached(&schema::question(sql))?;
        let values = named_params! {
            ":from": between.from.0,
            ":until": between.until.0,
            ":tags": selection.tags_json(),
            ":platform": selection.platform,
        };
        Ok(statement.query_map(values, read)?.collect::<Result<_, _>>()?)
    }
}
