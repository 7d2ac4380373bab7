//! The stored watchlist, and changing it.

use std::collections::HashMap;

use rusqlite::{Row, params};

use crate::account::AccountId;
use crate::clock::Time;
use crate::config::Watched;
use crate::store::account::{Account, StateRow, account_id};
use crate::store::ledger::AccountKey;
use crate::store::{ReadTx, StoreError, WriteTx};

/// A stored account, compared with its watchlist entry.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredEntry {
    pub account: Account,
    /// Whether the schedule by which the account was last watched equals the entry's.
    pub has_same_schedule: bool,
    /// Whether everything stored equals the entry.
    pub is_same: bool,
    /// Whether the account was removed from the watchlist.
    pub removed: bool,
}

/// The differences between a watchlist and the stored one.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct WatchlistDiff {
    /// New accounts and those with a changed entry, in the order of the list.
    pub entries: Vec<Watched>,
    /// Accounts that are no longer in the list.
    pub removed: Vec<AccountId>,
}

/// The columns that hold a watchlist entry.
const ENTRY_COLUMNS: &str =
    "cron, timezone, spread, enabled, label, tags, removed_time IS NOT NULL";

/// Returns whether a row that begins with [`ENTRY_COLUMNS`] equals an entry. Copies nothing, since
/// it is called for each account of a long list.
fn compare(row: &Row<'_>, entry: &Watched) -> rusqlite::Result<bool> {
    let text = |column: usize| row.get_ref(column)?.as_str_or_null().map_err(rusqlite::Error::from);
    let is_removed: bool = row.get(6)?;
    Ok(!is_removed
        && text(0)? == Some(&*entry.cron)
        && text(1)? == Some(&*entry.timezone)
        && row.get::<_, i64>(2)? == entry.spread
        && row.get::<_, bool>(3)? == entry.enabled
        && text(4)? == entry.label.as_deref()
        && text(5)? == Some(&*tags_json(&entry.tags)))
}

fn tags_json(tags: &[String]) -> String {
    serde_json::Value::from(tags).to_string()
}

impl ReadTx<'_> {
    /// Returns the differences between `list` and the stored watchlist.
    pub fn diff(&self, list: &[Watched]) -> Result<WatchlistDiff, StoreError> {
        let indices: HashMap<&str, usize> =
            list.iter().enumerate().map(|(index, entry)| (entry.id.as_str(), index)).collect();
        let mut differs = vec![true; list.len()];
        let mut removed = Vec::new();
        let mut statement = self.tx.prepare_cached(&format!(
            "SELECT {ENTRY_COLUMNS}, account_id FROM _account ORDER BY account"
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id = row.get_ref(7)?.as_str().map_err(rusqlite::Error::from)?;
            match indices.get(id) {
                Some(&index) => differs[index] = !compare(row, &list[index])?,
                None if row.get(6)? => {}
                None => removed.push(account_id(id.to_owned())?),
            }
        }
        let differing = list.iter().zip(differs).filter(|(_, differs)| *differs);
        Ok(WatchlistDiff { entries: differing.map(|(entry, _)| entry.clone()).collect(), removed })
    }

    /// Compares an entry with its stored account; `None` if the account was never watched.
    pub(crate) fn stored_entry(&self, entry: &Watched) -> Result<Option<StoredEntry>, StoreError> {
        let Some(account) = self.account_by_id(&entry.id)? else { return Ok(None) };
        let mut statement = self
            .tx
            .prepare_cached(&format!("SELECT {ENTRY_COLUMNS} FROM _account WHERE account = ?1"))?;
        let mut rows = statement.query([account.key])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let is_same = compare(row, entry)?;
        let has_same_schedule = account.cron == *entry.cron
            && account.timezone == *entry.timezone
            && account.spread == entry.spread;
        let removed = row.get(6)?;
        Ok(Some(StoredEntry { account, has_same_schedule, is_same, removed }))
    }
}

impl WriteTx<'_> {
    /// Gives the watchlist another token, because it has changed, and returns it.
    pub(crate) fn renew_watchlist(&self) -> Result<i64, StoreError> {
        let sql = "UPDATE _watchlist SET token = random() RETURNING token";
        Ok(self.tx.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }

    /// Adds an account that has never been watched.
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

    /// Adds an account that is not in the watchlist yet, so that its response can be stored and its
    /// baseline need not be bought again once it is in the list.
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

    /// Updates an account's row to its entry, and stores the state, failures and `active` time from
    /// `account`. Of one that is disabled, the schedule by which it was watched is kept as well.
    pub(crate) fn change(&self, account: &Account, entry: &Watched) -> Result<(), StoreError> {
        let mut statement = self.tx.prepare_cached(
            "UPDATE _account SET label = ?2, tags = ?3, cron = ?4, timezone = ?5, spread = ?6,
                    left_cron = iif(?7, NULL, ifnull(left_cron, cron)),
                    left_timezone = iif(?7, NULL, ifnull(left_timezone, timezone)),
                    left_spread = iif(?7, NULL, ifnull(left_spread, spread)),
                    enabled = ?7, removed_time = NULL, active_time = ?8,
                    phase = ?9, next_due = ?10, settled_slot = ?11, open_slot = ?12,
                    tries = ?13, paid = ?14, refusals = ?15, interval = ?16,
                    first_failure = ?17, last_failure = ?18, first_throttled = ?19, own_failure = ?20,
                    is_failing = ?21, restored = ?22, edited_slot = ?23
             WHERE account = ?1",
        )?;
        let Account { key, active, state, failure, restored, interval, edited, .. } = account;
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
            failure.throttled,
            failure.own,
            failure.is_failing,
            restored,
            edited,
        ])?;
        Ok(())
    }
}
