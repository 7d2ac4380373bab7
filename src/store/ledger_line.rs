//! The ledger's lines: reading, claiming and settling them.

use rusqlite::params;

use crate::account::AccountId;
use crate::budget::Days1970;
use crate::clock::Time;
use crate::schedule::ScheduleCache;
use crate::store::StoreError;
use crate::store::account::{Account, account_id};
use crate::store::batch::{ReadTx, WriteTx};
use crate::store::ledger::{
    AccountKey, AccountLookup, CallTarget, Cause, Claim, Outcome, PendingLine, RefreshId,
};
use crate::store::schema;

/// The final state of a ledger line.
#[derive(Clone, PartialEq, Debug)]
pub struct Verdict {
    pub outcome: Outcome,
    /// Whether the call may have cost a credit.
    pub spent: bool,
    /// The HTTP status, if there was a response.
    pub http_status: Option<u16>,
    /// The error message, for people.
    pub error: Option<String>,
    /// The beginning of a response that could not be used.
    pub answer: Option<String>,
    /// Whether the slot counts as bought. The response must be ok, and its date must not contradict
    /// our clock.
    pub buys_slot: bool,
}

/// A call for an account whose process ended without settling it. It is not a [`Claim`]: nothing
/// may be sent for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeftPending {
    pub line: PendingLine,
    pub account: AccountKey,
    pub id: AccountId,
}

/// The statement that settles a line, with what it sets besides the result, and whose line it is.
///
/// SQLite rewrites an index whose columns are set, even if their values stay. So an ok that buys
/// its slot, the usual result, sets neither the account nor the slot.
macro_rules! settle {
    ($also:literal, $whose:literal) => {
        concat!(
            "UPDATE _refresh SET outcome = ?3, spent = ?4, took = ?5 - started_time, status = ?6,
                    error = ?7, answer = ?8",
            $also,
            " WHERE refresh_id = ?1 AND outcome = 0 AND ",
            $whose
        )
    };
}

impl ReadTx<'_> {
    /// Returns the calls for accounts whose process ended without settling them.
    pub(crate) fn left_pending(&self) -> Result<Vec<LeftPending>, StoreError> {
        let mut statement = self.tx.prepare(&schema::query(
            "SELECT refresh_id, cause, slot, started_time, r.account, account_id
             FROM _refresh r JOIN _account a ON a.account = r.account
             WHERE pending!() ORDER BY refresh_id\n",
        ))?;
        let mut rows = statement.query([])?;
        let mut left = Vec::new();
        while let Some(row) = rows.next()? {
            let line = PendingLine {
                refresh: row.get(0)?,
                cause: Cause::from_code(row.get(1)?)?,
                slot: row.get(2)?,
                started: row.get(3)?,
            };
            left.push(LeftPending { line, account: row.get(4)?, id: account_id(row.get(5)?)? });
        }
        Ok(left)
    }

    /// Returns the accounts for which a call is pending; `None` for a lookup.
    pub(crate) fn pending_accounts(&self) -> Result<Vec<Option<AccountKey>>, StoreError> {
        let mut statement = self
            .tx
            .prepare_cached(&schema::query("SELECT account FROM _refresh r WHERE pending!()\n"))?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns whether a call that a person requested is pending.
    pub(crate) fn is_manual_pending(&self) -> Result<bool, StoreError> {
        let mut statement = self.tx.prepare_cached(&schema::query(
            "SELECT 1 FROM _refresh r WHERE pending!() AND cause IN (?1, ?2)\n",
        ))?;
        Ok(statement.exists([Cause::Manual.code(), Cause::Add.code()])?)
    }

    /// Returns the lookups whose process ended without settling them.
    pub(crate) fn lookups_left_pending(&self) -> Result<Vec<PendingLine>, StoreError> {
        let mut statement = self.tx.prepare(&schema::query(
            "SELECT refresh_id, started_time FROM _refresh r
             WHERE pending!() AND account IS NULL ORDER BY refresh_id\n",
        ))?;
        let lines = statement.query_map([], |row| {
            let (refresh, started) = (row.get(0)?, row.get(1)?);
            Ok(PendingLine { refresh, cause: Cause::Add, slot: None, started })
        })?;
        Ok(lines.collect::<Result<_, _>>()?)
    }

    /// Returns whether a call for this slot is pending or has succeeded.
    pub fn is_bought(&self, account: AccountKey, slot: Time) -> Result<bool, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT 1 FROM _refresh WHERE account = ?1 AND slot = ?2 AND buys_slot = 1",
        )?;
        Ok(statement.exists(params![account, slot])?)
    }

    /// Returns the slot of the account's last failed call. If that call's response contradicted our
    /// clock, its line has no slot, and this is the slot that is still open, or else the latest slot
    /// at the time of the claim. (The open slot may be one of an earlier schedule.)
    pub fn tried_slot(
        &self,
        account: &Account,
        schedules: &mut ScheduleCache,
    ) -> Result<Option<Time>, StoreError> {
        let Some(last) = account.failure.last else { return Ok(None) };
        let mut statement = self.tx.prepare_cached(
            "SELECT slot, started_time FROM _refresh
             WHERE refresh_id = ?1 AND (slot IS NOT NULL OR (outcome = 1 AND cause < 4))",
        )?;
        let mut rows = statement.query_map([last], |row| Ok((row.get(0)?, row.get(1)?)))?;
        match rows.next().transpose()? {
            Some((None, started)) => {
                match account.state.open_slot.filter(|slot| *slot <= started) {
                    None => Ok(Some(account.window(schedules, started).slot)),
                    open => Ok(open),
                }
            }
            Some((slot, _)) => Ok(slot),
            None => Ok(None),
        }
    }

    /// Returns the ledger's newest line.
    pub(crate) fn newest_line(&self) -> Result<RefreshId, StoreError> {
        let mut statement =
            self.tx.prepare_cached("SELECT coalesce(max(refresh_id), 0) FROM _refresh")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// Returns when the newest call was claimed.
    pub fn last_claim(&self) -> Result<Option<Time>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT started_time FROM _refresh WHERE outcome <> 4 ORDER BY refresh_id DESC LIMIT 1",
        )?;
        let mut rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.next().transpose()?)
    }

    /// Returns the credits spent on the days of a period, and how many of them on manual refreshes.
    pub(super) fn spent(&self, days: Days1970) -> Result<(u64, u64), StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT coalesce(sum(spent), 0), coalesce(sum(manual), 0) FROM _spend
             WHERE day >= ?1 AND day < ?2",
        )?;
        let sums = statement.query_row([days.from, days.to], |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(sums?)
    }
}

