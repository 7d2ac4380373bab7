//! An engine in the verb's own process, for verbs that spend when no daemon runs.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::clock::{self, Clock};
use crate::commands::{CommandError, STDERR_TIMEOUT};
use crate::config::Config;
use crate::daemon::{EXIT_AT_ONCE, RunError, StopSignals, client};
use crate::descriptors;
use crate::engine::{ClaimMode, Engine, EngineConfig};
use crate::runner::{Prepared, Runner, Work};
use crate::store::{Creation, Store};

/// Takes the database's lock and prepares an engine that serves one request and ends.
pub fn prepare(config: &Config) -> Result<Prepared, CommandError> {
    descriptors::raise_limit();
    let (client, _) = client(config)?;
    let creation = if config.database.is_named { Creation::Allowed } else { Creation::Refused };
    let store = Store::open(&config.database.path, creation)?;
    let mut engine = Engine::new(store, EngineConfig::of(config), ClaimMode::Asked);
    engine.watch(&config.accounts, EngineConfig::of(config), clock::moment())?;
    let observer = Box::new(|_: crate::runner::Notice<'_>| {});
    Ok(Runner::prepare(engine, client, Work::OneShot, Clock::system(), observer))
}

/// The signals of a verb that spends.
pub struct Signals {
    stop: StopSignals,
    hangup: Signal,
    was_stopped: bool,
    was_hung_up: bool,
}

/// What a signal requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Requested {
    /// Start no further call.
    Stop,
    /// Stop printing: the terminal is gone.
    PrintNoMore,
}

impl Signals {
    /// Installs the handlers.
    pub fn new() -> Result<Signals, CommandError> {
        let failed = |error| RunError::Start(Box::new(error));
        let stop = StopSignals::new().map_err(failed)?;
        let hangup = signal(SignalKind::hangup()).map_err(failed)?;
        Ok(Signals { stop, hangup, was_stopped: false, was_hung_up: false })
    }

    /// Waits for the next signal. A second stop signal ends the process at once.
    pub async fn next(&mut self) -> Requested {
        tokio::select! {
            () = self.stop.recv() => {
                if self.was_stopped {
                    std::process::exit(EXIT_AT_ONCE);
                }
                self.was_stopped = true;
                Requested::Stop
            }
            _ = self.hangup.recv() => {
                self.was_hung_up = true;
                Requested::PrintNoMore
            }
        }
    }

    /// Waits as long as a slow reader of the output may delay the end, once every call is recorded:
    /// until the next signal, or for [`STDERR_TIMEOUT`] if there already was one.
    pub async fn enough(&mut self) {
        match self.was_stopped || self.was_hung_up {
            true => tokio::time::sleep(STDERR_TIMEOUT).await,
            false => drop(self.next().await),
        }
    }
}
