//! Importing older history from elsewhere, before an account's first snapshot.

use rusqlite::{OptionalExtension, Row, params};

use crate::clock::Time;
use crate::measurement::Measurement;
use crate::store::ledger::{AccountKey, Cause, Outcome};
use crate::store::suspicion::{Known, Suspicion, suspicion};
use crate::store::{ReadTx, StoreError, WriteTx};

/// What follows an imported history.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FirstSnapshots {
    /// When the account's first snapshot was taken, imported or not.
    pub time: Option<Time>,
    /// When its followers and its likes were first measured, if that was a 0.
    pub zeros: [Option<Time>; 2],
}

/// Older snapshots of an account, oldest first, each judged by those before it.
#[derive(Debug, Default)]
pub struct OlderHistory {
    rows: Vec<(Time, Measurement, Suspicion)>,
    known: Known,
    /// What fell to 0 before the history begins.
    fallen: Suspicion,
}

impl OlderHistory {
    /// Appends a snapshot. `stated` is what speaks against it according to its source; that a count
    /// fell to 0 is also found out here.
    pub fn push(&mut self, time: Time, measurement: Measurement, stated: Suspicion) {
        let found = suspicion(&measurement, &self.known, false);
        let first = stated.of_first_zeros(found, self.fallen, &measurement, &self.known);
        self.fallen = self.fallen.and(first);
        let suspect = found.and(first);
        let [followers, likes] = suspect.known(&measurement);
        self.known.followers = followers.or(self.known.followers);
        self.known.likes = likes.or(self.known.likes);
        self.rows.push((time, measurement, suspect));
    }

    /// Returns the times of the snapshots.
    pub fn times(&self) -> impl DoubleEndedIterator<Item = Time> + ExactSizeIterator {
        self.rows.iter().map(|(time, ..)| *time)
    }

    /// Returns the newest snapshot.
    pub fn newest(&self) -> Option<(Time, &Measurement)> {
        self.rows.last().map(|(time, measurement, _)| (*time, measurement))
    }

    /// Returns the first and the last measured followers.
    pub fn followers(&self) -> Option<(i64, i64)> {
        let mut known =
            self.rows.iter().filter_map(|(_, counts, suspect)| suspect.known(counts)[0]);
        let first = known.next()?;
        Some((first, known.next_back().unwrap_or(first)))
    }

    /// Returns the last known followers and likes for which a 0 that is stored as measured would
    /// be suspect, with the time of that 0. A stored snapshot never changes, so that 0 would count
    /// as the loss of everything.
    pub fn contradicted(&self, first: FirstSnapshots) -> [Option<(i64, Time)>; 2] {
        let Known { followers, likes, .. } = self.known;
        let contradicted = |last: Option<i64>, zero| last.filter(|count| *count > 0).zip(zero);
        [contradicted(followers, first.zeros[0]), contradicted(likes, first.zeros[1])]
    }
}

impl ReadTx<'_> {
    /// Returns what an imported history of the account would be followed by.
    pub fn first_snapshots(&self, account: AccountKey) -> Result<FirstSnapshots, StoreError> {
        let first = |columns: &str, condition: &str| {
            let sql = format!(
                "SELECT {columns} FROM _snapshot WHERE account = ?1 AND {condition}
                 ORDER BY refresh_id LIMIT 1"
            );
            let pair = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let found: Option<(Time, i64)> =
                self.tx.prepare_cached(&sql)?.query_row([account], pair).optional()?;
            Ok::<_, StoreError>(found)
        };
        let zero = |count: &str| {
            let found = first(&format!("time, {count}"), &format!("{count} IS NOT NULL"))?;
            Ok::<_, StoreError>(found.filter(|(_, value)| *value == 0).map(|(time, _)| time))
        };
        Ok(FirstSnapshots {
            time: first("time, 0", "true")?.map(|(time, _)| time),
            zeros: [zero("measured_followers")?, zero("measured_likes")?],
        })
    }
}

impl WriteTx<'_> {
    /// Inserts snapshots before the account's first one. Each gets a ledger line with an id below
    /// 0, because a history is sorted by its ledger lines. These lines are not calls, and do not
    /// count towards the budget.
    pub fn import(&self, account: AccountKey, older: &OlderHistory) -> Result<(), StoreError> {
        let lowest: i64 =
            self.tx.query_row("SELECT min(0, min(refresh_id)) FROM _refresh", [], |row| {
                row.get::<_, Option<i64>>(0).map(Option::unwrap_or_default)
            })?;
        let first = lowest.saturating_sub(i64::try_from(older.rows.len()).unwrap_or(i64::MAX));
        let mut line = self.tx.prepare_cached(
            "INSERT INTO _refresh (refresh_id, account, cause, outcome, spent, started_time, took, error)
             VALUES (?1, ?2, ?3, ?4, 0, ?5, 0, 'imported')",
        )?;
        let mut snapshot = self.tx.prepare_cached(
            "INSERT INTO _snapshot
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, NULL, NULL, NULL, ?8, NULL)",
        )?;
        for (refresh, (time, measurement, suspect)) in (first..).zip(&older.rows) {
            let (cause, outcome) = (Cause::Manual.code(), Outcome::Skipped.code());
            line.execute(params![refresh, account, cause, outcome, time])?;
            let [followers, following, videos, likes] = measurement.counts();
            snapshot.execute(params![
                account, refresh, time, followers, following, videos, likes, suspect
            ])?;
        }
        Ok(())
    }
}
