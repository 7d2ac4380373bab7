//! Checks whether the vendor's host can be reached. Sends no key and buys nothing.

use std::error::Error;
use std::io;
use std::time::Duration;

use reqwest::header::HeaderMap;

use crate::api::call_result::vendor_time;
use crate::api::transport::{TransportError, innermost, transport};
use crate::clock::Time;
use crate::config::Api;

/// The longest that a user should have to wait for the result.
const PATIENCE: Duration = Duration::from_secs(15);

/// The host's response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reached {
    /// The HTTP status, which may well be 404.
    pub status: u16,
    /// The time on the host's clock, if it sent one.
    pub time: Option<Time>,
}

/// Why the host could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum Unreached {
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error("its name cannot be resolved: {0}; check [api] base_url, the proxy and the resolver")]
    Name(String),
    #[error("cannot connect: {0}; check [api] base_url, the proxy and the firewall")]
    Connection(String),
    #[error(
        "TLS failed: {0}; if the network has a certificate authority of its own, name a file \
         with its certificate in SSL_CERT_FILE"
    )]
    Tls(String),
    #[error("no response: {0}; check [api] base_url and the proxy")]
    Response(String),
}

/// Sends a HEAD request to the host of `api`, through its proxy.
///
/// # Errors
/// Returns [`Unreached`] for the first step that fails: name lookup, connection, TLS or response.
pub async fn reach(api: &Api) -> Result<Reached, Unreached> {
    let http = transport(api, HeaderMap::new())?;
    let request = http.head(api.base_url.clone()).timeout(api.timeout.min(PATIENCE));
    let response = request.send().await.map_err(|error| {
        let message = innermost(&error);
        if error.is_dns() {
            Unreached::Name(message)
        } else if is_tls(&error) {
            Unreached::Tls(message)
        } else if error.is_connect() {
            Unreached::Connection(message)
        } else {
            Unreached::Response(message)
        }
    })?;
    let status = response.status().as_u16();
    Ok(Reached { status, time: vendor_time(response.headers()) })
}

fn is_tls(error: &reqwest::Error) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if error.is::<rustls::Error>() {
            return true;
        }
        // The error that an I/O error wraps is not its `source()`.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    false
}
