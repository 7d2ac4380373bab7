//! An account's row: what the watchlist says of it, and where it stands.

use rusqlite::{Row, params};

use crate::account::{AccountId, Handle};
use crate::clock::Time;
use crate::schedule::{InvalidSchedule, ScheduleCache, SlotWindow, spread_offset};
use crate::store::ledger::{AccountKey, RefreshId};
use crate::store::{Batch, StoreError};

/// Where an account stands: the part of its row that refreshing moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccountState {
    /// When it is due; `None` while it is not watched.
    pub next_due: Option<Time>,
    /// Up to which slot nothing is owed; `None` while the baseline is.
    pub last_slot: Option<Time>,
    /// The open slot that was tried in vain; `None` with `tries > 0` is the baseline.
    pub slot: Option<Time>,
    /// Longest distance between slots when `next_due` was set, in seconds.
    pub interval: i64,
    /// Failed calls for what is open.
    pub tries: u32,
    /// Those of them that count as paid attempts.
    pub paid: u32,
    /// The ledger line for which its slot was given up; `None` again at the next ok.
    pub failing: Option<RefreshId>,
    /// The last call in vain since the last ok.
    pub last_failure: Option<RefreshId>,
    /// The newest snapshot.
    pub last_refresh: Option<RefreshId>,
}

impl AccountState {
    /// Since when something is owed at `now`; `None` if nothing is.
    pub fn owed_since(&self, active: Time, now: Time) -> Option<Time> {
        let due = self.next_due?;
        match self.tries {
            0 => (due <= now).then_some(due),
            _ => Some(self.slot.unwrap_or(active)),
        }
    }
}

/// An account's row.
#[derive(Clone, PartialEq, Debug)]
pub struct Account {
    /// Its key.
    pub key: AccountKey,
    /// Its id.
    pub id: AccountId,
    /// Its cron pattern.
    pub cron: String,
    /// Its IANA zone.
    pub timezone: String,
    /// The window that it is placed in, in seconds.
    pub spread: i64,
    /// Since when it is watched without a break.
    pub active: Time,
    /// Where it stands.
    pub standing: AccountState,
    /// When the newest snapshot was taken.
    pub last_time: Option<Time>,
    /// What the vendor answered when its slot was given up.
    pub failing_status: Option<u16>,
}

impl Account {
    /// Whether the watchlist has it, enabled.
    pub fn is_watched(&self) -> bool {
        self.standing.next_due.is_some()
    }

    /// Its slots around `time`.
    ///
    /// # Errors
    /// A stored schedule that does not parse.
    pub fn place(
        &self,
        schedules: &mut ScheduleCache,
        time: Time,
    ) -> Result<SlotWindow, StoreError> {
        let offset = spread_offset(&self.id, self.spread);
        schedules
            .window(&self.cron, &self.timezone, offset, time)
            .map_err(|source| self.schedule_error(source))
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
                    a.next_due, a.last_slot, a.slot, a.interval, a.tries, a.paid,
                    a.failing_refresh, a.last_failure, a.last_refresh,
                    (SELECT s.time FROM _snapshot s
                     WHERE s.account = a.account AND s.refresh_id = a.last_refresh),
                    (SELECT r.http_status FROM _refresh r WHERE r.refresh_id = a.failing_refresh)
             FROM _account a WHERE ",
            $filter
        )
    };
}

/// An id from the database, which growthd itself once accepted.
pub(super) fn account_id(text: String) -> Result<AccountId, StoreError> {
    text.parse().map_err(|_| StoreError::AccountId(text))
}

fn account(row: &Row<'_>) -> Result<Account, StoreError> {
    let time = |column| row.get::<_, Option<i64>>(column).map(|seconds| seconds.map(Time));
    let refresh = |column| row.get::<_, Option<i64>>(column).map(|id| id.map(RefreshId));
    Ok(Account {
        key: AccountKey(row.get(0)?),
        id: account_id(row.get(1)?)?,
        cron: row.get(2)?,
        timezone: row.get(3)?,
        spread: row.get(4)?,
        active: Time(row.get(5)?),
        standing: AccountState {
            next_due: time(6)?,
            last_slot: time(7)?,
            slot: time(8)?,
            interval: row.get(9)?,
            tries: row.get(10)?,
            paid: row.get(11)?,
            failing: refresh(12)?,
            last_failure: refresh(13)?,
            last_refresh: refresh(14)?,
        },
        last_time: time(15)?,
        failing_status: row.get(16)?,
    })
}

