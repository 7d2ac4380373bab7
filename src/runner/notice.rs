//! What a runner tells whoever started it.

use std::time::Duration;

use crate::clock::Now;
use crate::engine::Event;
use crate::store::StoreError;

/// What a runner tells whoever started it, on its own thread: it waits for the answer.
#[derive(Debug)]
pub enum Notice<'a> {
    /// Something happened in a turn.
    Event(&'a Event),
    /// A turn was committed, with so many calls on their way.
    Turned {
        in_flight: usize,
        /// When the next turn has something to do, unless a call comes back before.
        wake: Option<Now>,
    },
    /// The store failed; nothing is refreshed until it can commit.
    StoreFailed {
        /// What it says.
        error: &'a StoreError,
        /// Whether it says so for the first time.
        is_new: bool,
    },
    /// The store can commit again, after so long.
    StoreRecovered(Duration),
    Slept,
    /// Another database took the file's place, and may need its watchlist.
    Replaced,
    /// The journal could not be brought into the database.
    NotCheckpointed(&'a StoreError),
    /// A reader keeps the journal from being brought into the database: it has so many bytes.
    JournalHeld(u64),
    /// A call came back after so long.
    Took(Duration),
}

/// What a runner tells, and to whom.
pub type Observer = Box<dyn FnMut(Notice<'_>) + Send>;
