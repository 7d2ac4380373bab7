//! Who asked for what, and hears of it.

use std::collections::HashSet;

use crate::account::{AccountId, Handle as AccountHandle};
use crate::engine::{Engine, Event, RequesterId};
use crate::runner::handle::Reply;
use crate::runner::progress::{Lookup, Progress};

/// Who waits for refreshes.
#[derive(Debug)]
struct RefreshWaiter {
    requester: RequesterId,
    waits_for: HashSet<AccountId>,
    reply: Reply<Progress>,
}

/// Who waits for lookups.
#[derive(Debug)]
struct LookupWaiter {
    requester: RequesterId,
    waits_for: Vec<AccountHandle>,
    reply: Reply<Lookup>,
}

/// Everybody who waits for something.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    refreshes: Vec<RefreshWaiter>,
    lookups: Vec<LookupWaiter>,
}

impl Subscribers {
    pub(super) fn wait_for_refreshes(
        &mut self,
        requester: RequesterId,
        ids: Vec<AccountId>,
        reply: Reply<Progress>,
    ) {
        let waits_for: HashSet<AccountId> = ids.into_iter().collect();
        // Whoever asked may have gone; a send that fails is no error anywhere here.
        reply.send(Progress::Selected { accounts: waits_for.len() }).ok();
        if !waits_for.is_empty() {
            self.refreshes.push(RefreshWaiter { requester, waits_for, reply });
        }
    }

    pub(super) fn wait_for_lookups(
        &mut self,
        requester: RequesterId,
        waits_for: Vec<AccountHandle>,
        reply: Reply<Lookup>,
    ) {
        self.lookups.push(LookupWaiter { requester, waits_for, reply });
    }

    /// Who cancelled hears only of what is on its way.
    pub(super) fn cancel(&mut self, requester: RequesterId, engine: &Engine) {
        self.refreshes.retain_mut(|waiter| {
            if waiter.requester == requester {
                waiter.waits_for.retain(|id| engine.is_flying(id));
            }
            !waiter.waits_for.is_empty()
        });
        self.lookups.retain_mut(|waiter| {
            if waiter.requester == requester {
                waiter.waits_for.retain(|handle| engine.is_looking_up(handle));
            }
            !waiter.waits_for.is_empty()
        });
    }

    /// Tells whoever waits for what an event is about.
    pub(super) fn tell(&mut self, event: &Event) {
        if let Some((handle, lookup)) = Lookup::of(event) {
            self.lookups.retain_mut(|waiter| {
                let before = waiter.waits_for.len();
                waiter.waits_for.retain(|waits_for| waits_for != handle);
                if waiter.waits_for.len() < before {
                    waiter.reply.send(lookup.clone()).ok();
                }
                !waiter.waits_for.is_empty()
            });
        }
        let (id, is_last) = match event {
            Event::Settled { id, .. } | Event::Declined { id, .. } => (id, true),
            Event::Started { id, .. } => (id, false),
            _ => return,
        };
        if self.refreshes.is_empty() {
            return;
        }
        let Some(progress) = Progress::of(event) else { return };
        self.refreshes.retain_mut(|waiter| {
            let is_for = match is_last {
                true => waiter.waits_for.remove(id),
                false => waiter.waits_for.contains(id),
            };
            if is_for {
                waiter.reply.send(progress.clone()).ok();
            }
            !waiter.waits_for.is_empty()
        });
    }
}
