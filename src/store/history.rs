//! Reading an account's history: finding the account, its snapshots, and its gaps.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, Row};

use crate::clock::Time;
use crate::printable::Named;
use crate::selection::nearest;
use crate::store::ledger::{AccountKey, RefreshId};
use crate::store::{ReadTx, StoreError, schema};

/// An account, for reading its history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountRef {
    pub key: AccountKey,
    pub id: String,
    /// The label, else the display name, else the handle, else the id.
    pub name: String,
    /// The label from the watchlist.
    pub label: Option<String>,
    pub username: Option<String>,
    pub platform: Option<String>,
    /// When the next call is due; `None` if the account is not watched.
    pub next_due: Option<Time>,
}

/// Why a name does not identify an account.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UnknownName {
    #[error("no account is named; `growthd status` lists them")]
    Empty,
    #[error("{} names {} accounts; say which by its id: {}", Named(name), ids.len(), ids.join(", "))]
    Ambiguous { name: String, ids: Vec<String> },
    /// `nearest` is the most similar known name.
    #[error("there is no account {}; {}", Named(name), advice(nearest.as_deref()))]
    NotFound { name: String, nearest: Option<String> },
}

fn advice(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("did you mean {}?", Named(nearest)),
        None => "`growthd status` lists them".to_owned(),
    }
}

/// A count in a snapshot, compared with the last measured value before it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Change {
    pub value: Option<i64>,
    /// The difference from the last measured value.
    pub delta: Option<i64>,
    /// The difference per seven days.
    pub per_7d: Option<f64>,
    /// The difference per seven days, in percent of the last measured value.
    pub pct_per_7d: Option<f64>,
    pub is_measured: bool,
}

/// A snapshot in an account's history.
#[derive(Clone, PartialEq, Debug)]
pub struct Point {
    pub refresh: RefreshId,
    /// When the snapshot was taken.
    pub time: Time,
    /// Days since the measured snapshot before it.
    pub gap_days: Option<f64>,
    pub followers: Change,
    pub likes: Change,
    pub videos: Change,
    /// The engagement rate, as reported by the vendor.
    pub engagement_rate: Option<f64>,
    /// Why the snapshot is suspect: `zero`, `cached` or `clock`.
    pub suspect: Option<String>,
}

/// A gap in an account's history.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Gap {
    /// When the snapshot before it was taken.
    pub from: Time,
    /// When the snapshot after it was taken.
    pub to: Time,
    pub days: f64,
}

impl Gap {
    /// Reads the columns `from_time`, `to_time` and `days` at the beginning of a row.
    pub(super) fn of(row: &Row<'_>) -> rusqlite::Result<Gap> {
        Ok(Gap { from: row.get(0)?, to: row.get(1)?, days: row.get(2)? })
    }
}

const ACCOUNT: &str = "SELECT a.account, who!(), a.next_due
    FROM _account a LEFT JOIN _profile p ON p.account = a.account";

/// The condition that an account once had this handle.
const FORMER_USERNAME: &str = "a.account IN (
    SELECT c.account FROM _profile_change c WHERE c.field = 'username' AND c.old = ?1 COLLATE NOCASE)";

fn account_ref(row: &Row<'_>) -> rusqlite::Result<AccountRef> {
    Ok(AccountRef {
        key: row.get(0)?,
        id: row.get(1)?,
        name: row.get(2)?,
        label: row.get(3)?,
        username: row.get(4)?,
        platform: row.get(5)?,
        next_due: row.get(6)?,
    })
}

fn change(row: &Row<'_>, first: usize) -> rusqlite::Result<Change> {
    Ok(Change {
        value: row.get(first)?,
        delta: row.get(first + 1)?,
        per_7d: row.get(first + 2)?,
        pct_per_7d: row.get(first + 3)?,
        is_measured: row.get(first + 4)?,
    })
}

