//! What is promised, and how a broken promise is told.

use std::fmt;

/// What must hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Promise {
    /// Every call the vendor sees has a committed ledger line of its own.
    LedgerFirst,
    /// No slot has two lines that are pending or ok; an account is asked once at a time.
    OncePerSlot,
    /// Nothing is bought that is not owed.
    NothingUnneeded,
    /// No account goes without a measured number for longer than its interval, unless something
    /// explains it.
    Served,
    /// Trouble that everybody has takes no slot that the next did not replace.
    SlotKept,
    /// One account's trouble delays no other by over a minute beyond the pace.
    OwnTrouble,
    /// What people ask for makes no slot wait for more than a few calls.
    PeopleWait,
    /// No edit makes a wait longer than both the old and the new interval.
    EditKept,
    /// While everybody is in trouble, paid or not, a few are asked, one at a time.
    FewProbes,
    /// An account that alone fails costs at most `max_paid_attempts` in a slot.
    PaidAttempts,
    /// Each slot that is superseded has its line, and no line is invented.
    Skipped,
    /// What was late is called so, and is left alone where `catch_up` says so.
    Lateness,
    /// "Too fast" is obeyed.
    Throttling,
    /// Back-offs are kept to.
    BackOff,
    /// After the clock was set, one call at a time until an answer confirms it.
    ClockConfirmed,
    /// The pace and the calls in flight are limited.
    Pace,
    /// The budget is a hard cap.
    Budget,
    /// What the vendor charged is counted as spent, and `spend` is what the ledger says.
    Spent,
    /// An answer is recorded as what it was.
    Verdict,
    /// Neither settled lines nor snapshots change.
    HistoryStays,
    /// The next run is where the schedule allows it to be.
    NextDue,
    /// The store works when nothing is wrong with it, and the file is sound.
    Store,
    /// Nothing panics.
    NoPanic,
    /// A turn leads somewhere.
    NoSpinning,
}

/// A broken promise.
#[derive(Clone, Debug)]
pub struct Broken {
    pub promise: Promise,
    pub what: String,
}

impl Broken {
    pub fn new(promise: Promise, what: impl Into<String>) -> Broken {
        Broken { promise, what: what.into() }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.what)
    }
}

impl From<rusqlite::Error> for Broken {
    fn from(error: rusqlite::Error) -> Broken {
        Broken::new(Promise::Store, format!("the oracle cannot read: {error}"))
    }
}

/// Breaks `promise` unless `holds`.
pub fn hold(holds: bool, promise: Promise, what: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken::new(promise, what())) }
}
