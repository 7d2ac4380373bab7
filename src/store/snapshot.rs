//! Snapshots, which are appended and never changed, and profiles, whose changes are kept.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params};

use crate::clock::Time;
use crate::measurement::{Field, Measurement, Number, Profile};
use crate::store::ledger::{AccountKey, RefreshId};
use crate::store::rate::stored;
use crate::store::suspicion::{Known, Previous, Suspicion, suspicion};
use crate::store::{ReadTx, StoreError, WriteTx};

impl From<Number> for Value {
    fn from(number: Number) -> Value {
        match number {
            Number::Whole(whole) => Value::Integer(whole),
            Number::Real(real) => Value::Real(real),
        }
    }
}

fn previous(row: &Row<'_>) -> rusqlite::Result<Previous> {
    Ok(Previous {
        counts: [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?],
        rates: [row.get(4)?, row.get(5)?],
        avg_views: match row.get(6)? {
            Value::Integer(whole) => Some(Number::Whole(whole)),
            Value::Real(real) => Some(Number::Real(real)),
            _ => None,
        },
        analyzed: row.get(7)?,
    })
}

impl ReadTx<'_> {
    /// Returns the values that the account's new response is compared with.
    fn known(&self, account: AccountKey, measurement: &Measurement) -> Result<Known, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT followers, following, videos, likes, engagement_rate, virality_score,
                    avg_views, analyzed_time, measured_followers, measured_likes
             FROM _snapshot WHERE account = ?1 ORDER BY refresh_id DESC LIMIT 1",
        )?;
        let last = |row: &Row<'_>| Ok((previous(row)?, row.get(8)?, row.get(9)?));
        let Some((last, followers, likes)) = statement.query_row([account], last).optional()?
        else {
            return Ok(Known::default());
        };
        // Only a 0 is compared with counts from further back. The search for one that was never
        // reported reads the account's whole history.
        let followers = match (followers, measurement.followers) {
            (None, Some(0)) => self.last_known(account, "followers")?,
            (followers, _) => followers,
        };
        let likes = match (likes, measurement.likes) {
            (None, Some(0)) => self.last_known(account, "likes")?,
            (likes, _) => likes,
        };
        Ok(Known { last: Some(last), followers, likes })
    }

    #[cfg(test)]
    pub(super) fn last_answer(&self, account: AccountKey) -> Result<Option<Previous>, StoreError> {
        Ok(self.known(account, &Measurement::default())?.last)
    }

    /// Returns the last count that was measured, or was above 0 although its response was suspect.
    fn last_known(&self, account: AccountKey, count: &str) -> Result<Option<i64>, StoreError> {
        let mut statement = self.tx.prepare_cached(&format!(
            "SELECT {count} FROM _snapshot
             WHERE account = ?1 AND (measured_{count} IS NOT NULL OR {count} > 0)
             ORDER BY refresh_id DESC LIMIT 1"
        ))?;
        Ok(statement.query_row([account], |row| row.get(0)).optional()?)
    }

    /// Returns when the account's newest snapshot with a measured count was taken.
    pub fn last_measured_time(&self, account: AccountKey) -> Result<Option<Time>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT time FROM _snapshot WHERE account = ?1 AND is_measured
             ORDER BY refresh_id DESC LIMIT 1",
        )?;
        Ok(statement.query_row([account], |row| row.get(0)).optional()?)
    }

    /// Returns whether the account was measured after `from` and no later than `to`.
    pub(crate) fn has_measured(
        &self,
        account: AccountKey,
        from: Time,
        to: Time,
    ) -> Result<bool, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT 1 FROM _snapshot WHERE account = ?1 AND time > ?2 AND time <= ?3 AND is_measured",
        )?;
        Ok(statement.exists(params![account, from, to])?)
    }

    fn profile(&self, account: AccountKey) -> Result<Option<Vec<Value>>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT platform, username, display_name, bio, avatar_url, profile_url, is_verified
             FROM _profile WHERE account = ?1",
        )?;
        let mut rows = statement
            .query_map([account.0], |row| (0..7).map(|column| row.get(column)).collect())?;
        Ok(rows.next().transpose()?)
    }
}

impl WriteTx<'_> {
    /// Appends a snapshot, and returns why it is suspect, if it is.
    pub fn append(
        &self,
        refresh: RefreshId,
        account: AccountKey,
        time: Time,
        measurement: &Measurement,
        clock_contradicts: bool,
    ) -> Result<Suspicion, StoreError> {
        let suspect = suspicion(measurement, &self.known(account, measurement)?, clock_contradicts);
        let mut statement = self.tx.prepare_cached(
            "INSERT INTO _snapshot VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?;
        statement.execute(params![
            account,
            refresh,
            time,
            measurement.followers,
            measurement.following,
            measurement.videos,
            measurement.likes,
            measurement.engagement_rate.map(stored),
            measurement.virality_score.map(stored),
            measurement.avg_views.map(Value::from),
            measurement.analyzed.map(|analyzed| time.since(analyzed)),
            suspect,
            measurement.extra,
        ])?;
        Ok(suspect)
    }

    /// Updates the account's stored profile, and appends a line to the profile history for each
    /// changed field. The first profile is not a change.
    pub fn keep_profile(
        &self,
        refresh: RefreshId,
        account: AccountKey,
        time: Time,
        profile: &Profile,
    ) -> Result<(), StoreError> {
        let reported = fields(profile);
        let stored = self.profile(account)?;
        let merged: Vec<Value> = (0..reported.len())
            .map(|index| match (&reported[index], &stored) {
                ((_, Field::Nothing), Some(stored)) => stored[index].clone(),
                ((_, Field::Value(value)), _) => value.clone(),
                _ => Value::Null,
            })
            .collect();
        let Some(stored) = stored else {
            return self.write_profile(account, &merged);
        };
        if merged == stored {
            return Ok(());
        }
        for (index, (field, _)) in reported.iter().enumerate() {
            if merged[index] != stored[index] {
                let mut statement = self.tx.prepare_cached(
                    "INSERT INTO _profile_change VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?;
                let change = params![account, refresh, time, field, stored[index], merged[index]];
                statement.execute(change)?;
            }
        }
        self.write_profile(account, &merged)
    }

    fn write_profile(&self, account: AccountKey, values: &[Value]) -> Result<(), StoreError> {
        let mut statement = self.tx.prepare_cached(
            "INSERT OR REPLACE INTO _profile VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        let account = Value::Integer(account.0);
        statement.execute(rusqlite::params_from_iter(std::iter::once(&account).chain(values)))?;
        Ok(())
    }
}

/// Returns the profile's values in the order of the table's columns, with the field names that
/// `profile_changes` shows.
fn fields(profile: &Profile) -> [(&'static str, Field<Value>); 7] {
    let text = |field: &Field<String>| match field {
        Field::Nothing => Field::Nothing,
        Field::Null => Field::Null,
        Field::Value(text) => Field::Value(Value::Text(text.clone())),
    };
    let is_verified = match profile.is_verified {
        Field::Nothing => Field::Nothing,
        Field::Null => Field::Null,
        Field::Value(verified) => Field::Value(Value::Integer(verified.into())),
    };
    [
        ("platform", text(&profile.platform)),
        ("username", text(&profile.username)),
        ("display_name", text(&profile.display_name)),
        ("bio", text(&profile.bio)),
        ("avatar_url", text(&profile.avatar_url)),
        ("profile_url", text(&profile.profile_url)),
        ("is_verified", is_verified),
    ]
}
