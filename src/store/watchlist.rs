//! The watchlist as the database has it, and its changes.

use std::collections::HashMap;

use rusqlite::{Row, params};

use crate::account::AccountId;
use crate::clock::Time;
use crate::config::Watched;
use crate::store::account::{AccountState, account_id};
use crate::store::ledger::{AccountKey, RefreshId};
use crate::store::{ReadTx, StoreError, WriteTx};

/// An account as the database has it, to hold its entry in the watchlist against.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredEntry {
    /// Its key.
    pub key: AccountKey,
    /// Whether its schedule is the entry's.
    pub has_same_schedule: bool,
    /// Whether all that the entry says is so already.
    pub is_same: bool,
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

/// What of a watchlist the database does not have so.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct WatchlistDiff {
    /// New accounts, and those whose entry reads differently, in the order of the list.
    pub entries: Vec<Watched>,
    /// Accounts that are no longer in the list.
    pub gone: Vec<AccountId>,
}

/// What a row says of the schedule, and of all that a person wrote.
const WORDS: &str = "cron, timezone, spread, enabled, label, tags, removed_time IS NOT NULL";

/// Whether a row that begins with [`WORDS`] has the entry's schedule, and whether it says all that
/// the entry says. Nothing is copied: a long list is gone through with it.
fn same(row: &Row<'_>, entry: &Watched) -> rusqlite::Result<(bool, bool)> {
    let text = |column: usize| row.get_ref(column)?.as_str_or_null().map_err(rusqlite::Error::from);
    let has_same_schedule = text(0)? == Some(&*entry.cron)
        && text(1)? == Some(&*entry.timezone)
        && row.get::<_, i64>(2)? == entry.spread
        && row.get::<_, bool>(3)? == entry.enabled;
    let is_removed: bool = row.get(6)?;
    let is_same = has_same_schedule
        && !is_removed
        && text(4)? == entry.label.as_deref()
        && text(5)? == Some(&*tags_json(&entry.tags));
    Ok((has_same_schedule, is_same))
}

/// An entry's tags as the database stores them.
fn tags_json(tags: &[String]) -> String {
    serde_json::Value::from(tags).to_string()
}

impl ReadTx<'_> {
    /// What of `list` is not so yet.
    pub fn amendment(&self, list: &[Watched]) -> Result<WatchlistDiff, StoreError> {
        let places: HashMap<&str, usize> =
            list.iter().enumerate().map(|(place, entry)| (entry.id.as_str(), place)).collect();
        let mut differs = vec![true; list.len()];
        let mut gone = Vec::new();
        let mut statement = self.tx.prepare_cached(&format!(
            "SELECT {WORDS}, account_id FROM _account ORDER BY account"
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id = row.get_ref(7)?.as_str().map_err(rusqlite::Error::from)?;
            match places.get(id) {
                Some(&place) => differs[place] = !same(row, &list[place])?.1,
                None if row.get(6)? => {}
                None => gone.push(account_id(id.to_owned())?),
            }
        }
        let differing = list.iter().zip(differs).filter(|(_, differs)| *differs);
        Ok(WatchlistDiff { entries: differing.map(|(entry, _)| entry.clone()).collect(), gone })
    }

    /// The account of an entry; `None` if it was never watched.
    pub fn listed(&self, entry: &Watched) -> Result<Option<StoredEntry>, StoreError> {
        let mut statement = self.tx.prepare_cached(&format!(
            "SELECT {WORDS}, account, active_time, next_due, last_slot, slot, tries, last_refresh
             FROM _account WHERE account_id = ?1"
        ))?;
        let mut rows = statement.query([entry.id.as_str()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let time = |column| row.get::<_, Option<i64>>(column).map(|time| time.map(Time));
        let (has_same_schedule, is_same) = same(row, entry)?;
        Ok(Some(StoredEntry {
            has_same_schedule,
            is_same,
            removed: row.get(6)?,
            key: AccountKey(row.get(7)?),
            active: Time(row.get(8)?),
            next_due: time(9)?,
            last_slot: time(10)?,
            slot: time(11)?,
            tries: row.get(12)?,
            last_refresh: row.get::<_, Option<i64>>(13)?.map(RefreshId),
        }))
    }
}

impl WriteTx<'_> {
    /// Adds an account that was never watched before.
    pub fn add(
        &self,
        entry: &Watched,
        standing: &AccountState,
        now: Time,
    ) -> Result<(), StoreError> {
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
        standing: &AccountState,
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

    /// Takes an account out of the watch. Its history stays. Answers whether it was in it.
    pub fn remove(&self, id: &AccountId, now: Time) -> Result<bool, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "UPDATE _account SET removed_time = ?2, next_due = NULL, slot = NULL, tries = 0,
                    paid = 0, failing_refresh = NULL, last_failure = NULL
             WHERE account_id = ?1 AND removed_time IS NULL",
        )?;
        Ok(statement.execute(params![id.as_str(), now.0])? > 0)
    }
}
