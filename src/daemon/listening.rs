//! Keeps `[http]` listening. A problem with this auxiliary port does not stop refreshes: if the
//! address is in use, or does not belong to this machine yet (a VPN), listening is retried.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::daemon::http::{self, Served};

/// The first pause between two attempts, which then doubles, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Listens on `address` and serves it until the daemon ends.
pub async fn keep(address: SocketAddr, served: Served) {
    let mut pause = FIRST_PAUSE;
    let mut last_logged = None;
    let listener = loop {
        match TcpListener::bind(address).await {
            Ok(listener) => break listener,
            Err(error) => {
                let why = format!("cannot listen on {address}: {error}");
                // Logged once, and again whenever the reason changes.
                if last_logged.as_ref() != Some(&why) {
                    warn!("{why}; retrying, while refreshes continue");
                    served.metrics.not_listening(Some(&why));
                    last_logged = Some(why);
                }
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    };
    served.metrics.not_listening(None);
    // If port 0 is configured, the system chooses one.
    let bound = listener.local_addr().unwrap_or(address);
    info!("listening on {bound}{}", if last_logged.is_some() { " now" } else { "" });
    http::serve(listener, served).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::metrics::Metrics;

    /// Waits until `condition` holds for `metrics`, while the task under test runs.
    async fn until(metrics: &Metrics, condition: impl Fn(&Option<String>) -> bool) {
        while !condition(&metrics.why_not_listening()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_port_in_use_is_listened_on_once_it_is_free() {
        let other = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
        let address = other.local_addr().expect("an address");
        let metrics = Metrics::default();
        let (_budget, budget) = tokio::sync::watch::channel(None);
        let served = Served { metrics: metrics.clone(), database: "none".into(), budget };
        let kept = tokio::spawn(keep(address, served));
        until(&metrics, |why| why.as_ref().is_some_and(|why| why.contains("in use"))).await;
        drop(other);
        until(&metrics, Option::is_none).await;
        tokio::net::TcpStream::connect(address).await.expect("a connection");
        kept.abort();
    }
}
