//! Why everything waits: at most one pause, at most one wait, both in the database so that a
//! restart does not hammer.

use rusqlite::params;

use crate::clock::Time;
use crate::store::ledger::AccountKey;
use crate::store::{ReadTx, StoreError, WriteTx};

/// What stopped everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PauseKind {
    /// The key is refused, or the credits or the subscription ran out.
    Refused,
    /// Several accounts are forbidden at once.
    Forbidden,
    /// The API answers from elsewhere.
    Redirected,
    /// The vendor is broken for everybody.
    Outage,
    /// Our clock and the vendor's differ by over an hour.
    Clock,
}

impl PauseKind {
    /// All of them; a kind's place here is its code in the database.
    pub const ALL: [PauseKind; 5] = [
        PauseKind::Refused,
        PauseKind::Forbidden,
        PauseKind::Redirected,
        PauseKind::Outage,
        PauseKind::Clock,
    ];

    /// Its name in a status.
    pub fn as_str(self) -> &'static str {
        match self {
            PauseKind::Refused => "refused",
            PauseKind::Forbidden => "forbidden",
            PauseKind::Redirected => "redirected",
            PauseKind::Outage => "outage",
            PauseKind::Clock => "clock",
        }
    }
}

/// Everything waits; now and then one account is asked, to see whether that is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pause {
    /// What stopped everything.
    pub kind: PauseKind,
    /// Since when.
    pub since: Time,
    /// For a person: what the vendor said, and what to do.
    pub reason: String,
    /// When the next probe may leave.
    pub probe: Time,
    /// How many probes were answered in vain.
    pub probes: u32,
    /// Who was asked last.
    pub last_account: AccountKey,
}

/// The vendor asked for a while without calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wait {
    /// Until when.
    pub until: Time,
    /// For a person.
    pub reason: String,
}

impl ReadTx<'_> {
    /// The pause, if there is one.
    pub fn pause(&self) -> Result<Option<Pause>, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "SELECT kind, since_time, reason, probe_time, probes, last_account FROM _pause",
        )?;
        let mut rows = statement.query([])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let code: i64 = row.get(0)?;
        let kind = usize::try_from(code).ok().and_then(|code| PauseKind::ALL.get(code));
        Ok(Some(Pause {
            kind: *kind.ok_or(StoreError::Unknown { column: "_pause.kind", code })?,
            since: Time(row.get(1)?),
            reason: row.get(2)?,
            probe: Time(row.get(3)?),
            probes: row.get(4)?,
            last_account: AccountKey(row.get(5)?),
        }))
    }

    /// The wait, if there is one; it may be over.
    pub fn wait(&self) -> Result<Option<Wait>, StoreError> {
        let mut statement = self.tx.prepare_cached("SELECT until_time, reason FROM _wait")?;
        let mut rows = statement
            .query_map([], |row| Ok(Wait { until: Time(row.get(0)?), reason: row.get(1)? }))?;
        Ok(rows.next().transpose()?)
    }
}

impl WriteTx<'_> {
    /// Begins a pause, changes it, or with `None` ends it.
    pub fn set_pause(&self, pause: Option<&Pause>) -> Result<(), StoreError> {
        let Some(pause) = pause else {
            self.tx.prepare_cached("DELETE FROM _pause")?.execute([])?;
            return Ok(());
        };
        let mut statement = self
            .tx
            .prepare_cached("INSERT OR REPLACE INTO _pause VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)")?;
        statement.execute(params![
            pause.kind as i64,
            pause.since.0,
            pause.reason,
            pause.probe.0,
            pause.probes,
            pause.last_account.0,
        ])?;
        Ok(())
    }

    /// Begins a wait, or with `None` ends it.
    pub fn set_wait(&self, wait: Option<&Wait>) -> Result<(), StoreError> {
        match wait {
            Some(wait) => self
                .tx
                .prepare_cached("INSERT OR REPLACE INTO _wait VALUES (1, ?1, ?2)")?
                .execute(params![wait.until.0, wait.reason])?,
            None => self.tx.prepare_cached("DELETE FROM _wait")?.execute([])?,
        };
        Ok(())
    }
}
