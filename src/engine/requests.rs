//! The queue of people's requests, without duplicates. Pure.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::account::{AccountId, Handle};
use crate::store::{AccountLookup, CallTarget};

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

/// The accounts of a request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Requested {
    /// Those that will get an event, whether they are called or declined.
    pub known: Vec<AccountId>,
    /// Those that are not in the database. Nothing more happens for them.
    pub unknown: Vec<AccountId>,
}

/// A single request.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum RefreshRequest {
    /// A refresh regardless of the schedule.
    Now(AccountId),
    /// A refresh for the account's open slot, if it has one.
    OpenSlot(AccountId),
    /// A lookup by name, for the id and the baseline.
    Lookup(Box<AccountLookup>),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Target {
    Account(AccountId),
    Handle(Handle),
}

impl RefreshRequest {
    fn target(&self) -> Target {
        match self {
            RefreshRequest::Now(id) | RefreshRequest::OpenSlot(id) => Target::Account(id.clone()),
            RefreshRequest::Lookup(lookup) => Target::Handle(lookup.handle.clone()),
        }
    }
}

/// The requests for which no call was claimed yet, in order.
#[derive(Debug, Default)]
pub(super) struct RequestQueue {
    /// By number; the last one pushed has the highest.
    order: BTreeMap<u64, RefreshRequest>,
    last: u64,
    /// Whether no call was made for any of them yet.
    is_new: bool,
    /// What is known of each target's request.
    queued: HashMap<Target, Queued>,
}

/// Who made a request.
#[derive(Debug)]
struct Queued {
    number: u64,
    /// With what each of them requested.
    requesters: Vec<(RequesterId, RefreshRequest)>,
}

impl Queued {
    /// Returns what serves all of its requesters: what one of them requests regardless of the
    /// schedule is not skipped because another has requested the open slot.
    fn request(&self) -> Option<&RefreshRequest> {
        let requests = || self.requesters.iter().map(|(_, request)| request);
        let is_limited = |request: &&RefreshRequest| matches!(request, RefreshRequest::OpenSlot(_));
        requests().find(|request| !is_limited(request)).or_else(|| requests().next())
    }
}

impl RequestQueue {
    /// Adds a request, or another requester to one for the same target.
    pub(super) fn push(&mut self, requester: RequesterId, request: RefreshRequest) {
        let RequestQueue { order, last, is_new, queued } = self;
        let queued = queued.entry(request.target()).or_insert_with(|| {
            *last += 1;
            Queued { number: *last, requesters: Vec::new() }
        });
        let pushed = (requester, request);
        if queued.requesters.contains(&pushed) {
            return;
        }
        queued.requesters.push(pushed);
        if let Some(request) = queued.request()
            && order.get(&queued.number) != Some(request)
        {
            order.insert(queued.number, request.clone());
            *is_new = true;
        }
    }

    /// Drops the requests that only `requester` has made. Returns their number.
    pub(super) fn cancel(&mut self, requester: RequesterId) -> usize {
        let before = self.order.len();
        let order = &mut self.order;
        self.queued.retain(|_, queued| {
            let count = queued.requesters.len();
            queued.requesters.retain(|(known, _)| *known != requester);
            if queued.requesters.len() == count {
                return true;
            }
            let request = queued.request();
            match request {
                Some(request) => order.insert(queued.number, request.clone()),
                None => order.remove(&queued.number),
            };
            request.is_some()
        });
        before - self.order.len()
    }

    /// Removes the first `count` requests, which have been handled.
    pub(super) fn drop_first(&mut self, count: usize) {
        for _ in 0..count {
            let Some((_, request)) = self.order.pop_first() else { return };
            self.queued.remove(&request.target());
        }
    }

    /// Removes the request for an account that is called, for whatever cause. The requester gets the
    /// result of that call, even if it fails.
    pub(super) fn drop_called(&mut self, target: &CallTarget) {
        let CallTarget::Account(_, id) = target else { return };
        if let Some(queued) = self.queued.remove(&Target::Account(id.clone())) {
            self.order.remove(&queued.number);
        }
    }

