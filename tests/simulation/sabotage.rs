//! Breaking each promise on purpose, to show that the oracle catches it.

use growthd::config::CatchUp;
use growthd::engine::EngineConfig;
use growthd::store::Claim;

use super::oracle::Oracle;
use super::plan::{AccountTrouble, DAY, HOUR, Outage, Plan};
use super::promise::{Promise, Violation};
use super::random::Random;
use super::time::At;
use super::vendor::Kind;
use super::world_event::WorldEvent;

/// A bug that growthd must not have, simulated behind its back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sabotage {
    /// Calls are sent without a line in the ledger.
    LineDeleted,
    /// The budget is hidden from the engine.
    BudgetHidden,
    /// Served slots are opened again, without the unique index on slots.
    ServedSlotReopened,
    /// Accounts with an open slot are sometimes postponed to the next.
    SlotPostponed,
    /// The next run of called accounts is later than any schedule allows.
    NextDueDeferred,
    /// After shared trouble, its accounts are postponed to their next slots.
    RestoredSlotPostponed,
    /// Accounts that owe a slot because of an edit are postponed to the next.
    EditedSlotPostponed,
    /// Probes follow each other without a delay.
    ProbesUnspaced,
    /// While the breaker is open, every probe goes to an account that always fails.
    ProbesOfOne,
    /// A refusal of one account is received as throttling of all.
    RefusalAsThrottle,
    /// Throttling is received as "busy".
    ThrottleAsBusy,
    /// A refusal is received as "busy".
    RefusalAsBusy,
    /// The lines of superseded slots are deleted.
    SupersededLinesDeleted,
    /// The limit of paid attempts is hidden from the engine.
    AttemptsHidden,
    /// The monotonic clock is set along with the wall clock, which hides the change.
    ClockSetHidden,
    /// `catch_up = "never"` is treated as "always".
    CatchUpIgnored,
    /// The vendor's `Date` is hidden from the engine.
    DateHidden,
    /// The pace is hidden from the engine.
    PaceHidden,
    /// A snapshot is changed.
    SnapshotChanged,
    /// The count of spent credits is reset.
    SpendReset,
}

/// Each sabotage, the promises of which it must break one, and within how many of the first seeds.
pub const SABOTAGES: [(Sabotage, &[Promise], u64); 20] = [
    (Sabotage::LineDeleted, &[Promise::LedgerFirst], 1),
    (Sabotage::BudgetHidden, &[Promise::Budget], 5),
    (Sabotage::ServedSlotReopened, &[Promise::NothingUnneeded], 3),
    (Sabotage::SlotPostponed, &[Promise::Served], 3),
    (Sabotage::NextDueDeferred, &[Promise::NextDue], 1),
    (Sabotage::RestoredSlotPostponed, &[Promise::SlotKept], 5),
    (Sabotage::EditedSlotPostponed, &[Promise::EditKept], 3),
    (Sabotage::ProbesUnspaced, &[Promise::FewProbes], 5),
    (Sabotage::ProbesOfOne, &[Promise::NotPassedOver], 5),
    (Sabotage::RefusalAsThrottle, &[Promise::OwnTrouble], 4),
    (Sabotage::ThrottleAsBusy, &[Promise::Throttling], 3),
    (Sabotage::RefusalAsBusy, &[Promise::BackOff], 1),
    (Sabotage::SupersededLinesDeleted, &[Promise::Skipped], 4),
    (Sabotage::AttemptsHidden, &[Promise::PaidAttempts], 2),
    (Sabotage::ClockSetHidden, &[Promise::ClockConfirmed], 5),
    (Sabotage::CatchUpIgnored, &[Promise::Lateness], 2),
    (Sabotage::DateHidden, &[Promise::Verdict, Promise::Served], 3),
    (Sabotage::PaceHidden, &[Promise::Pace], 2),
    (Sabotage::SnapshotChanged, &[Promise::HistoryStays], 1),
    (Sabotage::SpendReset, &[Promise::Spent], 1),
];

