//! Whether the vendor's host can be reached. No key is sent, and nothing is bought.

use std::error::Error;
use std::io;
use std::time::Duration;

use reqwest::header::HeaderMap;

use crate::api::answer::vendor_time;
use crate::api::transport::{TransportError, innermost, transport};
use crate::clock::Time;
use crate::config::Api;

/// How long a person waits for it.
const PATIENCE: Duration = Duration::from_secs(15);

/// The host answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reached {
    /// With this HTTP status, which may well be 404.
    pub status: u16,
    /// What its clock said, if it told.
    pub time: Option<Time>,
}

/// How far it got.
#[derive(Debug, thiserror::Error)]
pub enum Unreached {
    /// Nothing can be sent.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// There is no address for the name.
    #[error("its name cannot be resolved: {0}; check [api] base_url, the proxy and the resolver")]
    Name(String),
    /// There is no connection.
    #[error("cannot connect: {0}; check [api] base_url, the proxy and the firewall")]
    Connection(String),
    /// There is no TLS.
    #[error(
        "TLS failed: {0}; if the network has a certificate authority of its own, name a file \
         with its certificate in SSL_CERT_FILE"
    )]
    Tls(String),
    /// There is no answer.
    #[error("no answer: {0}; check [api] base_url and the proxy")]
    Answer(String),
}

/// Asks the host of `api`, through its proxy, for the head of a page.
///
/// # Errors
/// The first of name, connection, TLS and answer that is not there.
pub async fn reach(api: &Api) -> Result<Reached, Unreached> {
    let http = transport(api, HeaderMap::new())?;
    let request = http.head(api.base_url.clone()).timeout(api.timeout.min(PATIENCE));
    let response = request.send().await.map_err(|error| {
        let told = innermost(&error);
        match () {
            () if error.is_dns() => Unreached::Name(told),
            () if is_tls(&error) => Unreached::Tls(told),
            () if error.is_connect() => Unreached::Connection(told),
            () => Unreached::Answer(told),
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
        // What an I/O error wraps is not its source, but has one.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    false
}