impl ReadTx<'_> {
    /// Finds the account with this id, else this label, else this username (with or without `@`),
    /// else this display name, else this former username; among those that were removed from the list
    /// only if none in the list matches.
    pub fn named(&self, name: &str) -> Result<Result<AccountRef, UnknownName>, StoreError> {
        if name.is_empty() {
            return Ok(Err(UnknownName::Empty));
        }
        let handle = name.strip_prefix('@').unwrap_or(name);
        let by_id = self
            .tx
            .query_row(
                &schema::query(&format!("{ACCOUNT} WHERE a.account_id = ?1\n")),
                [name],
                account_ref,
            )
            .optional()?;
        if let Some(found) = by_id {
            return Ok(Ok(found));
        }
        let conditions = [
            ("a.label = ?1", name),
            ("p.username = ?1", handle),
            ("p.name = ?1", name),
            (FORMER_USERNAME, handle),
        ];
        let groups = ["a.removed_time IS NULL", "a.removed_time IS NOT NULL"];
        for (group, (condition, text)) in
            groups.iter().flat_map(|group| conditions.map(|c| (group, c)))
        {
            let sql = format!("{ACCOUNT} WHERE {condition} AND {group} ORDER BY a.account\n");
            let sql = schema::query(&sql);
            let mut found: Vec<AccountRef> =
                self.tx.prepare(&sql)?.query_map([text], account_ref)?.collect::<Result<_, _>>()?;
            match (found.pop(), found.is_empty()) {
                (None, _) => {}
                (Some(only), true) => return Ok(Ok(only)),
                (Some(last), false) => {
                    let ids = found.into_iter().chain([last]).map(|found| found.id).collect();
                    return Ok(Err(UnknownName::Ambiguous { name: name.to_owned(), ids }));
                }
            }
        }
        Ok(Err(UnknownName::NotFound { name: name.to_owned(), nearest: self.nearest(handle)? }))
    }

    /// Returns the id, label or username most similar to `name`, if any is similar.
    fn nearest(&self, name: &str) -> Result<Option<String>, StoreError> {
        let mut statement = self.tx.prepare(
            "SELECT account_id FROM _account
             UNION ALL SELECT label FROM _account WHERE label IS NOT NULL
             UNION ALL SELECT username FROM _profile WHERE username IS NOT NULL",
        )?;
        let known = statement.query_map([], |row| row.get(0))?;
        let known: Vec<String> = known.collect::<Result<_, _>>()?;
        Ok(nearest(name, &known))
    }

    /// Returns the id of every account ever watched.
    pub fn account_ids(&self) -> Result<Vec<String>, StoreError> {
        let mut statement = self.tx.prepare_cached("SELECT account_id FROM _account")?;
        let ids = statement.query_map([], |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// Returns the ids of the accounts that were ever refreshed, and so need no first refresh.
    pub fn refreshed_ids(&self) -> Result<HashSet<String>, StoreError> {
        let mut statement = self
            .tx
            .prepare_cached("SELECT account_id FROM _account WHERE last_refresh IS NOT NULL")?;
        let ids = statement.query_map([], |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// Returns an account's snapshots from `since` on, oldest first.
    pub fn points(&self, account_id: &str, since: Time) -> Result<Vec<Point>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT g.refresh_id, g.time, g.gap_days,
                    g.followers, g.followers_delta, g.followers_per_7d, g.followers_pct_per_7d,
                    s.measured_followers IS NOT NULL,
                    g.likes, g.likes_delta, g.likes_per_7d, g.likes_pct_per_7d,
                    s.measured_likes IS NOT NULL,
                    g.videos, g.videos_delta, g.videos_per_7d, g.videos_pct_per_7d,
                    s.measured_videos IS NOT NULL,
                    s.engagement_rate, g.suspect
             FROM _account a
             JOIN _snapshot s ON s.account = a.account
             JOIN growth g ON g.refresh_id = s.refresh_id
             WHERE a.account_id = ?1 AND s.time >= ?2 ORDER BY s.refresh_id",
        )?;
        let points = statement.query_map((account_id, since.0), |row| {
            Ok(Point {
                refresh: row.get(0)?,
                time: row.get(1)?,
                gap_days: row.get(2)?,
                followers: change(row, 3)?,
                likes: change(row, 8)?,
                videos: change(row, 13)?,
                engagement_rate: row.get(18)?,
                suspect: row.get(19)?,
            })
        })?;
        Ok(points.collect::<Result<_, _>>()?)
    }

    /// Returns the gaps in an account's history that end after `since`, oldest first.
    pub fn gaps(&self, account_id: &str, since: Time) -> Result<Vec<Gap>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT from_time, to_time, days FROM gaps
             WHERE account_id = ?1 AND to_time > ?2 ORDER BY to_time",
        )?;
        let gaps = statement.query_map((account_id, since.0), Gap::of)?;
        Ok(gaps.collect::<Result<_, _>>()?)
    }
}
