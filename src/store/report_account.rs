//! Everything that a page about the whole list shows: every account, every number, every credit.

use rusqlite::params;
use rusqlite::types::Value;

use crate::account::AccountId;
use crate::clock::Time;
use crate::selection::Selection;
use crate::store::account::account_id;
use crate::store::ledger::AccountKey;
use crate::store::{ReadTx, StoreError, schema};

/// An account ever watched, as it was seen last.
#[derive(Clone, PartialEq, Debug)]
pub struct ReportAccount {
    pub key: AccountKey,
    pub id: AccountId,
    /// What the person calls it.
    pub label: Option<String>,
    /// The person's tags, as a JSON array.
    pub tags: String,
    /// `tiktok`, `youtube`.
    pub platform: Option<String>,
    pub username: Option<String>,
    /// The name it shows.
    pub display_name: Option<String>,
    /// Where it lies on its platform, as the vendor says.
    pub profile_url: Option<String>,
    /// Whether the platform vouches for it.
    pub is_verified: bool,
    /// Whether it was taken out of the watchlist.
    pub is_removed: bool,
    /// Longest distance between its slots now, in seconds.
    pub interval: i64,
    /// When its newest snapshot was taken.
    pub last: Option<Time>,
    /// Videos published, as newest measured.
    pub videos: Option<i64>,
    /// Average views of a video, as newest measured.
    pub avg_views: Option<f64>,
}

/// The numbers of a snapshot that are drawn.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reading {
    /// When it was taken.
    pub time: Time,
    pub followers: Option<i64>,
    /// Likes, unless they alone fell to 0.
    pub likes: Option<i64>,
    /// The vendor's engagement rate.
    pub engagement: Option<f64>,
    /// Whether something speaks against it as a whole.
    pub is_suspect: bool,
    /// Longest distance between the account's slots then, in seconds.
    pub interval: Option<i64>,
}

/// What a UTC day cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DailySpend {
    /// Since 1970.
    pub day: i64,
    /// Calls made.
    pub calls: i64,
    /// Credits that they may have cost.
    pub spent: i64,
}

impl ReadTx<'_> {
    /// Every selected account ever watched, in the order they were added.
    pub fn report_accounts(&self, selection: &Selection) -> Result<Vec<ReportAccount>, StoreError> {
        let mut statement = self.tx.prepare_cached(&schema::question(
            "SELECT a.account, a.account_id, a.label, a.tags, p.platform, p.username, p.display_name,
                    p.profile_url, coalesce(p.is_verified, 0), a.removed_time IS NOT NULL, a.interval,
                    s.time, v.measured_videos, (
                      SELECT b.avg_views FROM _snapshot b
                      WHERE b.account = a.account AND b.suspect < 2 AND b.avg_views IS NOT NULL
                      ORDER BY b.refresh_id DESC LIMIT 1)
             FROM _account a
             LEFT JOIN _profile p ON p.account = a.account
             LEFT JOIN _snapshot s ON s.account = a.account AND s.refresh_id = (
               SELECT b.refresh_id FROM _snapshot b WHERE b.account = a.account
               ORDER BY b.refresh_id DESC LIMIT 1)
             newest!(v, videos, a.account)
             WHERE selected!(?1, ?2)
             ORDER BY a.account\n",
        ))?;
        let mut rows = statement.query(params![selection.tags_json(), selection.platform])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(ReportAccount {
                key: AccountKey(row.get(0)?),
                id: account_id(row.get(1)?)?,
                label: row.get(2)?,
                tags: row.get(3)?,
                platform: row.get(4)?,
                username: row.get(5)?,
                display_name: row.get(6)?,
                profile_url: row.get(7)?,
                is_verified: row.get(8)?,
                is_removed: row.get(9)?,
                interval: row.get(10)?,
                last: row.get::<_, Option<i64>>(11)?.map(Time),
                videos: row.get(12)?,
                avg_views: match row.get(13)? {
                    #[expect(clippy::cast_precision_loss, reason = "an average, shown rounded")]
                    Value::Integer(whole) => Some(whole as f64),
                    Value::Real(real) => Some(real),
                    _ => None,
                },
            });
        }
        Ok(found)
    }

    /// Hands over the numbers of every snapshot of theirs, account by account in the order of
    /// [`ReadTx::report_accounts`], and each account's in the order of its refreshes.
    pub fn each_reading(
        &self,
        selection: &Selection,
        mut take: impl FnMut(AccountKey, Reading),
    ) -> Result<(), StoreError> {
        // Of everybody the history is gone through as it lies.
        let selected = match selection.is_everything() {
            true => "?1 IS NOT NULL AND ?2 IS NULL",
            false => {
                "s.account IN (SELECT a.account FROM _account a
                               LEFT JOIN _profile p ON p.account = a.account
                               WHERE selected!(?1, ?2))"
            }
        };
        let mut statement = self.tx.prepare_cached(&schema::question(&format!(
            "SELECT s.account, s.time, s.followers,
                    CASE WHEN s.suspect & 1 = 0 THEN s.likes END, s.engagement_rate, s.suspect >= 2, r.interval
             FROM _snapshot s JOIN _refresh r ON r.refresh_id = s.refresh_id
             WHERE {selected}
             ORDER BY s.account, s.refresh_id"
        )))?;
        let mut rows = statement.query(params![selection.tags_json(), selection.platform])?;
        while let Some(row) = rows.next()? {
            let reading = Reading {
                time: Time(row.get(1)?),
                followers: row.get(2)?,
                likes: row.get(3)?,
                engagement: row.get(4)?,
                is_suspect: row.get(5)?,
                interval: row.get(6)?,
            };
            take(AccountKey(row.get(0)?), reading);
        }
        Ok(())
    }

    /// What each day cost on which something was called, oldest first.
    pub fn daily_spend(&self) -> Result<Vec<DailySpend>, StoreError> {
        let mut statement =
            self.tx.prepare_cached("SELECT day, calls, spent FROM _spend ORDER BY day")?;
        let rows = statement.query_map([], |row| {
            Ok(DailySpend { day: row.get(0)?, calls: row.get(1)?, spent: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
