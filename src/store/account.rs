//! An account's row: its watchlist entry and its state.

use rusqlite::{Row, ToSql};

use crate::account::{AccountId, Handle};
use crate::clock::Time;
use crate::schedule::{ScheduleCache, SlotWindow, spread_offset};
use crate::store::ledger::{AccountKey, PendingLine, RefreshId};
use crate::store::{ReadTx, StoreError, WriteTx};

/// How often an account can be restored by the breaker, between two oks, so that its next trouble
/// still says something about the vendor.
pub const TRUSTED_RESTORES: u32 = 1;

/// What an account owes, as stored. `engine::AccountState` defines which combinations are valid,
/// and their meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StateRow {
    /// The code of the kind of debt, as in `_account.phase`.
    pub phase: i64,
    /// When the next call is due; `None` while the account is not watched.
    pub next_due: Option<Time>,
    /// The last slot that needs no further call.
    pub settled_slot: Option<Time>,
    /// The slot that is owed.
    pub open_slot: Option<Time>,
    /// Failed calls for what is owed.
    pub tries: u32,
    /// Those of the failed calls that may have cost a credit.
    pub paid: u32,
    /// Those of the failed calls that were refused.
    pub refusals: u32,
}

impl StateRow {
    /// Reads the seven columns starting at `first`.
    pub(super) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<StateRow> {
        Ok(StateRow {
            phase: row.get(first)?,
            next_due: row.get(first + 1)?,
            settled_slot: row.get(first + 2)?,
            open_slot: row.get(first + 3)?,
            tries: row.get(first + 4)?,
            paid: row.get(first + 5)?,
            refusals: row.get(first + 6)?,
        })
    }
}

/// An account's failed calls since its last ok, as ledger lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FailureRow {
    /// The first of any kind.
    pub first: Option<RefreshId>,
    /// The last of any kind, of the scheduled ones if there were any.
    pub last: Option<RefreshId>,
    /// The first that was throttled.
    pub throttled: Option<RefreshId>,
    /// The first that was the account's own trouble. Throttled calls, those lost with an earlier
    /// process, and those that an open breaker took the blame for are not, unless the account failed
    /// again while others had oks: then it counts from the last of them.
    pub own: Option<RefreshId>,
    /// Whether a slot was given up since the last ok, or the account was refused.
    pub is_failing: bool,
}

impl FailureRow {
    /// Reads the five columns starting at `first`.
    pub(super) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<FailureRow> {
        Ok(FailureRow {
            first: row.get(first)?,
            last: row.get(first + 1)?,
            throttled: row.get(first + 2)?,
            own: row.get(first + 3)?,
            is_failing: row.get(first + 4)?,
        })
    }

    /// Adds a failed call that was the account's own trouble.
    #[must_use]
    pub fn failed(self, line: &PendingLine, refresh: RefreshId, is_failing: bool) -> FailureRow {
        FailureRow {
            own: self.own.or(Some(refresh)),
            is_failing: self.is_failing || is_failing,
            ..self.tried(line, refresh)
        }
    }

    /// Adds a throttled call.
    #[must_use]
    pub fn throttled(self, line: &PendingLine, refresh: RefreshId) -> FailureRow {
        FailureRow { throttled: self.throttled.or(Some(refresh)), ..self.tried(line, refresh) }
    }

    /// Adds a failed call that may not have been the account's own trouble. A manual refresh does
    /// not take the place of a scheduled one, which tells that its slot was tried.
    #[must_use]
    pub fn tried(self, line: &PendingLine, refresh: RefreshId) -> FailureRow {
        let is_last = line.cause.is_scheduled() || self.last.is_none();
        FailureRow {
            first: self.first.or(Some(refresh)),
            last: if is_last { Some(refresh) } else { self.last },
            ..self
        }
    }

    /// Returns the first call that was the account's own trouble or was throttled.
    pub fn first_alone(self) -> Option<RefreshId> {
        self.own.into_iter().chain(self.throttled).min()
    }
}

#[derive(Clone, PartialEq, Debug)]
pub struct Account {
    pub key: AccountKey,
    pub id: AccountId,
    /// The schedule by which the account is watched, or was last watched.
    pub cron: String,
    pub timezone: String,
    /// The length of the window that slots are spread over, in seconds.
    pub spread: i64,
    /// Since when the account has been watched without interruption.
    pub active: Time,
    pub state: StateRow,
    pub failure: FailureRow,
    /// How often an open breaker has restored the account since its last ok; one more if a slot was
    /// replaced unserved after the first time. Above 1, its trouble says nothing about the vendor
    /// once others have had an ok.
    pub restored: u32,
    /// The time from the slot that is owed, or comes next, to the one after it, in seconds.
    pub interval: i64,
    pub last_refresh: Option<RefreshId>,
    /// The slot that an edited schedule has made due. It is never too late for `catch_up`.
    pub edited: Option<Time>,
    /// `state.next_due` as it was read.
    read_due: Option<Time>,
}

