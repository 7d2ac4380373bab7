//! The requests in progress, and reporting their progress.

use std::collections::HashSet;

use crate::account::{AccountId, Handle as AccountHandle};
use crate::engine::{Engine, Event, Requested, RequesterId};
use crate::runner::handle::Reply;
use crate::runner::progress::{Lookup, Progress};

#[derive(Debug)]
struct RefreshWaiter {
    requester: RequesterId,
    pending: HashSet<AccountId>,
    reply: Reply<Progress>,
}

#[derive(Debug)]
struct LookupWaiter {
    requester: RequesterId,
    pending: Vec<AccountHandle>,
    reply: Reply<Lookup>,
}

/// All requests in progress.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    refreshes: Vec<RefreshWaiter>,
    lookups: Vec<LookupWaiter>,
}

impl Subscribers {
    pub(super) fn wait_for_refreshes(
        &mut self,
        requester: RequesterId,
        requested: Requested,
        reply: Reply<Progress>,
    ) {
        let Requested { known, unknown } = requested;
        // The requester may have gone; sending to it then fails, which is no error here or below.
        reply.send(Progress::Selected { accounts: known.len() + unknown.len() }).ok();
        if !unknown.is_empty() {
            reply.send(Progress::NotInWatchlist { account_ids: unknown }).ok();
        }
        let pending: HashSet<AccountId> = known.into_iter().collect();
        if !pending.is_empty() {
            self.refreshes.push(RefreshWaiter { requester, pending, reply });
        }
    }

    pub(super) fn wait_for_lookups(
        &mut self,
        requester: RequesterId,
        pending: Vec<AccountHandle>,
        reply: Reply<Lookup>,
    ) {
        self.lookups.push(LookupWaiter { requester, pending, reply });
    }

    /// Keeps only the requester's calls in flight, whose results are still reported.
    pub(super) fn cancel(&mut self, requester: RequesterId, engine: &Engine) {
        self.refreshes.retain_mut(|waiter| {
            if waiter.requester == requester {
                waiter.pending.retain(|id| engine.is_in_flight(id));
            }
            !waiter.pending.is_empty()
        });
        self.lookups.retain_mut(|waiter| {
            if waiter.requester == requester {
                waiter.pending.retain(|handle| engine.is_looking_up(handle));
            }
            !waiter.pending.is_empty()
        });
    }

    /// Declines whatever has no call in flight, and returns the requesters.
    pub(super) fn decline_all(&mut self, why: &str, engine: &Engine) -> Vec<RequesterId> {
        let mut requesters = Vec::new();
        for RefreshWaiter { requester, pending, reply } in &self.refreshes {
            requesters.push(*requester);
            for id in pending.iter().filter(|id| !engine.is_in_flight(id)) {
                let account_id = id.clone();
                reply.send(Progress::Declined { account_id, error: why.to_owned() }).ok();
            }
        }
        for LookupWaiter { requester, pending, reply } in &self.lookups {
            requesters.push(*requester);
            for handle in pending.iter().filter(|handle| !engine.is_looking_up(handle)) {
                let (handle, error) = (handle.clone(), why.to_owned());
                reply.send(Lookup::NotFound { handle, error, was_called: false }).ok();
            }
        }
        requesters
    }

    /// Reports an event to the requesters concerned.
    pub(super) fn report(&mut self, event: &Event) {
        if let Some((handle, lookup)) = Lookup::of(event) {
            self.lookups.retain_mut(|waiter| {
                let before = waiter.pending.len();
                waiter.pending.retain(|pending| pending != handle);
                if waiter.pending.len() < before {
                    waiter.reply.send(lookup.clone()).ok();
                }
                !waiter.pending.is_empty()
            });
        }
        let (id, is_final) = match event {
            Event::Settled { id, .. }
            | Event::Declined { id, .. }
            | Event::NotNeeded { id, .. } => (id, true),
            Event::Started { id, .. } => (id, false),
            _ => return,
        };
        if self.refreshes.is_empty() {
            return;
        }
        let Some(progress) = Progress::of(event) else { return };
        self.refreshes.retain_mut(|waiter| {
            let is_concerned = match is_final {
                true => waiter.pending.remove(id),
                false => waiter.pending.contains(id),
            };
            if is_concerned {
                waiter.reply.send(progress.clone()).ok();
            }
            !waiter.pending.is_empty()
        });
    }
}
