//! How to reach a running engine, and what comes of what is asked of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::api::Client;
use crate::engine::{Changes, CompletedCall, EngineConfig, RequesterId, Selection};
use crate::runner::progress::{Lookup, Progress};
use crate::store::{AccountLookup, StoreError, WatchlistDiff};

/// What reaches the engine's thread.
#[derive(Debug)]
pub(super) enum Input {
    /// A call came back.
    Completed(Box<CompletedCall>, Duration),
    /// It may be time.
    Wake,
    /// The journal may be brought into the database.
    Checkpoint,
    /// What is new in the watchlist and the configuration, with the client for it.
    Reconfigure(Box<Reconfiguration>),
    /// Somebody wants accounts refreshed, and to hear of it.
    Refresh(RequesterId, Selection, Reply<Progress>),
    /// Somebody wants accounts looked up by name, and to hear of it.
    LookUp(RequesterId, Vec<AccountLookup>, Reply<Lookup>),
    /// Somebody no longer wants what they asked for.
    Cancel(RequesterId),
    /// Start nothing more, and end when nothing is on its way.
    Stop,
}

#[derive(Debug)]
pub(super) struct Reconfiguration {
    pub(super) diff: WatchlistDiff,
    pub(super) config: EngineConfig,
    pub(super) client: Client,
    pub(super) reply: oneshot::Sender<Result<Changes, StoreError>>,
}

/// How to reach a running engine. Cheap to clone. Where the engine has ended, what is asked of it
/// comes to nothing.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) inbox: Sender<Input>,
}

impl Handle {
    /// It may be time to look whether something is due.
    pub fn wake(&self) {
        self.send(Input::Wake);
    }

    /// Brings the journal into the database.
    pub fn checkpoint(&self) {
        self.send(Input::Checkpoint);
    }

    /// Starts nothing more, and ends when nothing is on its way.
    pub fn stop(&self) {
        self.send(Input::Stop);
    }

    /// Takes what is new in the watchlist and the configuration, and the client for it, in one
    /// step.
    ///
    /// # Errors
    /// The store's; then all is as it was. `None` where the engine has ended.
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

    /// Asks for refreshes. What is not claimed yet when the answer is dropped is not claimed.
    pub fn refresh(&self, selection: Selection) -> Refreshes {
        Refreshes::ask(self, |requester, reply| Input::Refresh(requester, selection, reply))
    }

    /// Asks for accounts by their names. As [`Handle::refresh`].
    pub fn look_up(&self, lookups: Vec<AccountLookup>) -> Lookups {
        Lookups::ask(self, |requester, reply| Input::LookUp(requester, lookups, reply))
    }

    pub(super) fn send(&self, input: Input) {
        // Where the thread has ended there is nobody to tell, and nothing to do.
        self.inbox.send(input).ok();
    }
}

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
    fn ask(handle: &Handle, input: impl FnOnce(RequesterId, Reply<T>) -> Input) -> Answers<T> {
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
