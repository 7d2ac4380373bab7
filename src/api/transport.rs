//! How requests reach the vendor: connections, TLS, the proxy. Knows no key.

use std::error::Error;
use std::time::Duration;

use reqwest::header::HeaderMap;

use crate::config::Api;

/// How long a connection may take to be made, name, proxy and TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an idle connection is kept. Short: a server that closes one in the very moment it
/// is used again leaves a paid call unknown.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// How many header lines a response may have. hyper takes a hundred by default; all of them
/// together are bounded by its buffer, 400 KB.
const MAX_HEADERS: usize = 2000;

/// Why nothing can be sent.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// TLS could not be set up.
    #[error(
        "cannot set up HTTPS: {0}; install the CA certificates (Debian: apt install \
         ca-certificates), or name a file of them in SSL_CERT_FILE"
    )]
    Tls(String),
}

/// A client that sends `headers` with every request.
///
/// # Errors
/// HTTPS that cannot be set up, where it is needed.
pub(super) fn transport(api: &Api, headers: HeaderMap) -> Result<reqwest::Client, TransportError> {
    // Two stores in one process share the provider; that it is set already is no error.
    rustls::crypto::ring::default_provider().install_default().ok();
    let builder = reqwest::Client::builder()
        .default_headers(headers)
        .user_agent(concat!("growthd/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(connect_timeout(api.timeout))
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(usize::try_from(api.max_in_flight).unwrap_or(usize::MAX))
        // A paid answer is not thrown away for the form of a header that means nothing here.
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_max_headers(MAX_HEADERS)
        .tcp_nodelay(true);
    let builder = match needs_tls(api) {
        true => builder,
        // The machine's roots are not looked for: it may have none.
        false => builder.tls_certs_only([]),
    };
    builder.build().map_err(|error| TransportError::Tls(innermost(&error)))
}

/// Whether anything is sent over TLS.
fn needs_tls(api: &Api) -> bool {
    api.base_url.scheme() == "https"
}

/// Shorter than the whole timeout, so that a host which cannot be reached within it is known to
/// have been sent nothing.
fn connect_timeout(timeout: Duration) -> Duration {
    CONNECT_TIMEOUT.min(timeout * 9 / 10)
}

/// The cause at the root of an error, in one line, without the URL, which every line would
/// repeat.
pub(super) fn innermost(error: &reqwest::Error) -> String {
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
