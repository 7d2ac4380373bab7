//! What is due, when, and in which order it is asked for.

use std::collections::HashSet;

use rusqlite::params;

use crate::account::AccountId;
use crate::clock::Time;
use crate::store::account::{Account, account_ids, accounts, select_accounts};
use crate::store::ledger::{AccountKey, RefreshId};
use crate::store::{ReadTx, StoreError};

/// A query for due accounts in their fair order.
macro_rules! due {
    ($column:literal, $limit:literal) => {
        concat!(
            "SELECT ", $column, " FROM _account WHERE next_due <= ?1
             ORDER BY max(ifnull(last_refresh, 0), ifnull(last_failure, 0)), next_due, account ",
            $limit
        )
    };
}

impl ReadTx<'_> {
    /// Returns up to `limit` accounts that are due at `now`, the one first that has waited longest
    /// since its last ok or failed call. So an account that fails delays no others, and is not
    /// passed over for ever while the budget or the pace suffice for some only.
    pub(crate) fn due(&self, now: Time, limit: usize) -> Result<Vec<AccountKey>, StoreError> {
        let mut statement = self.tx.prepare_cached(due!("account", "LIMIT ?2"))?;
        let rows = statement.query_map(params![now, limit], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns up to `limit` due accounts without a failure since their last ok, from all over the
    /// list: those that stand together, or have waited equally long, may fail together, and would
    /// be asked one after the other while the others are well. `seed` varies the order.
    pub(crate) fn due_fresh(
        &self,
        now: Time,
        limit: usize,
        seed: i64,
    ) -> Result<Vec<AccountKey>, StoreError> {
        // Multiples of 2^32 divided by the golden ratio are spread evenly.
        let mut statement = self.tx.prepare_cached(
            "SELECT account FROM _account WHERE next_due <= ?1 AND last_failure IS NULL
             ORDER BY (account + ?3) * 2654435769 % 4294967296 LIMIT ?2",
        )?;
        let seed = seed.rem_euclid(1 << 16);
        let rows = statement.query_map(params![now, limit, seed], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns whether there is any such account.
    pub(crate) fn has_due_fresh(&self, now: Time) -> Result<bool, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT 1 FROM _account WHERE next_due <= ?1 AND last_failure IS NULL",
        )?;
        Ok(statement.exists([now])?)
    }

    /// Returns the accounts due at `now`.
    pub(crate) fn due_ids(&self, now: Time) -> Result<Vec<AccountId>, StoreError> {
        let mut statement = self.tx.prepare_cached(due!("account_id", ""))?;
        account_ids(statement.query([now])?)
    }

    /// Returns up to `limit` due accounts with a failure since their last ok, the one first that was
    /// asked longest ago, but not `last` if there is another. Those that were failing before the
    /// breaker opened, after the line `opened_after`, and those that were not are asked in turn:
    /// either may be the only ones that have recovered, and the former say little about the vendor.
    pub(crate) fn due_failed(
        &self,
        now: Time,
        last: AccountKey,
        opened_after: RefreshId,
        limit: usize,
    ) -> Result<Vec<AccountKey>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT account FROM (
               SELECT account, last_failure, own_failure IS NOT NULL AS was_failing,
                      max(iif(last_failure > ?3, last_failure, 0))
                        OVER (PARTITION BY own_failure IS NOT NULL) AS latest_probe
               FROM _account WHERE next_due <= ?1 AND last_failure IS NOT NULL)
             ORDER BY account = ?2, latest_probe, was_failing, last_failure, account LIMIT ?4",
        )?;
        let rows =
            statement.query_map(params![now, last, opened_after, limit], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns up to `limit` accounts with keys above `last` whose open slot may have been replaced by
    /// the next one: those that were due at `before`, or are asked again later.
    pub(crate) fn with_open_slots(
        &self,
        before: Time,
        last: AccountKey,
        limit: usize,
    ) -> Result<Vec<Account>, StoreError> {
        let mut statement = self.tx.prepare_cached(select_accounts!(
            "(a.next_due <= ?1 AND a.phase > 0 OR a.phase = 2) AND a.next_due IS NOT NULL
             AND a.account > ?2 ORDER BY a.account LIMIT ?3"
        ))?;
        accounts(statement.query(params![before, last, limit])?)
    }

    /// Returns every watched account whose last settled or open slot is after `now`, or whose next
    /// call is due after `horizon`, as may be the case after the clock was set back.
    pub(crate) fn ahead_of(&self, now: Time, horizon: Time) -> Result<Vec<Account>, StoreError> {
        // The `+` keeps SQLite from walking the index of due times, which reads the table's rows in
        // random order: ten times as slow at a million accounts.
        let mut statement = self.tx.prepare_cached(select_accounts!(
            "+a.next_due IS NOT NULL
             AND (a.settled_slot > ?1 OR a.open_slot > ?1 OR (a.phase <> 1 AND a.next_due > ?2))"
        ))?;
        accounts(statement.query([now, horizon])?)
    }

    /// Returns when the next account is due, `except` for these.
    pub(crate) fn next_due(
        &self,
        except: &HashSet<AccountKey>,
    ) -> Result<Option<Time>, StoreError> {
        self.first_due(Time(i64::MIN), except)
    }

    /// Returns when the first account is due after `after`, `except` for these.
    pub(crate) fn first_due(
        &self,
        after: Time,
        except: &HashSet<AccountKey>,
    ) -> Result<Option<Time>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT account, next_due FROM _account WHERE next_due > ?1 ORDER BY next_due",
        )?;
        let mut rows = statement.query([after])?;
        while let Some(row) = rows.next()? {
            if !except.contains(&row.get(0)?) {
                return Ok(Some(row.get(1)?));
            }
        }
        Ok(None)
    }
}
