//! Notifications to systemd.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::Notify;
use tracing::debug;

use crate::printable::Printable;

/// Notifies the service manager; does nothing if there is none.
#[derive(Clone, Debug)]
pub struct Notifier {
    watchdog: Option<Duration>,
    change: Arc<Notify>,
}

impl Notifier {
    /// Reads the service manager's requirements from the environment.
    pub fn from_env() -> Notifier {
        Notifier { watchdog: sd_notify::watchdog_enabled(), ..Notifier::silent() }
    }

    /// Creates a notifier without a watchdog, for runs that are not a service.
    pub fn silent() -> Notifier {
        Notifier { watchdog: None, change: Arc::default() }
    }

    /// Returns whether there is a service manager.
    pub fn has_manager(&self) -> bool {
        std::env::var_os("NOTIFY_SOCKET").is_some()
    }

    /// Reports that the service is up, or has reloaded.
    pub fn ready(&self, status: &str) {
        send(&[NotifyState::Ready, NotifyState::Status(&Printable(status).to_string())]);
        self.changed();
    }

    /// Reports that a reload has begun.
    pub fn reloading(&self) {
        // systemd compares this time with its own, to know which reload request it belongs to.
        match NotifyState::monotonic_usec_now() {
            Ok(time) => send(&[NotifyState::Reloading, time]),
            Err(error) => debug!("no monotonic time for systemd: {error}"),
        }
    }

    /// Reports that the service is stopping, which may take up to `longest`.
    pub fn stopping(&self, longest: Duration) {
        let longest = u32::try_from(longest.as_micros()).unwrap_or(u32::MAX);
        send(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(longest)]);
    }

    /// Feeds the watchdog. Called when the engine has completed a turn or has reported why it
    /// cannot.
    pub fn alive(&self) {
        if self.watchdog.is_some() {
            send(&[NotifyState::Watchdog]);
        }
    }

    /// Returns how long the engine may go without a turn; `None` without a watchdog. It is a third
    /// of the watchdog's timeout, so that a busy machine is not mistaken for a hung engine.
    pub fn longest_silence(&self) -> Option<Duration> {
        self.watchdog.map(|watchdog| watchdog / 3)
    }

    /// Sets the status line.
    pub fn status(&self, status: &str) {
        // A newline would begin another message.
        send(&[NotifyState::Status(&Printable(status).to_string())]);
    }

    /// Signals that the status line may have to change.
    pub fn changed(&self) {
        self.change.notify_one();
    }

    /// Waits for the next [`Notifier::changed`]. Returns immediately if one was missed.
    pub async fn change(&self) {
        self.change.notified().await;
    }
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        debug!("systemd was not notified: {error}");
    }
}
