//! What somebody who waits for refreshes hears: in this process, or over the control socket.

use serde::{Deserialize, Serialize};

use crate::account::Handle;
use crate::engine::Event;

/// A step towards what was asked for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Progress {
    /// So many accounts are meant.
    Selected { accounts: usize },
    /// A call left.
    Started { account_id: String },
    /// A call was settled.
    Settled {
        account_id: String,
        /// Its line in the ledger.
        refresh_id: i64,
        /// `ok`, `failed` or `unknown`.
        outcome: String,
        followers: Option<i64>,
        /// What went wrong.
        error: Option<String>,
    },
    /// No call was made.
    Declined { account_id: String, error: String },
}

/// What came of a look-up by name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Lookup {
    /// It has this id.
    Found {
        /// The name that was looked up.
        username: String,
        account_id: String,
        /// The followers measured; `None` also where no call was needed.
        followers: Option<i64>,
        /// Whether the watchlist has it already.
        is_watched: bool,
        /// Whether a call was made.
        was_called: bool,
    },
    /// It has none, or nobody was asked.
    NotFound {
        /// The name that was looked up.
        username: String,
        error: String,
        /// Whether a call was made.
        was_called: bool,
    },
}

impl Lookup {
    /// What an event means to somebody who waits for a lookup, and of which name; `None` if
    /// nothing.
    pub(super) fn of(event: &Event) -> Option<(&Handle, Lookup)> {
        Some(match event {
            Event::Found { handle, id, followers, is_watched, call } => (
                handle,
                Lookup::Found {
                    username: handle.username().to_owned(),
                    account_id: id.to_string(),
                    followers: *followers,
                    is_watched: *is_watched,
                    was_called: call.is_some(),
                },
            ),
            Event::NotFound { handle, why, call } => (
                handle,
                Lookup::NotFound {
                    username: handle.username().to_owned(),
                    error: why.clone(),
                    was_called: call.is_some(),
                },
            ),
            _ => return None,
        })
    }
}

impl Progress {
    /// What an event means to somebody who waits; `None` if nothing.
    pub fn of(event: &Event) -> Option<Progress> {
        Some(match event {
            Event::Started { id, .. } => Progress::Started { account_id: id.to_string() },
            Event::Settled { id, refresh, outcome, followers, error, .. } => Progress::Settled {
                account_id: id.to_string(),
                refresh_id: refresh.0,
                outcome: outcome.as_str().to_owned(),
                followers: *followers,
                error: error.clone(),
            },
            Event::Declined { id, why } => {
                Progress::Declined { account_id: id.to_string(), error: why.clone() }
            }
            _ => return None,
        })
    }
}
