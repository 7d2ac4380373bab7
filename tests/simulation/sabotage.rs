//! Breaking each promise on purpose: what the oracle cannot catch, it does not check.

use growthd::config::CatchUp;
use growthd::engine::EngineConfig;
use growthd::store::Claim;

use super::happening::Happening;
use super::oracle::Oracle;
use super::plan::{DAY, Plan};
use super::promise::{Broken, Promise};
use super::random::Random;
use super::time::At;
use super::vendor::Kind;

/// A fault that growthd must not have, put into the world behind its back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sabotage {
    /// Calls leave before their line is in the ledger.
    NoLedger,
    /// A call counts towards the budget only when it is over.
    BudgetUntold,
    /// The slot's uniqueness is dropped, and served slots are open again.
    SlotOpenedAgain,
    /// Whoever is owed a slot is put off to the next, now and then.
    Forgotten,
    /// Who is asked runs next when no schedule has it.
    Deferred,
    /// When the vendor's trouble is over, who took part in it is put off to the next slot.
    SlotTaken,
    /// Who is owed a slot for an edit's sake is put off to the next.
    EditLost,
    /// Probes keep no distance.
    ProbesUnspaced,
    /// One account's failure is heard as everybody's.
    FailureHeardAsWait,
    /// "Too fast" is heard as "busy".
    ThrottleUnheard,
    /// A refusal is heard as "busy".
    RefusalUnheard,
    /// No line says that a slot was superseded.
    SupersededUntold,
    /// The limit of paid attempts is not told.
    AttemptsUntold,
    /// The machine's own clock is set along with the other.
    SetUnheard,
    /// `catch_up = "never"` is taken for "always".
    CatchUpUntold,
    /// The vendor's `Date` is not heard.
    DateUnheard,
    /// The pace is not told.
    PaceUntold,
    /// A snapshot is changed.
    SnapshotChanged,
    /// The count of what is spent is put down.
    SpendLost,
}

/// Each, the promises one of which it must break, and within how many of the first seeds.
pub const SABOTAGES: [(Sabotage, &[Promise], u64); 19] = [
    (Sabotage::NoLedger, &[Promise::LedgerFirst], 1),
    (Sabotage::BudgetUntold, &[Promise::Budget], 5),
    (Sabotage::SlotOpenedAgain, &[Promise::NothingUnneeded], 3),
    (Sabotage::Forgotten, &[Promise::Served], 3),
    (Sabotage::Deferred, &[Promise::NextDue], 1),
    (Sabotage::SlotTaken, &[Promise::SlotKept], 5),
    (Sabotage::EditLost, &[Promise::EditKept], 3),
    (Sabotage::ProbesUnspaced, &[Promise::FewProbes], 5),
    (Sabotage::FailureHeardAsWait, &[Promise::OwnTrouble], 4),
    (Sabotage::ThrottleUnheard, &[Promise::Throttling], 3),
    (Sabotage::RefusalUnheard, &[Promise::BackOff], 1),
    (Sabotage::SupersededUntold, &[Promise::Skipped], 4),
    (Sabotage::AttemptsUntold, &[Promise::PaidAttempts], 2),
    (Sabotage::SetUnheard, &[Promise::ClockConfirmed], 5),
    (Sabotage::CatchUpUntold, &[Promise::Lateness], 2),
    (Sabotage::DateUnheard, &[Promise::Verdict, Promise::Served], 3),
    (Sabotage::PaceUntold, &[Promise::Pace], 2),
    (Sabotage::SnapshotChanged, &[Promise::HistoryStays], 1),
    (Sabotage::SpendLost, &[Promise::Spent], 1),
];

impl Sabotage {
    /// Has more of what shows it happen.
    pub fn provoke(self, plan: &mut Plan) {
        let every = |days: i64| {
            let next = move |time: &i64| Some(time + days * DAY);
            let end = plan.end;
            std::iter::successors(next(&plan.start), next).take_while(move |time| *time < end)
        };
        match self {
            Sabotage::EditLost => {
                let edits = every(3).map(|time| (time, Happening::Edit(time.unsigned_abs())));
                plan.happenings = edits.collect();
            }
            Sabotage::SetUnheard => {
                let there_and_back = |time: i64| {
                    [(0, 7 * DAY), (60, -7 * DAY)]
                        .map(|(later, by)| (time + later, Happening::ClockStep(by)))
                };
                plan.happenings = every(20).flat_map(there_and_back).collect();
                plan.config.max_in_flight = 4;
                plan.config.requests_per_minute = 0;
                plan.config.budget = None;
            }
            _ => {}
        }
    }

    /// What the engine is told of the configuration.
    pub fn config(self, config: &EngineConfig) -> EngineConfig {
        let mut told = config.clone();
        match self {
            Sabotage::BudgetUntold => told.budget = None,
            Sabotage::AttemptsUntold => told.retry.max_paid_attempts = 20,
            Sabotage::PaceUntold => told.requests_per_minute = 0,
            Sabotage::CatchUpUntold => told.catch_up = CatchUp::Always,
            _ => {}
        }
        told
    }

    /// What the engine hears of an answer.
    pub fn kind(self, kind: Kind) -> Kind {
        match (self, kind) {
            (Sabotage::FailureHeardAsWait, Kind::Refused(_)) => Kind::Throttled(Some(7200)),
            (Sabotage::ThrottleUnheard, Kind::Throttled(_)) => Kind::Busy(409),
            (Sabotage::RefusalUnheard, Kind::Refused(_)) => Kind::Busy(409),
            _ => kind,
        }
    }

    pub fn before_oracle(self, oracle: &Oracle) -> Result<(), Broken> {
        match self {
            Sabotage::SupersededUntold => {
                oracle.sabotage("DELETE FROM _refresh WHERE outcome = 4 AND error LIKE 'super%'")
            }
            Sabotage::Deferred => oracle.sabotage(
                "UPDATE _account SET next_due = next_due + 7776000
                 WHERE account IN (SELECT account FROM _refresh WHERE outcome = 0)",
            ),
            _ => Ok(()),
        }
    }

    pub fn after_reload(self, oracle: &Oracle, at: At) -> Result<(), Broken> {
        match self {
            Sabotage::EditLost => oracle.put_off(|_, debt| debt.is_edit, at),
            _ => Ok(()),
        }
    }

    pub fn after_turn(
        self,
        oracle: &Oracle,
        claims: &[Claim],
        random: &mut Random,
        at: At,
    ) -> Result<(), Broken> {
        match self {
            Sabotage::NoLedger => {
                for claim in claims {
                    let line = claim.refresh().0;
                    oracle.sabotage(&format!("DELETE FROM _refresh WHERE refresh_id = {line}"))?;
                }
            }
            Sabotage::SlotOpenedAgain if random.chance(10) => oracle.sabotage(
                "DROP INDEX IF EXISTS _refresh_slot;
                 DROP TRIGGER IF EXISTS _snapshot_stays;
                 UPDATE _account SET next_due = settled_slot, settled_slot = settled_slot - 1
                 WHERE next_due IS NOT NULL AND phase = 1;
                 UPDATE _refresh SET slot = slot - 1 WHERE slot IS NOT NULL AND outcome = 1;
                 UPDATE _snapshot SET suspect = 4",
            )?,
            Sabotage::Forgotten if random.chance(2) => oracle.put_off(|_, _| true, at)?,
            Sabotage::SlotTaken => oracle.put_off(|owed, _| owed.took_part, at)?,
            Sabotage::ProbesUnspaced => {
                oracle.sabotage("UPDATE _breaker SET probe_time = 0, fresh_probe_time = 0")?;
            }
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
