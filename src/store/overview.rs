//! The watchlist's state in a few numbers, at a cost that does not grow with the history.

use rusqlite::params;

use crate::clock::Time;
use crate::selection::Selection;
use crate::store::{ReadTx, StoreError, schema};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Overview {
    /// Enabled accounts.
    pub watched: u64,
    /// When the next account is due.
    pub next_due: Option<Time>,
    /// Accounts whose refresh is overdue.
    pub overdue: u64,
    /// Accounts that are failing.
    pub failing: u64,
    /// When the newest snapshot was taken.
    pub last_snapshot: Option<Time>,
}

/// How many of the selected accounts need attention, or wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Attention {
    /// Accounts whose refresh is overdue.
    pub overdue: u64,
    /// Accounts that are failing.
    pub failing: u64,
    /// Accounts that are overdue or failing.
    pub overdue_or_failing: u64,
    /// Accounts whose last call failed, but which are neither overdue nor failing.
    pub retrying: u64,
    /// Accounts that are due and not in flight.
    pub waiting: u64,
}

/// When the newest snapshot was taken, read from the newest ok in the ledger: the snapshots are
/// stored by account. Few lines follow that ok, since calls pause when every account fails.
pub(super) const NEWEST_SNAPSHOT: &str =
    "(SELECT finished_time FROM _refresh WHERE outcome = 1 ORDER BY refresh_id DESC LIMIT 1)";

