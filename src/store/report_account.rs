//! The data for the report page about the whole list: accounts, snapshots and credits.

use rusqlite::params;
use rusqlite::types::Value;

use crate::account::AccountId;
use crate::clock::Time;
use crate::selection::Selection;
use crate::store::account::account_id;
use crate::store::ledger::AccountKey;
use crate::store::{Gap, ReadTx, StoreError, schema};

/// An account ever watched, with its current profile.
#[derive(Clone, PartialEq, Debug)]
pub struct ReportAccount {
    pub key: AccountKey,
    pub id: AccountId,
    /// The label, else the display name, else the handle.
    pub name: Option<String>,
    /// The tags from the watchlist, as a JSON array.
    pub tags: String,
    /// `tiktok` or `youtube`.
    pub platform: Option<String>,
    pub username: Option<String>,
    /// Its page on the platform, as reported by the vendor.
    pub profile_url: Option<String>,
    pub is_verified: bool,
    /// When the account was removed from the watchlist, if it was.
    pub removed: Option<Time>,
    /// When a count was last measured.
    pub last: Option<Time>,
    /// The newest measured number of published videos.
    pub videos: Option<i64>,
    /// The newest measured average views per video.
    pub avg_views: Option<f64>,
}

/// The numbers of a snapshot that are charted.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reading {
    /// When the snapshot was taken.
    pub time: Time,
    pub followers: Option<i64>,
    pub likes: Option<i64>,
    /// The engagement rate, as reported by the vendor.
    pub engagement: Option<f64>,
    pub suspect: Suspect,
}

/// Which numbers of a snapshot are suspect: shown, but not measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Suspect {
    Nothing,
    Likes,
    Everything,
}

/// The calls and credits of a UTC day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DailySpend {
    /// Days since 1970-01-01.
    pub day: i64,
    pub calls: i64,
    /// Credits that the calls may have cost.
    pub spent: i64,
}

impl ReadTx<'_> {
    /// Returns every selected account ever watched, in the order they were added.
    pub fn report_accounts(&self, selection: &Selection) -> Result<Vec<ReportAccount>, StoreError> {
        let mut statement = self.tx.prepare_cached(&schema::query(
            "SELECT a.account, a.account_id, coalesce(a.label, p.name), a.tags, p.platform, p.username,
                    p.profile_url, coalesce(p.is_verified, 0), a.removed_time,
                    s.time, v.measured_videos, (
                      SELECT b.avg_views FROM _snapshot b
                      WHERE b.account = a.account AND b.suspect < 2 AND b.avg_views IS NOT NULL
                      ORDER BY b.refresh_id DESC LIMIT 1)
             FROM _account a
             LEFT JOIN _profile p ON p.account = a.account
             LEFT JOIN _snapshot s ON s.account = a.account AND s.refresh_id = (
               SELECT b.refresh_id FROM _snapshot b
               WHERE b.account = a.account AND b.is_measured
               ORDER BY b.refresh_id DESC LIMIT 1)
             newest!(v, videos, a.account)
             WHERE selected!(?1, ?2)
             ORDER BY a.account\n",
        ))?;
        let mut rows = statement.query(params![selection.tags_json(), selection.platform])?;
        let mut accounts = Vec::new();
        while let Some(row) = rows.next()? {
            accounts.push(ReportAccount {
                key: row.get(0)?,
                id: account_id(row.get(1)?)?,
                name: row.get(2)?,
                tags: row.get(3)?,
                platform: row.get(4)?,
                username: row.get(5)?,
                profile_url: row.get(6)?,
                is_verified: row.get(7)?,
                removed: row.get(8)?,
                last: row.get(9)?,
                videos: row.get(10)?,
                avg_views: match row.get(11)? {
                    #[expect(clippy::cast_precision_loss, reason = "an average, shown rounded")]
                    Value::Integer(whole) => Some(whole as f64),
                    Value::Real(real) => Some(real),
                    _ => None,
                },
            });
        }
        Ok(accounts)
    }

    /// Calls `take` with each snapshot of the selected accounts, account by account in the order of
    /// [`ReadTx::report_accounts`], and oldest first within an account.
    pub fn each_reading(
        &self,
        selection: &Selection,
        mut take: impl FnMut(AccountKey, Reading),
    ) -> Result<(), StoreError> {
        // Without a selection, read the table in its own order.
        let selected = match selection.is_everything() {
            true => "?1 IS NOT NULL AND ?2 IS NULL",
            false => "s.account IN chosen!(account, ?1, ?2)",
        };
        let mut statement = self.tx.prepare_cached(&schema::query(&format!(
            "SELECT s.account, s.time, s.followers, s.likes, s.engagement_rate, s.suspect
             FROM _snapshot s
             WHERE {selected}
             ORDER BY s.account, s.refresh_id"
        )))?;
        let mut rows = statement.query(params![selection.tags_json(), selection.platform])?;
        while let Some(row) = rows.next()? {
            let reading = Reading {
                time: row.get(1)?,
                followers: row.get(2)?,
                likes: row.get(3)?,
                engagement: row.get(4)?,
                suspect: match row.get::<_, u8>(5)? {
                    0 => Suspect::Nothing,
                    1 => Suspect::Likes,
                    2.. => Suspect::Everything,
                },
            };
            take(row.get(0)?, reading);
        }
        Ok(())
    }

    /// Calls `take` with the id of an account and a gap in its history, for each of the selected
    /// accounts' in no particular order.
    pub fn each_gap(
        &self,
        selection: &Selection,
        mut take: impl FnMut(String, Gap),
    ) -> Result<(), StoreError> {
        let mut statement = self.tx.prepare_cached(&schema::query(
            "SELECT from_time, to_time, days, account_id FROM gaps
             WHERE account_id IN chosen!(account_id, ?1, ?2)",
        ))?;
        let mut rows = statement.query(params![selection.tags_json(), selection.platform])?;
        while let Some(row) = rows.next()? {
            take(row.get(3)?, Gap::of(row)?);
        }
        Ok(())
    }

    /// Returns the calls and credits of each day that had calls, oldest first.
    pub fn daily_spend(&self) -> Result<Vec<DailySpend>, StoreError> {
        let mut statement =
            self.tx.prepare_cached("SELECT day, calls, spent FROM _spend ORDER BY day")?;
        let rows = statement.query_map([], |row| {
            Ok(DailySpend { day: row.get(0)?, calls: row.get(1)?, spent: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
