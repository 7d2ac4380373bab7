//! The signals of a verb that spends.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::commands::{CommandError, STDERR_TIMEOUT};
use crate::daemon::{EXIT_AT_ONCE, RunError, StopSignals};

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