impl WriteTx<'_> {
    /// Writes the ledger line of a call, and returns its id. The right to make the call comes with
    /// [`WriteTx::commit`]. Returns `None` if the slot is already bought.
    pub fn claim(
        &mut self,
        account: &Account,
        cause: Cause,
        slot: Option<Time>,
        interval: i64,
        now: Time,
    ) -> Result<Option<RefreshId>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "INSERT INTO _refresh
               (account, cause, outcome, spent, slot, buys_slot, interval, started_time)
             VALUES (?1, ?2, 0, 1, ?3, ?3 IS NOT NULL, ?4, ?5) ON CONFLICT DO NOTHING",
        )?;
        let written =
            statement.execute(params![account.key, cause.code(), slot, interval, now.0])?;
        drop(statement);
        if written == 0 {
            return Ok(None);
        }
        let refresh = RefreshId(self.tx.last_insert_rowid());
        self.claims.push(Claim {
            line: PendingLine { refresh, cause, slot, started: now },
            target: CallTarget::Account(account.key, account.id.clone()),
        });
        Ok(Some(refresh))
    }

    /// Writes the ledger line of a call that looks up an account by its name.
    pub(crate) fn claim_lookup(
        &mut self,
        lookup: &AccountLookup,
        now: Time,
    ) -> Result<(), StoreError> {
        self.tx
            .prepare_cached(
                "INSERT INTO _refresh (cause, outcome, spent, started_time) VALUES (?1, 0, 1, ?2)",
            )?
            .execute(params![Cause::Add.code(), now])?;
        let refresh = RefreshId(self.tx.last_insert_rowid());
        let line = PendingLine { refresh, cause: Cause::Add, slot: None, started: now };
        let target = CallTarget::Lookup(Box::new(lookup.clone()));
        self.claims.push(Claim { line, target });
        Ok(())
    }

    /// Records that a slot passed without a call.
    pub fn skip(
        &self,
        account: &Account,
        cause: Cause,
        slot: Time,
        interval: i64,
        reason: &str,
        now: Time,
    ) -> Result<(), StoreError> {
        let mut statement = self.tx.prepare_cached(
            "INSERT INTO _refresh
               (account, cause, outcome, spent, slot, interval, started_time, took, error)
             VALUES (?1, ?2, 4, 0, ?3, ?4, ?5, 0, ?6)",
        )?;
        statement.execute(params![account.key, cause.code(), slot, interval, now, reason])?;
        Ok(())
    }

    /// Records that the account's next snapshot may come this many seconds after its newest measured
    /// one, if that is longer than was expected.
    pub fn lengthen_wait(&self, account: AccountKey, interval: i64) -> Result<(), StoreError> {
        let mut statement = self.tx.prepare_cached(
            "UPDATE _refresh SET interval = ?2
             WHERE ifnull(interval, 0) < ?2 AND refresh_id = (
               SELECT refresh_id FROM _snapshot WHERE account = ?1 AND is_measured
               ORDER BY refresh_id DESC LIMIT 1)",
        )?;
        statement.execute(params![account, interval])?;
        Ok(())
    }

    /// Settles a line for `account`, which is the account's row now. If the line is gone because
    /// the file was replaced by an older copy, inserts a new line, without the slot, which may have
    /// been served there by another: what was paid for is kept.
    pub fn settle(
        &self,
        line: &PendingLine,
        account: Option<AccountKey>,
        verdict: &Verdict,
        now: Time,
    ) -> Result<RefreshId, StoreError> {
        // The status of an ok is always 200, and is not stored.
        let status = verdict.http_status.filter(|_| verdict.outcome != Outcome::Ok);
        let columns = params![
            line.refresh,
            account.map(|key| key.0),
            verdict.outcome.code(),
            verdict.spent,
            now,
            status,
            verdict.error,
            verdict.answer,
            verdict.buys_slot,
        ];
        let mut changed = 0;
        if verdict.buys_slot {
            changed =
                self.tx.prepare_cached(settle!("", "account = ?2 AND ?9"))?.execute(columns)?;
        }
        if changed == 0 {
            let sql = settle!(
                ", account = ?2, slot = iif(?3 = 1 AND NOT ?9, NULL, slot),
                 buys_slot = iif(?9, buys_slot, 0)",
                "coalesce(account, ?2) IS ?2"
            );
            changed = self.tx.prepare_cached(sql)?.execute(columns)?;
        }
        if changed == 1 {
            return Ok(line.refresh);
        }
        let mut statement = self.tx.prepare_cached(
            "INSERT INTO _refresh (account, cause, outcome, spent, started_time, took,
                                   status, error, answer)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        statement.execute(params![
            account.map(|key| key.0),
            line.cause.code(),
            verdict.outcome.code(),
            verdict.spent,
            line.started,
            now.since(line.started),
            status,
            verdict.error,
            verdict.answer,
        ])?;
        Ok(RefreshId(self.tx.last_insert_rowid()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Watched;
    use crate::engine::AccountState;
    use crate::store::{Creation, Store};

    fn entry(number: usize) -> Watched {
        Watched::example(&format!("clx{number}"), "@weekly")
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// Claims a call for one of the accounts.
        Claim(usize),
        /// Settles the pending call at this position.
        Settle(prop::sample::Index),
        /// Records a slot without a call.
        Skip(usize),
        /// Sets the clock, in days since 1970.
        SetClock(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..6_usize).prop_map(Step::Claim),
            3 => any::<prop::sample::Index>().prop_map(Step::Settle),
            1 => (0..6_usize).prop_map(Step::Skip),
            1 => (20_000..20_004_i64).prop_map(Step::SetClock),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Wherever the clock goes, and whichever call is settled first.
        #[test]
        fn each_pending_line_is_found(steps in prop::collection::vec(step(), 1..60)) {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("growth.db");
            let mut store = Store::open_volatile(&path, Creation::Allowed).expect("a database");
            let tx = store.begin_write().expect("a transaction");
            let owed = AccountState::new(Time(0)).into();
            for number in 0..6 {
                tx.add(&entry(number), &owed, 604_800, Time(0)).expect("an account");
            }
            tx.commit().expect("a commit");
            let verdict = Verdict {
                outcome: Outcome::Failed,
                spent: false,
                http_status: None,
                error: None,
                answer: None,
                buys_slot: false,
            };
            let (mut pending, mut now) = (Vec::new(), Time(20_001 * 86_400));
            for step in steps {
                let mut tx = store.begin_write().expect("a transaction");
                let row = |tx: &WriteTx<'_>, number| {
                    tx.account_by_id(&entry(number).id).expect("a row").expect("an account")
                };
                match step {
                    Step::Claim(number) => {
                        let account = row(&tx, number);
                        let line = tx.claim(&account, Cause::Manual, None, 604_800, now);
                        pending.push((line.expect("a line").expect("no slot"), account.key));
                    }
                    Step::Settle(index) if !pending.is_empty() => {
                        let (refresh, account) = pending.remove(index.index(pending.len()));
                        let line =
                            PendingLine { refresh, cause: Cause::Manual, slot: None, started: now };
                        tx.settle(&line, Some(account), &verdict, now).expect("a settled line");
                    }
                    Step::Settle(_) => {}
                    Step::Skip(number) => {
                        let account = row(&tx, number);
                        let skipped =
                            tx.skip(&account, Cause::Schedule, now, 604_800, "a test", now);
                        skipped.expect("a line");
                    }
                    Step::SetClock(day) => now = Time(day * 86_400),
                }
                tx.commit().expect("a commit");
                let tx = store.begin_read().expect("a transaction");
                let found: Vec<RefreshId> =
                    tx.left_pending().expect("lines").iter().map(|left| left.line.refresh).collect();
                let expected: Vec<RefreshId> = pending.iter().map(|(refresh, _)| *refresh).collect();
                prop_assert_eq!(found, expected);
                prop_assert_eq!(tx.totals().expect("totals").in_flight, pending.len() as u64);
            }
        }
    }
}