impl Account {
    /// Returns whether the account is in the watchlist and enabled.
    pub fn is_watched(&self) -> bool {
        self.state.next_due.is_some()
    }

    /// Records that a slot was replaced unserved. It counts as given up if a call has failed. An open
    /// breaker that restored the account may have been wrong about it, which counts once: a long
    /// outage replaces many slots.
    pub fn slot_replaced(&mut self) {
        self.failure.is_failing |= self.failure.first.is_some();
        if self.restored == TRUSTED_RESTORES {
            self.restored += 1;
        }
    }

    /// Returns the slots around `time`. If the stored schedule can no longer be computed, because
    /// its zone has left the system, these are the ones that its row remembers: one account's zone
    /// must not stop the list, nor the edit that corrects it.
    pub fn window(&self, schedules: &mut ScheduleCache, time: Time) -> SlotWindow {
        schedules
            .window(&self.cron, &self.timezone, self.offset(), time)
            .unwrap_or_else(|_| self.remembered_window(time))
    }

    /// Returns the slots around `time` by those in the row, and its interval after the last of them.
    fn remembered_window(&self, time: Time) -> SlotWindow {
        let StateRow { next_due, settled_slot, open_slot, .. } = self.state;
        let is_slot = settled_slot.is_some() && open_slot.is_none();
        let next = next_due.filter(|_| is_slot);
        let slots = [settled_slot, open_slot, next].into_iter().flatten();
        let slot = slots.filter(|slot| *slot <= time).max().unwrap_or(self.active.min(time));
        let interval = self.interval.max(1);
        let intervals = time.since(slot) / interval + 1;
        let next = next.filter(|next| *next > time);
        let next = next.unwrap_or_else(|| slot.plus(interval.saturating_mul(intervals)));
        SlotWindow { slot, next, after: next.plus(interval) }
    }

    /// Returns the newest `limit` slots after `after` and up to `until`; none if the schedule can no
    /// longer be computed.
    pub fn slots_between(
        &self,
        schedules: &mut ScheduleCache,
        after: Time,
        until: Time,
        limit: usize,
    ) -> Vec<Time> {
        schedules
            .slots_between(&self.cron, &self.timezone, self.offset(), after, until, limit)
            .unwrap_or_default()
    }

    fn offset(&self) -> i64 {
        spread_offset(&self.id, self.spread)
    }
}

/// A query for account rows in the form that [`account`] reads. A string literal, because most
/// statements of an engine turn are this one, and the statement cache looks them up by their text.
macro_rules! select_accounts {
    ($filter:literal) => {
        concat!(
            "SELECT a.account, a.account_id, ifnull(a.left_cron, a.cron),
                    ifnull(a.left_timezone, a.timezone), ifnull(a.left_spread, a.spread),
                    a.active_time,
                    a.phase, a.next_due, a.settled_slot, a.open_slot, a.tries, a.paid, a.refusals,
                    a.first_failure, a.last_failure, a.first_throttled, a.own_failure, a.is_failing,
                    a.interval, a.last_refresh, a.restored, a.edited_slot
             FROM _account a WHERE ",
            $filter
        )
    };
}
pub(super) use select_accounts;

/// The statement of [`WriteTx::save`], with the parameters of [`saved_columns`].
macro_rules! save {
    ($set:literal, $and:literal) => {
        concat!(
            "UPDATE _account SET phase = ?2, ", $set, " settled_slot = ?4, open_slot = ?5,
                    tries = ?6, paid = ?7, refusals = ?8, interval = ?9,
                    first_failure = ?10, last_failure = ?11, is_failing = ?12, last_refresh = ?13,
                    restored = ?14, first_throttled = ?15, own_failure = ?16
             WHERE account = ?1 ", $and
        )
    };
}

/// Returns the parameters of the statement `save!`.
fn saved_columns(account: &Account) -> [&dyn ToSql; 16] {
    let Account { key, state, failure, restored, interval, last_refresh, .. } = account;
    [
        key,
        &state.phase,
        &state.next_due,
        &state.settled_slot,
        &state.open_slot,
        &state.tries,
        &state.paid,
        &state.refusals,
        interval,
        &failure.first,
        &failure.last,
        &failure.is_failing,
        last_refresh,
        restored,
        &failure.throttled,
        &failure.own,
    ]
}

/// Parses an account id from the database, which growthd accepted when it was stored.
pub(super) fn account_id(text: String) -> Result<AccountId, StoreError> {
    text.parse().map_err(|_| StoreError::AccountId(text))
}

