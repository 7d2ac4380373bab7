//! What holds every call up, in the database so that a restart does not hammer: the open circuit
//! breaker with the accounts whose trouble opened it, and the vendor's wish for a wait.

use rusqlite::{Row, params};

use crate::clock::Time;
use crate::store::account::{FailureRow, StateRow};
use crate::store::ledger::{AccountKey, RefreshId};
use crate::store::{ReadTx, StoreError, WriteTx};

/// The open breaker's row. `engine::Breaker` says what it means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BreakerRow {
    /// Since when it is open.
    pub since: Time,
    /// The code of the latest trouble.
    pub trouble: i64,
    /// For a person.
    pub reason: String,
    /// The newest call when it opened.
    pub opened_after: RefreshId,
    /// How many probes left.
    pub probes: u32,
    /// When the last did.
    pub probe: Time,
    /// How many of them were of accounts that had not failed before.
    pub fresh_probes: u32,
    /// When the last of those left.
    pub fresh_probe: Time,
    /// Who was asked last.
    pub last_account: AccountKey,
    /// Whether a probe is wanted before its time.
    pub is_half_open_wanted: bool,
    /// When the last such probe left.
    pub half_open: Option<Time>,
}

/// The vendor asked for a while without calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wait {
    pub until: Time,
    /// For a person.
    pub reason: String,
}

/// An account of the present run of troubles, as it was before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BeforeTrouble {
    pub account: AccountKey,
    /// What it owed.
    pub state: StateRow,
    /// How it was failing.
    pub failure: FailureRow,
}

impl ReadTx<'_> {
    /// The breaker's row; `None` while it is closed.
    pub(crate) fn breaker(&self) -> Result<Option<BreakerRow>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT since_time, trouble, reason, opened_after, probes, probe_time, fresh_probes,
                    fresh_probe_time, last_account, half_open_wanted, half_open_time
             FROM _breaker",
        )?;
        let mut rows = statement.query_map([], |row| {
            Ok(BreakerRow {
                since: row.get(0)?,
                trouble: row.get(1)?,
                reason: row.get(2)?,
                opened_after: row.get(3)?,
                probes: row.get(4)?,
                probe: row.get(5)?,
                fresh_probes: row.get(6)?,
                fresh_probe: row.get(7)?,
                last_account: row.get(8)?,
                is_half_open_wanted: row.get(9)?,
                half_open: row.get(10)?,
            })
        })?;
        Ok(rows.next().transpose()?)
    }

    /// The accounts of the present run of troubles.
    pub(crate) fn troubled(&self) -> Result<Vec<BeforeTrouble>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT account, phase, next_due, settled_slot, open_slot, tries, paid, refusals,
                    first_failure, last_failure, is_failing
             FROM _troubled ORDER BY account",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(BeforeTrouble {
                account: row.get(0)?,
                state: StateRow::read(row, 1)?,
                failure: FailureRow::read(row, 8)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether the last settled calls are a run of troubles.
    pub(crate) fn has_troubled(&self) -> Result<bool, StoreError> {
        Ok(self.tx.prepare_cached("SELECT 1 FROM _troubled")?.exists([])?)
    }

    /// The wait, if there is one; it may be over.
    pub(crate) fn wait(&self) -> Result<Option<Wait>, StoreError> {
        let mut statement = self.tx.prepare_cached("SELECT until_time, reason FROM _wait")?;
        let wait = |row: &Row<'_>| Ok(Wait { until: row.get(0)?, reason: row.get(1)? });
        let mut rows = statement.query_map([], wait)?;
        Ok(rows.next().transpose()?)
    }
}

impl WriteTx<'_> {
    /// Writes the open breaker's row, or with `None` closes it.
    pub(crate) fn set_breaker(&self, row: Option<&BreakerRow>) -> Result<(), StoreError> {
        let Some(row) = row else {
            self.tx.prepare_cached("DELETE FROM _breaker")?.execute([])?;
            return Ok(());
        };
        let mut statement = self.tx.prepare_cached(
            "INSERT OR REPLACE INTO _breaker VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?;
        statement.execute(params![
            row.since,
            row.trouble,
            row.reason,
            row.opened_after,
            row.probes,
            row.probe,
            row.fresh_probes,
            row.fresh_probe,
            row.last_account,
            row.is_half_open_wanted,
            row.half_open,
        ])?;
        Ok(())
    }

    /// Notes that an account takes part in the present run of troubles; what is known of it from
    /// before its first trouble in the run stays.
    pub(crate) fn add_troubled(&self, before: &BeforeTrouble) -> Result<(), StoreError> {
        let BeforeTrouble { account, state, failure } = before;
        let mut statement = self.tx.prepare_cached(
            "INSERT OR IGNORE INTO _troubled VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?;
        statement.execute(params![
            account,
            state.phase,
            state.next_due,
            state.settled_slot,
            state.open_slot,
            state.tries,
            state.paid,
            state.refusals,
            failure.first,
            failure.last,
            failure.is_failing,
        ])?;
        Ok(())
    }

    /// What is known of the account from before its first trouble in the run no longer holds.
    pub(crate) fn forget_troubled(&self, account: AccountKey) -> Result<(), StoreError> {
        self.tx.prepare_cached("DELETE FROM _troubled WHERE account = ?1")?.execute([account])?;
        Ok(())
    }

    /// The run of troubles is over.
    pub(crate) fn clear_troubled(&self) -> Result<(), StoreError> {
        self.tx.prepare_cached("DELETE FROM _troubled")?.execute([])?;
        Ok(())
    }

    /// Begins a wait, or with `None` ends it.
    pub(crate) fn set_wait(&self, wait: Option<&Wait>) -> Result<(), StoreError> {
        match wait {
            Some(wait) => self
                .tx
                .prepare_cached("INSERT OR REPLACE INTO _wait VALUES (1, ?1, ?2)")?
                .execute(params![wait.until, wait.reason])?,
            None => self.tx.prepare_cached("DELETE FROM _wait")?.execute([])?,
        };
        Ok(())
    }
}
