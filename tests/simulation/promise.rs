//! The promises, and their violations.

use std::fmt;

/// A promise of the contract.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Promise {
    /// Every call that the vendor receives has its own committed ledger line.
    LedgerFirst,
    /// No slot has two lines that are pending or ok, and no account has two calls in flight.
    OncePerSlot,
    /// Nothing is bought that is not owed.
    NothingUnneeded,
    /// No account goes without a measurement for longer than its interval without a reason.
    Served,
    /// Shared trouble costs no slot before the next one replaces it.
    SlotKept,
    /// One account's trouble delays no other by more than a minute in addition to the pace.
    OwnTrouble,
    /// While calls fail, an account that is well and due is among the next few that are called.
    NotPassedOver,
    /// People's requests make no slot wait for more than a few calls.
    PeopleWait,
    /// No edit makes the time without a snapshot longer than both the old and the new interval.
    EditKept,
    /// During shared trouble there are only a few probes, one at a time.
    FewProbes,
    /// An account that fails alone costs at most `max_paid_attempts` per slot.
    PaidAttempts,
    /// Every superseded slot has a line, and no other slot has one.
    Skipped,
    /// Late calls have the cause `catch_up`, and are made only if `catch_up` permits them.
    Lateness,
    /// Throttling is obeyed.
    Throttling,
    /// Back-off delays are kept.
    BackOff,
    /// After the clock was set, there is one call at a time until a response confirms it.
    ClockConfirmed,
    /// The limits on pace and calls in flight are kept.
    Pace,
    /// The budget is a hard cap.
    Budget,
    /// Everything that the vendor charged counts as spent, and `spend` agrees with the ledger.
    Spent,
    /// A response is recorded as what it was.
    Verdict,
    /// Neither settled lines nor snapshots change.
    HistoryStays,
    /// The next run is no later than the schedule allows.
    NextDue,
    /// The store works unless there is a fault, and the file is intact.
    Store,
    /// Nothing panics.
    NoPanic,
    /// Turns do not request each other endlessly.
    NoSpinning,
}

/// A violation of a promise.
#[derive(Clone, Debug)]
pub struct Violation {
    pub promise: Promise,
    pub what: String,
}

impl Violation {
    pub fn new(promise: Promise, what: impl Into<String>) -> Violation {
        Violation { promise, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.what)
    }
}

impl From<rusqlite::Error> for Violation {
    fn from(error: rusqlite::Error) -> Violation {
        Violation::new(Promise::Store, format!("the oracle cannot read: {error}"))
    }
}

/// Returns a violation of `promise` unless `holds`.
pub fn ensure(
    holds: bool,
    promise: Promise,
    what: impl FnOnce() -> String,
) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::new(promise, what())) }
}
