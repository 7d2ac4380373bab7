//! The stored circuit breaker and wait, which hold back calls. They are in the database so that a
//! restart does not lift them.

use std::fmt;

use rusqlite::{Row, params};

use crate::clock::Time;
use crate::printable::Printable;
use crate::store::account::StateRow;
use crate::store::ledger::{AccountKey, RefreshId};
use crate::store::{ReadTx, StoreError, WriteTx};

/// The row of an open breaker. `engine::Breaker` defines its meaning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BreakerRow {
    pub since: Time,
    /// The code of the latest trouble.
    pub trouble: i64,
    /// The reason, for people.
    pub reason: String,
    /// The newest ledger line when the breaker opened.
    pub opened_after: RefreshId,
    /// Probes sent since it opened: while the trouble was of a kind that costs nothing, and of one
    /// that may cost a credit.
    pub free_probes: u32,
    pub paid_probes: u32,
    /// When the last probe was sent.
    pub probe: Time,
    /// Those of the probes that were for accounts that had not failed before.
    pub fresh_free_probes: u32,
    pub fresh_paid_probes: u32,
    /// When the last of those was sent.
    pub fresh_probe: Time,
    /// The account that was probed last.
    pub last_account: AccountKey,
    /// Whether to send a probe without waiting for the next regular one.
    pub is_half_open_wanted: bool,
    /// When the last such probe was sent.
    pub half_open: Option<Time>,
    /// When the vendor last asked for a wait, or when the breaker opened.
    pub requested: Time,
    /// For how long, in seconds.
    pub requested_seconds: i64,
}

/// A pause of all calls that the vendor asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wait {
    pub from: Time,
    pub until: Time,
    /// The reason, for people.
    pub reason: String,
}

impl Wait {
    /// The pause if the vendor throttles without saying for how long, in seconds: a minute, and the
    /// fraction of a second by which `now` is truncated. One that ends so soon is ordinary.
    pub const ORDINARY: i64 = 61;

    /// Returns whether it lasts for so long that a person should know of it and not wait for it.
    pub fn is_long(&self, now: Time) -> bool {
        self.until.since(now) > Wait::ORDINARY
    }
}

/// A short phrase, to be joined with others in one line.
impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = Printable(&self.reason);
        write!(f, "the vendor asked for a pause until {}: {reason}", self.until)
    }
}

/// An account in the present run of troubles, with its state before the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BeforeTrouble {
    pub account: AccountKey,
    pub state: StateRow,
    /// As in [`FailureRow`](crate::store::FailureRow).
    pub own_failure: Option<RefreshId>,
    pub is_failing: bool,
}

/// Reads a row of `_troubled`, all of its columns in their order.
fn before_trouble(row: &Row<'_>) -> rusqlite::Result<BeforeTrouble> {
    Ok(BeforeTrouble {
        account: row.get(0)?,
        state: StateRow::read(row, 1)?,
        own_failure: row.get(8)?,
        is_failing: row.get(9)?,
    })
}

