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
pub use handle::{Answers, Handle, Lookups, Refreshes};
pub use notice::{Notice, Observer};
pub use progress::{Lookup, Progress};
pub use worker::Work;

/// A running engine.
#[derive(Debug)]
pub struct Runner {
    handle: Handle,
    ended: oneshot::Receiver<Result<(), RunnerError>>,
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
