//! The progress of a request, in this process or over the control socket.

use serde::{Deserialize, Serialize};

use crate::account::{AccountId, Handle};
use crate::engine::Event;

/// A step of a refresh request.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Progress {
    /// The request covers this many accounts.
    Selected { accounts: usize },
    /// The request was not taken, because of the database.
    NotTaken { error: String },
    /// A call was started.
    Started { account_id: AccountId },
    /// A call was settled.
    Settled {
        account_id: AccountId,
        /// The call's ledger line.
        refresh_id: i64,
        /// `ok`, `failed` or `unknown`.
        outcome: String,
        /// The followers in the response, measured or not.
        followers: Option<i64>,
        /// Why the numbers are suspect: `zero`, `cached` or `clock`. A daemon of an older version says
        /// nothing of it.
        #[serde(default)]
        suspect: Option<String>,
        /// Whether only the likes are.
        #[serde(default)]
        is_only_likes: bool,
        error: Option<String>,
    },
    /// No call was made for the account.
    Declined { account_id: AccountId, error: String },
    /// These accounts are not in the watchlist. One step for all of them, since a request may name very
    /// many.
    NotInWatchlist { account_ids: Vec<AccountId> },
    /// The account needs no call for what was due.
    NotNeeded { account_id: AccountId, reason: String },
}

/// The result of a lookup by name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Lookup {
    Found {
        handle: Handle,
        account_id: AccountId,
        /// As in [`Event::Found`].
        other: Option<String>,
        /// The followers in the response, measured or not; also `None` if no call was needed.
        followers: Option<i64>,
        was_called: bool,
        /// As in [`Event::Found`]. A daemon of an older version says nothing of it.
        #[serde(default)]
        error: Option<String>,
    },
    /// The account was not found, or could not be looked up.
    NotFound { handle: Handle, error: String, was_called: bool },
}

impl Lookup {
    pub fn handle(&self) -> &Handle {
        match self {
            Lookup::Found { handle, .. } | Lookup::NotFound { handle, .. } => handle,
        }
    }

    /// Returns what is wrong with the response, although it has found the account.
    pub fn doubt(&self) -> Option<&str> {
        match self {
            Lookup::Found { error, .. } => error.as_deref(),
            Lookup::NotFound { .. } => None,
        }
    }

    /// Converts an event to the result of a lookup, with the name looked up; `None` if it is about
    /// no lookup.
    pub(super) fn of(event: &Event) -> Option<(&Handle, Lookup)> {
        Some(match event {
            Event::Known { handle, id } => (
                handle,
                Lookup::Found {
                    handle: handle.clone(),
                    account_id: id.clone(),
                    other: None,
                    followers: None,
                    was_called: false,
                    error: None,
                },
            ),
            Event::Found { handle, id, other, followers, error, .. } => (
                handle,
                Lookup::Found {
                    handle: handle.clone(),
                    account_id: id.clone(),
                    other: other.clone(),
                    followers: *followers,
                    was_called: true,
                    error: error.clone(),
                },
            ),
            Event::NotFound { handle, why, call } => (
                handle,
                Lookup::NotFound {
                    handle: handle.clone(),
                    error: why.clone(),
                    was_called: call.is_some(),
                },
            ),
            _ => return None,
        })
    }
}

impl Progress {
    /// Converts an event to a step of a refresh; `None` if it is not one.
    pub fn of(event: &Event) -> Option<Progress> {
        Some(match event {
            Event::Settled { is_left_pending: true, .. } => return None,
            Event::Started { id, .. } => Progress::Started { account_id: id.clone() },
            Event::Settled { id, refresh, outcome, followers, suspicion, error, .. } => {
                Progress::Settled {
                    account_id: id.clone(),
                    refresh_id: refresh.0,
                    outcome: outcome.as_str().to_owned(),
                    followers: *followers,
                    suspect: suspicion.reason().map(str::to_owned),
                    is_only_likes: suspicion.is_of_likes_alone(),
                    error: error.clone(),
                }
            }
            Event::Declined { id, why } => {
                Progress::Declined { account_id: id.clone(), error: why.clone() }
            }
            Event::NotNeeded { id, why } => {
                Progress::NotNeeded { account_id: id.clone(), reason: why.clone() }
            }
            _ => return None,
        })
    }
}
