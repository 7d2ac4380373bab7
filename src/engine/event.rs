//! The events of a turn.

use crate::account::{AccountId, Handle};
use crate::clock::Time;
use crate::engine::breaker::OpenBreaker;
use crate::store::{Cause, Outcome, RefreshId, Suspicion, Wait};

/// An event in a turn, for the log and for requesters.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// A call was claimed.
    Started { id: AccountId, cause: Cause, refresh: RefreshId },
    /// A call was settled.
    Settled {
        id: AccountId,
        cause: Cause,
        refresh: RefreshId,
        outcome: Outcome,
        /// Whether the call may have cost a credit.
        spent: bool,
        error: Option<String>,
        /// The followers in the response, which are measured unless `suspicion` says otherwise.
        followers: Option<i64>,
        suspicion: Suspicion,
        /// The stored bytes of the response, other than its numbers.
        kept_bytes: usize,
        /// When the account is due next; `None` if it is not watched.
        next_due: Option<Time>,
        /// Seconds from the claim to the response.
        took: i64,
        /// Whether it is a call of an earlier process, for which no present requester waits.
        is_left_pending: bool,
    },
    /// A slot passed without a call.
    Skipped { id: AccountId, slot: Time, why: String },
    /// A request was declined.
    Declined { id: AccountId, why: String },
    /// A requested refresh of what is due needs no call.
    NotNeeded { id: AccountId, why: String },
    /// The account to be looked up was known already, so no call was needed.
    Known { handle: Handle, id: AccountId },
    /// A lookup found the account.
    Found {
        handle: Handle,
        id: AccountId,
        /// Whom the response is about, if its handle or platform is not the one looked up.
        other: Option<String>,
        /// The followers in the response, measured or not.
        followers: Option<i64>,
        outcome: Outcome,
        /// Whether the call may have cost a credit.
        spent: bool,
        /// What is wrong although numbers came: a date that contradicts our clock.
        error: Option<String>,
    },
    /// A lookup did not find the account, or was declined.
    NotFound {
        handle: Handle,
        why: String,
        /// The call's outcome, and whether it may have cost a credit; `None` if none was made.
        call: Option<(Outcome, bool)>,
    },
    /// The circuit breaker opened: only probes are sent.
    BreakerOpened(OpenBreaker),
    /// The circuit breaker closed.
    BreakerClosed {
        /// When it had opened.
        since: Time,
    },
    /// The vendor asked for a pause of all calls.
    Waiting(Wait),
    /// The budget is spent while something is due, which waits until this time.
    BudgetSpent(Time),
    /// The clock stepped back, and this many accounts were corrected.
    ClockSteppedBack(usize),
    /// The clock was set by this many seconds, relative to the machine's monotonic clock. Only one
    /// call is made at a time, until a response confirms the clock.
    ClockSet(i64),
    /// This many calls of an earlier process were marked `unknown`.
    LeftPending(usize),
}

/// Why an account that is not in the database is not refreshed.
pub const NOT_IN_WATCHLIST: &str = "it is not in the watchlist as last read";
