//! Connections to the vendor: TLS, the proxy, timeouts. Does not know the key.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::HeaderMap;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::config::Api;

/// The timeout for making a connection, including name lookup, proxy and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Up to how many requests a minute no connection is used twice. It would be idle in between, and a
/// server that closes it just when it is used again leaves a paid call unknown.
const SLOW: u32 = 300;

/// How long an idle connection is kept at a faster pace. This is short for the same reason.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// The most header lines in a response. hyper's default is a hundred; its buffer of 400 KB bounds
/// their total size.
const MAX_HEADERS: usize = 2000;

/// Names a file of CA certificates, which replace the system's.
const CERTIFICATES: &str = "SSL_CERT_FILE";

#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    #[error(
        "cannot set up HTTPS: {0}; install the CA certificates (Debian: apt install \
         ca-certificates), or name a file of them in SSL_CERT_FILE"
    )]
    Tls(String),
    #[error("cannot use the file of CA certificates {} that {CERTIFICATES} names: {why}", .path.display())]
    Certificates { path: PathBuf, why: String },
    #[error("cannot use [api] proxy: {0}")]
    Proxy(String),
}

/// Creates an HTTP client that sends `headers` with every request.
pub(super) fn transport(api: &Api, headers: HeaderMap) -> Result<reqwest::Client, TransportError> {
    // Another client in the process may have installed the provider already, which is not an error.
    rustls::crypto::ring::default_provider().install_default().ok();
    let builder = reqwest::Client::builder()
        .default_headers(headers)
        .user_agent(concat!("growthd/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(connect_timeout(api.timeout))
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(kept_connections(api))
        // A malformed header that is not even used must not cost a paid response.
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_max_headers(MAX_HEADERS)
        .tcp_nodelay(true);
    // Proxies from the environment are never used: they would see the calls.
    let builder = match &api.proxy {
        None => builder.no_proxy(),
        Some(proxy) => {
            let proxy = reqwest::Proxy::all(proxy.expose().clone());
            builder.proxy(proxy.map_err(|error| TransportError::Proxy(innermost(&error)))?)
        }
    };
    let builder = match needs_tls(api) {
        true => builder,
        // The system's root certificates are not loaded: there may be none.
        false => builder.tls_certs_only([]),
    };
    builder.build().map_err(|error| TransportError::Tls(innermost(&error)))
}

/// Checks that HTTPS, if it is needed, and the proxy can be set up on this machine. Also checks a file
/// of certificates that the environment names: one that cannot be used would be ignored, and every
/// call would fail.
pub fn check_tls(api: &Api) -> Result<(), TransportError> {
    match std::env::var_os(CERTIFICATES) {
        Some(path) if needs_tls(api) && !path.is_empty() => check_certificates(Path::new(&path))?,
        _ => {}
    }
    transport(api, HeaderMap::new()).map(drop)
}

/// Checks that a file has certificates, and nothing else that is encoded as one.
fn check_certificates(path: &Path) -> Result<(), TransportError> {
    let unusable = |why: String| TransportError::Certificates { path: path.to_owned(), why };
    let found = CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))?;
    match found.collect::<Result<Vec<_>, _>>() {
        Ok(found) if found.is_empty() => Err(unusable("there is no certificate in it".to_owned())),
        Ok(_) => Ok(()),
        Err(error) => Err(unusable(error.to_string())),
    }
}

/// Returns whether anything is sent over TLS.
fn needs_tls(api: &Api) -> bool {
    let proxy = api.proxy.as_ref().map(|proxy| proxy.expose().scheme());
    api.base_url.scheme() == "https" || proxy == Some("https")
}

/// Returns how many idle connections are kept.
fn kept_connections(api: &Api) -> usize {
    match api.requests_per_minute {
        1..=SLOW => 0,
        _ => usize::try_from(api.max_in_flight).unwrap_or(usize::MAX),
    }
}

/// Returns a timeout shorter than that of the whole call, so that a host which cannot be reached in
/// time is known to have been sent nothing.
fn connect_timeout(timeout: Duration) -> Duration {
    CONNECT_TIMEOUT.min(timeout * 9 / 10)
}

/// Returns the root cause of an error on one line, without the URL, which every line would repeat.
pub(super) fn innermost(error: &reqwest::Error) -> String {
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    match innermost.downcast_ref() {
        Some(rustls::Error::General(message)) => message.clone(),
        _ => innermost.to_string(),
    }
}
