//! The handle to a running engine, and the progress of requests sent through it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::api::Client;
use crate::clock;
use crate::engine::{Changes, CompletedCall, EngineConfig, RequesterId, Selection};
use crate::runner::progress::{Lookup, Progress};
use crate::store::{AccountLookup, StoreError, WatchlistDiff};

/// A message to the engine's thread.
#[derive(Debug)]
pub(super) enum Input {
    /// A call completed, after this duration.
    Completed(Box<CompletedCall>, Duration),
    /// Something may be due.
    Wake,
    /// Checkpoint the WAL.
    Checkpoint,
    /// Replace the watchlist, the configuration and the client.
    Reconfigure(Box<Reconfiguration>),
    /// Refresh accounts, and report the progress.
    Refresh(RequesterId, Selection, Reply<Progress>),
    /// Look up accounts by name, and report the results.
    LookUp(RequesterId, Vec<AccountLookup>, Reply<Lookup>),
    /// Cancel what the requester asked for.
    Cancel(RequesterId),
    /// Start no more calls, and end when none is in flight. Requested at this time.
    Stop(Instant),
}

#[derive(Debug)]
pub(super) struct Reconfiguration {
    pub(super) diff: WatchlistDiff,
    pub(super) config: EngineConfig,
    pub(super) client: Client,
    pub(super) reply: oneshot::Sender<Result<Changes, StoreError>>,
}

/// A handle to a running engine. Cheap to clone. Once the engine has ended, requests have no
/// effect.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) inbox: Sender<Input>,
}

impl Handle {
    /// Makes the engine check whether anything is due.
    pub fn wake(&self) {
        self.send(Input::Wake);
    }

    /// Checkpoints the WAL.
    pub fn checkpoint(&self) {
        self.send(Input::Checkpoint);
    }

    /// Makes the engine start no more calls, and end when none is in flight.
    pub fn stop(&self) {
        self.send(Input::Stop(clock::monotonic()));
    }

    /// Replaces the watchlist, the configuration and the client in one step. Returns `None` if the
    /// engine has ended.
    ///
    /// # Errors
    /// Returns the store's error; nothing was changed then.
    pub async fn reconfigure(
        &self,
        diff: WatchlistDiff,
        config: EngineConfig,
        client: Client,
    ) -> Option<Result<Changes, StoreError>> {
        let (reply, answered) = oneshot::channel();
        self.send(Input::Reconfigure(Box::new(Reconfiguration { diff, config, client, reply })));
        answered.await.ok()
    }

    /// Requests refreshes. Dropping the result cancels those that are not yet claimed.
    pub fn refresh(&self, selection: Selection) -> Refreshes {
        Refreshes::send(self, |requester, reply| Input::Refresh(requester, selection, reply))
    }

    /// Requests lookups by name. Dropping the result cancels those that are not yet claimed.
    pub fn look_up(&self, lookups: Vec<AccountLookup>) -> Lookups {
        Lookups::send(self, |requester, reply| Input::LookUp(requester, lookups, reply))
    }

    pub(super) fn send(&self, input: Input) {
        // If the thread has ended, there is nothing left to do.
        self.inbox.send(input).ok();
    }
}

/// The sender for a request's progress. Its queue is bounded by the size of the request.
pub(super) type Reply<T> = UnboundedSender<T>;

/// The progress of a request. Dropping it cancels the request: no further call starts for it.
#[derive(Debug)]
pub struct Steps<T> {
    steps: UnboundedReceiver<T>,
    requester: RequesterId,
    handle: Handle,
    is_detached: bool,
}

pub type Refreshes = Steps<Progress>;

pub type Lookups = Steps<Lookup>;

impl<T> Steps<T> {
    fn send(handle: &Handle, input: impl FnOnce(RequesterId, Reply<T>) -> Input) -> Steps<T> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let requester = RequesterId(NEXT.fetch_add(1, Ordering::Relaxed));
        let (reply, steps) = unbounded_channel();
        handle.send(input(requester, reply));
        Steps { steps, requester, handle: handle.clone(), is_detached: false }
    }

    /// Returns the next step; `None` when the request is complete or the engine has ended.
    pub async fn next(&mut self) -> Option<T> {
        self.steps.recv().await
    }

    /// Cancels the request: no further call starts. Calls in flight are still reported.
    pub fn cancel(&self) {
        self.handle.send(Input::Cancel(self.requester));
    }

    /// Stops following the request without cancelling it.
    pub fn detach(mut self) {
        self.is_detached = true;
    }
}

impl<T> Drop for Steps<T> {
    fn drop(&mut self) {
        if !self.is_detached {
            self.cancel();
        }
    }
}
