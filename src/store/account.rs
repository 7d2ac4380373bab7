//! An account's row: what the watchlist says of it, and where it stands.

use rusqlite::{Row, params};

use crate::account::{AccountId, Handle};
use crate::clock::Time;
use crate::schedule::{InvalidSchedule, ScheduleCache, SlotWindow, spread_offset};
use crate::store::ledger::{AccountKey, RefreshId};
use crate::store::{ReadTx, StoreError, WriteTx};

/// What an account owes, as its row has it. `engine::AccountState` says which combinations there
/// are, and what they mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StateRow {
    /// The code of what it owes.
    pub phase: i64,
    /// When it is due; `None` while it is not watched.
    pub next_due: Option<Time>,
    /// The last slot that needs no call any more.
    pub settled_slot: Option<Time>,
    /// The slot that is owed.
    pub open_slot: Option<Time>,
    /// Failed calls for what is owed.
    pub tries: u32,
    /// Those that may have cost a credit.
    pub paid: u32,
    /// Those that were refused.
    pub refusals: u32,
}

impl StateRow {
    /// Reads the seven columns from `first` on.
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

/// The failed calls of an account since its last ok, as ledger lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FailureRow {
    pub first: Option<RefreshId>,
    pub last: Option<RefreshId>,
    /// Whether a slot was given up since, or the account was refused.
    pub is_failing: bool,
}

impl FailureRow {
    /// Reads the three columns from `first` on.
    pub(super) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<FailureRow> {
        Ok(FailureRow {
            first: row.get(first)?,
            last: row.get(first + 1)?,
            is_failing: row.get(first + 2)?,
        })
    }

    /// One more failed call.
    #[must_use]
    pub fn failed(self, refresh: RefreshId, is_failing: bool) -> FailureRow {
        FailureRow {
            first: self.first.or(Some(refresh)),
            last: Some(refresh),
            is_failing: self.is_failing || is_failing,
        }
    }

    /// The slot that it failed for was replaced unserved, which is as good as given up.
    #[must_use]
    pub fn replaced(self) -> FailureRow {
        FailureRow { is_failing: self.is_failing || self.first.is_some(), ..self }
    }
}

/// An account's row.
#[derive(Clone, PartialEq, Debug)]
pub struct Account {
    pub key: AccountKey,
    pub id: AccountId,
    pub cron: String,
    pub timezone: String,
    /// The window that it is placed in, in seconds.
    pub spread: i64,
    /// Since when it is watched without a break.
    pub active: Time,
    /// What it owes.
    pub state: StateRow,
    /// Its failed calls since its last ok.
    pub failure: FailureRow,
    /// From the slot that is owed, or comes next, to the one after it, in seconds.
    pub interval: i64,
    pub last_refresh: Option<RefreshId>,
}

impl Account {
    /// Whether the watchlist has it, enabled.
    pub fn is_watched(&self) -> bool {
        self.state.next_due.is_some()
    }

    /// Its slots around `time`.
    ///
    /// # Errors
    /// A stored schedule that does not parse.
    pub fn window(
        &self,
        schedules: &mut ScheduleCache,
        time: Time,
    ) -> Result<SlotWindow, StoreError> {
        schedules
            .window(&self.cron, &self.timezone, self.offset(), time)
            .map_err(|source| self.schedule_error(source))
    }

    /// Its slots after `after`, up to `until`, the newest `most` of them.
    ///
    /// # Errors
    /// A stored schedule that does not parse.
    pub fn slots_between(
        &self,
        schedules: &mut ScheduleCache,
        after: Time,
        until: Time,
        most: usize,
    ) -> Result<Vec<Time>, StoreError> {
        schedules
            .slots_between(&self.cron, &self.timezone, self.offset(), after, until, most)
            .map_err(|source| self.schedule_error(source))
    }

    fn offset(&self) -> i64 {
        spread_offset(&self.id, self.spread)
    }

    fn schedule_error(&self, source: InvalidSchedule) -> StoreError {
        StoreError::Schedule { account: self.id.to_string(), source }
    }
}

/// The rows of accounts, as [`account`] reads them. A literal, since nearly every statement of a
/// turn is one: it is found in the cache by its text.
macro_rules! accounts {
    ($filter:literal) => {
        concat!(
            "SELECT a.account, a.account_id, a.cron, a.timezone, a.spread, a.active_time,
                    a.phase, a.next_due, a.settled_slot, a.open_slot, a.tries, a.paid, a.refusals,
                    a.first_failure, a.last_failure, a.is_failing, a.interval, a.last_refresh
             FROM _account a WHERE ",
            $filter
        )
    };
}

