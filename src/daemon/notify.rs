//! What systemd is told.

use sd_notify::NotifyState;
use tracing::debug;

/// Tells the service manager how things stand; does nothing where there is none.
#[derive(Clone, Copy, Debug)]
pub struct Notifier {
    has_watchdog: bool,
}

impl Notifier {
    /// Finds out what the service manager wants to hear.
    pub fn from_env() -> Notifier {
        Notifier { has_watchdog: sd_notify::watchdog_enabled().is_some() }
    }

    /// Nobody is told anything: for runs that are no service.
    pub fn silent() -> Notifier {
        Notifier { has_watchdog: false }
    }

    /// The service is up, or has reloaded.
    pub fn ready(self, status: &str) {
        send(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// A reload begins.
    pub fn reloading(self) {
        // systemd matches the time with its own to know which reload is meant.
        match NotifyState::monotonic_usec_now() {
            Ok(time) => send(&[NotifyState::Reloading, time]),
            Err(error) => debug!("no monotonic time for systemd: {error}"),
        }
    }

    /// The service ends.
    pub fn stopping(self) {
        send(&[NotifyState::Stopping]);
    }

    /// The engine has made a turn.
    pub fn alive(self) {
        if self.has_watchdog {
            send(&[NotifyState::Watchdog]);
        }
    }

    /// The store fails, or no longer does.
    pub fn trouble(self, said: Option<&str>) {
        match said {
            Some(said) => send(&[NotifyState::Status(&format!("cannot record: {said}"))]),
            None => send(&[NotifyState::Status("refreshing again")]),
        }
    }
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        debug!("systemd was not told: {error}");
    }
}
