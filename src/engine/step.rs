//! What to do about a due account, as a function of where it stands.

use crate::clock::Time;
use crate::config::CatchUp;
use crate::schedule::SlotWindow;
use crate::store::{Account, AccountState, Cause};

/// What to do about a due account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Call, for this slot (`None`: the baseline).
    Call(Cause, Option<Time>),
    /// Pass over this slot.
    Skip(Cause, Time, &'static str),
    /// Its slot is served already.
    Served,
}

/// What a due account's standing and slots say, before its snapshots are looked at. `tried` is
/// the slot of its last failure.
pub(super) fn step(
    account: &Account,
    tried: Option<Time>,
    place: &SlotWindow,
    up: Time,
    catch_up: CatchUp,
    now: Time,
) -> Step {
    let standing = &account.standing;
    if standing.last_slot.is_none() && standing.slot.is_none() {
        match standing.last_failure.is_some() {
            false => return Step::Call(Cause::First, None),
            true if place.slot <= account.active => return Step::Call(Cause::Retry, None),
            // A slot has come since: it takes the baseline's place.
            true => {}
        }
    }
    let slot = standing.slot.map_or(place.slot, |open| open.max(place.slot));
    if standing.last_slot.is_some_and(|served| slot <= served) {
        return Step::Served;
    }
    if tried == Some(slot) && standing.slot == Some(slot) {
        return Step::Call(Cause::Retry, Some(slot));
    }
    if slot >= up {
        return Step::Call(Cause::Schedule, Some(slot));
    }
    let is_worth_it = match catch_up {
        CatchUp::Always => true,
        CatchUp::Never => false,
        CatchUp::Within(seconds) => now.since(slot) <= seconds,
    };
    match is_worth_it {
        true => Step::Call(Cause::CatchUp, Some(slot)),
        false => Step::Skip(Cause::CatchUp, slot, "too late for schedule.catch_up"),
    }
}

/// The slot that was open while a process ran and is replaced by `slot` unserved.
pub(super) fn superseded(
    standing: &AccountState,
    tried: Option<Time>,
    slot: Option<Time>,
    up: Time,
) -> Option<Time> {
    let due = standing.next_due.filter(|_| standing.last_slot.is_some());
    let open = standing.slot.or(due).filter(|open| *open >= up || tried == Some(*open))?;
    slot.is_some_and(|slot| open < slot).then_some(open)
}
