//! A running engine: its thread, and the calls it makes, as one value.
//!
//! The engine is synchronous and waits for the disk; so it lives on a thread of its own, and
//! everything reaches it through one inbox. The calls live on the async runtime; each puts its
//! answer into the inbox. Nothing else is shared. `run`, `refresh`, `add` and `demo` start and end
//! the same [`Runner`]; what they log, count or show, they learn from one callback.
//!
//! # A reload
//! The client that makes the calls goes with the engine's configuration: both are replaced between
//! two turns, and each turn's claims are handed out together with the client of that turn. So no
//! call leaves with a key, or for a host, that was replaced before it was claimed.

mod calls;
mod progress;
mod subscribers;
mod worker;

use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::oneshot;

use crate::api::Client;
use crate::clock::{Clock, Now};
use crate::engine::{Changes, Engine, EngineConfig, Event, RequesterId, Selection};
use crate::store::{AccountLookup, StoreError, WatchlistDiff};

use subscribers::Reply;
use worker::Worker;

pub use progress::{Lookup, Progress};
pub use subscribers::{Answers, Lookups, Refreshes};

/// For how long a runner works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// Until it is told to stop.
    Daemon,
    /// Until nothing is left that can be done soon.
    OneShot,
}

/// What a runner tells whoever started it, on its own thread: it waits for the answer.
#[derive(Debug)]
pub enum Notice<'a> {
    /// Something happened in a turn.
    Event(&'a Event),
    /// A turn was committed, with so many calls on their way.
    Turned {
        /// How many.
        in_flight: usize,
        /// When the next turn has something to do, unless a call comes back before.
        wake: Option<Now>,
    },
    /// The store failed; nothing is refreshed until it can commit.
    StoreFailed {
        /// What it says.
        error: &'a StoreError,
        /// Whether it says so for the first time.
        is_new: bool,
    },
    /// The store can commit again, after so long.
    StoreRecovered(Duration),
    /// The machine slept.
    Slept,
    /// Another database took the file's place, and may need its watchlist.
    Replaced,
    /// The journal could not be brought into the database.
    NotCheckpointed(&'a StoreError),
    /// A reader keeps the journal from being brought into the database: it has so many bytes.
    JournalHeld(u64),
    /// A call came back after so long.
    Took(Duration),
}

/// What a runner tells, and to whom.
pub type Observer = Box<dyn FnMut(Notice<'_>) + Send>;

/// Why a runner ended without being done.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// What came back could not be recorded.
    #[error("{0} (calls in flight: {1}; the next start marks them unknown)")]
    Store(#[source] StoreError, usize),
    /// The thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
    /// The thread ended of itself.
    #[error("the engine's thread ended")]
    Ended,
}

/// What reaches the engine's thread.
#[derive(Debug)]
enum Input {
    /// A call came back.
    Completed(Box<crate::engine::CompletedCall>, Duration),
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
struct Reconfiguration {
    diff: WatchlistDiff,
    config: EngineConfig,
    client: Client,
    reply: oneshot::Sender<Result<Changes, StoreError>>,
}

/// A running engine.
#[derive(Debug)]
pub struct Runner {
    handle: Handle,
    ended: oneshot::Receiver<Result<(), RunnerError>>,
}

/// How to reach a running engine. Cheap to clone. Where the engine has ended, what is asked of it
/// comes to nothing.
#[derive(Clone, Debug)]
pub struct Handle {
    inbox: Sender<Input>,
}

impl Runner {
    /// Starts an engine, on a runtime that outlives it.
    ///
    /// # Errors
    /// [`RunnerError::Thread`].
    pub fn start(
        engine: Engine,
        client: Client,
        work: Work,
        clock: Clock,
        observer: Observer,
    ) -> Result<Runner, RunnerError> {
        Runner::prepare(engine, client, work, clock, observer).start()
    }

    /// The same in two steps, for a run that ends when it has nothing to do: what is asked of the
    /// handle before the start is done.
    pub fn prepare(
        engine: Engine,
        client: Client,
        work: Work,
        clock: Clock,
        observer: Observer,
    ) -> Prepared {
        let (inbox, received) = channel();
        let (claims, claimed) = unbounded_channel();
        let handle = Handle { inbox };
        tokio::spawn(calls::make_calls(claimed, handle.clone(), clock.clone()));
        let worker = Worker::new(engine, client, received, claims, work, clock, observer);
        Prepared { handle, worker }
    }

    /// How to reach it.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// What it could not record.
    pub async fn ended(&mut self) -> Result<(), RunnerError> {
        match (&mut self.ended).await {
            Ok(result) => result,
            Err(_) => Err(RunnerError::Ended),
        }
    }
}

/// An engine that has not started yet.
#[derive(Debug)]
pub struct Prepared {
    handle: Handle,
    worker: Worker,
}

impl Prepared {
    /// How to reach it.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Starts it.
    ///
    /// # Errors
    /// [`RunnerError::Thread`].
    pub fn start(self) -> Result<Runner, RunnerError> {
        let (ends, ended) = oneshot::channel();
        let worker = self.worker;
        thread::Builder::new()
            .name("engine".to_owned())
            // Whoever waited may have gone.
            .spawn(move || ends.send(worker.run()).ok())
            .map_err(RunnerError::Thread)?;
        Ok(Runner { handle: self.handle, ended })
    }
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

    fn send(&self, input: Input) {
        // Where the thread has ended there is nobody to tell, and nothing to do.
        self.inbox.send(input).ok();
    }
}
