//! An engine of one's own, for a verb that spends where no daemon runs.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::clock::{self, Clock};
use crate::commands::{CommandError, LAST_WORDS};
use crate::config::Config;
use crate::daemon::{EXIT_AT_ONCE, RunError, StopSignals, client};
use crate::descriptors;
use crate::engine::{ClaimMode, Engine, EngineConfig};
use crate::runner::{Prepared, Runner, Work};
use crate::store::{Creation, Store};

/// Takes the lock, and makes an engine ready that does what it is asked for and ends.
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

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// Start no further call.
    Stop,
    /// Print no more: the terminal is gone.
    PrintNoMore,
}

impl Signals {
    /// Takes them over.
    pub fn new() -> Result<Signals, CommandError> {
        let failed = |error| RunError::Start(Box::new(error));
        let stop = StopSignals::new().map_err(failed)?;
        let hangup = signal(SignalKind::hangup()).map_err(failed)?;
        Ok(Signals { stop, hangup, was_stopped: false, was_hung_up: false })
    }

    /// Waits for the next. The second that asks to stop ends the process at once.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            () = self.stop.recv() => {
                if self.was_stopped {
                    std::process::exit(EXIT_AT_ONCE);
                }
                self.was_stopped = true;
                Asked::Stop
            }
            _ = self.hangup.recv() => {
                self.was_hung_up = true;
                Asked::PrintNoMore
            }
        }
    }

    /// How long whoever reads the output is waited for, once all is recorded: until a signal, or for
    /// a moment if one came before.
    pub async fn enough(&mut self) {
        match self.was_stopped || self.was_hung_up {
            true => tokio::time::sleep(LAST_WORDS).await,
            false => drop(self.next().await),
        }
    }
}
