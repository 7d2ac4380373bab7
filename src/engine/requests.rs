//! The queue of people's requests, without duplicates. Pure.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::account::{AccountId, Handle};
use crate::store::{AccountKey, AccountLookup};

/// The id of someone who made requests and is waiting for the results.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RequesterId(pub u64);

/// The accounts requested.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    Ids(Vec<AccountId>),
    /// All watched accounts.
    All,
    /// The accounts due now, for their open slots.
    Due,
    /// Those of these accounts that are due now, for their open slots.
    DueOf(Vec<AccountId>),
}

/// A single request.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum RefreshRequest {
    /// A refresh regardless of the schedule.
    Now(AccountKey),
    /// A refresh for the account's open slot, if it has one.
    OpenSlot(AccountKey),
    /// A lookup by name, for the id and the baseline.
    Lookup(Box<AccountLookup>),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Target {
    Account(AccountKey),
    Handle(Handle),
}

impl RefreshRequest {
    fn target(&self) -> Target {
        match self {
            RefreshRequest::Now(key) | RefreshRequest::OpenSlot(key) => Target::Account(*key),
            RefreshRequest::Lookup(lookup) => Target::Handle(lookup.handle.clone()),
        }
    }
}

/// The requests that are not claimed yet, in order.
#[derive(Debug, Default)]
pub(super) struct RequestQueue {
    order: VecDeque<RefreshRequest>,
    /// Whether no call was made for any of them yet.
    is_new: bool,
    requesters: HashMap<Target, Vec<RequesterId>>,
}

impl RequestQueue {
    /// Adds a request, or another requester to an equal one.
    pub(super) fn push(&mut self, requester: RequesterId, request: RefreshRequest) {
        let requesters = self.requesters.entry(request.target()).or_default();
        if requesters.is_empty() {
            self.order.push_back(request);
            self.is_new = true;
        }
        if !requesters.contains(&requester) {
            requesters.push(requester);
        }
    }

    /// Drops the requests that only `requester` has made. Returns their number.
    pub(super) fn cancel(&mut self, requester: RequesterId) -> usize {
        let before = self.order.len();
        self.requesters.retain(|_, requesters| {
            requesters.retain(|known| *known != requester);
            !requesters.is_empty()
        });
        self.order.retain(|request| self.requesters.contains_key(&request.target()));
        before - self.order.len()
    }

    /// Removes the first `count` requests, which have been handled.
    pub(super) fn drop_first(&mut self, count: usize) {
        for request in self.order.drain(..count) {
            self.requesters.remove(&request.target());
        }
    }

    /// Records that a call was made for one of them, or that its result will tell about them all.
    pub(super) fn tried(&mut self) {
        self.is_new = false;
    }

    /// Returns whether a request has come since the last call for one of them.
    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    pub(super) fn clear(&mut self) {
        *self = RequestQueue::default();
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &RefreshRequest> {
        self.order.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(key: i64) -> RefreshRequest {
        RefreshRequest::Now(AccountKey(key))
    }

    #[test]
    fn a_request_of_two_requesters_is_queued_once_and_kept_for_the_other() {
        let (one, two) = (RequesterId(1), RequesterId(2));
        let mut queue = RequestQueue::default();
        for (who, key) in [(one, 5), (one, 6), (two, 5), (one, 5), (two, 7)] {
            queue.push(who, now(key));
        }
        assert!(queue.iter().eq(&[now(5), now(6), now(7)]));
        assert_eq!(queue.cancel(one), 1);
        assert!(queue.iter().eq(&[now(5), now(7)]));
        queue.drop_first(1);
        queue.push(one, now(5));
        assert!(queue.iter().eq(&[now(7), now(5)]));
        assert_eq!((queue.cancel(two), queue.len()), (1, 1));
    }
}
