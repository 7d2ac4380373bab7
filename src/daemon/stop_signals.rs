//! What asks growthd to end.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a process that was told to end twice exits with: 128 and SIGINT, as shells say it.
pub const EXIT_AT_ONCE: i32 = 130;

/// SIGTERM and SIGINT, which no longer end the process by themselves.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Takes both over.
    ///
    /// # Errors
    /// What the system says.
    pub fn new() -> io::Result<StopSignals> {
        Ok(StopSignals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next of either.
    pub async fn recv(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