impl ReadTx<'_> {
    /// Returns the state at `now`. Uses the same definition of overdue as
    /// [`crate::store::AccountStatus::is_overdue`].
    pub fn overview(&self, now: Time) -> Result<Overview, StoreError> {
        let mut statement = self.tx.prepare_cached(&schema::query(&format!(
            "SELECT (SELECT count(*) FROM _account WHERE next_due IS NOT NULL),
                    (SELECT min(next_due) FROM _account WHERE next_due IS NOT NULL),
                    (SELECT count(*) FROM late!(?1) o
                     CROSS JOIN _account a ON a.account = o.account WHERE is_overdue!(a, ?1)),
                    (SELECT count(*) FROM _account a WHERE is_failing!(a)),
                    {NEWEST_SNAPSHOT}"
        )))?;
        Ok(statement.query_row([now.0], |row| {
            Ok(Overview {
                watched: row.get(0)?,
                next_due: row.get(1)?,
                overdue: row.get(2)?,
                failing: row.get(3)?,
                last_snapshot: row.get(4)?,
            })
        })?)
    }

    /// Counts the selected accounts at `now`, by the same definitions as [`ReadTx::statuses`]. Reads
    /// the rows of those only that may be overdue or failing.
    pub fn attention(&self, selection: &Selection, now: Time) -> Result<Attention, StoreError> {
        let mut statement = self.tx.prepare_cached(&schema::query(
            "SELECT count(*) FILTER (WHERE is_overdue!(a, ?1)), count(*) FILTER (WHERE is_failing!(a)),
                    count(*) FILTER (WHERE is_overdue!(a, ?1) OR is_failing!(a)),
                    count(*) FILTER (WHERE is_retrying!(a, ?1)),
                    (SELECT count(*) FROM _account a WHERE a.next_due <= ?1 AND is_chosen!(?2, ?3)
                       AND a.account NOT IN (
                         SELECT account FROM _refresh WHERE pending!() AND account IS NOT NULL))
             FROM late!(?1) o CROSS JOIN _account a ON a.account = o.account
             WHERE is_chosen!(?2, ?3)\n",
        ))?;
        let parameters = params![now, selection.tags_json(), selection.platform];
        Ok(statement.query_row(parameters, |row| {
            Ok(Attention {
                overdue: row.get(0)?,
                failing: row.get(1)?,
                overdue_or_failing: row.get(2)?,
                retrying: row.get(3)?,
                waiting: row.get(4)?,
            })
        })?)
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::store::{AccountStatus, Creation, Extent, Reader, Store};

    const NOW: Time = Time(1_767_225_600);

    /// Accounts in every combination of what decides whether they need attention.
    fn combinations() -> (tempfile::TempDir, Reader) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("growth.db");
        drop(Store::open(&path, Creation::Allowed).expect("a database"));
        let connection = Connection::open(&path).expect("the database");
        let made = connection.execute_batch(
            "INSERT INTO _refresh (account, cause, outcome, spent, started_time)
             VALUES (NULL, 5, 2, 0, 1);
             WITH ago(s) AS (VALUES (-9000), (0), (1800), (3600), (3601), (7200), (7201), (9000)),
               flag(n) AS (VALUES (0), (1))
             INSERT INTO _account (account_id, tags, cron, timezone, spread, enabled, added_time,
               active_time, phase, next_due, settled_slot, open_slot, tries, interval, last_failure,
               first_failure, is_failing)
             SELECT printf('a%d', row_number() OVER ()), '[\"t\"]', '@daily', 'UTC', 0, watched.n, 1,
                    1767225600 - active.s, phase.value, iif(watched.n, 1767225600 - due.s, NULL),
                    iif(phase.value = 1, 1, NULL),
                    iif(phase.value = 2, 1767225600 - slot.s, NULL), tries.n, interval.value,
                    iif(failed.n, 1, NULL), iif(failed.n, 1, NULL), failing.n
             FROM flag watched, ago due, ago slot, ago active, flag tries, flag failed,
                  flag failing,
                  json_each('[0,1,2]') phase, json_each('[86400,360000]') interval
             WHERE (failed.n OR NOT (tries.n OR failing.n))
               AND (phase.value = 2 OR slot.s = 0) AND (phase.value = 0 OR active.s = 0)
               AND (watched.n OR due.s = 0)",
        );
        made.expect("accounts");
        (folder, Reader::open(&path).expect("a reader"))
    }

    #[test]
    fn counts_and_lists_agree_for_accounts_in_every_state() {
        let (_folder, mut reader) = combinations();
        let tx = reader.begin_read().expect("a transaction");
        let ids = |extent, selection: &Selection| -> Vec<String> {
            let statuses = tx.statuses(selection, extent, NOW).expect("statuses");
            statuses.into_iter().map(|status| status.id.to_string()).collect()
        };
        let all = tx.statuses(&Selection::default(), Extent::All, NOW).expect("statuses");
        let of = |is: &dyn Fn(&AccountStatus) -> bool| -> Vec<String> {
            all.iter().filter(|status| is(status)).map(|status| status.id.to_string()).collect()
        };
        let needy = of(&|status| status.needs_attention(NOW));
        let failing = of(&|status| status.failing_since.is_some());
        let overdue = of(&|status| status.is_overdue(NOW));
        let retrying = of(&|status| status.is_retrying(NOW));
        let waiting = of(&|status| status.is_waiting(NOW));
        assert!(needy.len() > 100 && retrying.len() > 10 && all.len() > needy.len() + 100);
        let tagged = Selection { tags: vec!["t".to_owned()], platform: None };
        let elsewhere = Selection { tags: vec!["u".to_owned()], platform: None };
        for selection in [&Selection::default(), &tagged] {
            assert_eq!(ids(Extent::Attention(usize::MAX >> 1), selection), needy);
            assert_eq!(ids(Extent::Attention(10), selection).len(), 10);
            assert_eq!(ids(Extent::Failing, selection), failing);
            assert_eq!(ids(Extent::Retrying(usize::MAX >> 1), selection), retrying);
            let expected = Attention {
                overdue: overdue.len() as u64,
                failing: failing.len() as u64,
                overdue_or_failing: needy.len() as u64,
                retrying: retrying.len() as u64,
                waiting: waiting.len() as u64,
            };
            assert_eq!(tx.attention(selection, NOW).expect("counts"), expected);
        }
        assert_eq!(tx.attention(&elsewhere, NOW).expect("counts"), Attention::default());
        assert!(ids(Extent::Attention(10), &elsewhere).is_empty());
        let overview = tx.overview(NOW).expect("an overview");
        assert_eq!(overview.overdue, overdue.len() as u64);
        assert_eq!(overview.failing, failing.len() as u64);
    }
}
