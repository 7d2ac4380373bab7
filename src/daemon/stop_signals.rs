//! The signals that ask growthd to stop.

use std::io;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::clock;

/// The exit status of a process that was asked to stop twice: 128 and SIGINT, as shells report it.
pub const EXIT_AT_ONCE: i32 = 130;

/// Signals within this time count as one request. `timeout`, for one, signals a process and then
/// its group, so that the process gets two signals. The second would otherwise end it during its
/// paid calls.
const REQUEST_WINDOW: Duration = Duration::from_millis(50);

/// SIGTERM and SIGINT, which no longer end the process by themselves.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    /// When the last request began, while signals may still belong to it.
    began: Option<Instant>,
}

impl StopSignals {
    /// Installs the signal handlers. Also lets signals that mean nothing here, such as those that
    /// make other programs reopen their logs, end no process amid its paid calls.
    pub fn new() -> io::Result<StopSignals> {
        for kind in [SignalKind::user_defined1(), SignalKind::user_defined2(), SignalKind::alarm()]
        {
            // The handler stays installed after its receiver is dropped.
            drop(signal(kind)?);
        }
        Ok(StopSignals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            began: None,
        })
    }

    /// Waits for the next request to stop. Returns at its first signal, so that nothing more is
    /// begun. Cancel safe.
    pub async fn recv(&mut self) {
        self.rest().await;
        self.signal().await;
        self.began = Some(clock::monotonic());
    }

    /// Waits for the other signals that belong to the last request, if there was one. Cancel safe.
    pub async fn rest(&mut self) {
        let Some(began) = self.began else { return };
        loop {
            let passed = clock::monotonic().duration_since(began);
            tokio::select! {
                biased;
                () = self.signal() => {}
                () = tokio::time::sleep(REQUEST_WINDOW.saturating_sub(passed)) => break,
            }
        }
        self.began = None;
    }

    async fn signal(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
