//! What people ask for, until it is claimed: a queue in which everything stands once. Pure.

use std::collections::{HashMap, VecDeque};

use crate::account::{AccountId, Handle};
use crate::store::{AccountKey, AccountLookup};

/// Somebody who asked for something, and waits for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RequesterId(pub u64);

/// Which accounts somebody wants refreshed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Selection {
    Ids(Vec<AccountId>),
    /// Every watched one.
    All,
    /// Those due now, for their open slots.
    Due,
    /// Of these, those due now, for their open slots.
    DueOf(Vec<AccountId>),
}

/// One thing that was asked for.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum RefreshRequest {
    /// A refresh, whatever the schedule says.
    Now(AccountKey),
    /// The account's open slot, if one is open.
    OpenSlot(AccountKey),
    /// The id and the baseline of an account known by name.
    Lookup(Box<AccountLookup>),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Subject {
    Account(AccountKey),
    Handle(Handle),
}

impl RefreshRequest {
    fn subject(&self) -> Subject {
        match self {
            RefreshRequest::Now(key) | RefreshRequest::OpenSlot(key) => Subject::Account(*key),
            RefreshRequest::Lookup(lookup) => Subject::Handle(lookup.handle.clone()),
        }
    }
}

/// The requests that are not claimed yet, in their order.
#[derive(Debug, Default)]
pub(super) struct RequestQueue {
    order: VecDeque<RefreshRequest>,
    requesters: HashMap<Subject, Vec<RequesterId>>,
}

impl RequestQueue {
    /// Asks for something; twice for one account is once, for two people.
    pub(super) fn push(&mut self, requester: RequesterId, request: RefreshRequest) {
        let requesters = self.requesters.entry(request.subject()).or_default();
        if requesters.is_empty() {
            self.order.push_back(request);
        }
        if !requesters.contains(&requester) {
            requesters.push(requester);
        }
    }

    /// Drops what nobody but `requester` still wants. Answers what that was.
    pub(super) fn cancel(&mut self, requester: RequesterId) -> usize {
        let before = self.order.len();
        self.requesters.retain(|_, requesters| {
            requesters.retain(|known| *known != requester);
            !requesters.is_empty()
        });
        self.order.retain(|request| self.requesters.contains_key(&request.subject()));
        before - self.order.len()
    }

    /// Forgets the first `count`: they are dealt with.
    pub(super) fn drop_first(&mut self, count: usize) {
        for request in self.order.drain(..count) {
            self.requesters.remove(&request.subject());
        }
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
    fn what_two_people_want_is_asked_once_and_kept_for_the_other() {
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
