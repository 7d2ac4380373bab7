//! The only code that sends the key: to the configured host, without following redirects, through
//! no proxy but the configured one, and each request once.

use std::fmt;

use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION,
};
use reqwest::{RequestBuilder, Response};

use crate::api::body::{Body, BodyEnd};
use crate::api::body_permit::BodyPermits;
use crate::api::call_result::{CallResult, HttpResponse, RetryAfter, vendor_time};
use crate::api::deadline::Deadline;
use crate::api::redaction::{Extent, Secrets};
use crate::api::redirect::Redirect;
use crate::api::transport::{TransportError, innermost, transport};
use crate::config::{Api, ApiKey};
use crate::printable::Printable;
use crate::store::{CallTarget, Claim};

const KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");

/// Makes calls to the vendor. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    api: Api,
    secrets: Secrets,
    permits: BodyPermits,
}

/// Omits the secrets.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.api).finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error("the API key contains characters that are not allowed in a header")]
    Key,
}

impl ClientError {
    /// Returns whether the same settings may be accepted later: the CA certificates cannot be read.
    pub fn may_pass(&self) -> bool {
        matches!(self, ClientError::Transport(TransportError::Tls(_)))
    }
}

impl Client {
    /// Creates a client for the host that `api` names.
    ///
    /// # Errors
    /// Returns an error if HTTPS or the proxy cannot be set up, or if the key cannot be sent.
    pub fn new(api: &Api, key: ApiKey) -> Result<Client, ClientError> {
        let mut value = HeaderValue::from_str(key.expose()).map_err(|_| ClientError::Key)?;
        // Keeps it out of reqwest's and hyper's own debug output.
        value.set_sensitive(true);
        // Without it, a server may compress what it sends, which nothing here inflates.
        let identity = (ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let http = transport(api, HeaderMap::from_iter([(KEY_HEADER, value), identity]))?;
        let secrets = Secrets::new(&key, api.proxy.as_ref());
        Ok(Client { http, api: api.clone(), secrets, permits: BodyPermits::new() })
    }

    /// Makes the paid call that `claim` has recorded in the ledger. This is the only way to make
    /// one. It takes at most the configured timeout, including the body, but for the wait until a
    /// large body may be held.
    pub async fn call(&self, claim: &Claim) -> CallResult {
        let request = match claim.target() {
            CallTarget::Account(_, id) => {
                let url = self.api.url(["v1", "social", "account", id.as_str(), "refresh"]);
                // Some servers and proxies refuse a POST without a body and without this header.
                self.http.post(url).header(CONTENT_LENGTH, 0)
            }
            // The vendor scrapes the account again, as for a refresh.
            CallTarget::Lookup(lookup) => {
                let url = self.api.url(["v1", "social", "account", "analyze"]);
                let handle = &lookup.handle;
                let body = serde_json::json!(
                    {"username": handle.username(), "platform": handle.platform().as_str()}
                );
                let request = self.http.post(url).header(CONTENT_TYPE, "application/json");
                request.body(body.to_string())
            }
        };
        self.exchange(request).await
    }

    async fn exchange(&self, request: RequestBuilder) -> CallResult {
        let mut deadline = Deadline::after(self.api.timeout);
        let mut response = match deadline.bound(request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.is_connect() || error.is_builder() => {
                return CallResult::NotSent(
                    self.clean(format!("cannot connect: {}", innermost(&error))),
                );
            }
            Ok(Err(error)) => return self.broken(&error),
            Err(_) => return self.timed_out(),
        };
        let (body, end) = self.body(&mut response, &mut deadline).await;
        match end {
            BodyEnd::Whole | BodyEnd::TooLarge => {}
            // Any response but a success can be classified by its status alone.
            _ if !response.status().is_success() => {}
            // A success without its body is of no use.
            BodyEnd::Broken(error) => return self.broken(&error),
            BodyEnd::TimedOut => return self.timed_out(),
        }
        let is_whole = matches!(end, BodyEnd::Whole);
        let extent = if is_whole { Extent::Whole } else { Extent::Cut };
        CallResult::Http(HttpResponse {
            status: response.status().as_u16(),
            date: vendor_time(response.headers()),
            retry_after: RetryAfter::of(response.status().as_u16(), response.headers()),
            location: self.redirect(&response),
            body: self.secrets.redact(body.bytes, extent),
            is_whole,
            permit: body.permit,
        })
    }

    async fn body(&self, response: &mut Response, deadline: &mut Deadline) -> (Body, BodyEnd) {
        Body::read(response, &self.permits, deadline, self.secrets.longest()).await
    }

    fn broken(&self, error: &reqwest::Error) -> CallResult {
        CallResult::Unknown(self.clean(format!("the connection broke: {}", innermost(error))))
    }

    fn timed_out(&self) -> CallResult {
        let seconds = self.api.timeout.as_secs();
        CallResult::Unknown(format!("no response within the timeout of {seconds} s"))
    }

    fn redirect(&self, response: &Response) -> Option<Redirect> {
        let location = self.shown(response.headers().get(LOCATION)?);
        // Resolving it may join what was apart, as the parts of the key.
        Some(Redirect::of(&location, response.url(), &self.api.base_url).map(|url| self.clean(url)))
    }

    /// Redacts a header that is to be shown. It need not be ASCII.
    fn shown(&self, header: &HeaderValue) -> String {
        let text = self.secrets.redact(header.as_bytes().to_vec(), Extent::Whole);
        Printable(&String::from_utf8_lossy(&text)).to_string()
    }

    /// Redacts a text that is to be shown.
    fn clean(&self, text: String) -> String {
        let text = self.secrets.redact(text.into_bytes(), Extent::Whole);
        String::from_utf8_lossy(&text).into_owned()
    }
}
