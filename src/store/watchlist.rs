//! The watchlist as the database has it, and its changes.

use std::collections::HashMap;

use rusqlite::{Row, params};

use crate::account::AccountId;
use crate::clock::Time;
use crate::config::Watched;
use crate::store::account::{Account, StateRow, account_id};
use crate::store::ledger::AccountKey;
use crate::store::{ReadTx, StoreError, WriteTx};

/// An account as the database has it, to hold its entry in the watchlist against.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredEntry {
    pub account: Account,
    /// Whether its schedule is the entry's.
    pub has_same_schedule: bool,
    /// Whether all that the entry says is so already.
    pub is_same: bool,
    /// Whether it was taken out of the watchlist.
    pub removed: bool,
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
    pub fn diff(&self, list: &[Watched]) -> Result<WatchlistDiff, StoreError> {
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
    pub(crate) fn stored_entry(&self, entry: &Watched) -> Result<Option<StoredEntry>, StoreError> {
        let Some(account) = self.account_by_id(&entry.id)? else { return Ok(None) };
        let mut statement =
            self.tx.prepare_cached(&format!("SELECT {WORDS} FROM _account WHERE account = ?1"))?;
        let mut rows = statement.query([account.key])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let (has_same_schedule, is_same) = same(row, entry)?;
        let removed = row.get(6)?;
        Ok(Some(StoredEntry { account, has_same_schedule, is_same, removed }))
    }
}

impl WriteTx<'_> {
    /// Adds an account that was never watched before.
    pub(crate) fn add(
        &self,
        entry: &Watched,
        state: &StateRow,
        interval: i64,
        now: Time,
    ) -> Result<(), StoreError> {
        let mut statement = self.tx.prepare_cached(
            "INSERT INTO _account (account_id, label, tags, cron, timezone, spread, enabled,
                                   added_time, active_time, phase, next_due, interval)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10, ?11)",
        )?;
        statement.execute(params![
            entry.id.as_str(),
            entry.label,
            tags_json(&entry.tags),
            &*entry.cron,
            &*entry.timezone,
            entry.spread,
            entry.enabled,
            now,
            state.phase,
            state.next_due,
            interval,
        ])?;
        Ok(())
    }

    /// Adds an account that is not in the watchlist yet: what was answered can be stored, and
    /// once it is in the list its baseline need not be bought again.
    pub(crate) fn add_unwatched(
        &self,
        entry: &Watched,
        state: &StateRow,
        now: Time,
    ) -> Result<AccountKey, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "INSERT INTO _account (account_id, tags, cron, timezone, spread, enabled,
                                   added_time, removed_time, active_time, phase, interval)
             VALUES (?1, '[]', ?2, ?3, ?4, 1, ?5, ?5, ?5, ?6, 0)",
        )?;
        statement.execute(params![
            entry.id.as_str(),
            &*entry.cron,
            &*entry.timezone,
            entry.spread,
            now,
            state.phase,
        ])?;
        Ok(AccountKey(self.tx.last_insert_rowid()))
    }

    /// Brings an account's row in line with its entry, and writes what it owes then, with its
    /// failures and since when it is watched, as `account` says.
    pub(crate) fn change(&self, account: &Account, entry: &Watched) -> Result<(), StoreError> {
        let mut statement = self.tx.prepare_cached(
            "UPDATE _account SET label = ?2, tags = ?3, cron = ?4, timezone = ?5, spread = ?6,
                    enabled = ?7, removed_time = NULL, active_time = ?8,
                    phase = ?9, next_due = ?10, settled_slot = ?11, open_slot = ?12,
                    tries = ?13, paid = ?14, refusals = ?15, interval = ?16,
                    first_failure = ?17, last_failure = ?18, is_failing = ?19
             WHERE account = ?1",
        )?;
        let Account { key, active, state, failure, interval, .. } = account;
        statement.execute(params![
            key,
            entry.label,
            tags_json(&entry.tags),
            &*entry.cron,
            &*entry.timezone,
            entry.spread,
            entry.enabled,
            active,
            state.phase,
            state.next_due,
            state.settled_slot,
            state.open_slot,
            state.tries,
            state.paid,
            state.refusals,
            interval,
            failure.first,
            failure.last,
            failure.is_failing,
        ])?;
        Ok(())
    }

    /// Takes an account out of the watchlist. Its history stays. `account` says what it owed.
    pub(crate) fn remove(&self, account: &Account, now: Time) -> Result<(), StoreError> {
        let mut statement = self.tx.prepare_cached(
            "UPDATE _account SET removed_time = ?2, phase = ?3, next_due = NULL,
                    settled_slot = ?4, open_slot = ?5, tries = ?6, paid = ?7, refusals = ?8
             WHERE account = ?1 AND removed_time IS NULL",
        )?;
        let Account { key, state, .. } = account;
        statement.execute(params![
            key,
            now,
            state.phase,
            state.settled_slot,
            state.open_slot,
            state.tries,
            state.paid,
            state.refusals,
        ])?;
        Ok(())
    }
}
