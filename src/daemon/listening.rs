//! Keeps `[http]` listening. An auxiliary port stops no refreshing: an address that is taken, or
//! not this machine's yet (a VPN), is tried again until it can be had.

use std::net::SocketAddr;
use std::time::Duration;

use tracing::{info, warn};

use crate::daemon::http::{self, Served};

/// The pauses between two tries: from the first, doubling, to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Listens on `address` and answers, as long as the daemon runs.
pub async fn keep(address: SocketAddr, served: Served) {
    let mut pause = FIRST_PAUSE;
    let mut told = None;
    let listener = loop {
        match http::listen(address).await {
            Ok(listener) => break listener,
            Err(error) => {
                let why = format!("cannot listen on {address}: {error}");
                // Said once, and again when it is for another reason.
                if told.as_ref() != Some(&why) {
                    warn!("{why}; trying again, while refreshing goes on");
                    served.metrics.not_listening(Some(&why));
                    told = Some(why);
                }
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    };
    served.metrics.not_listening(None);
    if told.is_some() {
        info!("listening on {address} now");
    }
    http::serve(listener, served).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::metrics::Metrics;

    /// Waits until `metrics` has `condition`; the task under test runs meanwhile.
    async fn until(metrics: &Metrics, condition: impl Fn(&Option<String>) -> bool) {
        while !condition(&metrics.why_not_listening()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_taken_port_is_had_once_it_is_free() {
        let other = http::listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
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
