//! Breaking each promise on purpose: what the oracle cannot catch, it does not check.

use growthd::store::Claim;

use super::oracle::Oracle;
use super::promise::Broken;
use super::random::Random;

/// A fault that growthd must not have, put into the world behind its back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sabotage {
    /// Calls leave before their line is in the ledger.
    NoLedger,
    /// A call counts towards the budget only when it is over.
    BudgetAfterTheCall,
    /// The slot's uniqueness is dropped, and served slots are open again.
    SlotOpenedAgain,
    /// An account is put off.
    Forgotten,
    /// A pause is lost now and then.
    PauseLost,
    /// A snapshot is changed.
    SnapshotChanged,
    /// The count of what is spent is put down.
    SpendLost,
}

impl Sabotage {
    pub fn after_turn(
        self,
        oracle: &Oracle,
        claims: &[Claim],
        random: &mut Random,
    ) -> Result<(), Broken> {
        match self {
            Sabotage::NoLedger => {
                for claim in claims {
                    let line = claim.refresh().0;
                    oracle.sabotage(&format!("DELETE FROM _refresh WHERE refresh_id = {line}"))?;
                }
            }
            Sabotage::BudgetAfterTheCall => oracle.sabotage(
                "DROP TRIGGER IF EXISTS _refresh_claimed;
                 DROP TRIGGER IF EXISTS _refresh_settled;
                 CREATE TRIGGER IF NOT EXISTS _refresh_over AFTER UPDATE OF outcome ON _refresh
                 BEGIN
                   INSERT INTO _spend VALUES (new.started_time / 86400, 1, new.spent, new.outcome = 1)
                   ON CONFLICT DO UPDATE SET calls = calls + 1, spent = spent + excluded.spent,
                                             snapshots = snapshots + excluded.snapshots;
                 END",
            )?,
            Sabotage::SlotOpenedAgain if random.chance(10) => oracle.sabotage(
                "DROP INDEX IF EXISTS _refresh_slot;
                 UPDATE _account SET next_due = last_slot, last_slot = last_slot - 1
                 WHERE next_due IS NOT NULL AND last_slot IS NOT NULL AND slot IS NULL;
                 UPDATE _refresh SET slot = slot - 1 WHERE slot IS NOT NULL AND outcome = 1;
                 UPDATE _account SET last_refresh = NULL",
            )?,
            Sabotage::Forgotten if random.chance(2) => oracle.sabotage(
                "UPDATE _account SET next_due = next_due + 7776000 WHERE next_due IS NOT NULL",
            )?,
            Sabotage::PauseLost if random.chance(30) => oracle.sabotage("DELETE FROM _pause")?,
            Sabotage::SnapshotChanged if random.chance(5) => oracle.sabotage(
                "DROP TRIGGER IF EXISTS _snapshot_stays;
                 UPDATE _snapshot SET followers = followers + 1",
            )?,
            Sabotage::SpendLost if random.chance(5) => {
                oracle.sabotage("UPDATE _spend SET spent = 0")?;
            }
            _ => {}
        }
        Ok(())
    }
}