pub(super) fn account_ids(mut rows: rusqlite::Rows<'_>) -> Result<Vec<AccountId>, StoreError> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(account_id(row.get(0)?)?);
    }
    Ok(found)
}

pub(super) fn accounts(mut rows: rusqlite::Rows<'_>) -> Result<Vec<Account>, StoreError> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(account(row)?);
    }
    Ok(found)
}

fn account(row: &Row<'_>) -> Result<Account, StoreError> {
    Ok(Account {
        key: row.get(0)?,
        id: account_id(row.get(1)?)?,
        cron: row.get(2)?,
        timezone: row.get(3)?,
        spread: row.get(4)?,
        active: row.get(5)?,
        state: StateRow::read(row, 6)?,
        failure: FailureRow::read(row, 13)?,
        interval: row.get(18)?,
        last_refresh: row.get(19)?,
        restored: row.get(20)?,
        edited: row.get(21)?,
        read_due: row.get(7)?,
    })
}

pub(super) const FIND_HANDLE: &str = "SELECT a.account_id FROM _profile p
    JOIN _account a ON a.account = p.account
    WHERE p.username = ?1 AND p.platform = ?2
    ORDER BY a.removed_time IS NOT NULL LIMIT 1";

impl ReadTx<'_> {
    /// Returns the row of `key`; `None` if the database was replaced by one without it.
    pub fn account(&self, key: AccountKey) -> Result<Option<Account>, StoreError> {
        let mut statement = self.tx.prepare_cached(select_accounts!("a.account = ?1"))?;
        let mut rows = statement.query([key.0])?;
        rows.next()?.map(account).transpose()
    }

    /// Returns whether the account is not in the watchlist, not even disabled.
    pub(crate) fn is_removed(&self, key: AccountKey) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM _account WHERE account = ?1 AND removed_time IS NOT NULL";
        Ok(self.tx.prepare_cached(sql)?.exists([key.0])?)
    }

    pub fn account_by_id(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        let mut statement = self.tx.prepare_cached(select_accounts!("a.account_id = ?1"))?;
        let mut rows = statement.query([id.as_str()])?;
        rows.next()?.map(account).transpose()
    }

    /// Returns the id of the account with this handle: of one that is in the watchlist if there is one.
    pub fn find_handle(&self, handle: &Handle) -> Result<Option<AccountId>, StoreError> {
        let mut statement = self.tx.prepare_cached(FIND_HANDLE)?;
        let mut rows = statement.query([handle.username(), handle.platform().as_str()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some(account_id(row.get(0)?)?))
    }

    /// Returns the key of the account with this id, whether it is watched, disabled or removed.
    pub(crate) fn key_of(&self, id: &AccountId) -> Result<Option<AccountKey>, StoreError> {
        let mut statement =
            self.tx.prepare_cached("SELECT account FROM _account WHERE account_id = ?1")?;
        let mut rows = statement.query_map([id.as_str()], |row| row.get(0))?;
        Ok(rows.next().transpose()?)
    }

    /// Returns every watched account.
    pub(crate) fn watched_ids(&self) -> Result<Vec<AccountId>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT account_id FROM _account WHERE next_due IS NOT NULL ORDER BY account",
        )?;
        account_ids(statement.query([])?)
    }
}

impl WriteTx<'_> {
    /// Forgets the slots after `now` that edited schedules made due, under a clock that was ahead. When
    /// they come again, they are slots like any other.
    pub(crate) fn forget_edited_after(&self, now: Time) -> Result<(), StoreError> {
        let sql = "UPDATE _account SET edited_slot = NULL WHERE edited_slot > ?1";
        self.tx.prepare_cached(sql)?.execute([now])?;
        Ok(())
    }

    /// Writes an account's state, failures and newest snapshot.
    pub(crate) fn save(&self, account: &Account) -> Result<(), StoreError> {
        let Account { state, read_due, .. } = account;
        let columns = &saved_columns(account)[..];
        // SQLite rewrites a column's index even if its value stays. So try first to leave next_due
        // out, if it is likely to be stored already: a manual refresh does not change it.
        if state.next_due == *read_due
            && self.tx.prepare_cached(save!("", "AND next_due IS ?3"))?.execute(columns)? == 1
        {
            return Ok(());
        }
        self.tx.prepare_cached(save!("next_due = ?3,", ""))?.execute(columns)?;
        Ok(())
    }

    /// Writes an account that is removed from the watchlist. Its history stays. Returns `false` if it had
    /// been removed already, which changes nothing.
    pub(crate) fn remove(&self, account: &Account, now: Time) -> Result<bool, StoreError> {
        let mut columns = saved_columns(account).to_vec();
        columns.push(&now);
        let sql = save!("next_due = ?3, removed_time = ?17,", "AND removed_time IS NULL");
        Ok(self.tx.prepare_cached(sql)?.execute(&columns[..])? == 1)
    }
}