impl ReadTx<'_> {
    /// Returns the breaker's row; `None` while it is closed.
    pub(crate) fn breaker(&self) -> Result<Option<BreakerRow>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT since_time, trouble, reason, opened_after, free_probes, paid_probes, probe_time,
                    fresh_free_probes, fresh_paid_probes, fresh_probe_time, last_account,
                    half_open_wanted, half_open_time, requested_time, requested_seconds
             FROM _breaker",
        )?;
        let mut rows = statement.query_map([], |row| {
            Ok(BreakerRow {
                since: row.get(0)?,
                trouble: row.get(1)?,
                reason: row.get(2)?,
                opened_after: row.get(3)?,
                free_probes: row.get(4)?,
                paid_probes: row.get(5)?,
                probe: row.get(6)?,
                fresh_free_probes: row.get(7)?,
                fresh_paid_probes: row.get(8)?,
                fresh_probe: row.get(9)?,
                last_account: row.get(10)?,
                is_half_open_wanted: row.get(11)?,
                half_open: row.get(12)?,
                requested: row.get(13)?,
                requested_seconds: row.get(14)?,
            })
        })?;
        Ok(rows.next().transpose()?)
    }

    /// Returns the accounts in the present run of troubles.
    pub(crate) fn troubled(&self) -> Result<Vec<BeforeTrouble>, StoreError> {
        let mut statement = self.tx.prepare_cached("SELECT * FROM _troubled ORDER BY account")?;
        let rows = statement.query_map([], before_trouble)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns the state before the present run of troubles, if the account is in it.
    pub(crate) fn troubled_account(
        &self,
        account: AccountKey,
    ) -> Result<Option<BeforeTrouble>, StoreError> {
        let mut statement = self.tx.prepare_cached("SELECT * FROM _troubled WHERE account = ?1")?;
        let mut rows = statement.query_map([account], before_trouble)?;
        Ok(rows.next().transpose()?)
    }

    /// Returns whether a run of troubles is in progress.
    pub(crate) fn has_troubled(&self) -> Result<bool, StoreError> {
        Ok(self.tx.prepare_cached("SELECT 1 FROM _troubled")?.exists([])?)
    }

    /// Returns the stored wait, which may be over.
    pub(crate) fn wait(&self) -> Result<Option<Wait>, StoreError> {
        let mut statement =
            self.tx.prepare_cached("SELECT from_time, until_time, reason FROM _wait")?;
        let wait =
            |row: &Row<'_>| Ok(Wait { from: row.get(0)?, until: row.get(1)?, reason: row.get(2)? });
        let mut rows = statement.query_map([], wait)?;
        Ok(rows.next().transpose()?)
    }
}

impl WriteTx<'_> {
    /// Stores the open breaker; `None` closes it.
    pub(crate) fn set_breaker(&self, row: Option<&BreakerRow>) -> Result<(), StoreError> {
        let Some(row) = row else {
            self.tx.prepare_cached("DELETE FROM _breaker")?.execute([])?;
            return Ok(());
        };
        let mut statement = self.tx.prepare_cached(
            "INSERT OR REPLACE INTO _breaker
             VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?;
        statement.execute(params![
            row.since,
            row.trouble,
            row.reason,
            row.opened_after,
            row.free_probes,
            row.paid_probes,
            row.probe,
            row.fresh_free_probes,
            row.fresh_paid_probes,
            row.fresh_probe,
            row.last_account,
            row.is_half_open_wanted,
            row.half_open,
            row.requested,
            row.requested_seconds,
        ])?;
        Ok(())
    }

    /// Adds an account to the present run of troubles. Keeps the earlier state if the account is in
    /// the run already.
    pub(crate) fn add_troubled(&self, before: &BeforeTrouble) -> Result<(), StoreError> {
        let BeforeTrouble { account, state, own_failure, is_failing } = before;
        let mut statement = self.tx.prepare_cached(
            "INSERT OR IGNORE INTO _troubled VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
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
            own_failure,
            is_failing,
        ])?;
        Ok(())
    }

    /// Replaces the state from before the run, if the account is in it.
    pub(crate) fn replace_troubled(&self, before: &BeforeTrouble) -> Result<(), StoreError> {
        let mut statement = self.tx.prepare_cached("DELETE FROM _troubled WHERE account = ?1")?;
        match statement.execute([before.account])? {
            0 => Ok(()),
            _ => self.add_troubled(before),
        }
    }

    /// Ends the run of troubles.
    pub(crate) fn clear_troubled(&self) -> Result<(), StoreError> {
        self.tx.prepare_cached("DELETE FROM _troubled")?.execute([])?;
        Ok(())
    }

    /// Stores a wait; `None` ends it.
    pub(crate) fn set_wait(&self, wait: Option<&Wait>) -> Result<(), StoreError> {
        match wait {
            Some(wait) => self
                .tx
                .prepare_cached("INSERT OR REPLACE INTO _wait VALUES (1, ?1, ?2, ?3)")?
                .execute(params![wait.from, wait.until, wait.reason])?,
            None => self.tx.prepare_cached("DELETE FROM _wait")?.execute([])?,
        };
        Ok(())
    }
}
