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
    /// What is owed is bought as soon as nothing explains why not.
    NothingMissed,
    /// The budget is a hard cap.
    Budget,
    /// What the vendor charged is counted as spent, and `_spend` is what the ledger says.
    Spent,
    /// An answer is recorded as what it was.
    Verdict,
    /// Neither settled lines nor snapshots change.
    HistoryStays,
    /// `next_due` is where the schedule allows it to be.
    NextDue,
    /// Slots passed over are those that were open while the process ran.
    Skipped,
    /// The pace and the calls in flight are limited.
    Pace,
    /// Pauses, waits and back-offs are kept to, after restarts too.
    NoHammering,
    /// The store works when nothing is wrong with it, and the file is sound.
    Store,
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
