//! What asks growthd to end.

use std::io;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::clock;

/// What a process that was told to end twice exits with: 128 and SIGINT, as shells say it.
pub const EXIT_AT_ONCE: i32 = 130;

/// Signals within this time are one request. `timeout` and whoever else signals a process and then
/// its group sends each process two, and the second would end it amid its paid calls.
const ONE_REQUEST: Duration = Duration::from_millis(50);

/// SIGTERM and SIGINT, which no longer end the process by themselves.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    /// When the request came that is not answered yet.
    came: Option<Instant>,
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
            came: None,
        })
    }

    /// Waits for the next request to end, and for what belongs to it. Nothing is lost where this
    /// is dropped meanwhile.
    pub async fn recv(&mut self) {
        let came = match self.came {
            Some(came) => came,
            None => {
                self.signal().await;
                *self.came.insert(clock::monotonic())
            }
        };
        while let Some(left) = ONE_REQUEST.checked_sub(clock::monotonic().duration_since(came)) {
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                () = self.signal() => {}
            }
        }
        self.came = None;
    }

    async fn signal(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