/// An id from the database, which growthd itself once accepted.
pub(super) fn account_id(text: String) -> Result<AccountId, StoreError> {
    text.parse().map_err(|_| StoreError::AccountId(text))
}

fn keys_and_ids(mut rows: rusqlite::Rows<'_>) -> Result<Vec<(AccountKey, AccountId)>, StoreError> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((row.get(0)?, account_id(row.get(1)?)?));
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
        interval: row.get(16)?,
        last_refresh: row.get(17)?,
    })
}

/// What a call may be made for now: due, and not in flight. For a query over `_account a`.
macro_rules! due_accounts {
    ($columns:literal, $rest:literal) => {
        concat!(
            "SELECT ", $columns, " FROM _account a
             WHERE a.next_due <= ?1
               AND NOT EXISTS (SELECT 1 FROM _refresh r WHERE r.outcome = 0 AND r.account = a.account) ",
            $rest
        )
    };
}

impl ReadTx<'_> {
    /// The row of `key`; `None` if the database was replaced by one without it.
    pub fn account(&self, key: AccountKey) -> Result<Option<Account>, StoreError> {
        let mut statement = self.tx.prepare_cached(accounts!("a.account = ?1"))?;
        let mut rows = statement.query([key.0])?;
        rows.next()?.map(account).transpose()
    }

    /// The row of the account with this id.
    pub fn account_by_id(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        let mut statement = self.tx.prepare_cached(accounts!("a.account_id = ?1"))?;
        let mut rows = statement.query([id.as_str()])?;
        rows.next()?.map(account).transpose()
    }

    /// The id of the account with this name, and whether it is in the watchlist.
    pub fn find_handle(&self, handle: &Handle) -> Result<Option<(AccountId, bool)>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT a.account_id, a.removed_time IS NULL FROM _profile p
             JOIN _account a ON a.account = p.account
             WHERE p.username = ?1 COLLATE NOCASE AND p.platform = ?2
             ORDER BY a.removed_time IS NOT NULL LIMIT 1",
        )?;
        let mut rows = statement.query([handle.username(), handle.platform()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some((account_id(row.get(0)?)?, row.get(1)?)))
    }

    /// Up to `limit` accounts due at `now` and not in flight: those that have not failed since
    /// their last ok before those that have, and the longest without a snapshot first.
    pub(crate) fn due(&self, now: Time, limit: usize) -> Result<Vec<AccountKey>, StoreError> {
        let mut statement = self.tx.prepare_cached(due_accounts!(
            "a.account",
            "ORDER BY a.last_failure IS NOT NULL, a.last_refresh, a.next_due, a.account LIMIT ?2"
        ))?;
        let rows = statement.query_map(params![now, limit], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Up to `limit` due accounts that have not failed since their last ok, the longest without a
    /// snapshot first.
    pub(crate) fn due_fresh(&self, now: Time, limit: usize) -> Result<Vec<AccountKey>, StoreError> {
        let mut statement = self.tx.prepare_cached(due_accounts!(
            "a.account",
            "AND a.last_failure IS NULL ORDER BY a.last_refresh, a.next_due, a.account LIMIT ?2"
        ))?;
        let rows = statement.query_map(params![now, limit], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The key of the account with this id, removed ones included.
    pub(crate) fn key_of(&self, id: &AccountId) -> Result<Option<AccountKey>, StoreError> {
        let mut statement =
            self.tx.prepare_cached("SELECT account FROM _account WHERE account_id = ?1")?;
        let mut rows = statement.query_map([id.as_str()], |row| row.get(0))?;
        Ok(rows.next().transpose()?)
    }

    /// Every watched account.
    pub(crate) fn watched(&self) -> Result<Vec<(AccountKey, AccountId)>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT account, account_id FROM _account WHERE next_due IS NOT NULL ORDER BY account",
        )?;
        keys_and_ids(statement.query([])?)
    }

    /// The accounts due at `now`, those in flight included.
    pub(crate) fn due_ids(&self, now: Time) -> Result<Vec<(AccountKey, AccountId)>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT account, account_id FROM _account WHERE next_due <= ?1
             ORDER BY last_failure IS NOT NULL, last_refresh, next_due, account",
        )?;
        keys_and_ids(statement.query([now])?)
    }

    /// Up to `limit` due accounts that have failed since their last ok, those after `last` first,
    /// in an order that goes round.
    pub(crate) fn due_failed(
        &self,
        now: Time,
        last: AccountKey,
        limit: usize,
    ) -> Result<Vec<AccountKey>, StoreError> {
        let mut statement = self.tx.prepare_cached(due_accounts!(
            "a.account",
            "AND a.last_failure IS NOT NULL ORDER BY a.account <= ?2, a.account LIMIT ?3"
        ))?;
        let rows = statement.query_map(params![now, last, limit], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Up to `limit` due accounts after `last`, by their keys, that were due before `before`:
    /// whose open slot the next may have replaced meanwhile.
    pub(crate) fn due_since(
        &self,
        before: Time,
        last: AccountKey,
        limit: usize,
    ) -> Result<Vec<Account>, StoreError> {
        let mut statement = self.tx.prepare_cached(accounts!(
            "a.next_due <= ?1 AND a.phase > 0 AND a.account > ?2
             AND NOT EXISTS (SELECT 1 FROM _refresh r WHERE r.outcome = 0 AND r.account = a.account)
             ORDER BY a.account LIMIT ?3"
        ))?;
        let mut rows = statement.query(params![before, last, limit])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(account(row)?);
        }
        Ok(found)
    }

    /// How many accounts there are to ask, counted up to `most`: the watched ones, but for those
    /// that were failing before the present run of troubles.
    pub(crate) fn askable(&self, most: usize) -> Result<usize, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT count(*) FROM (
               SELECT 1 FROM _account a
               WHERE a.next_due IS NOT NULL
                 AND (a.last_failure IS NULL
                      OR EXISTS (SELECT 1 FROM _troubled t WHERE t.account = a.account))
               LIMIT ?1)",
        )?;
        Ok(statement.query_row([most], |row| row.get(0))?)
    }

    /// How many other accounts had an ok in a call after `since`, counted up to `most`. An answer
    /// whose date contradicts our clock has an error in its line, and is none.
    pub(crate) fn others_ok_since(
        &self,
        account: AccountKey,
        since: RefreshId,
        most: usize,
    ) -> Result<usize, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT count(*) FROM (
               SELECT DISTINCT account FROM _refresh
               WHERE refresh_id > ?2 AND outcome = 1 AND error IS NULL
                 AND account IS NOT NULL AND account <> ?1
               LIMIT ?3)",
        )?;
        Ok(statement.query_row(params![account, since, most], |row| row.get(0))?)
    }

    /// Whether another watched account has not had an ok since it failed.
    pub(crate) fn others_failed(&self, account: AccountKey) -> Result<bool, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT 1 FROM _account
             WHERE last_failure IS NOT NULL AND next_due IS NOT NULL AND account <> ?1",
        )?;
        Ok(statement.exists([account])?)
    }

    /// Every watched account whose last settled or open slot lies after `now`, or whose next
    /// try lies after `horizon`: what a clock that stepped back may have left behind.
    pub(crate) fn ahead_of(&self, now: Time, horizon: Time) -> Result<Vec<Account>, StoreError> {
        let mut statement = self.tx.prepare_cached(accounts!(
            "a.next_due IS NOT NULL
             AND (a.settled_slot > ?1 OR a.open_slot > ?1 OR (a.phase <> 1 AND a.next_due > ?2))"
        ))?;
        let mut rows = statement.query([now, horizon])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(account(row)?);
        }
        Ok(found)
    }

    /// When the next account falls due that is not in flight.
    pub(crate) fn next_due(&self) -> Result<Option<Time>, StoreError> {
        self.first_due(Time(i64::MIN))
    }

    /// When the next account falls due after `time` that is not in flight.
    pub(crate) fn first_due(&self, after: Time) -> Result<Option<Time>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT a.next_due FROM _account a
             WHERE a.next_due > ?1
               AND NOT EXISTS (SELECT 1 FROM _refresh r WHERE r.outcome = 0 AND r.account = a.account)
             ORDER BY a.next_due LIMIT 1",
        )?;
        let mut rows = statement.query_map([after], |row| row.get(0))?;
        Ok(rows.next().transpose()?)
    }
}

impl WriteTx<'_> {
    /// Writes what an account owes, with its failures and its newest snapshot.
    pub(crate) fn save(&self, account: &Account) -> Result<(), StoreError> {
        let Account { key, state, failure, interval, last_refresh, .. } = account;
        let mut statement = self.tx.prepare_cached(
            "UPDATE _account SET phase = ?2, next_due = ?3, settled_slot = ?4, open_slot = ?5,
                    tries = ?6, paid = ?7, refusals = ?8, interval = ?9,
                    first_failure = ?10, last_failure = ?11, is_failing = ?12, last_refresh = ?13
             WHERE account = ?1",
        )?;
        statement.execute(params![
            key,
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
            last_refresh,
        ])?;
        Ok(())
    }
}
