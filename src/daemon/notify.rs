//! What systemd is told.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::Notify;
use tracing::debug;

use crate::printable::Printable;

/// Tells the service manager how things stand; does nothing where there is none.
#[derive(Clone, Debug)]
pub struct Notifier {
    watchdog: Option<Duration>,
    change: Arc<Notify>,
}

impl Notifier {
    /// Finds out what the service manager wants to hear.
    pub fn from_env() -> Notifier {
        Notifier { watchdog: sd_notify::watchdog_enabled(), ..Notifier::silent() }
    }

    /// Nobody is told anything: for runs that are no service.
    pub fn silent() -> Notifier {
        Notifier { watchdog: None, change: Arc::default() }
    }

    /// Whether there is a service manager to tell.
    pub fn is_heard(&self) -> bool {
        std::env::var_os("NOTIFY_SOCKET").is_some()
    }

    /// The service is up, or has reloaded.
    pub fn ready(&self, status: &str) {
        send(&[NotifyState::Ready, NotifyState::Status(&Printable(status).to_string())]);
        self.changed();
    }

    /// A reload begins.
    pub fn reloading(&self) {
        // systemd matches the time with its own to know which reload is meant.
        match NotifyState::monotonic_usec_now() {
            Ok(time) => send(&[NotifyState::Reloading, time]),
            Err(error) => debug!("no monotonic time for systemd: {error}"),
        }
    }

    /// The service ends, and may take so long.
    pub fn stopping(&self, longest: Duration) {
        let longest = u32::try_from(longest.as_micros()).unwrap_or(u32::MAX);
        send(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(longest)]);
    }

    /// The engine is well: it has made a turn, or says in an orderly way why it cannot.
    pub fn alive(&self) {
        if self.watchdog.is_some() {
            send(&[NotifyState::Watchdog]);
        }
    }

    /// How long the engine may be silent; a third of what the watchdog waits, so that a busy
    /// machine is not taken for a hung engine. `None` where nobody watches.
    pub fn longest_silence(&self) -> Option<Duration> {
        self.watchdog.map(|watchdog| watchdog / 3)
    }

    /// One line on how things stand.
    pub fn status(&self, status: &str) {
        // A line's end would begin another message.
        send(&[NotifyState::Status(&Printable(status).to_string())]);
    }

    /// Something has happened that the line on how things stand may tell.
    pub fn changed(&self) {
        self.change.notify_one();
    }

    /// Waits for the next [`Notifier::changed`], or returns at once where one was missed.
    pub async fn change(&self) {
        self.change.notified().await;
    }
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        debug!("systemd was not told: {error}");
    }
}