impl Batch<'_> {
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
        let mut rows = statement.query([&handle.username, &handle.platform])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some((account_id(row.get(0)?)?, row.get(1)?)))
    }

    /// Up to `limit` accounts due at `now` and not in flight, the longest without a snapshot
    /// first.
    pub fn due(&self, now: Time, limit: usize) -> Result<Vec<AccountKey>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT a.account FROM _account a
             WHERE a.next_due <= ?1
               AND NOT EXISTS (SELECT 1 FROM _refresh r WHERE r.outcome = 0 AND r.account = a.account)
             ORDER BY a.last_refresh, a.next_due, a.account LIMIT ?2",
        )?;
        let rows = statement.query_map(params![now.0, limit], |row| row.get(0).map(AccountKey))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The first due account after `last` in an order that goes round: whose turn a probe is.
    pub fn due_after(&self, now: Time, last: AccountKey) -> Result<Option<AccountKey>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT a.account FROM _account a
             WHERE a.next_due <= ?1
               AND NOT EXISTS (SELECT 1 FROM _refresh r WHERE r.outcome = 0 AND r.account = a.account)
             ORDER BY a.account <= ?2, a.account LIMIT 1",
        )?;
        let mut rows = statement.query_map([now.0, last.0], |row| row.get(0).map(AccountKey))?;
        Ok(rows.next().transpose()?)
    }

    /// How many accounts are watched.
    pub fn watched(&self) -> Result<usize, StoreError> {
        let mut statement =
            self.tx.prepare_cached("SELECT count(*) FROM _account WHERE next_due IS NOT NULL")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// Writes where an account stands.
    pub fn save(&self, key: AccountKey, standing: &AccountState) -> Result<(), StoreError> {
        let mut statement = self.tx.prepare_cached(
            "UPDATE _account SET next_due = ?2, last_slot = ?3, slot = ?4, interval = ?5,
                    tries = ?6, paid = ?7, failing_refresh = ?8, last_failure = ?9, last_refresh = ?10
             WHERE account = ?1",
        )?;
        statement.execute(params![
            key.0,
            standing.next_due.map(|time| time.0),
            standing.last_slot.map(|time| time.0),
            standing.slot.map(|time| time.0),
            standing.interval,
            standing.tries,
            standing.paid,
            standing.failing.map(|id| id.0),
            standing.last_failure.map(|id| id.0),
            standing.last_refresh.map(|id| id.0),
        ])?;
        Ok(())
    }

    /// The accounts other than `key` that are given up because of an answer with a status in
    /// `statuses` (both ends included).
    pub fn given_up_with(
        &self,
        key: AccountKey,
        statuses: (u16, u16),
    ) -> Result<Vec<AccountKey>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT a.account FROM _account a JOIN _refresh r ON r.refresh_id = a.failing_refresh
             WHERE a.failing_refresh IS NOT NULL AND a.next_due IS NOT NULL
               AND a.account <> ?1 AND r.http_status BETWEEN ?2 AND ?3",
        )?;
        let rows = statement
            .query_map(params![key.0, statuses.0, statuses.1], |row| row.get(0).map(AccountKey))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Every watched account whose last settled or open slot lies after `now`, or whose next
    /// try lies after `horizon`: what a clock that stepped back may have left behind.
    pub fn ahead_of(&self, now: Time, horizon: Time) -> Result<Vec<Account>, StoreError> {
        let mut statement = self.tx.prepare_cached(accounts!(
            "a.next_due IS NOT NULL
             AND (a.last_slot > ?1 OR a.slot > ?1
                  OR ((a.last_slot IS NULL OR a.slot IS NOT NULL) AND a.next_due > ?2))"
        ))?;
        let mut rows = statement.query([now.0, horizon.0])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(account(row)?);
        }
        Ok(found)
    }

    /// When the next account falls due that is not in flight.
    pub fn next_due(&self) -> Result<Option<Time>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT a.next_due FROM _account a
             WHERE a.next_due IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM _refresh r WHERE r.outcome = 0 AND r.account = a.account)
             ORDER BY a.next_due LIMIT 1",
        )?;
        let mut rows = statement.query_map([], |row| row.get(0).map(Time))?;
        Ok(rows.next().transpose()?)
    }
}
