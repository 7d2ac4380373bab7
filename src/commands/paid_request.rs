//! A request of a verb that spends: in the daemon if one runs on this database, else in an engine of
//! the verb's own process.

use std::io;

use crate::clock::{self, Clock};
use crate::commands::CommandError;
use crate::commands::output::Printer;
use crate::commands::signals::{Requested, Signals};
use crate::config::Config;
use crate::daemon::control::Remote;
use crate::daemon::{RunError, client};
use crate::descriptors;
use crate::engine::{ClaimMode, Engine, EngineConfig};
use crate::runner::{Handle, Notice, Prepared, Runner, Steps, Work};
use crate::store::{Creation, Store, is_in_use};

/// A request in progress, with steps of type `T`.
pub enum PaidRequest<T> {
    Remote(Remote<T>),
    Local(Steps<T>, Runner),
}

impl<T> PaidRequest<T> {
    /// Sends the request to the daemon with `remote`, or, if none runs, to an engine of this process
    /// with `local`, which creates a missing database if `creation` allows it.
    pub async fn send(
        config: &Config,
        remote: impl Future<Output = io::Result<Remote<T>>>,
        creation: Creation,
        local: impl FnOnce(&Handle) -> Steps<T>,
    ) -> Result<PaidRequest<T>, CommandError> {
        // If the request fails, the lock's holder may have ended or be unreachable: then opening the
        // database succeeds, or fails with the reason.
        if is_in_use(&config.settings.database.path)
            && let Ok(remote) = remote.await
        {
            return Ok(PaidRequest::Remote(remote));
        }
        let engine = prepare(config, creation)?;
        let steps = local(engine.handle());
        Ok(PaidRequest::Local(steps, engine.start().map_err(RunError::from)?))
    }

    /// Returns the next step; `None` when the request is complete. Meanwhile a signal to stop cancels
    /// the request, and a hangup closes `output`.
    pub async fn next(
        &mut self,
        signals: &mut Signals,
        output: &mut Printer,
    ) -> Result<Option<T>, CommandError> {
        loop {
            tokio::select! {
                step = self.step() => return step,
                requested = signals.next() => match requested {
                    Requested::Stop => self.cancel(),
                    Requested::PrintNoMore => output.close(),
                },
            }
        }
    }

    async fn step(&mut self) -> Result<Option<T>, CommandError> {
        match self {
            PaidRequest::Remote(steps) => Ok(steps.next().await.transpose()?),
            PaidRequest::Local(steps, _) => Ok(steps.next().await),
        }
    }

    /// Makes no further call start.
    fn cancel(&mut self) {
        match self {
            PaidRequest::Remote(steps) => steps.cancel(),
            PaidRequest::Local(steps, runner) => {
                steps.cancel();
                runner.handle().stop();
            }
        }
    }

    /// Waits until the calls in flight are recorded.
    pub async fn end(self, signals: &mut Signals) -> Result<(), CommandError> {
        let PaidRequest::Local(steps, mut runner) = self else { return Ok(()) };
        drop(steps);
        loop {
            tokio::select! {
                ended = runner.ended() => return Ok(ended.map_err(RunError::from)?),
                _ = signals.next() => {}
            }
        }
    }
}

/// Takes the database's lock and prepares an engine that serves one request and ends.
fn prepare(config: &Config, creation: Creation) -> Result<Prepared, CommandError> {
    descriptors::raise_limit();
    let (client, _) = client(&config.settings)?;
    let store = Store::open(&config.settings.database.path, creation)?;
    let mut engine = Engine::new(store, EngineConfig::of(&config.settings), ClaimMode::Requested);
    engine.watch(&config.accounts, EngineConfig::of(&config.settings), clock::moment())?;
    let observer = Box::new(|_: Notice<'_>| {});
    Ok(Runner::prepare(engine, client, Work::OneShot, Clock::system(), observer))
}
