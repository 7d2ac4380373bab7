//! The watchlist as the database has it, and its changes.

use std::collections::HashMap;

use rusqlite::params;

use crate::account::AccountId;
use crate::clock::Time;
use crate::config::Watched;
use crate::store::account::{Standing, account_id};
use crate::store::ledger::{AccountKey, RefreshId};
use crate::store::{Batch, StoreError};

/// An account as the database has it, to hold its entry in the watchlist against.
#[derive(Clone, PartialEq, Debug)]
pub struct Listed {
    /// Its key.
    pub key: AccountKey,
    /// Its label.
    pub label: Option<String>,
    /// Its tags, as a JSON array.
    pub tags: String,
    /// Its cron pattern.
    pub cron: String,
    /// Its zone.
    pub timezone: String,
    /// Its window, in seconds.
    pub spread: i64,
    /// Whether it is to be refreshed.
    pub enabled: bool,
    /// Whether it was taken out of the watchlist.
    pub removed: bool,
    /// Since when it is watched.
    pub active: Time,
    /// When it is due; `None` while it is not watched.
    pub next_due: Option<Time>,
    /// Up to which slot nothing is owed.
    pub last_slot: Option<Time>,
    /// The open slot that was tried in vain.
    pub slot: Option<Time>,
    /// How often.
    pub tries: u32,
    /// Its newest snapshot.
    pub last_refresh: Option<RefreshId>,
}

/// An entry's tags as the database stores them.
pub fn tags_json(tags: &[String]) -> String {
    serde_json::Value::from(tags).to_string()
}

impl Batch<'_> {
    /// Every account ever watched.
    pub fn listed(&self) -> Result<HashMap<AccountId, Listed>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT account_id, account, label, tags, cron, timezone, spread, enabled,
                    removed_time IS NOT NULL, active_time, next_due, last_slot, slot, tries, last_refresh
             FROM _account",
        )?;
        let mut rows = statement.query([])?;
        let mut listed = HashMap::new();
        while let Some(row) = rows.next()? {
            let time = |column| row.get::<_, Option<i64>>(column).map(|time| time.map(Time));
            let found = Listed {
                key: AccountKey(row.get(1)?),
                label: row.get(2)?,
                tags: row.get(3)?,
                cron: row.get(4)?,
                timezone: row.get(5)?,
                spread: row.get(6)?,
                enabled: row.get(7)?,
                removed: row.get(8)?,
                active: Time(row.get(9)?),
                next_due: time(10)?,
                last_slot: time(11)?,
                slot: time(12)?,
                tries: row.get(13)?,
                last_refresh: row.get::<_, Option<i64>>(14)?.map(RefreshId),
            };
            listed.insert(account_id(row.get(0)?)?, found);
        }
        Ok(listed)
    }

    /// Adds an account that was never watched before.
    pub fn add(&self, entry: &Watched, standing: &Standing, now: Time) -> Result<(), StoreError> {
        let mut statement = self.tx.prepare_cached(
            "INSERT INTO _account (account_id, label, tags, cron, timezone, spread, enabled,
                                   added_time, active_time, next_due, interval)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10)",
        )?;
        statement.execute(params![
            entry.id.as_str(),
            entry.label,
            tags_json(&entry.tags),
            &*entry.cron,
            &*entry.timezone,
            entry.spread,
            entry.enabled,
            now.0,
            standing.next_due.map(|time| time.0),
            standing.interval,
        ])?;
        Ok(())
    }

    /// Adds an account that is not in the watchlist yet: what was told of it can be stored, and
    /// once it is in the list its baseline need not be bought again.
    pub fn add_unwatched(&self, entry: &Watched, now: Time) -> Result<AccountKey, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "INSERT INTO _account (account_id, tags, cron, timezone, spread, enabled,
                                   added_time, removed_time, active_time, interval)
             VALUES (?1, '[]', ?2, ?3, ?4, 1, ?5, ?5, ?5, 0)",
        )?;
        statement.execute(params![
            entry.id.as_str(),
            &*entry.cron,
            &*entry.timezone,
            entry.spread,
            now.0
        ])?;
        Ok(AccountKey(self.tx.last_insert_rowid()))
    }

    /// Brings an account's row in line with its entry. What else the row says stays.
    pub fn change(
        &self,
        key: AccountKey,
        entry: &Watched,
        active: Time,
        standing: &Standing,
    ) -> Result<(), StoreError> {
        let mut statement = self.tx.prepare_cached(
            "UPDATE _account SET label = ?2, tags = ?3, cron = ?4, timezone = ?5, spread = ?6,
                    enabled = ?7, removed_time = NULL, active_time = ?8, next_due = ?9,
                    last_slot = ?10, slot = ?11, tries = ?12, interval = ?13,
                    paid = iif(?12 = 0, 0, paid),
                    failing_refresh = iif(active_time = ?8, failing_refresh, NULL),
                    last_failure = iif(active_time = ?8, last_failure, NULL)
             WHERE account = ?1",
        )?;
        statement.execute(params![
            key.0,
            entry.label,
            tags_json(&entry.tags),
            &*entry.cron,
            &*entry.timezone,
            entry.spread,
            entry.enabled,
            active.0,
            standing.next_due.map(|time| time.0),
            standing.last_slot.map(|time| time.0),
            standing.slot.map(|time| time.0),
            standing.tries,
            standing.interval,
        ])?;
        Ok(())
    }

    /// Takes an account out of the watch. Its history stays.
    pub fn remove(&self, key: AccountKey, now: Time) -> Result<(), StoreError> {
        let mut statement = self.tx.prepare_cached(
            "UPDATE _account SET removed_time = ?2, next_due = NULL, slot = NULL, tries = 0,
                    paid = 0, failing_refresh = NULL, last_failure = NULL
             WHERE account = ?1",
        )?;
        statement.execute([key.0, now.0])?;
        Ok(())
    }
}