impl Sabotage {
    /// Adds events that make the bug show.
    pub fn provoke(self, plan: &mut Plan) {
        let every = |days: i64| {
            let next = move |time: &i64| Some(time + days * DAY);
            let end = plan.end;
            std::iter::successors(next(&plan.start), next).take_while(move |time| *time < end)
        };
        match self {
            Sabotage::EditedSlotPostponed => {
                let edits = every(3).map(|time| (time, WorldEvent::Edit(time.unsigned_abs())));
                plan.events = edits.collect();
            }
            Sabotage::ProbesOfOne => {
                let kind = Kind::Broken(500);
                let outage = |from| Outage { from, to: from + DAY, kinds: vec![kind] };
                plan.outages = every(20).map(outage).collect();
                let (from, to) = (plan.start, plan.end);
                plan.account_troubles = vec![AccountTrouble { account: 0, from, to, kind }];
                plan.events = Vec::new();
                plan.noise = 0;
            }
            Sabotage::ClockSetHidden => {
                let there_and_back = |time: i64| {
                    [(0, 7 * DAY), (60, -7 * DAY)]
                        .map(|(later, by)| (time + later, WorldEvent::ClockStep(by)))
                };
                plan.events = every(20).flat_map(there_and_back).collect();
                plan.config.max_in_flight = 4;
                plan.config.requests_per_minute = 0;
                plan.config.budget = None;
            }
            _ => {}
        }
    }

    /// Returns the configuration that the engine gets.
    pub fn config(self, config: &EngineConfig) -> EngineConfig {
        let mut changed = config.clone();
        match self {
            Sabotage::BudgetHidden => changed.budget = None,
            Sabotage::AttemptsHidden => changed.retry.max_paid_attempts = 20,
            Sabotage::PaceHidden => changed.requests_per_minute = 0,
            Sabotage::CatchUpIgnored => changed.catch_up = CatchUp::Always,
            _ => {}
        }
        changed
    }

    /// Returns the result that the engine gets.
    pub fn kind(self, kind: Kind) -> Kind {
        match (self, kind) {
            (Sabotage::RefusalAsThrottle, Kind::Refused(_)) => Kind::Throttled(Some(7200)),
            (Sabotage::ThrottleAsBusy, Kind::Throttled(_)) => Kind::Busy(409),
            (Sabotage::RefusalAsBusy, Kind::Refused(_)) => Kind::Busy(409),
            _ => kind,
        }
    }

    pub fn before_oracle(self, oracle: &Oracle) -> Result<(), Violation> {
        match self {
            Sabotage::SupersededLinesDeleted => {
                oracle.sabotage("DELETE FROM _refresh WHERE outcome = 4 AND error LIKE 'super%'")
            }
            Sabotage::NextDueDeferred => oracle.sabotage(
                "UPDATE _account SET next_due = next_due + 7776000
                 WHERE account IN (SELECT account FROM _refresh WHERE outcome = 0)",
            ),
            _ => Ok(()),
        }
    }

    pub fn after_reload(self, oracle: &Oracle, at: At) -> Result<(), Violation> {
        match self {
            Sabotage::EditedSlotPostponed => oracle.postpone(|_, debt| debt.is_edit, at),
            _ => Ok(()),
        }
    }

    pub fn after_turn(
        self,
        oracle: &Oracle,
        claims: &[Claim],
        random: &mut Random,
        at: At,
    ) -> Result<(), Violation> {
        match self {
            Sabotage::LineDeleted => {
                for claim in claims {
                    let line = claim.refresh().0;
                    oracle.sabotage(&format!("DELETE FROM _refresh WHERE refresh_id = {line}"))?;
                }
            }
            Sabotage::ServedSlotReopened if random.chance(10) => oracle.sabotage(
                "DROP INDEX IF EXISTS _refresh_slot;
                 DROP TRIGGER IF EXISTS _snapshot_stays;
                 UPDATE _account SET next_due = settled_slot, settled_slot = settled_slot - 1
                 WHERE next_due IS NOT NULL AND phase = 1;
                 UPDATE _refresh SET slot = slot - 1 WHERE slot IS NOT NULL AND outcome = 1;
                 UPDATE _snapshot SET suspect = 4",
            )?,
            Sabotage::SlotPostponed if random.chance(2) => oracle.postpone(|_, _| true, at)?,
            Sabotage::RestoredSlotPostponed => oracle.postpone(|owed, _| owed.in_shared_run, at)?,
            Sabotage::ProbesUnspaced => {
                oracle.sabotage("UPDATE _breaker SET probe_time = 0, fresh_probe_time = 0")?;
            }
            Sabotage::ProbesOfOne => {
                let later = at.wall() + HOUR;
                oracle.sabotage(&format!(
                    "UPDATE _account SET next_due = {later} WHERE next_due <= {later}
                       AND account_id <> 'account-0' AND EXISTS (SELECT 1 FROM _breaker)"
                ))?;
            }
            Sabotage::SnapshotChanged if random.chance(5) => oracle.sabotage(
                "DROP TRIGGER IF EXISTS _snapshot_stays;
                 UPDATE _snapshot SET followers = followers + 1",
            )?,
            Sabotage::SpendReset if random.chance(5) => {
                oracle.sabotage("UPDATE _spend SET spent = 0")?;
            }
            _ => {}
        }
        Ok(())
    }
}
