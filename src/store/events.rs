//! Notable events of the selected accounts within a period, other than growth itself.

use std::collections::HashSet;

use rusqlite::{Row, named_params};

use crate::clock::Time;
use crate::selection::Selection;
use crate::store::{ReadTx, StoreError, schema};

/// A period, to which an event belongs if it is dated within it: its column `dated_time`, as the macro
/// `dated` defines it.
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
    /// The instant that decides to which period it belongs.
    pub dated: Time,
    /// `followers`, `likes` or `videos`.
    pub count: String,
    pub milestone: i64,
    /// The value measured then.
    pub value: i64,
}

impl Milestone {
    /// Returns the milestones, sorted from the largest on, without those that are smaller than another
    /// of the same step.
    pub fn largest_of_steps(milestones: &[Milestone]) -> impl Iterator<Item = &Milestone> {
        let mut steps = HashSet::new();
        milestones.iter().filter(move |m| steps.insert((&m.id, &m.count, m.time)))
    }
}

/// A step in a count that is unusual for the account.
#[derive(Clone, PartialEq, Debug)]
pub struct Unusual {
    pub id: String,
    /// The display name of the account.
    pub name: String,
    /// When the step was measured.
    pub time: Time,
    /// The instant that decides to which period it belongs.
    pub dated: Time,
    /// `followers`, `likes` or `videos`.
    pub count: String,
    pub delta: i64,
    /// The step's rate per 7 days.
    pub per_7d: f64,
    /// The account's usual rate per 7 days.
    pub usual_per_7d: f64,
    /// The rate as a multiple of the usual one; `None` if that is 0.
    pub times: Option<f64>,
}

/// A changed field of an account's profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProfileChange {
    pub id: String,
    /// The display name of the account.
    pub name: String,
    /// When the change was first seen.
    pub time: Time,
    /// The instant that decides to which period it belongs.
    pub dated: Time,
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
    /// Whether it was measured after the period.
    pub is_measured_later: bool,
}

/// Selects the accounts, also those removed from the list: what has happened while an account was
/// followed stays in its period.
const SELECTED: &str = "account_id IN chosen!(account_id, :tags, :platform)";

/// The conditions that an event belongs to a period with a beginning, and with an end. No event is dated
/// after its own measurement, and so most are ruled out by that alone.
pub(super) const DATED: (&str, &str) =
    ("time >= :from AND dated_time >= :from", "dated_time < :until");

/// Returns a query for the events of a view that belong to a period, as `e`.
fn in_period(view: &str) -> String {
    let (begin, end) = DATED;
    format!(
        "(SELECT * FROM {view}
          WHERE (:from IS NULL OR ({begin})) AND (:until IS NULL OR {end}) AND {SELECTED}) e"
    )
}