    /// Records whether a call was made for one of them, or one whose result will tell about them all.
    pub(super) fn tried(&mut self, has_tried: bool) {
        self.is_new &= !has_tried;
    }

    /// Returns whether a request has come since the last call for one of them.
    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    pub(super) fn clear(&mut self) {
        *self = RequestQueue::default();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &RefreshRequest> {
        self.order.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::AccountKey;

    fn id(name: &str) -> AccountId {
        name.parse().expect("an id")
    }

    fn now(name: &str) -> RefreshRequest {
        RefreshRequest::Now(id(name))
    }

    #[test]
    fn a_call_serves_the_requests_for_its_account_and_no_others() {
        let (one, two) = (RequesterId(1), RequesterId(2));
        let mut queue = RequestQueue::default();
        for (who, name) in [(one, "a"), (one, "b"), (one, "c"), (two, "b")] {
            queue.push(who, now(name));
        }
        for name in ["b", "z"] {
            queue.drop_called(&CallTarget::Account(AccountKey(5), id(name)));
        }
        assert!(queue.iter().eq(&[now("a"), now("c")]));
        queue.push(two, RefreshRequest::OpenSlot(id("b")));
        assert!(queue.iter().eq(&[now("a"), now("c"), RefreshRequest::OpenSlot(id("b"))]));
        assert_eq!((queue.cancel(one), queue.iter().count()), (2, 1));
    }

    #[test]
    fn a_request_regardless_of_the_schedule_is_not_limited_by_one_for_the_open_slot() {
        let (one, two) = (RequesterId(1), RequesterId(2));
        let open_slot = RefreshRequest::OpenSlot(id("a"));
        for requests in [[now("a"), open_slot.clone()], [open_slot, now("a")]] {
            let mut queue = RequestQueue::default();
            for (who, request) in [one, two].into_iter().zip(requests.clone()) {
                queue.push(who, request);
            }
            assert!(queue.iter().eq(&[now("a")]));
            assert_eq!(queue.cancel(one), 0);
            assert!(queue.iter().eq(&requests[1..]), "what the other has requested remains");
        }
    }

    #[test]
    fn a_request_of_two_requesters_is_queued_once_and_kept_for_the_other() {
        let (one, two) = (RequesterId(1), RequesterId(2));
        let mut queue = RequestQueue::default();
        for (who, name) in [(one, "a"), (one, "b"), (two, "a"), (one, "a"), (two, "c")] {
            queue.push(who, now(name));
        }
        assert!(queue.iter().eq(&[now("a"), now("b"), now("c")]));
        assert_eq!(queue.cancel(one), 1);
        assert!(queue.iter().eq(&[now("a"), now("c")]));
        queue.drop_first(1);
        queue.push(one, now("a"));
        assert!(queue.iter().eq(&[now("c"), now("a")]));
        assert_eq!((queue.cancel(two), queue.iter().count()), (1, 1));
    }

    #[test]
    fn requests_are_new_until_a_call_was_made_for_one_of_them() {
        let (one, two) = (RequesterId(1), RequesterId(2));
        let mut queue = RequestQueue::default();
        assert!(queue.is_empty() && !queue.is_new());
        queue.push(one, now("a"));
        queue.tried(false);
        assert!(!queue.is_empty() && queue.is_new());
        queue.tried(true);
        assert!(!queue.is_new());
        queue.tried(false);
        assert!(!queue.is_new(), "it does not become new again");
        queue.push(two, now("a"));
        assert!(!queue.is_new(), "the same request of another");
        queue.push(two, now("b"));
        assert!(queue.is_new());
        queue.clear();
        assert!(queue.is_empty() && !queue.is_new());
        assert_eq!((queue.iter().count(), queue.cancel(one)), (0, 0));
    }
}
