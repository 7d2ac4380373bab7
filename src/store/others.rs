//! How the other accounts fare, which tells whose trouble a failed call is. The counts have limits: the
//! cost of a failed call must not grow with the list.

use rusqlite::{Params, params};

use crate::store::ledger::{AccountKey, RefreshId};
use crate::store::{ReadTx, StoreError};

/// A query that counts watched accounts, up to ?1: the cost must not grow with the list.
macro_rules! count_watched {
    ($filter:literal) => {
        concat!(
            "SELECT count(*) FROM (
               SELECT 1 FROM _account WHERE next_due IS NOT NULL AND ",
            $filter,
            " LIMIT ?1)"
        )
    };
}

impl ReadTx<'_> {
    /// Returns whether there is another account to ask than those in the present run of troubles: a
    /// watched one that was not failing before, and that an open breaker has restored up to
    /// `trusted` times since its last ok.
    pub(crate) fn has_other_to_ask(&self, trusted: u32) -> Result<bool, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT 1 FROM _account
             WHERE next_due IS NOT NULL AND own_failure IS NULL AND restored <= ?1
               AND account NOT IN (SELECT account FROM _troubled)",
        )?;
        Ok(statement.exists([trusted])?)
    }

    /// Counts the other accounts that had an ok in a call after `since`, up to `limit`. A response
    /// whose date contradicts our clock has an error in its line and does not count.
    pub(crate) fn others_ok_since(
        &self,
        account: AccountKey,
        since: RefreshId,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let sql = "SELECT count(*) FROM (
               SELECT DISTINCT account FROM _refresh
               WHERE refresh_id > ?2 AND outcome = 1 AND error IS NULL
                 AND account IS NOT NULL AND account <> ?1
               LIMIT ?3)";
        self.count(sql, params![account, since, limit])
    }

    /// Returns how many watched accounts have failed since their last ok without having given up a
    /// slot or been refused, up to `limit`.
    pub(crate) fn count_failed_together(&self, limit: usize) -> Result<usize, StoreError> {
        self.count(count_watched!("last_failure IS NOT NULL AND is_failing = 0"), [limit])
    }

    /// Returns how many other watched accounts that had had an ok began to fail after `line`, up to
    /// `limit`.
    pub(crate) fn others_failed_since(
        &self,
        account: AccountKey,
        line: RefreshId,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let sql = count_watched!(
            "last_failure IS NOT NULL AND last_refresh IS NOT NULL AND first_failure > ?2
             AND account <> ?3"
        );
        self.count(sql, params![limit, line, account])
    }

    /// Returns how many watched accounts the vendor has refused what they owe, up to `limit`.
    pub(crate) fn count_refused(&self, limit: usize) -> Result<usize, StoreError> {
        self.count(count_watched!("last_failure IS NOT NULL AND refusals > 0"), [limit])
    }

    /// Returns how many watched accounts have had an ok and not failed since, up to `limit`.
    pub(crate) fn count_well(&self, limit: usize) -> Result<usize, StoreError> {
        self.count(count_watched!("last_failure IS NULL AND last_refresh IS NOT NULL"), [limit])
    }

    /// Returns whether another watched account has a failure since its last ok.
    pub(crate) fn others_failed(&self, account: AccountKey) -> Result<bool, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT 1 FROM _account
             WHERE last_failure IS NOT NULL AND next_due IS NOT NULL AND account <> ?1",
        )?;
        Ok(statement.exists([account])?)
    }

    fn count(&self, sql: &str, parameters: impl Params) -> Result<usize, StoreError> {
        Ok(self.tx.prepare_cached(sql)?.query_row(parameters, |row| row.get(0))?)
    }
}
