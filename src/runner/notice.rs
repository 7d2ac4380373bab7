//! What a runner reports to its observer.

use std::time::Duration;

use crate::account::AccountId;
use crate::clock::Now;
use crate::engine::Event;
use crate::store::StoreError;

/// A report to the observer. The observer is called on the engine's thread, which it blocks.
#[derive(Debug)]
pub enum Notice<'a> {
    Event(&'a Event),
    /// A turn was committed.
    Turned {
        /// Calls in flight.
        in_flight: usize,
        /// When the next turn is needed, unless a call completes earlier.
        wake: Option<Now>,
    },
    /// The store failed. Nothing is refreshed until it can commit again.
    StoreFailed {
        error: &'a StoreError,
        /// Whether the error differs from the previous one.
        is_new: bool,
    },
    /// The store can commit again, after failing for this long.
    StoreRecovered(Duration),
    /// The machine was suspended.
    Slept,
    /// The file was replaced by another database, whose watchlist may be out of date.
    Replaced,
    /// The WAL could not be checkpointed.
    NotCheckpointed(&'a StoreError),
    /// A reader keeps the WAL from being checkpointed; it has this size, in bytes.
    WalHeld(u64),
    /// These accounts were requested, and are not in the watchlist.
    NotInWatchlist(&'a [AccountId]),
    /// A call completed, after this duration.
    Took(Duration),
}

/// The callback that receives a runner's notices.
pub type Observer = Box<dyn FnMut(Notice<'_>) + Send>;
