//! Who asked for what, and hears of it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::account::{AccountId, Handle as AccountHandle};
use crate::engine::{Engine, Event, RequesterId};
use crate::runner::progress::{Lookup, Progress};
use crate::runner::{Handle, Input};

/// Where an answer goes. What it takes in memory is bounded by what was asked for.
pub(super) type Reply<T> = UnboundedSender<T>;

/// What comes of a request, step by step. Dropped, it is cancelled: no further call starts for it.
#[derive(Debug)]
pub struct Answers<T> {
    steps: UnboundedReceiver<T>,
    requester: RequesterId,
    handle: Handle,
    is_detached: bool,
}

/// What comes of refreshes.
pub type Refreshes = Answers<Progress>;

/// What comes of lookups.
pub type Lookups = Answers<Lookup>;

impl<T> Answers<T> {
    pub(super) fn ask(
        handle: &Handle,
        input: impl FnOnce(RequesterId, Reply<T>) -> Input,
    ) -> Answers<T> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let requester = RequesterId(NEXT.fetch_add(1, Ordering::Relaxed));
        let (reply, steps) = unbounded_channel();
        handle.send(input(requester, reply));
        Answers { steps, requester, handle: handle.clone(), is_detached: false }
    }

    /// The next step; `None` when all is done, or the engine has ended.
    pub async fn next(&mut self) -> Option<T> {
        self.steps.recv().await
    }

    /// Ends what was asked for: no further call starts. What is on its way is still told.
    pub fn cancel(&self) {
        self.handle.send(Input::Cancel(self.requester));
    }

    /// Hears no more; what was asked for is done all the same.
    pub fn detach(mut self) {
        self.is_detached = true;
    }
}

impl<T> Drop for Answers<T> {
    fn drop(&mut self) {
        if !self.is_detached {
            self.cancel();
        }
    }
}

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
