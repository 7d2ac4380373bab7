//! A running engine: its thread and the calls it makes, as one value.
//!
//! The engine is synchronous and waits for the disk, so it runs on its own thread, and all input
//! reaches it through one channel. The calls run on the async runtime and send their responses to
//! that channel. Nothing else is shared. `run`, `refresh`, `add` and `demo` all start and end a
//! [`Runner`]; what they log, count or display comes from one callback.
//!
//! # A reload
//! The client and the engine's configuration are replaced together between two turns, and each
//! turn's claims are handed out together with that turn's client. So no call is sent with a key or
//! to a host that was replaced before the call was claimed.

mod calls;
mod error;
mod handle;
mod notice;
mod progress;
mod subscribers;
mod worker;

use std::sync::mpsc::channel;
use std::thread;

use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::oneshot;

use crate::api::Client;
use crate::clock::Clock;
use crate::engine::Engine;

use worker::Worker;

pub use error::RunnerError;
pub use handle::{Handle, Lookups, Refreshes, Steps};
pub use notice::{Notice, Observer};
pub use progress::{Lookup, Progress};
pub use worker::Work;

#[derive(Debug)]
pub struct Runner {
    handle: Handle,
    ended: oneshot::Receiver<Result<(), RunnerError>>,
}

impl Runner {
    /// Starts an engine on the current runtime, which must outlive it.
    ///
    /// # Errors
    /// Returns [`RunnerError::Thread`] if the thread cannot be started.
    pub fn start(
        engine: Engine,
        client: Client,
        work: Work,
        clock: Clock,
        observer: Observer,
    ) -> Result<Runner, RunnerError> {
        Runner::prepare(engine, client, work, clock, observer).start()
    }

    /// Prepares an engine to be started later. A one-shot run ends when it has nothing to do, so
    /// its requests are sent to the handle before it starts.
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

    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Waits until the engine has ended.
    ///
    /// # Errors
    /// Returns [`RunnerError::Store`] if completed calls could not be recorded.
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
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Starts the engine.
    ///
    /// # Errors
    /// Returns [`RunnerError::Thread`] if the thread cannot be started.
    pub fn start(self) -> Result<Runner, RunnerError> {
        let (ends, ended) = oneshot::channel();
        let worker = self.worker;
        thread::Builder::new()
            .name("engine".to_owned())
            // The receiver may have been dropped.
            .spawn(move || ends.send(worker.run()).ok())
            .map_err(RunnerError::Thread)?;
        Ok(Runner { handle: self.handle, ended })
    }
}
