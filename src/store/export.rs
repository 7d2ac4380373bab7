//! The whole history, a row at a time.

use rusqlite::types::Value;

use crate::clock::Time;
use crate::measurement::Number;
use crate::store::{ReadTx, StoreError};

/// A snapshot with whose it is.
#[derive(Clone, PartialEq, Debug)]
pub struct Exported {
    /// Its line in the ledger: ascending, and never used twice.
    pub refresh_id: i64,
    /// Whose it is.
    pub account_id: String,
    /// What the person calls the account.
    pub label: Option<String>,
    /// The account's handle.
    pub username: Option<String>,
    /// The account's platform.
    pub platform: Option<String>,
    /// When it was taken.
    pub time: Time,
    /// Followers, following, videos, likes.
    pub counts: [Option<i64>; 4],
    /// Engagement rate and virality score.
    pub rates: [Option<f64>; 2],
    /// Average views of a video.
    pub avg_views: Option<Number>,
    /// When the vendor had scraped the platform.
    pub analyzed: Option<Time>,
    /// Whether its values take no part in growth.
    pub is_suspect: bool,
    /// What else the vendor said, as JSON in one line.
    pub extra: Option<String>,
}

impl ReadTx<'_> {
    /// Hands every snapshot taken at `since` or later to `take`, in the order of refreshes. Only
    /// one is in memory at a time.
    ///
    /// # Errors
    /// What SQLite says, and the first error of `take`.
    pub fn each_snapshot<E: From<StoreError>>(
        &self,
        since: Time,
        mut take: impl FnMut(Exported) -> Result<(), E>,
    ) -> Result<(), E> {
        let sqlite = |error| E::from(StoreError::Sqlite(error));
        let sql = "SELECT refresh_id, account_id, label, username, platform, time,
                          followers, following, videos, likes,
                          engagement_rate, virality_score, avg_views, analyzed_time,
                          is_suspect, extra
                   FROM snapshots WHERE time >= ?1 ORDER BY refresh_id";
        let mut statement = self.tx.prepare(sql).map_err(sqlite)?;
        let mut rows = statement.query_map([since.0], exported).map_err(sqlite)?;
        rows.try_for_each(|row| take(row.map_err(sqlite)?))
    }
}

fn exported(row: &rusqlite::Row<'_>) -> rusqlite::Result<Exported> {
    Ok(Exported {
        refresh_id: row.get(0)?,
        account_id: row.get(1)?,
        label: row.get(2)?,
        username: row.get(3)?,
        platform: row.get(4)?,
        time: Time(row.get(5)?),
        counts: [row.get(6)?, row.get(7)?, row.get(8)?, row.get(9)?],
        rates: [row.get(10)?, row.get(11)?],
        avg_views: match row.get(12)? {
            Value::Integer(whole) => Some(Number::Whole(whole)),
            Value::Real(real) => Some(Number::Real(real)),
            _ => None,
        },
        analyzed: row.get::<_, Option<i64>>(13)?.map(Time),
        is_suspect: row.get(14)?,
        // Line breaks can only stand between the tokens of JSON.
        extra: row.get::<_, Option<String>>(15)?.map(|extra| extra.replace(['\n', '\r'], " ")),
    })
}
