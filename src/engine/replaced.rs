//! Slots that the next one replaced unserved: each has its line in the ledger.

use crate::clock::Time;
use crate::engine::Event;
use crate::schedule::ScheduleCache;
use crate::store::{Account, Cause, StoreError, WriteTx};

/// How many lines are written at once for one account: a schedule of every second that nobody
/// served for a week would fill the disk with them.
const AT_ONCE: usize = 1000;

/// An open slot of an account, and what replaced it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replaced {
    /// The slot that was open first.
    pub(super) open: Time,
    /// The slot of the last call that failed.
    pub(super) tried: Option<Time>,
    /// The slot that is open now.
    pub(super) by: Time,
    /// Since when the process is up: what passed before is nobody's, but for what was tried.
    pub(super) alive: Time,
}

impl Replaced {
    /// Writes a line for each slot from the open one on that was replaced while the process was
    /// up.
    pub(super) fn write(
        self,
        tx: &WriteTx<'_>,
        schedules: &mut ScheduleCache,
        account: &Account,
        now: Time,
        events: &mut Vec<Event>,
    ) -> Result<(), StoreError> {
        let Replaced { open, tried, by, alive } = self;
        let mut slots = Vec::new();
        if open < alive && tried == Some(open) {
            slots.push(open);
        }
        let from = open.max(alive);
        slots.extend(account.slots_between(schedules, from.plus(-1), by.plus(-1), AT_ONCE)?);
        if open >= alive && slots.first() != Some(&open) {
            // It was another schedule's.
            slots.insert(0, open);
        }
        let ends = slots.iter().skip(1).copied().chain([by]).collect::<Vec<_>>();
        for (slot, end) in slots.into_iter().zip(ends) {
            let why = "superseded by the next slot";
            tx.skip(account, Cause::Schedule, slot, end.since(slot), why, now)?;
            events.push(Event::Skipped { id: account.id.clone(), slot, why: why.to_owned() });
        }
        Ok(())
    }
}
