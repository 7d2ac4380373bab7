//! Whether a snapshot makes the call for a slot unnecessary.

use crate::clock::Time;
use crate::schedule::ScheduleCache;
use crate::store::{Account, ReadTx, StoreError};

/// Why such a slot is skipped.
pub(super) const FRESH: &str = "fresh: a snapshot was taken just before";

/// Returns whether a measured snapshot was taken since the slot, or so shortly before it that a
/// call would buy the same numbers again.
///
/// "Shortly" is a tenth of the slot's interval, or of the distance from the previous slot if that is
/// shorter. Otherwise the second slot of a day would never be served by a schedule such as
/// `0 9,17 * * MON`.
pub(super) fn is_fresh(
    tx: &ReadTx<'_>,
    schedules: &mut ScheduleCache,
    account: &Account,
    slot: Time,
    now: Time,
) -> Result<bool, StoreError> {
    let window = account.window(schedules, slot);
    let from = match window.slot == slot {
        true => {
            let before = account.window(schedules, slot.plus(-1)).slot;
            slot.plus(-slot.since(before).min(window.interval()) / 10)
        }
        // The slot is one of an earlier schedule, whose distances are not known any more. The edit
        // found that it was not fresh.
        false => slot,
    };
    match tx.last_measured_time(account.key)? {
        Some(last) if last <= now => Ok(last > from),
        // The newest snapshot was taken under a clock that was ahead.
        Some(_) => tx.has_measured(account.key, from, now),
        None => Ok(false),
    }
}
