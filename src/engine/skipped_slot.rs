//! A slot that passes without a call: its ledger line, and the event that reports it.

use crate::clock::Time;
use crate::engine::Event;
use crate::store::{Account, Cause, StoreError, WriteTx};

pub(super) struct SkippedSlot<'a> {
    pub(super) account: &'a Account,
    pub(super) cause: Cause,
    pub(super) slot: Time,
    /// The time from the slot to the next one, in seconds.
    pub(super) interval: i64,
    pub(super) why: &'a str,
}

impl SkippedSlot<'_> {
    pub(super) fn record(
        self,
        tx: &WriteTx<'_>,
        events: &mut Vec<Event>,
        now: Time,
    ) -> Result<(), StoreError> {
        let SkippedSlot { account, cause, slot, interval, why } = self;
        tx.skip(account, cause, slot, interval, why, now)?;
        events.push(Event::Skipped { id: account.id.clone(), slot, why: why.to_owned() });
        Ok(())
    }
}
