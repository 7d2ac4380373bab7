//! Slots that the next one replaced unserved: each has its line in the ledger.

use crate::clock::Time;
use crate::engine::Event;
use crate::engine::account_state::AccountState;
use crate::schedule::{ScheduleCache, SlotWindow};
use crate::store::{Account, Cause, StoreError, WriteTx};

/// How many lines are written at once for one account: a schedule of every second that nobody
/// served for a week would fill the disk with them.
const AT_ONCE: usize = 1000;

/// Where lines are written of slots that were replaced unserved.
pub(super) struct ReplacedSlots<'a, 'store> {
    pub(super) tx: &'a WriteTx<'store>,
    pub(super) schedules: &'a mut ScheduleCache,
    pub(super) events: &'a mut Vec<Event>,
    /// Since when the process is up: what passed before is nobody's, but for what was tried.
    pub(super) alive: Time,
    pub(super) now: Time,
}

impl ReplacedSlots<'_, '_> {
    /// Writes a line for each slot of an account in `state` that was replaced while the process
    /// was up. Answers the slot that is open now, if it replaced one.
    pub(super) fn write(
        self,
        account: &Account,
        state: AccountState,
        window: SlotWindow,
    ) -> Result<Option<Time>, StoreError> {
        let ReplacedSlots { tx, schedules, events, alive, now } = self;
        let Some((open, by)) = state.replaced(window, now) else { return Ok(None) };
        let mut slots = Vec::new();
        if open < alive && tx.tried_slot(account, schedules)? == Some(open) {
            slots.push(open);
        }
        // After an edit, the new schedule's slots up to the settled one were never owed.
        let from = open.max(alive).plus(-1).max(state.settled().unwrap_or(open.plus(-1)));
        slots.extend(account.slots_between(schedules, from, by.plus(-1), AT_ONCE)?);
        if open >= alive && slots.first() != Some(&open) {
            // It was another schedule's.
            slots.insert(0, open);
        }
        let ends = slots.iter().skip(1).copied().chain([by]).collect::<Vec<_>>();
        for (slot, end) in slots.into_iter().zip(ends) {
            // Under a clock that was set back it may come again.
            if tx.is_bought(account.key, slot)? {
                continue;
            }
            let why = "superseded by the next slot";
            tx.skip(account, Cause::Schedule, slot, end.since(slot), why, now)?;
            events.push(Event::Skipped { id: account.id.clone(), slot, why: why.to_owned() });
        }
        Ok(Some(by))
    }
}
