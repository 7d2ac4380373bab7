//! Slots that were replaced unserved by the next one, each of which gets a ledger line.

use crate::clock::Time;
use crate::engine::Event;
use crate::engine::account_state::AccountState;
use crate::engine::progress::Alive;
use crate::engine::saved_state::change_before_trouble;
use crate::engine::skipped_slot::SkippedSlot;
use crate::schedule::{ScheduleCache, SlotWindow};
use crate::store::{Account, Cause, StoreError, WriteTx};

/// The maximum number of lines written at once for an account. A schedule that fires every second
/// and was not served for a week would otherwise fill the disk.
const MAX_LINES: usize = 1000;

/// Writes the ledger lines of slots that were replaced unserved.
pub(super) struct ReplacedSlots<'a, 'store> {
    pub(super) tx: &'a WriteTx<'store>,
    pub(super) schedules: &'a mut ScheduleCache,
    pub(super) events: &'a mut Vec<Event>,
    /// Slots replaced before are not recorded, unless a call was made for them.
    pub(super) alive: Alive,
    pub(super) now: Time,
}

impl ReplacedSlots<'_, '_> {
    /// If the open slot of an account in `state` was replaced unserved, writes the ledger lines, and
    /// returns the state in which the slot that replaced it is open, without failed attempts.
    pub(super) fn replace(
        self,
        account: &mut Account,
        state: AccountState,
        window: SlotWindow,
    ) -> Result<Option<AccountState>, StoreError> {
        let (tx, now) = (self.tx, self.now);
        let Some(slot) = self.write(account, state, window)? else { return Ok(None) };
        change_before_trouble(tx, account.key, |before| before.replace(slot, now))?;
        account.slot_replaced();
        Ok(Some(state.replace(slot, now)))
    }

    /// Writes a line for each slot of an account in `state` that was replaced while the process was
    /// up. Returns the slot that is open now, if it replaced another.
    pub(super) fn write(
        self,
        account: &Account,
        state: AccountState,
        window: SlotWindow,
    ) -> Result<Option<Time>, StoreError> {
        let ReplacedSlots { tx, schedules, events, alive, now } = self;
        let Some((open, by)) = state.replaced(window, now) else { return Ok(None) };
        // The slot that was the latest when the process came up was replaced while it was up.
        let first = open.max(account.window(schedules, alive.since).slot.min(alive.since));
        // After an edit, the new schedule's slots up to the settled one were never owed.
        let from = first.plus(-1).max(state.settled().unwrap_or(open.plus(-1)));
        let mut slots = account.slots_between(schedules, from, by.plus(-1), MAX_LINES);
        let is_tried = open < first && tx.tried_slot(account, schedules)? == Some(open);
        // The open slot may be of the schedule before an edit. A clock that was set and is set back
        // does not bring it back, like the present schedule's.
        let is_another = match open >= first {
            true => slots.first() != Some(&open),
            false => {
                let window = account.window(schedules, open);
                window.slot != open && window.next > alive.started
            }
        };
        if is_tried || is_another {
            slots.insert(0, open);
        }
        let ends = slots.iter().skip(1).copied().chain([by]).collect::<Vec<_>>();
        for (slot, end) in slots.into_iter().zip(ends) {
            // After the clock was set back, the slot may come again.
            if tx.is_bought(account.key, slot)? {
                continue;
            }
            let (interval, why) = (end.since(slot), "superseded by the next slot");
            SkippedSlot { account, cause: Cause::Schedule, slot, interval, why }
                .record(tx, events, now)?;
        }
        Ok(Some(by))
    }
}