impl ReadTx<'_> {
    /// Returns the milestones passed, largest first; without a period, all.
    pub fn milestones(
        &self,
        selection: &Selection,
        period: Option<EventPeriod>,
    ) -> Result<Vec<Milestone>, StoreError> {
        let sql = format!(
            "SELECT account_id, name, time, dated_time, count, milestone, value FROM {}
             ORDER BY count <> 'followers', milestone DESC, name, account_id, count",
            in_period("milestones")
        );
        self.events(&sql, selection, period, |row| {
            Ok(Milestone {
                id: row.get(0)?,
                name: row.get(1)?,
                time: row.get(2)?,
                dated: row.get(3)?,
                count: row.get(4)?,
                milestone: row.get(5)?,
                value: row.get(6)?,
            })
        })
    }

    /// Returns the unusual steps, those of followers and the largest first; without a period, all.
    pub fn unusual(
        &self,
        selection: &Selection,
        period: Option<EventPeriod>,
    ) -> Result<Vec<Unusual>, StoreError> {
        let sql = format!(
            "SELECT account_id, name, time, dated_time, count, delta, per_7d, usual_per_7d, times FROM {}
             ORDER BY count <> 'followers', abs(delta) DESC, name, account_id, count, time",
            in_period("unusual")
        );
        self.events(&sql, selection, period, |row| {
            Ok(Unusual {
                id: row.get(0)?,
                name: row.get(1)?,
                time: row.get(2)?,
                dated: row.get(3)?,
                count: row.get(4)?,
                delta: row.get(5)?,
                per_7d: row.get(6)?,
                usual_per_7d: row.get(7)?,
                times: row.get(8)?,
            })
        })
    }

    /// Returns the profile changes, oldest first; without a period, all. Left out are changed URLs,
    /// because the vendor generates new ones for every picture, a verification that merely began or
    /// ceased to be reported, and no bio in place of an empty one.
    pub fn profile_changes(
        &self,
        selection: &Selection,
        period: Option<EventPeriod>,
    ) -> Result<Vec<ProfileChange>, StoreError> {
        let sql = format!(
            "SELECT account_id, name, time, dated_time, field, CAST(old AS TEXT), CAST(new AS TEXT)
             FROM {}
             WHERE field NOT IN ('avatar_url', 'profile_url')
               AND (field <> 'is_verified' OR new = 1 OR (old = 1 AND new = 0))
               AND (field <> 'bio' OR unless_blank!(old) IS NOT unless_blank!(new))
             ORDER BY time, name, account_id, field",
            in_period("profile_changes")
        );
        self.events(&sql, selection, period, |row| {
            Ok(ProfileChange {
                id: row.get(0)?,
                name: row.get(1)?,
                time: row.get(2)?,
                dated: row.get(3)?,
                field: row.get(4)?,
                old: row.get(5)?,
                new: row.get(6)?,
            })
        })
    }

    /// Returns the watched accounts that have no measurement in the period and have not been
    /// measured for more than 1.5 times the interval, or never; longest silence first. The interval is
    /// that of the schedule then, as in the view `gaps`. No account is silent while it was not watched.
    pub fn silent(
        &self,
        selection: &Selection,
        period: EventPeriod,
    ) -> Result<Vec<SilentAccount>, StoreError> {
        let sql = format!(
            "SELECT account_id, name, last, is_measured_later FROM (
               SELECT who!(), a.active_time, l.time AS last, n.refresh_id IS NOT NULL AS is_measured_later,
                      coalesce(CASE WHEN l.time >= a.active_time THEN (
                          SELECT r.interval FROM _refresh r WHERE r.refresh_id = l.refresh_id) END,
                        (SELECT r.interval FROM _refresh r WHERE r.refresh_id = n.refresh_id),
                        a.interval) AS interval
               FROM _account a LEFT JOIN _profile p ON p.account = a.account
               LEFT JOIN _snapshot l ON l.account = a.account AND l.refresh_id = (
                 SELECT b.refresh_id FROM _snapshot b
                 WHERE b.account = a.account AND b.is_measured AND b.time < :until
                 ORDER BY b.refresh_id DESC LIMIT 1)
               LEFT JOIN _snapshot n ON n.account = a.account AND n.refresh_id = (
                 SELECT b.refresh_id FROM _snapshot b
                 WHERE b.account = a.account AND b.is_measured AND b.time >= :until
                 ORDER BY b.refresh_id LIMIT 1)
               WHERE a.next_due IS NOT NULL AND a.active_time < :until)
             WHERE (last IS NULL
                    OR (last < :from AND (:until - max(last, active_time)) * 2 > 3 * interval))
               AND {SELECTED}
             ORDER BY last IS NOT NULL, last, name, account_id"
        );
        self.events(&sql, selection, Some(period), |row| {
            let (since, is_measured_later) = (row.get(2)?, row.get(3)?);
            Ok(SilentAccount { id: row.get(0)?, name: row.get(1)?, since, is_measured_later })
        })
    }

    fn events<T>(
        &self,
        sql: &str,
        selection: &Selection,
        period: Option<EventPeriod>,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.tx.prepare_cached(&schema::query(sql))?;
        let values = named_params! {
            ":from": period.map(|period| period.from),
            ":until": period.map(|period| period.until),
            ":tags": selection.tags_json(),
            ":platform": selection.platform,
        };
        Ok(statement.query_map(values, read)?.collect::<Result<_, _>>()?)
    }
}
