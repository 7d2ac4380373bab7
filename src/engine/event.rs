//! What happened in a turn.

use crate::account::{AccountId, Handle};
use crate::clock::Time;
use crate::engine::breaker::OpenBreaker;
use crate::store::{Cause, Outcome, RefreshId, Wait};

/// What happened in a turn, for the log and for whoever waits for it.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// A call left.
    Started {
        id: AccountId,
        cause: Cause,
        /// Its line in the ledger.
        refresh: RefreshId,
    },
    /// A call was settled.
    Settled {
        id: AccountId,
        /// Why it was made.
        cause: Cause,
        /// Its line in the ledger.
        refresh: RefreshId,
        /// What became of it.
        outcome: Outcome,
        /// Whether it may have cost a credit.
        spent: bool,
        /// What went wrong.
        error: Option<String>,
        followers: Option<i64>,
        /// How many bytes are kept of the answer besides its numbers.
        kept_bytes: usize,
        /// When it is due again.
        next_due: Option<Time>,
        /// From claim to answer, in seconds.
        took: i64,
    },
    /// A slot was passed over without a call.
    Skipped { id: AccountId, slot: Time, why: String },
    /// A request cannot be granted.
    Declined { id: AccountId, why: String },
    /// Somebody looked up by name was found, or known already.
    Found {
        handle: Handle,
        id: AccountId,
        /// The followers measured; `None` also where no call was needed.
        followers: Option<i64>,
        /// Whether the watchlist has the account already.
        is_watched: bool,
        /// What became of the call, and whether it may have cost a credit; `None` where none
        /// was needed.
        call: Option<(Outcome, bool)>,
    },
    /// Somebody looked up by name was not found, or not looked up.
    NotFound {
        handle: Handle,
        why: String,
        /// As for those found.
        call: Option<(Outcome, bool)>,
    },
    /// The vendor is in trouble: only probes are sent.
    BreakerOpened(OpenBreaker),
    /// It no longer is.
    BreakerClosed {
        /// Since when it was.
        since: Time,
    },
    /// The vendor asked for a while without calls.
    Waiting(Wait),
    /// The budget is spent, and something is due: until then it waits.
    BudgetSpent(Time),
    /// The clock stepped back, and so many accounts were brought back with it.
    ClockSteppedBack(usize),
    /// The clock was set by so many seconds against the machine's own: one call at a time, until
    /// an answer confirms it.
    ClockSet(i64),
    /// So many calls of a process that ended are marked `unknown`.
    LeftPending(usize),
}
